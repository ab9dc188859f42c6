"""Which issuers this computer trusts: listed, taken out, and added only after a person has compared the fingerprint."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QCheckBox, QDialog, QFileDialog, QHBoxLayout, QScrollArea, QVBoxLayout, QWidget

from agent.api.uris import to_uri
from desktop.consent import in_fours
from desktop.notes import Notes
from desktop.nouns import shown_path
from desktop.parts import banner, button, empty, frame, label, named, settle
from desktop.wire import Agent, Problem
from desktop.words import Words

_SHOWN = 20


class TrustDialog(QDialog):
    """`changed` comes whenever an issuer was added or taken out."""

    changed = Signal()

    def __init__(self, agent: Agent, words: Words, parent: QWidget) -> None:
        super().__init__(parent)
        self._agent, self._words = agent, words
        self._open = True
        self.finished.connect(self._closed)
        self.setWindowTitle(words("trust.title"))
        self.resize(640, 560)
        column = QVBoxLayout(self)
        column.setContentsMargins(24, 20, 24, 18)
        column.setSpacing(10)
        column.addWidget(label(words("trust.title"), "title"))
        column.addWidget(label(words("trust.lead"), "quiet", wrap=True))
        self.notes = Notes(words)
        column.addWidget(self.notes)
        inner = QWidget()
        inner.setObjectName("inside")
        self._rows = QVBoxLayout(inner)
        self._rows.setContentsMargins(0, 0, 8, 0)
        self._rows.setSpacing(8)
        scroll = named(QScrollArea(), words("trust.title"))
        scroll.setWidgetResizable(True)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setWidget(inner)
        column.addWidget(scroll, 1)
        row = QHBoxLayout()
        row.addStretch(1)
        self.add = button(words("trust.add"), self._choose)
        self.leave = button(words("note.close"), self.accept, "primary")
        for each in (self.add, self.leave):
            row.addWidget(each)
        column.addLayout(row)
        self._list()

    def look_at(self, path: str) -> None:
        """Show whose certificates a file holds, to be compared before they are trusted."""

        def found(data: Mapping[str, Any]) -> None:
            empty(self._rows)
            self._rows.addWidget(banner("doubt", "indeterminate", self._words("trust.warning"), self._words("trust.warning.how")))
            for each in (data.get("certificates") or ())[:_SHOWN]:
                self._rows.addWidget(self._offer(path, each))
            self._rows.addWidget(button(self._words("trust.back"), self._list, "link"), 0, Qt.AlignmentFlag.AlignLeft)
            self._rows.addStretch(1)
            settle(self._rows)

        self.notes.clear()
        self._call("POST", "/v1/anchors/look", {"file": to_uri(path)}, found)

    def _closed(self) -> None:
        self._open = False

    def _call(self, method: str, path: str, body: Mapping[str, Any] | None, then: Callable[[Mapping[str, Any]], None]) -> None:
        """A request whose answer is for this dialog alone: after its end nobody hears it."""

        def told(data: Mapping[str, Any]) -> None:
            if self._open:
                then(data)

        def failed(problem: Problem) -> None:
            if self._open:
                self.notes.tell(problem)

        self._agent.call(method, path, body, told, failed)

    def _choose(self) -> None:
        dialog = QFileDialog(self, self._words("trust.add"), "", self._words("trust.filter"))
        dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
        dialog.fileSelected.connect(self.look_at)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.open()

    def _list(self) -> None:
        def found(data: Mapping[str, Any]) -> None:
            empty(self._rows)
            anchors = data.get("anchors") or ()
            for each in anchors:
                self._rows.addWidget(self._row(each))
            if not anchors:
                self._rows.addWidget(label(self._words("trust.none"), "quiet", wrap=True))
            self._rows.addStretch(1)
            settle(self._rows)

        self._call("GET", "/v1/anchors", None, found)

    def _row(self, anchor: Mapping[str, Any]) -> QWidget:
        words, name = self._words, shown_path(str(anchor.get("common_name") or ""))
        card, column = self._card(anchor)
        if anchor.get("own"):
            column.addWidget(label(words("trust.own"), "small"))
        else:
            take = button(words("trust.forget"), partial(self._forget, str(anchor.get("fingerprint"))), "link", words("trust.forget.name", name=name))
            column.addWidget(take, 0, Qt.AlignmentFlag.AlignLeft)
        return card

    def _offer(self, path: str, anchor: Mapping[str, Any]) -> QWidget:
        words, name = self._words, shown_path(str(anchor.get("common_name") or ""))
        card, column = self._card(anchor)
        compared = named(QCheckBox(words("trust.compared")), f"{words('trust.compared')}: {name}")
        accept = button(words("trust.accept"), partial(self._trust, path, str(anchor.get("fingerprint"))), name=words("trust.accept.name", name=name))
        accept.setEnabled(False)
        compared.toggled.connect(accept.setEnabled)
        row = QHBoxLayout()
        row.addWidget(compared, 1)
        row.addWidget(accept)
        column.addLayout(row)
        return card

    def _card(self, anchor: Mapping[str, Any]) -> tuple[QWidget, QVBoxLayout]:
        words, name = self._words, shown_path(str(anchor.get("common_name") or ""))
        card = frame("card")
        column = QVBoxLayout(card)
        column.setContentsMargins(16, 10, 16, 10)
        column.setSpacing(3)
        column.addWidget(label(name, "heading", wrap=True))
        column.addWidget(label(shown_path(str(anchor.get("subject") or "")), "quiet", wrap=True))
        column.addWidget(label(words("cert.issuer", issuer=shown_path(str(anchor.get("issuer") or ""))), "small", wrap=True))
        column.addWidget(label(words("cert.valid_until", date=words.day(str(anchor.get("not_after") or ""))), "small"))
        digest = label(words("cert.fingerprint", fingerprint=in_fours(str(anchor.get("fingerprint") or ""))), "small", wrap=True)
        digest.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        column.addWidget(digest)
        return named(card, name), column

    def _trust(self, path: str, fingerprint: str) -> None:
        def done(told: Mapping[str, Any]) -> None:
            self.notes.say("good", self._words("trust.done", name=shown_path(str(told.get("common_name") or ""))))
            self.changed.emit()
            self._list()

        self._call("POST", "/v1/anchors", {"file": to_uri(path), "fingerprint": fingerprint}, done)

    def _forget(self, fingerprint: str) -> None:
        def done(told: Mapping[str, Any]) -> None:
            self.notes.say("plain", self._words("trust.forgotten", name=shown_path(str(told.get("common_name") or ""))))
            self.changed.emit()
            self._list()

        self._call("DELETE", f"/v1/anchors/{fingerprint}", None, done)
