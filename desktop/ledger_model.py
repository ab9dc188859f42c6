"""The entries of a ledger as a table of any length, newest first: a page is asked for when somebody looks at it, and forgotten later.

Unfiltered, the number of an entry tells its row, so that a million rows can be jumped about in; filtered, rows are read from the top as far as
somebody looks.
"""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeAlias
from urllib.parse import urlencode

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, Qt, QTimer, Signal

from desktop.ledger import Act
from desktop.wire import Agent, Problem
from desktop.words import Words

PAGE: Final = 100
KEPT_PAGES: Final = 60
_AT_ONCE: Final = 2
_WANTED: Final = 4
"""Pages that wait to be asked for; of those that were scrolled past, the older ones are let go."""
COLUMNS: Final = ("ledger.column.seq", "ledger.column.at", "ledger.column.title", "ledger.column.summary", "ledger.column.who")

Index: TypeAlias = QModelIndex | QPersistentModelIndex
_NOWHERE: Final = QModelIndex()


class LedgerModel(QAbstractTableModel):
    """Number, time, what, about what, by whom."""

    counted = Signal(int)
    """How many entries fit the filters."""
    seen = Signal(list)
    """Entries that have come."""
    failed = Signal(object)
    """A `Problem`: entries could not be read."""

    def __init__(self, agent: Agent, words: Words, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._agent, self._words = agent, words
        self._query: dict[str, str] = {}
        self._filtered = False
        self._size = 0
        self._pages: OrderedDict[int, list[Act]] = OrderedDict()
        self._wanted: list[int] = []
        self._asked: set[int] = set()
        self._rows: list[Act] = []
        self._more = False
        self._showing = 0
        self._soon = QTimer(self, singleShot=True, interval=0)
        self._soon.timeout.connect(self._ask)

    def show(self, size: int, ledger: str = "", filters: Mapping[str, str] | None = None) -> None:
        """Show a ledger of `size` entries anew, or those that fit the filters (as the route of entries names them)."""
        self.beginResetModel()
        self._showing += 1
        self._size, self._filtered = size, bool(filters)
        self._query = {**(filters or {}), **({"ledger": ledger} if ledger else {})}
        self._pages.clear()
        self._wanted.clear()
        self._asked.clear()
        self._rows, self._more = [], self._filtered
        self.endResetModel()
        if self._filtered:
            self._read_on(count=True)

    def grow(self, size: int) -> None:
        """The ledger has become longer: the new entries stand on top."""
        if self._filtered or size <= self._size:
            return
        self._pages.pop(self._size // PAGE, None)  # it was not full
        self.beginInsertRows(_NOWHERE, 0, size - self._size - 1)
        self._size = size
        self.endInsertRows()

    @property
    def loaded(self) -> int:
        """How many entries are held."""
        return len(self._rows) + sum(len(page) for page in self._pages.values())

    def act(self, row: int) -> Act | None:
        """The entry in a row; None where it has not come yet, and is asked for now."""
        if not 0 <= row < self.rowCount():
            return None
        if self._filtered:
            return self._rows[row]
        seq = self._size - 1 - row
        page = self._pages.get(seq // PAGE)
        if page is None:
            self._want(seq // PAGE)
            return None
        self._pages.move_to_end(seq // PAGE)
        place = seq % PAGE
        return page[place] if place < len(page) else None

    def seq_of(self, row: int) -> int | None:
        """The number of the entry in a row, whether it has come or not."""
        if not 0 <= row < self.rowCount():
            return None
        return self._rows[row].seq if self._filtered else self._size - 1 - row

    def row_of(self, seq: int) -> int | None:
        """The row of an entry, where it is known."""
        if not self._filtered:
            return self._size - 1 - seq if 0 <= seq < self._size else None
        return next((row for row, act in enumerate(self._rows) if act.seq == seq), None)

    # what Qt asks

    def rowCount(self, parent: Index = _NOWHERE) -> int:
        return 0 if parent.isValid() else len(self._rows) if self._filtered else self._size

    def columnCount(self, parent: Index = _NOWHERE) -> int:
        return 0 if parent.isValid() else len(COLUMNS)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if orientation == Qt.Orientation.Horizontal and role == Qt.ItemDataRole.DisplayRole:
            return self._words(COLUMNS[section])
        return None

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if role not in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.ToolTipRole, Qt.ItemDataRole.AccessibleTextRole):
            return None
        row, column = index.row(), index.column()
        act = self.act(row)
        if act is None:
            number = f"{self._size - 1 - row:,}" if not self._filtered else ""
            return None if role == Qt.ItemDataRole.ToolTipRole else number if column == 0 else "…"
        texts = (f"{act.seq:,}", self._words.stamp(act.at), act.title, act.summary, act.actor or act.device[:12])
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return ", ".join(filter(None, texts))
        return texts[column]

    def canFetchMore(self, parent: Index) -> bool:
        return not parent.isValid() and self._filtered and self._more and not self._asked

    def fetchMore(self, parent: Index) -> None:
        if self.canFetchMore(parent):
            self._read_on()

    # pages

    def _want(self, page: int) -> None:
        if page in self._asked or page in self._wanted:
            return
        self._wanted = [*self._wanted, page][-_WANTED:]
        if not self._soon.isActive():
            self._soon.start()

    def _ask(self) -> None:
        while self._wanted and len(self._asked) < _AT_ONCE:
            page = self._wanted.pop()
            self._asked.add(page)
            first = page * PAGE
            self._get({"after": str(first - 1), "before": str(first + PAGE), "limit": str(PAGE), "order": "oldest"}, page)

    def _read_on(self, count: bool = False) -> None:
        self._asked.add(-1)
        place = {"before": str(self._rows[-1].seq)} if self._rows else {}
        self._get({**place, "limit": str(PAGE), "order": "newest", **({"count": "true"} if count else {})}, -1)

    def _get(self, query: Mapping[str, str], page: int) -> None:
        showing = self._showing

        def got(found: Mapping[str, Any]) -> None:
            if showing == self._showing:
                self._got(page, [Act.from_wire(each, self._words.lang) for each in found.get("entries") or ()], found)

        def failed(problem: Problem) -> None:
            if showing == self._showing:  # it stays among those asked for: nobody asks again until somebody looks anew
                self._more = False
                self.failed.emit(problem)

        self._agent.call("GET", f"/v1/ledger/entries?{urlencode({**self._query, **query})}", None, got, failed)

    def _got(self, page: int, acts: Sequence[Act], found: Mapping[str, Any]) -> None:
        self._asked.discard(page)
        self.seen.emit(list(acts))
        if page < 0:
            self._more = bool(found.get("more"))
            if acts:
                self.beginInsertRows(_NOWHERE, len(self._rows), len(self._rows) + len(acts) - 1)
                self._rows += acts
                self.endInsertRows()
            if found.get("total") is not None:
                self.counted.emit(int(found["total"]))
            return
        by_place: list[Act] = list(acts)
        if [act.seq for act in by_place] != list(range(page * PAGE, page * PAGE + len(by_place))):
            by_place = _in_places(by_place, page)
        self._pages[page] = by_place
        while len(self._pages) > KEPT_PAGES:
            self._pages.popitem(last=False)
        top = max(0, self._size - (page + 1) * PAGE)
        bottom = min(self._size - 1, self._size - 1 - page * PAGE)
        if top <= bottom:
            self.dataChanged.emit(self.index(top, 0), self.index(bottom, len(COLUMNS) - 1))
        if self._wanted:
            self._soon.start()


def _in_places(acts: Sequence[Act], page: int) -> list[Act]:
    """A page of a damaged ledger, in which numbers are missing: what is there stands in its place."""
    by_number = {act.seq: act for act in acts}
    last = max(by_number, default=page * PAGE - 1)
    return [by_number.get(seq) or Act(seq, "", "", "–", "", "", "", False) for seq in range(page * PAGE, last + 1)]
