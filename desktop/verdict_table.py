"""The verdicts on many files: what needs attention first, each with its reason; to be narrowed to one kind."""

import os
from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeAlias

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, Qt, Signal
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QTableView

from desktop import look
from desktop.nouns import shown_name, shown_path
from desktop.parts import named
from desktop.verdict import shape_of, tone_of, verdict_word
from desktop.verified import VerifiedDocument
from desktop.wire import Problem
from desktop.words import Words

Result: TypeAlias = VerifiedDocument | tuple[str, Problem]
"""A verdict, or the path of a file and why there is none."""

KINDS: Final = ("failed", "indeterminate", "unsigned", "passed")
"""Worst first: the order of the table."""

Index: TypeAlias = QModelIndex | QPersistentModelIndex
_NOWHERE: Final = QModelIndex()


def kind_of(result: Result) -> str:
    """Which of `KINDS` a result is; a file without a verdict is doubtful."""
    if not isinstance(result, VerifiedDocument):
        return "indeterminate"
    if result.unsigned:
        return "unsigned"
    return result.verdict if result.verdict in KINDS else "indeterminate"


def path_of_result(result: Result) -> str:
    """The file it is about."""
    return result.path if isinstance(result, VerifiedDocument) else result[0]


class VerdictModel(QAbstractTableModel):
    """Verdict, file, reason; sorted once, when all are there."""

    def __init__(self, words: Words, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._words = words
        self._all: list[Result] = []
        self._shown: list[Result] = []
        self._root = ""
        c = look.colours()
        self._pictures = {verdict: look.icon(shape_of(verdict), getattr(c, tone_of(verdict))) for verdict in ("passed", "failed", "indeterminate")}

    def show(self, results: Sequence[Result], kind: str = "") -> None:
        """Show these, or those of one kind."""
        self.beginResetModel()
        self._all = sorted(results, key=lambda r: (KINDS.index(kind_of(r)), path_of_result(r)))
        self._shown = [r for r in self._all if kind in ("", kind_of(r))]
        paths = [os.path.dirname(path_of_result(r)) for r in self._all]
        self._root = os.path.commonpath(paths) if paths else ""
        self.endResetModel()

    def result(self, row: int) -> Result | None:
        """What stands in a row."""
        return self._shown[row] if 0 <= row < len(self._shown) else None

    def counts(self) -> Mapping[str, int]:
        """How many there are of each kind."""
        out = dict.fromkeys(KINDS, 0)
        for result in self._all:
            out[kind_of(result)] += 1
        return out

    def rowCount(self, parent: Index = _NOWHERE) -> int:
        return 0 if parent.isValid() else len(self._shown)

    def columnCount(self, parent: Index = _NOWHERE) -> int:
        return 0 if parent.isValid() else 3

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if orientation == Qt.Orientation.Horizontal and role == Qt.ItemDataRole.DisplayRole:
            return self._words(("verify.column.verdict", "verify.column.file", "verify.column.reason")[section])
        return None

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        result = self.result(index.row())
        if result is None:
            return None
        verdict, column = result.verdict if isinstance(result, VerifiedDocument) else "indeterminate", index.column()
        if role == Qt.ItemDataRole.DecorationRole and column == 0:
            return self._pictures.get(verdict, self._pictures["indeterminate"])
        if role == Qt.ItemDataRole.ToolTipRole:
            return shown_path(path_of_result(result)) if column < 2 else self.reason(result)
        if role == Qt.ItemDataRole.DisplayRole:
            return (self.word(result), self.name(result), self.reason(result))[column]
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return f"{self.word(result)}, {self.name(result)}, {self.reason(result)}"
        return None

    def word(self, result: Result) -> str:
        """通过, 不通过, 无法确认 or 没有签名."""
        if kind_of(result) == "unsigned":
            return self._words("verify.kind.unsigned")
        return verdict_word(result.verdict if isinstance(result, VerifiedDocument) else "indeterminate", self._words)

    def name(self, result: Result) -> str:
        """The file as seen from the folder that holds them all."""
        path = path_of_result(result)
        return shown_path(os.path.relpath(path, self._root)) if self._root else shown_name(path)

    def reason(self, result: Result) -> str:
        """One sentence why."""
        words = self._words
        if isinstance(result, VerifiedDocument):
            return result.explanation.get(words.lang, "")
        problem = result[1]
        return words.error(problem.code, problem.facts, problem.detail, problem.hint)[0]


class VerdictTable(QTableView):
    """The table; `chosen` tells which result a person looks at."""

    chosen = Signal(object)

    def __init__(self, words: Words) -> None:
        super().__init__()
        self.rows = VerdictModel(words, self)
        self.setModel(self.rows)
        named(self, words("verify.files"))
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setTabKeyNavigation(False)
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self.verticalHeader().hide()
        self.verticalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        self.verticalHeader().setDefaultSectionSize(self.fontMetrics().height() + 14)
        head = self.horizontalHeader()
        head.setHighlightSections(False)
        head.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        head.setStretchLastSection(True)
        widest = max(verdict_word("indeterminate", words), words("verify.kind.unsigned"), key=len)
        head.resizeSection(0, self.fontMetrics().horizontalAdvance(widest) + 60)
        head.resizeSection(1, 250)
        self.selectionModel().currentRowChanged.connect(lambda now, _: self._choose(now.row()))

    def show_results(self, results: Sequence[Result], kind: str = "") -> None:
        """Show these and choose the first."""
        self.rows.show(results, kind)
        if self.rows.rowCount():
            self.selectRow(0)

    def height_for(self, rows: int) -> int:
        """How high it is with so many rows."""
        return self.verticalHeader().defaultSectionSize() * rows + self.horizontalHeader().sizeHint().height() + 4

    def _choose(self, row: int) -> None:
        if (result := self.rows.result(row)) is not None:
            self.chosen.emit(result)
