"""Checking many files: found in their folders, verified a portion at a time, so that neither side ever holds all of them."""

import time
from collections.abc import Mapping, Sequence
from typing import Any, Final

from PySide6.QtCore import QObject, Signal

from agent.api.uris import to_uri
from desktop.folder import Walk, content_of
from desktop.verified import VerifiedDocument
from desktop.wire import Agent, Job, Problem
from desktop.words import Words

_PORTION: Final = 64
"""Files in one request: enough for the workers to be busy, little enough for its answer to be read at a glance."""
_GIVES_UP: Final = ("agent_unreachable", "internal")
"""Problems after which the next portion would fare no better."""


class Checking(QObject):
    """One check, from what was dropped to the last verdict; ends with `over`, once.  Every file has its verdict, or the problem instead."""

    progress = Signal(dict)
    looking = Signal(int)
    """Files found so far, while folders are looked through."""
    verified = Signal(object)
    """A `VerifiedDocument`."""
    refused = Signal(str, object)
    """(path, Problem): there is no verdict on this file."""
    over = Signal(int)
    """How many files were not checked, since the person stopped it or nobody answers any more."""

    def __init__(self, agent: Agent, words: Words, paths: Sequence[str], online: bool, trust: Sequence[str], parent: QObject) -> None:
        super().__init__(parent)
        self._agent, self._words, self._online, self._trust = agent, words, online, tuple(trust)
        self._left: list[str] = []
        self._portion: dict[str, str] = {}
        self._total = self._done = 0
        self.others = 0
        """Files in the folders that are not looked at, since no signature can be in them."""
        self._began = time.monotonic()
        self._job: Job | None = None
        self._stopped = False
        self._walk = Walk(paths, self)
        self._walk.seen.connect(self.looking)
        self._walk.found.connect(self._found)
        self._walk.start()

    @property
    def total(self) -> int:
        """How many files there are to check, as far as is known."""
        return self._total

    @property
    def stopped(self) -> bool:
        """Whether it ended, or is to end, before all files were checked."""
        return self._stopped

    def stop(self) -> None:
        """End after the files being checked; `over` still comes."""
        self._stopped = True
        if self._job is not None:
            self._job.stop()
        elif self._walk.isRunning():
            self._walk.give_up()
            self.over.emit(0)

    def abandon(self) -> None:
        """Leave at once; no signal comes any more."""
        self.blockSignals(True)
        self._stopped = True
        self._walk.give_up()
        if self._job is not None:
            self._job.abandon()
            self._job = None

    def _found(self, files: list[str], others: int) -> None:
        if self._stopped:
            return
        self._left, self._total, self.others = list(reversed(files)), len(files), others
        self._began = time.monotonic()
        self._next()

    def _next(self) -> None:
        self._tell()
        if self._stopped or not self._left:
            self.over.emit(len(self._left))
            return
        files = [self._left.pop() for _ in range(min(_PORTION, len(self._left)))]
        self._portion = {to_uri(path): path for path in files}
        body = {"files": list(self._portion), "signature": None, "trust": [to_uri(p) for p in self._trust], "crl": [], "at": None}
        self._job = self._agent.job("/v1/verifications", {**body, "fetch": self._online})
        self._job.document.connect(self._document)
        self._job.done.connect(self._portion_done)
        self._job.failed.connect(lambda problem, _: self._portion_failed(problem))

    def _tell(self) -> None:
        seconds = time.monotonic() - self._began
        rate = self._done / seconds if self._done and seconds > 0 else None
        left = (self._total - self._done) / rate if rate else None
        self.progress.emit({"stage": "verify", "done": self._done, "total": self._total, "rate": rate, "seconds_left": left})

    def _document(self, data: Mapping[str, Any]) -> None:
        path = self._portion.pop(str(data.get("file")), None)
        if path is not None:  # each is told as it is done and again at the end
            self._done += 1
            self.verified.emit(VerifiedDocument.from_wire({**data, "file": to_uri(content_of(path))}, self._words.lang))
            self._tell()

    def _portion_done(self, result: Mapping[str, Any]) -> None:
        for document in result.get("documents") or ():
            self._document(document)
        self._portion_failed(Problem("internal") if self._portion else None)

    def _portion_failed(self, problem: Problem | None) -> None:
        self._job = None
        if problem is not None and problem.code == "cancelled":
            self._left += reversed(self._portion.values())
            self._stopped = True
        elif problem is not None:
            for path in self._portion.values():
                self._done += 1
                self.refused.emit(content_of(path), problem)
            self._stopped = self._stopped or problem.code in _GIVES_UP
        self._portion = {}
        self._next()
