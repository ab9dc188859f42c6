"""Paper: text, tables and boxes one below the other on A4 pages (ISO 32000-1), in one CJK font, of which only the characters used go along."""

import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import BinaryIO, Final, Protocol, TypeAlias

from agent.api.errors import ApiError
from agent.paper.words import fit, lines
from agent.signing import fonts
from agent.signing.objects import date, numbered, real, text_string

Colour: TypeAlias = tuple[float, float, float]
BLACK: Final[Colour] = (0.1, 0.1, 0.1)
GREY: Final[Colour] = (0.42, 0.42, 0.42)
PALE: Final[Colour] = (0.95, 0.95, 0.95)
_LINE: Final[Colour] = (0.75, 0.75, 0.75)
_PAGE: Final = (595.28, 841.89)
_MARGIN: Final = (48.0, 52.0)
_CELL: Final = (4.0, 3.0)
_ALWAYS: Final = "".join(map(chr, range(32, 127))) + "…–"


@dataclass(frozen=True, slots=True)
class Look:
    """How a text looks; lengths in points."""

    size: float = 9.5
    colour: Colour = BLACK
    bold: bool = False
    before: float = 0.0
    after: float = 3.0
    indent: float = 0.0
    hang: float = 0.0
    """The further lines stand so much to the right of the first."""


@dataclass(frozen=True, slots=True)
class Cell:
    """A piece of a table's row; `part` is its share of the width."""

    text: str
    part: float
    look: Look = Look(8.5)
    fill: Colour | None = None


class Paper(Protocol):
    """What can be written on."""

    def text(self, text: str, look: Look = Look()) -> None:
        """A paragraph."""

    def box(self, text: str, colour: Colour) -> None:
        """One large line in a frame."""

    def row(self, cells: Sequence[Cell]) -> None:
        """A row of a table; it is not torn apart by the end of a page unless it is longer than one."""

    def together(self, points: float) -> None:
        """What follows needs so much room on one page."""


class _Listener:
    """Paper that only hears which characters there are."""

    def __init__(self) -> None:
        self.seen = set(_ALWAYS)

    def text(self, text: str, look: Look = Look()) -> None:
        self.seen.update(fit(text))

    def box(self, text: str, colour: Colour) -> None:
        self.seen.update(fit(text))

    def row(self, cells: Sequence[Cell]) -> None:
        for cell in cells:
            self.seen.update(fit(cell.text))

    def together(self, points: float) -> None:
        pass


def write(out: BinaryIO, draw: Callable[[Paper], None], *, title: str, lang: str, footer: str, made: datetime, mark: bytes = b"") -> int:
    """Write what `draw` draws, and end the file with `mark` (a comment line); the number of pages.

    `draw` is called twice and must say the same both times.  Raises `ApiError` not_found with reason ``font`` where no CJK font is installed; a
    character that is in none of the fonts is shown by its number.
    """
    listener = _Listener()
    draw(listener)
    listener.text(title)
    listener.text(footer)
    face, lacking = _face("".join(listener.seen))
    sheet = Sheet(out, face, lacking, title=title, lang=lang, footer=footer, made=made)
    draw(sheet)
    return sheet.close(mark)


def _face(characters: str) -> tuple[fonts.Typeface, frozenset[str]]:
    try:
        return fonts.typeface(characters), frozenset()
    except ApiError as error:
        if error.facts.get("reason") != "glyph":
            raise
        lacking = frozenset(str(error.facts["characters"]))
        return fonts.typeface("".join(set(characters) - lacking | set("\\uUx0123456789abcdef"))), lacking


