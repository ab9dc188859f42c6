"""Small pieces that every page uses: labels, banners, buttons with their accessible names."""

from collections.abc import Callable
from typing import TypeVar

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QLayout, QPushButton, QVBoxLayout, QWidget

from desktop import look

W = TypeVar("W", bound=QWidget)
_PICTURES = {"good": "passed", "bad": "failed", "doubt": "indeterminate", "plain": "information"}


def named(widget: W, name: str, description: str = "") -> W:
    """`widget` with the name (and description) that a screen reader says."""
    widget.setAccessibleName(name)
    if description:
        widget.setAccessibleDescription(description)
    return widget


def label(text: str, style: str = "", wrap: bool = False) -> QLabel:
    """Plain text, never markup: names of files and certificates come from others."""
    made = QLabel(text)
    made.setTextFormat(Qt.TextFormat.PlainText)
    made.setObjectName(style)
    made.setWordWrap(wrap)
    return made


def frame(style: str) -> QFrame:
    """An empty frame with the looks of `style`."""
    made = QFrame()
    made.setObjectName(style)
    return made


def button(text: str, action: Callable[[], object], style: str = "", name: str = "") -> QPushButton:
    """A push button that runs `action`."""
    made = named(QPushButton(text), name or text)
    made.setObjectName(style)
    made.setAutoDefault(False)
    made.clicked.connect(lambda: action())  # noqa: PLW0108 (clicked brings a bool)
    return made


def banner(tone: str, shape: str, text: str, hint: str = "") -> QFrame:
    """A framed message: picture, sentence, and what to do; `tone` is good, bad, doubt or plain."""
    c = look.colours()
    box = frame("banner")
    box.setProperty("tone", tone)
    row = QHBoxLayout(box)
    row.setContentsMargins(14, 10, 14, 10)
    row.setSpacing(12)
    image = QLabel()
    image.setPixmap(look.picture(shape or _PICTURES[tone], getattr(c, tone, c.accent), 26))
    row.addWidget(image, 0, Qt.AlignmentFlag.AlignTop)
    column = QVBoxLayout()
    column.setSpacing(4)
    column.addWidget(label(text, "heading" if hint else "", wrap=True))
    if hint:
        column.addWidget(label(hint, wrap=True))
    row.addLayout(column, 1)
    return named(box, f"{text} {hint}".strip())


def empty(layout: QLayout) -> None:
    """Take everything out of `layout` and let it go."""
    while (item := layout.takeAt(0)) is not None:
        if (inner := item.widget()) is not None:
            inner.hide()
            inner.deleteLater()
        elif (nested := item.layout()) is not None:
            empty(nested)


def settle(layout: QLayout) -> None:
    """Show what was put into `layout` now, at its right size; by itself Qt would show it a moment later, and squeezed for that moment."""
    for index in range(layout.count()):
        if (item := layout.itemAt(index)) is None:
            continue
        if (inner := item.widget()) is not None:
            inner.show()
        elif (nested := item.layout()) is not None:
            settle(nested)
    layout.activate()


def restyle(widget: QWidget) -> None:
    """Apply the style sheet anew after a property that it looks at has changed."""
    widget.style().unpolish(widget)
    widget.style().polish(widget)
