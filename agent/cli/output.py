"""Showing things: aligned tables that know how wide Chinese is, one JSON document, names that cannot play tricks on a terminal."""

import json
import re
import shutil
import sys
from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TextIO

_NARROWEST = 20
"""Columns under which nothing is wrapped."""


class Unwritten(Exception):
    """What we print could not be written; holds the system's words."""


def printable(text: object) -> str:
    """`text` for a terminal: control, line-end, bidirectional and undecodable characters as escapes, so that a name shows what it is."""
    return "".join(c if c.isprintable() else _escaped(c) for c in str(text))


def _escaped(char: str) -> str:
    code = ord(char)
    if 0xDC80 <= code <= 0xDCFF:  # a byte that is not UTF-8, as os.fsdecode keeps it
        return f"\\x{code - 0xDC00:02x}"
    return char.encode("unicode_escape", "backslashreplace").decode("ascii")


def width(text: str) -> int:
    """Columns of a terminal that `text` takes (UAX #11: wide and full-width characters take two, combining marks none)."""
    if text.isascii():
        return len(text)
    import unicodedata

    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def padded(text: str, columns: int) -> str:
    """`text` with spaces up to `columns`."""
    return text + " " * max(0, columns - width(text))


def wrapped(text: str, indent: int) -> str:
    """`text` in lines that fit the terminal, the further ones indented by `indent` columns; one line where stdout is no terminal."""
    room = (shutil.get_terminal_size().columns if sys.stdout.isatty() else 0) - indent
    if room < _NARROWEST:
        return text
    lines, line, columns = [], "", 0
    for word in re.findall(
        r"[!-~]+[，。；：、！？）”]* ?|.[，。；：、！？）”]*", text
    ):  # words of ASCII stay whole, any other character may end a line
        size = width(word.rstrip())
        if columns + size > room and line:
            lines.append(line.rstrip())
            line, columns = "", 0
        line, columns = line + word, columns + width(word)
    return ("\n" + " " * indent).join([*lines, line])


def table(head: Sequence[str], rows: Sequence[Sequence[object]], empty: str) -> str:
    """Rows under their headings, columns aligned; `empty` where there are no rows."""
    if not rows:
        return empty
    shown = [[printable("–" if cell is None or cell == "" else cell) for cell in row] for row in rows]
    widths = [max(width(row[i]) for row in [list(head), *shown]) for i in range(len(head))]
    return "\n".join("  ".join(padded(cell, w) for cell, w in zip(row, widths, strict=True)).rstrip() for row in [head, *shown])


def pairs(entries: Sequence[tuple[str, object]], indent: int = 0) -> str:
    """Names and values, one pair a line; pairs without a value are left out."""
    there = [(name, value) for name, value in entries if value not in (None, "", [])]
    columns = max((width(name) for name, _ in there), default=0) + 2
    return "\n".join(" " * indent + padded(name, columns) + printable(value) for name, value in there)


def clock_time(when: object) -> str:
    """A point in time of the wire (RFC 3339) as hours and minutes of this place; empty for what is none."""
    from datetime import datetime

    try:
        return datetime.fromisoformat(str(when)).astimezone().strftime("%H:%M")
    except ValueError:
        return ""


def write(text: str, stream: TextIO | None = None) -> None:
    """A text and a line end; characters that the stream's encoding lacks become escapes."""
    stream = stream or sys.stdout
    encoding = stream.encoding or "utf-8"
    with _writing(stream):
        stream.write(text.encode(encoding, "backslashreplace").decode(encoding) + "\n")
        stream.flush()


@contextmanager
def _writing(stream: TextIO) -> Generator[None]:
    """Within: a full disk or a closed stdout is `Unwritten`, a reader that has enough stays a BrokenPipeError; remarks nobody can get are let go."""
    try:
        yield
    except OSError as error:
        if stream is sys.stderr:
            return
        if isinstance(error, BrokenPipeError):
            raise
        raise Unwritten(error.strerror or "") from error


def write_json(document: Mapping[str, Any]) -> None:
    """One JSON document on stdout, UTF-8 whatever the locale; lone surrogates (undecodable bytes of names) as JSON's own escapes."""
    _write_raw([json.dumps(document, ensure_ascii=False, indent=2).encode("utf-8", "backslashreplace") + b"\n"])


def write_json_with(document: Mapping[str, Any], name: str, items: Iterable[Mapping[str, Any]]) -> None:
    """The same with a list under `name` that may be too long for the memory; it is whole before the first byte is written."""
    import tempfile

    head = json.dumps(document, ensure_ascii=False, indent=2)[:-2].encode("utf-8", "backslashreplace")
    with tempfile.SpooledTemporaryFile(max_size=1 << 22) as spool:
        between = b",\n" if document else b"\n"
        spool.write(head + between + f'  "{name}": ['.encode())
        between = b"\n"
        for item in items:
            spool.write(between + json.dumps(item, ensure_ascii=False, indent=2).encode("utf-8", "backslashreplace"))
            between = b",\n"
        spool.write(b"]\n}\n")
        spool.seek(0)
        _write_raw(iter(lambda: spool.read(1 << 20), b""))


def _write_raw(pieces: Iterable[bytes]) -> None:
    buffer = getattr(sys.stdout, "buffer", None)
    with _writing(sys.stdout):
        for piece in pieces:
            if buffer is None:
                sys.stdout.write(piece.decode())
            else:
                buffer.write(piece)
        sys.stdout.flush()
