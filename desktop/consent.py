"""The one dialog in which a person sees what will be done and types the PIN, and the handing over of that PIN.

The PIN goes from this process straight to the token host's one-shot socket: no answer, log or argument ever holds it.
"""

from collections.abc import Mapping

from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import QCloseEvent, QShowEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QDialog,
    QDialogButtonBox,
    QGridLayout,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QLineEdit,
    QProgressBar,
    QScrollArea,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from agent.api.client import deliver
from desktop import look
from desktop.asked import Question
from desktop.nouns import Token
from desktop.parts import banner, frame, label, named
from desktop.secret_field import SecretField
from desktop.wording import CONFIRMATION
from desktop.words import Words

CANCEL = "cancel"
GIVEN = "given"
_FRAME, _LEAST = 56, 100
"""Pixels: what the window's frame and the desktop's bar take; how much of the documents is always seen."""
_BOUNDLESS = 16_777_215  # QWIDGETSIZE_MAX
_NEW = {"token_init": ("so_pin", "pin")}
"""Purposes whose secrets are being made now, and are therefore typed twice."""


class ConsentDialog(QDialog):
    """Who asks, which documents, which UKey in which state, and the PIN: agreed to in one act.

    `confirmed` says that the risk of a last try was typed and accepted before; `previewed` holds the digests the person saw, by path.
    """

    def __init__(
        self, question: Question, words: Words, parent: QWidget | None = None, confirmed: bool = False, previewed: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(parent)
        self._question, self._words = question, words
        self._left = question.deadline_seconds
        self._fields: dict[str, SecretField] = {}
        self._again: dict[str, SecretField] = {}
        self._confirm: QLineEdit | None = None
        self._state = question.pin_state
        self._locked = self._state == "locked"
        signing = question.purpose == "sign"
        title = "sign" if signing else "device" if question.why == "device_key_file" else "other"
        self.setWindowTitle(words(f"consent.title.{title}"))
        self.setMinimumWidth(680)
        column = QVBoxLayout(self)
        column.setContentsMargins(24, 20, 24, 18)
        column.setSpacing(12)
        column.addWidget(label(words.either(f"purpose.{question.purpose}", "purpose.other", count=len(question.documents)), "title"))
        column.addWidget(label(self._asker(), "quiet", wrap=True))
        self._listed = self._scrolled(previewed or {}) if question.documents else None
        if self._listed is not None:
            column.addWidget(self._listed, 1)
        if changed := self._changed(previewed or {}):
            column.addWidget(banner("bad", "indeterminate", words("documents.changed", name=changed[0])))
        if question.token is not None:
            column.addWidget(self._token(question.token))
        self._secrets(column, confirmed)
        self._problem = label("", "bad", wrap=True)
        self._problem.hide()
        column.addWidget(self._problem)
        column.addLayout(self._bottom(signing))
        self._timer = QTimer(self, interval=1000)
        self._timer.timeout.connect(self._tick)
        self._timer.start()
        self._tick(0)
        self._check()
        for first in self._inputs()[:1]:
            first.setFocus()

    def answer(self) -> str:
        """What the person decided, in the wire's words; a PIN is handed over here and now, once, and is not in the answer ("given").

        Where nobody takes it any more, the job says so.
        """
        if self.result() != QDialog.DialogCode.Accepted:
            return CANCEL
        if self._question.kind == "pin":
            typed = {name: field.text() for name, field in self._fields.items()}
            self._wipe()
            deliver(self._question.socket, self._question.nonce, typed)
            return GIVEN
        return self._confirm.text().strip() if self._confirm is not None else "yes"

    def done(self, result: int) -> None:
        """Close; what was typed is forgotten unless it was agreed to."""
        self._timer.stop()
        if result != QDialog.DialogCode.Accepted:
            self._wipe()
        super().done(result)

    def closeEvent(self, event: QCloseEvent) -> None:
        self._wipe()
        super().closeEvent(event)

    def showEvent(self, event: QShowEvent) -> None:
        """As high as its contents, and no higher than the screen."""
        if self._listed is not None:
            self._fit(self._listed)
        super().showEvent(event)  # finds its place by its size

    def _fit(self, listed: QScrollArea) -> None:
        """Where all does not fit, the documents are scrolled; the UKey, warnings and fields never are."""
        inner, column = listed.widget(), self.layout()
        assert inner is not None
        assert column is not None
        width = self.minimumWidth()
        margins = column.contentsMargins()
        whole = inner.heightForWidth(width - margins.left() - margins.right())
        listed.setFixedHeight(whole)
        wanted, room = column.totalHeightForWidth(width), self.screen().availableGeometry().height() - _FRAME
        listed.setMaximumHeight(_BOUNDLESS)
        listed.setMinimumHeight(max(_LEAST, whole - max(0, wanted - room)))
        column.activate()
        self.resize(width, min(wanted, room))

    def _scrolled(self, previewed: Mapping[str, str]) -> QScrollArea:
        inner = self._documents(previewed)
        inner.setObjectName("inside")
        made = named(QScrollArea(), self._words("documents.name"))
        made.setWidgetResizable(True)
        made.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        made.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        made.setWidget(inner)
        return made

    def _inputs(self) -> list[QLineEdit]:
        return [*([self._confirm] if self._confirm else []), *self._fields.values(), *self._again.values()]

    def _wipe(self) -> None:
        for field in (*self._fields.values(), *self._again.values()):
            field.wipe()

    def _asker(self) -> str:
        asker = self._question.asker
        if not asker:
            return self._words("asker.self")
        facts = {"program": asker.get("program") or "?", "pid": asker.get("pid") or "?"}
        return self._words("asker.other", user=asker["user"], **facts) if asker.get("user") else self._words("asker.program", **facts)

    def _documents(self, previewed: Mapping[str, str]) -> QWidget:
        words, documents = self._words, self._question.documents
        box = QWidget()
        column = QVBoxLayout(box)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(6)
        table = named(QTableWidget(len(documents), 4), words("documents.name"))
        table.setHorizontalHeaderLabels([words(f"documents.{k}") for k in ("file", "pages", "size", "fingerprint")])
        table.verticalHeader().hide()
        table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        table.setShowGrid(False)
        table.setTabKeyNavigation(False)
        for row, document in enumerate(documents):
            for column_number, text in enumerate(
                (document.name, str(document.pages or "–"), words.size(document.size), f"{in_fours(document.sha256[:16])} …")
            ):
                table.setItem(row, column_number, QTableWidgetItem(text))
        header = table.horizontalHeader()
        header.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        header.setHighlightSections(False)
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        for number in (1, 2, 3):
            header.setSectionResizeMode(number, QHeaderView.ResizeMode.ResizeToContents)
        rows = min(6, len(documents)) * table.rowHeight(0)
        table.setMinimumHeight(rows + 44)
        if len(documents) <= 6:
            table.setMaximumHeight(rows + 48)  # a table half empty looks as if something were missing
        column.addWidget(table, 1)
        whole = label("", "mono", wrap=True)
        whole.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        table.currentCellChanged.connect(lambda row, *_: whole.setText(in_fours(documents[row].sha256) if row >= 0 else ""))
        table.setCurrentCell(0, 0)
        column.addWidget(whole)
        column.addWidget(label(words("documents.fingerprint.note"), "small", wrap=True))
        for text in self._remarks():
            column.addWidget(label(text, wrap=True))
        if documents[0].path in previewed and not self._changed(previewed):
            column.addWidget(label(words("documents.same"), "good"))
        return box

    def _changed(self, previewed: Mapping[str, str]) -> list[str]:
        """Names of documents that are not what was seen in the preview."""
        return [d.name for d in self._question.documents if d.path in previewed and previewed[d.path] != d.sha256]

    def _remarks(self) -> list[str]:
        words, question = self._words, self._question
        said = (
            ("documents.details", {"reason": question.reason}),
            ("documents.place", {"location": question.location}),
            ("documents.left_out", {"count": question.left_out}),
        )
        return [words(key, **facts) for key, facts in said if any(facts.values())]

    def _token(self, token: Token) -> QWidget:
        words, c = self._words, look.colours()
        card = frame("card")
        row = QHBoxLayout(card)
        row.setContentsMargins(14, 10, 14, 10)
        image = QLabel()
        image.setPixmap(look.picture("key", c.accent, 28))
        row.addWidget(image)
        text = QVBoxLayout()
        text.addWidget(label(token.label or words("token.unnamed"), "heading"))
        kind = f" · {words('token.emulated')}" if token.emulated else ""
        text.addWidget(label(words("token.serial", serial=token.serial or "–") + kind, "small"))
        row.addLayout(text, 1)
        tone = {"ok": "good", "low": "doubt", "final_try": "bad", "locked": "bad"}.get(self._state, "quiet")
        kind = "so" if self._question.of_administrator else "state"
        row.addWidget(label(words.either(f"pin.{kind}.{self._state}", f"pin.{kind}.unknown"), tone))
        return card

    def _secrets(self, column: QVBoxLayout, confirmed: bool) -> None:
        words, question, state = self._words, self._question, self._state
        if state in ("low", "final_try", "locked"):
            text = words(f"pin.warn.so.{state}" if question.of_administrator else f"pin.warn.{state}")
            column.addWidget(banner("doubt" if state == "low" else "bad", "indeterminate", text))
        if question.why == "held_login":
            column.addWidget(banner("plain", "lock", words("consent.held_login", minutes=question.minutes_left)))
        if question.why == "device_key_file":
            column.addWidget(banner("doubt", "indeterminate", words("consent.device_key_file")))
        if question.each_signature:
            text = words("consent.each_signature.pad" if question.pad else "consent.each_signature", count=question.each_signature)
            column.addWidget(banner("doubt", "indeterminate", text))
        grid = QGridLayout()
        grid.setHorizontalSpacing(14)
        grid.setVerticalSpacing(10)
        if state == "final_try" and not confirmed:
            self._confirm = named(QLineEdit(), words("pin.confirm", word=CONFIRMATION[words.lang]))
            self._add(grid, words("pin.confirm", word=CONFIRMATION[words.lang]), self._confirm)
        for name in question.secrets:
            old = name == "pin" and "new_pin" in question.secrets
            text = words("pin.field.pin.old") if old else words.either(f"pin.field.{name}", "pin.label")
            self._fields[name] = SecretField(text)
            self._add(grid, text, self._fields[name])
            if name in _NEW.get(question.purpose, ()) or name == "new_pin":
                self._again[name] = SecretField(words("pin.field.again", field=text))
                self._add(grid, words("pin.field.again", field=text), self._again[name])
        column.addLayout(grid)
        if "new_pin" in question.secrets or question.purpose in _NEW:
            column.addWidget(label(self._rules(), "small", wrap=True))
        if question.secrets:
            column.addWidget(label(words("pin.note"), "small", wrap=True))
        elif question.pad:
            column.addWidget(banner("plain", "key", words.either(f"pad.lead.{question.purpose}", "pad.lead")))
            bar = named(QProgressBar(), words("progress.waiting.pad"))
            bar.setRange(0, 0)
            bar.setTextVisible(False)
            column.addWidget(bar)

    def _rules(self) -> str:
        """What the new PIN must be like, as far as it is known."""
        words, rules = self._words, self._question.rules
        if rules is None:
            return words("pin.new.by_issuer")
        said = [words("pin.new.shortest", shortest=rules.shortest)]
        said += [words("pin.new.letters_and_digits")] if rules.letters_and_digits else []
        return " ".join([*said, words("pin.new.note")])

    def _unacceptable(self) -> str:
        """Why the new PIN will be refused, where that can be told here; the token's host judges it in any case."""
        rules, new = self._question.rules, self._fields.get("new_pin") or self._fields.get("pin")
        if rules is None or not self._again or new is None:
            return ""
        if len(new.text()) < rules.shortest:
            return self._words.error("pin_unacceptable", {"reason": "too_short", "shortest": rules.shortest})[0]
        one_kind = new.text().isalpha() or new.text().isdigit()
        return self._words.error("pin_unacceptable", {"reason": "one_kind"})[0] if rules.letters_and_digits and one_kind else ""

    def _add(self, grid: QGridLayout, text: str, field: QLineEdit) -> None:
        row = grid.rowCount()
        caption = label(text)
        caption.setBuddy(field)
        grid.addWidget(caption, row, 0)
        grid.addWidget(field, row, 1)
        field.setEnabled(not self._locked)
        field.textChanged.connect(self._check)

    def _bottom(self, signing: bool) -> QHBoxLayout:
        words = self._words
        row = QHBoxLayout()
        self._clock = label("", "small")
        row.addWidget(self._clock, 1)
        buttons = QDialogButtonBox()
        agree = words("agree.sign" if signing else "agree.other")
        self._agree = named(buttons.addButton(agree, QDialogButtonBox.ButtonRole.AcceptRole), agree)
        self._agree.setObjectName("primary")
        self._agree.setDefault(True)
        self._agree.setVisible(not self._question.pad)  # who types on the pad agrees there; the screen can only say no
        named(buttons.addButton(words("cancel"), QDialogButtonBox.ButtonRole.RejectRole), words("cancel"))
        buttons.accepted.connect(self._accept)
        buttons.rejected.connect(self.reject)
        row.addWidget(buttons)
        return row

    def _check(self) -> None:
        typed = all(field.text() for field in (*self._fields.values(), *self._again.values()))
        confirmed = self._confirm is None or self._confirm.text().strip() in CONFIRMATION.values()
        self._agree.setEnabled(typed and confirmed and not self._locked)

    def _accept(self) -> None:
        differ = any(self._fields[name].text() != again.text() for name, again in self._again.items())
        problem = self._words("pin.mismatch") if differ else self._unacceptable()
        if problem:
            self._problem.setText(problem)
            self._problem.show()
            return
        if self._agree.isEnabled():
            self.accept()

    def _tick(self, step: int = 1) -> None:
        self._left -= step
        if self._left <= 0:
            self.reject()
        self._clock.setText(self._words("pin.left", minutes=max(0, self._left) // 60, seconds=f"{max(0, self._left) % 60:02d}"))


def in_fours(digest: str) -> str:
    """A digest in groups of four, as people compare it."""
    return " ".join(digest[i : i + 4] for i in range(0, len(digest), 4))
