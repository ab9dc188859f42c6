"""A ledger on a real SQLite file, filled with really signed statements."""

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

from agent.ledger.log import Ledger
from agent.store.sqlite import Store
from tests.ledger.ledgers import Book, book

T = TypeVar("T")


async def filled(path: Path, made: Book) -> Ledger:
    """An open ledger with the entries of a book."""
    ledger = Ledger(Store(path))
    await ledger.enter_all([(row.raw, row.cms) for row in made.rows if row.cms is not None])
    return ledger


def within(path: Path, made: Book | None, work: Callable[[Ledger], Awaitable[T]]) -> T:
    """What `work` gives, done with the ledger at `path`, filled with a book first where one is given."""

    async def run() -> T:
        ledger = await filled(path, made) if made is not None else Ledger(Store(path))
        try:
            return await work(ledger)
        finally:
            await ledger.close()

    return asyncio.run(run())


def meddle(path: Path, *statements: tuple[str, tuple[Any, ...]]) -> None:
    """What somebody does who may write the database."""
    connection = sqlite3.connect(path)
    with connection:
        for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            connection.execute(f'DROP TRIGGER "{name}"')
        for statement, values in statements:
            connection.execute(statement, values)
    connection.close()


__all__ = ["Book", "book", "filled", "meddle", "within"]
