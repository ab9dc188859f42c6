"""Outputs that cannot be written, or are in the way: nothing half done, nothing replaced unasked, the input as it was."""

import contextlib
import json
import os
import shutil
import stat
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from tests.conftest import PracticeToken, Yinxin, copy_home, short_folder, stop
from tests.e2e.conftest import SIGN, Asked, Desk
from tests.e2e.looks import assert_signed, sentences, told, tree
from tests.e2e.test_inputs import NO_PIN

pytestmark = pytest.mark.promise(6)


def test_an_existing_output_is_untouched_before_the_pin_and_replaced_whole_with_force(desk: Desk, drawing: Path) -> None:
    output = drawing.with_suffix(".signed.pdf")
    output.write_bytes(b"precious")
    before = tree(drawing.parent)
    error = told(desk.yinxin("sign", drawing, *NO_PIN, code=5))
    assert error["code"] == "output_exists"
    assert "--force" in error["hint"]
    message, _ = sentences(desk.yinxin("sign", drawing, *NO_PIN, code=5, as_json=False))
    assert output.name in message
    assert tree(drawing.parent) == before
    with output.open("rb") as reader:  # one who has the old file open goes on reading the old file: it was replaced, not rewritten
        desk.yinxin("sign", drawing, *SIGN, "--force")
        assert reader.read() == b"precious"
    assert_signed(output)
    assert len(tree(drawing.parent)) == 2


def test_outputs_in_the_way_that_are_no_files(desk: Desk, drawing: Path, tmp_path: Path) -> None:
    folder, dangling, fifo = tmp_path / "d", tmp_path / "l", tmp_path / "f"
    folder.mkdir()
    dangling.symlink_to("elsewhere.pdf")
    os.mkfifo(fifo)
    before = tree(tmp_path)
    error = told(desk.yinxin("sign", drawing, "--out", folder, "--force", *NO_PIN, code=5))
    assert (error["code"], error["facts"]["reason"]) == ("output_unwritable", "is_a_folder")
    for path in (dangling, fifo):
        assert told(desk.yinxin("sign", drawing, "--out", path, *NO_PIN, code=5))["code"] == "output_exists"
    error = told(desk.yinxin("sign", drawing, "--out", drawing, "--force", *NO_PIN, code=5))
    assert (error["code"], error["facts"]["reason"]) == ("output_unwritable", "is_input")
    (tmp_path / "hard.pdf").hardlink_to(drawing)
    (tmp_path / "soft.pdf").symlink_to(drawing)
    for name in ("hard.pdf", "soft.pdf"):
        error = told(desk.yinxin("sign", drawing, "--out", tmp_path / name, "--force", *NO_PIN, code=5))
        assert (error["code"], error["facts"]["reason"]) == ("output_unwritable", "is_input")
    for where in (tmp_path / "nowhere" / "o.pdf", drawing / "o.pdf"):
        error = told(desk.yinxin("sign", drawing, "--out", where, *NO_PIN, code=5))
        assert (error["code"], error["facts"]["reason"]) == ("output_unwritable", "no_folder")
    error = told(desk.yinxin("sign", drawing, "--out-dir", drawing, *NO_PIN, code=5))
    assert error["code"] == "output_unwritable"
    (tmp_path / "hard.pdf").unlink()
    (tmp_path / "soft.pdf").unlink()
    assert tree(tmp_path) == before


