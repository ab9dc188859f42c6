"""Checking signatures: files and folders in, verdict first, then each signature with its reasons and its place on the page."""

import os
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import QCheckBox, QComboBox, QHBoxLayout, QMenu, QScrollArea, QSplitter, QStackedWidget, QVBoxLayout, QWidget

from desktop.checking import Checking, request_for
from desktop.comparison import ComparisonView
from desktop.consent import in_fours
from desktop.files import DropArea, choose_files, choose_folder, dropped_paths
from desktop.nouns import shown_name
from desktop.parts import banner, button, empty, label, named, settle
from desktop.placement import Box
from desktop.preview_panel import PreviewPanel
from desktop.progress import ProgressPanel
from desktop.report import ReportSaver
from desktop.trust_dialog import TrustDialog
from desktop.verdict import not_checked_panel, signature_card, verdict_banner, verdict_word
from desktop.verdict_table import KINDS, VerdictTable, kind_of
from desktop.verified import Signature, VerifiedDocument
from desktop.wire import Agent
from desktop.wording import TEXTS
from desktop.words import Words

_CARDS = 60
"""So many signatures of one file get a card."""
_UNKNOWN_ISSUER = "NO_CERTIFICATE_CHAIN_FOUND"
_ROWS = 4
"""The table begins with so many rows where only a few files were checked; a person may pull it larger."""


