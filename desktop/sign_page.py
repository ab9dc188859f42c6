"""Signing drawings: files in, a place on the page if wanted, one consent and PIN, progress, results."""

from collections.abc import Sequence
from typing import Any

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import QHBoxLayout, QSplitter, QStackedWidget, QVBoxLayout, QWidget

from desktop import operations
from desktop.files import DropArea, FileList, choose_files, dropped_paths
from desktop.nouns import SignedDocument, SignResult, Token
from desktop.parts import button, frame, label, named
from desktop.placement import Box, inside
from desktop.preview_panel import PreviewPanel
from desktop.progress import ProgressPanel
from desktop.results import ResultsPage
from desktop.sign_options import SignOptions
from desktop.signing_set import Set
from desktop.tokens_panel import TokenPanel, selector_of
from desktop.wire import Agent, Job, Problem
from desktop.words import Words

_SEEN_TO = ("sign.need.unlocked", "sign.need.pin", "sign.need.changed")
"""What is missing and can be seen to on the page of the UKeys."""


class SignPage(QStackedWidget):
    """Four faces: drop, prepare, progress, results."""

    verify = Signal(list)
    ukey = Signal()
    """Something is to be seen to on the page of the UKeys."""

    def __init__(self, agent: Agent, tokens: TokenPanel, words: Words) -> None:
        super().__init__()
        self._agent, self._tokens, self._words = agent, tokens, words
        self._token: Token | None = None
        self._up = False
        self.job: Job | None = None
        self._set = Set("", None)
        self.setAcceptDrops(True)
        self.drop = DropArea(words("drop.sign"), words("drop.hint"), words("files.dialog"), words)
        self.drop.files.connect(self.add)
        self.preview = PreviewPanel(words)
        self.options = SignOptions(words)
        self.files = FileList(words)
        self.progress = ProgressPanel(words, "progress.title")
        self.results = ResultsPage(words)
        self._empty, self._prepare = self._empty_face(), self._prepare_face()
        for face in (self._empty, self._prepare, self.progress, self.results):
            self.addWidget(face)
        self.files.changed.connect(self._refresh)
        self.files.current.connect(self.preview.open)
        self.preview.shown.connect(self._page_shown)
        self.preview.placed.connect(self._placed)
        self.options.place_changed.connect(self._draw_box)
        self.options.page.valueChanged.connect(lambda page: self.preview.turn(page) if self.options.visible.isChecked() else None)
        self.progress.stopped.connect(self._stop)
        self.results.again.connect(self.sign)
        self.results.replace.connect(lambda: self.sign(replace=True))
        self.results.back.connect(self._back)
        self.results.verify.connect(self.verify)
        self.results.resume.connect(self.go_on)
        self.results.ukey.connect(self.ukey)
        tokens.chosen.connect(self._token_chosen)
        self._refresh()

    def add(self, paths: Sequence[str]) -> None:
        """Take files in."""
        if self.job is None:
            if self.currentWidget() is self.results:
                self._back()
            self.files.add(paths)

    def service(self, up: bool) -> None:
        """The service answers, or does not."""
        self._up = up
        self._refresh()
        self._offer()

    def sign(self, replace: bool = False) -> None:
        """Sign what is in the list; `replace` puts the results in place of older ones."""
        chosen = self.options.options()
        if self.job is not None:
            return
        if self._missing():
            self._back()  # where it is said what is missing
            return
        order = operations.SignOrder(
            tuple(self.files.paths), self._tokens.selector(), chosen.certificate, chosen.place, chosen.reason, chosen.location, chosen.folder,
            self._token is not None and self._token.confirms_final_try, replace,
        )  # fmt: skip
        self._set = Set("", self._token, asked=len(order.paths))
        self._begin(len(order.paths))
        self._runs(operations.sign(self._agent, order, self.window(), self._words, self.progress, self._signed, self._failed, self.preview.digests))

    def go_on(self) -> None:
        """Sign what is left of the set that was stopped, with the same UKey."""
        token = self._tokens.again(self._set.token) if self._set.token is not None else None
        if self.job is not None or token is None or not self._up:
            return
        self._begin(self._set.left)
        self._runs(
            operations.resume(
                self._agent, self._set.batch, selector_of(token, self._tokens.tokens), token.confirms_final_try, self.window(), self._words,
                self.progress, self._signed, self._failed,
            )
        )  # fmt: skip

    def _begin(self, count: int) -> None:
        self.progress.start(count)
        self.setCurrentWidget(self.progress)

    def _runs(self, job: Job) -> None:
        self.job = job
        job.batch.connect(self._named)
        job.document.connect(self._heard)

    def _heard(self, document: dict[str, Any]) -> None:
        self._set = self._set.heard(SignedDocument.from_wire(document))

    def _named(self, batch: str) -> None:
        self._set = self._set.named(batch)

    def close_down(self) -> None:
        """Before the window goes."""
        self.preview.close_document()

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if event.mimeData().hasUrls() and self.job is None:
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        event.acceptProposedAction()
        self.add(dropped_paths(event.mimeData()))

    # faces

    def _empty_face(self) -> QWidget:
        face = QWidget()
        column = QVBoxLayout(face)
        column.setContentsMargins(24, 18, 24, 24)
        column.setSpacing(6)
        column.addWidget(label(self._words("sign.title"), "title"))
        column.addWidget(label(self._words("sign.lead"), "quiet", wrap=True))
        column.addSpacing(10)
        column.addWidget(self.drop, 1)
        return face

    def _prepare_face(self) -> QWidget:
        words = self._words
        face = QWidget()
        outer = QVBoxLayout(face)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.setSpacing(0)
        left = QWidget()
        column = QVBoxLayout(left)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(10)
        head = QHBoxLayout()
        self._count = label("", "heading")
        head.addWidget(self._count, 1)
        head.addWidget(button(words("files.add"), self._choose, "link"))
        head.addWidget(button(words("files.remove"), self.files.remove_selected, "link"))
        head.addWidget(button(words("files.clear"), self.files.clear_all, "link"))
        column.addLayout(head)
        column.addWidget(self.files, 1)
        column.addWidget(self.options)
        split = QSplitter(Qt.Orientation.Horizontal)
        split.setChildrenCollapsible(False)
        split.addWidget(left)
        split.addWidget(self.preview)
        split.setHandleWidth(14)
        split.setSizes([420, 480])
        split.setStretchFactor(1, 1)
        body = QVBoxLayout()
        body.setContentsMargins(20, 14, 20, 14)
        body.addWidget(split)
        outer.addLayout(body, 1)
        footer = frame("footer")
        row = QHBoxLayout(footer)
        row.setContentsMargins(24, 12, 24, 12)
        self._status = label("", "quiet", wrap=True)
        self.button = button(words("sign.button"), self.sign, "primary")
        self.button.setIconSize(self.button.iconSize() * 1.1)
        row.addWidget(self._status, 1)
        self._see = button(words("sign.see_ukey"), self.ukey.emit, "link")
        row.addWidget(self._see)
        row.addWidget(self.button)
        outer.addWidget(footer)
        return face

    def _refresh(self) -> None:
        count, words = self.files.count(), self._words
        if self.job is None and self.currentWidget() is not self.results:
            self.setCurrentWidget(self._prepare if count else self._empty)
        self._count.setText(words("files.count", count=count))
        self.button.setText(words("sign.button.count", count=count) if count else words("sign.button"))
        named(self.button, self.button.text())
        missing = self._missing()
        self.button.setEnabled(not missing)
        self._status.setText(words(missing) if missing else self._ready_text())
        self._see.setVisible(missing in _SEEN_TO)

    def _ready_text(self) -> str:
        assert self._token is not None
        chosen = self.options.certificate.currentData()
        name = next((c.name for c in self._token.signing_certificates if c.fingerprint == chosen), "")
        return self._words("sign.with", name=name, token=self._token.label)

    def _missing(self) -> str:
        """The text for what is still needed before signing; "" for nothing."""
        token = self._token
        if not self._up:
            return "sign.need.service"
        if not self.files.count():
            return "sign.need.files"
        if token is None or token.state in ("removed", "unusable"):
            return "sign.need.token"
        if token.state == "not_initialised":
            return "sign.need.initialised"
        if token.pin_state == "locked":
            return "sign.need.unlocked"
        if token.pin_state == "not_initialised":
            return "sign.need.pin"
        if token.pin_to_be_changed:
            return "sign.need.changed"
        return "" if token.signing_certificates else "sign.need.certificate"

    # what happens

    def _stop(self) -> None:
        if self.job is not None:
            self.job.stop()

    def _choose(self) -> None:
        self.add(choose_files(self, self._words("files.dialog"), self._words))

    def _token_chosen(self, token: Token | None) -> None:
        self._token = token
        self.options.show_token(token)
        self._refresh()
        self._draw_box()
        self._offer()

    def _page_shown(self, page: int, width_mm: float, height_mm: float) -> None:
        self.options.page_shown(self.preview.count, (width_mm, height_mm))
        self._draw_box()

    def _placed(self, box: Box) -> None:
        self.options.put(self.preview.view.page, box)

    def _draw_box(self) -> None:
        """Show the box where the fields say, if that is on the page shown; a click still puts it where there is none."""
        view, place = self.preview.view, self.options.place()
        size = view.page_size
        shown = self.options.visible.isChecked() and place.page == view.page and all(size)
        name = next((c.name for c in self._token.signing_certificates), "") if self._token else ""
        box = inside(place.box(*size), *size) if all(size) else None
        view.set_box(box, self._words("place.preview", name=name), editable=bool(view.page))
        if not shown:
            view.hide_box()

    def _signed(self, result: SignResult) -> None:
        self._show(result, None)

    def _failed(self, problem: Problem, result: SignResult) -> None:
        self._show(result, problem)

    def _show(self, result: SignResult, problem: Problem | None) -> None:
        """Results; what was not signed stays in the list, and a set that was stopped can be gone on with."""
        self.job = None
        self._set = self._set.after(result, problem)
        token = self._set.token
        self.results.show_result(self._set.documents, problem, token is not None and token.emulated, self._set.left)
        self.setCurrentWidget(self.results)
        self.files.remove({d.input for d in self._set.documents if d.state == "published"})
        self._offer()

    def _offer(self) -> None:
        token = self._set.token
        if self.job is None and self._set.can_go_on and token is not None and self.currentWidget() is self.results:
            self.results.offer(self._set.left, token.label, self._up and self._tokens.again(token) is not None)

    def _back(self) -> None:
        self.setCurrentWidget(self._prepare if self.files.count() else self._empty)
        self._refresh()
