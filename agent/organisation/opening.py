"""Opening the ledger of the organisation that this home acts in, at the agent's start."""

import asyncio
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import structlog

from agent.api.errors import ApiError, Code
from agent.api.home import Home
from agent.device.scribe import Scribe
from agent.device.service import Device
from agent.ledger.log import Ledger
from agent.ledger.memory import Memory
from agent.organisation import remembered, stores
from agent.records.watch import Watch
from agent.server.jobs import Jobs

log = structlog.get_logger()
_RETRY_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Opened:
    """The organisation's ledger, what writes in it for this device, and what watches it."""

    ledger: Ledger
    scribe: Scribe
    watch: Watch


async def organisation(home: Home, device: Device, memory: Memory) -> Opened | None:
    """The ledger that `store.json` names; None where this home acts in its own.

    Raises `ApiError` (store_unreachable): it cannot be reached, is not the one that was founded with the pinned hash, or is named no more
    although this computer acted in it.  Nothing is ever recorded in another one instead.
    """
    where = stores.chosen(home)
    if where is None:
        if (known := memory.org("organisation")) is not None:
            raise ApiError(Code.STORE_UNREACHABLE, reason="store_settings_gone", org=known)
        return None
    store = await asyncio.to_thread(stores.opened, where)
    about = device.about
    ledger = Ledger(store, agent=None if about is None else about.id)
    try:
        founding = await ledger.founding()
        if founding is None or hashlib.sha256(founding.raw).hexdigest() != where.org:
            raise ApiError(Code.STORE_UNREACHABLE, reason="store_other_organisation", path=where.url, wanted=where.org)
        watch = Watch(memory, "organisation")
        if await watch.look(ledger) is None:
            await ledger.judge_by(await remembered.resumed(kept(home, where.org), where.org, ledger))
            await remembered.remember(kept(home, where.org), where.org, ledger)
        scribe = Scribe(device, ledger)
        await scribe.start()
        return Opened(ledger, scribe, watch)
    except BaseException:
        await ledger.close()
        raise


def kept(home: Home, org: str) -> Path:
    """Where this computer remembers the organisation's state."""
    return home.state / f"state-{org[:16]}.json"


async def until_there(home: Home, device: Device, memory: Memory, jobs: Jobs, stop: Callable[[], None]) -> None:
    """Try again and again to open the organisation's ledger; when it is there and nothing is under way, end this agent: the next one has it."""
    while True:
        await asyncio.sleep(_RETRY_SECONDS)
        try:
            found = await organisation(home, device, memory)
        except ApiError:
            continue
        if found is not None:
            await found.ledger.close()
        if jobs.running:
            continue
        log.info("organisation_reachable")
        stop()
        return
