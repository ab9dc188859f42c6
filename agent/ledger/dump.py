"""A whole ledger as lines of JSON that can be checked without any database: a head, each entry, the checkpoint.

    {"format":"yinxin-ledger","org":"…","root":"…","size":N,"v":1}
    {"seq":0,"signature":"BASE64 of the CMS, or null","statement":{…}}
    …
    {"checkpoint":"the signed note, or null"}

The statement stands in its line byte for byte as it was signed, between `"statement":` and the last brace.  There is one way to write each
line, and nothing else is read.
"""

import base64
import binascii
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, Final

from agent.ledger import checkpoint
from agent.ledger.checking import Claim, Finding, Report, Row, Run
from agent.ledger.entry import Head
from agent.ledger.statement import STATEMENT_MAX

FORMAT: Final = "yinxin-ledger"
_LINE_MAX: Final = STATEMENT_MAX + 256 * 1024
_ENTRY = re.compile(rb'\{"seq":(0|[1-9][0-9]{0,17}),"signature":(?:null|"([A-Za-z0-9+/=]+)"),"statement":(\{.*\})\}\n', re.DOTALL)


class DumpError(ValueError):
    """A line that is not as it is written; `what` is "head", "entry" or "checkpoint"."""

    def __init__(self, what: str) -> None:
        super().__init__(what)
        self.what = what


@dataclass(frozen=True, slots=True)
class Opening:
    """The first line."""

    org: str | None
    """None where the ledger was never founded."""
    head: Head


def opening(org: str | None, head: Head) -> bytes:
    """The first line."""
    return _line({"format": FORMAT, "org": org, "root": head.root.hex(), "size": head.size, "v": 1})


def entry(row: Row) -> bytes:
    """One entry's line."""
    signature = b"null" if row.cms is None else b'"' + base64.b64encode(row.cms) + b'"'
    return b'{"seq":%d,"signature":%s,"statement":%s}\n' % (row.seq, signature, row.raw)


def closing(note: str | None) -> bytes:
    """The last line; `note` is the checkpoint, None where it could not be signed."""
    return _line({"checkpoint": note})


def read_opening(line: bytes) -> Opening:
    """The first line read; raises `DumpError`."""
    try:
        told = json.loads(line)
        found = Opening(told["org"], Head(told["size"], bytes.fromhex(told["root"])))
        good = type(found.head.size) is int and found.head.size >= 0 and len(found.head.root) == 32 and opening(found.org, found.head) == line
    except (ValueError, KeyError, TypeError) as error:
        raise DumpError("head") from error
    if not good or not (found.org is None or re.fullmatch(r"[0-9a-f]{64}", found.org)):
        raise DumpError("head")
    return found


def read_entry(line: bytes) -> Row:
    """An entry's line read; the statement itself is not judged.  Raises `DumpError`."""
    found = _ENTRY.fullmatch(line)
    if found is None:
        raise DumpError("entry")
    try:
        cms = None if found[2] is None else base64.b64decode(found[2], validate=True)
    except binascii.Error as error:
        raise DumpError("entry") from error
    row = Row(int(found[1]), found[3], cms)
    if cms is not None and base64.b64encode(cms) != found[2]:  # bits that mean nothing
        raise DumpError("entry")
    return row


def read_closing(line: bytes) -> str | None:
    """The checkpoint in the last line; raises `DumpError`."""
    try:
        told = json.loads(line)["checkpoint"]
    except (ValueError, KeyError, TypeError) as error:
        raise DumpError("checkpoint") from error
    if not isinstance(told, str | None) or closing(told) != line:
        raise DumpError("checkpoint")
    return told


def _line(told: dict[str, str | int | None]) -> bytes:
    return json.dumps(told, separators=(",", ":"), ensure_ascii=True, sort_keys=True).encode() + b"\n"


class Dump:
    """Such a file being read: `rows` in order, then `finish`.  Nothing in it is believed; what is spoiled becomes a finding."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._spoiled: list[str] = []
        self._note: str | None = None
        self.opening: Opening | None = None
        try:
            self.opening = read_opening(file.readline(_LINE_MAX))
        except DumpError:
            self._spoiled.append("head")

    def claims(self) -> list[Claim]:
        """What its first line says of the ledger."""
        return [Claim("export", self.opening.head.size, self.opening.head.root)] if self.opening else []

    def rows(self) -> Iterator[Row | None]:
        """Each entry; None for a line that is none."""
        line = self._file.readline(_LINE_MAX)
        while line:
            after = self._file.readline(_LINE_MAX)
            try:
                yield read_entry(line)
            except DumpError:
                if after:
                    yield None
                else:
                    self._last(line)
                    return
            line = after
        self._spoiled.append("checkpoint")

    def _last(self, line: bytes) -> None:
        try:
            self._note = read_closing(line)
        except DumpError:
            self._spoiled.append("checkpoint")

    def finish(self, run: Run) -> Report:
        """The report of a run that took all rows."""
        for what in self._spoiled:
            run.say(Finding("spoiled", None, facts={"line": what}))
        if self.opening and self.opening.org != run.org:
            run.say(Finding("spoiled", None, facts={"line": "head"}))
        if self._note is not None:
            self._check_note(run, self._note)
        elif "checkpoint" not in self._spoiled:
            run.say(Finding("no_checkpoint", None, severity="note"))
        return run.finish()

    def _check_note(self, run: Run, text: str) -> None:
        try:
            note = checkpoint.parse(text.encode())
            note.signed_by(run.keys())
        except checkpoint.CheckpointError as error:
            run.say(Finding("checkpoint", None, facts={"why": error.reason}))
            return
        said = note.checkpoint
        if said.org != run.org:
            run.say(Finding("checkpoint", None, facts={"why": "other_org"}))
        elif said.size > run.entries:
            run.say(Finding("cut", run.entries, said.size - 1 if said.size - 1 > run.entries else None, facts={"source": "checkpoint"}))
        elif said.size < run.entries or (run.root() is not None and said.root != run.root()):
            run.say(Finding("checkpoint", None, facts={"why": "other_root"}))
