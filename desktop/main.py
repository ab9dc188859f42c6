"""`yinxin-desktop [--home DIR] [--lang zh|en] [FILE…]`: the window, with the files given ready to be signed."""

import argparse
import os
import signal
import sys
from collections.abc import Callable, Sequence

from PySide6.QtCore import QEvent, QProcess, QProcessEnvironment, QSettings, QSocketNotifier, qInstallMessageHandler
from PySide6.QtWidgets import QApplication

from agent import __version__
from agent.api import launch
from agent.api.home import Home, locate
from desktop import look
from desktop.nouns import shown_path
from desktop.prompter import exit_without_display
from desktop.screen_lock import ScreenLock
from desktop.translation import translate
from desktop.window import Window
from desktop.wire import Agent
from desktop.words import Words, choose_language
from tokens import platform

_UNAVAILABLE = 6
"""The contract's exit code for a service that cannot be had."""


def start_agent(home: Home, folder: str | None) -> None:
    """Spawn the agent, apart from this window so that it outlives it; whether it came up shows when it is called."""
    environment = QProcessEnvironment()
    for name, value in launch.environment().items():
        environment.insert(name, value)
    program, *arguments = launch.command(folder)
    process = QProcess()
    process.setProgram(program)
    process.setArguments(arguments)
    process.setProcessEnvironment(environment)
    process.setWorkingDirectory("/")
    process.setStandardInputFile(QProcess.nullDevice())
    process.setStandardOutputFile(QProcess.nullDevice())
    process.setStandardErrorFile(str(launch.log_path(home)), QProcess.OpenModeFlag.Append)
    process.startDetached()


class Desktop:
    """The running program: one agent connection, one window, and their end in the right order."""

    def __init__(self, app: QApplication, home: Home, lang: str | None, start: Callable[[], None]) -> None:
        self._app, self._home, self._start = app, home, start
        self.lock = ScreenLock()
        self.lock.locked.connect(self._lock)
        self._settings = QSettings(str(home.config / "desktop.ini"), QSettings.Format.IniFormat)
        self._open(lang)

    def _open(self, lang: str | None) -> None:
        self.words = Words(choose_language(lang, str(self._settings.value("lang", ""))))
        look.dress(self._app, self.words.lang)
        translate(self._app, self.words.lang)
        self.agent = Agent(str(self._home.socket), self.words.lang, self._start)
        self.window = Window(self.agent, self.words, lambda: launch.last_words(self._home))
        self.window.language_chosen.connect(self._change_language)
        self.agent.live()

    def _lock(self, reason: str) -> None:
        """Nobody may be at the desk any more: logins end, PINs are forgotten; where no service answers there is none."""
        done = lambda _: self.lock.done()  # noqa: E731
        self.agent.call("POST", "/v1/tokens/lock", {"token": None, "reason": reason}, done, done)

    def _change_language(self, lang: str) -> None:
        """The same window anew, in another language, with the same files."""
        self._settings.setValue("lang", lang)
        self._settings.sync()
        place, files = self.window.geometry(), self.window.sign.files.paths
        self.close()
        self._open(lang)
        self.window.setGeometry(place)
        self.window.sign.add(files)
        self.window.show()

    def close(self) -> None:
        """Connections first, then the renderers, then the widgets: nothing may speak to what is gone."""
        self.window.close_down()
        self.agent.close()
        self.window.hide()
        self.window.deleteLater()
        self.agent.deleteLater()
        self._app.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)


def quit_on_signals(app: QApplication) -> Callable[[], None]:
    """Have SIGINT and SIGTERM end the event loop, so that everything ends in order; call the result when that is no longer wanted."""
    reader, writer = platform.socket_pair()
    writer.setblocking(False)
    signal.set_wakeup_fd(writer.fileno())
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: None)  # Qt's loop runs no Python: the descriptor wakes it
    notifier = QSocketNotifier(reader.fileno(), QSocketNotifier.Type.Read, app)
    notifier.activated.connect(lambda *_: app.quit())

    def end() -> None:
        notifier.setEnabled(False)
        signal.set_wakeup_fd(-1)
        reader.close()
        writer.close()

    return end


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the window until it is closed."""
    parser = argparse.ArgumentParser(prog="yinxin-desktop", description="印信 Yinxin")
    parser.add_argument("--home", metavar="DIR")
    parser.add_argument("--lang", choices=("zh", "en"))
    parser.add_argument("--version", action="version", version=f"yinxin-desktop {__version__}")
    parser.add_argument("files", nargs="*", metavar="FILE")
    given = parser.parse_args(arguments)
    words = Words(choose_language(given.lang))
    platform.harden(new_privileges=True)
    exit_without_display(_UNAVAILABLE, words("display.missing"))
    app = QApplication(["yinxin-desktop"])
    qInstallMessageHandler(None)
    app.setApplicationName("yinxin")
    app.setApplicationDisplayName(words("app.name"))
    app.setDesktopFileName("yinxin-desktop")
    app.setWindowIcon(look.mark(128))
    home = locate(given.home)
    try:
        home.make()
    except OSError as error:
        told = words.error("agent_unreachable", {"reason": "refused", "path": shown_path(str(error.filename)), "detail": error.strerror})
        sys.stderr.write(f"{told[0]}\n")
        return _UNAVAILABLE
    desktop = Desktop(app, home, given.lang, lambda: start_agent(home, given.home))
    desktop.window.sign.add([os.path.abspath(path) for path in given.files])
    desktop.window.show()
    ends = quit_on_signals(app)
    code = app.exec()
    ends()
    desktop.close()
    return code


if __name__ == "__main__":
    sys.exit(main())
