"""Checking signatures: files and folders in, verdict first, then each signature with its reasons and its place on the page."""

from collections.abc import Sequence
from functools import partial

from PySide6.QtCore import Qt
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import QCheckBox, QComboBox, QHBoxLayout, QMenu, QScrollArea, QSplitter, QStackedWidget, QVBoxLayout, QWidget

from desktop.checking import Checking
from desktop.comparison import ComparisonView
from desktop.files import DropArea, choose_files, choose_folder, dropped_paths
from desktop.nouns import shown_name
from desktop.parts import banner, button, empty, label, named, settle
from desktop.placement import Box
from desktop.preview_panel import PreviewPanel
from desktop.progress import ProgressPanel
from desktop.verdict import signature_card, unseen_panel, verdict_banner, verdict_word
from desktop.verdict_table import KINDS, Result, VerdictTable, kind_of
from desktop.verified import Signature, VerifiedDocument, unseen
from desktop.wire import Agent
from desktop.words import Words

_CARDS = 60
"""So many signatures of one file get a card."""
_ROWS = 4
"""The table begins with so many rows where only a few files were checked; a person may pull it larger."""


class VerifyPage(QStackedWidget):
    """Four faces: drop, progress, verdicts, and the signed version beside the present one."""

    def __init__(self, agent: Agent, words: Words) -> None:
        super().__init__()
        self._agent, self._words = agent, words
        self.job: Checking | None = None
        self._asked: list[str] = []
        self._results: list[Result] = []
        self._worth_a_look = 0
        self._checked_online = True
        self._marked: Signature | None = None
        self.setAcceptDrops(True)
        self.drop = DropArea(words("drop.verify"), words("drop.verify.hint"), words("verify.dialog"), words, folders=True)
        self.drop.files.connect(self.verify)
        self.progress = ProgressPanel(words, "progress.title.verify")
        self.progress.stopped.connect(self._stop)
        self.preview = PreviewPanel(words)
        self.preview.shown.connect(lambda *_: self._mark())
        self.comparison = ComparisonView(agent, words)
        self.comparison.back.connect(self._back)
        self.online = self._switch()
        self._again_online = self._switch()
        self.online.toggled.connect(self._again_online.setChecked)
        self._again_online.toggled.connect(self.online.setChecked)
        self._empty, self._verdicts = self._empty_face(), self._verdict_face()
        for face in (self._empty, self.progress, self._verdicts, self.comparison):
            self.addWidget(face)

    def verify(self, paths: Sequence[str]) -> None:
        """Check these files, and what can be signed in these folders."""
        if self.job is not None or not paths:
            return
        self._asked, self._results, self._worth_a_look = list(paths), [], 0
        self._checked_online = self.online.isChecked()
        self.comparison.close_down()
        self.progress.start(len(paths))
        self.setCurrentWidget(self.progress)
        self.job = job = Checking(self._agent, self._words, paths, self._checked_online, (), self)
        job.looking.connect(lambda count: self.progress.note(self._words("verify.looking", count=count)))
        job.progress.connect(self._progress)
        job.verified.connect(self._verified)
        job.refused.connect(lambda path, problem: self._verified((path, problem)))
        job.over.connect(self._finish)

    def close_down(self) -> None:
        """Before the window goes."""
        if self.job is not None:
            self.job.abandon()
            self.job = None
        self.preview.close_document()
        self.comparison.close_down()

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if event.mimeData().hasUrls() and self.job is None:
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        event.acceptProposedAction()
        self.verify(dropped_paths(event.mimeData(), whole_folders=True))

    # faces

    def _switch(self) -> QCheckBox:
        words = self._words
        made = named(QCheckBox(words("verify.online")), words("verify.online"), words("verify.online.note"))
        made.setToolTip(words("verify.online.note"))
        made.setChecked(True)
        return made

    def _empty_face(self) -> QWidget:
        face = QWidget()
        column = QVBoxLayout(face)
        column.setContentsMargins(24, 18, 24, 24)
        column.setSpacing(6)
        column.addWidget(label(self._words("verify.title"), "title"))
        column.addWidget(label(self._words("verify.lead"), "quiet", wrap=True))
        column.addSpacing(10)
        self._notice = QVBoxLayout()
        column.addLayout(self._notice)
        column.addWidget(self.drop, 1)
        column.addSpacing(8)
        column.addWidget(self.online)
        column.addWidget(label(self._words("verify.online.note"), "small", wrap=True))
        return face

    def _verdict_face(self) -> QWidget:
        face = QWidget()
        outer = QVBoxLayout(face)
        outer.setContentsMargins(20, 14, 20, 14)
        outer.setSpacing(10)
        outer.addLayout(self._head())
        self.table = VerdictTable(self._words)
        self.table.chosen.connect(self._show)
        self._above = self._list_part()
        scroll = named(QScrollArea(), self._words("verify.title"))
        scroll.setWidgetResizable(True)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        inner = QWidget()
        inner.setObjectName("inside")
        self._details = QVBoxLayout(inner)
        self._details.setContentsMargins(0, 0, 8, 0)
        self._details.setSpacing(10)
        scroll.setWidget(inner)
        across = QSplitter(Qt.Orientation.Horizontal)
        across.addWidget(scroll)
        across.addWidget(self.preview)
        self._down = QSplitter(Qt.Orientation.Vertical)
        self._down.addWidget(self._above)
        self._down.addWidget(across)
        for split in (across, self._down):
            split.setChildrenCollapsible(False)
            split.setHandleWidth(14)
        across.setSizes([480, 420])
        across.setStretchFactor(0, 1)
        across.setStretchFactor(1, 1)
        self._down.setStretchFactor(1, 1)
        outer.addWidget(self._down, 1)
        return face

    def _head(self) -> QHBoxLayout:
        words = self._words
        head = QHBoxLayout()
        head.addWidget(label(words("verify.title"), "title"), 1)
        self.again = button(words("verify.again"), lambda: self.verify(self._asked))
        self.more = button(words("verify.more"), lambda: None, "primary")
        menu = QMenu(self.more)
        menu.addAction(words("drop.choose"), lambda: self.verify(choose_files(self, words("verify.dialog"), words)))
        menu.addAction(words("drop.choose.folder"), lambda: self.verify(choose_folder(self, words("verify.dialog"))))
        self.more.setMenu(menu)
        for widget in (self._again_online, self.again, self.more):
            head.addWidget(widget)
        return head

    def _list_part(self) -> QWidget:
        words = self._words
        part = QWidget()
        column = QVBoxLayout(part)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(6)
        row = QHBoxLayout()
        self._sum = label("", wrap=True)
        row.addWidget(self._sum, 1)
        self.filter = named(QComboBox(), words("verify.filter"))
        self.filter.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
        self.filter.activated.connect(lambda index: self.table.show_results(self._results, str(self.filter.itemData(index))))
        row.addWidget(self.filter)
        column.addLayout(row)
        column.addWidget(self.table, 1)
        return part

    # what happens

    def _stop(self) -> None:
        if self.job is not None:
            self.job.stop()

    def _progress(self, data: dict[str, object]) -> None:
        self.progress.note(self._words("verify.so_far", count=self._worth_a_look) if self._worth_a_look else "")
        self.progress.progress(data)

    def _verified(self, result: Result) -> None:
        self._results.append(result)
        self._worth_a_look += kind_of(result) != "passed"

    def _finish(self, left: int) -> None:
        job, self.job = self.job, None
        others = job.others if job is not None else 0
        if job is not None:
            job.deleteLater()
        empty(self._notice)
        if not self._results:
            if job is not None and not job.total and not job.stopped:
                self._notice.addWidget(banner("doubt", "indeterminate", self._words("verify.nothing")))
                settle(self._notice)
            self.setCurrentWidget(self._empty)
            return
        many = len(self._results) > 1 or others > 0 or left > 0
        self._above.setVisible(many)
        self.setCurrentWidget(self._verdicts)
        self.table.show_results(self._results)
        self._sum_up(others, left)
        wanted = self.table.height_for(min(len(self._results), _ROWS)) + 50
        height = max(self._down.height(), 2 * wanted)
        self._down.setSizes([max(wanted, height * 2 // 5 if len(self._results) > _ROWS else wanted), height])

    def _sum_up(self, others: int, left: int) -> None:
        words, counts = self._words, self.table.rows.counts()
        said = [words("verify.sum", total=sum(counts.values()), **counts)]
        if others:
            said.append(words("verify.sum.others", count=others))
        if left:
            said.append(words("verify.sum.left", count=left))
        self._sum.setText(" ".join(said) if words.lang == "en" else "".join(said))
        self.filter.clear()
        self.filter.addItem(words("verify.kind.all", count=sum(counts.values())), "")
        for kind in KINDS:
            if counts[kind]:
                word = words("verify.kind.unsigned") if kind == "unsigned" else verdict_word(kind, words)
                self.filter.addItem(words("verify.kind.item", kind=word, count=counts[kind]), kind)
        self.filter.setVisible(self.filter.count() > 2)

    def _show(self, result: Result) -> None:
        empty(self._details)
        words = self._words
        self._marked = None
        if isinstance(result, VerifiedDocument):
            self._show_document(result)
            first = next((s for s in result.signatures if s.shown_on_page), None)
            self._look_at(result.path, first)
        else:
            path, problem = result
            message, hint = words.error(problem.code, problem.facts, problem.detail, problem.hint)
            self._details.addWidget(banner("doubt", "indeterminate", f"{shown_name(path)}: {message}", hint))
            self._look_at(path, None)
        self._details.addStretch(1)
        settle(self._details)

    def _show_document(self, document: VerifiedDocument) -> None:
        words = self._words
        self._details.addWidget(verdict_banner(document, words))
        if document.signatures:
            self._details.addWidget(label(words("verify.signatures", count=len(document.signatures)), "heading"))
        said = document.explanation.get(words.lang, "")
        for signature in document.signatures[:_CARDS]:
            show, compare = partial(self._look_at, document.path, signature), partial(self._compare, document.path, signature)
            self._details.addWidget(signature_card(signature, words, show, compare, said))
        if len(document.signatures) > _CARDS:
            self._details.addWidget(label(words("verify.signatures.more", count=len(document.signatures) - _CARDS), "quiet", wrap=True))
        if points := unseen(document, self._checked_online):
            self._details.addWidget(unseen_panel(points, words))

    def _compare(self, path: str, signature: Signature) -> None:
        self.setCurrentWidget(self.comparison)
        self.comparison.show_version(path, signature)

    def _back(self) -> None:
        self.comparison.close_down()
        self.setCurrentWidget(self._verdicts)

    def _look_at(self, path: str, signature: Signature | None) -> None:
        self._marked = signature
        self.preview.open(path, signature.page if signature and signature.page else 1)
        self._mark()

    def _mark(self) -> None:
        view, signature = self.preview.view, self._marked
        box = None
        if signature is not None and signature.rect_mm and signature.page == view.page and all(view.page_size):
            left, bottom, width, height = signature.rect_mm
            box = Box(left, view.page_size[1] - bottom - height, width, height)
        view.set_box(box)
