"""One watch per module: its tokens as last seen, the trouble it makes, and the look that is under way.

A look is a task of its own.  Who asks waits for it only as long as he has patience; a module that hangs or is busy with a card
holds up nobody who asks for another one's tokens.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable

import structlog

from tokens.errors import ModuleTimeout, ModuleUnusable, TokenError
from tokens.monitor import Monitor
from tokens.types import ModuleRef, Token

log = structlog.get_logger()
_NEVER = -1e9
REST_SECONDS = 30.0
"""How long a module that hung, crashed or cannot be loaded is not asked again for its tokens."""
PATIENCE_SECONDS = 0.8
"""How long a look of everything waits for a module that answered before."""
FIRST_PATIENCE_SECONDS = 2.0
"""The same for one that has just to be loaded."""


class Watch:
    """One module under watch.  `listed` asks it for its tokens, `kept` tells which ones are surely there while it is in trouble, `seen` is
    told after each look.
    """

    def __init__(
        self,
        ref: ModuleRef,
        monitor: Monitor,
        listed: Callable[["Watch"], Awaitable[tuple[Token, ...]]],
        kept: Callable[["Watch"], tuple[Token, ...]],
        seen: Callable[["Watch"], None],
    ) -> None:
        self.ref = ref
        self.monitor = monitor
        self.tokens: tuple[Token, ...] = ()
        self.seen_at = _NEVER
        """When the last look that ended had begun (monotonic seconds): it says nothing of what was plugged in later."""
        self._listed, self._kept, self._seen = listed, kept, seen
        self._trouble: TokenError | None = None
        self._rest_until = _NEVER
        self._stale_at = _NEVER
        self._look: asyncio.Task[None] | None = None
        self._late: asyncio.Task[None] | None = None
        """The look that somebody went on without."""
        self._began = _NEVER
        self._asked = self._closed = self._again = False
        self._unfollow: Callable[[], None] | None = None

    @property
    def resting(self) -> bool:
        """Whether it made trouble a moment ago and is left alone."""
        return self._rest_until > time.monotonic()

    @property
    def looking(self) -> bool:
        """Whether a look is under way."""
        return self._look is not None and not self._look.done()

    @property
    def trouble(self) -> TokenError | None:
        """Why its tokens may not be as listed (reason slow: it is still being asked); None where all is well."""
        if self._trouble is None and self.looking and (self._late is self._look or self._patience_left() <= 0):
            return ModuleTimeout(reason="slow", module=self.ref.name, during="list")
        return self._trouble

    def look(self) -> "asyncio.Task[None]":
        """The look under way, or a new one."""
        if self._look is None or self._look.done():
            self._began = time.monotonic()
            self._look = asyncio.create_task(self._once(self._began))
        return self._look

    def follow(self, on: bool) -> None:
        """Whether to look at once when the module or the machine tells of a change; that costs a little, so only while somebody watches."""
        if on and self._unfollow is None:
            self._unfollow = self.monitor.on_event(self._heard)
        elif not on and self._unfollow is not None:
            self._unfollow()
            self._unfollow = None

    def _heard(self) -> None:
        if self.looking:
            self._again = True  # the look under way may have passed by what has just come
        elif not self.resting and not self._closed:
            self.look()

    def stale(self) -> None:
        """What was seen is no longer true, and a rest is over."""
        self.seen_at, self._rest_until, self._stale_at = _NEVER, _NEVER, time.monotonic()

    async def seen_since(self, moment: float) -> None:
        """Return when a look that began at `moment` or later has ended; at once where the module rests."""
        while self.seen_at < moment and not self.resting and not self._closed:
            look = self.look()
            await asyncio.wait({look})
            if not look.cancelled():
                look.result()

    async def seen_soon(self, moment: float) -> None:
        """The same, but go without it when it takes too long."""
        if self.seen_at >= moment or self.resting or (left := self._patience_left()) <= 0:
            return
        waiting = asyncio.create_task(self.seen_since(moment))
        try:
            await asyncio.wait({waiting}, timeout=left)
            if waiting.done():
                waiting.result()
            else:
                self._late = self._look
        finally:
            waiting.cancel()
            await asyncio.gather(waiting, return_exceptions=True)

    def _patience_left(self) -> float:
        whole = PATIENCE_SECONDS if self._asked else FIRST_PATIENCE_SECONDS
        return whole - (time.monotonic() - self._began if self.looking else 0.0)

    async def _once(self, began: float) -> None:
        trouble: TokenError | None = None
        try:
            self.tokens = await self._listed(self)
            self._rest_until = _NEVER
        except TokenError as error:
            self.blame(error)
            trouble = error
        except Exception as error:
            log.error("watch_failed", module=self.ref.name, type=type(error).__name__, exc_info=error)
            raise
        self._trouble = trouble
        self._asked = True
        self.seen_at = began if began >= self._stale_at else _NEVER
        if self._again:
            self._again = False
            asyncio.get_running_loop().call_soon(self._heard)
        self._seen(self)

    def blame(self, error: TokenError) -> None:
        """The module is in trouble; one that hung, crashed or cannot be loaded rests."""
        if type(self._trouble) is not type(error):
            log.warning("module_trouble", module=self.ref.name, code=error.code, facts=dict(error.facts))
        self._trouble, self.tokens = error, self._kept(self)
        if isinstance(error, ModuleTimeout | ModuleUnusable):
            self._rest_until = time.monotonic() + REST_SECONDS

    async def make_way(self) -> None:
        """End the look under way and the monitor's host, so that somebody else can have the module to himself."""
        look, self._look = self._look, None
        if look is not None:
            look.cancel()
            await asyncio.gather(look, return_exceptions=True)
        await self.monitor.close()

    async def close(self) -> None:
        """End it for good."""
        self._closed = True
        self.follow(False)
        await self.make_way()


async def listed(monitor: Monitor) -> tuple[Token, ...]:
    """The monitor's tokens; a host that died is no reason to say that there are none, so another one is asked, once."""
    try:
        return await monitor.list()
    except ModuleUnusable as error:
        if error.facts.get("reason") != "crashed":
            raise
        return await monitor.list()
