"""A desktop's keyring of the tests' own: a private bus, a private home, GNOME's daemon unlocked (skips where that is not installed)."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from agent.api.home import Home, locate

_NEEDED = ("dbus-daemon", "gnome-keyring-daemon")


@pytest.fixture(scope="session")
def desktop() -> Iterator[Mapping[str, str]]:
    """The environment of a session with an open keyring."""
    if missing := [name for name in _NEEDED if shutil.which(name) is None]:
        pytest.skip(f"not installed: {', '.join(missing)}")
    top = Path(tempfile.mkdtemp(prefix="yx-kr-"))
    try:
        run = top / "run"
        run.mkdir(mode=0o700)
        base = {"PATH": os.environ.get("PATH", os.defpath), "HOME": str(top), "XDG_RUNTIME_DIR": str(run), "LANG": "C.UTF-8"}
        bus = subprocess.Popen(
            ["dbus-daemon", "--session", "--print-address", "--nofork", "--nopidfile"],
            env=base,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert bus.stdout
        try:
            env = {**base, "DBUS_SESSION_BUS_ADDRESS": bus.stdout.readline().strip()}
            unlock = ["gnome-keyring-daemon", "--unlock", "--components=secrets"]  # it comes back when it serves, and ends with its bus
            subprocess.run(unlock, env=env, input="pw\n", text=True, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            yield env
        finally:
            bus.terminate()
            bus.wait()
            bus.stdout.close()
    finally:
        shutil.rmtree(top, ignore_errors=True)


@pytest.fixture
def in_desktop(desktop: Mapping[str, str], monkeypatch: pytest.MonkeyPatch) -> Mapping[str, str]:
    """This process is in that session."""
    for name in ("HOME", "XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS"):
        monkeypatch.setenv(name, desktop[name])
    return desktop


@pytest.fixture
def no_desktop(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """This process is in no session with a bus."""
    monkeypatch.delenv("DBUS_SESSION_BUS_ADDRESS", raising=False)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))


@pytest.fixture
def place(tmp_path: Path) -> Home:
    """A home's folders."""
    return locate(str(tmp_path / "h")).make()
