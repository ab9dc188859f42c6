"""What came of signing: the sum in one sentence, then every file with its result, or with why not and what to do."""

import os
from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QLabel, QScrollArea, QVBoxLayout, QWidget

from desktop import look
from desktop.nouns import SignedDocument, shown_name, shown_path
from desktop.operations import open_file, open_folder
from desktop.parts import banner, button, empty, frame, label, named
from desktop.wire import Problem
from desktop.words import Words

_ALL_ROWS = 200
"""So many files get a row of their own; of more, those with trouble come first."""


class ResultsPage(QWidget):
    """The page after a job.  The person goes on: back to other files, the same again (in place of old results), or to verifying."""

    again = Signal()
    replace = Signal()
    back = Signal()
    verify = Signal(list)
    resume = Signal()
    ukey = Signal()

    def __init__(self, words: Words) -> None:
        super().__init__()
        self._words = words
        self._outputs: list[str] = []
        column = QVBoxLayout(self)
        column.setContentsMargins(24, 18, 24, 18)
        column.setSpacing(12)
        self._top = QVBoxLayout()
        column.addLayout(self._top)
        self._rest = label("", "quiet", wrap=True)
        inner = QWidget()
        inner.setObjectName("inside")
        self._rows = QVBoxLayout(inner)
        self._rows.setContentsMargins(0, 0, 6, 0)
        self._rows.setSpacing(8)
        scroll = named(QScrollArea(), words("result.name"))
        scroll.setWidgetResizable(True)
        scroll.setWidget(inner)
        column.addWidget(scroll, 1)
        column.addWidget(self._rest)
        row = QHBoxLayout()
        row.addStretch(1)
        self._replace = button(words("result.replace"), self.replace.emit)
        self._back = button(words("result.back"), self.back.emit)
        self._retry = button(words("result.retry"), self.again.emit, "primary")
        self._verify = button(words("result.verify"), lambda: self.verify.emit(self._outputs))
        self._next = button(words("result.again"), self.back.emit, "primary")
        self.go_on = button(words("result.resume", count=0), self.resume.emit, "primary")
        self._change = button(words("result.change_pin"), self.ukey.emit, "primary")
        for each in (self._back, self._replace, self._verify, self._retry, self._change, self._next, self.go_on):
            row.addWidget(each)
        column.addLayout(row)

    def show_result(self, documents: Sequence[SignedDocument], problem: Problem | None = None, practice: bool = False, left: int = 0) -> None:
        """Tell what came of a job; `problem` is what stopped it; `practice` that the signatures have no effect; `left` how many are not done."""
        words = self._words
        empty(self._top)
        empty(self._rows)
        done = [d for d in documents if d.state == "published"]
        self._outputs = [d.output for d in done]
        bad = max(len(documents) - len(done), left if problem is not None else 0)
        self._top.addWidget(self._sum(len(done), bad, problem, words("result.practice") if practice else ""))
        in_order = sorted(documents, key=lambda d: d.state == "published") if len(documents) > _ALL_ROWS else documents
        for document in in_order[:_ALL_ROWS]:
            self._rows.addWidget(self._row(document))
        if len(documents) > _ALL_ROWS:
            self._rows.addWidget(label(words("result.more", count=len(documents) - _ALL_ROWS), "quiet"))
        self._rows.addStretch(1)
        stopped = not done
        for widget, wanted in ((self._back, stopped), (self._retry, stopped), (self._verify, not stopped), (self._next, not stopped)):
            widget.setVisible(wanted)
        old = [d for d in documents if d.error and d.error[0] == "output_exists" and d.error[1].get("reason") != "same"]
        self._replace.setVisible(bool(old) or (problem is not None and problem.code == "output_exists"))
        to_change = problem is not None and problem.facts.get("reason") == "pin_to_be_changed"
        self._change.setVisible(to_change)
        self._retry.setVisible(stopped and not to_change)
        self.go_on.hide()
        self._rest.hide()
        (self._change if to_change else self._retry if stopped else self._next).setFocus()
        named(self, words("result.name"))

    def offer(self, count: int, token: str, ready: bool) -> None:
        """Offer to sign the `count` files that are left, now (`ready`) or when the UKey of that name is back."""
        words = self._words
        came_back = ready and not self.go_on.isEnabled()
        self.go_on.setText(words("result.resume", count=count))
        named(self.go_on, self.go_on.text())
        self.go_on.setEnabled(ready)
        self._rest.setText(words("result.resume.ready" if ready else "result.resume.absent", count=count, token=token))
        for shown in (self.go_on, self._rest):
            shown.show()
        self._back.show()
        for hidden in (self._retry, self._next):
            hidden.hide()
        if came_back:
            self.go_on.setFocus()

    def _sum(self, done: int, bad: int, problem: Problem | None, note: str) -> QWidget:
        words = self._words
        if problem is not None and problem.declined and not done:
            return banner("plain", "information", words("result.cancelled"), words("result.cancelled.hint"))
        message, hint = words.error(problem.code, problem.facts, problem.detail, problem.hint) if problem else ("", "")
        if not done:
            return banner("bad", "failed", message or words("result.none"), hint)
        if bad:
            return banner("doubt", "indeterminate", words("result.some", count=done, bad=bad), "\n".join(filter(None, (message, hint, note))))
        return banner("good", "passed", words("result.all", count=done), note)

    def _row(self, document: SignedDocument) -> QWidget:
        words, c = self._words, look.colours()
        signed = document.state == "published"
        card = frame("card")
        row = QHBoxLayout(card)
        row.setContentsMargins(14, 10, 14, 10)
        row.setSpacing(12)
        image = QLabel()
        image.setPixmap(
            look.picture(
                "passed" if signed else "failed" if document.state == "failed" else "indeterminate",
                c.good if signed else c.bad if document.state == "failed" else c.doubt,
                24,
            )
        )
        row.addWidget(image, 0, Qt.AlignmentFlag.AlignTop)
        text = QVBoxLayout()
        text.setSpacing(2)
        text.addWidget(label(shown_name(document.input), "heading", wrap=True))
        for line in self._lines(document):
            text.addWidget(label(line, "" if not signed else "quiet", wrap=True))
        row.addLayout(text, 1)
        if signed:
            name = shown_name(document.output)
            row.addWidget(button(words("result.open"), lambda: self._open(document.output), name=words("result.open.name", name=name)))
            row.addWidget(button(words("result.folder"), lambda: open_folder(document.output), name=words("result.folder.name", name=name)))
        return card

    def _lines(self, document: SignedDocument) -> list[str]:
        words = self._words
        if document.state == "published":
            return [words("result.saved", name=shown_name(document.output))]
        state = words.either(f"result.state.{document.state}", "result.state.failed")
        if document.error is None:
            return [state]
        return [part for part in words.error(*document.error) if part]

    def _open(self, path: str) -> None:
        if not open_file(path):
            words = self._words
            self._top.addWidget(
                banner("doubt", "indeterminate", words("open.failed", name=shown_name(path), folder=shown_path(os.path.dirname(path))))
            )
