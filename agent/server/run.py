"""The agent as a process: one per home, its socket, its peers, its end."""

import asyncio
import contextlib
import os
import signal
from collections.abc import Awaitable, Callable, Generator
from typing import Any

import structlog
import uvicorn
from fastapi import FastAPI
from uvicorn.protocols.http.h11_impl import H11Protocol

from agent.api.home import Home
from agent.server.app import Activity
from agent.server.jobs import Jobs
from tokens import platform

log = structlog.get_logger()
_REST_SECONDS = 30.0
"""How long a stop waits for jobs to come to rest between two documents."""


class AlreadyRunning(Exception):
    """Another agent holds the lock of this home."""


class _OwnUserOnly(H11Protocol):
    """HTTP/1.1 for processes of our own user only; the peer's pid and uid take the place of host and port."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        peer = platform.peer_of(transport.get_extra_info("socket"))
        if peer.uid != os.getuid():
            log.warning("foreign_peer_refused", pid=peer.pid, uid=peer.uid)
            transport.abort()
            return
        super().connection_made(transport)
        self.client = (str(peer.pid), peer.uid)


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None]:
        yield  # signals are ours: jobs rest first, then the server stops


class Stopper:
    """Lets anybody ask the agent to end; asking twice changes nothing."""

    def __init__(self) -> None:
        self._asked = asyncio.Event()
        self.reason = ""

    def ask(self, reason: str = "asked") -> None:
        """End the agent at its next resting point."""
        if not self._asked.is_set():
            self.reason = reason
            self._asked.set()

    async def wait(self) -> None:
        """Return when somebody asked."""
        await self._asked.wait()


def take_home(home: Home) -> int:
    """Lock the home for this process (the lock dies with it); raises `AlreadyRunning`."""
    home.make()
    lock = platform.lock_file(home.lock)
    if lock is None:
        raise AlreadyRunning(str(home.state))
    return lock


async def serve(
    home: Home,
    app: FastAPI,
    jobs: Jobs,
    activity: Activity,
    stopper: Stopper,
    idle_seconds: float,
    closing: Callable[[], Awaitable[Any]],
    needed: Callable[[], bool] = lambda: False,
) -> None:
    """Answer on the home's socket until told to stop, idle, or the home vanishes; `closing` ends what the capabilities hold.

    `needed` says that something is held for a client that is not connected: then the agent is not idle.
    """
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):  # before anybody can know that we are here
        loop.add_signal_handler(number, stopper.ask, signal.Signals(number).name)
    # Leftovers of a killed agent and its hosts: we hold the lock, so nobody answers at any of them.
    for leftover in (home.socket, *home.run.glob("pin-*")):
        leftover.unlink(missing_ok=True)
    sock = platform.listen_private(str(home.socket))
    server = _Server(
        uvicorn.Config(
            app,
            http=_OwnUserOnly,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            timeout_keep_alive=30,
            h11_max_incomplete_event_size=65536,
        )
    )
    inode = os.stat(home.socket).st_ino
    serving = asyncio.create_task(server.serve(sockets=[sock]))
    leaving = asyncio.create_task(_leave_when_useless(home, inode, lambda: bool(jobs.running) or needed(), activity, idle_seconds, stopper))
    log.info("agent_started", pid=os.getpid())
    try:
        await asyncio.wait({serving, asyncio.create_task(stopper.wait())}, return_when=asyncio.FIRST_COMPLETED)
        await jobs.stop_all(_REST_SECONDS)
    finally:
        leaving.cancel()
        server.should_exit = True
        server.force_exit = True  # jobs have come to rest or are cut off; event streams of idle watchers need not be waited for
        await asyncio.gather(serving, leaving, return_exceptions=True)
        await closing()
        with contextlib.suppress(OSError):
            if os.stat(home.socket).st_ino == inode:
                home.socket.unlink()
        log.info("agent_stopped", reason=stopper.reason)


async def _leave_when_useless(home: Home, inode: int, needed: Callable[[], bool], activity: Activity, idle_seconds: float, stopper: Stopper) -> None:
    while True:
        await asyncio.sleep(min(5.0, max(0.2, idle_seconds / 4)))
        if not needed() and activity.idle_seconds() > idle_seconds:
            stopper.ask("idle")
        try:  # the socket may lie outside of the home, whose folder can then go without it
            gone = os.stat(home.socket).st_ino != inode or not home.lock.exists()
        except OSError:
            gone = True
        if gone:
            stopper.ask("home_vanished")
