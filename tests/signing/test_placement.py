"""Places: the words, and where the text really appears, seen by rendering."""

import re
from contextlib import suppress
from pathlib import Path

import pypdfium2
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from agent.api.errors import ApiError, Code
from agent.signing.placement import PageShape, Place, locate, parse, shape
from tests.signing.pen import Pen, accepted, make_pdf

PATTERN = re.compile(r"(last|\d{1,6}):.*")
MM = 72 / 25.4


@given(
    st.one_of(st.just("last"), st.integers(1, 999_999).map(str)), st.floats(0, 99_999), st.floats(0, 99_999),
    st.one_of(st.none(), st.floats(0.01, 9999)), st.one_of(st.none(), st.floats(0.01, 9999)), st.sampled_from(["", "@bl", "@br", "@tl", "@tr"]),
)  # fmt: skip
def test_every_place_is_understood(page: str, x: float, y: float, w: float | None, h: float | None, corner: str) -> None:
    size = "" if w is None else f",{w:.3f}" + ("" if h is None else f",{h:.3f}")
    found = parse(f"{page}:{x:.3f},{y:.3f}{size}{corner}")
    assert found.page == (0 if page == "last" else int(page))
    assert (found.x, found.y, found.corner) == (float(f"{x:.3f}"), float(f"{y:.3f}"), corner[1:] or "bl")
    assert found.width == (60 if w is None else float(f"{w:.3f}"))
    assert found.height == (20 if w is None or h is None else float(f"{h:.3f}"))
    assert parse(str(Place(found.page, 3, 4, 5, 6, found.corner))).corner == found.corner


@given(st.text(max_size=40))
def test_anything_else_is_an_error_of_usage(text: str) -> None:
    if PATTERN.fullmatch(text):
        return
    with pytest.raises(ApiError) as caught:
        parse(text)
    assert caught.value.code is Code.USAGE
    assert caught.value.facts["reason"] == "place"


@pytest.mark.parametrize(
    "text", ["", "1", "1:2", "0:1,1", "1:1,1,0", "1:1,1,5,0", "1:-1,1", "1:nan,1", "1:1e3,1", "1:1,1@xx", "1:1,1\n", "１:1,1", "first:1,1"]
)
def test_wrong_places(text: str) -> None:
    with pytest.raises(ApiError):
        parse(text)


@given(st.tuples(*[st.floats(-1e4, 1e4, width=32)] * 4), st.one_of(st.none(), st.tuples(*[st.floats(-1e4, 1e4, width=32)] * 4)), st.integers(-8, 8))
def test_a_spot_lies_on_the_page_whole_or_is_refused(media: tuple[float, ...], crop: tuple[float, ...] | None, quarters: int) -> None:
    page = shape(media, crop, quarters * 90)  # type: ignore[arg-type]
    left, bottom, right, top = page.box
    if min(page.size) < 40 * MM:  # it may not fit
        with suppress(ApiError):
            locate(Place(1, 5, 5, 30, 10, "tr"), page)
        return
    spot = locate(Place(1, 5, 5, 30, 10, "tr"), page)
    assert left - 0.1 <= spot.rect[0] < spot.rect[2] <= right + 0.1
    assert bottom - 0.1 <= spot.rect[1] < spot.rect[3] <= top + 0.1


def test_odd_values_of_a_page_are_taken_as_viewers_do() -> None:
    assert shape((300, 400, 0, 0), None) == PageShape((0, 0, 300, 400))
    assert shape(None, None).box == (0, 0, 612, 792)
    assert shape((0, 0, 100, 100), (200, 200, 300, 300)).box == (0, 0, 100, 100)
    assert shape((0, 0, 100, 100), (50, 50, 300, 300)).box == (50, 50, 100, 100)
    assert shape((0, 0, 100, 100), None, -90).rotate == 270
    assert shape((0, 0, 100, 100), None, 450, -1).user_unit == 1


def rendered(path: Path, scale: float) -> Image.Image:
    """The first page in grey, with its annotations and widgets."""
    document = pypdfium2.PdfDocument(str(path))
    try:
        document.init_forms()  # or pdfium leaves widgets out
        picture: Image.Image = document[0].render(scale=scale).to_pil()
        return picture.convert("L")
    finally:
        document.close()


def ink(path: Path, dpi: int) -> tuple[float, float, float, float]:
    """Left, top, right, bottom of what is not white, in mm from the top left of the page as displayed."""
    box = rendered(path, dpi / 72).point(lambda value: 255 if value < 200 else 0).getbbox()
    assert box is not None
    left, top, right, bottom = (value / dpi * 25.4 for value in box)
    return left, top, right, bottom


