"""Whether two sightings are of one token: by module, serial number and certificates; never by slot numbers or the slot's description.

A token that is put into another reader is the same token, and another token in the same reader is not.  Serials alone do not
tell (TPM and NSS give zeros, opencryptoki 123, ykcs11 0), nor do labels (PIV: a name, cut).  Standard library only: the
session host uses it, too.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

_SHORTEST_SERIAL = 4
_BASIC_CONSTRAINTS = bytes.fromhex("0603551d13")
_CRITICAL, _IS_CA = bytes.fromhex("0101ff"), bytes.fromhex("0101ff")


@dataclass(frozen=True, slots=True)
class Identity:
    """What a token is known by, wherever it is plugged in.  It may be a key of a dict while the token's certificates stay as they are."""

    module: str
    serial: str
    """Empty where the token's serial number says nothing."""
    label: str
    certificates: frozenset[str] = frozenset()
    """SHA-256 in hexadecimal of the certificates that are not an authority's: those many tokens may hold."""

    def same(self, other: "Identity") -> bool:
        """Whether both are one token.

        Equal meaningful serials, and not certificates on both sides with none in common; without such a serial the labels are equal, and
        certificates on both sides have one in common.
        """
        if self.module != other.module or self.serial != other.serial:
            return False
        if not self.serial and self.label != other.label:
            return False
        return not (self.certificates and other.certificates) or bool(self.certificates & other.certificates)


def meaningful(serial: str) -> str:
    """The serial number, or "" where it tells no token from another: empty, all zeros, shorter than 4 characters."""
    word = serial.strip()
    return word if len(word) >= _SHORTEST_SERIAL and word.strip("0") else ""


def fingerprints(certificates: Iterable[bytes]) -> frozenset[str]:
    """SHA-256 of those DER certificates that are not an authority's."""
    return frozenset(hashlib.sha256(der).hexdigest() for der in certificates if not _authority(der))


def _authority(der: bytes) -> bool:
    """Whether basicConstraints says cA (RFC 5280 4.2.1.9): OID, perhaps critical, OCTET STRING, SEQUENCE, BOOLEAN."""
    place = der.find(_BASIC_CONSTRAINTS)
    if place < 0:
        return False
    rest = der[place + len(_BASIC_CONSTRAINTS) :][:16].removeprefix(_CRITICAL)
    return rest[:1] == b"\x04" and rest[2:3] == b"\x30" and rest[4:7] == _IS_CA
