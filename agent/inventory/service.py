"""The live list of tokens, and sessions opened by a person's PIN."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import structlog

from agent.api.errors import ApiError, Code
from agent.api.home import Home
from agent.inventory import modules, practice
from agent.inventory.certificates import CertificateView, views
from agent.server.jobs import Job
from agent.server.prompts import CANCEL
from tokens.errors import ModuleTimeout, ModuleUnusable, PinCancelled, PinLocked, TokenError
from tokens.monitor import Monitor
from tokens.session import Session
from tokens.types import ModuleRef, ModuleStatus, PinState, Token, TokenState

log = structlog.get_logger()
PIN_SECONDS = 300
"""How long a person has for the PIN."""
_FRESH_SECONDS = 0.25
_POLL_SECONDS = 1.0
_REST_SECONDS = 30.0
"""How long a module that hung, crashed or cannot be loaded is not asked again for its tokens."""
_FINAL_TRY_WORDS = ("我确认", "CONFIRM")


class Inventory:
    """Everything plugged in, for one home; lives as long as the agent."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._monitors: dict[ModuleRef, Monitor] = {}
        self._tokens: tuple[Token, ...] = ()
        self._troubles: dict[str, TokenError] = {}
        self._rest_until: dict[str, float] = {}
        self._seen_at = -1e9
        self._busy = asyncio.Lock()
        self._turns: dict[str, asyncio.Lock] = {}
        """Who may log in to an emulated token, by its serial."""
        self._changed = asyncio.Condition()
        self._poller: asyncio.Task[None] | None = None
        self._watchers = 0

    async def close(self) -> None:
        """End the watch and all monitor hosts."""
        if self._poller:
            self._poller.cancel()
            await asyncio.gather(self._poller, return_exceptions=True)
        await asyncio.gather(*(m.close() for m in self._monitors.values()), return_exceptions=True)
        self._monitors.clear()

    # Modules

    async def module_statuses(self) -> tuple[ModuleStatus, ...]:
        """What each configured module says of itself; a module that cannot be used has its reason."""
        self._rest_until.clear()  # somebody looks at the modules: each is tried anew
        monitors = await self._refresh_monitors()
        return tuple(await asyncio.gather(*(_status(ref, monitor) for ref, monitor in monitors.items())))

    def module(self, name: str) -> ModuleRef:
        """The configured module of this name or path; raises `ApiError` (not_found)."""
        for ref in modules.configured(self._home):
            if name in (ref.name, ref.path):
                return ref
        raise ApiError(Code.NOT_FOUND, reason="module", name=name)

    async def _refresh_monitors(self) -> dict[ModuleRef, Monitor]:
        wanted = modules.configured(self._home)
        gone = [ref for ref in self._monitors if ref not in wanted]
        for ref in gone:
            if monitor := self._monitors.pop(ref, None):  # two looks at once may both find it gone
                await monitor.close()
        for ref in wanted:
            if ref not in self._monitors:
                self._monitors[ref] = Monitor(ref)
        return dict(self._monitors)

    # Tokens

    async def tokens(self) -> tuple[Token, ...]:
        """All tokens in all slots, as of now (within a quarter of a second)."""
        async with self._busy:
            if time.monotonic() - self._seen_at > _FRESH_SECONDS:
                await self._look()
        return self._tokens

    def stale(self) -> None:
        """What was seen is no longer true (we changed a token ourselves)."""
        self._seen_at = -1e9
        self._rest_until.clear()

    async def _look(self) -> None:
        now = time.monotonic()
        every = await self._refresh_monitors()
        # A module that hung, or crashed twice running, is left alone for a while: it must not make everybody wait for the others' tokens.
        resting = {ref.name for ref in every if self._rest_until.get(ref.name, 0.0) > now}
        monitors = {ref: monitor for ref, monitor in every.items() if ref.name not in resting}
        found = await asyncio.gather(*(_listed(monitor) for monitor in monitors.values()), return_exceptions=True)
        tokens: list[Token] = []
        marked = practice.serials(self._home)
        troubles = {name: trouble for name, trouble in self._troubles.items() if name in resting}
        for ref, each in zip(monitors, found, strict=True):
            if isinstance(each, TokenError):
                troubles[ref.name] = each
                if isinstance(each, ModuleTimeout | ModuleUnusable):
                    self._rest_until[ref.name] = now + _REST_SECONDS
                if type(self._troubles.get(ref.name)) is not type(each):
                    log.warning("module_trouble", module=ref.name, code=each.code, facts=dict(each.facts))
            elif isinstance(each, BaseException):
                raise each
            else:
                emulated = ref.origin == "emulated"
                tokens += [replace(t, emulated=emulated, practice=emulated and (marked is None or t.serial in marked)) for t in each]
        self._seen_at = time.monotonic()
        self._troubles = troubles
        if tuple(tokens) != self._tokens:
            self._tokens = tuple(tokens)
            async with self._changed:
                self._changed.notify_all()

    def troubles(self) -> dict[str, TokenError]:
        """The modules whose tokens could not be listed at the last look, and why."""
        return dict(self._troubles)

    async def watch(self) -> AsyncIterator[tuple[Token, ...]]:
        """The tokens now, and again at every change."""
        self._watchers += 1
        if self._poller is None or self._poller.done():
            self._poller = asyncio.create_task(self._poll())
        try:
            told = await self.tokens()
            yield told
            while True:
                async with self._changed:
                    while self._tokens == told:
                        await self._changed.wait()
                told = self._tokens
                yield told
        finally:
            self._watchers -= 1

    async def _poll(self) -> None:
        while self._watchers:
            await asyncio.sleep(_POLL_SECONDS)
            try:
                await self.tokens()
            except Exception as error:  # noqa: BLE001 - the watch goes on; the next look may succeed
                log.error("watch_failed", type=type(error).__name__)

    async def pick(self, selector: str | None, state: TokenState = TokenState.READY) -> Token:
        """The one token meant by a label or serial, or the only one in `state`; raises `ApiError` that lists what there is."""
        began = time.monotonic()
        try:
            return self._picked(await self.tokens(), selector, state)
        except ApiError:
            if self._seen_at > began:
                raise
        self._seen_at = -1e9  # plugged in this very moment, perhaps: nobody is refused by what was seen before he asked
        return self._picked(await self.tokens(), selector, state)

    def _picked(self, everything: Sequence[Token], selector: str | None, state: TokenState) -> Token:
        named = [t for t in everything if selector is None or selector in (t.label, t.serial)]
        there = ", ".join(f"{t.label or '–'} ({t.serial or '–'})" for t in everything if t.state is TokenState.READY)
        fitting = [t for t in named if t.state is state]
        if len(fitting) == 1:
            return fitting[0]
        if len(fitting) > 1:
            raise ApiError(Code.TOKEN_AMBIGUOUS, token=selector, available=", ".join(f"{t.label} ({t.serial})" for t in fitting))
        if any(t.state is TokenState.NOT_INITIALISED for t in named) and selector is not None:
            raise ApiError(Code.TOKEN_NOT_INITIALISED, token=selector)
        if self._troubles and not everything:
            trouble = next(iter(self._troubles.values()))
            raise ApiError(Code(trouble.code), **trouble.facts)
        if not self._monitors:
            raise ApiError(Code.TOKEN_ABSENT, token=selector, available="", reason="no_module")
        raise ApiError(Code.TOKEN_ABSENT, token=selector, available=there)

    async def find_certificate(self, token: Token, selector: str | None, at: datetime) -> CertificateView:
        """The signing certificate meant (fingerprint prefix, CN or label), or the only usable one; raises `ApiError`."""
        every = views(token)
        there = "; ".join(f"{v.common_name} ({v.fingerprint[:12]})" for v in every)
        if selector is None:
            fitting = [v for v in every if v.problem(at) is None]
            if not fitting and (expired := [v for v in every if v.problem(at) in ("expired", "not_yet_valid")]):
                fitting = expired  # let the rule that refuses it say why
        else:
            word = selector.lower()
            fitting = [v for v in every if selector in (v.common_name, v.label) or (len(word) >= 4 and v.fingerprint.startswith(word))]
        if not fitting:
            raise ApiError(Code.CERTIFICATE_NOT_FOUND, token=token.label, certificate=selector, available=there)
        if len(fitting) > 1:
            raise ApiError(
                Code.CERTIFICATE_AMBIGUOUS,
                token=token.label,
                certificate=selector,
                available="; ".join(f"{v.common_name} ({v.fingerprint[:12]})" for v in fitting),
            )
        if not fitting[0].has_key:
            raise ApiError(Code.KEY_NOT_FOUND, token=token.label, key=fitting[0].common_name)
        return fitting[0]

    # Sessions

    @asynccontextmanager
    async def session(self, token: Token) -> AsyncIterator[Session]:
        """A session host of its own for `token`, not logged in; it ends with the context, and the PIN with it."""
        session = await Session.open(self.module(token.module), token, self._home.run)
        try:
            yield session
        finally:
            await session.close()

    @asynccontextmanager
    async def unlocked(self, job: Job, token: Token, purpose: str, documents: Sequence[dict[str, Any]] = ()) -> AsyncIterator[Session]:
        """A session logged in with the PIN of whoever answers for the job; raises `ApiError` or `TokenError`, one `C_Login` at most."""
        async with self.session(token) as session:
            await self.unlock(job, session, token, purpose, documents)
            yield session

    async def unlock(
        self, job: Job, session: Session, token: Token, purpose: str, documents: Sequence[dict[str, Any]] = (), secrets: tuple[str, ...] = ("pin",)
    ) -> None:
        """Ask for consent and PIN in one question, and log in once."""
        await self.ask_secrets(job, session, token, purpose, documents, secrets)
        # SoftHSM2 writes its token's file at a login: a login in another process at that instant reads half of it, and fails.
        turn = self._turns.setdefault(token.serial, asyncio.Lock()) if token.emulated else contextlib.nullcontext()
        async with turn:
            await job.unless_cancelled(session.login(confirm_final_try=token.pin_state is PinState.FINAL_TRY))

    async def ask_secrets(
        self, job: Job, session: Session, token: Token, purpose: str, documents: Sequence[dict[str, Any]], secrets: tuple[str, ...]
    ) -> None:
        """Have the named secrets written to the session host by the asker's process; raises `PinCancelled` or `ApiError`."""
        if token.pin_state is PinState.LOCKED:
            raise PinLocked(token=token.label)  # nobody is asked for a PIN that cannot be used
        about = {k: v for k, v in entry(token, datetime.now(UTC), ()).items() if k not in ("keys", "certificates")}
        async with job.asker() as asker:
            if token.pin_state is PinState.FINAL_TRY and not job.confirm_final_try:
                said = await job.unless_cancelled(asker.ask({"kind": "confirm_final_try", "purpose": purpose, "token": about}))
                if said not in _FINAL_TRY_WORDS:
                    raise ApiError(Code.PIN_FINAL_TRY, token=token.label)
            offer = await session.offer(secrets, asker.pid)
            question = {"kind": "pin", "purpose": purpose, "documents": list(documents), "token": about, "secrets": list(secrets)}
            where = {"socket": offer.path, "nonce": offer.nonce, "deadline_seconds": PIN_SECONDS}
            await job.unless_cancelled(_secrets_or_no(session, asker.ask(question | where)))


