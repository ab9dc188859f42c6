"""A device that writes in two ledgers changes its key: wherever that is cut off, in the end both know one key, and the device has it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from agent.api.errors import ApiError, Code
from agent.api.home import Home
from agent.device import store
from agent.device.key import DeviceKey, Level
from agent.device.renewals import Renewals
from agent.device.scribe import Scribe
from agent.device.service import Device
from agent.device.store import About
from agent.ledger import signed
from agent.ledger.log import Ledger
from agent.store.sqlite import Store

JOB: Any = SimpleNamespace()


class Moody(Ledger):
    """A ledger that refuses, or cannot be reached, when told so."""

    mood: Code | None = None
    after: bool = False
    """Whether the trouble comes when the statement stands already."""

    async def enter(self, raw: bytes, cms: bytes, forget: str | None = None) -> Any:
        if self.mood is not None and not self.after:
            raise ApiError(self.mood)
        receipt = await super().enter(raw, cms, forget)
        if self.mood is not None:
            raise ApiError(self.mood)
        return receipt


class Rig:
    """A device with two ledgers, as an agent puts them together."""

    def __init__(self, home: Home) -> None:
        self.home = home
        self.device = Device(home, None, named=True)  # type: ignore[arg-type]
        self.ledgers = tuple(Moody(Store(home.data / f"{name}.db")) for name in ("first", "second"))
        self.scribes = tuple(Scribe(self.device, ledger) for ledger in self.ledgers)
        self.renewals = Renewals(self.device, self.scribes)

    async def renew(self) -> About:
        return await self.device.renew(JOB, None, None, self.renewals.told)

    async def told(self) -> list[list[str]]:
        """Fingerprints of the keys that signed, and of those that were introduced, in each ledger."""
        out = []
        for ledger in self.ledgers:
            entries = await ledger.statements()
            out.append([entry["body"]["device"]["certificate"] for entry in entries])
        return out

    async def good(self, key: DeviceKey) -> None:
        """The key is the device's, in its files and in both ledgers."""
        assert (await self.device.key()).certificate == key.certificate
        about = store.current(self.home)
        assert about is not None
        assert about.certificate == key.certificate
        assert store.pending(self.home) is None
        assert [certificates[-1] for certificates in await self.told()] == [key.told()["certificate"]] * 2
        assert len(list(self.home.data.glob("device-*.key"))) == 1
        for ledger in self.ledgers:
            receipt = await ledger.append("a.record", {"device": key.told()})  # and what it says counts
            assert receipt.seq


@asynccontextmanager
async def rig(home: Home) -> AsyncIterator[Rig]:
    made = Rig(home)
    try:
        for scribe in made.scribes:
            await scribe.start()  # where a change waits to be settled, it has no say yet
        yield made
    finally:
        for ledger in made.ledgers:
            ledger.mood = None
            await ledger.close()


def runs(test: Callable[[Rig], Awaitable[None]], home: Home) -> None:
    async def run() -> None:
        async with rig(home) as made:
            await test(made)

    asyncio.run(run())


def test_both_are_told_by_the_old_key(place: Home) -> None:
    async def test(rig: Rig) -> None:
        old = await rig.device.key()
        await rig.renew()
        new = await rig.device.key()
        assert new.certificate != old.certificate
        for ledger in rig.ledgers:
            founding = await ledger.founding()
            (renewed,) = await ledger.about(old.id, "device.renewed")
            assert founding is not None
            assert renewed.cms is not None
            assert signed.check(renewed.raw, renewed.cms).certificate == old.certificate
        await rig.good(new)

    runs(test, place)


def test_what_the_first_refuses_changes_nothing(place: Home) -> None:
    async def test(rig: Rig) -> None:
        old = await rig.device.key()
        rig.ledgers[0].mood = Code.NOT_ALLOWED
        with pytest.raises(ApiError):
            await rig.renew()
        rig.ledgers[0].mood = None
        await rig.good(old)

    runs(test, place)


