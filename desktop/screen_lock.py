"""When the screen is locked or the computer goes to sleep: the desktop's own signals, where it sends any.

Heard are `ActiveChanged` of the screen savers on the session bus, and of login1 on the system bus `Lock` for this session and
`PrepareForSleep`; sleep is delayed until the logins have ended, so that no PIN is in memory meanwhile (login1 waits 5 s at most).
A computer without these buses is no error: then nothing tells, and logins end by their own time.
"""

import os
from typing import Final

from PySide6.QtCore import QObject, Signal, Slot
from PySide6.QtDBus import QDBusConnection, QDBusMessage, QDBusPendingCallWatcher

_SAVERS: Final = ("org.freedesktop.ScreenSaver", "org.gnome.ScreenSaver", "org.mate.ScreenSaver", "org.cinnamon.ScreenSaver", "org.ukui.ScreenSaver")
_LOGIN: Final = "org.freedesktop.login1"


class ScreenLock(QObject):
    """`locked` comes with the reason (screen_lock, suspend) when nobody may be at the desk any more; who has acted on it calls `done`."""

    locked = Signal(str)

    def __init__(self, session: QDBusConnection | None = None, system: QDBusConnection | None = None, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.heard: list[str] = []
        """The interfaces that are listened to."""
        self._session, self._system = session or session_bus(), system or QDBusConnection.systemBus()
        self._brake: QDBusPendingCallWatcher | None = None
        for saver in _SAVERS:
            self._listen(self._session, "", saver, "ActiveChanged", "1_active(bool)")
        self._listen(self._system, "", f"{_LOGIN}.Manager", "PrepareForSleep", "1_sleeps(bool)")
        self._listen(self._system, session_path(os.environ.get("XDG_SESSION_ID", "")), f"{_LOGIN}.Session", "Lock", "1_lock()")
        self._delay_sleep()

    def done(self) -> None:
        """What had to end has ended: the computer may go to sleep."""
        brake, self._brake = self._brake, None
        if brake is not None:
            brake.deleteLater()

    def _delay_sleep(self) -> None:
        """Take login1's lock of kind `delay`.  It is a descriptor in the answer, and held as long as the answer is kept."""
        if self._brake is None and self._system.isConnected():
            question = QDBusMessage.createMethodCall(_LOGIN, "/org/freedesktop/login1", f"{_LOGIN}.Manager", "Inhibit")
            question.setArguments(["sleep", "Yinxin", "UKey", "delay"])
            self._brake = QDBusPendingCallWatcher(self._system.asyncCall(question), self)

    def _listen(self, bus: QDBusConnection | None, path: str, interface: str, name: str, slot: str) -> None:
        # the stub wants bytes; PySide takes text only
        if bus is not None and bus.isConnected() and bus.connect("", path, interface, name, self, slot):  # type: ignore[call-overload]
            self.heard.append(interface)

    @Slot(bool)
    def _active(self, on: bool) -> None:
        if on:
            self.locked.emit("screen_lock")

    @Slot(bool)
    def _sleeps(self, soon: bool) -> None:
        if soon:
            self.locked.emit("suspend")
        else:
            self._delay_sleep()

    @Slot()
    def _lock(self) -> None:
        self.locked.emit("screen_lock")


def session_path(session: str) -> str:
    """Where login1 keeps the session of this id (`bus_label_escape` of systemd); "" without one, which stands for every session."""
    escaped = (c if c.isascii() and (c.isalpha() or (c.isdigit() and place)) else f"_{ord(c):02x}" for place, c in enumerate(session))
    return f"/org/freedesktop/login1/session/{''.join(escaped)}" if session else ""


def session_bus() -> QDBusConnection | None:
    """The session's bus where there is one; asking D-Bus without one would start a bus of our own."""
    runtime = os.environ.get("XDG_RUNTIME_DIR", "")
    if os.environ.get("DBUS_SESSION_BUS_ADDRESS") or (runtime and os.path.exists(os.path.join(runtime, "bus"))):
        return QDBusConnection.sessionBus()
    return None
