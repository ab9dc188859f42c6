"""What a check of a ledger came to: the verdict first, what is wrong and where, what was looked at and what cannot be seen."""

from functools import partial

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QLabel, QScrollArea, QVBoxLayout, QWidget

from desktop import look
from desktop.ledger import Check, Finding
from desktop.parts import button, empty, frame, label, named, settle
from desktop.verdict import large_verdict
from desktop.words import Words


class CheckView(QWidget):
    """The face of the ledger page after a check.  `wanted` asks for an entry to be shown."""

    back = Signal()
    wanted = Signal(int)

    def __init__(self, words: Words) -> None:
        super().__init__()
        self._words = words
        outer = QVBoxLayout(self)
        outer.setContentsMargins(24, 18, 24, 18)
        outer.setSpacing(12)
        outer.addWidget(label(words("ledger.check.title"), "title"))
        inner = QWidget()
        inner.setObjectName("inside")
        self._column = QVBoxLayout(inner)
        self._column.setContentsMargins(0, 0, 8, 0)
        self._column.setSpacing(10)
        scroll = named(QScrollArea(), words("ledger.check.title"))
        scroll.setWidgetResizable(True)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setWidget(inner)
        outer.addWidget(scroll, 1)
        row = QHBoxLayout()
        row.addStretch(1)
        self.leave = button(words("result.back"), self.back.emit, "primary")
        row.addWidget(self.leave)
        outer.addLayout(row)

    def show_check(self, check: Check, of_file: str = "") -> None:
        """Tell what was found in the ledger, or in the exported file of this name."""
        words = self._words
        empty(self._column)
        word = words(f"ledger.check.{check.verdict}")
        lines = [label(check.explanation, wrap=True)]
        if of_file:
            lines.insert(0, label(of_file, "heading", wrap=True))
            lines.append(label(words("ledger.check.own" if check.own else "ledger.check.not_own"), wrap=True))
        facts = words("ledger.check.facts", entries=f"{check.entries:,}", signatures=f"{check.signatures:,}", seconds=f"{check.seconds:.1f}")
        lines.append(label(facts, "small", wrap=True))
        if check.legacy:
            lines.append(label(words("ledger.check.legacy", count=f"{check.legacy:,}"), "small", wrap=True))
        verdict = large_verdict(check.verdict, word, lines)
        self._column.addWidget(named(verdict, f"{words('ledger.check.title')}: {word}", check.explanation))
        for finding in sorted(check.findings, key=lambda each: not each.wrong):
            self._column.addWidget(self._row(finding, 0 if of_file else check.entries))
        if check.more:
            self._column.addWidget(label(words("ledger.check.more", count=check.more), "quiet"))
        for key, points in (("ledger.check.checked", check.checked), ("verify.not_checked", check.not_checked)):
            if points:
                self._column.addWidget(_points(words(key), points))
        self._column.addStretch(1)
        settle(self._column)
        self.leave.setFocus()

    def _row(self, finding: Finding, there: int) -> QWidget:
        """A finding; `there` are so many entries that can be shown."""
        words, tone = self._words, "bad" if finding.wrong else "doubt"
        card = frame("card")
        row = QHBoxLayout(card)
        row.setContentsMargins(14, 8, 14, 8)
        row.setSpacing(12)
        image = QLabel()
        image.setPixmap(look.picture("failed" if finding.wrong else "indeterminate", getattr(look.colours(), tone), 20))
        row.addWidget(image, 0, Qt.AlignmentFlag.AlignTop)
        row.addWidget(label(finding.text, wrap=True), 1)
        if finding.seq is not None and finding.seq < there:
            name = words("ledger.check.show.name", seq=finding.seq)
            row.addWidget(button(words("ledger.check.show"), partial(self.wanted.emit, finding.seq), "link", name))
        return named(card, finding.text)


def _points(title: str, points: tuple[str, ...]) -> QWidget:
    card = frame("panel")
    column = QVBoxLayout(card)
    column.setContentsMargins(16, 12, 16, 12)
    column.setSpacing(4)
    column.addWidget(label(title, "heading"))
    for point in points:
        column.addWidget(label(f"· {point[:1].upper()}{point[1:]}", wrap=True))
    return named(card, title, " ".join(points))
