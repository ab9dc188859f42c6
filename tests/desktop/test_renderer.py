"""The renderer process: right sizes and pixels, a word for what cannot be shown, and a window that survives its death."""

import hashlib
import sys
from collections.abc import Callable
from pathlib import Path

import pikepdf
import pytest
from PySide6.QtGui import QImage
from pytestqt.qtbot import QtBot
from reportlab.lib.units import mm
from reportlab.pdfgen.canvas import Canvas

from desktop import pages as pages_module
from desktop.pages import Pages, Tile

HANGS = (sys.executable, "-c", "import sys\nfor line in sys.stdin: pass")
DIES = (sys.executable, "-c", "import os, sys\nsys.stdin.readline()\nos.abort()")
NONSENSE = (sys.executable, "-c", "import sys\nsys.stdin.readline()\nsys.stdout.write('hello\\n')\nsys.stdout.flush()\nsys.stdin.read()")


@pytest.fixture
def pages(qtbot: QtBot):  # type: ignore[no-untyped-def]
    made: list[Pages] = []

    def make(*command: str) -> Pages:
        made.append(Pages(command=command) if command else Pages())
        return made[-1]

    yield make
    for each in made:
        each.close()


@pytest.fixture
def sheet(tmp_path: Path) -> Path:
    """Two pages; the first 200 x 100 mm with a red square of 20 mm at the top left, turned by 90 degrees on the second."""
    path = tmp_path / "图 纸.pdf"
    canvas = Canvas(str(path), pagesize=(200 * mm, 100 * mm))
    for _ in range(2):
        canvas.setFillColorRGB(1, 0, 0)
        canvas.rect(0, 80 * mm, 20 * mm, 20 * mm, stroke=0, fill=1)
        canvas.showPage()
    canvas.save()
    with pikepdf.open(path, allow_overwriting_input=True) as pdf:
        pdf.pages[1].rotate(90, relative=False)
        pdf.save()
    return path


def _colour(image: QImage, x: int, y: int) -> tuple[int, int, int]:
    colour = image.pixelColor(x, y)
    return colour.red(), colour.green(), colour.blue()


def test_pages_have_their_size_digest_and_colours(pages: Callable[..., Pages], sheet: Path, qtbot: QtBot) -> None:
    shown = pages()
    with qtbot.waitSignal(shown.opened) as opened:
        shown.open(str(sheet))
    assert opened.args == [2, hashlib.sha256(sheet.read_bytes()).hexdigest()]
    with qtbot.waitSignal(shown.sized) as sized:
        shown.size(1)
    assert sized.args == [1, pytest.approx(200), pytest.approx(100)]
    with qtbot.waitSignal(shown.drawn) as drawn:
        shown.draw(Tile(1, 2.0, 0, 0, 128, 128))
    image = drawn.args[1]
    assert (image.width(), image.height()) == (128, 128)
    assert (_colour(image, 5, 5), _colour(image, 60, 60)) == ((255, 0, 0), (255, 255, 255))
    with qtbot.waitSignal(shown.drawn) as corner:
        shown.draw(Tile(1, 2.0, 384, 128, 128, 128))  # the page ends at 400 x 200
    assert (corner.args[1].width(), corner.args[1].height()) == (16, 72)


def test_a_turned_page_is_shown_as_it_is_read(pages: Callable[..., Pages], sheet: Path, qtbot: QtBot) -> None:
    shown = pages()
    shown.open(str(sheet))
    with qtbot.waitSignal(shown.sized) as sized:
        shown.size(2)
    assert sized.args == [2, pytest.approx(100), pytest.approx(200)]
    with qtbot.waitSignal(shown.drawn) as drawn:
        shown.draw(Tile(2, 1.0, 0, 0, 100, 200))
    assert _colour(drawn.args[1], 90, 10) == (255, 0, 0)


