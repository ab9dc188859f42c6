"""Changing a device's key: every ledger that it writes in is told first, and a change that was cut off is finished or undone by what they know."""

import asyncio
from collections.abc import Sequence

import structlog

from agent.api.errors import ApiError, Code
from agent.device import store
from agent.device.key import DeviceKey
from agent.device.scribe import Scribe
from agent.device.service import Device, Unsettled
from agent.device.store import About, KeyLost

log = structlog.get_logger()


class Renewals:
    """The changes of one device's key; `scribes` write in its ledgers, the one that may refuse first."""

    def __init__(self, device: Device, scribes: Sequence[Scribe]) -> None:
        self._device, self._scribes = device, tuple(scribes)
        self._turn = asyncio.Lock()

    async def told(self, about: About, key: DeviceKey) -> None:
        """Tell them of the device's next key by the present one's signature, or of a device in place of one whose key is lost by its own.

        Raises `ApiError` where none knows it, `Unsettled` where some may.
        """
        for n, scribe in enumerate(self._scribes):
            try:
                await scribe.introduce(about, key)
            except ApiError as error:
                if n or error.code is Code.STORE_UNREACHABLE:
                    raise Unsettled(error) from error
                raise

    async def settle(self) -> None:
        """Finish or undo a change that was cut off: where one ledger knows the new key the others are told, where none does it is dropped.

        One that is under way is left alone.  Raises `ApiError` where a ledger cannot be asked or told: then both keys stay, and the next start
        tries again.
        """
        async with self._turn:
            if not self._device.changing:
                await self._settle()

    async def _settle(self) -> None:
        waiting = await asyncio.to_thread(self._device.waiting)
        if waiting is None:
            return
        knows = [await scribe.knows(waiting) for scribe in self._scribes]
        if any(knows) and False in knows:
            try:
                key = await asyncio.to_thread(store.load, self._device.home, waiting) if not waiting.on_token else None
            except KeyLost:
                key = None
            for scribe, known in zip(self._scribes, knows, strict=True):
                if known is False:
                    await scribe.introduce(waiting, key)
        await asyncio.to_thread(self._device.settle, any(knows))
