"""What there is to check in folders: every file that can hold a signature, found in a thread of its own, since a folder may be anywhere."""

import os
from collections.abc import Iterator, Sequence
from typing import Final

from PySide6.QtCore import QObject, QThread, Signal

_DETACHED: Final = (".p7s", ".sig", ".tsr", ".tst")
"""Beside the file they are over, under its whole name."""
_HOLDERS: Final = (".pdf", ".p7m", ".asice", ".asics", ".sce", ".scs")
_TOLD_EVERY: Final = 200


def content_of(path: str) -> str:
    """The file a detached signature stands beside, where it is there; else the path itself."""
    stem, ending = os.path.splitext(path)
    return stem if ending.lower() in _DETACHED and os.path.isfile(stem) else path


def can_be_signed(path: str) -> bool:
    """Whether a file of this name is looked at when a whole folder is checked."""
    return path.lower().endswith((*_DETACHED, *_HOLDERS))


def walk(folder: str) -> Iterator[tuple[str, bool]]:
    """The files beneath a folder, by name, and whether each can hold a signature; hidden ones and linked folders are left out, and what
    cannot be read.
    """
    waiting = [folder]
    while waiting:
        try:
            with os.scandir(waiting.pop()) as entries:
                found = sorted((entry for entry in entries if not entry.name.startswith(".")), key=lambda entry: entry.name)
        except OSError:
            continue
        deeper = []
        for entry in found:
            try:
                if entry.is_dir(follow_symlinks=False):
                    deeper.append(entry.path)
                elif entry.is_file():
                    yield entry.path, can_be_signed(entry.path)
            except OSError:
                continue
        waiting += reversed(deeper)


class Walk(QThread):
    """Looks through what was dropped: files as they are, folders to their depth."""

    seen = Signal(int)
    """How many files to check there are so far."""
    found = Signal(list, int)
    """(the files to check, each once; how many others lie in the folders)."""

    def __init__(self, paths: Sequence[str], parent: QObject) -> None:
        super().__init__(parent)
        self._paths = [os.path.abspath(path) for path in paths]

    def run(self) -> None:
        """Find them; `found` comes once, unless somebody has interrupted."""
        files: dict[str, None] = {}
        others = 0
        for path in self._paths:
            if not os.path.isdir(path):
                files[path] = None
                continue
            for inner, wanted in walk(path):
                if self.isInterruptionRequested():
                    return
                others += not wanted
                if wanted and inner not in files:
                    files[inner] = None
                    if len(files) % _TOLD_EVERY == 0:
                        self.seen.emit(len(files))
        kept, beside = _once(files)
        self.found.emit(kept, max(0, others - beside))

    def give_up(self) -> None:
        """End it and wait for the end; no signal comes any more."""
        self.requestInterruption()
        self.wait()


def _once(files: dict[str, None]) -> tuple[list[str], int]:
    """The files without those whose detached signature is among them, since the agent finds the one by the other (a PDF is kept: it may be
    signed inside), and how many signed files lie beside their signature without being listed.
    """
    covered = {content_of(path) for path in files if path.lower().endswith(_DETACHED)} - {path for path in files if can_be_signed(path)}
    return [path for path in files if path not in covered], len(covered - files.keys())
