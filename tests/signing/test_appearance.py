"""The text appearance: never a box, always text that can be copied, always inside its frame."""

import subprocess
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.api.errors import ApiError, Code
from agent.signing import fonts
from agent.signing.text import LEADING, PADDING, fit, words, wrap
from tests.signing.pen import NOW, Pen, accepted, make_pdf

SHANGHAI = timezone(timedelta(hours=8))


def text_of(path: Path) -> str:
    return subprocess.run(["pdftotext", "-layout", str(path), "-"], capture_output=True, encoding="utf-8", check=True).stdout


def test_the_lines_in_both_languages() -> None:
    moment = datetime(2026, 11, 22, 11, 34, 44, tzinfo=SHANGHAI)
    assert words("zh", "李工", moment, "审核", "北京") == ("签名人：李工", "时间：2026-11-22 11:34:44 +08:00", "事由：审核", "地点：北京")
    assert words("en", "Li Gong", moment, "", "") == ("Signed by: Li Gong", "Time: 2026-11-22 11:34:44 +08:00")
    assert words("en", "a\nb\tc", NOW, "", "")[0] == "Signed by: a b c"


@pytest.mark.parametrize("catalog", [b"", b"/Version/1.7"])
def test_chinese_text_can_be_copied_out_of_the_signed_file(catalog: bytes, pen: Pen, tmp_path: Path) -> None:
    source, target = tmp_path / "a.pdf", tmp_path / "b.pdf"
    source.write_bytes(make_pdf(catalog=catalog))
    pen.set_up(signer_name="龘靐齉 欧阳·Zoë", reason="审核(1)\\ 通过")
    pen.sign(source, target, places=["1:5,5,120,30"])
    found = text_of(target)
    assert "签名人：龘靐齉 欧阳·Zoë" in found
    assert "审核(1)\\ 通过" in found
    listed = subprocess.run(["pdffonts", str(target)], capture_output=True, text=True, check=True).stdout.splitlines()[2]
    assert "CID Type 0C" in listed
    assert listed.split()[-5:-2] == ["yes", "yes", "yes"]  # embedded, a subset, with Unicode
    accepted(target)


def test_a_character_that_no_font_has_is_refused_by_name(pen: Pen) -> None:
    with pytest.raises(ApiError) as caught:
        pen.set_up(signer_name="李\U0001f600工")
    assert caught.value.facts == {"reason": "glyph", "characters": "\U0001f600", "package": "fonts-noto-cjk"}


def test_without_a_font_the_package_is_named(pen: Pen, tmp_path: Path) -> None:
    with pytest.raises(ApiError) as caught:
        fonts.typeface("签名", ())
    assert caught.value.code is Code.NOT_FOUND
    assert caught.value.facts == {"reason": "font", "package": "fonts-noto-cjk"}
    (tmp_path / "broken.ttc").write_bytes(b"no font")
    with pytest.raises(ApiError):
        fonts.typeface("签名", (str(tmp_path / "broken.ttc"), str(tmp_path / "absent.ttc")))


def test_latin_text_needs_no_font(pen: Pen, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fonts, "installed", lambda: ())
    source, target = tmp_path / "a.pdf", tmp_path / "b.pdf"
    source.write_bytes(make_pdf())
    pen.set_up(language="en", signer_name="Li (Gong)", reason="", location="")
    pen.sign(source, target)
    assert "Signed by: Li (Gong)" in text_of(target)
    accepted(target)


def advance(char: str) -> float:
    return 1.0 if ord(char) > 0x2000 else 0.5


@given(
    st.lists(st.text("ab 中文字", min_size=1, max_size=80).map(str.strip).filter(bool), min_size=1, max_size=5),
    st.floats(20, 400),
    st.floats(10, 200),
)
def test_the_text_fits_its_box(lines: list[str], width: float, height: float) -> None:
    size, broken = fit(tuple(lines), width, height, 1.0, advance)
    assert 0 < size <= 14
    assert (len(broken) * LEADING + 2 * PADDING) * size <= height * 1.0001
    assert max(sum(map(advance, line)) for line in broken) * size <= (width - 2 * PADDING * size) * 1.0001
    assert "".join(broken).replace(" ", "") == "".join(lines).replace(" ", "")


def test_lines_are_broken_at_spaces_where_there_are_any() -> None:
    assert wrap("aaa bbb ccc", 4, advance) == ["aaa bbb", "ccc"]
    assert wrap("中文字中文字", 4, advance) == ["中文字中", "文字"]


def test_several_places_and_sizes_share_one_font(pen: Pen, tmp_path: Path) -> None:
    source, target = tmp_path / "a.pdf", tmp_path / "b.pdf"
    source.write_bytes(make_pdf())
    pen.sign(source, target, places=["1:5,5,50,15", "1:60,5,50,15", "last:5,30,40,20@tr"])
    assert text_of(target).count("签名人：李工") == 3
    assert target.read_bytes().count(b"/FontFile3") == 1
    accepted(target)
