"""The version that was signed beside the present one: the same page of both, with the areas that differ marked.

The pages are drawn by two renderers, the signed version from the first bytes of the same file; which areas differ is told by the agent.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QComboBox, QFrame, QHBoxLayout, QStackedWidget, QVBoxLayout, QWidget

from agent.api.uris import to_uri
from desktop.nouns import shown_name
from desktop.pages import Pages
from desktop.parts import banner, button, empty, label, named, settle
from desktop.placement import Box
from desktop.preview import PageView
from desktop.saving import ask_where
from desktop.verdict import row_of_changes
from desktop.verified import Signature
from desktop.wire import Agent, Problem
from desktop.words import Words

_ROUTE = "/v1/verifications/revisions"


@dataclass(frozen=True, slots=True)
class Differing:
    """A page on which the two versions differ, and where: left, bottom, width, height as fractions of the page."""

    page: int
    areas: tuple[tuple[float, float, float, float], ...]

    @classmethod
    def from_wire(cls, data: Mapping[str, Any]) -> "Differing":
        """From an entry of `pages`."""
        rects = (area.get("rect") for area in data.get("areas") or () if isinstance(area, dict))
        return cls(int(data.get("page") or 1), tuple((float(r[0]), float(r[1]), float(r[2]), float(r[3])) for r in rects if r and len(r) == 4))


class Side(QFrame):
    """One of the two versions: a caption and its page."""

    def __init__(self, caption: str, words: Words) -> None:
        super().__init__()
        self.setObjectName("panel")
        self._words = words
        self.pages = Pages(self)
        self.count, self._wanted = 0, 1
        self._marked: tuple[tuple[float, float, float, float], ...] = ()
        column = QVBoxLayout(self)
        column.setContentsMargins(1, 6, 1, 1)
        head = label(caption, "heading")
        head.setContentsMargins(12, 0, 12, 0)
        column.addWidget(head)
        self.view = named(PageView(self.pages), caption)
        named(self.view.viewport(), caption)
        self._text = label("", "quiet", wrap=True)
        self._text.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._stack = QStackedWidget()
        self._stack.addWidget(self._text)
        self._stack.addWidget(self.view)
        column.addWidget(self._stack, 1)
        self.pages.opened.connect(self._opened)
        self.pages.sized.connect(self._sized)
        self.pages.problem.connect(lambda why: self._say(words.either(f"preview.problem.{why}", "preview.problem.damaged")))

    def open(self, path: str, length: int | None, page: int) -> None:
        """Open this version."""
        self.count, self._wanted, self._marked = 0, page, ()
        self.view.clear()
        self._say(self._words("preview.loading"))
        self.pages.open(path, length)

    def turn(self, page: int, marked: Sequence[tuple[float, float, float, float]]) -> None:
        """Show a page, and these areas of it marked."""
        self._wanted, self._marked = page, tuple(marked)
        if not self.count:
            return  # it is being opened
        if page > self.count:
            self.view.clear()
            self._say(self._words("compare.no_page", page=page))
        elif page == self.view.page:
            self._mark()
        else:
            self.pages.size(page)

    def _say(self, text: str) -> None:
        self._text.setText(text)
        self._stack.setCurrentIndex(0)

    def _opened(self, count: int, _: str) -> None:
        self.count = count
        self.turn(self._wanted, self._marked)

    def _sized(self, page: int, width_mm: float, height_mm: float) -> None:
        if page == self._wanted:
            self._stack.setCurrentIndex(1)
            self.view.show_page(page, width_mm, height_mm)
            self._mark()

    def _mark(self) -> None:
        width, height = self.view.page_size
        self.view.set_marks([Box(x * width, (1 - y - h) * height, w * width, h * height) for x, y, w, h in self._marked])


class ComparisonView(QWidget):
    """The face of the verify page that shows what changed after a signature."""

    back = Signal()

    def __init__(self, agent: Agent, words: Words) -> None:
        super().__init__()
        self._agent, self._words = agent, words
        self._asked = 0
        self._path, self._revision, self._bytes = "", 0, 0
        self._differing: tuple[Differing, ...] = ()
        self._following = False
        outer = QVBoxLayout(self)
        outer.setContentsMargins(20, 14, 20, 14)
        outer.setSpacing(8)
        self._title = label("", "title", wrap=True)
        outer.addWidget(self._title)
        self._said = QVBoxLayout()
        outer.addLayout(self._said)
        outer.addLayout(self._bar())
        self.then, self.now = Side(words("compare.then"), words), Side(words("compare.now"), words)
        sides = QHBoxLayout()
        sides.setSpacing(12)
        for side in (self.then, self.now):
            sides.addWidget(side, 1)
        outer.addLayout(sides, 1)
        self.then.view.moved.connect(lambda: self._follow(self.now.view, self.then.view))
        self.now.view.moved.connect(lambda: self._follow(self.then.view, self.now.view))
        self._told = label("", "quiet", wrap=True)
        outer.addWidget(self._told)
        row = QHBoxLayout()
        row.addStretch(1)
        self.save = button(words("compare.save"), self._choose)
        self.leave = button(words("result.back"), self.back.emit, "primary")
        for each in (self.save, self.leave):
            row.addWidget(each)
        outer.addLayout(row)

    def show_version(self, path: str, signature: Signature) -> None:
        """Ask what differs between the version that `signature` is over and the present one, and show both."""
        words = self._words
        self._path, self._revision, self._differing = path, signature.revision or 0, ()
        self._title.setText(words("compare.title", signer=signature.signer or words("signature.signer.unknown"), name=shown_name(path)))
        self._told.setText("")
        self.save.setEnabled(False)
        self._fill_choice()
        self._say("plain", words("compare.looking"))
        if signature.changes:
            row_of_changes(self._said, signature.changes, words, most=3)
        self._asked = asked = self._asked + 1
        body = {"file": to_uri(path), "revision": self._revision}
        self._agent.call("POST", _ROUTE, body, lambda found: self._found(asked, found), lambda problem: self._refused(asked, problem))
        self.leave.setFocus()

    def close_down(self) -> None:
        """End the renderers."""
        self._asked += 1
        for side in (self.then, self.now):
            side.pages.close()

    def _bar(self) -> QHBoxLayout:
        words = self._words
        row = QHBoxLayout()
        row.setSpacing(6)
        caption = label(words("compare.pages"), "quiet")
        self.choice = named(QComboBox(), words("compare.pages"))
        self.choice.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
        self.choice.activated.connect(self._turn)
        caption.setBuddy(self.choice)
        self.previous = button(words("compare.previous"), lambda: self._step(-1))
        self.following = button(words("compare.next"), lambda: self._step(1))
        for widget in (caption, self.choice, self.previous, self.following):
            row.addWidget(widget)
        row.addStretch(1)
        for text, key, factor in (("－", "preview.zoom_out", 0.8), ("＋", "preview.zoom_in", 1.25), (words("preview.fit"), "preview.fit", 0.0)):
            row.addWidget(button(text, partial(self._zoom, factor), name=words(key)))
        return row

    def _zoom(self, factor: float) -> None:
        """Nearer or further, or the whole page: of the one that shows a page, and the other one follows."""
        for side in (self.now, self.then):
            if side.view.page:
                if factor:
                    side.view.zoom(factor)
                else:
                    side.view.fit()
                return

    def _follow(self, view: PageView, other: PageView) -> None:
        if self._following or not (view.page and view.page == other.page):
            return
        self._following = True
        view.follow(other)
        self._following = False

    def _say(self, tone: str, text: str, hint: str = "") -> None:
        empty(self._said)
        shape = {"plain": "information", "doubt": "indeterminate", "bad": "failed", "good": "passed"}[tone]
        self._said.addWidget(banner(tone, shape, text, hint))

    def _found(self, asked: int, found: Mapping[str, Any]) -> None:
        if asked != self._asked:
            return
        words = self._words
        self._bytes = int(found.get("bytes") or 0)
        self._differing = tuple(Differing.from_wire(page) for page in found.get("pages") or () if isinstance(page, dict))
        rest = [] if found.get("complete", True) else [words("compare.incomplete")]
        if found.get("pages_signed") != found.get("pages_present"):
            rest.append(words("compare.count", then=found.get("pages_signed"), now=found.get("pages_present")))
        item = self._said.takeAt(0)
        if item is not None and (old := item.widget()) is not None:
            old.hide()
            old.deleteLater()
        if self._differing:
            said = banner("doubt", "indeterminate", words("compare.some", count=len(self._differing)), " ".join(rest))
        elif rest:
            said = banner("doubt", "indeterminate", words("compare.none.so_far"), " ".join(rest))
        else:
            said = banner("good", "passed", words("compare.none"))
        self._said.insertWidget(0, said)
        settle(self._said)
        self._fill_choice()
        self.save.setEnabled(self._bytes > 0)
        first = self._differing[0].page if self._differing else 1
        self.then.open(self._path, self._bytes, first)
        self.now.open(self._path, None, first)
        self._turn(0)

    def _refused(self, asked: int, problem: Problem) -> None:
        if asked == self._asked:
            self._say("bad", *self._words.error(problem.code, problem.facts, problem.detail, problem.hint))

    def _fill_choice(self) -> None:
        self.choice.clear()
        for each in self._differing:
            self.choice.addItem(self._words("compare.page", page=each.page), each.page)
        if not self._differing:
            self.choice.addItem("–")
        self.choice.setEnabled(len(self._differing) > 1)
        self._turn(0)

    def _step(self, by: int) -> None:
        self._turn(min(max(0, self.choice.currentIndex() + by), max(0, len(self._differing) - 1)))

    def _turn(self, index: int) -> None:
        self.choice.setCurrentIndex(index)
        self.previous.setEnabled(index > 0)
        self.following.setEnabled(index < len(self._differing) - 1)
        if index < len(self._differing):
            for side in (self.then, self.now):
                side.turn(self._differing[index].page, self._differing[index].areas)

    # the signed version as a file

    def _choose(self) -> None:
        words, folder = self._words, os.path.dirname(self._path)
        name = words("compare.file", name=os.path.splitext(os.path.basename(self._path))[0], number=self._revision)
        ask_where(self, words("compare.save"), name, {"pdf": words("compare.kind")}, self.save_as, folder, replaces=False)

    def save_as(self, path: str) -> None:
        """Have the agent write the signed version alone, byte for byte, and say what came of it."""
        words = self._words
        body = {"file": to_uri(self._path), "revision": self._revision, "out": to_uri(path)}
        self.save.setEnabled(False)

        def done(_: Mapping[str, Any]) -> None:
            self.save.setEnabled(True)
            self._told.setText(words("compare.saved", name=shown_name(path)))

        def failed(problem: Problem) -> None:
            self.save.setEnabled(True)
            message, hint = words.error(problem.code, problem.facts, problem.detail, problem.hint)
            advice = words("compare.other_name") if problem.code == "output_exists" else hint
            self._told.setText(f"{message} {advice}")

        self._agent.call("POST", f"{_ROUTE}/extract", body, done, failed)
