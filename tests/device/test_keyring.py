"""The desktop's keyring: safe back ends only, in a process of its own, never waited for without end."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from agent import keyring
from agent.keyring import KeyringError, program

MARKER = "秘密-marker-7f3a"


def test_a_secret_is_kept_read_and_forgotten(in_desktop: Mapping[str, str]) -> None:
    assert keyring.put("a", MARKER) == keyring.available()
    assert keyring.put("a", MARKER + "2") in keyring.BACKENDS
    assert keyring.get("a") == MARKER + "2"
    keyring.forget("a")
    assert keyring.get("a") is None


@pytest.mark.promise(9)
@pytest.mark.usefixtures("no_desktop")
def test_without_a_desktop_there_is_none_and_nothing_weaker_takes_its_place(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Not even where the user's own configuration of the library names a back end that stores plain text, and one is installed."""
    plain = tmp_path / "keyrings_plain.py"
    plain.write_text(
        "from keyring.backend import KeyringBackend\n"
        "class Keyring(KeyringBackend):\n priority = 99\n def get_password(self, s, u): return 'x'\n"
        " def set_password(self, s, u, p): open('/tmp/never', 'w').write(p)\n def delete_password(self, s, u): pass\n"
    )
    monkeypatch.setenv("PYTHONPATH", f"{Path(keyring.__file__).parents[2]}:{tmp_path}")
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyrings_plain.Keyring")
    monkeypatch.setenv("HOME", str(tmp_path))
    config = tmp_path / ".config/python_keyring"
    config.mkdir(parents=True)
    (config / "keyringrc.cfg").write_text("[backend]\ndefault-keyring=keyrings_plain.Keyring\n")
    assert keyring.available() is None
    for ask in (lambda: keyring.get("a"), lambda: keyring.put("a", "b"), lambda: keyring.forget("a")):
        with pytest.raises(KeyringError) as error:
            ask()
        assert error.value.reason == "absent"


@pytest.mark.usefixtures("in_desktop")
def test_a_keyring_that_never_answers_is_given_up() -> None:
    daemon = serving()
    os.kill(daemon, signal.SIGSTOP)
    try:
        with pytest.raises(KeyringError) as error:
            keyring.put("a", MARKER, seconds=1.5)
    finally:
        os.kill(daemon, signal.SIGCONT)
    assert error.value.reason == "silent"
    told: BaseException | None = error.value
    while told is not None:  # what was sent stands in no exception that somebody might log
        assert MARKER not in repr(vars(told)) + str(told)
        told = told.__cause__
    assert keyring.available()


def serving() -> int:
    """The process that answers for the keyring on this session's bus."""
    from jeepney import DBusAddress, new_method_call
    from jeepney.io.blocking import open_dbus_connection

    with contextlib.closing(open_dbus_connection()) as bus:
        ask = DBusAddress("/org/freedesktop/DBus", "org.freedesktop.DBus", "org.freedesktop.DBus")
        (pid,) = bus.send_and_get_reply(new_method_call(ask, "GetConnectionUnixProcessID", "s", ("org.freedesktop.secrets",))).body
    return int(pid)


def test_a_locked_keyring_without_anybody_to_open_it(in_desktop: Mapping[str, str]) -> None:
    keyring.put("locked", "x")
    lock = "import secretstorage as s; c = s.get_default_collection(s.dbus_init()); c.lock(); assert c.is_locked()"
    subprocess.run([sys.executable, "-c", lock], check=True)
    try:
        with pytest.raises(KeyringError) as error:
            keyring.get("locked", seconds=20)
        assert error.value.reason in ("locked", "failed")
    finally:
        unlock = ["gnome-keyring-daemon", "--replace", "--unlock", "--components=secrets"]
        subprocess.run(unlock, input="pw\n", text=True, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    assert keyring.get("locked") == "x"


def test_the_program_says_nothing_but_its_answer(in_desktop: Mapping[str, str]) -> None:
    """Whatever it is asked, no traceback and no secret on stderr."""
    for request in (b"", b'{"op":"eat"}', MARKER.encode(), b'{"op":"put","name":"a","secret":7}'):
        done = subprocess.run([sys.executable, "-P", "-m", "agent.keyring.program"], input=request, capture_output=True, check=False)
        assert done.stderr == b""
        assert done.stdout == b'{"problem": "failed"}'
        assert done.returncode == 0


def test_only_listed_back_ends_are_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def none(name: str) -> object:
        asked.append(name)
        raise ImportError

    monkeypatch.setattr(program.importlib, "import_module", none)
    with pytest.raises(program._Absent):
        program.backend()
    assert tuple(asked) == keyring.BACKENDS
    with pytest.raises(ValueError, match="secret"):
        keyring.put("a", "x" * 5000)
