"""How a CMS is written down, byte by byte (X.690): what a lenient parser passes over in silence, nobody has signed."""

from collections.abc import Iterator

_NESTING_MAX = 60
_BIT_STRING, _BOOLEAN, _INTEGER = 0x03, 0x01, 0x02


class Junk(ValueError):
    """Bytes that belong to no element, or elements that do not fill what holds them."""


def irregularities(data: bytes, levels: int = _NESTING_MAX) -> set[str]:
    """In what `data`, one element, departs from DER while it still is BER; raises `Junk` where it is neither.

    Elements of known length deeper than `levels` are not looked into.
    """
    out: set[str] = set()
    end = _element(data, 0, len(data), (0, levels), out)
    if end != len(data):
        raise Junk("bytes after the end")
    return out


def _element(data: bytes, at: int, limit: int, depth: tuple[int, int], out: set[str]) -> int:
    """Look at the element at `at`; where it ends."""
    deeper = depth[0] + 1, depth[1]
    if depth[0] > _NESTING_MAX:
        raise Junk("nested too deeply")
    tag, at = _tag(data, at, limit)
    if tag == 0:
        raise Junk("empty element")
    length, at = _length(data, at, limit, out)
    if length is None:
        if not tag & 0x20:
            raise Junk("primitive element without length")
        while data[at : at + 2] != b"\0\0":
            at = _element(data, at, limit, deeper, out)
        return at + 2
    end = at + length
    if end > limit:
        raise Junk("element too long")
    if depth[0] >= depth[1]:
        return end
    if tag & 0x20:
        while at < end:
            at = _element(data, at, end, deeper, out)
    else:
        out.update(_odd_value(tag, data[at:end]))
    return end


def _tag(data: bytes, at: int, limit: int) -> tuple[int, int]:
    if at >= limit:
        raise Junk("element cut off")
    tag = data[at]
    at += 1
    if tag & 0x1F == 0x1F:
        while at < limit and data[at] & 0x80:
            at += 1
        at += 1
    return tag, at


def _length(data: bytes, at: int, limit: int, out: set[str]) -> tuple[int | None, int]:
    """The length of the contents (None: up to the end mark) and where they begin."""
    if at >= limit:
        raise Junk("element cut off")
    first = data[at]
    at += 1
    if first < 0x80:
        return first, at
    if first == 0x80:
        out.add("length")
        return None, at
    size = first & 0x7F
    if at + size > limit:
        raise Junk("element cut off")
    length = int.from_bytes(data[at : at + size], "big")
    if length < 0x80 or data[at] == 0:
        out.add("length")
    return length, at + size


def _odd_value(tag: int, value: bytes) -> Iterator[str]:
    if tag == _BOOLEAN and value not in (b"\0", b"\xff"):
        yield "BOOLEAN"
    if tag == _INTEGER and (not value or (len(value) > 1 and value[0] in (0, 0xFF) and (value[0] ^ value[1]) < 0x80)):
        yield "INTEGER"
    if tag == _BIT_STRING:
        unused = value[0] if value else 8
        if unused > 7 or (unused and (len(value) == 1 or value[-1] & ((1 << unused) - 1))):
            yield "BIT STRING"


def in_order(encoded: bytes) -> bytes | None:
    """A SET OF with its elements in the order DER prescribes; None where they stand so already or it is none."""
    if encoded[:1] != b"\x31":
        return None
    try:
        length, at = _length(encoded, 1, len(encoded), set())
        if length is None or at + length != len(encoded):
            return None
        elements: list[bytes] = []
        start = at
        while start < len(encoded):
            end = _element(encoded, start, len(encoded), (0, 0), set())
            elements.append(encoded[start:end])
            start = end
    except Junk:
        return None
    ordered = sorted(elements)
    return None if ordered == elements else encoded[:at] + b"".join(ordered)
