"""A part of `make bench`: appending to a long log beside a short one.

append_1m             appending to a ledger of 1,000,000 entries beside one of 1,000, in turns on the same disk, medians in µs; goal 1.5
append_1m_postgresql  the same in a private PostgreSQL (left out where its programs are not installed)
fsyncs                flushes to the disk (fsync, fdatasync, as strace counts them in the whole agent) for each of 1,000 documents of a set, those
                      of the documents themselves among them, beside one for each document (no goal)
"""

import asyncio
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import sqlalchemy as sa

from agent.ledger import acts, merkle
from agent.ledger.entry import Entry
from agent.ledger.log import Ledger
from agent.ledger.statement import make
from agent.store import address, postgres, sqlite
from agent.store.store import Store
from agent.store.tables import acts as acts_table
from agent.store.tables import entries, head, snapshots
from tests import databases

LONG, SHORT = 1_000_000, 1_000
_PAGE = 10_000
_ROUNDS, _EACH = 12, 40
_CMS = bytes(1100)
"""As long as a statement's signature; the log looks at none."""
T = TypeVar("T")


def figures(folder: Path, figure: Callable[[str, float, float, str, float], T], count: int = LONG) -> Iterator[T]:
    """The figures; `count` is smaller for a quick look."""
    for kind, opens in _stores(folder):
        stores = [opens("long"), opens("short")]
        for store, size in zip(stores, (count, SHORT), strict=True):
            _fill(store, size)
        long, short = asyncio.run(_in_turns(stores))
        yield figure(f"append_1m{kind}", 1e6 * statistics.median(long), 1e6 * statistics.median(short), "µs", 1.5)


def _stores(folder: Path) -> Iterator[tuple[str, Callable[[str], Store]]]:
    yield "", lambda name: sqlite.Store(folder / f"{name}.db")
    server = databases.cluster()
    if server is None:
        return
    try:
        with server.connect() as connection:
            connection.execute("ALTER SYSTEM SET fsync = on")
            connection.execute("ALTER SYSTEM SET max_wal_size = '4GB'")
            connection.execute("SELECT pg_reload_conf()")
        yield "_postgresql", lambda name: postgres.Store(address.parse(server.url(server.database())))
    finally:
        databases.end(server)


def _fill(store: Store, count: int) -> None:
    """A log of so many entries, closed sets one after another, entered as quickly as tables can be filled."""
    edge: tuple[bytes, ...] = ()
    for start in range(0, count, _PAGE):
        rows, drawn = [], []
        for seq in range(start, min(start + _PAGE, count)):
            kind = acts.FINISHED if seq % 2 else acts.STARTED
            documents = [{"n": 0, "input": f"file:///srv/%E5%9B%BE%E7%BA%B8/A-{seq:07}.pdf", "sha256": "00" * 32}]
            said = make(kind, {"batch": f"{seq // 2:016x}", "documents": documents, "salt": f"{seq:064x}"}, org="ab" * 32, device="W" + "0" * 20)
            raw = said.canonical()
            edge, nodes = merkle.grow(edge, seq, merkle.leaf_hash(raw))
            rows.append({"seq": seq, "id": said.id, "statement": raw, "signature": _CMS, "nodes": b"".join(nodes)})
            drawn.append(acts.act_of(Entry(seq, raw, _CMS)))
        with store.begin() as connection:
            connection.execute(entries.insert(), rows)
            connection.execute(acts_table.insert(), drawn)
            connection.execute(head.update().values(size=start + len(rows), edge=b"".join(edge)))
    with store.begin() as connection:
        connection.execute(snapshots.insert(), {"name": "acts", "version": acts.VERSION, "size": 0})
    if store.kind == "postgresql":
        with store.begin() as connection:
            connection.execute(sa.text("RESET ROLE"))
            connection.execute(sa.text("ANALYZE"))


async def _in_turns(stores: list[Store]) -> list[list[float]]:
    ledgers = [Ledger(store) for store in stores]
    found: list[list[float]] = [[] for _ in ledgers]
    for turn in range(_ROUNDS):
        for ledger, times in zip(ledgers, found, strict=True):
            for n in range(_EACH):
                raw = make("attempt.denied", {"n": n, "turn": turn}, org="ab" * 32, device="W" + "0" * 20).canonical()
                began = time.perf_counter()
                await ledger.enter(raw, _CMS)
                if turn:  # the first is for warming up
                    times.append(time.perf_counter() - began)
    for ledger in ledgers:
        await ledger.close()
    return found
