"""When the screen is locked or the computer goes to sleep: the desktop's own signals, where it sends any.

Heard are `ActiveChanged` of the screen savers on the session bus, and of login1 on the system bus `Lock` for this session and
`PrepareForSleep`.  A computer without these buses is no error: then nothing tells, and logins end by their own time.
"""

import os
from typing import Final

from PySide6.QtCore import QObject, Signal, Slot
from PySide6.QtDBus import QDBusConnection, QDBusMessage, QDBusObjectPath, QDBusPendingCallWatcher

_SAVERS: Final = ("org.freedesktop.ScreenSaver", "org.gnome.ScreenSaver", "org.mate.ScreenSaver", "org.cinnamon.ScreenSaver", "org.ukui.ScreenSaver")
_LOGIN: Final = "org.freedesktop.login1"


class ScreenLock(QObject):
    """`locked` comes with the reason (screen_lock, suspend) when nobody may be at the desk any more."""

    locked = Signal(str)

    def __init__(self, session: QDBusConnection | None = None, system: QDBusConnection | None = None, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.heard: list[str] = []
        """The interfaces that are listened to."""
        self._session, self._system = session or session_bus(), system or QDBusConnection.systemBus()
        for saver in _SAVERS:
            self._listen(self._session, "", saver, "ActiveChanged", "1_active(bool)")
        self._listen(self._system, "", f"{_LOGIN}.Manager", "PrepareForSleep", "1_sleeps(bool)")
        self._find_session(os.environ.get("XDG_SESSION_ID", ""))

    def _listen(self, bus: QDBusConnection | None, path: str, interface: str, name: str, slot: str) -> None:
        # the stub wants bytes; PySide takes text only
        if bus is not None and bus.isConnected() and bus.connect("", path, interface, name, self, slot):  # type: ignore[call-overload]
            self.heard.append(interface)

    def _find_session(self, session: str) -> None:
        """Ask login1 where this session is, so that another one's lock does not lock here; without its name every lock counts."""
        if not self._system.isConnected():
            return
        if not session:
            self._listen(self._system, "", f"{_LOGIN}.Session", "Lock", "1_lock()")
            return
        question = QDBusMessage.createMethodCall(_LOGIN, "/org/freedesktop/login1", f"{_LOGIN}.Manager", "GetSession")
        question.setArguments([session])
        self._asking = QDBusPendingCallWatcher(self._system.asyncCall(question), self)
        self._asking.finished.connect(self._found)

    def _found(self, watcher: QDBusPendingCallWatcher) -> None:
        answer = watcher.reply().arguments()
        path = answer[0].path() if answer and isinstance(answer[0], QDBusObjectPath) else ""
        watcher.deleteLater()
        self._listen(self._system, path, f"{_LOGIN}.Session", "Lock", "1_lock()")

    @Slot(bool)
    def _active(self, on: bool) -> None:
        if on:
            self.locked.emit("screen_lock")

    @Slot(bool)
    def _sleeps(self, soon: bool) -> None:
        if soon:
            self.locked.emit("suspend")

    @Slot()
    def _lock(self) -> None:
        self.locked.emit("screen_lock")


def session_bus() -> QDBusConnection | None:
    """The session's bus where there is one; asking D-Bus without one would start a bus of our own."""
    runtime = os.environ.get("XDG_RUNTIME_DIR", "")
    if os.environ.get("DBUS_SESSION_BUS_ADDRESS") or (runtime and os.path.exists(os.path.join(runtime, "bus"))):
        return QDBusConnection.sessionBus()
    return None
