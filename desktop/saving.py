"""Asking where to save something, and for what kind of file."""

import os
from collections.abc import Callable, Mapping

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFileDialog, QWidget


def ask_where(
    parent: QWidget, title: str, name: str, kinds: Mapping[str, str], then: Callable[[str], object], folder: str = "", replaces: bool = True
) -> QFileDialog:
    """Ask for a file name, `name` proposed; `kinds` are the endings (no dot) and how each kind is called, the first one preferred.

    `then` gets the path, with the ending of the kind that was chosen where the person typed none.  Where the file may be replaced, the dialog has
    asked for that; `replaces` False: whoever writes it never replaces one, so that question would be wrong.
    """
    dialog = QFileDialog(parent, title, folder)
    dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
    dialog.setOption(QFileDialog.Option.DontConfirmOverwrite, not replaces)
    filters = {f"{called} (*.{ending})": ending for ending, called in kinds.items()}
    dialog.setNameFilters(list(filters))
    first = next(iter(kinds))
    dialog.setDefaultSuffix(first)
    dialog.selectFile(f"{name}.{first}")
    dialog.filterSelected.connect(lambda chosen: _use(dialog, filters.get(chosen, first), kinds))
    dialog.fileSelected.connect(then)
    dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    dialog.open()
    return dialog


def ending_of(path: str, kinds: Mapping[str, str]) -> str:
    """The kind of file a path stands for; the first of `kinds` where its ending says nothing."""
    ending = os.path.splitext(path)[1].lower().removeprefix(".")
    return ending if ending in kinds else next(iter(kinds))


def _use(dialog: QFileDialog, ending: str, kinds: Mapping[str, str]) -> None:
    dialog.setDefaultSuffix(ending)
    for path in dialog.selectedFiles()[:1]:
        stem, old = os.path.splitext(os.path.basename(path))
        if old.removeprefix(".").lower() in kinds:
            dialog.selectFile(f"{stem}.{ending}")
