"""A locked screen and a computer that goes to sleep end the logins: real signals on a private D-Bus."""

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PySide6.QtDBus import QDBusConnection, QDBusMessage, QDBusUnixFileDescriptor, QDBusVirtualObject
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from agent.api.home import locate
from desktop.main import Desktop
from desktop.screen_lock import ScreenLock, session_bus, session_path
from tests.desktop.fake import FakeAgent

CONFIG = """<busconfig><type>session</type><listen>unix:path={folder}/bus</listen><policy context="default">
<allow send_destination="*" eavesdrop="true"/><allow receive_sender="*"/><allow own="*"/></policy></busconfig>"""


@pytest.fixture
def bus(tmp_path: Path) -> Iterator[str]:
    """The address of a D-Bus of our own."""
    if shutil.which("dbus-daemon") is None:
        pytest.skip("dbus-daemon is not installed")
    (tmp_path / "bus.conf").write_text(CONFIG.format(folder=tmp_path))
    command = ["dbus-daemon", f"--config-file={tmp_path}/bus.conf", "--nofork", "--print-address"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as daemon:
        assert daemon.stdout
        yield daemon.stdout.readline().strip()
        daemon.terminate()


@pytest.fixture
def connect(bus: str) -> Iterator[Callable[[str], QDBusConnection]]:
    """Makes connections to it."""
    names: list[str] = []

    def one(name: str) -> QDBusConnection:
        names.append(name)
        return QDBusConnection.connectToBus(bus, name)

    yield one
    for name in names:
        QDBusConnection.disconnectFromBus(name)


def tell(bus: QDBusConnection, path: str, interface: str, name: str, *arguments: object) -> None:
    signal = QDBusMessage.createSignal(path, interface, name)
    signal.setArguments(list(arguments))
    assert bus.send(signal)


def test_a_screen_saver_and_sleep_are_heard_and_their_end_is_not(
    qapp: QApplication, connect: Callable[[str], QDBusConnection], qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("XDG_SESSION_ID", raising=False)
    lock, other = ScreenLock(connect("session"), connect("system")), connect("other")
    heard: list[str] = []
    lock.locked.connect(heard.append)
    saver, sleep = "org.freedesktop.ScreenSaver", "org.freedesktop.login1.Manager"
    tell(other, "/ScreenSaver", saver, "ActiveChanged", False)
    tell(other, "/org/freedesktop/login1", sleep, "PrepareForSleep", False)
    tell(other, "/ScreenSaver", saver, "ActiveChanged", True)
    tell(other, "/org/freedesktop/login1", sleep, "PrepareForSleep", True)
    tell(other, "/org/freedesktop/login1/session/_32", "org.freedesktop.login1.Session", "Lock")
    qtbot.waitUntil(lambda: len(heard) == 3)
    assert heard == ["screen_lock", "suspend", "screen_lock"]


def test_another_sessions_lock_is_not_this_ones(
    qapp: QApplication, connect: Callable[[str], QDBusConnection], qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_SESSION_ID", "2")
    lock, other = ScreenLock(connect("session"), connect("system")), connect("other")
    heard: list[str] = []
    lock.locked.connect(heard.append)
    tell(other, "/org/freedesktop/login1/session/c7", "org.freedesktop.login1.Session", "Lock")
    assert heard == []
    tell(other, "/org/freedesktop/login1/session/_32", "org.freedesktop.login1.Session", "Lock")
    qtbot.waitUntil(lambda: bool(heard))
    assert heard == ["screen_lock"]


def test_sessions_are_found_where_login1_keeps_them() -> None:
    paths = {name: session_path(name).rpartition("/")[2] for name in ("2", "c7", "12", "a-b")}
    assert paths == {"2": "_32", "c7": "c7", "12": "_312", "a-b": "a_2db"}
    assert session_path("") == ""


class Login1(QDBusVirtualObject):
    """login1 as far as it delays sleep: it knows that a lock is given back by the other end of a pipe."""

    def __init__(self) -> None:
        super().__init__()
        self.kinds: list[list[object]] = []
        self.ends: list[int] = []

    def introspect(self, path: str) -> str:
        return ""

    def handleMessage(self, message: QDBusMessage, connection: QDBusConnection) -> bool:
        self.kinds.append(message.arguments())
        reader, writer = os.pipe()
        self.ends.append(reader)
        connection.send(message.createReply([QDBusUnixFileDescriptor(writer)]))
        os.close(writer)
        return True

    def given_back(self, number: int) -> bool:
        """Whether nobody holds that lock any more."""
        os.set_blocking(self.ends[number], False)
        try:
            return os.read(self.ends[number], 1) == b""
        except BlockingIOError:
            return False


@pytest.mark.promise(2)
def test_sleep_waits_until_the_logins_have_ended(qapp: QApplication, connect: Callable[[str], QDBusConnection], qtbot: QtBot) -> None:
    """Otherwise a PIN could lie in the image of a computer that hibernates."""
    service, login1 = connect("login1"), Login1()
    assert service.registerVirtualObject("/org/freedesktop/login1", login1)
    assert service.registerService("org.freedesktop.login1")
    lock = ScreenLock(connect("session"), connect("system"))
    qtbot.waitUntil(lambda: len(login1.ends) == 1)
    assert login1.kinds == [["sleep", "Yinxin", "UKey", "delay"]]
    with qtbot.waitSignal(lock.locked):
        tell(service, "/org/freedesktop/login1", "org.freedesktop.login1.Manager", "PrepareForSleep", True)
    assert not login1.given_back(0)
    lock.done()
    qtbot.waitUntil(lambda: login1.given_back(0))
    tell(service, "/org/freedesktop/login1", "org.freedesktop.login1.Manager", "PrepareForSleep", False)
    qtbot.waitUntil(lambda: len(login1.ends) == 2)
    assert not login1.given_back(1)
    lock.done()
    for end in login1.ends:
        os.close(end)


def test_without_any_bus_nothing_is_listened_to_and_nothing_fails(qapp: QApplication, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("DBUS_SESSION_BUS_ADDRESS", raising=False)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    assert session_bus() is None
    assert ScreenLock(None, QDBusConnection("nobody")).heard == []


@pytest.mark.promise(2)
def test_the_program_ends_every_login_when_the_screen_is_locked(qapp: QApplication, tmp_path: Path, qtbot: QtBot) -> None:
    home = locate(str(tmp_path / "h"))
    home.make()
    fake = FakeAgent(home.socket.parent)
    desktop = Desktop(qapp, home, "zh", lambda: None)
    try:
        desktop.lock.locked.emit("suspend")
        qtbot.waitUntil(lambda: fake.asked("/v1/tokens/lock") == [{"token": None, "reason": "suspend"}])
    finally:
        desktop.close()
        fake.close()
