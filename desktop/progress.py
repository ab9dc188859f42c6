"""How far the work has come: stage, bar, rate, and a way to stop it."""

from collections.abc import Mapping
from typing import Any

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QProgressBar, QVBoxLayout, QWidget

from desktop.parts import button, frame, label, named
from desktop.words import Words

_WORTH_TELLING = 5
"""Seconds."""


def waited_for(data: Mapping[str, Any], words: Words) -> str:
    """What a `waiting` event tells, in words."""
    what, token, seconds = data.get("for"), data.get("token"), data.get("seconds")
    if what == "token" and token and seconds:
        return words("progress.waiting.token.named", token=token, seconds=int(float(seconds)))
    return words.either(f"progress.waiting.{what}", "progress.waiting.other")


class ProgressPanel(QWidget):
    """Fills the page while a job runs.  `stopped` comes once, when the person wants it to end."""

    stopped = Signal()

    def __init__(self, words: Words, title: str) -> None:
        super().__init__()
        self._words = words
        outer = QVBoxLayout(self)
        outer.addStretch(2)
        panel = frame("panel")
        panel.setMaximumWidth(560)
        column = QVBoxLayout(panel)
        column.setContentsMargins(32, 28, 32, 24)
        column.setSpacing(12)
        column.addWidget(label(words(title), "title"))
        self._stage = label("", "quiet", wrap=True)
        column.addWidget(self._stage)
        self.bar = named(QProgressBar(), words("progress.name"))
        self.bar.setTextVisible(False)
        column.addWidget(self.bar)
        row = QHBoxLayout()
        self._count, self._rate = label("", "heading"), label("", "quiet")
        row.addWidget(self._count)
        row.addStretch(1)
        row.addWidget(self._rate)
        column.addLayout(row)
        self._note = label("", "quiet", wrap=True)
        self._note.hide()
        column.addWidget(self._note)
        self.stop = button(words("progress.stop"), self._stop)
        column.addWidget(self.stop, 0, Qt.AlignmentFlag.AlignRight)
        middle = QHBoxLayout()
        middle.addStretch(1)
        middle.addWidget(panel, 10)
        middle.addStretch(1)
        outer.addLayout(middle)
        outer.addStretch(3)

    def start(self, total: int) -> None:
        """Begin anew."""
        self._stage.setText(self._words("progress.waiting.other"))
        self.bar.setRange(0, 0)
        self._count.setText(self._words("progress.count", done=0, total=total))
        self._rate.setText("")
        self.note("")
        self.stop.setEnabled(True)

    def progress(self, data: Mapping[str, Any]) -> None:
        """Show stage, done, total and rate as the agent tells them."""
        words = self._words
        done, total, rate = int(data.get("done") or 0), int(data.get("total") or 0), data.get("rate")
        if self.stop.isEnabled():
            self._stage.setText(words.either(f"progress.stage.{data.get('stage')}", "progress.stage.other"))
        self.bar.setRange(0, max(total, 0))
        self.bar.setValue(done)
        self._count.setText(words("progress.count", done=done, total=total))
        told = [words("progress.rate", rate=f"{float(rate):.1f}")] if rate else []
        if (left := data.get("left")) and left >= _WORTH_TELLING:
            told.append(words("progress.left.minutes", count=round(left / 60)) if left >= 90 else words("progress.left.seconds", count=round(left)))
        self._rate.setText(words("list.comma").join(told))

    def note(self, text: str) -> None:
        """Say something beside the figures; "" says nothing."""
        self._note.setText(text)
        self._note.setVisible(bool(text))

    def waiting(self, data: Mapping[str, Any]) -> None:
        """Show what is waited for."""
        self._stage.setText(waited_for(data, self._words))

    def _stop(self) -> None:
        self.stop.setEnabled(False)
        self._stage.setText(self._words("progress.stopping"))
        self.stopped.emit()
