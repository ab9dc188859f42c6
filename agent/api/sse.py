"""Server-sent events as our agent sends them (the WHATWG event stream format, JSON as data)."""

import json
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

MAX_EVENT = 64 * 1024 * 1024
"""Bytes of one event: the result of the largest batch has room; a stream without any blank line does not fill the memory."""


class Event(NamedTuple):
    """One event: its name and its data."""

    name: str
    data: dict[str, Any]


def events(chunks: Iterable[bytes]) -> Iterator[Event]:
    """The events of a stream, however it is cut into chunks; comments are passed over, an unfinished last event is dropped.

    Raises ValueError where data is no JSON object or an event grows past `MAX_EVENT`.
    """
    name, data, size = "message", bytearray(), 0
    for line in _lines(chunks):
        size += len(line)
        if size > MAX_EVENT:
            raise ValueError("event too large")
        field, _, value = line.partition(b":")
        if not line:
            if data:
                yield Event(name, _object(bytes(data)))
            name, data, size = "message", bytearray(), 0
        elif field == b"event":
            name = value.removeprefix(b" ").decode()
        elif field == b"data":
            data += value.removeprefix(b" ") + b"\n"


def _object(data: bytes) -> dict[str, Any]:
    found = json.loads(data)
    if not isinstance(found, dict):
        raise ValueError("event data is no object")
    return found


def _lines(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Whole lines without their end (LF or CRLF); a rest without an end is dropped."""
    rest = bytearray()
    for chunk in chunks:
        start = len(rest)
        rest += chunk
        if b"\n" not in chunk:
            if len(rest) > MAX_EVENT:
                raise ValueError("line too long")
            continue
        end = rest.rindex(b"\n", start)
        whole = bytes(rest[:end])
        del rest[: end + 1]
        for line in whole.split(b"\n"):
            yield line.removesuffix(b"\r")
