"""Making a device key, keeping it and finding it again, by level; synchronous, for a thread."""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from agent.api.home import Home
from agent.device import certificate, files
from agent.device.key import DeviceKey, Level, in_memory


class KeyLost(Exception):
    """The device was enrolled and its key cannot be had.  `reason`: damaged, missing, unsafe, mismatch, keyring, keyring_silent."""

    def __init__(self, reason: str, path: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.path = path


@dataclass(frozen=True, slots=True)
class About:
    """What ``device.json`` says."""

    id: str
    level: Level
    certificate: bytes
    more: Mapping[str, Any]


def about(home: Home) -> About | None:
    """What this home's device is; None before it is enrolled.  Raises `KeyLost` (damaged, unsafe)."""
    path = files.about(home)
    try:
        raw = files.read(path, secret=False)
    except OSError as error:
        raise KeyLost("unsafe", str(path)) from error
    if raw is None:
        return None
    try:
        value = json.loads(raw)
        return About(value["id"], Level(value["level"]), base64.b64decode(value["certificate"], validate=True), value.get("more", {}))
    except (ValueError, KeyError, TypeError) as error:
        raise KeyLost("damaged", str(path)) from error


def enrol_file(home: Home) -> DeviceKey:
    """A new key in a 0600 file; the key first, so that what is said of it is never without it."""
    private = ec.generate_private_key(ec.SECP256R1())
    id = certificate.device_id(private.public_key())
    made = certificate.self_signed(id, private)
    files.write(files.key(home), _plain(private))
    _tell(home, About(id, Level.FILE, made, {}))
    return in_memory(id, Level.FILE, made, private)


def open_file(home: Home, known: About) -> DeviceKey:
    """The key of a device of level file; raises `KeyLost`."""
    path = files.key(home)
    try:
        raw = files.read(path)
    except OSError as error:
        raise KeyLost("unsafe", str(path)) from error
    if raw is None:
        raise KeyLost("missing", str(path))
    return in_memory(known.id, Level.FILE, known.certificate, fitting(raw, known, str(path)))


def fitting(raw: bytes, known: About, path: str) -> ec.EllipticCurvePrivateKey:
    """The private key in `raw` (PKCS#8, DER), which must be the certificate's; raises `KeyLost` (damaged, mismatch)."""
    try:
        private = serialization.load_der_private_key(raw, None)
        public = x509.load_der_x509_certificate(known.certificate).public_key()
    except (ValueError, TypeError) as error:
        raise KeyLost("damaged", path) from error
    if not isinstance(private, ec.EllipticCurvePrivateKey) or private.public_key() != public:
        raise KeyLost("mismatch", path)
    return private


def _plain(private: ec.EllipticCurvePrivateKey) -> bytes:
    return private.private_bytes(serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())


def _tell(home: Home, known: About) -> None:
    told = {"v": 1, "id": known.id, "level": known.level.value, "certificate": base64.b64encode(known.certificate).decode("ascii")}
    files.write_json(files.about(home), {**told, "more": dict(known.more)})
