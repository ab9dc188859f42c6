"""The UKeys in this computer as they come and go, each with its state in words and its certificates; one is chosen to work with."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QMouseEvent
from PySide6.QtWidgets import QButtonGroup, QFrame, QHBoxLayout, QLabel, QRadioButton, QScrollArea, QVBoxLayout, QWidget

from desktop import look
from desktop.nouns import Certificate, Token
from desktop.parts import empty, label, named, restyle, settle
from desktop.ukey_state import clock
from desktop.words import Words

SOON_DAYS: Final = 30
"""A certificate that ends within so many days is pointed out."""
_STATE_TONE: Final = {"ready": "good", "not_initialised": "doubt", "removed": "quiet", "unusable": "bad"}
_PIN_TONE: Final = {"ok": "quiet", "low": "doubt", "final_try": "bad", "locked": "bad"}


def validity(certificate: Certificate, words: Words, now: datetime) -> tuple[str, str]:
    """What to say of a certificate's term or of why it cannot sign, and in which tone."""
    if certificate.problem == "expired":
        return words("cert.expired_on", date=words.day(certificate.not_after)), "bad"
    if certificate.problem == "not_yet_valid":
        return words("cert.valid_from", date=words.day(certificate.not_before)), "doubt"
    if certificate.ca:
        return words("cert.ca"), "quiet"
    if certificate.problem or not certificate.usable:
        return words.either(f"cert.problem.{certificate.problem}", "cert.problem.other"), "doubt"
    try:
        days = (datetime.fromisoformat(certificate.not_after) - now).days
    except (ValueError, TypeError):
        days = SOON_DAYS + 1
    if days <= SOON_DAYS:
        return words("cert.ends_soon", days=max(0, days), date=words.day(certificate.not_after)), "doubt"
    return words("cert.valid_until", date=words.day(certificate.not_after)), "good"


def selector_of(token: Token, among: Sequence[Token]) -> str:
    """What the agent takes to mean this UKey: its serial number, or its label where serial numbers repeat."""
    alone = [t.serial for t in among].count(token.serial) <= 1
    return token.serial if token.serial and alone else token.label


class TokenCard(QFrame):
    """One UKey; choosing it is a radio button, so that keyboards and screen readers know it."""

    def __init__(self, token: Token, words: Words) -> None:
        super().__init__()
        self.setObjectName("card")
        self.token = token
        name = token.label or words("token.unnamed")
        column = QVBoxLayout(self)
        column.setContentsMargins(12, 10, 12, 10)
        column.setSpacing(3)
        self.radio = QRadioButton(name.replace("&", "&&"))
        self.radio.toggled.connect(self._toggled)
        column.addWidget(self.radio)
        state = words.either(f"token.state.{token.state}", "token.state.unusable")
        pin = words.either(f"pin.state.{token.pin_state}", "pin.state.unknown")
        if token.pin_state != "locked":  # nobody can use it then
            column.addWidget(label(state, _STATE_TONE.get(token.state, "bad")))
        if token.state == "ready":
            column.addWidget(label(pin, _PIN_TONE.get(token.pin_state, "quiet"), wrap=True))
            if token.pin_to_be_changed:
                column.addWidget(label(words("pin.state.to_be_changed"), "doubt", wrap=True))
            if token.login is not None:
                until = clock(token.login.until)
                column.addWidget(label(words("token.login.until", until=until) if until else words("token.login"), "good", wrap=True))
        column.addWidget(label(words("token.serial", serial=token.serial or "–"), "small", wrap=True))
        if token.emulated:
            column.addWidget(label(words("token.emulated"), "small"))
        said = [name, state, pin]
        for certificate in sorted(token.certificates, key=lambda c: (c.ca, not c.usable)):
            said += self._certificate(column, certificate, words)
        if token.state == "ready" and not token.certificates:
            column.addWidget(label(words("cert.none"), "small"))
        named(self.radio, ", ".join(said))

    def _certificate(self, column: QVBoxLayout, certificate: Certificate, words: Words) -> list[str]:
        row = QHBoxLayout()
        row.setSpacing(8)
        image = QLabel()
        image.setPixmap(look.picture("certificate", look.colours().quiet, 20))
        row.addWidget(image, 0, Qt.AlignmentFlag.AlignTop)
        text = QVBoxLayout()
        text.setSpacing(1)
        term, tone = validity(certificate, words, datetime.now(UTC))
        text.addWidget(label(certificate.name, wrap=True))
        term_label = label(term, tone, wrap=True)
        text.addWidget(term_label)
        if certificate.internal:
            text.addWidget(label(words("cert.internal"), "small"))
        row.addLayout(text, 1)
        column.addSpacing(4)
        column.addLayout(row)
        self.setToolTip("\n".join((words("cert.issuer", issuer=certificate.issuer), words("cert.fingerprint", fingerprint=certificate.fingerprint))))
        return [certificate.name, term]

    def _toggled(self, on: bool) -> None:
        self.setProperty("chosen", "true" if on else "false")
        restyle(self)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if self.radio.isEnabled():
            self.radio.setChecked(True)
            self.radio.setFocus()
        super().mousePressEvent(event)


