"""The witness (入账标记): what a document's signature says of the entry of a ledger that allowed it.

It is the value of a signed attribute (`agent.cades.oids.WITNESS`), one for each closed set:

    LedgerWitness ::= SEQUENCE {
        version  INTEGER (1),
        org      OCTET STRING (SIZE (32)),   -- SHA-256 of the statement that founded the ledger
        blind    OCTET STRING (SIZE (32)),   -- SHA-256(salt || sequence as 8 octets, the highest first)
        root     OCTET STRING (SIZE (32)) }  -- root of the tree right after that entry (RFC 9162)

The salt stands in the entry alone: outsiders cannot tell how many there are.  Whoever has the ledger finds the entry by `blind`, and sees by
`root` whether what stood before it was altered.  Pure; the size never changes, so neither does that of a signature.
"""

import hashlib
import secrets
from dataclasses import dataclass
from typing import Final

HASH: Final = 32
SALT: Final = 32
"""Bytes of a salt."""
SIZE: Final = 2 + 3 + 3 * (2 + HASH)
"""Bytes of an encoded witness."""
_HEAD: Final = bytes((0x30, SIZE - 2, 0x02, 0x01, 0x01))
_FIELD: Final = bytes((0x04, HASH))


class NotAWitness(ValueError):
    """Bytes that are not the one encoding of a witness of version 1."""


@dataclass(frozen=True, slots=True)
class Witness:
    """Which ledger, which entry of it (blinded), and what the ledger was when it had been made."""

    org: bytes
    blind: bytes
    root: bytes

    def __post_init__(self) -> None:
        if any(len(part) != HASH for part in (self.org, self.blind, self.root)):
            raise NotAWitness("length")

    def encode(self) -> bytes:
        """The DER of it."""
        return _HEAD + b"".join(_FIELD + part for part in (self.org, self.blind, self.root))


def new_salt() -> bytes:
    """A salt for one entry."""
    return secrets.token_bytes(SALT)


def blind(salt: bytes, seq: int) -> bytes:
    """The entry's sequence number, to be recognised by those alone who have the entry; raises ValueError (no salt), OverflowError (no sequence)."""
    if len(salt) != SALT:
        raise ValueError("salt")
    return hashlib.sha256(salt + seq.to_bytes(8, "big")).digest()


def parse(value: bytes) -> Witness:
    """The witness that `value` encodes; raises `NotAWitness` for anything else, trailing bytes among it."""
    if len(value) != SIZE or not value.startswith(_HEAD):
        raise NotAWitness("encoding")
    at = len(_HEAD)
    parts = []
    for _ in range(3):
        if value[at : at + 2] != _FIELD:
            raise NotAWitness("encoding")
        parts.append(value[at + 2 : at + 2 + HASH])
        at += 2 + HASH
    return Witness(*parts)
