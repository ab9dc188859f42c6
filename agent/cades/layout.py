"""Signatures of one signer look all alike but for digest, time and value: where those stand is remembered, so that the next one of the same
form is compared with the last one byte for byte and not taken apart again.  What does not fit is none of this module's business."""

from collections import OrderedDict
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

from agent.cades import der
from tokens.types import SignatureScheme

_KEPT: Final = 512
_MARK: Final = slice(64, 256)
"""Bytes by which signers are told apart: serial number, name and key lie there.  They only find the form; all of it is compared."""
_TIME: Final = 13
"""Octets of a UTCTime."""
_EARLIEST: Final = 50
"""Years of two digits below this are of this century (RFC 5280, 4.1.2.5.1); others are not for here."""


@dataclass(frozen=True, slots=True)
class Layout:
    """One form of signature, with an ECDSA key."""

    before: bytes
    """Up to the first hole; then what stands between the holes, and up to the value."""
    between: bytes
    after: bytes
    digest_first: bool
    digest_size: int
    attributes: slice
    value: int
    """Where the signature value begins; it goes to the end."""
    key: ec.EllipticCurvePublicKey
    order: int
    digest: hashes.HashAlgorithm
    signer: tuple[bytes, SignatureScheme]
    """Certificate (DER) and scheme."""

    def read(self, signature: bytes) -> tuple[bytes, datetime] | None:
        """Digest and time, where everything else is as it was."""
        sizes = (self.digest_size, _TIME) if self.digest_first else (_TIME, self.digest_size)
        first = len(self.before)
        second = first + sizes[0] + len(self.between)
        end = second + sizes[1]
        if signature[:first] != self.before or signature[first + sizes[0] : second] != self.between or signature[end : self.value] != self.after:
            return None
        holes = signature[first : first + sizes[0]], signature[second:end]
        digest, told = holes if self.digest_first else holes[::-1]
        time = _moment(told)
        return None if time is None else (digest, time)

    def holds(self, signature: bytes) -> bool:
        """Whether the value is a signature over the attributes, in the one form that we write."""
        value = signature[self.value :]
        try:
            r, s = decode_dss_signature(value)
            if not 0 < s <= self.order // 2 or encode_dss_signature(r, s) != value:
                return False
            self.key.verify(value, b"\x31" + signature[self.attributes][1:], ec.ECDSA(self.digest))
        except (InvalidSignature, ValueError):
            return False
        return True


def _moment(told: bytes) -> datetime | None:
    text = told[:-1]
    if not text.isdigit() or told[-1:] != b"Z":
        return None
    year, month, day, hour, minute, second = (int(text[n : n + 2]) for n in range(0, 12, 2))
    try:
        return datetime(2000 + year, month, day, hour, minute, second, tzinfo=UTC) if year < _EARLIEST else None
    except ValueError:
        return None


def make(
    signature: bytes,
    attributes: bytes,
    digest: bytes,
    value: bytes,
    key: ec.EllipticCurvePublicKey,
    order: int,
    hashed: hashes.HashAlgorithm,
    signer: tuple[bytes, SignatureScheme],
) -> Layout | None:
    """The layout of a signature that was checked; None where it is not clear where its parts are."""
    inside = b"\xa0" + attributes[1:]
    mark_digest, mark_time = der.tlv(der.OCTET_STRING, digest), b"\x17\x0d"
    if signature.count(inside) != 1 or attributes.count(mark_digest) != 1 or attributes.count(mark_time) != 1 or not signature.endswith(value):
        return None
    start = signature.index(inside)
    digest_at, time_at = start + attributes.index(mark_digest) + 2, start + attributes.index(mark_time) + 2
    first, second = sorted(((digest_at, len(digest)), (time_at, _TIME)))
    end, where = second[0] + second[1], len(signature) - len(value)
    return Layout(
        before=signature[: first[0]],
        between=signature[first[0] + first[1] : second[0]],
        after=signature[end:where],
        digest_first=digest_at < time_at,
        digest_size=len(digest),
        attributes=slice(start, start + len(inside)),
        value=where,
        key=key,
        order=order,
        digest=hashed,
        signer=signer,
    )


class Layouts:
    """Those seen last."""

    def __init__(self) -> None:
        self._known: OrderedDict[tuple[str, int, bytes], Layout] = OrderedDict()

    def find(self, content_type: str, signature: bytes) -> Layout | None:
        """The one that this signature may have."""
        return self._known.get((content_type, len(signature), signature[_MARK]))

    def keep(self, content_type: str, signature: bytes, layout: Layout | None) -> None:
        """Remember one."""
        if layout is not None:
            self._known[content_type, len(signature), signature[_MARK]] = layout
            if len(self._known) > _KEPT:
                self._known.popitem(last=False)
