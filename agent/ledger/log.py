"""Appending to the log, and the journal of closed sets: intent before the token is touched, outcome after, once.

Commits are grouped: whatever documents reach a durable point while one commit is being written share the next one.
"""

import asyncio
import hashlib
import json
import os
import stat
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeAlias

import rfc8785
import sqlalchemy as sa

from agent.ledger import merkle
from agent.store.sqlite import Store, entries, journal

_EDGE_ITEM = 32
_NOTE = journal.insert().prefix_with("OR REPLACE")
_Write: TypeAlias = Callable[[sa.Connection], None] | dict[str, Any]
"""Something to do in the next commit: a function, or a row of the journal."""


@dataclass(frozen=True, slots=True)
class Head:
    """Size and root of the log."""

    size: int
    root: bytes


@dataclass(frozen=True, slots=True)
class OpenSet:
    """A closed set that was started and has no outcome: its opening statement and how far each document came."""

    statement: Mapping[str, Any]
    publishing: Mapping[int, str]
    """SHA-256 (hex) of each document that was about to appear."""
    attributes: Mapping[int, str]
    """SHA-256 (hex) of what the token was asked to sign."""


class Ledger:
    """The log of one home; one writing thread."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._writer = ThreadPoolExecutor(1, "ledger")
        self._pending: list[tuple[_Write, asyncio.Future[None]]] = []
        self._flushing: asyncio.Task[None] | None = None

    async def close(self) -> None:
        """Write what is pending and close the store."""
        if self._flushing:
            await self._flushing
        self._writer.shutdown(wait=True)
        self._store.close()

    async def append(self, kind: str, body: Mapping[str, Any], forget: str | None = None) -> None:
        """Append one statement durably; `forget` names a batch whose journal rows go in the same transaction."""
        at = datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
        statement = rfc8785.dumps({"v": 1, "type": kind, "at": at, "body": dict(body)})

        def write(connection: sa.Connection) -> None:
            _append(connection, statement)
            if forget is not None:
                connection.execute(journal.delete().where(journal.c.batch == forget))

        await self._durably(write)

    async def note(self, batch: str, n: int, step: str, facts: bytes) -> None:
        """Record durably that document `n` of a batch reached a step ("attributes": about to be signed; "publishing": about to appear;
        "staged": `facts` is a folder in which it lies under a hidden name)."""
        await self._durably({"batch": batch, "n": n, "step": step, "facts": facts})

    async def head(self) -> Head:
        """Size and root now."""
        return await asyncio.get_running_loop().run_in_executor(self._writer, self._head)

    def _head(self) -> Head:
        with self._store.begin() as connection:
            size, edge = _edge(connection)
        return Head(size, merkle.root(edge))

    async def newest(self) -> datetime | None:
        """When the last statement was entered, by the clock of that moment; None where the log is empty."""

        def read() -> bytes | None:
            with self._store.begin() as connection:
                return connection.execute(sa.select(entries.c.statement).order_by(entries.c.seq.desc()).limit(1)).scalar()

        raw = await asyncio.get_running_loop().run_in_executor(self._writer, read)
        return None if raw is None else datetime.fromisoformat(json.loads(raw)["at"])

    async def statements(self, holding: str = "") -> list[dict[str, Any]]:
        """The statements in order, parsed: all, or those whose canonical JSON holds a text."""
        wanted = sa.select(entries.c.statement).order_by(entries.c.seq)
        if holding:
            wanted = wanted.where(sa.func.instr(entries.c.statement, holding.encode()) > 0)

        def read() -> list[bytes]:
            with self._store.begin() as connection:
                return [row.statement for row in connection.execute(wanted)]

        return [json.loads(raw) for raw in await asyncio.get_running_loop().run_in_executor(self._writer, read)]

    async def open_sets(self) -> list[OpenSet]:
        """Sets that a killed agent left open, found at start."""

        finished, started = set(), {}
        for statement in await self.statements():
            if statement["type"] == "signature.finished":
                finished.add(statement["body"]["batch"])
            elif statement["type"] == "signature.started":
                started[statement["body"]["batch"]] = statement

        def read() -> list[Any]:
            with self._store.begin() as connection:
                return list(connection.execute(sa.select(journal).where(journal.c.step.in_(("publishing", "attributes")))))

        rows = await asyncio.get_running_loop().run_in_executor(self._writer, read)
        return [
            OpenSet(
                statement,
                {row.n: row.facts.decode() for row in rows if (row.batch, row.step) == (batch, "publishing")},
                {row.n: hashlib.sha256(row.facts).hexdigest() for row in rows if (row.batch, row.step) == (batch, "attributes")},
            )
            for batch, statement in started.items()
            if batch not in finished
        ]

    async def staged(self) -> list[tuple[str, bytes]]:
        """Batch and folder of what lies, or lay, under hidden names."""

        def read() -> list[Any]:
            with self._store.begin() as connection:
                return list(connection.execute(sa.select(journal.c.batch, journal.c.facts).where(journal.c.step == "staged")))

        return [(row.batch, row.facts) for row in await asyncio.get_running_loop().run_in_executor(self._writer, read)]

    async def swept(self, batch: str) -> None:
        """Nothing of this batch lies under hidden names any more."""
        await self._durably(lambda connection: _delete_staged(connection, batch))

    async def _durably(self, write: _Write) -> None:
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._pending.append((write, done))
        if self._flushing is None or self._flushing.done():
            self._flushing = asyncio.create_task(self._flush())
        await done

    async def _flush(self) -> None:
        while self._pending:
            group, self._pending = self._pending, []
            try:
                await asyncio.get_running_loop().run_in_executor(self._writer, self._commit, [write for write, _ in group])
            except Exception as error:  # noqa: BLE001 - whoever waits gets it
                for _, done in group:
                    if not done.done():
                        done.set_exception(error)
            else:
                for _, done in group:
                    if not done.done():
                        done.set_result(None)

    def _commit(self, writes: list[_Write]) -> None:
        """Journal rows first and all at once: a statement of the same group may end the batch they belong to."""
        rows = [write for write in writes if isinstance(write, dict)]
        with self._store.begin() as connection:
            if rows:
                connection.execute(_NOTE, rows)
            for write in writes:
                if not isinstance(write, dict):
                    write(connection)


def _edge(connection: sa.Connection) -> tuple[int, tuple[bytes, ...]]:
    row = connection.execute(sa.select(entries.c.seq, entries.c.edge).order_by(entries.c.seq.desc()).limit(1)).first()
    if row is None:
        return 0, ()
    return row.seq + 1, tuple(row.edge[i : i + _EDGE_ITEM] for i in range(0, len(row.edge), _EDGE_ITEM))


def _append(connection: sa.Connection, statement: bytes) -> None:
    size, edge = _edge(connection)
    leaf = merkle.leaf_hash(statement)
    after = merkle.append(edge, size, leaf)
    connection.execute(entries.insert(), {"seq": size, "statement": statement, "leaf": leaf, "edge": b"".join(after)})


def _delete_staged(connection: sa.Connection, batch: str) -> None:
    connection.execute(journal.delete().where(journal.c.batch == batch, journal.c.step == "staged"))


def digest_of(path: str | bytes) -> str | None:
    """SHA-256 (hex) of a file's present content; None where it cannot be read."""
    try:
        with open(path, "rb", opener=lambda p, f: os.open(p, f | os.O_NONBLOCK)) as source:  # a pipe in its place must not hold us up
            return hashlib.file_digest(source, "sha256").hexdigest() if stat.S_ISREG(os.fstat(source.fileno()).st_mode) else None
    except OSError:
        return None
