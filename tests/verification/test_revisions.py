"""The signed version beside the present one: which pages differ, where, and both pictures; a copy of what was signed."""

import asyncio
import base64
import io
from pathlib import Path

import pytest
from PIL import Image

from agent.api.client import Client
from agent.api.errors import ApiError, Code
from agent.verification.pdf_revisions import Refused, show_revision
from agent.verification.revision_routes import copy_beginning
from agent.verification.service import Checkers
from tests.conftest import PracticeToken, Yinxin
from tests.verification.attacks.material import Material, update
from tests.verification.attacks.saving import ATTACKS
from tests.verification.conftest import Pki, Signing, blank_pdf
from tests.verification.test_pdf import annotate, paint, updated


@pytest.fixture
def painted(signing: Signing, tmp_path: Path) -> Path:
    """Three pages, signed, the first one painted over later."""
    path = tmp_path / "图 1.pdf"
    path.write_bytes(updated(signing.sign(blank_pdf(pages=3)), paint))
    return path


def test_pages_that_differ_are_named_with_their_areas(painted: Path) -> None:
    told = show_revision(str(painted), 2, None, 800)
    assert (told["pages_signed"], told["pages_present"], told["complete"]) == (3, 3, True)
    assert [p["page"] for p in told["pages"]] == [1]
    places = [a["rect_mm"] for a in told["pages"][0]["areas"]]
    assert any(abs(x - 28.2) < 1.5 and abs(y - 105.8) < 1.5 and abs(w - 35.3) < 2 and abs(h - 14.1) < 2 for x, y, w, h in places), places
    assert len(places) > 1, "the text that is gone and the box that came are areas of their own"


def test_both_pictures_of_a_page_show_what_was_and_what_is(painted: Path) -> None:
    (page,) = show_revision(str(painted), 2, 1, 600)["pages"]
    signed, present = (Image.open(io.BytesIO(base64.b64decode(page[name]))).convert("RGB") for name in ("signed", "present"))
    assert signed.size == present.size
    assert max(signed.size) == 600
    at = round(120 / 842 * 600), round((842 - 320) / 842 * 600)
    assert signed.getpixel(at) == (255, 255, 255)
    assert present.getpixel(at) == (0, 0, 255)
    same = show_revision(str(painted), 2, 3, 100)["pages"][0]
    assert (same["areas"], same["signed"]) == ([], same["present"])


def test_what_cannot_be_shown_is_refused_with_its_reason(painted: Path, tmp_path: Path) -> None:
    text = tmp_path / "a.txt"
    text.write_text("x")
    for file, revision, page, reason in (
        (painted, 1, None, "revision"), (painted, 3, None, "revision"), (painted, 2, 4, "no_page"), (text, 1, None, "not_pdf"),
        (tmp_path / "none.pdf", 1, None, "not_found"),
    ):  # fmt: skip
        with pytest.raises(Refused) as refused:
            show_revision(str(file), revision, page, 200)
        assert refused.value.facts["reason"] == reason


@pytest.mark.promise(10)
@pytest.mark.parametrize("name", ["isa-objects", "isa-objects-eof", "isa-other-root", "isa-whole-update"])
def test_the_signed_version_of_an_attacked_file_is_the_true_one(pki: Pki, signing: Signing, tmp_path: Path, name: str) -> None:
    material = Material(pki, signing)
    path = tmp_path / "a.pdf"
    path.write_bytes(next(a for a in ATTACKS if a.name == name).make(material))
    assert show_revision(str(path), 2, None, 200)["bytes"] == len(material.signed)


def test_hidden_content_is_compared_too(signing: Signing, tmp_path: Path) -> None:
    path = tmp_path / "a.pdf"
    path.write_bytes(update(updated(signing.sign(blank_pdf()), annotate), {}))
    assert [p["page"] for p in show_revision(str(path), 2, None, 400)["pages"]] == [1]


def test_the_worker_shows_and_a_broken_file_costs_only_itself(painted: Path, tmp_path: Path) -> None:
    broken = tmp_path / "b.pdf"
    broken.write_bytes(painted.read_bytes()[:3000] + b"/ByteRange [0 10 20 30]")

    async def run() -> list[dict[str, object]]:
        workers = Checkers(1)
        try:
            asked = [{"file": str(f), "revision": 2, "page": None, "pixels": 200} for f in (broken, painted)]
            return [await workers.ask("revision", a, 20) for a in asked]
        finally:
            await workers.close()

    first, second = asyncio.run(run())
    assert "error" in first
    assert [p["page"] for p in second["result"]["pages"]] == [1]  # type: ignore[index]


def test_a_copy_is_whole_or_absent_and_replaces_nothing(painted: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.pdf"
    copy_beginning(str(painted), 1000, str(out))
    assert out.read_bytes() == painted.read_bytes()[:1000]
    with pytest.raises(ApiError) as exists:
        copy_beginning(str(painted), 10, str(out))
    copy_beginning(str(painted), 10, str(out), force=True)
    assert out.read_bytes() == painted.read_bytes()[:10]
    with pytest.raises(ApiError):
        copy_beginning(str(painted), 10, str(painted), force=True)
    assert exists.value.code == Code.OUTPUT_EXISTS
    with pytest.raises(ApiError):
        copy_beginning(str(painted), 10**9, str(tmp_path / "never.pdf"))
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted([painted.name, "out.pdf"])


@pytest.mark.obligation("S57")
def test_the_agent_shows_the_signed_version_and_hands_it_out(yinxin: Yinxin, practice_token: PracticeToken, drawing: Path, tmp_path: Path) -> None:
    signed = tmp_path / "s.pdf"
    yinxin("sign", drawing, "--pin", "env:YX_PIN", "--out", signed)
    revision = yinxin("verify", signed).json["documents"][0]["signatures"][0]["revision"]
    changed, out = tmp_path / "c.pdf", tmp_path / "o.pdf"
    changed.write_bytes(updated(signed.read_bytes(), annotate))
    asked = {"file": changed.as_uri(), "revision": revision}
    agent = Client.of(str(yinxin.home))
    told = agent.post("/v1/verifications/revisions", asked)
    assert [p["page"] for p in told["pages"]] == [1]
    (page,) = agent.post("/v1/verifications/revisions", {**asked, "page": 1})["pages"]
    assert page["signed"] != page["present"]
    assert agent.post("/v1/verifications/revisions/extract", {**asked, "out": out.as_uri()})["bytes"] == signed.stat().st_size
    with pytest.raises(ApiError) as again:
        agent.post("/v1/verifications/revisions/extract", {**asked, "out": out.as_uri()})
    assert again.value.code == Code.OUTPUT_EXISTS
    assert out.read_bytes() == signed.read_bytes()
    assert yinxin("verify", out).json["documents"][0]["verdict"] == "passed"