def test_force_replaces_a_link_and_not_what_it_points_to(desk: Desk, drawing: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.txt"
    other.write_text("precious")
    link = tmp_path / "o.pdf"
    link.symlink_to(other)
    desk.yinxin("sign", drawing, "--out", link, "--force", *SIGN)
    assert other.read_text() == "precious"
    assert not link.is_symlink()
    assert_signed(link)


def test_a_private_input_gives_a_private_output(desk: Desk, drawing: Path) -> None:
    drawing.chmod(0o600)
    desk.yinxin("sign", drawing, *SIGN)
    assert stat.S_IMODE(drawing.with_suffix(".signed.pdf").stat().st_mode) == 0o600


@contextlib.contextmanager
def mounted(folder: Path, options: str) -> Iterator[Path]:
    """A small file system of its own; only root may."""
    if os.getuid() != 0:
        pytest.skip("only root can mount")
    folder.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", options, "yinxin-test", folder], capture_output=True, check=False).returncode:
        pytest.skip("this machine lets nobody mount")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


@pytest.fixture
def large(tmp_path: Path) -> Path:
    """A PDF of 600 KB."""
    from reportlab.pdfgen.canvas import Canvas

    path = tmp_path / "large.pdf"
    canvas = Canvas(str(path), invariant=1, pageCompression=0)
    for page in range(60):
        for line in range(150):
            canvas.drawString(20, 800 - 5 * line, f"page {page} line {line}: concrete C30/37, reinforcement B500")
        canvas.showPage()
    canvas.save()
    return path


def test_a_full_disk_leaves_nothing_and_the_others_are_signed(desk: Desk, drawing: Path, large: Path, tmp_path: Path) -> None:
    assert large.stat().st_size > 600_000
    with mounted(tmp_path / "full", "size=64k") as folder:
        error = told(desk.yinxin("sign", large, "--out-dir", folder, *NO_PIN, code=5))
        assert (error["code"], error["facts"]["reason"]) == ("output_unwritable", "full")
        assert not os.listdir(folder)
        result = desk.yinxin("sign", large, drawing, "--out-dir", folder, *SIGN, code=7)
        assert [d["state"] for d in result.json["documents"]] == ["failed", "published"]
        assert os.listdir(folder) == [drawing.with_suffix(".signed.pdf").name]
        assert_signed(folder / drawing.with_suffix(".signed.pdf").name)


def test_a_disk_that_fills_up_after_the_snapshots(desk: Desk, tmp_path: Path) -> None:
    """The snapshots fit, the signatures do not: every published output is whole, the rest say that the disk is full."""
    from reportlab.pdfgen.canvas import Canvas

    inputs = []
    for n in range(6):
        inputs.append(tmp_path / f"{n}.pdf")
        canvas = Canvas(str(inputs[-1]), invariant=1)
        canvas.drawString(72, 700, f"{n}")
        canvas.save()
    with mounted(tmp_path / "full", "size=40k") as folder:
        result = desk.yinxin("sign", *inputs, "--out-dir", folder, *SIGN, code=None)
        documents = result.json["documents"]
        states = [d["state"] for d in documents]
        assert "failed" in states
        assert result.code == (7 if "published" in states else 5)
        assert {d["error"]["facts"]["reason"] for d in documents if d["error"]} == {"full"}
        assert sorted(os.listdir(folder)) == sorted(Path(d["output"]).name for d in documents if d["output"])
        for name in os.listdir(folder):
            assert_signed(folder / name)


def test_a_read_only_file_system(desk: Desk, drawing: Path, tmp_path: Path) -> None:
    with mounted(tmp_path / "ro", "ro,size=64k") as folder:
        error = told(desk.yinxin("sign", drawing, "--out-dir", folder, *NO_PIN, code=5))
        assert (error["code"], error["facts"]["reason"]) == ("output_unwritable", "read_only")
        assert not os.listdir(folder)


def test_a_file_size_limit_is_an_error_and_not_a_death(
    practice_home: tuple[Path, PracticeToken], home: Path, large: Path, drawing: Path, tmp_path: Path
) -> None:
    """RLIMIT_FSIZE holds for the agent and all its children, as an administrator may set it."""
    copy_home(practice_home[0], home)
    out = tmp_path / "out"
    out.mkdir()
    yinxin = Yinxin(home)
    limited = [shutil.which("prlimit") or pytest.skip("prlimit is not installed"), "--fsize=400000", "--core=0"]
    command = [*limited, *map(os.fspath, yinxin.command("sign", large, drawing, "--out-dir", out, *SIGN))]
    done = subprocess.run(command, env=yinxin.env(), capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 7, done.stdout + done.stderr
    documents = json.loads(done.stdout)["documents"]
    assert [d["state"] for d in documents] == ["failed", "published"]
    assert documents[0]["error"]["code"] == "output_unwritable"
    assert os.listdir(out) == [drawing.with_suffix(".signed.pdf").name]


@dataclass(frozen=True, slots=True)
class Bound(Yinxin):
    """The command line (and the agent it starts) as somebody to whom permissions apply: as root nothing is forbidden, and such tests pass falsely."""

    def command(self, *arguments: "str | os.PathLike[str] | bytes", as_json: bool = True) -> "list[str | os.PathLike[str] | bytes]":
        dropped = [] if os.getuid() else ["setpriv", "--bounding-set=-dac_override,-dac_read_search,-fowner", "--inh-caps=-all"]
        return [*dropped, *super(Bound, self).command(*arguments, as_json=as_json)]


@pytest.fixture(scope="module")
def bound(practice_home: tuple[Path, PracticeToken]) -> Iterator[Bound]:
    """A home whose agent has no right to override permissions."""
    if not os.getuid() and not shutil.which("setpriv"):
        pytest.skip("setpriv is not installed")
    folder = short_folder()
    try:
        copy_home(practice_home[0], folder / "h")
        yield Bound(folder / "h")
    finally:
        stop(folder / "h")
        shutil.rmtree(folder, ignore_errors=True)


def test_folders_and_files_without_permission(bound: Bound, drawing: Path, tmp_path: Path) -> None:
    for folder in ("closed", "secret", "open"):
        (tmp_path / folder).mkdir()
    inputs = [Path(shutil.copy(drawing, tmp_path / folder / f"{folder}.pdf")) for folder in ("closed", "secret", "open")]
    (tmp_path / "open" / "unreadable.pdf").write_bytes(drawing.read_bytes())
    (tmp_path / "open" / "unreadable.pdf").chmod(0)
    (tmp_path / "closed").chmod(0o555)
    (tmp_path / "secret").chmod(0)
    try:
        documents = bound("sign", *inputs, tmp_path / "open" / "unreadable.pdf", *SIGN, code=7).json["documents"]
        assert [d["error"] and (d["error"]["code"], d["error"]["facts"]["reason"]) for d in documents] == [
            ("output_unwritable", "permission"),
            ("input_unusable", "unreadable"),
            None,
            ("input_unusable", "unreadable"),
        ]
        assert os.listdir(tmp_path / "closed") == ["closed.pdf"]
        error = told(bound("sign", inputs[0], *NO_PIN, code=5))
        assert (error["code"], error["facts"]["reason"]) == ("output_unwritable", "permission")
    finally:
        for folder in ("closed", "secret"):
            (tmp_path / folder).chmod(0o755)
    assert sorted(os.listdir(tmp_path / "open")) == ["open.pdf", "open.signed.pdf", "unreadable.pdf"]


@pytest.mark.parametrize("mode", [0o555, 0o000])
def test_a_home_that_cannot_be_written(bound: Bound, drawing: Path, mode: int) -> None:
    top = short_folder() / "h"  # whose socket lies in the home, not in the runtime folder
    top.parent.chmod(0o755)
    top.mkdir()
    top.chmod(mode)
    closed = replace(bound, home=top)
    try:
        for command in (("token", "list"), ("sign", drawing, *NO_PIN), ("agent", "start")):
            error = told(closed(*command, code=6))
            assert error["code"] == "agent_unreachable"
            assert str(top) in error["message"]
        status = closed("agent", "status", code=6 if mode == 0 else 0)
        assert mode == 0 or status.json["running"] is False
        closed("doctor", code=None)
    finally:
        top.chmod(0o755)
    assert not os.listdir(top)
    shutil.rmtree(top.parent)


def test_a_home_that_becomes_read_only_under_the_agent(practice_home: tuple[Path, PracticeToken], home: Path, drawing: Path) -> None:
    """The agent runs, and its ledger can no longer be written: nothing is signed, since no use may go unrecorded."""
    copy_home(practice_home[0], home)
    bound = Bound(home)
    bound("token", "list")
    before = tree(drawing.parent)
    (home / "data").chmod(0o555)
    for path in (home / "data").glob("ledger.db*"):
        path.chmod(0o444)
    try:
        result = bound("sign", drawing, *SIGN, code=None)
    finally:
        (home / "data").chmod(0o700)
        for path in (home / "data").glob("ledger.db*"):
            path.chmod(0o600)
    if result.code == 0:  # its files were open already: then the use stands in them
        assert_signed(drawing.with_suffix(".signed.pdf"))
    else:
        assert result.code == 6
        assert told(result)["code"] == "store_unreachable"
        assert tree(drawing.parent) == before


def test_an_output_that_appears_meanwhile_is_not_replaced(desk: Desk, drawing: Path) -> None:
    """Somebody puts a file there while the PIN is asked for: publication is without clobber."""
    output = drawing.with_suffix(".signed.pdf")
    with Asked(desk.yinxin, drawing) as (process, writing):  # the set is closed, and the PIN is asked for
        output.write_bytes(b"precious")
        os.write(writing, desk.token.pin.encode() + b"\n")
        stdout, stderr = process.communicate(timeout=60)
    assert process.returncode == 5, stdout + stderr
    assert json.loads(stdout)["error"]["code"] == "output_exists"
    assert output.read_bytes() == b"precious"
    assert len(tree(drawing.parent)) == 2


def test_chinese_says_the_same(desk: Desk, drawing: Path) -> None:
    drawing.with_suffix(".signed.pdf").write_bytes(b"x")
    message, hint = sentences(replace(desk.yinxin, lang="zh")("sign", drawing, *NO_PIN, code=5, as_json=False))
    assert "输出文件已存在" in message
    assert "--force" in hint
