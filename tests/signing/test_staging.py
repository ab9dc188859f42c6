"""The output is absent or whole: publication, refusals, and file systems that can do less."""

import errno
import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.api.errors import ApiError, Code
from agent.signing import staging
from agent.signing.staging import Staging, final_mode, write_all

ROOT = Path(__file__).parents[2]
WAYS = ["anonymous", "named", "no links", "closed between uses"]


@pytest.fixture(params=WAYS)
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """What the file system can do."""
    chosen: str = request.param
    real_open, real_link = os.open, os.link

    def no_tmpfile(path: str, flags: int, mode: int = 0o777, **more: int) -> int:
        if flags & os.O_TMPFILE == os.O_TMPFILE:
            raise OSError(errno.EOPNOTSUPP, "no O_TMPFILE")
        return real_open(path, flags, mode, **more)

    def no_link(source: str, target: str, **more: object) -> None:
        raise OSError(errno.EPERM, "no links")

    if chosen in ("named", "no links"):
        monkeypatch.setattr(os, "open", no_tmpfile)
    if chosen == "no links":
        monkeypatch.setattr(os, "link", no_link)
    yield chosen
    monkeypatch.setattr(os, "link", real_link)


def made(target: Path, way: str, content: bytes = b"whole", force: bool = False) -> Staging:
    work = Staging(str(target), force, keep_open=way != "closed between uses")
    assert work.named == (way != "anonymous")
    with work.file() as fd:
        write_all(fd, content, 0)
    with work.file() as fd:
        staging.make_durable(fd, 0o640)
    return work


@pytest.mark.parametrize("name", ["图纸.pdf", "a\nb.pdf", os.fsdecode(b"\xff\xfe.pdf"), "x" * 255])
def test_publication(name: str, way: str, tmp_path: Path) -> None:
    target = tmp_path / name
    work = made(target, way)
    assert not target.exists()
    assert [each for each in tmp_path.iterdir() if not each.name.startswith(".")] == []
    work.publish()
    work.discard()
    assert target.read_bytes() == b"whole"
    assert stat.S_IMODE(target.stat().st_mode) == 0o640
    assert list(tmp_path.iterdir()) == [target]


def test_nothing_is_ever_overwritten_without_force(way: str, tmp_path: Path) -> None:
    target = tmp_path / "a.pdf"
    work = made(target, way)
    target.write_bytes(b"came in between")
    with pytest.raises(ApiError) as caught:
        work.publish()
    assert caught.value.code is Code.OUTPUT_EXISTS
    work.discard()
    assert target.read_bytes() == b"came in between"
    assert list(tmp_path.iterdir()) == [target]


def test_force_replaces_at_once(way: str, tmp_path: Path) -> None:
    target = tmp_path / "a.pdf"
    target.write_bytes(b"old")
    held = target.open("rb")
    made(target, way, force=True).publish()
    with held:
        assert held.read() == b"old"
    assert target.read_bytes() == b"whole"
    assert list(tmp_path.iterdir()) == [target]


def test_a_discarded_file_leaves_nothing(way: str, tmp_path: Path) -> None:
    made(tmp_path / "a.pdf", way).discard()
    assert list(tmp_path.iterdir()) == []


def refused(target: Path, force: bool = False) -> ApiError:
    with pytest.raises(ApiError) as caught:
        Staging(str(target), force)
    return caught.value


def test_refusals_come_before_anything_is_made(tmp_path: Path) -> None:
    (tmp_path / "there").write_bytes(b"")
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    (tmp_path / "folder").mkdir()
    assert refused(tmp_path / "there").code is Code.OUTPUT_EXISTS
    assert refused(tmp_path / "dangling").code is Code.OUTPUT_EXISTS
    for target, force, reason in (
        (tmp_path / "folder", True, "is_a_folder"),
        (tmp_path / "absent" / "a", False, "no_folder"),
        (tmp_path / "there" / "a", False, "no_folder"),
        (tmp_path / ("n" * 256), False, "name_too_long"),
    ):
        error = refused(target, force)
        assert (error.code, error.facts["reason"]) == (Code.OUTPUT_UNWRITABLE, reason)


@pytest.mark.parametrize(
    ("number", "reason"),
    [(errno.ENOSPC, "full"), (errno.EDQUOT, "full"), (errno.EROFS, "read_only"), (errno.EACCES, "permission"), (errno.EIO, "device")],
)
def test_what_the_system_refuses_is_told_with_its_reason(number: int, reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    work = Staging(str(tmp_path / "a.pdf"), False)

    def fails(*_: object) -> int:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "pwrite", fails)
    with pytest.raises(ApiError) as caught, work.file() as fd:
        write_all(fd, b"x", 0)
    assert (caught.value.code, caught.value.facts["reason"]) == (Code.OUTPUT_UNWRITABLE, reason)
    work.discard()
    assert list(tmp_path.iterdir()) == []


def test_a_file_size_limit_is_an_error_and_no_signal(tmp_path: Path) -> None:
    program = "import sys; from tests.signing.test_staging import write_too_much; write_too_much(sys.argv[1])"
    said = subprocess.run(
        ["prlimit", "--fsize=1000", sys.executable, "-c", program, str(tmp_path / "a.pdf")], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (said.returncode, said.stdout.strip()) == (0, "output_unwritable too_large"), said.stderr
    assert list(tmp_path.iterdir()) == []


def write_too_much(target: str) -> None:
    """Runs in a process of its own, which may write no more than 1000 bytes."""
    work = Staging(target, False)
    try:
        with work.file() as fd:
            write_all(fd, b"x" * 5000, 0)
    except ApiError as error:
        print(error.code, error.facts["reason"])
    work.discard()


@pytest.mark.parametrize(
    ("mode", "umask", "expected"), [(0o644, 0o022, 0o644), (0o600, 0o022, 0o600), (0o444, 0o022, 0o644), (0o777, 0o077, 0o600), (0o666, 0o002, 0o664)]
)
def test_an_output_is_never_more_open_than_its_input(mode: int, umask: int, expected: int) -> None:
    assert final_mode(stat.S_IFREG | mode, umask) == expected


def test_syncing_a_folder_that_is_gone_is_told(tmp_path: Path) -> None:
    with pytest.raises(ApiError):
        staging.sync_folder(str(tmp_path / "gone" / "a.pdf"))


def test_a_sweep_takes_the_files_of_one_set_and_nothing_else(tmp_path: Path) -> None:
    ours, others = Staging(str(tmp_path / "图\n纸.pdf"), False, False, "a1"), Staging(str(tmp_path / "图\n纸.pdf"), False, False, "a12")
    (tmp_path / ".x.yinxin-a1-000000000000.part.pdf").touch()
    assert ours.named
    assert staging.sweep([str(tmp_path), str(tmp_path / "gone")], "a1") == 1
    assert staging.sweep([str(tmp_path)], "a1") == 0
    assert len(os.listdir(tmp_path)) == 2
    others.discard()
    ours.discard()
