"""Draw the drawing that `make demo` signs: an A1 structural plan with a Chinese title block (图签), as a CAD program would plot it.

`python -m scripts.draw_sample OUT.pdf` writes it.  Everything is in millimetres from the lower left corner; text is embedded text, axis names,
dimensions and the view's name are stroke lettering, which no text search finds.  The same call gives the same bytes.
"""

import sys
import tempfile
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas

from scripts.letters import stroke_lines, stroke_width, subset_font

SHEET = (841.0, 594.0)
"""A1, in mm."""

POSITIONS = ("设计", "校对", "审核", "审定", "会签")
_NAMES = ("李 工", "陈 明", "赵启航", "周 岚", "王 芳")
_BLOCK = (631.0, 10.0, 200.0)  # left edge, lower edge and width of the title block
_ROW = 12.0
_COLUMNS = (18.0, 24.0, 56.0, 22.0)  # position, name, signature, date; project and sheet take the rest

_NOTES = (
    "说明：",
    "1. 本图尺寸以毫米计，标高以米计；±0.000 相当于绝对标高 4.250。",
    "2. 混凝土强度等级：柱 C40，梁、板 C30；钢筋采用 HRB400。",
    "3. 未注明的板厚均为 120，未注明的梁居轴线中。",
    "4. 图中未注明的洞口边附加钢筋见结施-02。",
    "5. 本图为演示样图，不得用于施工。",
)
_ACROSS = (6000, 6000, 7200, 7200, 6000, 6000, 8400)
_UP = (6600, 3000, 6600, 7800)
_SCALE = 0.01  # 1:100
_ORIGIN = (110.0, 220.0)


@dataclass(frozen=True, slots=True)
class Cell:
    """A rectangle of the title block, in mm from the sheet's lower left corner."""

    x: float
    y: float
    width: float
    height: float

    @property
    def place(self) -> str:
        """As `yinxin sign --at` wants it, with half a millimetre of air on each side."""
        return f"1:{self.x + 0.5:g},{self.y + 0.5:g},{self.width - 1:g},{self.height - 1:g}@bl"


def signature_cell(position: str) -> Cell:
    """Where the person in `position` signs; raises ValueError for a position that the title block does not have."""
    row = POSITIONS.index(position)
    return Cell(_BLOCK[0] + _COLUMNS[0] + _COLUMNS[1], _BLOCK[1] + (len(POSITIONS) - 1 - row) * _ROW, _COLUMNS[2], _ROW)


class _Sheet:
    """A reportlab canvas that thinks in millimetres."""

    def __init__(self, out: Path, font: str) -> None:
        self.canvas = Canvas(str(out), pagesize=(SHEET[0] * mm, SHEET[1] * mm), invariant=1, pageCompression=1)
        self.font = font

    def pen(self, width: float) -> None:
        self.canvas.setLineWidth(width * mm)

    def line(self, x1: float, y1: float, x2: float, y2: float) -> None:
        self.canvas.line(x1 * mm, y1 * mm, x2 * mm, y2 * mm)

    def box(self, x: float, y: float, width: float, height: float, fill: int = 0) -> None:
        self.canvas.rect(x * mm, y * mm, width * mm, height * mm, fill=fill)

    def text(self, x: float, y: float, what: str, size: float = 3.5, centred: bool = False) -> None:
        """`size` is the height of the letters in mm, as drawings count it."""
        self.canvas.setFont(self.font, size * mm * 1.2)
        (self.canvas.drawCentredString if centred else self.canvas.drawString)(x * mm, y * mm, what)

    def strokes(self, x: float, y: float, what: str, height: float = 3.5, centred: bool = False, upright: bool = False) -> None:
        """Letter in strokes; `upright` turns the line a quarter to the left about (x, y)."""
        self.canvas.saveState()
        self.canvas.translate(x * mm, y * mm)
        if upright:
            self.canvas.rotate(90)
        start = -stroke_width(what, height) / 2 if centred else 0.0
        for points in stroke_lines(what, start, 0.0, height):
            path = self.canvas.beginPath()
            path.moveTo(points[0][0] * mm, points[0][1] * mm)
            for px, py in points[1:]:
                path.lineTo(px * mm, py * mm)
            self.canvas.drawPath(path)
        self.canvas.restoreState()