class VerifyPage(QStackedWidget):
    """Four faces: drop, progress, verdicts, and the signed version beside the present one."""

    def __init__(self, agent: Agent, words: Words) -> None:
        super().__init__()
        self._agent, self._words = agent, words
        self.job: Checking | None = None
        self._asked: list[str] = []
        self._last: Checking | None = None
        """The check whose verdicts are shown."""
        self._worth_a_look = 0
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
        """Check these files, and what is signed in these folders."""
        if self.job is None and paths:
            self._asked = list(paths)
            self._begin(request_for(paths, self.online.isChecked()))

    def go_on(self) -> None:
        """Check what is left of a check that was stopped."""
        if self.job is None and self._last is not None and self._last.run:
            self._begin({"resume": self._last.run})

    def _begin(self, request: Mapping[str, Any]) -> None:
        self._worth_a_look = 0
        self.comparison.close_down()
        self.progress.start(len(request.get("files", ())))
        self.setCurrentWidget(self.progress)
        self.job = job = Checking(self._agent, self._words, request, self)
        job.progress.connect(self._progress)
        job.verified.connect(self._verified)
        job.over.connect(self._finish)

    def trust(self) -> None:
        """Show which issuers are trusted; when that has changed, what is shown is checked again."""
        dialog = TrustDialog(self._agent, self._words, self.window())
        changes: list[bool] = []
        dialog.changed.connect(lambda: changes.append(True))
        dialog.finished.connect(lambda _: self.verify(self._asked) if changes and self.currentWidget() is self._verdicts else None)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.open()

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
        row = QHBoxLayout()
        row.addWidget(self.online, 1)
        row.addWidget(button(self._words("trust.open"), self.trust, "link"))
        column.addLayout(row)
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
        outer.addWidget(self.report)
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
        self.resume = button(words("verify.go_on"), self.go_on)
        self.report = ReportSaver(self._agent, words)
        for widget in (self._again_online, self.resume, self.again, self.report.button, self.more):
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
        self.filter.activated.connect(lambda index: self._fill(str(self.filter.itemData(index))))
        row.addWidget(self.filter)
        self._stopped = QVBoxLayout()
        column.addLayout(self._stopped)
        column.addLayout(row)
        column.addWidget(self.table, 1)
        return part

    # what happens

    def _stop(self) -> None:
        if self.job is not None:
            self.job.stop()

    def _progress(self, data: dict[str, Any]) -> None:
        if data.get("stage") == "look":
            self.progress.note(self._words("verify.looking", count=data.get("done") or 0))
        else:
            self.progress.note(self._words("verify.so_far", count=self._worth_a_look) if self._worth_a_look else "")
        self.progress.progress(data)

    def _verified(self, document: VerifiedDocument) -> None:
        self._worth_a_look += kind_of(document) != "passed"

    def _finish(self) -> None:
        job, self.job = self.job, None
        if job is None:
            return
        if self._last is not None:
            self._last.deleteLater()
        self._last = job
        empty(self._notice)
        counts = job.counts or {"passed": len(job.documents) - self._worth_a_look}
        if not job.documents and not counts.get("passed"):
            self._say_nothing(job)
            return
        self.setCurrentWidget(self._verdicts)
        self._above.setVisible(len(job.documents) > 1 or sum(counts.values()) > 1 or any(job.left_out.values()))
        self._sum_up(job)
        self._fill("")
        (self.table if self._above.isVisible() else self.more).setFocus()
        self.report.offer(job.run, os.path.splitext(shown_name(self._asked[0]))[0] if len(self._asked) == 1 else "")
        wanted = self.table.height_for(min(len(job.documents), _ROWS)) + 50
        height = max(self._down.height(), 2 * wanted)
        self._down.setSizes([max(wanted, height * 2 // 5) if len(job.documents) > _ROWS else wanted, height])

    def _say_nothing(self, job: Checking) -> None:
        """There is not one verdict to show."""
        words, problem = self._words, job.problem
        if problem is None:
            self._notice.addWidget(banner("doubt", "indeterminate", words("verify.nothing")))
        elif problem.code != "cancelled":
            self._notice.addWidget(banner("bad", "failed", *words.error(problem.code, problem.facts, problem.detail, problem.hint)))
        self.setCurrentWidget(self._empty)
        settle(self._notice)

    def _sum_up(self, job: Checking) -> None:
        words = self._words
        unsigned = sum(kind_of(document) == "unsigned" for document in job.documents)
        counts = {**dict.fromkeys(KINDS, 0), "unsigned": unsigned, **{kind: int(job.counts.get(kind, 0)) for kind in ("passed", "failed")}}
        counts["indeterminate"] = int(job.counts.get("indeterminate", unsigned)) - unsigned
        if not job.counts:  # nobody was left to count
            counts |= {kind: sum(kind_of(document) == kind for document in job.documents) for kind in KINDS}
        total = sum(counts.values())
        out = [words(f"verify.left.{kind}", count=count) for kind, count in job.left_out.items() if count and f"verify.left.{kind}" in TEXTS]
        self._sum.setText(words.together(words("verify.sum", total=total, **counts), *out))
        empty(self._stopped)
        if job.problem is not None:
            told = words("verify.stopped", count=job.left)
            if job.problem.code != "cancelled":
                told = words.together(words.error(job.problem.code, job.problem.facts, job.problem.detail, job.problem.hint)[0], told)
            self._stopped.addWidget(banner("doubt", "indeterminate", told, words("verify.stopped.hint") if job.run else ""))
            settle(self._stopped)
        self._above.setVisible(self._above.isVisibleTo(self._verdicts) or job.problem is not None)
        self.resume.setVisible(job.problem is not None and bool(job.run))
        self.filter.clear()
        self.filter.addItem(words("verify.kind.all", count=total), "")
        for kind in KINDS:
            if counts[kind]:
                word = words("verify.kind.unsigned") if kind == "unsigned" else verdict_word(kind, words)
                self.filter.addItem(words("verify.kind.item", kind=word, count=counts[kind]), kind)
        self.filter.setVisible(self.filter.count() > 2)

    def _fill(self, kind: str) -> None:
        job = self._last
        if job is not None:
            listed = job.documents
            unlisted = int(job.counts.get("passed", 0)) > sum(document.verdict == "passed" for document in listed)
            self.table.show_results(listed, kind, partial(job.read, False) if unlisted else None)

    def _show(self, document: VerifiedDocument) -> None:
        empty(self._details)
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
        if any(signature.reason == _UNKNOWN_ISSUER for signature in document.signatures):
            self._details.addWidget(button(words("trust.open"), self.trust, "link"), 0, Qt.AlignmentFlag.AlignLeft)
        if document.not_checked:
            self._details.addWidget(not_checked_panel(document.not_checked, words))
        if document.sha256:
            digest = label(words("verify.digest", digest=in_fours(document.sha256)), "small", wrap=True)
            digest.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            self._details.addWidget(digest)
        self._details.addStretch(1)
        settle(self._details)
        self._look_at(document.path, next((s for s in document.signatures if s.shown_on_page), None))

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
