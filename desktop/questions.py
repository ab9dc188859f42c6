"""The closed set of questions a person may be asked, each with its dialog; the window and the prompter ask through here."""

from collections.abc import Mapping
from typing import Any, Protocol, cast

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QListWidget, QListWidgetItem, QVBoxLayout, QWidget

from desktop.asked import Question
from desktop.consent import CANCEL, ConsentDialog
from desktop.nouns import Certificate
from desktop.parts import label, named
from desktop.words import Words


class Asking(Protocol):
    """A dialog that knows the answer in the wire's words once it is closed."""

    def answer(self) -> str:
        """The decision, "cancel" where there was none."""


class ChooseCertificate(QDialog):
    """Which of several certificates to use."""

    def __init__(self, certificates: list[Certificate], words: Words, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle(words("choose.title"))
        self.setMinimumWidth(560)
        column = QVBoxLayout(self)
        column.setContentsMargins(24, 20, 24, 18)
        column.setSpacing(12)
        column.addWidget(label(words("choose.title"), "title"))
        column.addWidget(label(words("choose.lead"), wrap=True))
        self._list = named(QListWidget(), words("choose.title"))
        for certificate in certificates:
            facts = (
                certificate.name,
                words("cert.issuer", issuer=certificate.issuer),
                words("cert.valid_until", date=words.day(certificate.not_after)),
            )
            item = QListWidgetItem("\n".join(facts), self._list)
            item.setData(Qt.ItemDataRole.UserRole, certificate.fingerprint)
            item.setToolTip(words("cert.fingerprint", fingerprint=certificate.fingerprint))
        self._list.setCurrentRow(0)
        self._list.itemActivated.connect(lambda _: self.accept())
        column.addWidget(self._list)
        buttons = QDialogButtonBox()
        agree = named(buttons.addButton(words("agree.other"), QDialogButtonBox.ButtonRole.AcceptRole), words("agree.other"))
        agree.setObjectName("primary")
        named(buttons.addButton(words("cancel"), QDialogButtonBox.ButtonRole.RejectRole), words("cancel"))
        buttons.accepted.connect(self.accept)
        buttons.rejected.connect(self.reject)
        column.addWidget(buttons)

    def answer(self) -> str:
        """The chosen certificate's fingerprint."""
        chosen = self._list.selectedItems() if self.result() == QDialog.DialogCode.Accepted else []
        return str(chosen[0].data(Qt.ItemDataRole.UserRole)) if chosen else CANCEL


def dialog_for(
    data: Mapping[str, Any],
    words: Words,
    parent: QWidget | None = None,
    confirmed: bool = False,
    previewed: Mapping[str, str] | None = None,
    about: Mapping[str, Any] | None = None,
) -> QDialog | None:
    """The dialog for a question; None for a kind this program does not know, which is then declined."""
    kind = data.get("kind")
    if kind == "choose_certificate":
        return ChooseCertificate([Certificate.from_wire(c) for c in data.get("certificates") or ()], words, parent)
    if kind in ("pin", "confirm_final_try", "consent"):
        return ConsentDialog(Question.from_wire(data, about), words, parent, confirmed, previewed)
    return None


def answer_of(dialog: QDialog) -> str:
    """The answer of a dialog that `dialog_for` made and that is closed."""
    return cast(Asking, dialog).answer()