def _grid(sizes: tuple[int, ...], start: float) -> list[float]:
    lines = [start]
    for size in sizes:
        lines.append(lines[-1] + size * _SCALE)
    return lines


def _dimensions(sheet: _Sheet, across: list[float], up: list[float]) -> None:
    """Dimension lines with oblique ticks, two deep, below and left of the plan."""
    sheet.pen(0.18)
    below, left = up[0] - 22, across[0] - 22
    for at, stops in ((below, across), (below - 9, [across[0], across[-1]])):
        sheet.line(stops[0] - 2, at, stops[-1] + 2, at)
        for stop in stops:
            sheet.line(stop, at - 2, stop, up[0] - 12)
            sheet.line(stop - 1.2, at - 1.2, stop + 1.2, at + 1.2)
        for one, other in pairwise(stops):
            sheet.strokes((one + other) / 2, at + 1.2, str(round((other - one) / _SCALE)), 3, centred=True)
    for at, stops in ((left, up), (left - 9, [up[0], up[-1]])):
        sheet.line(at, stops[0] - 2, at, stops[-1] + 2)
        for stop in stops:
            sheet.line(at - 2, stop, across[0] - 12, stop)
            sheet.line(at - 1.2, stop - 1.2, at + 1.2, stop + 1.2)
        for one, other in pairwise(stops):
            sheet.strokes(at - 1.2, (one + other) / 2, str(round((other - one) / _SCALE)), 3, centred=True, upright=True)


def _plan(sheet: _Sheet) -> None:
    """Axes with their bubbles, columns, beams, one stair opening, dimensions, the view's name."""
    across, up = _grid(_ACROSS, _ORIGIN[0]), _grid(_UP, _ORIGIN[1])
    canvas = sheet.canvas
    canvas.setDash([12 * mm, 1.5 * mm, 1 * mm, 1.5 * mm])
    sheet.pen(0.13)
    for x in across:
        sheet.line(x, up[0] - 12, x, up[-1] + 12)
    for y in up:
        sheet.line(across[0] - 12, y, across[-1] + 12, y)
    canvas.setDash()
    sheet.pen(0.25)
    for number, x in enumerate(across, 1):
        canvas.circle(x * mm, (up[-1] + 17) * mm, 5 * mm)
        sheet.strokes(x, up[-1] + 15, str(number), 4, centred=True)
    for name, y in zip("ABCDE", up, strict=True):
        canvas.circle((across[-1] + 17) * mm, y * mm, 5 * mm)
        sheet.strokes(across[-1] + 17, y - 2, name, 4, centred=True)
    sheet.pen(0.35)
    for y in up:
        for side in (-1.6, 1.6):
            sheet.line(across[0], y + side, across[-1], y + side)
    for x in across:
        for side in (-1.6, 1.6):
            sheet.line(x + side, up[0], x + side, up[-1])
    for x in across:
        for y in up:
            sheet.box(x - 3, y - 3, 6, 6, fill=1)
    for left, right in ((across[2], across[3]), (across[5], across[6])):
        sheet.pen(0.25)
        for step in range(12):
            x = left + 6 + step * (right - left - 12) / 11
            sheet.line(x, up[1] + 12, x, up[2] - 4)
        sheet.text((left + right) / 2, up[1] + 5, "楼梯间 LT-1", 3.5, centred=True)
    for one, other in pairwise(across):
        sheet.text((one + other) / 2, up[3] + 4, "KL2(3) 300×700", 3, centred=True)
        sheet.text((one + other) / 2, (up[3] + up[4]) / 2, "LB1 h=120", 3, centred=True)
        sheet.text((one + other) / 2, (up[0] + up[1]) / 2, "LB2 h=120", 3, centred=True)
    _dimensions(sheet, across, up)
    sheet.pen(0.5)
    middle = (across[0] + across[-1]) / 2
    sheet.strokes(middle, up[0] - 52, "二层平面图  1:100", 9, centred=True)
    sheet.line(middle - 75, up[0] - 55, middle + 75, up[0] - 55)


