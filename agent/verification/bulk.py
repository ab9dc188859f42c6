"""Folders to verify: which of their files may hold a signature, and which signature file belongs to which."""

import os
import re
import stat
from collections.abc import Container, Iterator
from dataclasses import asdict, dataclass
from typing import Final

from agent.verification.beside import beside_of
from agent.verification.verdict import refused

REPORT_MARK: Final = b"%yinxin-verification-report\n"
"""How the PDF reports of this program end."""
_HEAD: Final = 1024
_NAMED: Final = (".p7s", ".p7m", ".sig", ".tst", ".tsr", ".asics", ".scs", ".asice", ".sce")
_SIGNED_DATA: Final = b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02"
_PEM: Final = re.compile(rb"\s*-----BEGIN (PKCS7|CMS|PKCS #7 SIGNED DATA)-----")
_MARKUP: Final = re.compile(rb"(\xef\xbb\xbf)?\s*<")


@dataclass(slots=True)
class LeftOut:
    """What lay in the folders and was not checked."""

    without_signature: int = 0
    """Files of a kind that holds no signature, with none beside them."""
    reports: int = 0
    """Reports of this program."""
    hidden: int = 0
    """Files and folders whose names begin with a dot."""
    linked_folders: int = 0
    """Links to folders: not entered, so that no circle is walked and nothing outside is taken along."""
    special: int = 0
    """Pipes, sockets, devices, dead links."""

    def to_wire(self) -> dict[str, int]:
        """A flat object."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Blocked:
    """A folder that could not be opened."""

    folder: str
    detail: str

    def document(self) -> dict[str, object]:
        """The verdict over it: what nobody could look into has not passed."""
        return {**refused(self.folder, "FOLDER_UNREADABLE", detail=self.detail), "sha256": None, "size": None, "parts": []}


def walk(folder: str, left_out: LeftOut, skip: Container[str] = ()) -> Iterator[str | Blocked]:
    """The files under `folder` that may hold signatures or have them beside them, each folder in the order of its names; `skip`: paths left alone.

    A file and its detached signatures are one: the file.  What is left out is counted in `left_out`.
    """
    waiting = [folder]
    while waiting:
        here = waiting.pop()
        try:
            with os.scandir(here) as listing:
                entries = sorted(listing, key=lambda entry: os.fsencode(entry.name))
        except OSError as exc:
            yield Blocked(here, exc.strerror or type(exc).__name__)
            continue
        below: list[str] = []
        for entry in entries:
            if entry.name.startswith("."):
                left_out.hidden += 1
            elif entry.is_dir(follow_symlinks=False):
                below.append(entry.path)
            elif entry.path not in skip:
                kind = _kind(entry)
                if kind == "file" and not _beside_another(entry.path) and not _may_be_signed(entry.path):
                    left_out.without_signature += 1
                elif kind == "file" and not _beside_another(entry.path):
                    yield entry.path
                elif kind == "linked":
                    left_out.linked_folders += 1
                elif kind == "special":
                    left_out.special += 1
        waiting += reversed(below)


def _kind(entry: "os.DirEntry[str]") -> str:
    try:
        mode = entry.stat().st_mode
    except OSError:
        return "special"
    if stat.S_ISDIR(mode):
        return "linked"
    return "file" if stat.S_ISREG(mode) else "special"


def _beside_another(file: str) -> bool:
    """Whether a verdict over the file of the same name without its ending takes this signature file in."""
    stem, _ = os.path.splitext(file)
    return bool(os.path.basename(stem)) and stem != file and os.path.isfile(stem) and file in beside_of(stem)


def _may_be_signed(file: str) -> bool:
    """By its name and its first bytes; a file that cannot be read counts, since nobody knows."""
    if file.lower().endswith(_NAMED) or beside_of(file):
        return True
    try:
        head, _ = ends_of(file)
    except OSError:
        return True
    return (
        b"%PDF-" in head
        or head[:4] == b"PK\x03\x04"
        or (head[:1] == b"\x30" and _SIGNED_DATA in head[:24])
        or _PEM.match(head) is not None
        or _MARKUP.match(head) is not None
    )


def ends_of(file: str) -> tuple[bytes, bytes]:
    """The first and the last KiB of a regular file; raises OSError."""
    fd = os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with open(fd, "rb", buffering=0) as stream:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            raise OSError(0, "not a regular file")
        head = stream.read(_HEAD) or b""
        stream.seek(max(0, os.fstat(fd).st_size - _HEAD))
        return head, stream.read(_HEAD) or b""


def needs_none(file: str) -> str | None:
    """Why a file in which no signature was found is no exception: reports, without_signature; None for what people expect to be signed."""
    if file.lower().endswith(_NAMED):
        return None
    try:
        head, tail = ends_of(file)
    except OSError:
        return None
    if b"%PDF-" in head:
        return "reports" if tail.endswith(REPORT_MARK) else None
    return "without_signature"
