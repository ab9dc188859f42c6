"""Making a device key, keeping it and finding it again; synchronous, for a thread.

``config/device.json`` says what the device is and where its key lies; replacing that file is what makes another key the device's.
``config/device-next.json`` is a key that the ledger is about to be told of (renewal).
"""

import base64
import contextlib
import hashlib
import json
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from agent import keyring
from agent.api.home import Home
from agent.device import certificate, files
from agent.device.key import DeviceKey, Level, in_memory
from tokens.public import UNREADABLE

_ID = re.compile(r"W[0-9a-f]{20}", re.ASCII)
_FILE = re.compile(r"device-[0-9a-f]{16}\.key", re.ASCII)
_NONCE = 12


class KeyLost(Exception):
    """The device was enrolled and its key cannot be had.

    `reason`: missing, damaged, unsafe (others could have read or changed it), mismatch (it is another key), unreadable, and of the keyring:
    forgotten (it does not know the secret any more), absent, locked, silent, failed.
    """

    def __init__(self, reason: str, path: Path | str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.path = str(path)


@dataclass(frozen=True, slots=True)
class About:
    """What is known of a device and its key; nothing in it is secret."""

    id: str
    level: Level
    certificate: bytes
    """DER."""
    where: Mapping[str, Any] = field(default_factory=dict)
    """file: name in the data folder; secret: its name in the keyring; module, serial, label, key: of the token that it lies on."""

    @property
    def on_token(self) -> bool:
        """Whether a token's PIN is needed; an emulated token is one, although its key is no better kept than in a file, and its level says so."""
        return "module" in self.where

    @property
    def fingerprint(self) -> str:
        """SHA-256 (hex) of the certificate."""
        return hashlib.sha256(self.certificate).hexdigest()

    def told(self) -> dict[str, str]:
        """As statements name it: {id, certificate (base64 DER), level}."""
        return {"id": self.id, "certificate": base64.b64encode(self.certificate).decode("ascii"), "level": self.level.value}


def current(home: Home) -> About | None:
    """This home's device; None before it is enrolled.  Raises `KeyLost` (damaged, unsafe, unreadable)."""
    return _read(_about(home))


def pending(home: Home) -> About | None:
    """The key that is to be the next; None where there is none.  Raises `KeyLost`."""
    return _read(_next(home))


def make(home: Home, level: Level, id: str | None = None, seconds: float = keyring.SECONDS) -> tuple[About, DeviceKey]:
    """A new key of level file or keyring, kept but not yet the device's (see `adopt`); `id` is the device's where it has one.

    Raises `keyring.KeyringError`, OSError.
    """
    private = ec.generate_private_key(ec.SECP256R1())
    name = id or certificate.device_id(private.public_key())
    made = certificate.self_signed(name, private)
    where: dict[str, Any] = {"file": f"device-{hashlib.sha256(made).hexdigest()[:16]}.key"}
    raw = private.private_bytes(serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    if level is Level.KEYRING:
        secret = secrets.token_bytes(32)
        where["secret"] = f"device key {hashlib.sha256(made).hexdigest()[:16]}"
        where["backend"] = keyring.put(where["secret"], base64.b64encode(secret).decode("ascii"), seconds)
        raw = _sealed(raw, secret, made)
    about = About(name, level, made, where)
    files.write(_key(home, about), raw)
    return about, in_memory(about.id, level, made, private)


def load(home: Home, about: About, seconds: float = keyring.SECONDS) -> DeviceKey:
    """The key, of level file or keyring; raises `KeyLost`."""
    path = _key(home, about)
    try:
        raw = files.read(path)
    except files.Unsafe as error:
        raise KeyLost("unsafe", path) from error
    except OSError as error:
        raise KeyLost("unreadable", path) from error
    if raw is None:
        raise KeyLost("missing", path)
    if about.level is Level.KEYRING:
        raw = _opened(raw, _secret(about, path, seconds), about, path)
    try:
        private = serialization.load_der_private_key(raw, None)
        public = x509.load_der_x509_certificate(about.certificate).public_key()
    except UNREADABLE as error:
        raise KeyLost("damaged", path) from error
    if not isinstance(private, ec.EllipticCurvePrivateKey) or private.public_key() != public:
        raise KeyLost("mismatch", path)
    return in_memory(about.id, about.level, about.certificate, private)


def adopt(home: Home, about: About) -> None:
    """Make `about` this home's device, durably and at one stroke; the key that was there before is destroyed."""
    try:
        before = current(home)
    except KeyLost:
        before = None
    _write(_about(home), about)
    _next(home).unlink(missing_ok=True)
    if before is not None and before.where != about.where:
        destroy(home, before)


def announce(home: Home, about: About) -> None:
    """Remember `about` as the next key, before the ledger is told of it."""
    _write(_next(home), about)


def drop(home: Home) -> None:
    """Forget the next key, of which the ledger was never told."""
    try:
        about = pending(home)
    except KeyLost:
        about = None
    _next(home).unlink(missing_ok=True)
    if about is not None:
        destroy(home, about)


def destroy(home: Home, about: About) -> None:
    """Remove a key that is the device's no more; what cannot be removed stays, and is good for nothing: the ledger knows the other one."""
    if about.on_token:
        return
    with contextlib.suppress(OSError):
        _key(home, about).unlink()
    if about.level is Level.KEYRING:
        try:
            keyring.forget(str(about.where["secret"]))
        except (keyring.KeyringError, KeyError):
            pass  # it opens a file that is gone


def _about(home: Home) -> Path:
    return home.config / "device.json"


def _next(home: Home) -> Path:
    return home.config / "device-next.json"


def _key(home: Home, about: About) -> Path:
    name = str(about.where.get("file"))
    if _FILE.fullmatch(name) is None:  # device.json names a file of ours, and nothing else
        raise KeyLost("damaged", _about(home))
    return home.data / name


def _read(path: Path) -> About | None:
    try:
        raw = files.read(path, secret=False)
        if raw is None:
            return None
        value = json.loads(raw)
        about = About(value["id"], Level(value["level"]), base64.b64decode(value["certificate"], validate=True), dict(value["where"]))
        if value["v"] != 1 or _ID.fullmatch(about.id) is None:
            raise ValueError
        if not about.on_token and _FILE.fullmatch(str(about.where.get("file"))) is None:
            raise ValueError
        x509.load_der_x509_certificate(about.certificate).public_key()
        return about
    except files.Unsafe as error:
        raise KeyLost("unsafe", path) from error
    except OSError as error:
        raise KeyLost("unreadable", path) from error
    except (KeyError, RecursionError, *UNREADABLE) as error:
        raise KeyLost("damaged", path) from error


def _write(path: Path, about: About) -> None:
    files.write_json(path, {"v": 1, **about.told(), "where": dict(about.where)})


def _sealed(raw: bytes, secret: bytes, made: bytes) -> bytes:
    """AES-256-GCM, bound to the certificate whose key it is."""
    nonce = secrets.token_bytes(_NONCE)
    return nonce + AESGCM(secret).encrypt(nonce, raw, hashlib.sha256(made).digest())


def _opened(raw: bytes, secret: bytes, about: About, path: Path) -> bytes:
    try:
        return AESGCM(secret).decrypt(raw[:_NONCE], raw[_NONCE:], hashlib.sha256(about.certificate).digest())
    except (InvalidTag, ValueError) as error:
        raise KeyLost("damaged", path) from error


def _secret(about: About, path: Path, seconds: float) -> bytes:
    try:
        found = keyring.get(str(about.where["secret"]), seconds)
    except keyring.KeyringError as error:
        raise KeyLost(error.reason, path) from error
    except KeyError as error:
        raise KeyLost("damaged", path) from error
    if found is None:
        raise KeyLost("forgotten", path)
    try:
        return base64.b64decode(found, validate=True)
    except ValueError as error:
        raise KeyLost("damaged", path) from error
