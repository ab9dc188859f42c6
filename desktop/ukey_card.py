"""One UKey on its page: the state in words and colour, what to do about it, its certificates, and what can be done with it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QProgressBar, QPushButton, QVBoxLayout

from desktop import look
from desktop.nouns import Token
from desktop.parts import banner, button, label, named
from desktop.progress import waited_for
from desktop.tokens_panel import validity
from desktop.ukey_state import Line, acts, pill, sentences
from desktop.words import Words

_DOT = {"good": "passed", "doubt": "indeterminate", "bad": "failed", "quiet": "information"}
_TIPS = {
    "inspect": "ukey.tip.inspect",
    "unblock": "ukey.tip.unblock",
    "lock": "ukey.tip.lock",
    "pull": "ukey.tip.practice",
    "insert": "ukey.tip.practice",
}


@dataclass(frozen=True, slots=True)
class Note:
    """What came of the last act on a UKey: tone, sentence, what to do."""

    tone: str
    text: str
    hint: str = ""


class UkeyCard(QFrame):
    """A UKey in full.  `wanted` names the act that a person chose; `left` that the running one is to stop."""

    wanted = Signal(str)
    left = Signal()

    def __init__(self, token: Token, words: Words, note: Note | None = None, busy: str = "", others_busy: bool = False) -> None:
        super().__init__()
        self.setObjectName("panel")
        self.token, self._words = token, words
        self.buttons: dict[str, QPushButton] = {}
        self._stage: QLabel | None = None
        column = QVBoxLayout(self)
        column.setContentsMargins(18, 14, 18, 14)
        column.setSpacing(8)
        state = pill(token, words)
        column.addLayout(self._head(state))
        if note is not None:
            column.addWidget(banner(note.tone, "", note.text, note.hint))
        said = sentences(token, words)
        for line in said:
            column.addLayout(self._line(line))
        if token.certificates and token.state == "ready":
            column.addLayout(self._certificates())
        if busy:
            column.addLayout(self._busy(busy))
        else:
            column.addLayout(self._acts(others_busy))
        name = token.label or words("token.unnamed")
        named(self, f"{name}, {state.text}", " ".join(line.text for line in said))

    def progress(self, data: Mapping[str, Any]) -> None:
        """Hear of stages; nothing to count here."""
        if self._stage is not None and data.get("name"):
            self._stage.setText(str(data["name"]))

    def waiting(self, data: Mapping[str, Any]) -> None:
        """Show what is waited for."""
        if self._stage is not None:
            self._stage.setText(waited_for(data, self._words))

    def _head(self, state: Line) -> QHBoxLayout:
        token, words, c = self.token, self._words, look.colours()
        row = QHBoxLayout()
        row.setSpacing(12)
        image = QLabel()
        image.setPixmap(look.picture("key", c.quiet if token.state == "removed" else c.accent, 34))
        row.addWidget(image, 0, Qt.AlignmentFlag.AlignTop)
        text = QVBoxLayout()
        text.setSpacing(1)
        text.addWidget(label(token.label or words("token.unnamed"), "heading", wrap=True))
        make = " ".join(filter(None, (token.manufacturer, token.model))) or token.module
        facts = [words("ukey.facts", serial=token.serial or "–", make=make)]
        if token.firmware_version:
            facts.append(words("ukey.firmware", version=token.firmware_version))
        if token.emulated:
            facts.append(words("token.emulated"))
        text.addWidget(label(" · ".join(facts), "small", wrap=True))
        row.addLayout(text, 1)
        shown = label(state.text, "pill")
        shown.setProperty("tone", state.tone)
        row.addWidget(named(shown, self._words("ukey.state.name", state=state.text)), 0, Qt.AlignmentFlag.AlignTop)
        return row

    def _line(self, line: Line) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setSpacing(8)
        image = QLabel()
        image.setPixmap(look.picture(_DOT[line.tone], getattr(look.colours(), line.tone), 18))
        row.addWidget(image, 0, Qt.AlignmentFlag.AlignTop)
        row.addWidget(label(line.text, "" if line.tone == "good" else line.tone, wrap=True), 1)
        return row

    def _certificates(self) -> QVBoxLayout:
        words = self._words
        column = QVBoxLayout()
        column.setSpacing(3)
        column.addWidget(label(words("ukey.certificates"), "small"))
        for certificate in sorted(self.token.certificates, key=lambda c: (c.ca, not c.usable)):
            term, tone = validity(certificate, words, datetime.now(UTC))
            row = QHBoxLayout()
            row.setSpacing(8)
            image = QLabel()
            image.setPixmap(look.picture("certificate", look.colours().quiet, 18))
            row.addWidget(image, 0, Qt.AlignmentFlag.AlignTop)
            name = label(certificate.name, wrap=True)
            name.setToolTip(
                "\n".join((words("cert.issuer", issuer=certificate.issuer), words("cert.fingerprint", fingerprint=certificate.fingerprint)))
            )
            row.addWidget(name, 1)
            row.addWidget(label(term, tone))
            column.addLayout(row)
        return column

    def _acts(self, others_busy: bool) -> QHBoxLayout:
        words, name = self._words, self.token.label or self._words("token.unnamed")
        row = QHBoxLayout()
        row.setSpacing(8)
        for act in acts(self.token):
            text = words(f"ukey.do.{act.name}")
            spoken = words("ukey.do.name", action=text, token=name)
            shown = button(text, lambda act=act: self.wanted.emit(act.name), "primary" if act.urgent else "", spoken)  # type: ignore[misc]
            shown.setEnabled(act.enabled and (not others_busy or act.name == "lock"))
            if act.name in _TIPS:
                shown.setToolTip(words(_TIPS[act.name]))
            self.buttons[act.name] = shown
            row.addWidget(shown)
        row.addStretch(1)
        return row

    def _busy(self, act: str) -> QHBoxLayout:
        words = self._words
        row = QHBoxLayout()
        row.setSpacing(12)
        self._stage = label(words(f"ukey.busy.{act}"), "quiet", wrap=True)
        bar = named(QProgressBar(), self._stage.text())
        bar.setRange(0, 0)
        bar.setTextVisible(False)
        bar.setMaximumWidth(160)
        row.addWidget(self._stage, 1)
        row.addWidget(bar)
        row.addWidget(button(words("ukey.leave"), self.left.emit))
        return row
