"""`make demo` after its installation part: the project's drawing, and files of the user's, signed and judged by independent programs."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def folder() -> Iterator[Path]:
    """Where the demo works; short, for its home's socket, and emptied by the demo itself."""
    top = Path(tempfile.mkdtemp(prefix="yx-", dir="/tmp"))
    yield top / "demo"
    shutil.rmtree(top, ignore_errors=True)


def demo(folder: Path, **more: str) -> "subprocess.CompletedProcess[str]":
    environment = {**os.environ, "YINXIN_DEMO_FOLDER": str(folder), "YINXIN_DEMO_WINDOW": "0", **more}
    return subprocess.run(
        [sys.executable, "-m", "scripts.demo"], cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )


@pytest.mark.obligation("S57")
def test_the_drawing_is_signed_in_its_title_block_and_independent_programs_agree(folder: Path) -> None:
    for _ in range(2):  # afresh each time
        done = demo(folder)
        assert done.returncode == 0, done.stdout + done.stderr
    [signed] = folder.glob("*.signed.pdf")
    [document] = json.loads((folder / "report.json").read_text())["documents"]
    assert [(check["who"], check["ok"]) for check in document["checks"]] == [
        ("yinxin verify", True),
        ("pdfsig -nocert", True),
        ("qpdf --check", True),
    ]
    told = subprocess.run(["pdfsig", "-nocert", signed], capture_output=True, text=True, check=True).stdout
    assert "Signature is Valid" in told
    assert "Total document signed" in told
    text = subprocess.run(["pdftotext", signed, "-"], capture_output=True, text=True, check=True).stdout
    assert "李工" in text
    assert "通过" in (folder / "report.md").read_text(encoding="utf-8")


def test_files_of_the_users_are_signed_and_one_that_cannot_be_is_named(folder: Path, tmp_path: Path, drawing: Path) -> None:
    note, broken = tmp_path / "合同 草稿.txt", tmp_path / "空.pdf"
    note.write_text("一式两份\n", encoding="utf-8")
    broken.touch()
    done = demo(folder, FILE=f"'{drawing}' '{note}' '{broken}'")
    assert done.returncode == 1, done.stderr
    documents = {Path(one["input"]).name: one for one in json.loads((folder / "report.json").read_text())["documents"]}
    assert [one["state"] for one in documents.values()] == ["published", "published", "failed"]
    assert all(check["ok"] for one in documents.values() for check in one["checks"])
    assert Path(documents[note.name]["output"]).name == f"{note.name}.p7s"
    assert documents[broken.name]["error"]["code"] == "input_unusable"
    assert str(broken) in done.stdout
    alone = demo(folder, FILE=str(drawing))  # a name with a space needs no quotes when it stands alone
    assert alone.returncode == 0, alone.stdout + alone.stderr