class Sheet:
    """A PDF under way: pages go out as they are full."""

    def __init__(self, out: BinaryIO, face: fonts.Typeface, lacking: frozenset[str], *, title: str, lang: str, footer: str, made: datetime) -> None:
        self._out, self._face, self._lacking = out, face, lacking
        self._title, self._lang, self._footer, self._made = title, lang, footer, made
        self._offsets: dict[int, int] = {}
        self._at = self._put(b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n")
        self._font, self._total, self._tree = 3, 3 + len(face.objects), 4 + len(face.objects)
        self._next = self._tree + 1
        self._pages: list[int] = []
        self._content: list[bytes] = []
        self._y = _PAGE[1] - _MARGIN[1]

    def text(self, text: str, look: Look = Look()) -> None:
        """A paragraph."""
        self._y -= look.before
        for number, line in enumerate(self._lines(text, self._width - look.indent - look.hang, look)):
            self._room(look.size * 1.45)
            self._y -= look.size * 1.45
            self._show(_MARGIN[0] + look.indent + (look.hang if number else 0), self._y + look.size * 0.33, line, look)
        self._y -= look.after

    def box(self, text: str, colour: Colour) -> None:
        """One large line in a frame."""
        look = Look(15, colour, bold=True)
        every = self._lines(text, self._width - 24, look)
        height = len(every) * 22 + 12.0
        self._room(height + 6)
        self._y -= height
        self._content.append(b"q %s RG 1.6 w %s re S Q" % (_rgb(colour), _rect(_MARGIN[0], self._y, self._width, height)))
        for number, line in enumerate(every):
            self._show(_MARGIN[0] + 12, self._y + height - 22 * (number + 1), line, look)
        self._y -= 6

    def row(self, cells: Sequence[Cell]) -> None:
        """A row of a table."""
        whole = sum(cell.part for cell in cells)
        widths = [self._width * cell.part / whole for cell in cells]
        texts = [self._lines(c.text, w - 2 * _CELL[0], c.look) for c, w in zip(cells, widths, strict=True)]
        most = max((_PAGE[1] - 2 * _MARGIN[1] - 2 * _CELL[1]) // (cell.look.size * 1.4) for cell in cells)
        while True:
            piece = [t[: int(most)] for t in texts]
            self._row(cells, widths, piece)
            texts = [t[int(most) :] for t in texts]
            if not any(texts):
                return

    def _row(self, cells: Sequence[Cell], widths: Sequence[float], texts: Sequence[Sequence[str]]) -> None:
        height = max(len(t) * c.look.size * 1.4 for t, c in zip(texts, cells, strict=True)) + 2 * _CELL[1]
        self._room(height)
        self._y -= height
        x = _MARGIN[0]
        for cell, width, every in zip(cells, widths, texts, strict=True):
            place = _rect(x, self._y, width, height)
            if cell.fill is not None:
                self._content.append(b"q %s rg %s re f Q" % (_rgb(cell.fill), place))
            self._content.append(b"q %s RG 0.5 w %s re S Q" % (_rgb(_LINE), place))
            for number, line in enumerate(every):
                self._show(x + _CELL[0], self._y + height - _CELL[1] - cell.look.size * (1.4 * number + 1.05), line, cell.look)
            x += width

    def together(self, points: float) -> None:
        """What follows needs so much room on one page."""
        self._room(points)

    @property
    def _width(self) -> float:
        return _PAGE[0] - 2 * _MARGIN[0]

    def _lines(self, text: str, width: float, look: Look) -> list[str]:
        return lines(fit(text, self._lacking), width / look.size, self._face.advance)

    def _show(self, x: float, y: float, text: str, look: Look) -> None:
        if text:
            colour = _rgb(look.colour)
            stroke = b"2 Tr %s w %s RG " % (real(look.size * 0.03), colour) if look.bold else b""
            where = b"%s %s Td" % (real(x), real(y))
            self._content.append(b"q BT /F %s Tf %s%s rg %s %s Tj ET Q" % (real(look.size), stroke, colour, where, self._face.show(text)))

    def _room(self, points: float) -> None:
        if self._y - points < _MARGIN[1] and self._y < _PAGE[1] - _MARGIN[1]:
            self._turn()

    def _turn(self) -> None:
        """The page is full: write it."""
        look = Look(7.5, GREY)
        short = self._lines(self._footer, self._width - 80, look)[0]
        self._show(_MARGIN[0], 30, short, look)
        number = f"{len(self._pages) + 1} / "
        left = _PAGE[0] - _MARGIN[0] - 24
        self._show(left - 7.5 * sum(map(self._face.advance, number)), 30, number, look)
        self._content.append(b"q 1 0 0 1 %s 30 cm /N Do Q" % real(left))
        packed = zlib.compress(b"\n".join(self._content), 6)
        content, page = self._next, self._next + 1
        self._next += 2
        self._object(content, b"<</Filter/FlateDecode/Length %d>>\nstream\n" % len(packed) + packed + b"\nendstream")
        used = b"<</Font<</F %d 0 R>>/XObject<</N %d 0 R>>>>" % (self._font, self._total)
        size = b"[0 0 %s %s]" % (real(_PAGE[0]), real(_PAGE[1]))
        self._object(page, b"<</Type/Page/Parent %d 0 R/MediaBox%s/Resources%s/Contents %d 0 R>>" % (self._tree, size, used, content))
        self._pages.append(page)
        self._content, self._y = [], _PAGE[1] - _MARGIN[1]

    def close(self, mark: bytes) -> int:
        """Write the last page and the index; the number of pages."""
        if self._content or not self._pages:
            self._turn()
        look = Look(7.5, GREY)
        self._show(0, 0, str(len(self._pages)), look)
        form = b"<</Type/XObject/Subtype/Form/BBox[0 -3 40 10]/Resources<</Font<</F %d 0 R>>>>/Length %d>>\nstream\n%s\nendstream"
        drawn = self._content[0]
        self._object(self._total, form % (self._font, len(drawn), drawn))
        for number, parts in enumerate(self._face.objects):
            self._object(self._font + number, numbered(parts, self._font))
        kids = b" ".join(b"%d 0 R" % page for page in self._pages)
        self._object(self._tree, b"<</Type/Pages/Count %d/Kids[%s]>>" % (len(self._pages), kids))
        language = text_string("zh-CN" if self._lang == "zh" else "en")
        shown = b"/ViewerPreferences<</DisplayDocTitle true>>"
        self._object(1, b"<</Type/Catalog/Pages %d 0 R/Lang%s%s>>" % (self._tree, language, shown))
        self._object(2, b"<</Title%s/Producer%s/CreationDate%s>>" % (text_string(fit(self._title)), text_string("Yinxin 印信"), date(self._made)))
        start, count = self._at, max(self._offsets) + 1
        rows = [b"0000000000 65535 f \n", *(b"%010d 00000 n \n" % self._offsets[n] for n in range(1, count))]
        self._put(b"xref\n0 %d\n" % count + b"".join(rows))
        self._put(b"trailer\n<</Size %d/Root 1 0 R/Info 2 0 R>>\nstartxref\n%d\n%%%%EOF\n" % (count, start) + mark)
        return len(self._pages)

    def _object(self, number: int, body: bytes) -> None:
        self._offsets[number] = self._at
        self._at += self._put(b"%d 0 obj\n%s\nendobj\n" % (number, body))

    def _put(self, data: bytes) -> int:
        self._out.write(data)
        return len(data)


def _rgb(colour: Colour) -> bytes:
    return b" ".join(real(part) for part in colour)


def _rect(x: float, y: float, width: float, height: float) -> bytes:
    return b" ".join(real(part) for part in (x, y, width, height))


def bold(look: Look) -> Look:
    """The same, bold."""
    return replace(look, bold=True)
