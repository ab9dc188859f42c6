"""Real drawings from many programs, and odd files: each signed, or its own clear error."""

import json
from pathlib import Path

from agent.api.errors import ApiError, Code
from tests.signing.pen import Pen, accepted, pdfsig, qpdf_check

REASONS = {"not_pdf", "encrypted", "damaged", "certified", "xfa"}


def pdfs(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.suffix.lower() == ".pdf")


def test_every_drawing_is_signed_with_a_text_appearance(corpus: Path, pen: Pen, tmp_path: Path) -> None:
    for source in pdfs(corpus / "drawings"):
        target = tmp_path / source.name
        done = pen.sign(source, target, places=["1:10,10,60,20", "last:10,10,50,15@tr"])
        assert done["warnings"] == [], source.name
        accepted(target)
        assert qpdf_check(target) <= qpdf_check(source), source.name
        target.unlink()


def test_every_other_drawing_gets_a_detached_signature(corpus: Path, pen: Pen, tmp_path: Path) -> None:
    for source in (corpus / "drawings").iterdir():
        pen.sign(source, tmp_path / f"{source.name}.p7s", format="cades")


def test_every_odd_file_is_signed_or_refused_for_what_its_name_says(corpus: Path, pen: Pen, tmp_path: Path) -> None:
    for source in pdfs(corpus / "odd"):
        target = tmp_path / source.name
        kind = source.name.split("-")[0]
        done = pen.attempt(source, target)
        if isinstance(done, ApiError):
            assert done.code is Code.INPUT_UNUSABLE
            assert done.facts["reason"] in {"encrypted": {"encrypted"}, "damaged": {"not_pdf", "damaged"}, "hybrid": {"damaged"}}[kind], source.name
            continue
        assert kind not in ("encrypted", "damaged")
        assert kind != "hybrid" or "hybrid" in done["warnings"]
        accepted(target)
        assert qpdf_check(target) <= qpdf_check(source), source.name


def test_signed_files_keep_their_signatures(corpus: Path, pen: Pen, tmp_path: Path) -> None:
    expected = {Path(row["file"]).name: row["expected"] for row in json.loads((corpus / "manifest.json").read_text(encoding="utf-8"))}
    for source in pdfs(corpus / "signed"):
        target = tmp_path / source.name
        done = pen.attempt(source, target)
        if isinstance(done, ApiError):
            assert done.facts["reason"] in REASONS, source.name
            continue
        assert target.read_bytes().startswith(source.read_bytes())
        accepted(target)
        if expected[source.name] == "passed":
            assert all("Signature is Valid" in said for said in pdfsig(target)), source.name


def test_cut_and_overwritten_files_never_end_the_worker(corpus: Path, pen: Pen, tmp_path: Path) -> None:
    """Each is signed or refused in order; nothing else comes out, and nothing stays behind."""
    whole = (corpus / "odd" / "xref-stream-issue17929.pdf").read_bytes()
    source, target = tmp_path / "a.pdf", tmp_path / "b.pdf"
    for at in range(0, len(whole), 97):
        for data in (whole[:at], whole[:at] + b"\0" * 20 + whole[at + 20 :], whole[:at] + b"<<[(" + whole[at + 4 :]):
            source.write_bytes(data)
            done = pen.attempt(source, target)
            if isinstance(done, ApiError):
                assert done.code is Code.INPUT_UNUSABLE, (at, done)
            else:
                target.unlink()
    assert list(tmp_path.iterdir()) == [source]
