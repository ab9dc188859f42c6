"""The window: UKeys and the service's state at the left; signing, verifying, UKeys and the ledger in the middle."""

from collections.abc import Callable
from functools import partial
from typing import Any, Final

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QCloseEvent, QKeySequence
from PySide6.QtWidgets import QButtonGroup, QComboBox, QHBoxLayout, QLabel, QMessageBox, QPushButton, QStackedWidget, QVBoxLayout, QWidget

from desktop import look
from desktop.ledger_page import LedgerPage
from desktop.nouns import Token, Trouble
from desktop.parts import banner, button, empty, frame, label, named
from desktop.sign_page import SignPage
from desktop.tokens_panel import TokenPanel
from desktop.ukey_page import UkeyPage
from desktop.verify_page import VerifyPage
from desktop.wire import Agent
from desktop.wording import LANGUAGES
from desktop.words import Words

MINIMUM: Final = (1024, 700)
_SIDE_WIDTH: Final = 264
SIGN, VERIFY, UKEY, LEDGER = range(4)
"""The pages, in the order of the navigation."""


class Window(QWidget):
    """One window on one agent.  `language_chosen` asks for the same window in another language."""

    language_chosen = Signal(str)

    def __init__(self, agent: Agent, words: Words, last_words: Callable[[], str | None] = lambda: None) -> None:
        super().__init__()
        self._agent, self._words, self._last_words = agent, words, last_words
        self.setWindowTitle(words("app.title"))
        self.setMinimumSize(*MINIMUM)
        self.tokens = TokenPanel(words)
        self.sign = SignPage(agent, self.tokens, words)
        self.verify = VerifyPage(agent, words)
        self.pages = QStackedWidget()
        self.ukey = UkeyPage(agent, words)
        self.ledger = LedgerPage(agent, words)
        for page in (self.sign, self.verify, self.ukey, self.ledger):
            self.pages.addWidget(page)
        self._notices = QVBoxLayout()
        self._notices.setContentsMargins(20, 0, 20, 0)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(0)
        row.addWidget(self._side())
        main = QVBoxLayout()
        main.setContentsMargins(0, 0, 0, 0)
        main.addLayout(self._notices)
        main.addWidget(self.pages, 1)
        row.addLayout(main, 1)
        if not look.has_chinese_font():
            self._notices.addWidget(banner("doubt", "indeterminate", words("font.missing")))
        self.sign.verify.connect(self.verify_files)
        self.sign.ukey.connect(partial(self.show_page, UKEY))
        agent.tokens.connect(self._tokens)
        agent.troubles.connect(self._troubles)
        agent.state.connect(self._service)
        self.show_page(SIGN)

    def show_page(self, index: int) -> None:
        """Show `SIGN`, `VERIFY`, `UKEY` or `LEDGER`."""
        self.pages.setCurrentIndex(index)
        self._nav[index].setChecked(True)

    def verify_files(self, paths: list[str]) -> None:
        """Show the verdicts on these files."""
        self.show_page(VERIFY)
        self.verify.verify(paths)

    def close_down(self) -> None:
        """End what belongs to the window, in order, before its objects go."""
        self._agent.tokens.disconnect(self._tokens)
        self._agent.troubles.disconnect(self._troubles)
        self._agent.state.disconnect(self._service)
        self.sign.close_down()
        self.verify.close_down()
        self.ledger.close_down()

    def closeEvent(self, event: QCloseEvent) -> None:
        """Ask before signing is broken off."""
        if self.sign.job is not None and not self._leave():
            event.ignore()
            return
        super().closeEvent(event)

    def _leave(self) -> bool:
        words = self._words
        box = QMessageBox(QMessageBox.Icon.Question, words("close.busy.title"), words("close.busy"), parent=self)
        stop = box.addButton(words("close.stop"), QMessageBox.ButtonRole.DestructiveRole)
        stay = box.addButton(words("close.stay"), QMessageBox.ButtonRole.RejectRole)
        box.setDefaultButton(stay)
        box.exec()
        return box.clickedButton() is stop

    # the side

    def _side(self) -> QWidget:
        words = self._words
        side = frame("side")
        side.setFixedWidth(_SIDE_WIDTH)
        column = QVBoxLayout(side)
        column.setContentsMargins(16, 18, 16, 14)
        column.setSpacing(6)
        brand = QHBoxLayout()
        brand.setSpacing(10)
        image = QLabel()
        image.setPixmap(look.mark(38))
        brand.addWidget(image)
        text = QVBoxLayout()
        text.setSpacing(0)
        text.addWidget(label(words("app.name"), "brand"))
        text.addWidget(label(words("app.tagline"), "small"))
        brand.addLayout(text, 1)
        column.addLayout(brand)
        column.addSpacing(10)
        self._nav: list[QPushButton] = []
        group = QButtonGroup(self)
        pages = (("nav.sign", "sign"), ("nav.verify", "verify"), ("nav.ukey", "key"), ("nav.ledger", "ledger"))
        for index, (key, shape) in enumerate(pages):
            nav = button(words(key), partial(self.show_page, index), "nav")
            nav.setCheckable(True)
            nav.setIcon(look.icon(shape, look.colours().accent))
            nav.setShortcut(QKeySequence(f"Ctrl+{index + 1}"))
            nav.setToolTip(f"{words(key)} (Ctrl+{index + 1})")
            group.addButton(nav)
            self._nav.append(nav)
            column.addWidget(nav)
        self.tokens.follows = self._nav[-1]
        column.addSpacing(12)
        column.addWidget(self.tokens, 1)
        self._state = QVBoxLayout()
        column.addLayout(self._state)
        column.addLayout(self._languages())
        return side

    def _languages(self) -> QHBoxLayout:
        row = QHBoxLayout()
        choice = named(QComboBox(), self._words("language"), self._words("settings.language_note"))
        for lang, name in LANGUAGES.items():
            choice.addItem(name, lang)
        choice.setCurrentIndex(choice.findData(self._words.lang))
        choice.activated.connect(lambda index: self._change_language(str(choice.itemData(index))))
        caption = label(self._words("language"), "small")
        caption.setBuddy(choice)
        row.addWidget(caption)
        row.addWidget(choice, 1)
        self.language = choice
        return row

    def _change_language(self, lang: str) -> None:
        if any(page.job is not None for page in (self.sign, self.verify, self.ukey, self.ledger)):
            self.language.setCurrentIndex(self.language.findData(self._words.lang))  # not in the middle of a job
        elif lang != self._words.lang:
            self.language_chosen.emit(lang)

    # the agent

    def _tokens(self, tokens: list[dict[str, object]]) -> None:
        known = tuple(Token.from_wire(token) for token in tokens)
        self.tokens.show_tokens(known)
        self.ukey.show_tokens(known)

    def _troubles(self, troubles: list[Any]) -> None:
        known = tuple(Trouble.from_wire(trouble) for trouble in troubles if isinstance(trouble, dict))
        self.tokens.show_troubles([trouble.module for trouble in known if not trouble.slow])
        self.ukey.show_troubles(known)

    def _service(self, state: str) -> None:
        """Show whether the service answers; a service of another version that has nothing to do is replaced without a question."""
        words = self._words
        empty(self._state)
        self.sign.service(state == "up")
        if state == "up":
            self._state.addWidget(self._lamp("passed", "good", words("service.up")))
            return
        self.tokens.unknown(state == "connecting")
        self._troubles([])
        self.ukey.unknown()
        if state == "connecting":
            self._state.addWidget(self._lamp("information", "quiet", words("service.connecting")))
            return
        if state == "version":
            self._agent.call("GET", "/v1/status", then=lambda status: None if status.get("jobs") else self._agent.restart())
        message, hint = (
            words.error("agent_unreachable", {"reason": "version"}) if state == "version" else (words("service.slow"), self._last_words() or "")
        )
        self._state.addWidget(self._lamp("failed", "bad", words("service.down")))
        self._state.addWidget(label(f"{message}\n{hint}".strip(), "small", wrap=True))
        action = self._agent.restart if state == "version" else self._agent.live
        self._state.addWidget(button(words("service.restart" if state == "version" else "service.retry"), action))

    def _lamp(self, shape: str, tone: str, text: str) -> QWidget:
        lamp = QWidget()
        row = QHBoxLayout(lamp)
        row.setContentsMargins(0, 4, 0, 4)
        image = QLabel()
        image.setPixmap(look.picture(shape, getattr(look.colours(), tone), 18))
        row.addWidget(image, 0, Qt.AlignmentFlag.AlignTop)
        row.addWidget(label(text, "small", wrap=True), 1)
        return named(lamp, text)
