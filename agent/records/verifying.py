"""A full check on all processors: workers look at entries by themselves, and what they say is taken in order.

Nothing is held in memory but a few hundred entries at a time, and the numbers and ids of those that were seen.
"""

import asyncio
import contextlib
import os
import time
from array import array
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from itertools import islice
from typing import BinaryIO, Final

import sqlalchemy as sa

from agent.ledger.checking import Claim, Examined, Finding, Judge, Report, Row, Run, examine
from agent.ledger.dump import Dump, Opening
from agent.ledger.entry import Head
from agent.ledger.log import Ledger
from agent.records import listing
from agent.records.worker import unpack
from agent.verification.service import Checker
from tokens.wire import MESSAGE_MAX, to_text

_CHUNK: Final = 200
"""Entries that go to a worker at once."""
_HEAVY: Final = MESSAGE_MAX // 4
"""Bytes of a chunk beyond which its entries are looked at here: they would not fit in a message."""
_SECONDS: Final = 300.0
_AHEAD: Final = 2
"""Chunks under way for each worker."""

Items = Sequence[Row | None]
"""Entries in order; None for a line of a file that is none."""
Told = Callable[[int], None]


async def check_ledger(ledger: Ledger, head: Head, run: Run, told: Told) -> Report:
    """Check what a store holds, up to its head; `told` hears how many entries are done.  Raises `ApiError` (store_unreachable)."""

    drawn = array("q")

    async def pages() -> AsyncIterator[Items]:
        after = -1
        while True:
            rows, misdrawn = await ledger.read(lambda connection, after=after: _page(connection, after, head.size))  # type: ignore[misc]
            if not rows:
                return
            drawn.extend(misdrawn)
            yield rows
            after = rows[-1].seq

    await _take(pages(), run, told)
    named = run.named()
    for seq in drawn:
        if seq not in named:  # what is wrong with the entry itself explains it
            run.say(Finding("drawn", seq))
    size, rows = await ledger.read(listing.beyond)
    if rows > size:
        run.say(Finding("head", size, rows - 1 if rows - 1 > size else None, facts={"size": size}))
    return await asyncio.to_thread(run.finish, head)


def _page(connection: sa.Connection, after: int, size: int) -> tuple[list[Row], list[int]]:
    rows = listing.some_rows(connection, after, size, _CHUNK)
    return rows, listing.misdrawn(connection, rows)


async def check_file(
    file: BinaryIO, claims: Callable[[Opening | None], Sequence[Claim]], fold: Judge | None, told: Callable[[int, int], None]
) -> tuple[Report, Run]:
    """Check an exported ledger against `claims` too; `told` hears how many entries of how many are done."""
    found = await asyncio.to_thread(Dump, file)
    run = Run([*found.claims(), *claims(found.opening)], fold)
    total = found.opening.head.size if found.opening else 0
    rows = found.rows()

    async def pages() -> AsyncIterator[Items]:
        while items := await asyncio.to_thread(_some, rows):
            yield items

    await _take(pages(), run, lambda done: told(done, max(total, done)))
    return await asyncio.to_thread(found.finish, run), run


def _some(rows: Iterator[Row | None]) -> Items:
    return list(islice(rows, _CHUNK))


async def _take(pages: AsyncIterator[Items], run: Run, told: Told) -> None:
    """Have each entry looked at by a worker, some chunks ahead, and take them in order."""
    async with _crew() as crew:
        under_way: deque[tuple[Items, asyncio.Task[list[Examined]]]] = deque()
        try:
            async for items in pages:
                under_way.append((items, asyncio.create_task(crew.examine(items))))
                if len(under_way) >= crew.size * _AHEAD:
                    await _settle(under_way.popleft(), run, told)
            while under_way:
                await _settle(under_way.popleft(), run, told)
        finally:
            for _, task in under_way:
                task.cancel()
            await asyncio.gather(*(task for _, task in under_way), return_exceptions=True)


async def _settle(chunk: tuple[Items, asyncio.Task[list[Examined]]], run: Run, told: Told) -> None:
    items, task = chunk
    seen = await task

    def take() -> None:
        found = iter(seen)
        for row in items:
            if row is None:
                run.unreadable()
            else:
                run.take(row, next(found))

    await asyncio.to_thread(take)
    told(run.entries)


class _Crew:
    """The workers, one for each processor."""

    def __init__(self, workers: Sequence[Checker]) -> None:
        self._free: asyncio.Queue[Checker] = asyncio.Queue()
        self.size = len(workers)
        for worker in workers:
            self._free.put_nowait(worker)

    async def examine(self, items: Items) -> list[Examined]:
        """What each entry shows by itself."""
        rows = [row for row in items if row is not None]
        if sum(len(row.raw) + len(row.cms or b"") for row in rows) > _HEAVY:
            return await asyncio.to_thread(lambda: [examine(row.raw, row.cms) for row in rows])
        packed = [[to_text(row.raw), None if row.cms is None else to_text(row.cms)] for row in rows]
        worker = await self._free.get()
        try:
            reply = await worker.call("examine", {"rows": packed}, _SECONDS)
        finally:
            self._free.put_nowait(worker)
        return [unpack(each) for each in reply["result"]["seen"]]


@contextlib.asynccontextmanager
async def _crew() -> AsyncIterator[_Crew]:
    """Workers, started now and ended at the end."""
    started: list[Checker] = []
    try:
        starting = await asyncio.gather(*(Checker.start("agent.records.worker") for _ in range(os.cpu_count() or 1)), return_exceptions=True)
        started = [each for each in starting if isinstance(each, Checker)]
        for each in starting:
            if isinstance(each, BaseException):
                raise each
        yield _Crew(started)
    finally:
        for worker in started:
            await worker.close()


def pace(begin: float) -> Callable[[int], float | None]:
    """Entries a second since `begin` (time.monotonic), once that means something."""

    def rate(done: int) -> float | None:
        seconds = time.monotonic() - begin
        return done / seconds if seconds > 0.5 and done else None

    return rate
