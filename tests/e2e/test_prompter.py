"""The window that asks on behalf of the agent, for real: on an X server of its own, with keys pressed by another program."""

import json
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.conftest import Desk, Faulty
from tests.e2e.looks import assert_signed, children, tree, until


@pytest.fixture(scope="module")
def screen() -> Iterator[dict[str, str]]:
    """An X server without a window manager, and the environment to reach it."""
    if not (shutil.which("Xvfb") and shutil.which("xdotool")):
        pytest.skip("Xvfb or xdotool is not installed")
    reading, writing = os.pipe()
    server = subprocess.Popen(
        ["Xvfb", "-displayfd", str(writing), "-screen", "0", "1280x1024x24", "-nolisten", "tcp", "-noreset"],
        pass_fds=(writing,), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    os.close(writing)
    try:
        with os.fdopen(reading) as told:
            number = told.readline().strip()  # comes when it is ready
        assert number
        yield {"DISPLAY": f":{number}"}
    finally:
        server.terminate()
        server.wait(30)


class Window:
    """The prompter's window on a screen."""

    def __init__(self, screen: dict[str, str], process: "subprocess.Popen[str]") -> None:
        self._env = {"PATH": os.environ["PATH"], **screen}
        self.id = ""
        until(lambda: self._found() or process.poll() is not None)
        assert process.poll() is None, process.communicate()
        self._do("windowfocus", "--sync", self.id)

    def _found(self) -> bool:
        done = subprocess.run(
            ["xdotool", "search", "--onlyvisible", "--class", "yinxin|python"], env=self._env, capture_output=True, text=True, check=False
        )
        self.id = (done.stdout.split() or [""])[-1]
        return bool(self.id)

    def _do(self, *arguments: str) -> None:
        subprocess.run(["xdotool", *arguments], env=self._env, check=True, capture_output=True)

    def type(self, text: str) -> None:
        self._do("type", "--clearmodifiers", text)

    def press(self, key: str) -> None:
        self._do("key", key)


@pytest.mark.promise(2)
def test_a_pin_typed_in_the_window_signs(desk: Desk, screen: dict[str, str], drawing: Path) -> None:
    process = desk.yinxin.start("sign", drawing, env={**screen, "YX_PIN": None, "YX_SO_PIN": None})
    window = Window(screen, process)
    assert _prompters(desk.home)
    window.type(desk.token.pin)
    window.press("Return")
    stdout, stderr = process.communicate(timeout=60)
    assert process.returncode == 0, stdout + stderr
    assert_signed(drawing.with_suffix(".signed.pdf"))
    until(lambda: not _prompters(desk.home))


@pytest.mark.promise(2)
def test_a_wrong_pin_in_the_window_is_one_login_and_escape_is_none(faulty: Faulty, screen: dict[str, str], drawing: Path) -> None:
    before = tree(drawing.parent)
    process = faulty.yinxin.start("sign", drawing, env=screen)
    window = Window(screen, process)
    window.type("0000000000")
    window.press("Return")
    stdout, _ = process.communicate(timeout=60)
    assert process.returncode == 3
    assert json.loads(stdout)["error"]["code"] == "pin_incorrect"
    assert faulty.calls("C_Login") == 1
    for end in ("Escape", None):
        process = faulty.yinxin.start("sign", drawing, env=screen)
        window = Window(screen, process)
        if end:
            window.press(end)
        else:  # the window's process is killed
            for pid in _prompters(faulty.yinxin.home):
                os.kill(pid, signal.SIGKILL)
        stdout, _ = process.communicate(timeout=60)
        assert process.returncode == 3, stdout
        assert json.loads(stdout)["error"]["code"] == "pin_cancelled"
    assert faulty.calls("C_Login") == 1
    assert tree(drawing.parent) == before


@pytest.mark.promise(2)
def test_the_window_closes_when_its_client_is_gone(desk: Desk, screen: dict[str, str], drawing: Path) -> None:
    process = desk.yinxin.start("sign", drawing, env=screen)
    Window(screen, process)
    process.kill()
    process.communicate()
    until(lambda: not _prompters(desk.home))
    until(lambda: not [line for line in children(desk.home).values() if " session " in line])
    assert not drawing.with_suffix(".signed.pdf").exists()


def _prompters(home: Path) -> list[int]:
    return [pid for pid, line in children(home).items() if "desktop.prompter" in line]
