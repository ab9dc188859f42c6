"""Where a PIN comes from (`--pin prompt|env:NAME|file:PATH|fd:N`), read as late as possible and never an argument itself."""

import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from agent.api.errors import ApiError, Code

Kind = Literal["prompt", "env", "file", "fd"]
LONGEST = 255
"""Bytes of UTF-8: no token seen takes more (ulMaxPinLen), and the line to its host must hold two of them, escaped."""


@dataclass(frozen=True, slots=True)
class Source:
    """One named source; nothing is read before `read`."""

    option: str
    kind: Kind
    where: str = ""

    def read(self) -> str:
        """The PIN: the first line of the source, without its end.  Raises `ApiError` (usage), which never repeats what was read."""
        if self.kind == "env":
            raw = os.environb.get(os.fsencode(self.where))
            if raw is None:
                raise ApiError(Code.USAGE, reason="pin_variable", option=self.option, name=self.where)
        else:
            try:
                raw = _line_of_fd(int(self.where)) if self.kind == "fd" else _line_of_file(self.where)
            except OSError as error:
                raise ApiError(Code.USAGE, reason="pin_unreadable", option=self.option, name=self.where, detail=error.strerror) from None
        return _checked(raw, self.option)


@dataclass(frozen=True, slots=True)
class Pins:
    """The sources of one command by the name of the secret they give."""

    sources: Mapping[str, Source]

    @classmethod
    def of(cls, *, pin: str | None = None, so_pin: str | None = None, new_pin: str | None = None) -> "Pins":
        """The sources as named on the command line; raises `ApiError` (usage) for a word that is none, without repeating it: it may be a PIN."""
        given = {"pin": ("--pin", pin), "so_pin": ("--so-pin", so_pin), "new_pin": ("--new-pin", new_pin)}
        return cls({name: source(option, text) for name, (option, text) in given.items() if text is not None})

    def source(self, secret: str) -> Source:
        """The source of a secret by the host's name for it; a prompt where none was named."""
        names = (secret, "pin") if secret.startswith("new") else (secret,)
        return next((self.sources[name] for name in names if name in self.sources), Source("--" + secret.replace("_", "-"), "prompt"))

    @property
    def prompted(self) -> bool:
        """Whether somebody has to type."""
        return any(source.kind == "prompt" for source in self.sources.values())

    @property
    def variables(self) -> frozenset[str]:
        """Environment variables that hold PINs: no process that we start inherits them."""
        return frozenset(source.where for source in self.sources.values() if source.kind == "env")

    def readable_by_others(self) -> list[str]:
        """PIN files that other users can read: worth a warning."""
        return [source.where for source in self.sources.values() if source.kind == "file" and _open_to_others(source.where)]


def source(option: str, text: str) -> Source:
    """The source that `text` names; raises `ApiError` (usage) for a word that is none, without repeating it: it may be the secret itself."""
    kind, colon, where = text.partition(":")
    match kind:
        case "prompt" if not colon:
            return Source(option, "prompt")
        case "env" if where:
            if where not in os.environ:
                raise ApiError(Code.USAGE, reason="pin_variable", option=option, name=where)
            return Source(option, "env", where)
        case "file" if where:
            if not os.access(where, os.R_OK):
                raise ApiError(Code.USAGE, reason="pin_unreadable", option=option, name=where)
            return Source(option, "file", where)
        case "fd" if where.isascii() and where.isdecimal() and len(where) < 8:
            return Source(option, "fd", where)
    raise ApiError(Code.USAGE, reason="pin_source", option=option)


def _open_to_others(path: str) -> bool:
    try:
        mode = os.stat(path).st_mode
    except OSError:
        return False
    return stat.S_ISREG(mode) and bool(mode & 0o044)


def _line_of_file(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.readline(LONGEST + 2)


def _line_of_fd(fd: int) -> bytes:
    """One line, read byte by byte: what follows it belongs to the next reader (`--so-pin fd:3 --pin fd:3`)."""
    line = bytearray()
    while len(line) < LONGEST + 2 and (byte := os.read(fd, 1)):
        line += byte
        if byte == b"\n":
            break
    return bytes(line)


def _checked(raw: bytes, option: str) -> str:
    line = raw.partition(b"\n")[0].removesuffix(b"\r")
    if not line:
        raise ApiError(Code.USAGE, reason="pin_empty", option=option)
    if len(line) > LONGEST:
        raise ApiError(Code.USAGE, reason="pin_too_long", option=option, limit=LONGEST)
    try:
        return line.decode()
    except UnicodeDecodeError:
        raise ApiError(Code.USAGE, reason="pin_unreadable", option=option, detail="UTF-8") from None
