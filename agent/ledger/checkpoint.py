"""Checkpoints (封账点) in the C2SP form: tlog-checkpoint within a signed note, so that other programs for transparency logs read them.

A note is text, a blank line, and one line for each signature: `— NAME BASE64(key ID ‖ signature)`.  The device key signs with ECDSA
(signature type 0x02: ASN.1 signature over SHA-256 of the text; the key ID is the start of SHA-256 over the public key as SPKI).
"""

import base64
import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import load_der_public_key

SIZE_MAX: Final = 64 * 1024
"""Bytes of one note."""
_SIGNATURES_MAX: Final = 64
_KEY_ID: Final = 4
_HASHES: Final[Mapping[int, hashes.HashAlgorithm]] = {256: hashes.SHA256(), 384: hashes.SHA384(), 521: hashes.SHA512()}
"""By the size of the curve, as keys on tokens sign; device keys of our own making are P-256."""
_DASH: Final = "\u2014 "
_SIZE: Final = re.compile(r"0|[1-9][0-9]{0,18}")
_ORIGIN: Final = re.compile(r"yinxin/([0-9a-f]{64})")


class CheckpointError(ValueError):
    """A text that is no checkpoint, or whose signatures do not hold.  `reason`: "malformed", "signature" (a wrong one), "unknown_key"."""

    def __init__(self, reason: str, text: str) -> None:
        super().__init__(text)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Size and root of the ledger of an organisation or home."""

    org: str
    """SHA-256 (hex) of its founding statement."""
    size: int
    root: bytes

    def text(self) -> str:
        """The text that is signed."""
        return f"yinxin/{self.org}\n{self.size}\n{base64.b64encode(self.root).decode()}\n"


@dataclass(frozen=True, slots=True)
class NoteSignature:
    """One signature line."""

    name: str
    key_id: bytes
    signature: bytes


@dataclass(frozen=True, slots=True)
class Note:
    """A checkpoint with its signatures, none of them checked yet."""

    checkpoint: Checkpoint
    signatures: tuple[NoteSignature, ...]

    def __str__(self) -> str:
        lines = [f"{_DASH}{each.name} {base64.b64encode(each.key_id + each.signature).decode()}\n" for each in self.signatures]
        return self.checkpoint.text() + "\n" + "".join(lines)

    def signed_by(self, keys: Iterable[bytes]) -> tuple[bytes, ...]:
        """Those of these public keys (SPKI, DER) that signed it.

        Raises `CheckpointError` where a signature of one of them is wrong ("signature"), or none of them signed ("unknown_key").
        """
        text = self.checkpoint.text().encode()
        known = {key_id(key): key for key in keys}
        found = []
        for each in self.signatures:
            key = known.get(each.key_id)
            if key is None or each.name != _name(self.checkpoint):
                continue
            if not _holds(key, each.signature, text):
                raise CheckpointError("signature", "a signature of a known key does not fit the checkpoint")
            found.append(key)
        if not found:
            raise CheckpointError("unknown_key", "no known key signed this checkpoint")
        return tuple(found)


def key_id(key: bytes) -> bytes:
    """The key ID of an ECDSA key of a signed note: the first four bytes of SHA-256 over its SPKI."""
    return hashlib.sha256(key).digest()[:_KEY_ID]


def signed(checkpoint: Checkpoint, key: bytes, signature: bytes) -> Note:
    """The note with one signature over `checkpoint.text()`: `key` is the public key (SPKI, DER)."""
    return Note(checkpoint, (NoteSignature(_name(checkpoint), key_id(key), signature),))


def tlog_proof(seq: int, path: Sequence[bytes], note: Note) -> str:
    """An inclusion proof with its checkpoint as one text (C2SP tlog-proof), to be kept in a file."""
    lines = ["c2sp.org/tlog-proof@v1", f"index {seq}", *(base64.b64encode(each).decode() for each in path)]
    return "\n".join(lines) + "\n\n" + str(note)


def parse(raw: bytes) -> Note:
    """Read a note; raises `CheckpointError` ("malformed") for whatever `str` of a note would not have written."""
    try:
        note = _parse(raw)
    except ValueError as error:  # of UTF-8 and of base64 too
        raise CheckpointError("malformed", "this is no checkpoint") from error
    if str(note).encode() != raw:
        raise CheckpointError("malformed", "the checkpoint is not written as checkpoints are")
    return note


def _parse(raw: bytes) -> Note:
    if len(raw) > SIZE_MAX:
        raise ValueError("too long")
    text, blank, lines = raw.decode().rpartition("\n\n")
    if not blank or not lines.endswith("\n"):
        raise ValueError("no signatures")
    origin, size, root = text.split("\n")  # extension lines: none of ours has them
    named, digest = _ORIGIN.fullmatch(origin), base64.b64decode(root, validate=True)
    if not named or not _SIZE.fullmatch(size) or len(digest) != hashlib.sha256().digest_size:
        raise ValueError("not the three lines of a checkpoint")
    signatures = tuple(_signature(line) for line in lines[:-1].split("\n"))
    if len(signatures) > _SIGNATURES_MAX:
        raise ValueError("too many signatures")
    return Note(Checkpoint(named[1], int(size), digest), signatures)


def _signature(line: str) -> NoteSignature:
    if not line.startswith(_DASH):
        raise ValueError("not a signature line")
    name, encoded = line[len(_DASH) :].split(" ")
    raw = base64.b64decode(encoded, validate=True)
    if not name or "+" in name or any(c.isspace() or c < " " for c in name) or len(raw) <= _KEY_ID:
        raise ValueError("not a signature line")
    return NoteSignature(name, raw[:_KEY_ID], raw[_KEY_ID:])


def _name(checkpoint: Checkpoint) -> str:
    return f"yinxin/{checkpoint.org}"


def _holds(key: bytes, signature: bytes, text: bytes) -> bool:
    try:
        public = load_der_public_key(key)
        if isinstance(public, ec.EllipticCurvePublicKey):
            public.verify(signature, text, ec.ECDSA(_HASHES.get(public.key_size, hashes.SHA256())))
        elif isinstance(public, rsa.RSAPublicKey):  # of tokens that have nothing else; other programs pass such a line over
            public.verify(signature, text, padding.PKCS1v15(), hashes.SHA256())
        else:
            return False
    except (InvalidSignature, ValueError):
        return False
    return True