class TokenPanel(QWidget):
    """All UKeys.  `chosen` tells which one is worked with (None: none is there)."""

    chosen = Signal(object)

    def __init__(self, words: Words) -> None:
        super().__init__()
        self._words = words
        self._tokens: tuple[Token, ...] = ()
        self._choice: Token | None = None
        self._wanted: tuple[str, str, str] | None = None
        """The key of the UKey that a person chose, or that came first."""
        self.follows: QWidget | None = None
        """What comes before the cards when one goes through the window by keyboard."""
        self._group = QButtonGroup(self)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.setSpacing(8)
        outer.addWidget(label(words("tokens.title"), "heading"))
        inner = named(QWidget(), words("tokens.title"))
        inner.setObjectName("inside")
        self._column = QVBoxLayout(inner)
        self._column.setContentsMargins(0, 0, 6, 0)
        self._column.setSpacing(8)
        scroll = named(QScrollArea(), words("tokens.title"))
        scroll.setWidgetResizable(True)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        scroll.setWidget(inner)
        outer.addWidget(scroll, 1)
        self._trouble = label("", "bad", wrap=True)
        self._trouble.hide()
        outer.addWidget(self._trouble)
        self._say("tokens.loading")

    @property
    def tokens(self) -> tuple[Token, ...]:
        """All that are shown."""
        return self._tokens

    @property
    def choice(self) -> Token | None:
        """The UKey worked with."""
        return self._choice

    @property
    def cards(self) -> list[TokenCard]:
        """The cards shown, top to bottom."""
        items = (self._column.itemAt(i) for i in range(self._column.count()))
        return [card for item in items if item is not None and isinstance(card := item.widget(), TokenCard)]

    def again(self, token: Token) -> Token | None:
        """That UKey where it is in again and ready."""
        return next((t for t in self._tokens if t.state == "ready" and t.same(token)), None)

    def selector(self) -> str | None:
        """What the agent takes to mean the chosen UKey."""
        return None if self._choice is None else selector_of(self._choice, self._tokens)

    def unknown(self, starting: bool) -> None:
        """The service does not answer: what was shown may be wrong."""
        self.show_tokens(())
        empty(self._column)
        self._say("tokens.loading" if starting else "tokens.unknown")
        self._column.addStretch(1)

    def show_troubles(self, modules: Sequence[str]) -> None:
        """Say that UKeys of these modules cannot be seen; the page of the UKeys says why."""
        text = self._words("tokens.trouble", modules=("、" if self._words.lang == "zh" else ", ").join(modules)) if modules else ""
        self._trouble.setText(text)
        self._trouble.setVisible(bool(text))

    def show_tokens(self, tokens: tuple[Token, ...]) -> None:
        """Show what is there now; the choice stays with its UKey, and falls on the first that can sign."""
        if tokens and tokens == self._tokens:
            return
        focused = any(card.radio.hasFocus() for card in self.cards)
        self._tokens = tokens
        empty(self._column)
        for button in self._group.buttons():
            self._group.removeButton(button)
        choice = self._fitting(tokens)
        before_in_order = self.follows
        for token in tokens:
            card = TokenCard(token, self._words)
            self._group.addButton(card.radio)
            card.radio.setChecked(token is choice)
            card.radio.toggled.connect(lambda on, token=token: self._choose(token, wanted=True) if on else None)
            self._column.addWidget(card)
            if before_in_order is not None:
                QWidget.setTabOrder(before_in_order, card.radio)  # it was made late, and belongs here
            before_in_order = card.radio
            if focused and token is choice:
                card.radio.setFocus()
        if not tokens:
            self._say("tokens.none", "tokens.none.hint")
        self._column.addStretch(1)
        settle(self._column)
        self._choose(choice)

    def _fitting(self, tokens: tuple[Token, ...]) -> Token | None:
        """The UKey to work with: the wanted one; while that is out, the one that stands in for it; else the first that can sign."""
        current = self._choice.key if self._choice else None
        kept = (next((t for t in tokens if t.key == key and t.state == "ready"), None) for key in (self._wanted, current))
        able = (t for t in tokens if t.state == "ready" and t.signing_certificates)
        wanted = next((t for t in tokens if t.key == self._wanted), None)
        return next(filter(None, kept), None) or next(able, None) or wanted or next((t for t in tokens if t.state == "ready"), None)

    def _choose(self, token: Token | None, wanted: bool = False) -> None:
        self._choice = token
        if token is not None and (wanted or self._wanted is None):
            self._wanted = token.key  # it may come back
        self.chosen.emit(token)

    def _say(self, key: str, hint: str = "") -> None:
        self._column.addWidget(label(self._words(key), "quiet", wrap=True))
        if hint:
            self._column.addWidget(label(self._words(hint), "small", wrap=True))
