"""What an inspection found, on the screen: the verdict first, the seal, then every finding in colour; to be printed or saved."""

import re
from datetime import datetime

from PySide6.QtCore import QMarginsF, QSaveFile, Qt, Signal
from PySide6.QtGui import QPageSize, QPdfWriter, QTextDocument
from PySide6.QtPrintSupport import QPrintDialog, QPrinter
from PySide6.QtWidgets import QFileDialog, QHBoxLayout, QLabel, QScrollArea, QVBoxLayout, QWidget

from agent.api.inspection_page import page
from desktop import look
from desktop.inspection import Finding, Inspection
from desktop.nouns import Token, shown_name
from desktop.parts import banner, button, empty, frame, label, named
from desktop.verdict import large_verdict
from desktop.words import Words

_TONE = {"ok": "good", "warn": "doubt", "fail": "bad"}
_STYLE = re.compile("<style>.*?</style>", re.DOTALL)
_PAPER = """
h1 { font-size: 18pt } h2 { font-size: 12pt } .verdict { font-size: 16pt; font-weight: 700 } code { font-size: 8pt }
table { border-collapse: collapse } th { background: #f2f2f2; text-align: left } td, th { font-size: 9.5pt; border: 1px solid #bbbbbb }
.passed, .ok { color: #17703a } .failed, .fail { color: #b3261e } .indeterminate, .warn { color: #8a5300 } .sign { margin-top: 24px }
"""
"""As much of the report's style as QTextDocument knows."""
_SHAPE = {"ok": "passed", "warn": "indeterminate", "fail": "failed"}