def _title_block(sheet: _Sheet) -> None:
    """图签: five positions with name, signature and date at the left, project and sheet at the right."""
    x, y, width = _BLOCK
    edges = [x]
    for column in _COLUMNS:
        edges.append(edges[-1] + column)
    height = _ROW * (len(POSITIONS) + 1)
    sheet.pen(0.7)
    sheet.box(x, y, width, height + 36)
    sheet.pen(0.25)
    for row in range(1, len(POSITIONS) + 2):
        sheet.line(x, y + row * _ROW, edges[-1] if row <= len(POSITIONS) else x + width, y + row * _ROW)
    for edge in edges[1:]:
        sheet.line(edge, y, edge, y + height)
    for edge, end, head in zip(edges, edges[1:], ("岗位", "姓名", "签名", "日期"), strict=False):
        sheet.text((edge + end) / 2, y + height - 8, head, 3.5, centred=True)
    for row, (position, name) in enumerate(zip(POSITIONS, _NAMES, strict=True)):
        middle = y + (len(POSITIONS) - 1 - row) * _ROW + 4.2
        sheet.text((edges[0] + edges[1]) / 2, middle, position, 4, centred=True)
        sheet.text((edges[1] + edges[2]) / 2, middle, name, 4, centred=True)
    rest = (edges[-1] + x + width) / 2
    for row, (what, value) in enumerate(
        (("图号", "结施-03"), ("版次", "A"), ("比例", "1:100"), ("日期", "2026.03"), ("专业", "结构"), ("阶段", "施工图"))
    ):
        sheet.text(edges[-1] + 3, y + row * _ROW + 4.2, what, 3)
        sheet.text(rest + 8, y + row * _ROW + 4.2, value, 4, centred=True)
        sheet.line(edges[-1], y + row * _ROW, x + width, y + row * _ROW)
    sheet.text(x + width / 2, y + height + 25, "云桥建筑设计院", 6, centred=True)
    sheet.text(x + width / 2, y + height + 15, "工程名称：临江中学教学楼", 4, centred=True)
    sheet.text(x + width / 2, y + height + 5, "图名：二层结构平面图", 4, centred=True)


def draw(out: Path) -> None:
    """Write the sample drawing to `out`."""
    everything = "".join(_NOTES + POSITIONS + _NAMES) + Path(__file__).read_text(encoding="utf-8") + "".join(map(chr, range(32, 127)))
    with tempfile.TemporaryDirectory() as work:
        pdfmetrics.registerFont(TTFont("YinxinSample", str(subset_font(everything, Path(work) / "sample.ttf"))))
        sheet = _Sheet(out, "YinxinSample")
        sheet.canvas.setTitle("结施-03 二层结构平面图")
        sheet.canvas.setAuthor("云桥建筑设计院")
        sheet.canvas.setSubject("印信演示样图 / Yinxin sample drawing")
        sheet.canvas.setLineCap(1)
        sheet.pen(0.18)
        sheet.box(0.5, 0.5, SHEET[0] - 1, SHEET[1] - 1)
        sheet.pen(1.0)
        sheet.box(25, 10, SHEET[0] - 35, SHEET[1] - 20)
        _plan(sheet)
        _title_block(sheet)
        for number, note in enumerate(_NOTES):
            sheet.text(640, 300 - number * 9, note, 4 if number else 5)
        sheet.canvas.showPage()
        sheet.canvas.save()


if __name__ == "__main__":
    draw(Path(sys.argv[1]))
