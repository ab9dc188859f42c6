"""Saving the report on a check: the agent writes it, the same as for the command line."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from PySide6.QtWidgets import QFrame, QHBoxLayout

from agent.api.uris import to_uri
from desktop.nouns import shown_name
from desktop.operations import open_file
from desktop.parts import button, label
from desktop.saving import ask_where, ending_of
from desktop.wire import Agent, Problem
from desktop.words import Words

_KINDS: Final = ("pdf", "html", "json", "csv")
_SILENCE: Final = 100_000
"""Milliseconds: the agent gives a report over ten thousand files 80 s."""


class ReportSaver(QFrame):
    """The button (to stand elsewhere), and the line that tells what came of it."""

    def __init__(self, agent: Agent, words: Words) -> None:
        super().__init__()
        self._agent, self._words = agent, words
        self._run = self._name = self._saved = ""
        self.button = button(words("report.save"), self._ask)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        self._told = label("", "quiet", wrap=True)
        self._open = button(words("result.open"), lambda: open_file(self._saved), "link")
        row.addWidget(self._told)
        row.addWidget(self._open)
        row.addStretch(1)
        self.hide()

    def offer(self, run: str, name: str) -> None:
        """Offer the report of this run, of one file of that `name` or of several."""
        self._run, self._name = run, name
        self.button.setEnabled(bool(run))
        self.hide()

    def save_as(self, path: str) -> None:
        """Have the report written, of the kind that its name says, and say what came of it."""
        words = self._words
        kind = ending_of(path, dict.fromkeys(_KINDS, ""))
        body = {"run": self._run, "format": kind, "out": to_uri(path), "lang": words.lang, "exceptions": kind == "csv", "force": True}
        self.button.setEnabled(False)
        self._say(words("report.writing"))

        def done(_: Mapping[str, Any]) -> None:
            self.button.setEnabled(True)
            self._say(words("report.saved", name=shown_name(path)), path)

        def failed(problem: Problem) -> None:
            self.button.setEnabled(True)
            self._say(words.together(*words.error(problem.code, problem.facts, problem.detail, problem.hint)))

        self._agent.call("POST", "/v1/verifications/report", body, done, failed, _SILENCE)

    def _ask(self) -> None:
        words = self._words
        name = words("report.name", date=f"{datetime.now().astimezone():%Y-%m-%d}", name=self._name).strip().replace("/", "-")
        ask_where(self.window(), words("report.title"), name, {kind: words(f"report.kind.{kind}") for kind in _KINDS}, self.save_as)

    def _say(self, text: str, saved: str = "") -> None:
        self._saved = saved
        self._told.setText(text)
        self._open.setVisible(bool(saved))
        self.show()
