"""The verdicts on many files: what needs attention first, each with its reason; to be narrowed to one kind.

What has passed in folders is read page by page from the agent, as far down as somebody looks.
"""

import os
from collections.abc import Callable, Sequence
from typing import Any, Final, TypeAlias

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, Qt, Signal
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QStyledItemDelegate, QStyleOptionViewItem, QTableView

from desktop import look
from desktop.nouns import shown_name, shown_path
from desktop.parts import named
from desktop.verdict import shape_of, tone_of, verdict_word
from desktop.verified import VerifiedDocument
from desktop.words import Words

Page: TypeAlias = Callable[[float, Callable[[list[VerifiedDocument], float | None], object]], object]
"""Asks for the verdicts behind a place (-1: from the first); who asked gets them, and the place to go on from."""

KINDS: Final = ("failed", "indeterminate", "unsigned", "passed")
"""Worst first: the order of the table."""

Index: TypeAlias = QModelIndex | QPersistentModelIndex
_NOWHERE: Final = QModelIndex()


def kind_of(document: VerifiedDocument) -> str:
    """Which of `KINDS` a verdict is; one that this window does not know is doubtful."""
    if document.unsigned:
        return "unsigned"
    return document.verdict if document.verdict in KINDS else "indeterminate"


class VerdictModel(QAbstractTableModel):
    """Verdict, file, reason."""

    def __init__(self, words: Words, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._words = words
        self._shown: list[VerifiedDocument] = []
        self._known: frozenset[str] = frozenset()
        self._kind, self._root = "", ""
        self._more: Page | None = None
        self._place: float | None = None
        self._showing, self._asking = 0, False
        c = look.colours()
        self._pictures = {verdict: look.icon(shape_of(verdict), getattr(c, tone_of(verdict))) for verdict in ("passed", "failed", "indeterminate")}

    def show(self, documents: Sequence[VerifiedDocument], kind: str = "", more: Page | None = None) -> None:
        """Show these, or those of one kind; `more` reads what has passed and is not among them."""
        self.beginResetModel()
        in_order = sorted(documents, key=lambda d: (KINDS.index(kind_of(d)), d.path))
        self._shown = [d for d in in_order if kind in ("", kind_of(d))]
        self._known = frozenset(d.path for d in documents)
        paths = [os.path.dirname(d.path) for d in documents]
        self._root = os.path.commonpath(paths) if paths else ""
        self._kind, self._more, self._place = kind, more if kind in ("", "passed") else None, -1.0
        self._showing, self._asking = self._showing + 1, False
        self.endResetModel()

    def result(self, row: int) -> VerifiedDocument | None:
        """What stands in a row."""
        return self._shown[row] if 0 <= row < len(self._shown) else None

    def canFetchMore(self, parent: Index) -> bool:
        return not parent.isValid() and self._more is not None and self._place is not None and not self._asking

    def fetchMore(self, parent: Index) -> None:
        if self._more is None or self._place is None or self._asking:
            return
        showing, self._asking = self._showing, True
        self._more(self._place, lambda found, place: self._read(found, place) if showing == self._showing else None)

    def _read(self, found: Sequence[VerifiedDocument], place: float | None) -> None:
        self._asking, self._place = False, place
        new = [d for d in found if d.verdict == "passed" and d.path not in self._known]
        if new:
            if not self._root:
                self._root = os.path.commonpath([os.path.dirname(d.path) for d in new])
            self.beginInsertRows(QModelIndex(), len(self._shown), len(self._shown) + len(new) - 1)
            self._shown += new
            self.endInsertRows()
        elif place is not None:
            self.fetchMore(QModelIndex())

    def rowCount(self, parent: Index = _NOWHERE) -> int:
        return 0 if parent.isValid() else len(self._shown)

    def columnCount(self, parent: Index = _NOWHERE) -> int:
        return 0 if parent.isValid() else 3

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if orientation == Qt.Orientation.Horizontal and role == Qt.ItemDataRole.DisplayRole:
            return self._words(("verify.column.verdict", "verify.column.file", "verify.column.reason")[section])
        return None

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        document = self.result(index.row())
        if document is None:
            return None
        column = index.column()
        if role == Qt.ItemDataRole.DecorationRole and column == 0:
            return self._pictures.get(document.verdict, self._pictures["indeterminate"])
        if role == Qt.ItemDataRole.ToolTipRole:
            return shown_path(document.path) if column < 2 else self.reason(document)
        if role == Qt.ItemDataRole.DisplayRole:
            return (self.word(document), self.name(document), self.reason(document))[column]
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return f"{self.word(document)}, {self.name(document)}, {self.reason(document)}"
        return None

    def word(self, document: VerifiedDocument) -> str:
        """通过, 不通过, 无法确认 or 没有签名."""
        return self._words("verify.kind.unsigned") if kind_of(document) == "unsigned" else verdict_word(document.verdict, self._words)

    def name(self, document: VerifiedDocument) -> str:
        """The file as seen from the folder that holds them all."""
        return shown_path(os.path.relpath(document.path, self._root)) if self._root else shown_name(document.path)

    def reason(self, document: VerifiedDocument) -> str:
        """Why, without saying the verdict once more."""
        text = document.explanation.get(self._words.lang, "")
        lead = f"{verdict_word(document.verdict, self._words)}{'：' if self._words.lang == 'zh' else ': '}"
        return text.removeprefix(lead)


class _Elide(QStyledItemDelegate):
    """A file keeps its ends, a reason its beginning."""

    def initStyleOption(self, option: QStyleOptionViewItem, index: Index) -> None:
        super().initStyleOption(option, index)
        option.textElideMode = Qt.TextElideMode.ElideMiddle if index.column() == 1 else Qt.TextElideMode.ElideRight


class VerdictTable(QTableView):
    """The table; `chosen` tells which verdict a person looks at."""

    chosen = Signal(object)

    def __init__(self, words: Words) -> None:
        super().__init__()
        self.rows = VerdictModel(words, self)
        self.setModel(self.rows)
        self.setItemDelegate(_Elide(self))
        named(self, words("verify.files"))
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setTabKeyNavigation(False)
        self.setShowGrid(False)
        self.setWordWrap(False)
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
        self.rows.rowsInserted.connect(self._first)

    def show_results(self, documents: Sequence[VerifiedDocument], kind: str = "", more: Page | None = None) -> None:
        """Show these and choose the first."""
        self.rows.show(documents, kind, more)
        self._first()
        if not documents and more is not None:
            self.rows.fetchMore(QModelIndex())

    def height_for(self, rows: int) -> int:
        """How high it is with so many rows."""
        return self.verticalHeader().defaultSectionSize() * rows + self.horizontalHeader().sizeHint().height() + 4

    def _first(self) -> None:
        if self.rows.rowCount() and not self.currentIndex().isValid():
            self.selectRow(0)

    def _choose(self, row: int) -> None:
        if (document := self.rows.result(row)) is not None:
            self.chosen.emit(document)
