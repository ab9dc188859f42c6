"""PDF objects as bytes (ISO 32000-1, 7.3) that are made once and numbered per document."""

import zlib
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import TypeAlias

Part: TypeAlias = bytes | int
"""Bytes as they stand, or the index of another object of the same group, to be written as a reference."""
Parts: TypeAlias = tuple[Part, ...]


def numbered(parts: Iterable[Part], first: int) -> bytes:
    """The object with its references written, where the group's first object has the number `first`."""
    return b"".join(part if isinstance(part, bytes) else b"%d 0 R" % (first + part) for part in parts)


def stream(entries: Parts, data: bytes) -> Parts:
    """A Flate-compressed stream; `entries` are the dictionary's other entries."""
    packed = zlib.compress(data, 9)
    return (b"<<", *entries, b"/Filter/FlateDecode/Length %d>>\nstream\n" % len(packed), packed, b"\nendstream")


def real(value: float) -> bytes:
    """A number without exponent, short."""
    text = f"{value:.4f}".rstrip("0").rstrip(".")
    return b"0" if text in ("-0", "") else text.encode("ascii")


def array(values: Iterable[float]) -> bytes:
    """An array of numbers."""
    return b"[" + b" ".join(real(value) for value in values) + b"]"


def text_string(text: str) -> bytes:
    """A text string (7.9.2.2): ASCII as it is, all else UTF-16BE with its mark; lone surrogates become U+FFFD."""
    text = "".join("\ufffd" if "\ud800" <= char <= "\udfff" else char for char in text)
    if text.isascii() and text.isprintable():
        return b"(" + text.encode("ascii").replace(b"\\", rb"\\").replace(b"(", rb"\(").replace(b")", rb"\)") + b")"
    return b"<FEFF" + text.encode("utf-16-be").hex().upper().encode("ascii") + b">"


def date(moment: datetime) -> bytes:
    """A date (7.9.4) with its offset from UTC."""
    offset = moment.strftime("%z") or "+0000"
    zone = "Z" if offset[1:5] == "0000" else f"{offset[:3]}'{offset[3:5]}'"
    return b"(D:" + (moment.strftime("%Y%m%d%H%M%S") + zone).encode("ascii") + b")"


def dictionary(entries: Mapping[str, bytes]) -> bytes:
    """A dictionary whose values are written already."""
    return b"<<" + b"".join(key.encode("ascii") + b" " + value for key, value in entries.items()) + b">>"
