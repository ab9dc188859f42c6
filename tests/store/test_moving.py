"""A ledger that moves to a shared database: whole or not at all, and only where the same ledger is, or none."""

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
import sqlalchemy as sa

from agent.api.errors import ApiError
from agent.ledger.checking import Row
from agent.ledger.log import Ledger
from agent.ledger.moving import move
from agent.ledger.writer import Entering
from agent.store import address, postgres, sqlite
from agent.store.tables import acts, entries, head
from tests.databases import Cluster
from tests.ledger.ledgers import Book
from tests.store import old
from tests.store.say import say, started


@pytest.fixture
def target(cluster: Cluster) -> Callable[[], postgres.Store]:
    url = address.parse(cluster.url(cluster.database()))
    return lambda: postgres.Store(url)


def written(store: "postgres.Store | sqlite.Store", rows: Sequence[Row]) -> None:
    """A store with these entries."""

    async def run() -> None:
        ledger = Ledger(store)
        for row in rows:
            if row.cms is not None:
                await ledger.enter(row.raw, row.cms)
            else:
                await ledger._do(Entering(((row.raw, None),)))
        await ledger.close()

    asyncio.run(run())


def stands(store: "postgres.Store | sqlite.Store") -> tuple[list[tuple[object, ...]], ...]:
    """Everything that is the ledger, or is drawn from it."""
    with store.read() as connection:
        found = [[tuple(row) for row in connection.execute(sa.select(table).order_by(*table.primary_key))] for table in (entries, head, acts)]
    store.close()
    return tuple(found)


@pytest.fixture
def book() -> Book:
    """A ledger with entries of 0.2 before its founding, and names that are hard to write."""
    made = Book(legacy=old.statements(5)[:4])
    for n in range(9):
        made.say("test.said", {"n": n, "name": "图纸\u202e\u0000\u007f𝔘.pdf"})
    return made


@pytest.mark.promise(5)
def test_an_empty_database_gets_a_copy_bit_for_bit_and_the_old_place_takes_nothing_more(
    tmp_path: Path, target: Callable[[], postgres.Store], book: Book
) -> None:
    written(sqlite.Store(tmp_path / "l.db"), book.rows)
    heard: list[tuple[int, int]] = []

    async def run() -> None:
        ledger = Ledger(sqlite.Store(tmp_path / "l.db"))
        there = target()
        moved = await ledger.move(lambda store: move(store, there, lambda done, of: heard.append((done, of))))
        there.close()
        assert moved == book.head
        with pytest.raises(ApiError) as caught:
            await ledger.enter(*say())
        assert caught.value.facts["reason"] == "store_moved"
        await ledger.close()

    asyncio.run(run())
    assert heard[-1] == (len(book.rows), len(book.rows))
    assert stands(target()) == stands(sqlite.Store(tmp_path / "l.db"))

    async def goes_on() -> None:
        ledger = Ledger(target())
        row = book.say("test.said", {"n": 99})
        assert row.cms is not None
        receipt = await ledger.enter(row.raw, row.cms)
        assert (receipt.size, receipt.root) == (book.head.size, book.head.root)
        await ledger.close()

    asyncio.run(goes_on())


@pytest.mark.promise(5)
@pytest.mark.parametrize(("here", "there"), [(13, 9), (9, 13), (13, 13)])
def test_a_database_that_has_the_same_ledger_is_joined_or_completed(
    tmp_path: Path, target: Callable[[], postgres.Store], book: Book, here: int, there: int
) -> None:
    written(sqlite.Store(tmp_path / "l.db"), book.rows[:here])
    written(target(), book.rows[:there])
    source, shared = sqlite.Store(tmp_path / "l.db"), target()
    assert move(source, shared, lambda done, of: None).size == 13
    source.close()
    shared.close()
    written(sqlite.Store(tmp_path / "whole.db"), book.rows[:13])
    assert stands(target()) == stands(sqlite.Store(tmp_path / "whole.db"))


def damage_statement(connection: sa.Connection) -> None:
    connection.execute(entries.update().where(entries.c.seq == 7).values(statement=b"{}"))


def damage_signature(connection: sa.Connection) -> None:
    connection.execute(entries.update().where(entries.c.seq == 7).values(signature=b"0"))


def damage_missing(connection: sa.Connection) -> None:
    connection.execute(entries.delete().where(entries.c.seq == 7))


def damage_nodes(connection: sa.Connection) -> None:
    connection.execute(entries.update().where(entries.c.seq == 7).values(nodes=bytes(32 * 4)))


@pytest.mark.promise(5)
@pytest.mark.parametrize("damage", [damage_statement, damage_signature, damage_missing, damage_nodes])
def test_a_damaged_ledger_is_not_moved_and_the_entry_named(
    tmp_path: Path, target: Callable[[], postgres.Store], book: Book, damage: Callable[[sa.Connection], None]
) -> None:
    written(sqlite.Store(tmp_path / "l.db"), book.rows)
    source, shared = sqlite.Store(tmp_path / "l.db"), target()
    with source.begin() as connection:
        for what in ("update", "delete"):
            connection.exec_driver_sql(f"DROP TRIGGER entries_no_{what}")
        damage(connection)
    with pytest.raises(ApiError) as caught:
        move(source, shared, lambda done, of: None)
    assert (caught.value.facts["reason"], caught.value.facts["entry"]) == ("store_damaged", 7)
    source.close()
    shared.close()
    assert stands(target())[0] == []


@pytest.mark.promise(5)
def test_another_ledger_or_one_with_a_set_under_way_is_refused(tmp_path: Path, target: Callable[[], postgres.Store], book: Book) -> None:
    written(sqlite.Store(tmp_path / "l.db"), book.rows)
    other = Book(book.by, legacy=old.statements(5)[:4])
    other.say("test.said", {"n": 0})
    written(target(), other.rows)
    source, shared = sqlite.Store(tmp_path / "l.db"), target()
    with pytest.raises(ApiError) as caught:
        move(source, shared, lambda done, of: None)
    assert (caught.value.code, caught.value.facts["reason"], caught.value.facts["entry"]) == ("not_allowed", "store_other", 4)
    source.close()
    shared.close()

    async def run() -> None:
        ledger = Ledger(sqlite.Store(tmp_path / "l.db"))
        await ledger.enter(*started("b"))
        there = target()
        with pytest.raises(ApiError) as caught:
            await ledger.move(lambda store: move(store, there, lambda done, of: None))
        assert caught.value.facts["reason"] == "store_busy"
        there.close()
        await ledger.enter(*say())  # it did not move
        await ledger.close()

    asyncio.run(run())
