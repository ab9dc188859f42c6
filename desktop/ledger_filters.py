"""The line above the ledger that narrows it: words, what happened, when, by whom."""

from collections.abc import Iterable, Mapping
from datetime import date, datetime, time, timedelta
from typing import Any, Final

from PySide6.QtCore import QDate, QTimer, Signal
from PySide6.QtWidgets import QComboBox, QDateEdit, QHBoxLayout, QLineEdit, QWidget

from desktop.ledger import Act
from desktop.parts import label, named
from desktop.words import Words

_TYPING_MILLISECONDS: Final = 350
_PERIODS: Final = ("any", "today", "week", "month", "year", "own")
_PEOPLE_MAX: Final = 200


class LedgerFilters(QWidget):
    """`changed` comes when the person has settled on other filters; `query` holds them as the route of entries names them."""

    changed = Signal()

    def __init__(self, words: Words) -> None:
        super().__init__()
        self._words = words
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(8)
        self.text = named(QLineEdit(), words("ledger.filter.text"))
        self.text.setPlaceholderText(words("ledger.filter.text"))
        self.text.setClearButtonEnabled(True)
        self.type = named(QComboBox(), words("ledger.filter.type"))
        self.type.addItem(words("ledger.filter.type.any"), "")
        self.period = named(QComboBox(), words("ledger.filter.period"))
        for period in _PERIODS:
            self.period.addItem(words(f"ledger.period.{period}"), period)
        today = QDate.currentDate()
        self.first, self.last = (named(QDateEdit(), words(key)) for key in ("ledger.filter.first", "ledger.filter.last"))
        self._to = label("–", "quiet")
        for edit, day in ((self.first, today.addMonths(-1)), (self.last, today)):
            edit.setCalendarPopup(True)
            edit.setDisplayFormat("yyyy-MM-dd")
            edit.setDate(day)
        self.who = named(QComboBox(), words("ledger.filter.who"))
        self.who.addItem(words("ledger.filter.who.any"), ("", ""))
        for widget, stretch in ((self.text, 3), (self.type, 2), (self.period, 0), (self.first, 0), (self._to, 0), (self.last, 0), (self.who, 1)):
            row.addWidget(widget, stretch)
        for choice in (self.type, self.who):
            choice.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
            choice.setMinimumContentsLength(6)
        self._typing = QTimer(self, singleShot=True, interval=_TYPING_MILLISECONDS)
        self._typing.timeout.connect(self.changed)
        self.text.textEdited.connect(lambda _: self._typing.start())
        self.text.returnPressed.connect(self._now)
        self.text.textChanged.connect(lambda text: self._now() if not text else None)
        self.type.activated.connect(lambda _: self._now())
        self.who.activated.connect(lambda _: self._now())
        self.period.activated.connect(lambda _: self._period())
        self.first.dateChanged.connect(lambda _: self._typing.start())
        self.last.dateChanged.connect(lambda _: self._typing.start())
        self._show_days()

    @property
    def query(self) -> dict[str, str]:
        """What is chosen; empty for everything."""
        out: dict[str, str] = {}
        if text := self.text.text().strip():
            out["text"] = text
        if kind := str(self.type.currentData() or ""):
            out["type"] = kind
        name, value = self.who.currentData()
        if value:
            out[name] = value
        first, last = self._days()
        if first is not None:
            out["from"] = _midnight(first)
        if last is not None:
            out["to"] = _midnight(last + timedelta(days=1))
        return out

    def clear(self) -> None:
        """Choose everything."""
        self.text.clear()
        for choice in (self.type, self.period, self.who):
            choice.setCurrentIndex(0)
        self._show_days()
        self._now()

    def know_types(self, types: Iterable[Mapping[str, Any]]) -> None:
        """Offer these types of statement, those that there are."""
        chosen = self.type.currentData()
        self.type.clear()
        self.type.addItem(self._words("ledger.filter.type.any"), "")
        for each in types:
            if each.get("count"):
                title = (each.get("title") or {}).get(self._words.lang) or each.get("type")
                self.type.addItem(self._words("verify.kind.item", kind=title, count=f"{each['count']:,}"), each.get("type"))
        self.type.setCurrentIndex(max(0, self.type.findData(chosen)))

    def know_people(self, acts: Iterable[Act]) -> None:
        """Offer those who appear in these entries."""
        known = {self.who.itemData(index) for index in range(self.who.count())}
        for act in acts:
            for name, value in (("actor", act.actor), ("device", act.device)):
                if value and (name, value) not in known and self.who.count() < _PEOPLE_MAX:
                    known.add((name, value))
                    self.who.addItem(self._words(f"ledger.who.{name}", name=value[:16]), (name, value))

    def _days(self) -> tuple[date | None, date | None]:
        today = datetime.now().astimezone().date()
        period = self.period.currentData()
        if period == "own":
            first, last = (date(edit.date().year(), edit.date().month(), edit.date().day()) for edit in (self.first, self.last))
            return min(first, last), max(first, last)
        begins = {"today": today, "week": today - timedelta(days=6), "month": today - timedelta(days=29), "year": today.replace(month=1, day=1)}
        return begins.get(period), None

    def _period(self) -> None:
        self._show_days()
        self._now()

    def _show_days(self) -> None:
        for widget in (self.first, self._to, self.last):
            widget.setVisible(self.period.currentData() == "own")

    def _now(self) -> None:
        self._typing.stop()
        self.changed.emit()


def _midnight(day: date) -> str:
    return datetime.combine(day, time()).astimezone().isoformat()
