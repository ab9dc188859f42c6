"""Dictionaries of a PDF that name a key twice: some programs take the first value, some the last (ISO 32000-2 clause 7.3.7 forbids it).

A reader of its own, for the libraries take one and pass over the other; it only knows where dictionaries begin and end, and their keys.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

_TOKEN = re.compile(
    rb"(?P<skip>[\0\t\n\f\r ]+|%[^\r\n]*)|(?P<open><<)|(?P<close>>>)|(?P<array>[\[\]{}])|(?P<hex><[^<>]*>)|(?P<name>/[^\0\t\n\f\r ()<>\[\]{}/%]*)"
    rb"|(?P<text>\()|(?P<word>[^\0\t\n\f\r ()<>\[\]{}/%]+)"
)
_LEAD = re.compile(rb"(?:[\0\t\n\f\r ]+|%[^\r\n]*)*")
_ESCAPED = re.compile(rb"#([0-9A-Fa-f]{2})")
_TEXT = re.compile(rb"\\.|[()]", re.DOTALL)
_DEEP = 200


@dataclass(slots=True)
class _Holder:
    """A dictionary or array that is being read."""

    is_dictionary: bool
    keys: list[bytes] = field(default_factory=list)
    starts: list[int] = field(default_factory=list)
    """Where the value of each key begins."""
    ends: list[int] = field(default_factory=list)
    values: int = 0
    last: int = 0
    """Where its last element ended."""


def doubled_key(data: bytes, start: int = 0) -> str | None:
    """The first key to which some dictionary of the object at `start` gives two values; raises ValueError for what is no object."""
    for holder in _dictionaries(data, start):
        seen: dict[bytes, bytes] = {}
        for key, begin, end in zip(holder.keys, holder.starts, holder.ends, strict=True):
            lead = _LEAD.match(data, begin)
            value = b" ".join(data[lead.end() if lead else begin : end].split())
            if seen.setdefault(key, value) != value:
                return key.decode("latin-1")
    return None


def _dictionaries(data: bytes, start: int) -> Iterator[_Holder]:
    """Every dictionary inside one object."""
    holders: list[_Holder] = []
    at = start
    while True:
        token = _TOKEN.match(data, at)
        if token is None:
            raise ValueError("token")
        at, kind = token.end(), token.lastgroup
        if kind == "skip":
            continue
        top = holders[-1] if holders else None
        if kind == "open" or (kind == "array" and token[0] in b"[{"):
            if top is not None:
                top.values += 1
            holders.append(_Holder(kind == "open"))
            if len(holders) > _DEEP:
                raise ValueError("depth")
            continue
        if kind in ("close", "array"):
            if top is None or top.is_dictionary != (kind == "close"):
                raise ValueError("brackets")
            holders.pop()
            top.ends += [top.last] * bool(top.keys)
            if top.is_dictionary:
                yield top
            top = None
        elif kind == "text":
            at = _behind_text(data, at)
        if top is not None and kind in ("text", "hex", "name", "word"):
            _take(top, token)
        if not holders:
            return
        holders[-1].last = at


def _take(holder: _Holder, token: re.Match[bytes]) -> None:
    """A key, or a value; a name is a key where every key before it has had its value."""
    if token.lastgroup == "name" and holder.is_dictionary and holder.values >= len(holder.keys):
        holder.ends += [holder.last] * bool(holder.keys)
        holder.keys.append(_ESCAPED.sub(lambda m: bytes([int(m[1], 16)]), token[0]))
        holder.starts.append(token.end())
    elif token[0] == b"R" and holder.is_dictionary:
        holder.values -= 1  # number, generation and R are one value
    else:
        holder.values += 1


def _behind_text(data: bytes, at: int) -> int:
    depth = 1
    while depth:
        mark = _TEXT.search(data, at)
        if mark is None:
            raise ValueError("text")
        at = mark.end()
        depth += {b"(": 1, b")": -1}.get(mark[0], 0)
    return at