PAGES = {
    "plain": b"/MediaBox[0 0 420 300]",
    "rotated 90": b"/MediaBox[0 0 420 300]/Rotate 90",
    "rotated 180": b"/MediaBox[0 0 420 300]/Rotate 180",
    "rotated 270": b"/MediaBox[0 0 420 300]/Rotate 270",
    "rotated -90, shifted": b"/MediaBox[-200 100 220 400]/Rotate -90",
    "cropped": b"/MediaBox[0 0 600 500]/CropBox[100 50 520 350]",
    "cropped and rotated": b"/MediaBox[0 0 600 500]/CropBox[100 50 520 350]/Rotate 270",
    "reversed box": b"/MediaBox[420 300 0 0]/Rotate 90",
    "user unit": b"/MediaBox[0 0 210 150]/UserUnit 2",
    "user unit, rotated": b"/MediaBox[10 10 220 160]/UserUnit 2/Rotate 90",
}


@pytest.mark.parametrize("corner", ["bl", "br", "tl", "tr"])
@pytest.mark.parametrize("name", PAGES)
def test_the_text_appears_within_half_a_millimetre(name: str, corner: str, pen: Pen, tmp_path: Path) -> None:
    source, target = tmp_path / "a.pdf", tmp_path / "b.pdf"
    source.write_bytes(make_pdf(PAGES[name]))
    pen.sign(source, target, places=[f"1:12,7,40,15@{corner}"])
    unit = 2 if "user unit" in name else 1  # pdfium draws one unit as 1/72 inch, whatever /UserUnit says
    wide, high = (300, 420) if ("rotated" in name and "180" not in name) or "reversed" in name else (420, 300)
    left, top, right, bottom = (value * unit for value in ink(target, 300 * unit))
    x = 12 if corner in ("bl", "tl") else wide / MM - 12 - 40
    y = 7 if corner in ("tl", "tr") else high / MM - 7 - 15
    assert (left, top, right, bottom) == pytest.approx((x, y, x + 40, y + 15), abs=0.5)
    accepted(target)


@pytest.mark.parametrize("name", PAGES)
def test_the_text_stands_upright_on_every_page(name: str, pen: Pen, tmp_path: Path) -> None:
    """The same picture, however the page is turned: compared with the unturned page."""
    pictures = []
    for which in ("rotated 180" if name == "plain" else "plain", name):
        source, target = tmp_path / f"{which}.pdf", tmp_path / f"{which}.out.pdf"
        source.write_bytes(make_pdf(PAGES[which]))
        pen.sign(source, target, places=["1:10,10,40,16"])
        unit = 2 if "user unit" in which else 1
        picture = rendered(target, 4 * unit)
        low = picture.height - round(10 * MM * 4)
        pictures.append(picture.crop((round(10 * MM * 4), low - round(16 * MM * 4), round(50 * MM * 4), low)).resize((160, 64)))
    plain, other = (picture.tobytes() for picture in pictures)
    assert min(plain) < 120
    assert sum(abs(a - b) for a, b in zip(plain, other, strict=True)) / len(plain) < 12


@pytest.mark.parametrize("place", ["1:1,1,2000", "1:140,10,60,20", "1:0,100,10,10@tl", "1:0,90,10,20@tl"])
def test_a_place_off_the_page_is_a_clear_error(place: str, pen: Pen, tmp_path: Path) -> None:
    source = tmp_path / "a.pdf"
    source.write_bytes(make_pdf())
    with pytest.raises(ApiError) as caught:
        pen.snapshot(source, tmp_path / "b.pdf", places=[place])
    assert caught.value.code is Code.INPUT_UNUSABLE
    assert caught.value.facts["reason"] == "off_page"
    assert (caught.value.facts["page_width_mm"], caught.value.facts["page_height_mm"]) == (148.2, 105.8)


def test_a_page_that_is_not_there_and_a_box_too_small(pen: Pen, tmp_path: Path) -> None:
    source = tmp_path / "a.pdf"
    source.write_bytes(make_pdf())
    for place, reason in (("2:1,1", "no_page"), ("1:1,1,1,1", "too_small")):
        with pytest.raises(ApiError) as caught:
            pen.snapshot(source, tmp_path / "b.pdf", places=[place])
        assert caught.value.facts["reason"] == reason
    assert list(tmp_path.iterdir()) == [source]