def test_a_page_with_a_unit_of_its_own_has_its_true_size(pages: Callable[..., Pages], tmp_path: Path, qtbot: QtBot) -> None:
    path = tmp_path / "large.pdf"
    with pikepdf.new() as pdf:
        pdf.add_blank_page(page_size=(720, 360)).obj["/UserUnit"] = 2
        pdf.save(path)
    shown = pages()
    shown.open(str(path))
    with qtbot.waitSignal(shown.sized) as sized:
        shown.size(1)
    assert sized.args == [1, pytest.approx(508), pytest.approx(254)]


def test_a_signed_file_shows_its_fields(pages: Callable[..., Pages], sheet: Path, qtbot: QtBot) -> None:
    with pikepdf.open(sheet, allow_overwriting_input=True) as pdf:
        look = pdf.make_stream(b"0 0 1 rg 0 0 100 100 re f")
        look.update({"/Type": pikepdf.Name.XObject, "/Subtype": pikepdf.Name.Form, "/BBox": [0, 0, 100, 100]})
        field = {"/Type": pikepdf.Name.Annot, "/Subtype": pikepdf.Name.Widget, "/FT": pikepdf.Name.Sig, "/T": pikepdf.String("S"), "/F": 4}
        widget = pdf.make_indirect(pikepdf.Dictionary({**field, "/Rect": [300, 0, 400, 100], "/AP": {"/N": look}}))
        pdf.pages[0].obj["/Annots"] = pikepdf.Array([widget])
        pdf.Root["/AcroForm"] = pikepdf.Dictionary({"/Fields": [widget], "/SigFlags": 3})
        pdf.save()
    shown = pages()
    shown.open(str(sheet))
    with qtbot.waitSignal(shown.drawn) as drawn:
        shown.draw(Tile(1, 1.0, 0, 0, 200, 100))
    assert _colour(drawn.args[1], 120, 90) == (0, 0, 255)


@pytest.mark.parametrize("why", ["missing", "damaged", "encrypted"])
def test_what_cannot_be_shown_is_told(why: str, pages: Callable[..., Pages], sheet: Path, tmp_path: Path, qtbot: QtBot) -> None:
    path = tmp_path / "other.pdf"
    if why == "damaged":
        path.write_bytes(b"%PDF-1.7 nothing")
    elif why == "encrypted":
        with pikepdf.open(sheet) as pdf:
            pdf.save(path, encryption=pikepdf.Encryption(user="geheim", owner="geheim"))
    shown = pages()
    with qtbot.waitSignal(shown.problem) as problem:
        shown.open(str(path))
    assert problem.args == [why]


@pytest.mark.parametrize(("command", "how"), [(DIES, "crashed"), (NONSENSE, "crashed"), (("/nowhere/python",), "crashed"), (HANGS, "hung")])
def test_a_renderer_that_fails_is_told_once_and_replaced(
    command: tuple[str, ...], how: str, pages: Callable[..., Pages], sheet: Path, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages_module, "HANG_MILLISECONDS", 300 if how == "hung" else 20_000)
    shown, told = pages(*command), []
    shown.problem.connect(told.append)
    with qtbot.waitSignal(shown.problem):
        shown.open(str(sheet))
    assert told == [how]
    shown._command = (sys.executable, "-m", "desktop.renderer")
    shown._clock.setInterval(20_000)
    with qtbot.waitSignal(shown.opened):
        shown.open(str(sheet))


def test_a_file_replaced_after_opening_does_not_change_what_is_shown(pages: Callable[..., Pages], sheet: Path, qtbot: QtBot) -> None:
    shown = pages()
    with qtbot.waitSignal(shown.opened):
        shown.open(str(sheet))
    sheet.write_bytes(b"something else")
    with qtbot.waitSignal(shown.drawn) as drawn:
        shown.draw(Tile(1, 2.0, 0, 0, 64, 64))
    assert _colour(drawn.args[1], 5, 5) == (255, 0, 0)


def test_a_name_that_is_not_utf8_can_be_shown(pages: Callable[..., Pages], sheet: Path, qtbot: QtBot) -> None:
    odd = sheet.parent / "b\udcff\n.pdf"
    sheet.rename(odd)
    shown = pages()
    with qtbot.waitSignal(shown.opened) as opened:
        shown.open(str(odd))
    assert opened.args[0] == 2
