"""How to sign: with which certificate, visible where, why, and where to put the results."""

import os
from dataclasses import dataclass, replace

from PySide6.QtCore import Signal
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDoubleSpinBox,
    QFileDialog,
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLineEdit,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from desktop.nouns import Token, shown_path
from desktop.parts import button, label, named
from desktop.placement import CORNERS, FIRST, SMALLEST_MM, Box, Place, from_corner, place_of
from desktop.words import Words


@dataclass(frozen=True, slots=True)
class Options:
    """What the form says."""

    certificate: str | None
    place: Place | None
    reason: str
    location: str
    folder: str | None


class SignOptions(QFrame):
    """The form.  `place_changed` comes whenever the place on the page is another one."""

    place_changed = Signal()

    def __init__(self, words: Words) -> None:
        super().__init__()
        self.setObjectName("panel")
        self._words, self._folder = words, ""
        self._page_size = (0.0, 0.0)
        self._pages = 0
        self._filling = False
        column = QVBoxLayout(self)
        column.setContentsMargins(14, 10, 14, 12)
        column.setSpacing(8)
        grid = QGridLayout()
        grid.setHorizontalSpacing(8)
        grid.setVerticalSpacing(8)
        grid.setColumnStretch(1, 1)
        self.certificate = QComboBox()
        self.certificate.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self._row(grid, "options.certificate", self.certificate)
        self.visible = named(QCheckBox(words("options.appearance")), words("options.appearance"), words("options.appearance.note"))
        self.visible.toggled.connect(self._toggled)
        grid.addWidget(self.visible, grid.rowCount(), 0, 1, 2)
        self._details = self._place_form()
        grid.addWidget(self._details, grid.rowCount(), 0, 1, 2)
        self.reason, self.location = QLineEdit(), QLineEdit()
        for key, field in (("options.reason", self.reason), ("options.location", self.location)):
            field.setPlaceholderText(words(f"{key}.example"))
            field.setMaxLength(200)
            self._row(grid, key, field)
        self._row(grid, "options.folder", self._folder_row())
        column.addLayout(grid)
        self.set_place(FIRST)
        self._toggled(False)

    def options(self) -> Options:
        """What is filled in."""
        place = self.place() if self.visible.isChecked() else None
        return Options(self.certificate.currentData(), place, self.reason.text().strip(), self.location.text().strip(), self._folder or None)

    def place(self) -> Place:
        """The place in the fields, whether it is wanted or not."""
        return Place(self.page.value(), CORNERS[self.corner.currentIndex()], *(field.value() for field in self._lengths))

    def set_place(self, place: Place) -> None:
        """Fill the fields."""
        self._filling = True
        self.page.setMaximum(max(self._pages, place.page))
        self.page.setValue(place.page)
        self.corner.setCurrentIndex(CORNERS.index(place.corner))
        self._corner = place.corner
        for field, value in zip(self._lengths, (place.x, place.y, place.width, place.height), strict=True):
            field.setValue(value)
        self._filling = False

    def put(self, page: int, box: Box) -> None:
        """A person put the box there: show it, measured from the nearest corner."""
        self.set_place(place_of(page, box, *self._page_size))
        self.visible.setChecked(True)
        self.place_changed.emit()

    def page_shown(self, pages: int, size: tuple[float, float]) -> None:
        """The preview shows a page of this size, of a document of so many pages."""
        self._pages, self._page_size = pages, size
        self.page.setMaximum(max(pages, self.page.value()))

    def show_token(self, token: Token | None) -> None:
        """Offer the certificates of this UKey; the choice stays where it can."""
        before = self.certificate.currentData()
        self.certificate.clear()
        for certificate in token.signing_certificates if token else ():
            text = self._words("options.certificate.item", name=certificate.name, date=self._words.day(certificate.not_after))
            self.certificate.addItem(text, certificate.fingerprint)
        self.certificate.setEnabled(self.certificate.count() > 0)
        if self.certificate.count() == 0:
            self.certificate.setPlaceholderText(self._words("options.certificate.none"))
        self.certificate.setCurrentIndex(max(0, self.certificate.findData(before)) if self.certificate.count() else -1)

    def _row(self, grid: QGridLayout, key: str, field: QWidget) -> None:
        row = grid.rowCount()
        caption = label(self._words(key))
        caption.setBuddy(field)
        if not field.accessibleName():
            named(field, self._words(key))
        grid.addWidget(caption, row, 0)
        grid.addWidget(field, row, 1)

    def _place_form(self) -> QWidget:
        words = self._words
        form = QWidget()
        grid = QGridLayout(form)
        grid.setContentsMargins(22, 0, 0, 0)
        grid.setHorizontalSpacing(8)
        grid.setVerticalSpacing(6)
        grid.addWidget(label(words("options.appearance.note"), "small", wrap=True), 0, 0, 1, 4)
        self.page = QSpinBox(minimum=1)
        self.corner = QComboBox()
        self.corner.addItems([words(f"corner.{corner}") for corner in CORNERS])
        self._lengths = tuple(
            QDoubleSpinBox(decimals=1, singleStep=1.0, maximum=20000.0, minimum=low) for low in (0.0, 0.0, SMALLEST_MM, SMALLEST_MM)
        )
        fields: list[tuple[str, QWidget]] = [
            ("page", self.page),
            ("corner", self.corner),
            *zip(("x", "y", "width", "height"), self._lengths, strict=True),
        ]
        for number, (key, field) in enumerate(fields):
            caption = label(words(f"options.{key}"), "small")
            caption.setBuddy(field)
            named(field, words(f"options.{key}"))
            row, side = 1 + number // 2, number % 2 * 2
            grid.addWidget(caption, row, side)
            grid.addWidget(field, row, side + 1)
        grid.addWidget(label(words("options.all_files"), "small"), 4, 0, 1, 4)
        grid.setColumnStretch(1, 1)
        grid.setColumnStretch(3, 1)
        self.page.valueChanged.connect(self._edited)
        self.corner.activated.connect(self._other_corner)
        for length in self._lengths:
            length.valueChanged.connect(self._edited)
        return form

    def _folder_row(self) -> QWidget:
        words = self._words
        box = QWidget()
        row = QHBoxLayout(box)
        row.setContentsMargins(0, 0, 0, 0)
        self._folder_text = label(words("options.folder.beside"), "quiet", wrap=True)
        row.addWidget(self._folder_text, 1)
        self.change = button(
            words("options.folder.choose"), self._choose_folder, "link", f"{words('options.folder')}: {words('options.folder.choose')}"
        )
        self._reset = button(words("options.folder.reset"), lambda: self.set_folder(""), "link")
        row.addWidget(self.change)
        row.addWidget(self._reset)
        self._reset.hide()
        return box

    def _choose_folder(self) -> None:
        if folder := QFileDialog.getExistingDirectory(self, self._words("options.folder.dialog"), self._folder):
            self.set_folder(folder)

    def set_folder(self, folder: str) -> None:
        """Put the results into `folder`; "" means beside each original."""
        self._folder = os.path.abspath(folder) if folder else ""
        self._folder_text.setText(shown_path(self._folder) or self._words("options.folder.beside"))
        self._reset.setVisible(bool(folder))

    def _toggled(self, on: bool) -> None:
        self._details.setVisible(on)
        self.place_changed.emit()

    def _edited(self) -> None:
        if not self._filling:
            self.place_changed.emit()

    def _other_corner(self, index: int) -> None:
        """The same spot from another corner; the spot must not jump because it is described otherwise."""
        if all(self._page_size):
            self.set_place(from_corner(replace(self.place(), corner=self._corner), CORNERS[index], *self._page_size))
        self._corner = CORNERS[index]
        self._edited()
