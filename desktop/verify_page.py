"""Checking signatures: files in, verdict first, then each signature with its reasons and its place on the page."""

from collections.abc import Sequence
from functools import partial

from PySide6.QtCore import Qt
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import QHBoxLayout, QListWidget, QListWidgetItem, QScrollArea, QSplitter, QStackedWidget, QVBoxLayout, QWidget

from desktop import look, operations
from desktop.files import DropArea, choose_files, dropped_paths
from desktop.nouns import Signature, VerifiedDocument, shown_name
from desktop.parts import banner, button, empty, label, named
from desktop.placement import Box
from desktop.preview_panel import PreviewPanel
from desktop.progress import ProgressPanel
from desktop.verdict import shape_of, signature_card, tone_of, verdict_banner, verdict_word
from desktop.wire import Agent, Job, Problem
from desktop.words import Words


class VerifyPage(QStackedWidget):
    """Three faces: drop, progress, verdicts."""

    def __init__(self, agent: Agent, words: Words) -> None:
        super().__init__()
        self._agent, self._words = agent, words
        self.job: Job | None = None
        self._todo: list[tuple[str, str | None]] = []
        self._results: list[VerifiedDocument | tuple[str, Problem]] = []
        self._total = 0
        self._marked: Signature | None = None
        self.setAcceptDrops(True)
        self.drop = DropArea(words("drop.verify"), words("drop.verify.hint"), words("verify.dialog"), words)
        self.drop.files.connect(self.verify)
        self.progress = ProgressPanel(words, "progress.title.verify")
        self.progress.stopped.connect(self._stop)
        self.preview = PreviewPanel(words)
        self.preview.shown.connect(lambda *_: self._mark())
        self._empty, self._verdicts = self._empty_face(), self._verdict_face()
        for face in (self._empty, self.progress, self._verdicts):
            self.addWidget(face)

    def verify(self, paths: Sequence[str]) -> None:
        """Check these files, one after another."""
        if self.job is not None or not paths:
            return
        self._todo = operations.pair_up(paths)
        self._results, self._total = [], len(self._todo)
        self.progress.start(self._total)
        self.setCurrentWidget(self.progress)
        self._next()

    def close_down(self) -> None:
        """Before the window goes."""
        self._todo = []
        self.preview.close_document()

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if event.mimeData().hasUrls() and self.job is None:
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        event.acceptProposedAction()
        self.verify(dropped_paths(event.mimeData()))

    # faces

    def _empty_face(self) -> QWidget:
        face = QWidget()
        column = QVBoxLayout(face)
        column.setContentsMargins(24, 18, 24, 24)
        column.setSpacing(6)
        column.addWidget(label(self._words("verify.title"), "title"))
        column.addWidget(label(self._words("verify.lead"), "quiet", wrap=True))
        column.addSpacing(10)
        column.addWidget(self.drop, 1)
        return face

    def _verdict_face(self) -> QWidget:
        words = self._words
        face = QWidget()
        outer = QVBoxLayout(face)
        outer.setContentsMargins(20, 14, 20, 14)
        outer.setSpacing(10)
        head = QHBoxLayout()
        head.addWidget(label(words("verify.title"), "title"), 1)
        self.more = button(words("verify.more"), self._choose, "primary")
        head.addWidget(self.more)
        outer.addLayout(head)
        self.list = named(QListWidget(), words("verify.files"))
        self.list.setMaximumHeight(150)
        self.list.currentRowChanged.connect(self._show)
        outer.addWidget(self.list)
        inner = QWidget()
        inner.setObjectName("inside")
        self._details = QVBoxLayout(inner)
        self._details.setContentsMargins(0, 0, 8, 0)
        self._details.setSpacing(10)
        scroll = named(QScrollArea(), words("verify.title"))
        scroll.setWidgetResizable(True)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setWidget(inner)
        split = QSplitter(Qt.Orientation.Horizontal)
        split.setChildrenCollapsible(False)
        split.addWidget(scroll)
        split.addWidget(self.preview)
        split.setHandleWidth(14)
        split.setSizes([480, 420])
        split.setStretchFactor(0, 1)
        split.setStretchFactor(1, 1)
        outer.addWidget(split, 1)
        return face

    # what happens

    def _choose(self) -> None:
        self.verify(choose_files(self, self._words("verify.dialog"), self._words))

    def _stop(self) -> None:
        self._todo = []
        if self.job is not None:
            self.job.stop()

    def _next(self) -> None:
        done = len(self._results)
        self.progress.progress({"stage": "verify", "done": done, "total": self._total})
        if not self._todo:
            self._finish()
            return
        path, signature = self._todo.pop(0)
        self.job = operations.verify(self._agent, path, signature, self._words, self._verified, lambda problem: self._not_verified(path, problem))

    def _verified(self, document: VerifiedDocument) -> None:
        self._results.append(document)
        self.job = None
        self._next()

    def _not_verified(self, path: str, problem: Problem) -> None:
        self.job = None
        if problem.code == "cancelled":
            self._finish()
            return
        self._results.append((path, problem))
        self._next()

    def _finish(self) -> None:
        words, c = self._words, look.colours()
        self.list.clear()
        for result in self._results:
            verdict, path = (result.verdict, result.path) if isinstance(result, VerifiedDocument) else ("indeterminate", result[0])
            item = QListWidgetItem(
                look.icon(shape_of(verdict), getattr(c, tone_of(verdict))), f"{verdict_word(verdict, words)}　{shown_name(path)}", self.list
            )
            item.setToolTip(shown_name(path))
        self.list.setVisible(len(self._results) > 1)
        self.list.setMaximumHeight(self.list.sizeHintForRow(0) * min(4, len(self._results)) + 4 if self._results else 0)
        if not self._results:
            self.setCurrentWidget(self._empty)
            return
        self.setCurrentWidget(self._verdicts)
        self.list.setCurrentRow(0)

    def _show(self, row: int) -> None:
        if not 0 <= row < len(self._results):
            return
        empty(self._details)
        words, result = self._words, self._results[row]
        self._marked = None
        if isinstance(result, VerifiedDocument):
            self._details.addWidget(verdict_banner(result, words))
            if result.signatures:
                self._details.addWidget(label(words("verify.signatures", count=len(result.signatures)), "heading"))
            said = result.explanation.get(words.lang, "")
            for signature in result.signatures:
                self._details.addWidget(signature_card(signature, words, partial(self._look_at, result.path, signature), said))
            first = next((s for s in result.signatures if s.page and s.rect_mm and s.rect_mm[2] > 0), None)
            self._look_at(result.path, first)
        else:
            message, hint = words.error(result[1].code, result[1].facts, result[1].detail, result[1].hint)
            self._details.addWidget(banner("doubt", "indeterminate", f"{shown_name(result[0])}: {message}", hint))
            self._look_at(result[0], None)
        self._details.addStretch(1)

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