@pytest.mark.parametrize("which", [0, 1])
@pytest.mark.parametrize("stands", [False, True])
@pytest.mark.parametrize("restarted", [False, True])
def test_a_ledger_that_breaks_off_is_settled_later(which: int, stands: bool, restarted: bool, place: Home) -> None:
    """Whether the entry stood there already, nobody could tell: what stands decides, and the others are told."""
    before: list[bytes] = []

    async def breaks(rig: Rig) -> None:
        before.append((await rig.device.key()).certificate)
        rig.ledgers[which].mood, rig.ledgers[which].after = Code.STORE_UNREACHABLE, stands
        with pytest.raises(ApiError) as error:
            await rig.renew()
        assert error.value.code is Code.STORE_UNREACHABLE
        with pytest.raises(ApiError) as error:  # not two changes at a time
            await rig.renew()
        assert error.value.facts["reason"] == "device_change_open"
        rig.ledgers[which].mood = None
        if not restarted:
            await settled(rig)

    async def settled(rig: Rig) -> None:
        await rig.renewals.settle()
        now = await rig.device.key()
        assert (now.certificate == before[0]) is (which == 0 and not stands)
        await rig.good(now)
        await rig.renewals.settle()
        await rig.renew()

    runs(breaks, place)
    if restarted:
        runs(settled, place)


def test_another_device_after_a_loss_introduces_itself(place: Home) -> None:
    async def lose(rig: Rig) -> None:
        await rig.device.key()

    runs(lose, place)
    for path in place.data.glob("device-*.key"):
        path.unlink()

    async def replace(rig: Rig) -> None:
        about = await rig.device.replace(JOB, Level.FILE, None, rig.renewals.told)
        for ledger in rig.ledgers:
            (entry,) = await ledger.about(about.id, "device.enrolled")
            assert entry.cms is not None
            assert signed.check(entry.raw, entry.cms).certificate == about.certificate
        await rig.good(await rig.device.key())

    async def run() -> None:
        made = Rig(place)
        for scribe in made.scribes:
            assert not await scribe.start()  # the key is lost
        await replace(made)
        for ledger in made.ledgers:
            await ledger.close()

    asyncio.run(run())


def test_an_old_copy_of_the_files_records_nothing(place: Home) -> None:
    kept: dict[str, bytes] = {}

    async def first(rig: Rig) -> None:
        await rig.device.key()
        for path in (*place.data.glob("device-*.key"), place.config / "device.json"):
            kept[str(path)] = path.read_bytes()
        await rig.renew()

    runs(first, place)
    for name, data in kept.items():
        Path(name).write_bytes(data)
        Path(name).chmod(0o600)

    async def again() -> None:
        made = Rig(place)
        assert not await made.scribes[0].start()
        with pytest.raises(ApiError) as error:
            await made.ledgers[0].append("a.record", {})
        assert error.value.facts["reason"] == "device_key_other"
        for ledger in made.ledgers:
            await ledger.close()

    asyncio.run(again())


def test_whoever_settles_leaves_a_change_under_way_alone(place: Home) -> None:
    """Two renewals at once: each begins by settling what was cut off, and the other's change is not that."""

    async def test(rig: Rig) -> None:
        old = await rig.device.key()

        async def told(about: About, key: DeviceKey) -> None:
            await rig.renewals.settle()
            await rig.renewals.told(about, key)

        await rig.device.renew(JOB, None, None, told)
        new = await rig.device.key()
        assert new.certificate != old.certificate
        await rig.good(new)

    runs(test, place)


def test_a_token_pulled_under_the_change_stops_it_and_nothing_waits_for_ever(place: Home) -> None:
    async def test(rig: Rig) -> None:
        old = await rig.device.key()

        async def told(about: About, key: DeviceKey) -> None:
            rig.device._on_token = True  # as if the old key lay on one, which is gone now
            await rig.renewals.told(about, key)

        with pytest.raises(ApiError) as error:
            await rig.device.renew(JOB, None, None, told)
        assert error.value.facts["reason"] == "device_key_token"
        rig.device._on_token = False
        await rig.good(old)

    runs(test, place)


def test_what_somebody_wrote_into_the_database_is_not_taken_for_the_devices_word(place: Home) -> None:
    async def test(rig: Rig) -> None:
        old = await rig.device.key()
        about, _ = store.make(place, Level.FILE, old.id)
        (first, _) = rig.ledgers
        first.pen = None  # not signed
        for device in (about.told(), {"id": old.id}, {"id": old.id, "certificate": 7}):
            await first.append("device.renewed", {"device": device})
        assert await rig.scribes[0].knows(about) is False
        store.destroy(place, about)

    runs(test, place)
