"""What a person can do here: each act is one short function that starts it and says who hears of success and of failure.

A job's questions are put to the person on the way; a PIN goes from the dialog to the token host and passes through none of this.
"""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from PySide6.QtCore import QObject, QUrl
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QDialog, QWidget

from agent.api.uris import to_uri
from desktop.consent import CANCEL, GIVEN
from desktop.nouns import SignResult
from desktop.placement import Place
from desktop.questions import answer_of, dialog_for
from desktop.wire import Agent, Job, Problem
from desktop.words import Words


class Watching(Protocol):
    """One who shows how far work has come."""

    def progress(self, data: Mapping[str, Any]) -> None:
        """Hear of stage, done, total and rate."""

    def waiting(self, data: Mapping[str, Any]) -> None:
        """Hear what is waited for."""


@dataclass(frozen=True, slots=True)
class SignOrder:
    """What is to be signed and how."""

    paths: tuple[str, ...]
    token: str | None
    certificate: str | None
    place: Place | None
    reason: str
    location: str
    folder: str | None
    final_try: bool
    """The token is known to have one try left: the one dialog asks for the typed confirmation together with the PIN."""
    replace: bool = False
    """An older result of the same name may be replaced."""

    def body(self) -> dict[str, Any]:
        """The request."""
        return {
            "inputs": [to_uri(path) for path in self.paths],
            "token": self.token,
            "certificate": self.certificate,
            "format": None,
            "out": None,
            "out_dir": to_uri(self.folder) if self.folder else None,
            "force": self.replace,
            "appearance": "text" if self.place else "none",
            "places": [self.place.wire()] if self.place else [],
            "reason": self.reason or None,
            "location": self.location or None,
            "confirm_final_try": self.final_try,
        }


class Asking(QObject):
    """Puts the questions of one job to the person, one dialog at a time; a dialog closes when the job has ended."""

    def __init__(
        self, job: Job, words: Words, window: QWidget, about: Mapping[str, Any] | None = None, previewed: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(job)
        self._job, self._words, self._window = job, words, window
        self._about, self._previewed = dict(about or {}), dict(previewed or {})
        self._dialog: QDialog | None = None
        self._confirmed = self._pad = False
        job.question.connect(self._ask)
        job.progress.connect(self._goes_on)
        job.done.connect(self.close)
        job.failed.connect(self.close)

    def close(self, *_: object) -> None:
        """There is nothing to answer any more."""
        dialog, self._dialog = self._dialog, None
        if dialog is not None:
            dialog.finished.disconnect()
            dialog.reject()
            dialog.deleteLater()

    def _ask(self, question: Mapping[str, Any]) -> None:
        self.close()
        dialog = dialog_for(question, self._words, self._window, self._confirmed, self._previewed, self._about)
        if dialog is None:
            self._job.answer(str(question.get("question")), CANCEL)
            return
        self._pad = question.get("kind") == "pin" and not question.get("secrets")
        dialog.finished.connect(lambda _: self._answered(question))
        self._dialog = dialog
        dialog.open()

    def _answered(self, question: Mapping[str, Any]) -> None:
        dialog, self._dialog = self._dialog, None
        if dialog is None:
            return
        answer = answer_of(dialog)
        dialog.deleteLater()
        self._confirmed = self._confirmed or (question.get("kind") == "confirm_final_try" and answer != CANCEL)
        if answer != GIVEN:  # a PIN was written to the token host; anything else is told to the agent
            self._job.answer(str(question.get("question")), answer)

    def _goes_on(self, _: object) -> None:
        """The PIN was typed on the token's own keypad: there is nothing to say no to any more."""
        if self._pad:
            self.close()


def sign(
    agent: Agent,
    order: SignOrder,
    window: QWidget,
    words: Words,
    watching: Watching,
    success: Callable[[SignResult], None],
    failure: Callable[[Problem, SignResult], None],
    previewed: Mapping[str, str] | None = None,
) -> Job:
    """Sign a closed set under one PIN.  Failure also tells what was published before it."""
    job = agent.job("/v1/signatures", order.body())
    Asking(job, words, window, {"reason": order.reason, "location": order.location, "asked": len(order.paths)}, previewed)
    return _signing(job, watching, success, failure)


def resume(
    agent: Agent,
    batch: str,
    token: str | None,
    final_try: bool,
    window: QWidget,
    words: Words,
    watching: Watching,
    success: Callable[[SignResult], None],
    failure: Callable[[Problem, SignResult], None],
) -> Job:
    """Sign what was not published of an earlier set, as it was asked for then."""
    job = agent.job("/v1/signatures", {"resume": batch, "token": token, "confirm_final_try": final_try})
    Asking(job, words, window)
    return _signing(job, watching, success, failure)


def on_token(
    agent: Agent,
    path: str,
    token: str | None,
    final_try: bool,
    window: QWidget,
    words: Words,
    watching: Watching,
    success: Callable[[Mapping[str, Any]], None],
    failure: Callable[[Problem], None],
) -> Job:
    """Long work on one UKey that needs secrets: an inspection, another PIN, an unblocking."""
    job = agent.job(path, {"token": token, "confirm_final_try": final_try})
    Asking(job, words, window)
    job.progress.connect(watching.progress)
    job.waiting.connect(watching.waiting)
    job.done.connect(success)
    job.failed.connect(lambda problem, _: failure(problem))
    return job


def open_file(path: str) -> bool:
    """Open a file with the desktop's own program for it."""
    return QDesktopServices.openUrl(QUrl.fromEncoded(to_uri(path).encode()))


def open_folder(path: str) -> bool:
    """Open the folder a file lies in."""
    return open_file(os.path.dirname(path))


def _signing(
    job: Job,
    watching: Watching,
    success: Callable[[SignResult], None],
    failure: Callable[[Problem, SignResult], None],
) -> Job:
    job.progress.connect(watching.progress)
    job.waiting.connect(watching.waiting)
    job.done.connect(lambda result: success(SignResult.from_wire(result)))
    job.failed.connect(lambda problem, result: failure(problem, SignResult.from_wire(result)))
    return job
