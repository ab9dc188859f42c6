"""A place on a page for what has just happened: one note at a time, to be put away."""

from functools import partial

from PySide6.QtCore import QSaveFile
from PySide6.QtWidgets import QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from desktop.nouns import shown_name
from desktop.parts import banner, button, empty, settle
from desktop.wire import Problem
from desktop.words import Words


class Notes(QWidget):
    """Holds at most one note."""

    def __init__(self, words: Words) -> None:
        super().__init__()
        self._words = words
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)

    def say(self, tone: str, text: str, hint: str = "", *buttons: QPushButton) -> None:
        """Say this instead of what was said before; `tone` as of banners."""
        empty(self._column)
        made = banner(tone, "", text, hint)
        row = made.layout()
        assert isinstance(row, QHBoxLayout)
        for each in buttons:
            row.addWidget(each)
        row.addWidget(button(self._words("note.close"), self.clear, "link"))
        self._column.addWidget(made)
        settle(self._column)

    def tell(self, problem: Problem) -> None:
        """Say what went wrong and what to do."""
        self.say("bad", *self._words.error(problem.code, problem.facts, problem.detail, problem.hint))

    def clear(self) -> None:
        """Say nothing."""
        empty(self._column)

    def write(self, text: str, path: str) -> None:
        """Write a text to a file, whole or not at all, and say what came of it."""
        file = QSaveFile(path)
        saved = file.open(QSaveFile.OpenModeFlag.WriteOnly) and file.write(text.encode()) >= 0 and file.commit()
        self.say("good" if saved else "bad", self._words("note.saved" if saved else "inspect.unsaved", name=shown_name(path)))

    def writer(self, text: str) -> "partial[None]":
        """What writes `text` to the path it is given."""
        return partial(self.write, text)
