"""The drawing that the project ships: A1, a title block with its five cells, text and strokes, the same bytes each time."""

import re
from itertools import pairwise
from pathlib import Path

import pikepdf
import pytest

from scripts.draw_sample import POSITIONS, SHEET, draw, signature_cell
from scripts.letters import stroke_lines, stroke_width


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("sample") / "sample.pdf"
    draw(path)
    return path


def test_it_is_one_a1_sheet_with_its_fonts_inside(sample: Path) -> None:
    with pikepdf.open(sample) as pdf:
        assert len(pdf.pages) == 1
        box = [float(edge) / 72 * 25.4 for edge in pdf.pages[0].mediabox]
        assert box == pytest.approx([0, 0, *SHEET], abs=0.01)
        fonts = [font for font in pdf.pages[0].Resources.Font.values() if "Helvetica" not in str(font.BaseFont)]
        assert [("/FontFile2" in font.FontDescriptor, "/ToUnicode" in font) for font in fonts] == [(True, True)] * len(fonts) != []


def test_the_same_call_gives_the_same_bytes(sample: Path, tmp_path: Path) -> None:
    draw(tmp_path / "again.pdf")
    assert (tmp_path / "again.pdf").read_bytes() == sample.read_bytes()


def test_cells_lie_in_the_sheet_and_apart(sample: Path) -> None:
    cells = [signature_cell(position) for position in POSITIONS]
    for upper, lower in pairwise(cells):
        assert upper.y == lower.y + lower.height
    for cell in cells:
        assert 0 < cell.x < cell.x + cell.width < SHEET[0]
        assert re.fullmatch(r"1:[\d.]+,[\d.]+,[\d.]+,[\d.]+@bl", cell.place)


def test_stroke_lettering_is_lines_and_not_text() -> None:
    lines = list(stroke_lines("10", 5.0, 7.0, 10.0))
    assert lines[0][0] == (5.0, 15.0)
    assert max(x for line in lines for x, _ in line) == pytest.approx(5.0 + stroke_width("10", 10.0))
    with pytest.raises(KeyError):
        list(stroke_lines("é", 0, 0, 1))
