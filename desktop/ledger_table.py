"""The table of the ledger: fixed rows, so that a million of them cost nothing."""

from PySide6.QtCore import QModelIndex, Qt, Signal
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QTableView

from desktop.ledger_model import LedgerModel
from desktop.parts import named
from desktop.words import Words

_WIDEST = ("1,000,000", "2026-12-31 23:59:59", "　" * 8)
_ABOUT, _WHO = 3, 4


class LedgerTable(QTableView):
    """`chosen` tells the number of the entry that a person looks at."""

    chosen = Signal(int)

    def __init__(self, model: LedgerModel, words: Words) -> None:
        super().__init__()
        named(self, words("ledger.table"))
        self._entries = model
        self.setModel(model)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setTabKeyNavigation(False)
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.verticalHeader().hide()
        self.verticalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        self.verticalHeader().setDefaultSectionSize(self.fontMetrics().height() + 12)
        head = self.horizontalHeader()
        head.setHighlightSections(False)
        head.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        for column, text in enumerate(_WIDEST):
            head.resizeSection(column, self.fontMetrics().horizontalAdvance(text) + 24)
        head.setSectionResizeMode(_ABOUT, QHeaderView.ResizeMode.Stretch)
        head.resizeSection(_WHO, 110)
        self.selectionModel().currentRowChanged.connect(self._chosen)

    def go_to(self, row: int) -> None:
        """Show this row in the middle."""
        self.scrollTo(self._entries.index(row, 0), QAbstractItemView.ScrollHint.PositionAtCenter)
        self.selectRow(row)

    def _chosen(self, now: QModelIndex, _: QModelIndex) -> None:
        if now.isValid() and (seq := self._entries.seq_of(now.row())) is not None:
            self.chosen.emit(seq)
