"""Starting the agent on demand, as gpg-agent is: spawned, never forked, outliving the command that wanted it."""

import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import agent
from agent.api.errors import ApiError, Code
from agent.api.home import Home
from tokens import platform

START_SECONDS = 20.0
"""How long a start may take before it counts as failed; a busy machine with cold disks was seen to need 8."""
_YIELD_SECONDS = 2.0
"""How long the agent that has the lock may take to answer before another is started."""
_KEPT = frozenset({
    "PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LANGUAGE", "TZ", "TMPDIR", "VIRTUAL_ENV", "LD_LIBRARY_PATH", "SSL_CERT_FILE", "SSL_CERT_DIR",
    "DISPLAY", "WAYLAND_DISPLAY", "XAUTHORITY", "DBUS_SESSION_BUS_ADDRESS",
    "SOFTHSM2_CONF", "PCSCLITE_CSOCK_NAME", "OPENSC_CONF", "YINXIN_HOME", "YINXIN_IDLE_SECONDS",
})  # fmt: skip
_KEPT_PREFIXES = ("LC_", "XDG_", "QT_", "PYTHON", "COVERAGE_")
_LOG_KEPT = 256 * 1024


def environment(without: frozenset[str] = frozenset()) -> dict[str, str]:
    """What the agent inherits of our environment: an allow-list, so that a PIN in a variable (`--pin env:NAME`) never reaches it."""
    kept = {k: v for k, v in os.environ.items() if (k in _KEPT or k.startswith(_KEPT_PREFIXES)) and k not in without}
    if kept.get("YINXIN_HOME"):  # the agent's working folder is another than ours
        kept["YINXIN_HOME"] = _absolute(kept["YINXIN_HOME"])
    root = os.path.dirname(os.path.dirname(os.path.abspath(agent.__file__)))
    if os.path.basename(root) not in ("site-packages", "dist-packages"):  # run from a checkout: the agent is to be of the same one
        kept["PYTHONPATH"] = os.pathsep.join(dict.fromkeys(filter(None, (root, *kept.get("PYTHONPATH", "").split(os.pathsep)))))
    return kept


def command(folder: str | None) -> list[str]:
    """The command line of the agent for the home given by `folder` (None: `YINXIN_HOME` or the XDG folders).

    ``-P`` keeps the working folder out of the module path, of the agent here and of every child it starts: a file called json.py
    among somebody's downloads must not run beside a PIN.
    """
    return [sys.executable, "-P", "-m", "agent.main", *(["--home", _absolute(folder)] if folder else [])]


def _absolute(folder: str) -> str:
    return os.path.abspath(os.path.expanduser(folder))  # as `home.locate` reads it


def log_path(home: Home) -> Path:
    """Where the agent's words go before its own log is open: import errors, a missing library."""
    return home.state / "agent-start.log"


def start(home: Home, folder: str | None, without: frozenset[str] = frozenset()) -> socket.socket:
    """Spawn the agent and return a connection to it; raises `ApiError` (agent_unreachable: refused, starting).

    Two callers at once both spawn; the agent's lock lets one live, and both connect to that one.  Where the lock was held by
    an agent on its way out, another one is spawned.
    """
    end = time.monotonic() + START_SECONDS
    while True:
        begin, child = _spawn(home, folder, without)
        try:
            if (sock := _wait(home, child, begin, end)) is not None:
                return sock
        finally:
            if child.returncode is None:
                child.returncode = 0  # it lives on without us, by intention: no ResourceWarning


def _spawn(home: Home, folder: str | None, without: frozenset[str]) -> "tuple[int, subprocess.Popen[bytes]]":
    """The process, and where in the start log its own words begin."""
    try:
        home.make()
        log = os.open(log_path(home), os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise ApiError(Code.AGENT_UNREACHABLE, reason="refused", path=_shown(error.filename), detail=error.strerror) from error
    try:
        begin = os.fstat(log).st_size
        if begin > _LOG_KEPT:
            os.ftruncate(log, 0)
            begin = 0
        child = subprocess.Popen(
            command(folder),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=log,
            cwd="/",
            env=environment(without),
            start_new_session=True,
        )
    except OSError as error:
        raise ApiError(Code.AGENT_UNREACHABLE, reason="starting", detail=error.strerror, path=str(log_path(home))) from error
    finally:
        os.close(log)
    return begin, child


def _wait(home: Home, child: "subprocess.Popen[bytes]", log_begin: int, end: float) -> socket.socket | None:
    """A connection; None where the lock was another agent's, and that one does not answer any more either."""
    pause, yielded = 0.005, None
    while True:
        ended = child.poll()  # asked before connecting: an agent that came up in between still counts
        try:
            return platform.connect(str(home.socket), timeout=5.0)
        except OSError:
            now = time.monotonic()
            if ended or now > end:
                raise ApiError(Code.AGENT_UNREACHABLE, reason="starting", detail=last_words(home, log_begin), path=str(log_path(home))) from None
            # An end with 0 means that another agent has the lock: either its socket is about to appear, or it is leaving.
            yielded = now if ended == 0 and yielded is None else yielded
            if yielded is not None and now > yielded + _YIELD_SECONDS:
                return None
        time.sleep(pause)
        pause = min(pause * 1.5, 0.1)


def last_words(home: Home, begin: int = 0) -> str | None:
    """The last line that a start left in its log after byte `begin`, if any."""
    try:
        with open(log_path(home), "rb") as log:
            log.seek(begin)
            lines = log.read(_LOG_KEPT).decode("utf-8", "replace").split("\n")
    except OSError:
        return None
    return next((line.strip()[:300] for line in reversed(lines) if line.strip()), None)


def wait_until_gone(home: Home, seconds: float = 40.0) -> bool:
    """Whether the agent that was told to stop let go of its socket and, at its very end, of its home in time."""
    end, pause = time.monotonic() + seconds, 0.01
    while time.monotonic() < end:
        try:
            platform.connect(str(home.socket), timeout=1.0).close()
        except (FileNotFoundError, ConnectionRefusedError):
            if _free(home):
                return True
        except OSError:
            pass
        time.sleep(pause)
        pause = min(pause * 1.5, 0.1)
    return False


def _free(home: Home) -> bool:
    try:
        lock = platform.lock_file(home.lock)
    except FileNotFoundError:
        return True
    if lock is None:
        return False
    os.close(lock)
    return True


def _shown(name: str | bytes | int | None) -> str | None:
    return None if name is None or isinstance(name, int) else os.fsdecode(name)
