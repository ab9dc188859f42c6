"""One entry of the ledger: its statement in words and raw, whether its signature holds, and whether it is proved to stand where it stands."""

import base64
import json
import re

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QFontDatabase
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QLabel, QPlainTextEdit, QScrollArea, QVBoxLayout, QWidget

from desktop import look
from desktop.consent import in_fours
from desktop.ledger import Entry
from desktop.nouns import shown_path
from desktop.parts import button, empty, label, named, settle
from desktop.wording import TEXTS
from desktop.words import Words

_INDENT = 16
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
_DIGEST = re.compile(r"[0-9a-f]{32,}")
_RAW_MAX = 200_000
"""Characters of a raw statement that are shown; it may have sixteen million."""


class EntryPanel(QScrollArea):
    """Shows one entry; `prove` and `copy` ask for its proof as a file and for its number in the clipboard."""

    prove = Signal(int)

    def __init__(self, words: Words) -> None:
        super().__init__()
        self._words = words
        named(self, words("ledger.entry.name"))
        self.setWidgetResizable(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        inner = QWidget()
        inner.setObjectName("inside")
        self._column = QVBoxLayout(inner)
        self._column.setContentsMargins(4, 4, 8, 4)
        self._column.setSpacing(6)
        self.setWidget(inner)
        self.entry: Entry | None = None
        self.say(words("ledger.entry.none"))

    def say(self, text: str) -> None:
        """Say this instead of an entry."""
        self.entry = None
        empty(self._column)
        self._column.addWidget(label(text, "quiet", wrap=True))
        self._column.addStretch(1)
        settle(self._column)

    def show_entry(self, entry: Entry) -> None:
        """Show this one."""
        words, self.entry = self._words, entry
        empty(self._column)
        head = QHBoxLayout()
        head.addWidget(label(words("ledger.entry.title", seq=f"{entry.act.seq:,}", title=entry.act.title), "heading", wrap=True), 1)
        head.addWidget(button(words("ledger.entry.prove"), lambda: self.prove.emit(entry.act.seq), "link"))
        self.raw_button = button(words("ledger.entry.raw"), self._toggle, "link")
        head.addWidget(self.raw_button)
        self._column.addLayout(head)
        self._column.addLayout(self._state(*_signature(entry, words)))
        self._column.addLayout(self._state(*_proof(entry, words)))
        self._column.addLayout(self._words_of(entry))
        self.raw = named(QPlainTextEdit(), words("ledger.entry.raw"))
        self.raw.setReadOnly(True)
        self.raw.setFont(QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont))
        self.raw.setMinimumHeight(180)
        self.raw.hide()
        self._column.addWidget(self.raw)
        for key, value in (
            ("ledger.entry.id", entry.id),
            ("ledger.entry.sha256", in_fours(entry.sha256)),
            ("ledger.entry.root", in_fours(entry.root)),
        ):
            line = label(f"{words(key)} {value}", "small", wrap=True)
            line.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            self._column.addWidget(line)
        self._column.addStretch(1)
        settle(self._column)
        self.raw.hide()
        self.verticalScrollBar().setValue(0)

    def _words_of(self, entry: Entry) -> QGridLayout:
        grid = QGridLayout()
        grid.setHorizontalSpacing(14)
        grid.setVerticalSpacing(2)
        grid.setColumnStretch(1, 1)
        for row, part in enumerate(entry.parts):
            caption = label(part.label, "quiet" if part.value else "", wrap=False)
            caption.setContentsMargins(part.depth * _INDENT, 0, 0, 0)
            grid.addWidget(caption, row, 0, Qt.AlignmentFlag.AlignTop)
            value = label(self._value(part.value), wrap=True)
            value.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            grid.addWidget(value, row, 1)
        return grid

    def _value(self, text: str) -> str:
        if _MOMENT.fullmatch(text):
            return self._words.instant(text)
        return in_fours(text) if _DIGEST.fullmatch(text) else shown_path(text)

    def _state(self, tone: str, shape: str, text: str) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setContentsMargins(0, 0, 0, 0)
        image = QLabel()
        image.setPixmap(look.picture(shape, getattr(look.colours(), tone), 18))
        row.addWidget(image, 0, Qt.AlignmentFlag.AlignTop)
        row.addWidget(label(text, tone, wrap=True), 1)
        return row

    def _toggle(self) -> None:
        if self.entry is None:
            return
        if not self.raw.toPlainText():
            self.raw.setPlainText(_readable(self.entry.raw, self._words))
        self.raw.setVisible(self.raw.isHidden())
        if self.raw.isVisible():
            self.ensureWidgetVisible(self.raw)


def _signature(entry: Entry, words: Words) -> tuple[str, str, str]:
    if entry.signature_ok is None:
        return "doubt", "indeterminate", words("ledger.signature.none")
    if entry.signature_ok:
        return "good", "passed", words("ledger.signature.ok", signer=entry.signer, time=words.instant(entry.signing_time))
    why = f"ledger.signature.why.{entry.signature_reason}"
    return "bad", "failed", words("ledger.signature.bad", why=words(why) if why in TEXTS else entry.signature_reason)


def _proof(entry: Entry, words: Words) -> tuple[str, str, str]:
    if entry.proof_ok:
        return "good", "passed", words("ledger.proof.ok", size=f"{entry.proof_size:,}")
    return "bad", "failed", words("ledger.proof.bad")


def _readable(raw: str, words: Words) -> str:
    """A raw statement, its parts on lines of their own; only shown, never trusted."""
    try:
        data = base64.b64decode(raw)
        text = json.dumps(json.loads(data), ensure_ascii=False, indent=2)
    except (ValueError, RecursionError):
        text = base64.b64decode(raw, validate=False).decode("utf-8", "backslashreplace") if raw else ""
    clean = "\n".join(shown_path(line) for line in text[:_RAW_MAX].split("\n"))
    return clean if len(text) <= _RAW_MAX else clean + "\n" + words("ledger.entry.raw.more")
