"""The little of DER (X.690) that signing writes and checks: definite lengths, no generality.

Hand-made because a CMS built once as bytes and filled per document costs microseconds, where a tree of objects costs
20 ms; asn1crypto, OpenSSL and pyHanko read the results in the tests.
"""

from collections.abc import Iterator

SEQUENCE = 0x30
SET = 0x31
OCTET_STRING = 0x04
INTEGER = 0x02
OID = 0x06
NULL = b"\x05\x00"


class DerError(ValueError):
    """Bytes that are not the DER expected."""


def length(n: int) -> bytes:
    """The length octets for `n` content octets (X.690, 8.1.3)."""
    if n < 0x80:
        return bytes((n,))
    body = n.to_bytes((n.bit_length() + 7) // 8, "big")
    return bytes((0x80 | len(body),)) + body


def tlv(tag: int, *content: bytes) -> bytes:
    """One element with a low tag number."""
    body = b"".join(content)
    return bytes((tag,)) + length(len(body)) + body


def set_of(*elements: bytes) -> bytes:
    """A SET OF in DER order (X.690, 11.6)."""
    return tlv(SET, *sorted(elements))


def oid(dotted: str) -> bytes:
    """An object identifier."""
    first, second, *rest = (int(arc) for arc in dotted.split("."))
    out = bytearray()
    for arc in (first * 40 + second, *rest):
        chunk = [arc & 0x7F]
        while arc := arc >> 7:
            chunk.append(0x80 | arc & 0x7F)
        out += bytes(reversed(chunk))
    return tlv(OID, bytes(out))


def integer(value: int) -> bytes:
    """A non-negative INTEGER."""
    return tlv(INTEGER, value.to_bytes(value.bit_length() // 8 + 1, "big"))


def element(data: bytes, at: int = 0) -> tuple[int, int, int]:
    """Tag, start and end of the content of the element at `at`; raises `DerError` when it does not lie within `data`."""
    if at + 2 > len(data):
        raise DerError("end of data")
    tag, size, start = data[at], data[at + 1], at + 2
    if tag & 0x1F == 0x1F:
        raise DerError("high tag number")
    if size & 0x80:
        octets = size & 0x7F
        if not 1 <= octets <= 4 or start + octets > len(data):
            raise DerError("length")
        size = int.from_bytes(data[start : start + octets], "big")
        start += octets
    if start + size > len(data):
        raise DerError("element beyond the end")
    return tag, start, start + size


def children(data: bytes) -> Iterator[tuple[int, bytes, bytes]]:
    """Tag, content and whole bytes of each element in `data`, which is the content of a constructed one."""
    at = 0
    while at < len(data):
        tag, start, end = element(data, at)
        yield tag, data[start:end], data[at:end]
        at = end
