"""A document beside its page view: turning pages, zooming, and in words why there is nothing to see when there is not."""

from collections.abc import Callable

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QStackedWidget, QToolButton, QVBoxLayout, QWidget

from desktop import look
from desktop.pages import Pages
from desktop.parts import button, label, named
from desktop.placement import Box
from desktop.preview import PageView
from desktop.words import Words


class PreviewPanel(QFrame):
    """Shows one file at a time; a page is shown only from the bytes whose digest `digests` holds."""

    shown = Signal(int, float, float)
    """(page, width in mm, height in mm): a page stands on the screen."""
    placed = Signal(Box)

    def __init__(self, words: Words, pages: Pages | None = None) -> None:
        super().__init__()
        self.setObjectName("panel")
        self._words = words
        self.pages = pages or Pages(self)
        self.path, self.count = "", 0
        self.digests: dict[str, str] = {}
        """SHA-256 of what was shown, by path: to be compared with what is to be signed."""
        self._wanted_page = 1
        self.view = named(PageView(self.pages), words("preview.name"))
        named(self.view.viewport(), words("preview.name"))
        self.view.placed.connect(self.placed)
        column = QVBoxLayout(self)
        column.setContentsMargins(1, 1, 1, 1)
        column.setSpacing(0)
        self._stack = QStackedWidget()
        self._stack.addWidget(self._message())
        self._stack.addWidget(self.view)
        column.addWidget(self._bar())
        column.addWidget(self._stack, 1)
        self.pages.opened.connect(self._opened)
        self.pages.sized.connect(self._sized)
        self.pages.problem.connect(self._problem)
        self._say("preview.empty")

    def open(self, path: str, page: int = 1) -> None:
        """Show a page of the file at `path`; "" shows nothing."""
        if path == self.path and self.count:
            self.turn(page)
            return
        self.path, self.count, self._wanted_page = path, 0, page
        self.view.clear()
        self.pages.close()
        self._refresh()
        if not path:
            self._say("preview.empty")
        elif not path.lower().endswith(".pdf"):
            self._say("preview.not_pdf")
        else:
            self._say("preview.loading")
            self.pages.open(path)

    def turn(self, page: int) -> None:
        """Show another page of the same file."""
        self._wanted_page = min(max(1, page), self.count or 1)
        if self.count and self._wanted_page != self.view.page:
            self.pages.size(self._wanted_page)

    def close_document(self) -> None:
        """End the renderer."""
        self.pages.close()

    def _message(self) -> QWidget:
        page = QWidget()
        column = QVBoxLayout(page)
        column.setContentsMargins(30, 20, 30, 20)
        column.addStretch(1)
        image = QLabel()
        image.setPixmap(look.picture("file", look.colours().quiet, 48, 1.2))
        column.addWidget(image, 0, Qt.AlignmentFlag.AlignHCenter)
        self._text = label("", "quiet", wrap=True)
        self._text.setAlignment(Qt.AlignmentFlag.AlignCenter)
        column.addWidget(self._text)
        self._retry = button(self._words("preview.retry"), self._again)
        column.addWidget(self._retry, 0, Qt.AlignmentFlag.AlignHCenter)
        column.addStretch(1)
        return page

    def _bar(self) -> QWidget:
        words = self._words
        self._tools: list[QToolButton] = []
        bar = QWidget()
        row = QHBoxLayout(bar)
        row.setContentsMargins(8, 5, 8, 5)
        row.setSpacing(4)
        self._previous = self._tool("‹", "preview.previous", lambda: self.turn(self.view.page - 1))
        self._forward = self._tool("›", "preview.next", lambda: self.turn(self.view.page + 1))
        self._where = label("", "quiet")
        for widget in (self._previous, self._where, self._forward):
            row.addWidget(widget)
        row.addStretch(1)
        for text, key, action in (
            ("－", "preview.zoom_out", lambda: self.view.zoom(0.8)),
            ("＋", "preview.zoom_in", lambda: self.view.zoom(1.25)),
            (words("preview.fit"), "preview.fit", self.view.fit),
        ):
            row.addWidget(self._tool(text, key, action))
        return bar

    def _tool(self, text: str, key: str, action: Callable[[], object]) -> QToolButton:
        made = named(QToolButton(), self._words(key))
        made.setText(text)
        made.setToolTip(self._words(key))
        made.setAutoRaise(True)
        made.clicked.connect(lambda: action())  # noqa: PLW0108 (clicked brings a bool)
        self._tools.append(made)
        return made

    def _again(self) -> None:
        path, self.path = self.path, ""
        self.open(path, self._wanted_page)

    def _say(self, key: str) -> None:
        self._text.setText(self._words.either(key, "preview.problem.damaged"))
        self._retry.setVisible(key.startswith("preview.problem"))
        self._stack.setCurrentIndex(0)

    def _refresh(self) -> None:
        page = self.view.page
        for tool in self._tools:
            tool.setEnabled(page > 0)
        self._previous.setEnabled(page > 1)
        self._forward.setEnabled(0 < page < self.count)
        self._where.setText(self._words("preview.page", page=page, pages=self.count) if page else "")

    def _opened(self, count: int, digest: str) -> None:
        self.count = count
        self.digests[self.path] = digest
        if count:
            self.pages.size(min(self._wanted_page, count))
        else:
            self._problem("damaged")

    def _sized(self, page: int, width_mm: float, height_mm: float) -> None:
        self._stack.setCurrentIndex(1)
        self.view.show_page(page, width_mm, height_mm)
        self._refresh()
        self.shown.emit(page, width_mm, height_mm)

    def _problem(self, why: str) -> None:
        self.view.clear()
        self.count = 0
        self._refresh()
        self._say(f"preview.problem.{why}")
