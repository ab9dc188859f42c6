"""Sessions opened by a person's PIN, on the tokens that are seen."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import structlog

from agent.api.errors import ApiError
from agent.api.home import Home
from agent.inventory import asking, first_use, practice
from agent.inventory.asking import Ask
from agent.inventory.logins import Login
from agent.inventory.sight import Sight, removed
from agent.server.jobs import Job
from tokens import platform
from tokens.errors import PinCancelled, TokenAbsent, TokenError, TokenRemoved
from tokens.profiles import profile_of
from tokens.session import Session
from tokens.types import PinRules, SignatureScheme, Token

log = structlog.get_logger()
T = TypeVar("T")
_SILENCE_SECONDS = 5.0


class Inventory(Sight):
    """Everything plugged in and everybody logged in, for one home; lives as long as the agent."""

    def __init__(self, home: Home, slept: Callable[[], float] = platform.suspended_seconds) -> None:
        super().__init__(home, slept)
        self._turns: dict[str, asyncio.Lock] = {}
        """Who may log in to an emulated token, by its serial."""

    @property
    def holds_login(self) -> bool:
        """Whether a login waits for its person's next set."""
        return bool(self._logins.held)

    @asynccontextmanager
    async def session(self, token: Token, job: Job | None = None, *, watched: bool = True, fresh: bool = False) -> AsyncIterator[Session]:
        """A session host of its own for `token`; it ends with the context, and the PIN with it.

        Not logged in, except where the settings let a PIN serve some minutes and the same caller's last login is still good: then `unlock`
        asks for consent only (never so where `fresh`).  The host is ended under its users when the token vanishes (`TokenRemoved`) or is
        locked (`PinCancelled`).
        """
        login = (None if fresh else await self._taken(token, job)) or await self._opened(token, job, watched)
        if job is not None:
            login.session.host.on_silence = _telling(job, token)
        self._poll()
        try:
            yield login.session
        except BaseException as error:
            login.spoiled = True
            if isinstance(error, TokenRemoved):
                self._doubt(token)
            raise
        finally:
            await self._put_back(login)

    @asynccontextmanager
    async def unlocked(self, job: Job, token: Token, purpose: str, documents: Sequence[dict[str, Any]] = ()) -> AsyncIterator[Session]:
        """A session logged in with the PIN of whoever answers for the job; raises `ApiError` or `TokenError`, one `C_Login` at most."""
        async with self.session(token, job) as session:
            await self.unlock(job, session, token, purpose, documents)
            yield session

    async def unlock(
        self, job: Job, session: Session, token: Token, purpose: str, documents: Sequence[Mapping[str, Any]] = (), cka_id: bytes | None = None
    ) -> None:
        """Ask for consent and PIN in one question, and log in once; a login that is held for the caller needs the consent alone.

        `cka_id` is the key that is to sign: one known to want the PIN at each signature is told so in the question.
        """
        ask = Ask(purpose, documents, each_signature=cka_id is not None and self.asks_each_time(token, cka_id))
        login = self._logins.of(session)
        if login is not None and login.logged_in:
            asking.refuse_unready(token, ask)
            with self._logins.while_it_lasts(login):
                await asking.consent(job, self._about(token), ask, "held_login", login.over, minutes_left=login.minutes_left)
            return

        async def log_in(confirmed: bool) -> None:
            # SoftHSM2 writes its token's file at a login: a login in another process at that instant reads half of it, and fails.
            turn = self._turns.setdefault(token.serial, asyncio.Lock()) if token.emulated else contextlib.nullcontext()
            async with turn:
                await session.login(confirm_final_try=confirmed)

        await self.with_secrets(job, session, token, ask, log_in)
        if login is not None:
            chosen = self.settings
            login.logged_in, login.scope = True, chosen.pin_scope
            login.until = time.monotonic() + 60.0 * chosen.minutes if chosen.pin_scope == "minutes" else None
            self._tell()

    async def again(
        self, job: Job, session: Session, token: Token, purpose: str, documents: Sequence[Mapping[str, Any]] = (), cka_id: bytes | None = None
    ) -> None:
        """Log out, ask anew and log in anew: one PIN for one signature (settings: pin scope "signature")."""
        await session.logout()
        if login := self._logins.of(session):
            login.logged_in = False
        await self.unlock(job, session, token, purpose, documents, cka_id)

    async def prove(self, session: Session, token: Token, cka_id: bytes, scheme: SignatureScheme, public_key: bytes) -> bool:
        """`first_use.prove`: call it after `unlock`, before the first signature of a set; `public_key` is DER SubjectPublicKeyInfo."""
        return await first_use.prove(self._home, self.module(token.module), session, token, cka_id, scheme, public_key)

    async def consent(self, job: Job, session: Session, token: Token, ask: Ask, reason: str, **facts: Any) -> None:
        """Ask for a yes without a secret (reason each_signature: how many signatures the PIN typed will be used for); raises `PinCancelled`."""
        login = self._logins.of(session)
        await asking.consent(job, self._about(token), ask, reason, login.over if login else None, **facts)

    async def with_secrets(self, job: Job, session: Session, token: Token, ask: Ask, act: Callable[[bool], Coroutine[Any, Any, T]]) -> T:
        """`asking.with_secrets` with what is told of the token here; its errors name the token."""
        try:
            return await asking.with_secrets(job, session, token, self._about(token), ask, act)
        except TokenError as error:
            raise type(error)(**{"token": token.label, "serial": token.serial, **error.facts}) from error

    def rules_for(self, token: Token) -> PinRules | None:
        """What a new PIN must be like: our rules on tokens that we initialised, nothing but the token's own limits on others."""
        return self.settings.rules if practice.made_here(self._home, token) else None

    async def lock(self, selector: str | None = None, because: str = "asked") -> list[Token]:
        """End logins: those held, and those of running jobs, which are told `PinCancelled` (reason locked); the tokens concerned."""
        fitting = [login for login in self._logins.every if selector is None or selector in (login.token.label, login.token.serial)]
        ended = await self._logins.end(fitting, lambda token: PinCancelled(reason="locked", token=token.label))
        log.info("locked", because=because[:40], tokens=len(ended))
        return ended

    async def removed(self, token: Token) -> None:
        """The token is being pulled out: its sessions end now."""
        await self._logins.end([login for login in self._logins.every if login.token.same(token)], removed)

    async def pin_changed(self, token: Token) -> None:
        """The token's PIN is another one now: logins that were held for it end."""
        await self._logins.end([login for login in self._logins.held if login.token.same(token)], removed)

    def _about(self, token: Token) -> dict[str, Any]:
        return {name: value for name, value in self.entry(token).items() if name not in ("keys", "certificates")}

    def asks_each_time(self, token: Token, cka_id: bytes) -> bool:
        """Whether a key is known, before a login, to want the PIN at every signature."""
        profile = self.profile(token)
        hinted = profile is not None and cka_id in profile.asks_each_time
        return hinted or any(key.cka_id == cka_id and key.always_authenticate for key in token.keys)

    async def _taken(self, token: Token, job: Job | None) -> Login | None:
        if self.settings.pin_scope != "minutes":
            await self._end_held()
            return None
        if job is None:
            return None
        return self._logins.take(token, job, platform.session_of(job.caller.pid))

    async def _opened(self, token: Token, job: Job | None, watched: bool) -> Login:
        ref = self.module(token.module)
        deadlines = self.deadlines(ref, token)
        exclusive = profile_of(ref, token).exclusive
        silence = None if job is None else asyncio.get_running_loop().call_later(_SILENCE_SECONDS, _telling(job, token), "open", _SILENCE_SECONDS)
        self._opening[ref.name] = self._opening.get(ref.name, 0) + 1
        try:
            if exclusive and (each := self._watches.get(ref)):
                await each.make_way()
            session = await Session.open(ref, token, self._home.run, deadlines)
        except TokenAbsent:
            self._doubt(token)
            raise
        finally:
            self._opening[ref.name] -= 1
            if silence:
                silence.cancel()
        origin = None if job is None else platform.session_of(job.caller.pid)
        return self._logins.add(Login(token, session, job, origin, watched))

    async def _put_back(self, login: Login) -> None:
        """After a job: keep the login where the settings let a PIN serve some minutes and nothing went wrong, else end it."""
        if await self._may_be_held(login):
            self._logins.keep(login)
        else:
            await self._logins.close(login)

    async def _may_be_held(self, login: Login) -> bool:
        if login.spoiled or not login.logged_in or login.origin is None or login.over.done() or not login.session.host.alive:
            return False
        if login.until is None or login.until <= time.monotonic():
            return False
        try:
            if self.settings.pin_scope != "minutes":
                return False
            # A key that asks each time has its PIN kept in the host: that is good for one closed set and no longer.
            return not any(key.always_authenticate for key in await login.session.keys()) and not login.over.done()
        except (ApiError, TokenError):
            return False


def _telling(job: Job, token: Token) -> Callable[[str, float], None]:
    """Tells the job's client that the token has been silent for a while."""

    def tell(during: str, seconds: float) -> None:
        if during != "await_secrets":  # there a person is waited for
            job.emit("waiting", **{"for": "token", "token": token.label, "during": during, "seconds": seconds})

    return tell
