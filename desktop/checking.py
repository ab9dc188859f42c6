"""One check of files and folders, as the agent makes it: verdicts as they come, and the run in the agent that keeps them all."""

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final
from urllib.parse import quote

from PySide6.QtCore import QObject, Signal

from agent.api.uris import to_uri
from desktop.verified import VerifiedDocument
from desktop.wire import Agent, Job, Problem
from desktop.words import Words

_DETACHED: Final = (".p7s", ".sig", ".tsr", ".tst")
_PAGE: Final = 200


def content_of(path: str) -> str:
    """The file a detached signature stands beside, where it is there; else the path itself."""
    stem, ending = os.path.splitext(path)
    return stem if ending.lower() in _DETACHED and os.path.isfile(stem) else path


def worth_verifying(paths: Sequence[str]) -> tuple[list[str], list[str]]:
    """The files, each once and without those whose detached signature is among them (a PDF may be signed inside), and the folders."""
    given = list(dict.fromkeys(os.path.abspath(path) for path in paths))
    folders = [path for path in given if os.path.isdir(path)]
    covered = {content_of(path) for path in given if content_of(path) != path}
    return [path for path in given if path not in folders and (path not in covered or path.lower().endswith(".pdf"))], folders


class Checking(QObject):
    """One check; ends with `over`, once, after which `run`, `counts`, `left_out`, `left` and `problem` tell how it ended."""

    progress = Signal(dict)
    verified = Signal(object)
    """A `VerifiedDocument`; where folders are checked, those that have not passed."""
    over = Signal()

    def __init__(self, agent: Agent, words: Words, request: Mapping[str, Any], parent: QObject) -> None:
        super().__init__(parent)
        self._agent, self._words = agent, words
        self.run = str(request.get("resume") or "")
        self.resumed = bool(self.run)
        self.counts: Mapping[str, int] = {}
        self.left_out: Mapping[str, int] = {}
        self.problem: Problem | None = None
        """Why it ended early; None where it did not."""
        self._known: dict[str, VerifiedDocument] = {}
        self._done = self._total = 0
        self._job: Job | None = agent.job("/v1/verifications", {**request, "collect": not (request.get("folders") or self.resumed)})
        self._job.heard.connect(self._heard)
        self._job.progress.connect(self._progress)
        self._job.document.connect(self._document)
        self._job.done.connect(lambda result: self._ended(None, result))
        self._job.failed.connect(self._ended)

    @property
    def left(self) -> int:
        """How many files have no verdict, since it ended early."""
        if self.problem is None:
            return 0
        return int(self.counts.get("waiting", 0)) if self.counts else max(0, self._total - self._done)

    @property
    def documents(self) -> list[VerifiedDocument]:
        """The verdicts so far."""
        return list(self._known.values())

    def stop(self) -> None:
        """End after the files being checked; `over` still comes."""
        if self._job is not None:
            self._job.stop()

    def abandon(self) -> None:
        """Leave at once; no signal comes any more."""
        self.blockSignals(True)
        if self._job is not None:
            self._job.abandon()
            self._job = None

    def read(self, exceptions: bool, after: float, then: Callable[[list[VerifiedDocument], float | None], object]) -> None:
        """A page of the run's verdicts behind the place `after` (-1: from the first); `then` gets it, and where to go on from (None: at the end)."""

        def got(found: Mapping[str, Any]) -> None:
            place = found.get("next")
            then([self._read(entry) for entry in found.get("documents") or ()], None if place is None else float(place))

        def failed(_: Problem) -> None:
            then([], None)

        query = f"after={after!r}&limit={_PAGE}&exceptions={'true' if exceptions else 'false'}"
        self._agent.call("GET", f"/v1/verifications/runs/{quote(self.run)}/documents?{query}", None, got, failed)

    def _read(self, data: Mapping[str, Any]) -> VerifiedDocument:
        document = VerifiedDocument.from_wire(data, self._words.lang)
        return document if (path := content_of(document.path)) == document.path else document.beside(path)

    def _heard(self, name: str, data: Mapping[str, Any]) -> None:
        if name == "run":
            self.run = str(data.get("run") or "")

    def _progress(self, data: Mapping[str, Any]) -> None:
        if data.get("stage") == "verify":
            self._done, self._total = int(data.get("done") or 0), int(data.get("total") or 0)
        self.progress.emit(dict(data))

    def _document(self, data: Mapping[str, Any]) -> None:
        document = self._read(data)
        self._known[document.path] = document
        self.verified.emit(document)

    def _ended(self, problem: Problem | None, result: Any) -> None:
        self._job = None
        self.problem = problem
        told = result if isinstance(result, dict) else {}
        self.counts, self.left_out = told.get("counts") or {}, told.get("left_out") or {}
        for data in told.get("documents") or ():
            self._document(data)
        if self.resumed and self.run:
            self._catch_up([], -1.0)
        else:
            self.over.emit()

    def _catch_up(self, found: list[VerifiedDocument], place: float | None) -> None:
        """Verdicts of before the run was gone on with are read from the run."""
        for document in found:
            self._known.setdefault(document.path, document)
        if place is None:
            self.over.emit()
        else:
            self.read(True, place, self._catch_up)


def request_for(paths: Sequence[str], online: bool, trust: Sequence[str] = ()) -> dict[str, Any]:
    """The request to check these files and folders; `trust` names files with the roots to go by instead of the home's."""
    files, folders = worth_verifying(paths)
    return {
        "files": [to_uri(path) for path in files],
        "folders": [to_uri(path) for path in folders],
        "trust": [to_uri(path) for path in trust],
        "fetch": online,
    }
