"""Files coming in: by drop, by dialog; and the list of those to be worked on."""

import os
from collections.abc import Container, Iterable

from PySide6.QtCore import QMimeData, Qt, Signal
from PySide6.QtGui import QDragEnterEvent, QDragLeaveEvent, QDropEvent, QKeyEvent
from PySide6.QtWidgets import QFileDialog, QFrame, QHBoxLayout, QLabel, QListWidget, QListWidgetItem, QVBoxLayout, QWidget

from agent.api.uris import to_path
from desktop import look
from desktop.nouns import shown_name, shown_path
from desktop.parts import button, label, named, restyle
from desktop.words import Words

_PATH = Qt.ItemDataRole.UserRole


def dropped_paths(data: QMimeData, whole_folders: bool = False) -> list[str]:
    """The local files of a drop, byte for byte (QUrl would lose names that are not UTF-8); of a folder its PDFs, by name, or the folder itself."""
    paths: list[str] = []
    for line in bytes(data.data("text/uri-list").data()).decode("ascii", "replace").splitlines():
        try:
            path = to_path(line.strip())
        except ValueError:
            continue  # a comment, or a link to somewhere else
        paths += _pdfs(path) if not whole_folders and os.path.isdir(path) else [path]
    return paths


def _pdfs(folder: str) -> list[str]:
    try:
        names = sorted(os.listdir(folder))
    except OSError:
        return []
    return [os.path.join(folder, name) for name in names if name.lower().endswith(".pdf")]


def choose_files(parent: QWidget, title: str, words: Words) -> list[str]:
    """Ask for files."""
    return [str(path) for path in QFileDialog.getOpenFileNames(parent, title, "", words("files.filter"))[0]]


def choose_folder(parent: QWidget, title: str) -> list[str]:
    """Ask for a folder; none where the person changed their mind."""
    return [path] if (path := QFileDialog.getExistingDirectory(parent, title)) else []


class DropArea(QFrame):
    """A large place to drop files on, or to choose them by button or keyboard."""

    files = Signal(list)

    def __init__(self, text: str, hint: str, dialog_title: str, words: Words, folders: bool = False) -> None:
        """`folders`: a folder can be chosen too, and is passed on as it is."""
        super().__init__()
        self.setObjectName("drop")
        self._words, self._title, self._folders = words, dialog_title, folders
        self.setAcceptDrops(True)
        named(self, words("drop.name"), f"{text} {hint}")
        column = QVBoxLayout(self)
        column.setSpacing(10)
        column.addStretch(1)
        image = QLabel()
        image.setPixmap(look.picture("drop", look.colours().accent, 56, 1.3))
        column.addWidget(image, 0, Qt.AlignmentFlag.AlignHCenter)
        for line, style in ((text, "title"), (hint, "quiet")):
            made = label(line, style, wrap=True)
            made.setAlignment(Qt.AlignmentFlag.AlignCenter)
            column.addWidget(made)
        self.choose = button(words("drop.choose"), self._choose, "primary")
        buttons = QHBoxLayout()
        buttons.addStretch(1)
        buttons.addWidget(self.choose)
        if folders:
            buttons.addWidget(button(words("drop.choose.folder"), self._choose_folder))
        buttons.addStretch(1)
        column.addLayout(buttons)
        column.addStretch(1)

    def _choose_folder(self) -> None:
        if paths := choose_folder(self, self._title):
            self.files.emit(paths)

    def _choose(self) -> None:
        if paths := choose_files(self, self._title, self._words):
            self.files.emit(paths)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if event.mimeData().hasUrls():
            event.acceptProposedAction()
            self._mark(True)

    def dragLeaveEvent(self, event: QDragLeaveEvent) -> None:
        self._mark(False)

    def dropEvent(self, event: QDropEvent) -> None:
        self._mark(False)
        if paths := dropped_paths(event.mimeData(), self._folders):
            event.acceptProposedAction()
            self.files.emit(paths)

    def _mark(self, over: bool) -> None:
        self.setProperty("over", "true" if over else "false")
        restyle(self)


class FileList(QListWidget):
    """The files to be signed, in the order they came; each once."""

    changed = Signal()
    current = Signal(str)
    """The path of the selected file, "" for none."""

    def __init__(self, words: Words) -> None:
        super().__init__()
        self._words = words
        named(self, words("files.name"))
        self.setSelectionMode(QListWidget.SelectionMode.ExtendedSelection)
        self.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.currentItemChanged.connect(lambda item, _: self.current.emit(str(item.data(_PATH)) if item is not None else ""))

    @property
    def paths(self) -> list[str]:
        """The files, top to bottom."""
        return [str(self.item(row).data(_PATH)) for row in range(self.count())]

    def add(self, paths: Iterable[str]) -> None:
        """Add files that are not there yet."""
        known = set(self.paths)
        for path in (os.path.abspath(p) for p in paths):
            if path in known:
                continue
            known.add(path)
            name, c = shown_name(path), look.colours()
            kind = self._words("files.kind.pdf" if path.lower().endswith(".pdf") else "files.kind.other")
            item = QListWidgetItem(look.icon("file", c.accent), f"{name}\n{kind} · {_size(path, self._words)}", self)
            item.setData(_PATH, path)
            item.setToolTip(shown_path(path))
            item.setData(Qt.ItemDataRole.AccessibleTextRole, f"{name}, {kind}")
        if self.currentRow() < 0:
            self.setCurrentRow(0)
        self.changed.emit()

    def remove_selected(self) -> None:
        """Take the selected files out; nothing happens on disk."""
        for item in self.selectedItems():
            self.takeItem(self.row(item))
        self.changed.emit()

    def remove(self, paths: Container[str]) -> None:
        """Take these files out."""
        for row in reversed(range(self.count())):
            if str(self.item(row).data(_PATH)) in paths:
                self.takeItem(row)
        self.changed.emit()

    def clear_all(self) -> None:
        """Take all files out."""
        self.clear()
        self.current.emit("")
        self.changed.emit()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Delete, Qt.Key.Key_Backspace):
            self.remove_selected()
        else:
            super().keyPressEvent(event)


def _size(path: str, words: Words) -> str:
    try:
        return words.size(os.path.getsize(path))
    except OSError:
        return "–"
