"""What a reader sees: pages of the signed revision beside the present ones, compared pixel by pixel.

pypdfium2 is a second opinion on the structure as well: it parses both files by itself.  It runs only in the limited worker
(see docs/decisions), so a file that makes it crash harms nothing but its own verdict.
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO

from agent.verification.pdf_page import Place

_DPI_SCALE = 1.0
"""Pixels for a point: 72 dpi; any stroke that is added or taken away changes at least one anti-aliased pixel."""
_LONGEST_SIDE = 2400
_BLANK_TOLERANCE = 8
_MARGIN = 2
_KEPT = 4


class LookFailed(Exception):
    """The pages could not be drawn or not be compared in time."""


@dataclass(frozen=True, slots=True)
class Seen:
    """An area of a page that looks different.  `later` is the index of the later signature whose place it is, or None."""

    page: int
    box: tuple[float, float, float, float]
    """Left, bottom, width, height as fractions of the displayed page."""
    later: int | None
    blank_before: bool


class Prefix:
    """The first `length` bytes of a file as a file of its own."""

    def __init__(self, stream: BinaryIO, length: int) -> None:
        self._stream, self._length, self._at = stream, length, 0

    def seek(self, offset: int, whence: int = 0) -> int:
        """As of a file."""
        self._at = {0: 0, 1: self._at, 2: self._length}[whence] + offset
        return self._at

    def tell(self) -> int:
        """As of a file."""
        return self._at

    def read(self, size: int = -1) -> bytes:
        """As of a file."""
        left = max(0, self._length - self._at)
        data = bytearray(left if size < 0 else min(size, left))
        return bytes(data[: self.readinto(data)])

    def readinto(self, buffer: Any) -> int:
        """As of a file."""
        view = memoryview(buffer).cast("B")
        wanted = max(0, min(len(view), self._length - self._at))
        self._stream.seek(self._at)
        got = self._stream.readinto(view[:wanted])  # type: ignore[attr-defined]
        self._at += got
        return int(got)


class Look:
    """The present file, ready to be compared with earlier revisions of itself, until `deadline` (time.process_time)."""

    def __init__(self, stream: BinaryIO, size: int, deadline: float) -> None:
        import pypdfium2  # heavy, and not needed for a file that nobody changed

        self._pdfium = pypdfium2
        self._stream, self._deadline = stream, deadline
        self._now = self._open(size)
        self._drawn: dict[int, Any] = {}
        self._before: tuple[int, Any] | None = None
        self.left_out = 0

    def _open(self, length: int) -> Any:
        try:
            document = self._pdfium.PdfDocument(Prefix(self._stream, length))
            document.init_forms()  # without it PDFium leaves out every widget, and signatures are widgets
            len(document)
            return document
        except self._pdfium.PdfiumError as exc:
            raise LookFailed(str(exc)) from exc

    def _draw(self, document: Any, number: int, pixels: int | None = None) -> Any:
        """The size of a page in points and its picture: at 72 dpi, or so that its longer side has `pixels`."""
        if time.process_time() > self._deadline:
            raise LookFailed("time")
        page = document[number]
        try:
            width, height = page.get_size()
            scale = min(_DPI_SCALE, _LONGEST_SIDE / max(width, height, 1.0)) if pixels is None else pixels / max(width, height, 1.0)
            return (width, height), page.render(scale=scale, may_draw_forms=True).to_pil().convert("RGB")
        except self._pdfium.PdfiumError as exc:
            raise LookFailed(str(exc)) from exc
        finally:
            page.close()

    def _draw_now(self, number: int) -> Any:
        """A page of the present file; the last few are kept, since each earlier signature asks for them again."""
        if number not in self._drawn:
            while len(self._drawn) >= _KEPT:
                del self._drawn[next(iter(self._drawn))]
            self._drawn[number] = self._draw(self._now, number)
        return self._drawn[number]

    def count(self, length: int | None) -> int:
        """How many pages the first `length` bytes show, or the present file (None); raises `LookFailed`."""
        return len(self._document(length))

    def drawn(self, length: int | None, number: int, pixels: int) -> Any:
        """A page of the first `length` bytes or of the present file (None) as a picture, at most `pixels` a side; None where there is none."""
        document = self._document(length)
        return self._draw(document, number, pixels)[1] if number < len(document) else None

    def _document(self, length: int | None) -> Any:
        if length is None:
            return self._now
        if self._before is None or self._before[0] != length:
            self._before = length, self._open(length)
        return self._before[1]

    def compare(self, length: int, later: Sequence[Place | None], sure: frozenset[int] = frozenset()) -> Iterator[Seen]:
        """The areas that look different now from what the first `length` bytes show; `later` are the places of later signatures.

        The pages in `sure` are drawn last, and left out when time runs out; `left_out` counts them.
        """
        from PIL import ImageChops, ImageDraw

        before = self._open(length)
        try:
            if len(before) != len(self._now):
                yield Seen(min(len(before), len(self._now)), (0.0, 0.0, 1.0, 1.0), None, False)
                return
            for number in sorted(range(len(before)), key=lambda n: n in sure):
                if number in sure and time.process_time() > self._deadline:
                    self.left_out += 1
                    continue
                size_old, old = self._draw(before, number)
                size_new, new = self._draw_now(number)
                if size_old != size_new or old.size != new.size:
                    yield Seen(number, (0.0, 0.0, 1.0, 1.0), None, False)
                    continue
                difference = ImageChops.difference(old, new)
                if difference.getbbox() is None:
                    continue
                for index, place in enumerate(later):
                    if place is None or place.page != number or not place.visible:
                        continue
                    box = _pixels(place, old.size)
                    if difference.crop(_grow(box, _MARGIN, old.size)).getbbox() is None:
                        continue
                    yield Seen(number, _fractions(box, old.size), index, _blank(old, box))
                    ImageDraw.Draw(difference).rectangle(_inclusive(_grow(box, _MARGIN, old.size)), fill=0)
                rest = difference.getbbox()
                if rest is not None:
                    yield Seen(number, _fractions(rest, old.size), None, False)
        finally:
            before.close()

    def close(self) -> None:
        """Let the present file go."""
        if self._before is not None:
            self._before[1].close()
        self._now.close()


_Box = tuple[int, int, int, int]


def _pixels(place: Place, size: tuple[int, int]) -> _Box:
    """The widget's area in pixels from the top left corner."""
    x, y, w, h = place.geometry.displayed(place.rect)
    width, height = place.geometry.size
    sx, sy = size[0] / width, size[1] / height
    return int(x * sx), int((height - y - h) * sy), int((x + w) * sx + 1), int((height - y) * sy + 1)


def _grow(box: _Box, by: int, size: tuple[int, int]) -> _Box:
    return max(0, box[0] - by), max(0, box[1] - by), max(1, min(size[0], box[2] + by)), max(1, min(size[1], box[3] + by))


def _inclusive(box: _Box) -> _Box:
    return box[0], box[1], max(box[0], box[2] - 1), max(box[1], box[3] - 1)


def _blank(image: Any, box: _Box) -> bool:
    """Whether one colour fills the area; its outermost pixels are shared with what lies beside it and do not count."""
    left, top, right, bottom = _grow(box, 0, image.size)
    if right - left > 3 and bottom - top > 3:
        left, top, right, bottom = left + 1, top + 1, right - 1, bottom - 1
    if right <= left or bottom <= top:
        return True
    return all(high - low <= _BLANK_TOLERANCE for low, high in image.crop((left, top, right, bottom)).getextrema())


def _fractions(box: _Box, size: tuple[int, int]) -> tuple[float, float, float, float]:
    width, height = size
    return box[0] / width, 1 - box[3] / height, (box[2] - box[0]) / width, (box[3] - box[1]) / height