async def _listed(monitor: Monitor) -> tuple[Token, ...]:
    """The monitor's tokens; a host that died is no reason to say that there are none, so another one is asked, once."""
    try:
        return await monitor.list()
    except ModuleUnusable as error:
        if error.facts.get("reason") != "crashed":
            raise
        return await monitor.list()


async def _secrets_or_no(session: Session, asking: Any) -> None:
    """Return when the host has the secrets; raise `PinCancelled` when the person says no first."""
    received, said = asyncio.ensure_future(session.secrets_received(PIN_SECONDS)), asyncio.ensure_future(asking)
    try:
        await asyncio.wait({received, said}, return_when=asyncio.FIRST_COMPLETED)
        if not received.done():
            if said.result() == CANCEL:
                raise PinCancelled()
            await received
        received.result()
    finally:
        for each in (received, said):
            each.cancel()
        await asyncio.gather(received, said, return_exceptions=True)


async def _status(ref: ModuleRef, monitor: Monitor) -> ModuleStatus:
    try:
        return await monitor.status()
    except TokenError as error:
        return ModuleStatus(ref, False, str(error.facts.get("reason", error.code)))


def entry(token: Token, at: datetime, own: Sequence[str]) -> dict[str, Any]:
    """The TOKEN object of the wire."""
    return {
        "module": token.module,
        "slot_description": token.slot_description,
        "label": token.label,
        "serial": token.serial,
        "manufacturer": token.manufacturer,
        "model": token.model,
        "state": token.state,
        "pin_state": token.pin_state,
        "protected_path": token.protected_path,
        "emulated": token.emulated,
        "practice": token.practice,
        "keys": [key_entry(key) for key in token.keys],
        "certificates": [view.entry(at, own) for view in views(token)],
    }


def key_entry(key: Any) -> dict[str, Any]:
    """A key of the wire."""
    return {"id": key.cka_id.hex(), "label": key.label, "type": key.type, "private": key.private, "non_extractable": key.non_extractable}
