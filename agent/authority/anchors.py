"""The trust anchors of this home: one PEM file each, own CAs and, in a folder of their own, those of others that the user has come to trust."""

import os
from collections.abc import Sequence
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding

from agent.api.home import Home
from tokens.public import UNREADABLE


def folder(home: Home) -> Path:
    """Where the anchors lie."""
    return home.data / "anchors"


def others_folder(home: Home) -> Path:
    """Where the anchors of others lie."""
    return folder(home) / "others"


def add(home: Home, certificate: x509.Certificate, own: bool = True) -> Path:
    """Trust `certificate`, of this home's own CA or of another's, from now on."""
    target = (folder(home) if own else others_folder(home)) / f"{certificate.fingerprint(hashes.SHA256()).hex()}.pem"
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    staged = target.with_suffix(".part")
    with open(staged, "wb", opener=lambda p, f: os.open(p, f, 0o600)) as out:
        out.write(certificate.public_bytes(Encoding.PEM))
        out.flush()
        os.fsync(out.fileno())
    staged.replace(target)
    return target


def forget(home: Home, fingerprint: str) -> bool:
    """Trust an anchor of others no more; whether it was one."""
    for path in others_folder(home).glob("*.pem"):
        if path.stem == fingerprint:
            path.unlink()
            return True
    return False


def by_fingerprint(home: Home) -> dict[str, str]:
    """The home's own anchors as PEM, by the SHA-256 (hex) of their DER."""
    return _pem(own(home))


def trusted(home: Home) -> dict[str, str]:
    """All anchors, those of others too, in the same form."""
    return _pem([*own(home), *others(home)])


def _pem(certificates: Sequence[x509.Certificate]) -> dict[str, str]:
    return {each.fingerprint(hashes.SHA256()).hex(): each.public_bytes(Encoding.PEM).decode("ascii") for each in certificates}


def own(home: Home) -> list[x509.Certificate]:
    """The anchors of the home's own CAs that can be read; a damaged file is no anchor."""
    return _read(folder(home))


def others(home: Home) -> list[x509.Certificate]:
    """The anchors of others that the user trusts."""
    return _read(others_folder(home))


def _read(where: Path) -> list[x509.Certificate]:
    found = []
    for path in sorted(where.glob("*.pem")):
        try:
            found += x509.load_pem_x509_certificates(path.read_bytes())
        except (OSError, *UNREADABLE):
            continue
    return found


def chain_of(home: Home, leaf_der: bytes, others: Sequence[bytes] = ()) -> list[bytes]:
    """The certificates above `leaf_der`, nearest first and the root included, as far as the home and `others` (DER) know them."""
    known = own(home)
    for der in others:
        try:
            known.append(x509.load_der_x509_certificate(der))
        except UNREADABLE:
            continue
    chain: list[bytes] = []
    current = x509.load_der_x509_certificate(leaf_der)
    while current.issuer != current.subject and len(chain) < 8:
        above = next((c for c in known if c.subject == current.issuer and _issued(current, c)), None)
        if above is None or (der := above.public_bytes(Encoding.DER)) in chain:
            break
        chain.append(der)
        current = above
    return chain


def _issued(child: x509.Certificate, parent: x509.Certificate) -> bool:
    try:
        child.verify_directly_issued_by(parent)
    except Exception:  # noqa: BLE001 - unsupported key or algorithm, bad signature: in each case not a link of our chain
        return False
    return True
