"""The field a secret is typed into."""

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLineEdit

from desktop.parts import named


class SecretField(QLineEdit):
    """A field for one secret: no echo, no suggestions, no menu that could copy it, emptied after use."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.setEchoMode(QLineEdit.EchoMode.Password)
        hints = Qt.InputMethodHint
        self.setInputMethodHints(hints.ImhHiddenText | hints.ImhSensitiveData | hints.ImhNoPredictiveText | hints.ImhNoAutoUppercase)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.NoContextMenu)
        self.setDragEnabled(False)
        self.setAcceptDrops(False)
        self.setMaxLength(255)  # CK_ULONG ulPinLen of every token seen is at most 255
        named(self, name)

    def wipe(self) -> None:
        """Overwrite and forget what was typed (Qt and Python keep copies for a while: this process is short or not dumpable)."""
        self.setText("\u2022" * len(self.text()))
        self.clear()
