"""The renderer process as the window sees it: one process a document, watched, ended and started again; nothing blocks."""

import json
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from PySide6.QtCore import QObject, QProcess, QProcessEnvironment, QTimer, Signal
from PySide6.QtGui import QImage

HANG_MILLISECONDS: Final = 20_000
"""How long one answer may take; the heaviest real sheet seen took 1.5 s a tile."""
_KEPT = ("PATH", "PYTHONPATH", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "VIRTUAL_ENV")
_ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


@dataclass(frozen=True, slots=True)
class Tile:
    """A part of a page at a scale (pixels per mm), from the page's top left as displayed, in pixels."""

    page: int
    scale: float
    x: int
    y: int
    width: int
    height: int


class Pages(QObject):
    """The pages of one document.  `opened` or `problem` answers `open`; sizes and tiles come as they are drawn, in the order asked."""

    opened = Signal(int, str)
    """(number of pages, SHA-256 of the bytes that are drawn)."""
    sized = Signal(int, float, float)
    """(page, width in mm, height in mm)."""
    drawn = Signal(object, QImage)
    """(Tile, its picture)."""
    problem = Signal(str)
    """missing, too_large, encrypted, damaged, crashed, hung."""

    def __init__(self, parent: QObject | None = None, command: tuple[str, ...] = (sys.executable, "-m", "desktop.renderer")) -> None:
        super().__init__(parent)
        self._command = command
        self._process: QProcess | None = None
        self._waiting: list[tuple[int, Callable[[Mapping[str, Any], bytes], None]]] = []
        self._buffer = bytearray()
        self._next = 0
        self._clock = QTimer(self, singleShot=True, interval=HANG_MILLISECONDS)
        self._clock.timeout.connect(lambda: self._broken("hung"))

    def open(self, path: str, length: int | None = None) -> None:
        """Open the document at `path`, or what its first `length` bytes are, in a new process; whatever was open is forgotten."""
        self.close()
        process = QProcess(self)
        environment = QProcessEnvironment()
        for name in _KEPT:
            if name in os.environ:
                environment.insert(name, os.environ[name])
        environment.insert("PYTHONPATH", os.pathsep.join(filter(None, (_ROOT, os.environ.get("PYTHONPATH")))))
        process.setProcessEnvironment(environment)
        process.setStandardErrorFile(QProcess.nullDevice())
        process.readyReadStandardOutput.connect(self._read)
        process.finished.connect(lambda *_: self._broken("crashed"))
        process.errorOccurred.connect(lambda *_: self._broken("crashed"))
        self._process = process
        process.start(self._command[0], list(self._command[1:]))
        self._ask({"op": "open", "path": path, "length": length}, lambda head, _: self.opened.emit(int(head["pages"]), str(head["sha256"])))

    def close(self) -> None:
        """End the process; no signal comes for what was asked before."""
        self._clock.stop()
        self._waiting.clear()
        self._buffer.clear()
        process, self._process = self._process, None
        if process is not None:
            process.readyReadStandardOutput.disconnect()
            process.finished.disconnect()
            process.errorOccurred.disconnect()
            process.kill()
            process.waitForFinished(2000)
            process.deleteLater()

    def size(self, page: int) -> None:
        """Ask for a page's size."""
        self._ask({"op": "size", "page": page}, lambda head, _: self.sized.emit(page, float(head["width_mm"]), float(head["height_mm"])))

    def draw(self, tile: Tile) -> None:
        """Ask for a part of a page."""

        def drawn(head: Mapping[str, Any], pixels: bytes) -> None:
            image = QImage(pixels, int(head["width"]), int(head["height"]), int(head["width"]) * 3, QImage.Format.Format_RGB888)
            self.drawn.emit(tile, image.copy())  # a copy: the bytes go when this call ends

        request = {"op": "tile", "page": tile.page, "scale": tile.scale, "x": tile.x, "y": tile.y, "width": tile.width, "height": tile.height}
        self._ask(request, drawn)

    def _ask(self, request: Mapping[str, Any], then: Callable[[Mapping[str, Any], bytes], None]) -> None:
        if self._process is None:
            return
        self._next += 1
        self._waiting.append((self._next, then))
        self._process.write(json.dumps({"id": self._next, **request}).encode() + b"\n")
        if not self._clock.isActive():
            self._clock.start()

    def _read(self) -> None:
        if self._process is None:
            return
        self._buffer += bytes(self._process.readAllStandardOutput().data())
        while self._waiting and (end := self._buffer.find(b"\n")) >= 0:
            try:
                head = json.loads(self._buffer[:end])
                length = int(head.get("bytes", 0))
                if head["id"] != self._waiting[0][0] or not 0 <= length <= 16_777_216:
                    raise ValueError(head)
            except (ValueError, KeyError, TypeError, AttributeError):
                self._broken("crashed")  # it talks nonsense: a hostile document may have it
                return
            if len(self._buffer) < end + 1 + length:
                return
            pixels = bytes(self._buffer[end + 1 : end + 1 + length])
            del self._buffer[: end + 1 + length]
            self._answered(head, pixels)

    def _answered(self, head: Mapping[str, Any], pixels: bytes) -> None:
        _, then = self._waiting.pop(0)
        if self._waiting:
            self._clock.start()
        else:
            self._clock.stop()
        if "problem" in head:
            self.problem.emit(str(head["problem"]))
            return
        try:
            if "width" in head and len(pixels) != int(head["width"]) * int(head["height"]) * 3:
                raise ValueError("size")
            then(head, pixels)
        except (ValueError, KeyError, TypeError):
            self._broken("crashed")

    def _broken(self, how: str) -> None:
        if self._process is not None:
            self.close()
            self.problem.emit(how)
