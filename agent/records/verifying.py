"""A full check on all processors: workers look at entries by themselves, and what they say is taken in order.

Nothing is held in memory but a few hundred entries at a time, and the numbers and ids of those that were seen.
"""

import asyncio
import contextlib
import os
from array import array
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from itertools import islice
from typing import Any, BinaryIO, Final

from agent.ledger.checking import Claim, Examined, Finding, Judge, Report, Row, Run, examine
from agent.ledger.dump import Dump, Opening
from agent.ledger.entry import Head
from agent.ledger.log import Ledger
from agent.records import listing
from agent.records.worker import as_drawn, unpack
from agent.verification.service import Checker
from tokens.wire import MESSAGE_MAX, to_text

_CHUNK: Final = 200
"""Entries that go to a worker at once."""
_HEAVY: Final = MESSAGE_MAX // 4
"""Bytes of a chunk beyond which its entries are looked at here: they would not fit in a message."""
_SECONDS: Final = 300.0
_AHEAD: Final = 4
"""Chunks under way for each worker."""

Items = Sequence[tuple[Row, list[Any] | None] | None]
"""Entries in order, each with what was drawn from it (None in a file); None for a line of a file that is no entry."""
Told = Callable[[int], None]
Seen = tuple[list[Examined], list[int]]
"""What each entry shows by itself, and the numbers of those that were drawn otherwise than they say."""


async def check_ledger(ledger: Ledger, head: Head, run: Run, told: Told) -> Report:
    """Check what a store holds, up to its head; `told` hears how many entries are done.  Raises `ApiError` (store_unreachable)."""

    async def pages() -> AsyncIterator[Items]:
        after = -1
        while rows := await ledger.read(lambda connection, after=after: listing.rows_as_drawn(connection, after, head.size, _CHUNK)):  # type: ignore[misc]
            yield rows
            after = rows[-1][0].seq

    drawn = await _take(pages(), run, told)
    named = run.named()
    for seq in drawn:
        if seq not in named:  # what is wrong with the entry itself explains it
            run.say(Finding("drawn", seq))
    for finding in await ledger.read(listing.beyond):
        run.say(finding)
    if not drawn and not named:  # else it may well follow from what was found
        for seq in await ledger.read(listing.misopened):
            run.say(Finding("drawn", seq))
    return await asyncio.to_thread(run.finish, head)


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
    """The next lines of a file, few where they are long: a hostile one would else fill the memory."""
    found: list[tuple[Row, None] | None] = []
    size = 0
    for row in islice(rows, _CHUNK):
        found.append(None if row is None else (row, None))
        size += 0 if row is None else len(row.raw)
        if size > _HEAVY:
            break
    return found


async def _take(pages: AsyncIterator[Items], run: Run, told: Told) -> Sequence[int]:
    """Have each entry looked at by a worker, some chunks ahead, and take them in order; the entries that were drawn otherwise than they say."""
    drawn = array("q")
    async with _crew() as crew:
        under_way: deque[tuple[Items, asyncio.Task[Seen]]] = deque()
        try:
            async for items in pages:
                under_way.append((items, asyncio.create_task(crew.examine(items))))
                if len(under_way) >= crew.size * _AHEAD:
                    drawn.extend(await _settle(under_way.popleft(), run, told))
            while under_way:
                drawn.extend(await _settle(under_way.popleft(), run, told))
        finally:
            for _, task in under_way:
                task.cancel()
            await asyncio.gather(*(task for _, task in under_way), return_exceptions=True)
    return drawn


async def _settle(chunk: tuple[Items, asyncio.Task["Seen"]], run: Run, told: Told) -> Sequence[int]:
    items, task = chunk
    seen, misdrawn = await task

    def take() -> None:
        found = iter(seen)
        for item in items:
            if item is None:
                run.unreadable()
            else:
                run.take(item[0], next(found))

    await asyncio.to_thread(take)
    told(run.entries)
    return misdrawn


class _Crew:
    """The workers, one for each processor."""

    def __init__(self, workers: Sequence[Checker]) -> None:
        self._free: asyncio.Queue[Checker] = asyncio.Queue()
        self.size = len(workers)
        for worker in (*workers, *workers):  # two requests each: while one is looked at, the next is there already
            self._free.put_nowait(worker)

    async def examine(self, items: Items) -> Seen:
        """What each entry shows by itself, and which were drawn otherwise."""
        found = [item for item in items if item is not None]
        if sum(len(row.raw) + len(row.cms or b"") for row, _ in found) > _HEAVY:
            seen = await asyncio.to_thread(lambda: [examine(row.raw, row.cms) for row, _ in found])
            return seen, [
                row.seq
                for (row, drawn), each in zip(found, seen, strict=True)
                if drawn is not None and each.wrong is None and drawn != as_drawn(row.seq, row.raw, row.cms, each)
            ]
        packed = [[to_text(row.raw), None if row.cms is None else to_text(row.cms), row.seq, drawn] for row, drawn in found]
        worker = await self._free.get()
        try:
            reply = await worker.call("examine", {"rows": packed}, _SECONDS)
        finally:
            self._free.put_nowait(worker)
        return [unpack(each) for each in reply["result"]["seen"]], reply["result"]["misdrawn"]


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
