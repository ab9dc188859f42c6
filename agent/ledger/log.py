"""Appending to the log, and the journal of closed sets: intent before the token is touched, outcome after, once.

Commits are grouped: whatever statements and documents reach a durable point while one commit is being written share the next one.
"""

import asyncio
import functools
import hashlib
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any, TypeVar

import rfc8785
import sqlalchemy as sa

from agent.api.errors import ApiError, Code
from agent.ledger import journal
from agent.ledger.entry import Entry, Fold, Head, Pen, Receipt
from agent.ledger.journal import OpenSet, digest_of
from agent.ledger.notes import NoteKey
from agent.ledger.writer import Entering, Noting, Outcome, Write, Writer
from agent.store.store import Store
from agent.store.tables import acts, entries, head

__all__ = ["Entry", "Fold", "Head", "Ledger", "OpenSet", "Pen", "Receipt", "digest_of"]
T = TypeVar("T")


class Ledger:
    """One log; one writing thread, readers beside it."""

    def __init__(self, store: Store, *, fold: Fold | None = None, pen: Pen | None = None, agent: str | None = None) -> None:
        self._store = store
        self._writer = Writer(store, fold)
        self._thread = ThreadPoolExecutor(1, "ledger")
        self._pending: list[tuple[Write, asyncio.Future[Outcome]]] = []
        self._flushing: asyncio.Task[None] | None = None
        self._ready: asyncio.Task[None] | None = None
        self.pen = pen
        """Signs what this device records; without one, records are unsigned as in 0.2."""
        self.trouble: ApiError | None = None
        """Why nothing may be entered: this is not the ledger that this computer remembers.  Reading goes on."""
        self.agent = agent
        """Whose sets are ours, where several agents share the log: the device's id."""
        self.pinned: Callable[[], str | None] = lambda: None
        """SHA-256 (hex) of the statement that founded this ledger, as it is known outside the store; None where it is not."""
        self.note_key: NoteKey | None = None
        """By what this home's notes in the journal are known again."""

    @property
    def store(self) -> Store:
        """Where it stands, to be read from (`Store.read`) by whoever lists, proves and exports."""
        return self._store

    @property
    def fold(self) -> Fold | None:
        """The state that the log leads to, as far as it was read (`read_on` reads what others appended)."""
        return self._writer.fold

    @property
    def on_head(self) -> Callable[[Head], None] | None:
        """Called in the writing thread after each commit that entered something, and after others' entries were read."""
        return self._writer.on_head

    @on_head.setter
    def on_head(self, told: Callable[[Head], None] | None) -> None:
        self._writer.on_head = told

    async def judge_by(self, fold: Fold) -> Head:
        """Put every entry, from the first, to these rules, and whatever is appended from now on; raises `ApiError`."""
        await self._opened()
        await self._on_thread(lambda: self._writer.judge_by(fold))
        return await self.read_on()

    async def close(self) -> None:
        """Write what is pending and close the store."""
        if self._flushing:
            await self._flushing
        await asyncio.to_thread(self._thread.shutdown)  # it may be waiting for a database that is away
        self._store.close()

    async def enter(self, raw: bytes, cms: bytes, forget: str | None = None) -> Receipt:
        """Append a signed statement durably; one that stands there already is not entered twice: its receipt is given again.

        `forget` names a batch whose journal rows go in the same transaction.  Raises `ApiError`: as the fold refuses it (nothing is entered),
        store_unreachable (nothing is entered, or nobody can tell: the next try with the same statement finds out).
        """
        (receipt,) = await self._do(Entering(((raw, cms),), forget))
        return receipt

    async def enter_all(self, statements: Sequence[tuple[bytes, bytes]]) -> tuple[Receipt, ...]:
        """Append several, all or none, as `enter` does."""
        return await self._do(Entering(tuple(statements)))

    async def append(self, kind: str, body: Mapping[str, Any], forget: str | None = None) -> Receipt:
        """Record something that this device saw: a statement of its own, signed by the pen, entered as `enter` does."""
        if self.pen is not None:
            raw, cms = await self.pen(kind, body)
            return await self.enter(raw, cms, forget)
        at = datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
        (receipt,) = await self._do(Entering(((rfc8785.dumps({"v": 1, "type": kind, "at": at, "body": dict(body)}), None),), forget))
        return receipt

    async def note(self, batch: str, n: int, step: str, facts: bytes) -> None:
        """Record durably that document `n` of a batch reached a step ("attributes": about to be signed; "publishing": about to appear;
        "staged": `facts` is a folder in which it lies under a hidden name)."""
        if self.note_key is not None and step in ("attributes", "publishing"):
            facts = self.note_key.close(batch, n, step, facts)
        await self._do(Noting({"batch": batch, "n": n, "step": step, "facts": facts, "agent": self.agent or ""}))

    async def swept(self, batch: str) -> None:
        """Nothing of this batch lies under hidden names any more."""
        await self._do(functools.partial(journal.swept, batch=batch))

    async def read_on(self) -> Head:
        """Read, and fold, what others appended since; raises `ApiError` (store_unreachable: ledger_smaller, ledger_forked)."""
        await self._opened()
        return await self._on_thread(self._writer.read_on)

    head = read_on
    """Size and root now."""

    async def rebuild(self) -> None:
        """Draw anew whatever is drawn from the log."""
        await self._on_thread(lambda: self._writer.draw_anew(whole=True))

    async def move(self, moving: Callable[[Store], T]) -> T:
        """Have a function move the ledger to another store; nothing is appended meanwhile, nor here ever after.  Raises what it raises."""
        await self._opened()

        def move() -> T:
            done = moving(self._store)
            self._writer.moved = True
            return done

        return await self._on_thread(move)

    async def newest(self) -> datetime | None:
        """When the last statement was entered, by the clock of that moment; None where the log is empty."""
        wanted = sa.select(entries.c.statement).order_by(entries.c.seq.desc()).limit(1)
        raw = await self.read(lambda connection: connection.execute(wanted).scalar())
        return None if raw is None else datetime.fromisoformat(Entry(0, raw, None).statement["at"])

    async def founding(self) -> Entry | None:
        """The first statement that is signed: the one that founded this log.

        Raises `ApiError` (store_unreachable, reason ledger_other) where it is not the one that is known outside the store.
        """
        wanted = sa.select(entries).where(entries.c.signature.is_not(None), _within()).order_by(entries.c.seq).limit(1)
        row = await self.read(lambda connection: connection.execute(wanted).first())
        known = self.pinned()
        if known is not None and (row is None or hashlib.sha256(row.statement).hexdigest() != known):
            raise self.trouble or ApiError(Code.STORE_UNREACHABLE, reason="ledger_other", path=self._store.name)
        return None if row is None else Entry(row.seq, row.statement, row.signature)

    async def statements(self, holding: str = "") -> list[dict[str, Any]]:
        """The statements in order, parsed: all, or those whose canonical JSON holds a text.  Reads the whole log: `about` does not."""
        part = holding.encode()

        def read(connection: sa.Connection) -> list[dict[str, Any]]:
            rows = connection.execute(sa.select(entries.c.statement).order_by(entries.c.seq), execution_options={"yield_per": 500})
            return [Entry(0, row.statement, None).statement for row in rows if part in row.statement]

        return await self.read(read)

    async def about(self, name: str, *kinds: str) -> list[Entry]:
        """The entries about one thing (a closed set with all attempts at it, a person, a device…), in order; of these types, where some are named."""
        wanted = sa.select(entries).join(acts, acts.c.seq == entries.c.seq).where(acts.c.object == name, _within()).order_by(entries.c.seq)
        if kinds:
            wanted = wanted.where(acts.c.type.in_(kinds))
        return await self.read(lambda connection: [Entry(row.seq, row.statement, row.signature) for row in connection.execute(wanted)])

    async def witnessed(self, blind: bytes) -> Entry | None:
        """The entry that documents with this blind value were signed under."""
        wanted = sa.select(entries).join(acts, acts.c.seq == entries.c.seq).where(acts.c.blind == blind, _within()).limit(1)
        row = await self.read(lambda connection: connection.execute(wanted).first())
        return None if row is None else Entry(row.seq, row.statement, row.signature)

    async def open_sets(self) -> list[OpenSet]:
        """Sets that a killed agent left open, found at start."""
        return await self.read(lambda connection: journal.open_sets(connection, self.agent, self.note_key))

    async def staged(self) -> list[tuple[str, bytes]]:
        """Batch and folder of what lies, or lay, under hidden names."""
        return await self.read(lambda connection: journal.staged(connection, self.agent))

    async def read(self, reading: Callable[[sa.Connection], T]) -> T:
        """What a function reads, in one transaction and a thread of its own; raises `ApiError` (store_unreachable)."""
        await self._opened()

        def read() -> T:
            with self._store.read() as connection:
                return reading(connection)

        return await asyncio.to_thread(self._store.again, read)

    async def _do(self, write: Write) -> tuple[Receipt, ...]:
        if self.trouble is not None and isinstance(write, Entering):
            raise self.trouble
        await self._opened()
        done: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self._pending.append((write, done))
        if self._flushing is None or self._flushing.done():
            self._flushing = asyncio.create_task(self._flush())
        outcome = await done
        if isinstance(outcome, ApiError):
            raise outcome
        return outcome

    async def _flush(self) -> None:
        while self._pending:
            group, self._pending = self._pending, []
            try:
                outcomes = await self._on_thread(functools.partial(self._writer.commit, [write for write, _ in group]))
            except Exception as error:  # noqa: BLE001 - whoever waits gets it
                for _, done in group:
                    if not done.done():
                        done.set_exception(error)
            else:
                for (_, done), outcome in zip(group, outcomes, strict=True):
                    if not done.done():
                        done.set_result(outcome)

    async def _opened(self) -> None:
        """What is drawn from the log is up to it, before anybody asks; a failure is told to whoever asks, and tried again."""
        if self._ready is None or (self._ready.done() and (self._ready.cancelled() or self._ready.exception())):
            self._ready = asyncio.create_task(self._on_thread(self._writer.draw_anew))
        if not self._ready.done():
            await asyncio.shield(self._ready)

    async def _on_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)


def _within() -> sa.ColumnElement[bool]:
    """Entries of the log: what somebody put before its first or beyond its last row is none."""
    return sa.and_(entries.c.seq >= 0, entries.c.seq < sa.select(head.c.size).scalar_subquery())
