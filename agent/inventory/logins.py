"""Open sessions by token, and logins that wait for the same person's next closed set.

A session belongs to one job.  Where the settings let a PIN serve some minutes, its logged-in session is kept afterwards for that
token and that caller alone; the time counts from the PIN, and whatever ends it ends the host and with it the PIN.
"""

import asyncio
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from agent.inventory.settings import Scope
from agent.server.jobs import Job
from tokens.errors import PinCancelled, TokenError
from tokens.platform import Origin
from tokens.session import Session
from tokens.types import Token


@dataclass(eq=False, slots=True)
class Login:
    """One open session; `job` is None while it waits for the next set."""

    token: Token
    session: Session
    job: Job | None
    origin: Origin | None
    watched: bool = True
    """Whether it ends when its token vanishes (a token that is being initialised changes its name)."""
    scope: Scope = "set"
    logged_in: bool = False
    until: float | None = None
    """When the PIN has served its minutes (monotonic seconds)."""
    spoiled: bool = False
    missed: int = 0
    """Looks in a row that did not show its token."""
    over: asyncio.Future[TokenError] = field(default_factory=lambda: asyncio.get_running_loop().create_future())
    """Done when the session was ended under its job, with the reason."""
    timer: asyncio.TimerHandle | None = None

    @property
    def minutes_left(self) -> int:
        """Whole minutes that the PIN still serves, rounded up."""
        return 0 if self.until is None else max(0, -int(-(self.until - time.monotonic()) // 60))


class Logins:
    """All open sessions of this agent; `changed` is told when somebody else would see a difference."""

    def __init__(self, changed: Callable[[], None]) -> None:
        self._open: list[Login] = []
        self._changed = changed
        self._ending: set[asyncio.Task[Any]] = set()

    @property
    def every(self) -> tuple[Login, ...]:
        """All of them."""
        return tuple(self._open)

    @property
    def held(self) -> tuple[Login, ...]:
        """Those that wait for their person's next set."""
        return tuple(login for login in self._open if login.job is None)

    def on(self, module: str) -> tuple[Login, ...]:
        """Those whose token is reached by this module."""
        return tuple(login for login in self._open if login.token.module == module)

    def of(self, session: Session) -> Login | None:
        """The entry of a session that we opened."""
        return next((login for login in self._open if login.session is session), None)

    def add(self, login: Login) -> Login:
        """Know of an open session."""
        self._open.append(login)
        self._changed()
        return login

    def take(self, token: Token, job: Job, origin: Origin | None) -> Login | None:
        """The login that waits for this token and this caller, now the job's own."""
        for login in self.held:
            fit = origin is not None and login.origin == origin and login.token.same(token) and login.session.host.alive
            if fit and login.until is not None and login.until > time.monotonic():
                self._stop_timer(login)
                login.job, login.token, login.spoiled = job, token, False
                return login
        return None

    def keep(self, login: Login) -> None:
        """Let a logged-in session wait for the next set until its time is over."""
        assert login.until is not None
        login.job = None
        login.session.host.on_silence = None
        self._start_timer(login)
        self._changed()

    @contextmanager
    def while_it_lasts(self, login: Login) -> Iterator[None]:
        """While a person thinks about the next set: his consent makes the PIN serve no longer than its minutes."""
        self._start_timer(login)
        try:
            yield
        finally:
            self._stop_timer(login)

    async def close(self, login: Login) -> None:
        """End a session whose job is done."""
        self._stop_timer(login)
        if login in self._open:
            self._open.remove(login)
        await login.session.close()
        self._changed()

    async def end(self, logins: Iterable[Login], why: Callable[[Token], TokenError]) -> list[Token]:
        """End sessions under their jobs, which are told `why(token)`; the tokens concerned."""
        ended = [login for login in logins if login in self._open]
        for login in ended:
            self._stop_timer(login)
            self._open.remove(login)
            if not login.over.done():
                login.over.set_result(why(login.token))
        await asyncio.gather(*(login.session.end(login.over.result()) for login in ended))
        if ended:
            self._changed()
        return [login.token for login in ended]

    def entry(self, token: Token) -> dict[str, Any] | None:
        """The `login` of the wire: who is logged in to the token, until when; None where nobody is."""
        for login in self._open:
            if login.logged_in and login.session.host.alive and login.token.same(token):
                held = login.job is None and login.until is not None
                until = datetime.now(UTC) + timedelta(seconds=login.until - time.monotonic()) if held and login.until else None
                return {"until": until.isoformat(timespec="seconds").replace("+00:00", "Z") if until else None, "scope": login.scope}
        return None

    async def end_all(self) -> None:
        """End everything; the agent leaves."""
        await self.end(self.every, lambda _: PinCancelled(reason="agent"))
        await asyncio.gather(*self._ending, return_exceptions=True)

    def _start_timer(self, login: Login) -> None:
        self._stop_timer(login)
        left = 0.0 if login.until is None else max(0.0, login.until - time.monotonic())
        login.timer = asyncio.get_running_loop().call_later(left, self._time_over, login)

    def _time_over(self, login: Login) -> None:
        task = asyncio.get_running_loop().create_task(self.end((login,), lambda token: PinCancelled(reason="time", token=token.label)))
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)

    @staticmethod
    def _stop_timer(login: Login) -> None:
        if login.timer is not None:
            login.timer.cancel()
            login.timer = None
