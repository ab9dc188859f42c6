"""Where the file system has no unnamed files (FAT, CIFS, NFS), a set that ends in whatever way leaves no hidden copies behind (promise 6)."""

import os
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

from tests.agent.test_kill import processes_of, wait_until
from tests.conftest import ROOT, PracticeToken, Yinxin

NO_TMPFILE = """
import errno, os, sys
if "agent.signing.worker" in sys.orig_argv:
    real = os.open
    def plain(path, flags, *more, **named):
        if flags & os.O_TMPFILE == os.O_TMPFILE:
            raise OSError(errno.EOPNOTSUPP, "no unnamed files here")
        return real(path, flags, *more, **named)
    os.open = plain
"""


@pytest.fixture
def share(tmp_path: Path) -> dict[str, str | None]:
    """The environment of an agent whose workers find no unnamed files anywhere."""
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text(NO_TMPFILE)
    return {"PYTHONPATH": os.pathsep.join([str(tmp_path / "site"), str(ROOT)])}


def hidden(folder: Path) -> list[str]:
    return [name for name in os.listdir(folder) if name.startswith(".")]


@pytest.mark.promise(6)
def test_a_wrong_pin_leaves_nothing(
    yinxin: Yinxin, practice_token: PracticeToken, drawing: Path, tmp_path: Path, share: dict[str, str | None]
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    inputs = [shutil.copy(drawing, tmp_path / f"{n}.pdf") for n in range(6)]
    yinxin("sign", *inputs, "--out-dir", out, "--token", practice_token.label, "--pin", "env:WRONG", env={**share, "WRONG": "00000000"}, code=3)
    assert os.listdir(out) == []
    done = yinxin("sign", *inputs, "--out-dir", out, "--token", practice_token.label, "--pin", "env:YX_PIN", env=share).json
    assert sorted(os.listdir(out)) == sorted(Path(d["output"]).name for d in done["documents"])


@pytest.mark.promise(5)
@pytest.mark.promise(6)
@pytest.mark.parametrize("before_the_pin", [True, False])
def test_a_killed_agent_leaves_nothing_once_the_next_one_has_started(
    yinxin: Yinxin, practice_token: PracticeToken, drawing: Path, tmp_path: Path, share: dict[str, str | None], before_the_pin: bool
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / ".note.yinxin-0123456789abcdef-0123456789ab.part").write_text("of another home, which is still at it")
    kept = set(os.listdir(out))
    inputs = [shutil.copy(drawing, tmp_path / f"{n}.pdf") for n in range(30)]
    read, write = os.pipe()
    os.set_inheritable(read, True)
    pin = f"fd:{read}" if before_the_pin else "env:YX_PIN"  # nobody ever writes to that pipe
    words = yinxin.command("sign", *inputs, "--out-dir", out, "--token", practice_token.label, "--pin", pin)
    signing = subprocess.Popen(words, env=yinxin.env(share), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, pass_fds=(read,), text=True)
    os.close(read)

    def there() -> bool:
        names = set(os.listdir(out)) - kept
        waiting = bool(list((yinxin.home / "run").glob("pin-*")))
        return waiting and len(names) == len(inputs) if before_the_pin else any(not name.startswith(".") for name in names)

    wait_until(there, signing, 60)
    assert there()
    for pid in processes_of(yinxin.home)["agent.main"]:
        os.kill(pid, signal.SIGKILL)
    signing.kill()
    signing.wait(30)
    os.close(write)
    yinxin("agent", "start", env=share)
    assert set(hidden(out)) == kept
