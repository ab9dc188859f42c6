"""The page of the UKeys: each one live, what to do about it, its inspection, its PIN; and the drivers of this computer."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtGui import QHideEvent, QShowEvent
from PySide6.QtWidgets import QApplication, QScrollArea, QStackedWidget, QVBoxLayout, QWidget

from desktop import operations
from desktop.drivers_panel import DriversPanel
from desktop.inspection import Inspection
from desktop.inspection_view import InspectionView
from desktop.nouns import Token, Trouble
from desktop.parts import banner, empty, frame, label, named, settle
from desktop.tokens_panel import selector_of
from desktop.ukey_card import Note, UkeyCard
from desktop.ukey_state import CHANGE, INSERT, INSPECT, LOCK, PULL, UNBLOCK
from desktop.wire import Agent, Job, Problem
from desktop.words import Words

_JOBS = {INSPECT: "/v1/tokens/inspect", CHANGE: "/v1/tokens/pin/change", UNBLOCK: "/v1/tokens/pin/unblock"}
_CALLS = {LOCK: "/v1/tokens/lock", PULL: "/v1/tokens/pull", INSERT: "/v1/tokens/insert"}


class UkeyPage(QStackedWidget):
    """Two faces: the UKeys, and the result of an inspection.  One job at a time; locking goes at any time."""

    def __init__(self, agent: Agent, words: Words) -> None:
        super().__init__()
        self._agent, self._words = agent, words
        self._tokens: tuple[Token, ...] = ()
        self._known = False
        self._notes: dict[tuple[str, str, str], Note] = {}
        self._busy: tuple[Token, str] | None = None
        self._inspected: Token | None = None
        self.job: Job | None = None
        self.drivers = DriversPanel(agent, words)
        self.inspection = InspectionView(words)
        self.inspection.back.connect(partial(self.setCurrentIndex, 0))
        self.inspection.again.connect(self._inspect_again)
        self._list = self._list_face()
        self.addWidget(self._list)
        self.addWidget(self.inspection)
        self._fill()

    @property
    def cards(self) -> list[UkeyCard]:
        """The cards shown, top to bottom."""
        items = (self._cards.itemAt(i) for i in range(self._cards.count()))
        return [card for item in items if item is not None and isinstance(card := item.widget(), UkeyCard)]

    def show_tokens(self, tokens: tuple[Token, ...]) -> None:
        """Show what is there now; what was said of a UKey stays until something else is done with it, or the page is left."""
        if self._known and tokens == self._tokens:
            return
        self._tokens, self._known = tokens, True
        self._fill()

    def show_troubles(self, troubles: Sequence[Trouble]) -> None:
        """Modules whose UKeys cannot be seen now."""
        words = self._words
        empty(self._troubles)
        for trouble in troubles:
            message, hint = words.error(*trouble.error)
            if trouble.slow:
                self._troubles.addWidget(banner("plain", "information", message, hint))
            else:
                self._troubles.addWidget(banner("bad", "failed", words("modules.trouble", module=trouble.module), f"{message}\n{hint}"))
        settle(self._troubles)

    def unknown(self) -> None:
        """The service does not answer."""
        self._tokens, self._known, self._busy = (), False, None
        self._fill()

    def act(self, token: Token, name: str) -> None:
        """Do what a person chose: start the job or the short call."""
        if name in _CALLS:
            self._notes.pop(token.key, None)
            body = {"token": selector_of(token, self._tokens)} | ({"reason": "asked"} if name == LOCK else {})
            self._agent.call("POST", _CALLS[name], body, lambda _: self._told(token, name), lambda problem: self._refused(token, problem))
            return
        if self.job is not None or name not in _JOBS:
            return
        self._notes.pop(token.key, None)
        self._busy = (token, name)
        risky = token.so_pin_state == "final_try" and not token.protected_path if name == UNBLOCK else token.confirms_final_try
        self.job = operations.on_token(
            self._agent, _JOBS[name], selector_of(token, self._tokens), risky, self.window(), self._words, self,
            partial(self._done, token, name), partial(self._refused, token),
        )  # fmt: skip
        self._fill()

    def progress(self, data: Mapping[str, Any]) -> None:
        """Pass on what the running job tells."""
        if (card := self._busy_card()) is not None:
            card.progress(data)

    def waiting(self, data: Mapping[str, Any]) -> None:
        """Pass on what the running job waits for."""
        if (card := self._busy_card()) is not None:
            card.waiting(data)

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self.drivers.look()

    def hideEvent(self, event: QHideEvent) -> None:
        """What came of earlier acts is read by now."""
        super().hideEvent(event)
        if self._notes and self.job is None:
            self._notes.clear()
            self._fill()

    # faces

    def _list_face(self) -> QWidget:
        words = self._words
        face = QWidget()
        outer = QVBoxLayout(face)
        outer.setContentsMargins(24, 18, 16, 18)
        outer.setSpacing(6)
        outer.addWidget(label(words("ukey.title"), "title"))
        outer.addWidget(label(words("ukey.lead"), "quiet", wrap=True))
        outer.addSpacing(6)
        inner = QWidget()
        inner.setObjectName("inside")
        column = QVBoxLayout(inner)
        column.setContentsMargins(0, 0, 8, 0)
        column.setSpacing(12)
        self._troubles, self._cards = QVBoxLayout(), QVBoxLayout()
        for part in (self._troubles, self._cards):
            part.setSpacing(12)
            column.addLayout(part)
        column.addWidget(self.drivers)
        column.addStretch(1)
        scroll = named(QScrollArea(), words("ukey.list"))
        scroll.setWidgetResizable(True)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setWidget(inner)
        outer.addWidget(scroll, 1)
        return face

    def _fill(self) -> None:
        """All cards anew; the keyboard stays on the button it was on."""
        focused = next(((c.token.key, name) for c in self.cards for name, b in c.buttons.items() if b is QApplication.focusWidget()), None)
        empty(self._cards)
        there = {token.key for token in self._tokens}
        for key, note in self._notes.items():
            if key not in there and note.tone == "bad":  # what failed is told of a UKey that is gone, too
                self._cards.addWidget(banner("bad", "", f"{key[2]}: {note.text}", note.hint))
        for token in self._tokens:
            busy = self._busy[1] if self._busy is not None and self._busy[0].key == token.key else ""
            card = UkeyCard(token, self._words, self._notes.get(token.key), busy, self.job is not None)
            card.wanted.connect(partial(self.act, token))
            card.left.connect(self._stop)
            self._cards.addWidget(card)
            if focused is not None and focused[0] == token.key and (same := card.buttons.get(focused[1])) is not None:
                same.setFocus()
        if not self._tokens:
            self._cards.addWidget(self._nothing())
        settle(self._cards)

    def _nothing(self) -> QWidget:
        words = self._words
        card = frame("panel")
        column = QVBoxLayout(card)
        column.setContentsMargins(18, 16, 18, 16)
        column.addWidget(label(words("ukey.none" if self._known else "tokens.loading"), "heading"))
        if self._known:
            column.addWidget(label(words("ukey.none.hint"), "quiet", wrap=True))
        return card

    def _busy_card(self) -> UkeyCard | None:
        return next((c for c in self.cards if self._busy is not None and c.token.key == self._busy[0].key), None)

    # what happens

    def _stop(self) -> None:
        if self.job is not None:
            self.job.stop()

    def _inspect_again(self) -> None:
        there = next((t for t in self._tokens if self._inspected is not None and t.key == self._inspected.key), None)
        self.setCurrentWidget(self._list)
        if there is not None:
            self.act(there, INSPECT)

    def _done(self, token: Token, name: str, result: Mapping[str, Any]) -> None:
        self._end()
        if name == INSPECT:
            self._inspected = token
            self.inspection.show_result(Inspection.from_wire(result, self._words), token)
            self.setCurrentWidget(self.inspection)
        else:
            self._told(token, name)
        self._fill()

    def _told(self, token: Token, name: str) -> None:
        self._notes[token.key] = Note("good", self._words(f"ukey.done.{name}"))
        self._fill()

    def _refused(self, token: Token, problem: Problem) -> None:
        """Say why not.  A person's own "cancel" is no failure."""
        words = self._words
        self._end()
        if problem.declined:
            self._notes[token.key] = Note("plain", words("ukey.cancelled"))
        else:
            self._notes[token.key] = Note("bad", *words.error(problem.code, problem.facts, problem.detail, problem.hint))
        self._fill()

    def _end(self) -> None:
        self.job, self._busy = None, None
