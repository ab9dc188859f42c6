"""This computer's device for as long as its agent lives: enrolled once, its key opened when it is first needed, renewed when asked."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

import structlog

from agent import keyring
from agent.api.errors import ApiError, Code
from agent.api.home import Home
from agent.device import store
from agent.device.key import DeviceKey, Level
from agent.device.on_token import TokenKey
from agent.device.store import About, KeyLost
from agent.inventory.service import Inventory
from agent.inventory.settings import load as load_settings
from agent.server.jobs import Job

log = structlog.get_logger()
Told: TypeAlias = Callable[[About, DeviceKey], Awaitable[None]]
"""Has the ledger know of a new key; what it raises stops the change."""


class Unsettled(Exception):
    """Some ledger may know the new key and another does not: which one counts is settled later."""

    def __init__(self, error: ApiError) -> None:
        super().__init__(error.code)
        self.error = error


class Device:
    """The device of one home.  `named`: the home is a folder that the user chose, so that its key may lie there without further words."""

    def __init__(self, home: Home, inventory: Inventory, *, named: bool) -> None:
        self.home, self._inventory, self._named = home, inventory, named
        self._turn = asyncio.Lock()
        self._key: DeviceKey | None = None
        self._on_token = False
        self._token = TokenKey(inventory)
        self._changing: asyncio.Task[Any] | None = None
        """Whoever is at changing the key."""

    async def close(self) -> None:
        """Forget the key, and log out where it lies on a token."""
        self._key = None
        await self._token.close()

    @property
    def about(self) -> About | None:
        """What this device is; None before it is enrolled.  Raises `ApiError` (as `key`)."""
        try:
            return store.current(self.home)
        except KeyLost as error:
            raise lost(error) from error

    @property
    def wanted(self) -> Level:
        """Where a new key is made: by the settings, else in a file where the user named the home, else by the keyring."""
        chosen = load_settings(self.home).device_key
        return Level(chosen) if chosen else Level.FILE if self._named else Level.KEYRING

    async def key(self, job: Job | None = None) -> DeviceKey:
        """The key, enrolled or opened now where it is not yet; `job` is whose client can be asked (for consent, for a token's PIN).

        Raises `ApiError`: not_allowed, reason device_key_absent (not enrolled, and nobody to ask), device_keyring_refused, device_key_token (its
        token's PIN is needed, and nobody to ask), device_key_keyring (the keyring did not open it), device_key_lost, device_key_unsafe;
        and what logging in raises.
        """
        ready = self._ready
        if ready is None and self._changing is asyncio.current_task():  # its token was pulled under the change, which would wait for itself
            raise ApiError(Code.NOT_ALLOWED, reason="device_key_token", token=self._enrolled().where.get("label"))
        if ready is None:
            opening = self._opened(job)
            ready = await (opening if job is None else job.unless_cancelled(opening))  # another job's person may be thinking
        return ready

    async def _opened(self, job: Job | None) -> DeviceKey:
        async with self._turn:
            ready = self._ready
            if ready is None:
                ready = await self._open(job)
                self._use(ready)
            return ready

    @property
    def _ready(self) -> DeviceKey | None:
        key = self._key
        return None if key is not None and self._on_token and not self._token.is_open else key

    def _use(self, key: DeviceKey) -> None:
        self._key, self._on_token = key, self._enrolled().on_token

    async def _open(self, job: Job | None) -> DeviceKey:
        about = self.about
        if about is None:
            return await self._enrol_as_wanted(job)
        if about.on_token:
            if job is None:
                raise ApiError(Code.NOT_ALLOWED, reason="device_key_token", token=about.where.get("label"))
            return await self._token.open(job, about)
        try:
            return await asyncio.to_thread(store.load, self.home, about, _patience(job))
        except KeyLost as error:
            log.warning("device_key_lost", reason=error.reason)
            raise lost(error) from error

    async def _enrol_as_wanted(self, job: Job | None) -> DeviceKey:
        """The first key.  One that lies open in a file of the user's own folders is never made without a yes."""
        level = self.wanted
        if level is Level.TOKEN:  # that is chosen with its token, and never by the way
            raise ApiError(Code.NOT_ALLOWED, reason="device_key_absent", key=level.value)
        try:
            return await self._enrol(level, None, job)
        except keyring.KeyringError as error:
            if error.reason != "absent":
                raise unkept(error) from error
        if job is None or not await _agreed(job):
            raise ApiError(Code.NOT_ALLOWED, reason="device_key_absent", key=level.value)
        return await self._enrol(Level.FILE, None, job)

    async def enrol(self, job: Job, level: Level | None, token: str | None = None) -> About:
        """Enrol this device, by the user's explicit choice of a level; raises `ApiError`: not_allowed (reason device_enrolled), and as `key` does."""
        async with self._turn:
            if self.about is not None:
                raise ApiError(Code.NOT_ALLOWED, reason="device_enrolled")
            try:
                self._use(await self._enrol(level or self.wanted, token, job))
            except keyring.KeyringError as error:
                raise unkept(error) from error
        return self._enrolled()

    async def renew(self, job: Job, level: Level | None, token: str | None, told: Told) -> About:
        """Another key for the same device: `told` has the ledger know of it, signed by the old one, before it is used.

        Killed in between, the next start finds out from the ledger which of the two counts (`settle`).  Raises as `key` does, and what
        `told` raises: then the old key stays.
        """
        await self.key(job)
        before = self._enrolled()
        return await self._change(job, level or before.level, token, before.id, told)

    async def replace(self, job: Job, level: Level | None, token: str | None, told: Told) -> About:
        """Another device in place of one whose key is lost; `told` has the ledger know of it, signed by the new key, before it is used."""
        return await self._change(job, level or self.wanted, token, None, told)

    @property
    def changing(self) -> bool:
        """Whether a change of the key is under way: what then lies there as the next key is no left-over."""
        return self._changing is not None

    async def _change(self, job: Job, level: Level, token: str | None, id: str | None, told: Told) -> About:
        async with self._turn:
            self._changing = asyncio.current_task()
            try:
                return await self._changed(job, level, token, id, told)
            finally:
                self._changing = None

    async def _changed(self, job: Job, level: Level, token: str | None, id: str | None, told: Told) -> About:
        if await asyncio.to_thread(self.waiting) is not None:
            raise ApiError(Code.NOT_ALLOWED, reason="device_change_open")
        fresh = TokenKey(self._inventory)
        try:
            try:
                about, key = await self._make(level, token, job, fresh, id)
            except keyring.KeyringError as error:
                raise unkept(error) from error
            await asyncio.to_thread(store.announce, self.home, about)
            try:
                await told(about, key)
            except Unsettled as unsettled:
                raise unsettled.error from unsettled
            except ApiError:
                await asyncio.to_thread(store.drop, self.home)
                raise
        except BaseException:
            await fresh.close()
            raise
        await asyncio.to_thread(store.adopt, self.home, about)
        old, self._token = self._token, fresh
        self._use(key)
        await old.close()
        log.info("device_key_changed", level=about.level.value, device=about.id)
        return about

    def _enrolled(self) -> About:
        about = self.about
        assert about is not None
        return about

    def waiting(self) -> About | None:
        """A key of which the ledger was about to be told when this agent's predecessor was killed."""
        try:
            return store.pending(self.home)
        except KeyLost:
            store.drop(self.home)
            return None

    def settle(self, adopt: bool) -> None:
        """After a start: take that key, because the ledger was told of it, or drop it."""
        waiting = self.waiting()
        if waiting is not None and adopt:
            store.adopt(self.home, waiting)
            self._key = None
        elif waiting is not None:
            store.drop(self.home)
        log.info("device_key_settled", adopted=adopt)

    async def _enrol(self, level: Level, token: str | None, job: Job | None) -> DeviceKey:
        about, key = await self._make(level, token, job, self._token, None)
        await asyncio.to_thread(store.adopt, self.home, about)
        log.info("device_enrolled", level=level.value, device=about.id)
        return key

    async def _make(self, level: Level, token: str | None, job: Job | None, on: TokenKey, id: str | None) -> tuple[About, DeviceKey]:
        if level is Level.TOKEN:
            if job is None:
                raise ApiError(Code.NOT_ALLOWED, reason="device_key_absent", key=level.value)
            return await on.make(job, token, id)
        if token is not None:
            raise ApiError(Code.USAGE, reason="device_token")
        try:
            return await asyncio.to_thread(store.make, self.home, level, id, _patience(job))
        except OSError as error:
            raise ApiError(Code.OUTPUT_UNWRITABLE, name=str(error.filename or self.home.data), detail=error.strerror or "") from error


def _patience(job: Job | None) -> float:
    """Seconds for the keyring, which may have to ask its owner in a window of its own: longer where somebody is there."""
    return keyring.SECONDS if job is None else keyring.SECONDS_WITH_PERSON


async def _agreed(job: Job) -> bool:
    question: dict[str, Any] = {"kind": "consent", "reason": "device_key_file", "purpose": "device_enrol", "documents": [], "token": None}
    async with job.asker() as asker:
        return await job.unless_cancelled(asker.ask(question)) == "yes"


def lost(error: KeyLost) -> ApiError:
    """What a person is told of a key that cannot be had."""
    if error.reason == "unsafe":
        return ApiError(Code.NOT_ALLOWED, reason="device_key_unsafe", path=error.path)
    if error.reason in ("absent", "locked", "silent", "failed"):
        return ApiError(Code.NOT_ALLOWED, reason="device_key_keyring", why=error.reason)
    return ApiError(Code.NOT_ALLOWED, reason="device_key_lost", why=error.reason, path=error.path)


def unkept(error: keyring.KeyringError) -> ApiError:
    """What a person is told of a keyring that keeps nothing for us."""
    if error.reason == "absent":
        return ApiError(Code.NOT_ALLOWED, reason="device_keyring_absent")
    return ApiError(Code.NOT_ALLOWED, reason="device_keyring_refused", why=error.reason)
