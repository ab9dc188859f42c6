"""What is plugged in, as seen: modules, their tokens, troubles, and everybody who watches."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import structlog

from agent.api.errors import ApiError, Code
from agent.api.home import Home
from agent.inventory import modules, picking, practice, settings, watch
from agent.inventory.certificates import CertificateView
from agent.inventory.entries import entry
from agent.inventory.logins import Login, Logins
from agent.inventory.watch import Watch
from tokens import platform
from tokens.errors import ModuleTimeout, ModuleUnusable, PinCancelled, TokenError, TokenRemoved
from tokens.hosts import Deadlines
from tokens.monitor import Monitor
from tokens.profiles import Profile, profile_of
from tokens.types import ModuleRef, ModuleStatus, PinState, Token, TokenState

log = structlog.get_logger()
_FRESH_SECONDS = 0.25
_POLL_SECONDS = 1.0
_SLEPT_SECONDS = 5.0
"""A sleep of the machine so long ends held logins."""
_MISSED_LOOKS = 2
"""A token whose session is open has vanished when so many looks in a row do not show it: one may read what is being written."""


class Sight:
    """The modules of one home and what they show; knows the open sessions, since those are watched and may have a module to themselves."""

    def __init__(self, home: Home, slept: Callable[[], float] = platform.suspended_seconds) -> None:
        self._home = home
        self._logins = Logins(self._tell)
        self._watches: dict[ModuleRef, Watch] = {}
        self._opening: dict[str, int] = {}
        """Sessions about to be opened, by module."""
        self._changed = asyncio.Event()
        self._changes = 0
        self._poller: asyncio.Task[None] | None = None
        self._watchers = 0
        self._slept, self._slept_before = slept, slept()
        self._ending: set[asyncio.Task[Any]] = set()

    async def close(self) -> None:
        """End the watch, all sessions and all monitor hosts."""
        if self._poller:
            self._poller.cancel()
            await asyncio.gather(self._poller, return_exceptions=True)
        await self._logins.end_all()
        await asyncio.gather(*self._ending, *(each.close() for each in self._watches.values()), return_exceptions=True)
        self._watches.clear()

    @property
    def settings(self) -> settings.Settings:
        """What the user set, as it is now; raises `ApiError` (usage, reason configuration)."""
        return settings.load(self._home)

    # Modules

    async def module_statuses(self) -> tuple[ModuleStatus, ...]:
        """What each configured module says of itself; a module that cannot be used has its reason."""
        self.stale()  # somebody looks at the modules: each is tried anew
        watches = await self._refreshed()
        return tuple(await asyncio.gather(*(_status(each) for each in watches)))

    async def module_status(self, ref: ModuleRef) -> ModuleStatus:
        """What one module says of itself, whatever becomes of the others; raises `ApiError` (not_found)."""
        each = next((each for each in await self._refreshed() if each.ref == ref), None)
        if each is None:
            raise ApiError(Code.NOT_FOUND, reason="module", name=ref.name)
        return await _status(each)

    def module(self, name: str) -> ModuleRef:
        """The configured module of this name or path; raises `ApiError` (not_found)."""
        for ref in modules.configured(self._home):
            if name in (ref.name, ref.path):
                return ref
        raise ApiError(Code.NOT_FOUND, reason="module", name=name)

    def profile(self, token: Token) -> Profile | None:
        """The profile of a token's make; None where its module is gone or its make unknown."""
        ref = next((ref for ref in self._watches if ref.name == token.module), None)
        found = None if ref is None else profile_of(ref, token)
        return None if found is None or found.name == "generic" else found

    def deadlines(self, ref: ModuleRef, token: Token | None = None) -> Deadlines:
        """How long the module may take: by the user's word, else its profile."""
        return Deadlines.of(profile_of(ref, token), self.settings.deadlines)

    async def _refreshed(self) -> list[Watch]:
        """A watch for each configured module, and none for others."""
        wanted = {ref: self.deadlines(ref) for ref in modules.configured(self._home)}
        outdated = [ref for ref, each in self._watches.items() if wanted.get(ref) != each.monitor.host.deadlines]
        closing = [self._watches.pop(ref) for ref in outdated]
        for each in closing:
            await each.close()
        for ref, deadlines in wanted.items():
            if ref not in self._watches:
                self._watches[ref] = self._watch(ref, deadlines)
        return list(self._watches.values())

    def _watch(self, ref: ModuleRef, deadlines: Deadlines) -> Watch:
        return Watch(ref, Monitor(ref, deadlines), self._listed, self._kept, self._looked)

    # Tokens

    async def tokens(self) -> tuple[Token, ...]:
        """All tokens in all slots, as of now (within a quarter of a second); a slow module is not waited for and named in `troubles`."""
        moment = time.monotonic() - _FRESH_SECONDS
        await asyncio.gather(*(each.seen_soon(moment) for each in await self._refreshed()))
        return self._known()

    async def settled(self) -> tuple[Token, ...]:
        """All tokens, by looks that began after this call, each waited for to its end: what a refusal may be based on."""
        moment = time.monotonic()
        while True:
            await asyncio.gather(*(each.seen_since(moment) for each in await self._refreshed()))
            if all(each.seen_at >= moment or each.resting for each in self._watches.values()):  # a module may have been added meanwhile
                return self._known()

    async def anew(self, module: str) -> None:
        """Have a module start anew before it is looked at again: not every one notices what another process did to its token."""
        for each in [each for ref, each in self._watches.items() if ref.name == module]:
            await each.make_way()
        self.stale()

    def stale(self) -> None:
        """What was seen is no longer true (we changed a token ourselves), and modules at rest are asked again."""
        for each in self._watches.values():
            each.stale()

    def _doubt(self, token: Token) -> None:
        """A session found the token gone: what its module showed before says nothing any more."""
        for each in self._watches.values():
            if each.ref.name == token.module:
                each.stale()

    def troubles(self) -> dict[str, TokenError]:
        """The modules whose tokens could not be listed at the last look or are still being asked, and why."""
        return {each.ref.name: trouble for each in self._watches.values() if (trouble := each.trouble) is not None}

    def entry(self, token: Token, own: Sequence[str] = ()) -> dict[str, Any]:
        """The TOKEN object of the wire."""
        return entry(token, datetime.now(UTC), own, self._logins.entry(token), self.profile(token))

    def _known(self) -> tuple[Token, ...]:
        return (*(token for each in self._watches.values() for token in each.tokens), *practice.pulled(self._home))

    async def pick(self, selector: str | None, state: TokenState = TokenState.READY) -> Token:
        """The one token meant by a label or serial, or the only one in `state`; raises `ApiError` that lists what there is.

        A token that is named is taken as soon as it is seen; for every other answer all modules are waited for, and nobody is refused by
        what was seen before he asked.
        """
        seen = await self.tokens()
        if selector is not None or not any(each.looking for each in self._watches.values()):
            with contextlib.suppress(ApiError):
                if not _hindered(found := self._picked(seen, selector, state)):
                    return found
        return self._picked(await self.settled(), selector, state)

    def _picked(self, seen: Sequence[Token], selector: str | None, state: TokenState) -> Token:
        return picking.token(seen, selector, state, self.troubles(), any_module=bool(self._watches))

    async def find_certificate(self, token: Token, selector: str | None, at: datetime) -> CertificateView:
        """The signing certificate meant (fingerprint prefix, CN or label), or the only usable one; raises `ApiError`."""
        return picking.certificate(token, selector, at)

    # Watching

    async def watch(self) -> AsyncIterator[tuple[Token, ...]]:
        """The tokens now, and again at every change of them, of the troubles and of the logins."""
        self._watchers += 1
        self._poll()
        try:
            told, now = self._changes, await self.tokens()
            while True:
                yield now
                while told == self._changes:
                    await self._changed.wait()
                told, now = self._changes, self._known()
        finally:
            self._watchers -= 1

    def _tell(self) -> None:
        """Wake whoever watches."""
        self._changes += 1
        self._changed.set()
        self._changed = asyncio.Event()

    def _poll(self) -> None:
        if self._poller is None or self._poller.done():
            self._poller = asyncio.create_task(self._polling())

    async def _polling(self) -> None:
        """Look each second, and when a module tells of a change, while somebody watches; for open sessions alone, at their modules only."""
        told: object = None
        failed: str | None = None
        try:
            while self._watchers or self._logins.every:
                try:
                    await self._notice_sleep()
                    watched = {login.token.module for login in self._logins.every}
                    for each in await self._refreshed():
                        wanted = bool(self._watchers) or each.ref.name in watched
                        each.follow(wanted)
                        if wanted and not each.resting:
                            each.look()
                    seen = (self._known(), sorted((name, trouble.code, trouble.facts.get("reason")) for name, trouble in self.troubles().items()))
                    if seen != told:
                        told = seen
                        self._tell()
                    failed = None
                except Exception as error:  # noqa: BLE001 - the watch goes on; the next look may succeed
                    if failed != (failed := str(error)):
                        log.error("watch_failed", type=type(error).__name__, error=failed)
                await asyncio.sleep(_POLL_SECONDS)
        finally:
            for each in self._watches.values():
                each.follow(False)

    async def _notice_sleep(self) -> None:
        slept, before = self._slept(), self._slept_before
        self._slept_before = slept
        if slept - before > _SLEPT_SECONDS:
            log.info("machine_slept", seconds=round(slept - before))
            await self._end_held()
            self.stale()
        if self._logins.held and self.settings.pin_scope != "minutes":  # it was, until a moment ago
            await self._end_held()

    async def _end_held(self) -> None:
        await self._logins.end(self._logins.held, lambda token: PinCancelled(reason="locked", token=token.label))

    async def _listed(self, each: Watch) -> tuple[Token, ...]:
        """The tokens of a module, marked with what this home knows of them."""
        there = self._logins.on(each.ref.name)
        if profile_of(each.ref).exclusive and (there or self._opening.get(each.ref.name)):
            return await self._present(there) if there else each.tokens
        found = await watch.listed(each.monitor)
        emulated, marked = each.ref.origin == "emulated", practice.marked(self._home)
        return tuple(replace(t, emulated=emulated, practice=emulated and marked(t.serial)) for t in found)

    async def _present(self, logins: Iterable[Login]) -> tuple[Token, ...]:
        """The tokens of a module that lets one process in at a time: their sessions are asked."""
        return tuple([login.token for login in logins if await login.session.present()])

    def _kept(self, each: Watch) -> tuple[Token, ...]:
        """What is surely there while the module is in trouble: tokens with a session (a card that makes a key answers nobody else)."""
        return tuple(login.token for login in self._logins.on(each.ref.name) if login.watched)

    def _looked(self, each: Watch) -> None:
        """After a look: sessions whose token has vanished end, those of a token still there learn how it is now."""
        if each.trouble is None:
            for login in self._logins.on(each.ref.name):
                now = next((token for token in each.tokens if token.same(login.token)), None)
                if now is not None or not login.watched:
                    login.token, login.missed = now or login.token, 0
                    continue
                login.missed += 1
                if login.missed >= _MISSED_LOOKS:
                    self._soon(self._logins.end((login,), removed))
                else:
                    self._soon(self._look_again(each))
        self._tell()

    async def _look_again(self, each: Watch) -> None:
        await asyncio.sleep(_FRESH_SECONDS)
        await each.look()

    def _soon(self, work: Coroutine[Any, Any, Any]) -> None:
        task = asyncio.create_task(work)
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)


def removed(token: Token) -> TokenError:
    return TokenRemoved(token=token.label)


async def _status(each: Watch) -> ModuleStatus:
    """What the module says of itself; one that hung or crashed over that rests, so that the next who asks for tokens does not wait for it too."""
    status = await each.monitor.status()
    if status.problem == ModuleTimeout.code:
        each.blame(ModuleTimeout(module=each.ref.name, during="slots"))
    elif status.problem == "crashed":
        each.blame(ModuleUnusable(reason="crashed", module=each.ref.name))
    return status


def _hindered(token: Token) -> bool:
    """Whether its PIN stands in the way, which somebody may have mended since it was seen."""
    return token.pin_to_be_changed or token.pin_state in (PinState.LOCKED, PinState.FINAL_TRY, PinState.NOT_INITIALISED)