class InspectionView(QWidget):
    """The face of the UKey page after an inspection."""

    back = Signal()
    again = Signal()

    def __init__(self, words: Words) -> None:
        super().__init__()
        self._words = words
        self._inspection: Inspection | None = None
        self._token: Token | None = None
        outer = QVBoxLayout(self)
        outer.setContentsMargins(24, 18, 24, 18)
        outer.setSpacing(12)
        self._title = label("", "title", wrap=True)
        outer.addWidget(self._title)
        inner = QWidget()
        inner.setObjectName("inside")
        self._column = QVBoxLayout(inner)
        self._column.setContentsMargins(0, 0, 8, 0)
        self._column.setSpacing(8)
        scroll = named(QScrollArea(), words("inspect.name"))
        scroll.setWidgetResizable(True)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setWidget(inner)
        outer.addWidget(scroll, 1)
        self._told = label("", "quiet", wrap=True)
        outer.addWidget(self._told)
        row = QHBoxLayout()
        row.addStretch(1)
        self.save = button(words("inspect.save"), self._save)
        self.print = button(words("inspect.print"), self._print)
        self.repeat = button(words("inspect.again"), self.again.emit)
        self._leave = button(words("inspect.back"), self.back.emit, "primary")
        for each in (self.save, self.print, self.repeat, self._leave):
            row.addWidget(each)
        outer.addLayout(row)

    def show_result(self, inspection: Inspection, token: Token) -> None:
        """Tell what was found on this UKey."""
        words = self._words
        self._inspection, self._token = inspection, token
        self._title.setText(words("inspect.title", token=token.label))
        self._told.setText("")
        empty(self._column)
        self._column.addWidget(self._verdict(inspection))
        seal = words("inspect.seal.yes" if inspection.may_carry_seal else "inspect.seal.no")
        tone, shape = ("good", "passed") if inspection.may_carry_seal else ("doubt", "indeterminate")
        self._column.addWidget(banner(tone, shape, seal, "\n".join(inspection.seal_reasons)))
        self._column.addWidget(label(words("inspect.findings"), "heading"))
        for finding in inspection.worst_first():
            self._column.addWidget(self._row(finding))
        for caption, value in inspection.facts:
            line = label(f"{caption}: {value}", "small", wrap=True)
            line.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            self._column.addWidget(line)
        self._column.addStretch(1)
        self._leave.setFocus()

    def _verdict(self, inspection: Inspection) -> QWidget:
        word = self._words(f"inspect.verdict.{inspection.verdict}")
        reasons = [label(line, wrap=True) for line in inspection.reasons]
        about = [label(line, "small", wrap=True) for line in self._about()]
        shown = large_verdict(inspection.verdict, word, [*reasons, *about])
        return named(shown, f"{self._words('inspect.name')}: {word}", " ".join(inspection.reasons))

    def _about(self) -> list[str]:
        words, token = self._words, self._token
        said = [words("inspect.when", time=words.instant(self._inspection.time if self._inspection else ""))]
        if token is not None:
            make = " ".join(filter(None, (token.manufacturer, token.model))) or token.module
            said.insert(0, words("ukey.facts", serial=token.serial or "–", make=make))
            if token.emulated:
                said.append(words("inspect.practice"))
        return said

    def _row(self, finding: Finding) -> QWidget:
        words, tone = self._words, _TONE[finding.state]
        card = frame("card")
        row = QHBoxLayout(card)
        row.setContentsMargins(14, 8, 14, 8)
        row.setSpacing(12)
        image = QLabel()
        image.setPixmap(look.picture(_SHAPE[finding.state], getattr(look.colours(), tone), 20))
        row.addWidget(image, 0, Qt.AlignmentFlag.AlignTop)
        state = label(words(f"inspect.finding.{finding.state}"), tone)
        state.setMinimumWidth(64)
        row.addWidget(state, 0, Qt.AlignmentFlag.AlignTop)
        text = QVBoxLayout()
        text.setSpacing(2)
        text.addWidget(label(finding.text, wrap=True))
        if finding.hint:
            text.addWidget(label(finding.hint, "quiet", wrap=True))
        row.addLayout(text, 1)
        return named(card, f"{state.text()}: {finding.text}", finding.hint)

    # paper

    def report(self) -> str:
        """The whole report as HTML, the same that the command line writes."""
        assert self._inspection is not None
        return page(self._inspection.result, self._words.lang)

    def document(self) -> QTextDocument:
        """The report as a document to print."""
        made = QTextDocument()
        made.setDefaultFont(self.font())
        made.setDefaultStyleSheet(_PAPER)
        made.setHtml(_STYLE.sub("", self.report()).replace("<table", '<table width="100%" cellspacing="0" cellpadding="3"'))
        return made

    def write(self, path: str) -> bool:
        """Save the report, as HTML or PDF by the file's name, whole or not at all; False where it cannot be written."""
        file = QSaveFile(path)
        if not file.open(QSaveFile.OpenModeFlag.WriteOnly):
            return False
        if path.lower().endswith((".html", ".htm")):
            file.write(self.report().encode())
            return file.commit()
        writer = QPdfWriter(file)
        writer.setPageSize(QPageSize(QPageSize.PageSizeId.A4))
        writer.setPageMargins(QMarginsF())  # QTextDocument brings margins and page numbers of its own
        writer.setTitle(self._title.text())
        self.document().print_(writer)
        del writer  # it writes the end of the file
        return file.commit()

    def _save(self) -> None:
        words, token = self._words, self._token
        name = words("inspect.file", token=(token.label if token else "").replace("/", "-"), date=f"{datetime.now().astimezone():%Y-%m-%d}")
        dialog = QFileDialog(self, words("inspect.save"), "", words("inspect.filter"))
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setDefaultSuffix("pdf")
        dialog.selectFile(name)
        dialog.fileSelected.connect(self.save_as)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.open()

    def save_as(self, path: str) -> None:
        """Save under this name and say what came of it."""
        self._told.setText(self._words("inspect.saved" if self.write(path) else "inspect.unsaved", name=shown_name(path)))

    def _print(self) -> None:
        printer = QPrinter(QPrinter.PrinterMode.HighResolution)
        dialog = QPrintDialog(printer, self)
        dialog.setWindowTitle(self._words("inspect.print"))
        dialog.accepted.connect(lambda: self.document().print_(printer))
        dialog.setModal(True)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.show()
