"""The ledger: every act on record, narrowed and looked at, checked, exported, and sealed by checkpoints that are kept elsewhere."""

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial
from typing import Any, Final

from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import QHideEvent, QShowEvent
from PySide6.QtWidgets import QComboBox, QFileDialog, QHBoxLayout, QMenu, QSplitter, QStackedWidget, QVBoxLayout, QWidget

from agent.api.uris import to_uri
from desktop.consent import in_fours
from desktop.ledger import About, Check, Entry
from desktop.ledger_check import CheckView
from desktop.ledger_entry import EntryPanel
from desktop.ledger_filters import LedgerFilters
from desktop.ledger_model import LedgerModel
from desktop.ledger_table import LedgerTable
from desktop.notes import Notes
from desktop.nouns import shown_name
from desktop.operations import open_file, open_folder
from desktop.parts import banner, button, empty, label, named, settle
from desktop.progress import ProgressPanel
from desktop.saving import ask_where, ending_of
from desktop.wire import Agent, Job, Problem
from desktop.words import Words

_EXPORTS: Final = ("xlsx", "csv", "pdf", "jsonl")
_LOOK_AGAIN_MILLISECONDS: Final = 5000
"""How often an open page asks whether the ledger has grown."""


class LedgerPage(QStackedWidget):
    """Three faces: the entries, a job under way, and what a check came to."""

    def __init__(self, agent: Agent, words: Words) -> None:
        super().__init__()
        self._agent, self._words = agent, words
        self.job: Job | None = None
        self._about: About | None = None
        self._ledger = ""
        self._looking = 0
        self._asked: str | None = None
        """Which ledger was asked about and has not answered yet."""
        self.model = LedgerModel(agent, words, self)
        self.check = CheckView(words)
        self.check.back.connect(partial(self.setCurrentIndex, 0))
        self.check.wanted.connect(self.go_to)
        self.progress = ProgressPanel(words, "ledger.progress")
        self.progress.stopped.connect(self._stop)
        self.filters = LedgerFilters(words)
        self.filters.changed.connect(self.show_again)
        self.entry = EntryPanel(words)
        self.entry.prove.connect(self._prove)
        self._list = self._list_face()
        for face in (self._list, self.progress, self.check):
            self.addWidget(face)
        self.model.counted.connect(self._counted)
        self.model.seen.connect(self.filters.know_people)
        self.model.failed.connect(self.notes.tell)
        self._clock = QTimer(self, interval=_LOOK_AGAIN_MILLISECONDS)
        self._clock.timeout.connect(self.look)
        agent.state.connect(self._service)

    # what is there

    def look(self) -> None:
        """Ask what the ledger is now, one question at a time; the list follows."""
        which = self._which
        if self._asked == which:
            return
        self._asked = which

        def told(then: Callable[[Any], None], answer: Any) -> None:
            if self._asked == which:
                self._asked = None
                then(answer)

        self._agent.call("GET", f"/v1/ledger{which}", None, partial(told, self._found), partial(told, self._not_found))

    def show_again(self) -> None:
        """The list anew, by the filters."""
        query = self.filters.query
        self._none.hide()
        self.entry.say(self._words("ledger.entry.none"))
        self.model.show(self._about.size if self._about else 0, self._ledger, query)
        self._all.setVisible(bool(query))
        self._count(None if query else self.model.rowCount())

    def go_to(self, seq: int) -> None:
        """Show this entry."""
        self.setCurrentWidget(self._list)
        row = self.model.row_of(seq)
        if row is None or row >= self.model.rowCount():
            self.filters.clear()
            row = self.model.row_of(seq)
        if row is not None and row < self.model.rowCount():
            self.table.go_to(row)
        self._open(seq)

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self.look()
        self._clock.start()

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self._clock.stop()

    def close_down(self) -> None:
        """Before the window goes."""
        self._clock.stop()
        self._agent.state.disconnect(self._service)
        if self.job is not None:
            self.job.abandon()
            self.job = None

    def _service(self, state: str) -> None:
        """What was asked of a service that is gone is never answered."""
        if state == "up":
            self._asked = None
            if self.isVisible():
                self.look()

    @property
    def _which(self) -> str:
        return f"?ledger={self._ledger}" if self._ledger else ""

    def _found(self, data: Mapping[str, Any]) -> None:
        about, before = About.from_wire(data), self._about
        self._about = about
        same = before is not None and (before.org, before.kind) == (about.org, about.kind)
        if about.kind == "organisation" and self.choice.count() < 2:
            self.choice.addItem(self._words("ledger.kind.organisation"), "organisation")
            self.choice.addItem(self._words("ledger.kind.personal"), "personal")
            self.choice.show()
        if not same or before is None or about.size < before.size:
            self._agent.call("GET", f"/v1/ledger/types{self._which}", None, lambda told: self.filters.know_types(told.get("types") or ()))
            self.show_again()
        elif about.size > before.size:
            bar = self.table.verticalScrollBar()
            place = bar.value()
            self.model.grow(about.size)
            if place and not self.filters.query:
                bar.setValue(place + about.size - before.size)  # what is looked at stays where it is
            if not self.filters.query:
                self._count(about.size)
        if before is None or before.stopped != about.stopped:
            self._stopped(about)
        self._ready(True)

    def _not_found(self, problem: Problem) -> None:
        self._about = None
        self.model.show(0)
        self._ready(False)
        empty(self._state)
        message, hint = self._words.error(problem.code, problem.facts, problem.detail, problem.hint)
        self._state.addWidget(banner("bad", "failed", message, hint))
        settle(self._state)

    def _stopped(self, about: About) -> None:
        empty(self._state)
        if about.stopped is not None:
            problem = about.stopped
            message, hint = self._words.error(problem.code, problem.facts, problem.detail, problem.hint)
            self._state.addWidget(banner("bad", "failed", self._words.together(self._words("ledger.stopped"), message), hint))
            settle(self._state)
        self._seal.setEnabled(about.stopped is None)

    def _count(self, found: int | None) -> None:
        words, about = self._words, self._about
        if about is None:
            self._sum.setText("")
            return
        said = [words("ledger.sum", size=f"{about.size:,}")]
        if about.legacy:
            said.append(words("ledger.sum.legacy", count=f"{about.legacy:,}"))
        if self.filters.query:
            said.append(words("ledger.sum.searching") if found is None else words("ledger.sum.found", count=f"{found:,}"))
        self._sum.setText(words.together(*said))
        self._sum.setToolTip(words("ledger.org", org=in_fours(about.org)) if about.org else "")
        empty_ = words("ledger.none") if not about.size else words("ledger.none.found") if found == 0 else ""
        self._none.setText(empty_)
        self._none.setVisible(bool(empty_))

    def _counted(self, found: int) -> None:
        self._count(found)

    # faces

    def _list_face(self) -> QWidget:
        face = QWidget()
        outer = QVBoxLayout(face)
        outer.setContentsMargins(20, 14, 20, 14)
        outer.setSpacing(8)
        outer.addLayout(self._head())
        self._state, self.notes = QVBoxLayout(), Notes(self._words)
        outer.addLayout(self._state)
        outer.addWidget(self.notes)
        outer.addWidget(self.filters)
        line = QHBoxLayout()
        self._sum = label("", "quiet", wrap=True)
        self._all = button(self._words("ledger.filter.clear"), self.filters.clear, "link")
        self._all.hide()
        line.addWidget(self._sum, 1)
        line.addWidget(self._all)
        outer.addLayout(line)
        self._none = label("", "quiet", wrap=True)
        self._none.hide()
        outer.addWidget(self._none)
        self.table = LedgerTable(self.model, self._words)
        self.table.chosen.connect(self._open)
        split = QSplitter(Qt.Orientation.Vertical)
        split.setChildrenCollapsible(False)
        split.setHandleWidth(12)
        split.addWidget(self.table)
        split.addWidget(self.entry)
        split.setSizes([340, 240])
        split.setStretchFactor(0, 3)
        split.setStretchFactor(1, 2)
        outer.addWidget(split, 1)
        return face

    def _head(self) -> QHBoxLayout:
        words = self._words
        head = QHBoxLayout()
        head.addWidget(label(words("ledger.title"), "title"))
        self.choice = named(QComboBox(), words("ledger.kind"))
        self.choice.activated.connect(lambda _: self._choose_ledger())
        self.choice.hide()
        head.addWidget(self.choice)
        head.addStretch(1)
        self._seal = button(words("ledger.checkpoint"), self._checkpoint)
        self._export = button(words("ledger.export"), self._ask_export)
        self._verify = button(words("ledger.verify"), lambda: None, "primary")
        menu = QMenu(self._verify)
        menu.addAction(words("ledger.verify.now"), lambda: self.verify())  # noqa: PLW0108 (triggered brings a bool)
        menu.addAction(words("ledger.verify.checkpoint"), lambda: self._ask_file("ledger.checkpoint.filter", self.verify))
        menu.addAction(words("ledger.verify.file"), lambda: self._ask_file("ledger.file.filter", lambda path: self.verify(file=path)))
        self._verify.setMenu(menu)
        for widget in (self._seal, self._export, self._verify):
            head.addWidget(widget)
        return head

    def _ready(self, ready: bool) -> None:
        for widget in (self._export, self._verify, self.filters):
            widget.setEnabled(ready)
        self._seal.setEnabled(ready and self._about is not None and self._about.stopped is None)

    def _choose_ledger(self) -> None:
        self._ledger = str(self.choice.currentData() or "")
        self._about = None
        self.look()

    # one entry

    def _open(self, seq: int) -> None:
        self._looking = seq

        def found(data: Mapping[str, Any]) -> None:
            if self._looking == seq:
                self.entry.show_entry(Entry.from_wire(data, self._words.lang))

        def failed(problem: Problem) -> None:
            if self._looking == seq:
                self.entry.say(self._words.together(*self._words.error(problem.code, problem.facts, problem.detail, problem.hint)))

        self._agent.call("GET", f"/v1/ledger/entries/{seq}{self._which}", None, found, failed)

    def _prove(self, seq: int) -> None:
        words = self._words

        def found(data: Mapping[str, Any]) -> None:
            text = data.get("text")
            if not text:
                self.notes.say("doubt", words("ledger.proof.no_note"))
                return
            name = words("ledger.proof.file", seq=seq)
            ask_where(self.window(), words("ledger.entry.prove"), name, {"tlog-proof": words("ledger.proof.kind")}, self.notes.writer(str(text)))

        self._agent.call("GET", f"/v1/ledger/entries/{seq}/proof{self._which}", None, found, self.notes.tell)

    # what is done with the whole

    def _stop(self) -> None:
        if self.job is not None:
            self.job.stop()

    def verify(self, checkpoint: str = "", file: str = "") -> None:
        """Check every entry of the ledger, or of an exported one; also against a checkpoint that was kept."""
        body: dict[str, Any] = {"checkpoint_files": [to_uri(checkpoint)] if checkpoint else []}
        if file:
            body["file"] = to_uri(file)
        name = shown_name(file) if file else ""
        self._start("verifications", body, lambda result: self._checked(Check.from_wire(result, self._words.lang), name))

    def export_to(self, path: str) -> None:
        """Write what is listed to a file; of the kind that can be checked again always everything."""
        kind = ending_of(path, dict.fromkeys(_EXPORTS, ""))
        filters = self.filters.query if kind != "jsonl" else {}
        body = {"output": to_uri(path), "format": kind, "force": True, "filters": filters or None, "lang": self._words.lang}
        self._start("exports", body, lambda result: self._exported(path, result))

    def _start(self, route: str, body: Mapping[str, Any], done: Callable[[Mapping[str, Any]], None]) -> None:
        if self.job is not None:
            return
        self.notes.clear()
        self.progress.start(self._about.size if self._about else 0)
        self.setCurrentWidget(self.progress)
        self.job = self._agent.job(f"/v1/ledger/{route}{self._which}", body)
        self.job.progress.connect(self.progress.progress)

        def ended(result: Mapping[str, Any]) -> None:
            self.job = None
            done(result)

        def failed(problem: Problem, _: object) -> None:
            self.job = None
            self.setCurrentWidget(self._list)
            if problem.code == "cancelled":
                self.notes.say("plain", self._words("ledger.cancelled"))
            else:
                self.notes.tell(problem)

        self.job.done.connect(ended)
        self.job.failed.connect(failed)

    def _checked(self, check: Check, name: str) -> None:
        self.check.show_check(check, name)
        self.setCurrentWidget(self.check)

    def _exported(self, path: str, result: Mapping[str, Any]) -> None:
        words = self._words
        self.setCurrentWidget(self._list)
        hint = words("ledger.exported.readme") if result.get("readme") else ""
        text = words("ledger.exported", count=f"{int(result.get('entries') or 0):,}", name=shown_name(path))
        folder = button(words("result.folder"), lambda: open_folder(path), name=words("result.folder.name", name=shown_name(path)))
        opens = button(words("result.open"), lambda: open_file(path), name=words("result.open.name", name=shown_name(path)))
        self.notes.say("good", text, hint, *([folder] if hint else [opens, folder]))

    def _checkpoint(self) -> None:
        """Have this moment sealed; the person says where the seal is kept."""
        words = self._words

        def found(data: Mapping[str, Any]) -> None:
            text, size = str(data.get("text") or ""), int(data.get("size") or 0)
            where = words("ledger.checkpoint.file", date=f"{datetime.now().astimezone():%Y-%m-%d}", size=size)
            kinds = {"txt": words("ledger.checkpoint.kind")}
            save = button(words("ledger.checkpoint.save"), lambda: ask_where(self.window(), words("ledger.checkpoint.save"), where, kinds, keep))
            keep = self.notes.writer(text)
            about = (words("ledger.checkpoint.root", root=in_fours(str(data.get("root") or ""))), words("ledger.checkpoint.note"))
            self.notes.say("plain", words("ledger.checkpoint.made", size=f"{size:,}"), "\n".join(about), save)

        self._agent.call("GET", f"/v1/ledger/checkpoint{self._which}", None, found, self.notes.tell)

    def _ask_export(self) -> None:
        words = self._words
        name = words("ledger.export.file", date=f"{datetime.now().astimezone():%Y-%m-%d}")
        ask_where(self.window(), words("ledger.export"), name, {kind: words(f"ledger.export.{kind}") for kind in _EXPORTS}, self.export_to)

    def _ask_file(self, kinds: str, then: Callable[[str], object]) -> None:
        dialog = QFileDialog(self.window(), self._words("ledger.verify"), "", self._words(kinds))
        dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
        dialog.fileSelected.connect(then)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.open()
