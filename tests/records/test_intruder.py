"""Somebody who may write the database, against what the ledger tells verification, lists and the next agent (promise 7)."""

import asyncio
import hashlib
import io
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import rfc8785

from agent.api.errors import ApiError
from agent.device.scribe import write
from agent.ledger import acts, dump, merkle
from agent.ledger.checkpoint import Checkpoint
from agent.ledger.entry import Entry
from agent.ledger.log import Ledger
from agent.ledger.memory import Memory
from agent.organisation.fold import Governed
from agent.records import verifying
from agent.records.checks import check
from agent.records.register import Book
from agent.records.watch import Watch
from agent.store.sqlite import Store as File
from agent.store.store import Store
from agent.store.tables import acts as drawn
from agent.store.tables import entries, opened
from tests.ledger.ledgers import book, head_of
from tests.ledger.test_book import DIGEST, Desk, at_a_desk, new_key
from tests.records.shelf import within

pytestmark = pytest.mark.promise(7)
FORGED = hashlib.sha256(b"forged.pdf").hexdigest()


def unsigned(kind: str, body: dict[str, Any]) -> bytes:
    return rfc8785.dumps({"v": 1, "type": kind, "at": "2026-01-01T00:00:00.000000Z", "body": body})


def put(ledger: Ledger, seq: int, raw: bytes, cms: bytes | None = None, **otherwise: Any) -> None:
    """A row past everything, and what lists have of it."""
    with ledger.store.begin() as connection:
        row = {"seq": seq, "id": f"unsigned-{seq}", "statement": raw, "signature": cms, "nodes": merkle.leaf_hash(raw)}
        connection.execute(entries.insert(), row)
        connection.execute(drawn.insert(), {**acts.act_of(Entry(seq, raw, cms)), **otherwise})


def checked(desk: Desk, folder: Path) -> Awaitable[dict[str, Any]]:
    watch = Watch(Memory(folder / "seen.json"))
    return check(desk.ledger, watch, Governed, None, (), None, lambda _done, _total: None)


@pytest.mark.parametrize("seq", [-1, 1, 5])
def test_records_from_before_statements_were_signed_are_not_made_up_later(opens: Callable[[], Store], tmp_path: Path, seq: int) -> None:
    """A document that other software signed is not allowed by an unsigned row that somebody writes, wherever he puts it."""
    forged = tmp_path / "forged.pdf"
    forged.write_bytes(b"forged.pdf")
    documents = [{"n": 0, "state": "published", "sha256": FORGED, "attributes": DIGEST}]

    async def work(desk: Desk) -> None:
        await desk.found()
        put(desk.ledger, seq, unsigned("signature.finished", {"batch": "b", "documents": documents}))
        assert not await desk.book.made_before(str(forged), DIGEST)

    at_a_desk(opens, work)


def test_records_from_before_that_were_altered_count_for_nothing(opens: Callable[[], Store], tmp_path: Path) -> None:
    forged = tmp_path / "forged.pdf"
    forged.write_bytes(b"forged.pdf")

    async def work(desk: Desk) -> None:
        documents = [{"n": 0, "state": "published", "sha256": "00" * 32}]
        await desk.ledger.append("signature.finished", {"batch": "b0", "documents": documents})
        await desk.found()
        other = unsigned("signature.finished", {"batch": "b0", "documents": [{"n": 0, "state": "published", "sha256": FORGED}]})
        with desk.ledger.store.begin() as connection:
            for trigger in ("entries_no_update",) if desk.ledger.store.kind == "sqlite" else ():
                connection.exec_driver_sql(f"DROP TRIGGER {trigger}")
            if desk.ledger.store.kind == "postgresql":
                connection.exec_driver_sql("SET LOCAL ROLE NONE")
                connection.exec_driver_sql("ALTER TABLE entries DISABLE TRIGGER USER")
            connection.execute(entries.update().where(entries.c.seq == 0).values(statement=other))
        assert not await desk.book.made_before(str(forged), None)

    at_a_desk(opens, work)


@pytest.mark.parametrize("seq", [-7, -1])
def test_rows_before_the_first_are_named_and_in_no_list(opens: Callable[[], Store], tmp_path: Path, seq: int) -> None:
    async def work(desk: Desk) -> None:
        await desk.found()
        org = await desk.book.org()
        stranger = Desk(desk.ledger, new_key())
        raw, cms = await write(stranger.key, "home.founded", {"device": stranger.key.told()}, org=None)
        put(desk.ledger, seq, raw, cms)
        assert await desk.book.org() == org
        found = await checked(desk, tmp_path)
        assert found["verdict"] == "failed"
        assert seq in {each["seq"] for each in found["findings"]}

    at_a_desk(opens, work)


def test_what_lists_and_the_next_start_are_told_beside_the_log_is_named(opens: Callable[[], Store], tmp_path: Path) -> None:
    async def work(desk: Desk) -> None:
        await desk.found()
        await desk.start("b1")
        await desk.finish("b1")
        await desk.start("b2")
        assert (await checked(desk, tmp_path))["findings"] == []
        with desk.ledger.store.begin() as connection:
            connection.execute(opened.delete())
            connection.execute(opened.insert(), {"batch": "b1", "seq": 1, "agent": "Wdesk"})
            connection.execute(drawn.insert(), {**acts.act_of(Entry(9, b"{}", None))})
        found = await checked(desk, tmp_path)
        assert [(each["what"], each["seq"]) for each in found["findings"]] == [("drawn", 1), ("drawn", 3), ("drawn", 9)]
        await desk.ledger.rebuild()
        assert (await checked(desk, tmp_path))["findings"] == []

    at_a_desk(opens, work)


def test_a_ledger_founded_by_somebody_else_allows_nothing(opens: Callable[[], Store], tmp_path: Path) -> None:
    """Put in the place of ours, whole and sound in itself: this computer remembers another."""

    async def work(desk: Desk) -> None:
        await desk.found()
        memory = Memory(tmp_path / "seen.json")
        memory.remember("personal", Checkpoint("ab" * 32, 1, bytes(32)))
        watch = Watch(memory)
        trouble = await watch.look(desk.ledger)
        assert trouble is not None
        _, blinded = await _set(desk)
        book = Book(desk.ledger)
        with pytest.raises(ApiError):
            await book.org()
        with pytest.raises(ApiError):
            await book.find(blinded)
        with pytest.raises(ApiError):
            await book.made_before("/a.pdf", DIGEST)

    at_a_desk(opens, work)


async def _set(desk: Desk) -> tuple[Any, bytes]:
    desk.ledger.trouble, kept = None, desk.ledger.trouble
    try:
        return await desk.start("b1")
    finally:
        desk.ledger.trouble = kept


@pytest.mark.parametrize("how", ["swallowed", "altered", "head"])
def test_a_store_that_does_not_keep_what_it_was_given_is_not_written_to(opens: Callable[[], Store], how: str) -> None:
    """A trigger that drops or changes what is entered: the act does not happen, rather than happen unrecorded."""

    async def work(desk: Desk) -> None:
        await desk.found()
        with desk.ledger.store.begin() as connection:
            if desk.ledger.store.kind == "postgresql":
                connection.exec_driver_sql("SET LOCAL ROLE NONE")  # as the owner of the tables: an agent may not
            for command in _TRIGGERS[desk.ledger.store.kind][how]:
                connection.exec_driver_sql(command)
        with pytest.raises(ApiError) as refused:
            await desk.start("b1")
        assert refused.value.facts["reason"] == "store_alters"
        assert (await desk.ledger.head()).size == 1

    at_a_desk(opens, work)


_PG = (
    "CREATE FUNCTION bad() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {body} END $$",
    "CREATE TRIGGER bad BEFORE {what} FOR EACH ROW EXECUTE FUNCTION bad()",
)
_TRIGGERS = {
    "sqlite": {
        "swallowed": ["CREATE TRIGGER bad BEFORE INSERT ON entries BEGIN SELECT RAISE(IGNORE); END"],
        "altered": [
            "DROP TRIGGER entries_no_update",
            "CREATE TRIGGER bad AFTER INSERT ON entries BEGIN UPDATE entries SET statement = x'7b7d' WHERE seq = NEW.seq; END",
        ],
        "head": ["CREATE TRIGGER bad BEFORE UPDATE ON head BEGIN SELECT RAISE(IGNORE); END"],
    },
    "postgresql": {
        "swallowed": [_PG[0].format(body="RETURN NULL;"), _PG[1].format(what="INSERT ON entries")],
        "altered": [
            _PG[0].format(body="NEW.statement := replace(convert_from(NEW.statement, 'UTF8'), 'b1', 'b2')::bytea; RETURN NEW;"),
            _PG[1].format(what="INSERT ON entries"),
        ],
        "head": [_PG[0].format(body="RETURN NULL;"), _PG[1].format(what="UPDATE ON head")],
    },
}


@pytest.mark.parametrize("value", ["CAST(statement AS TEXT)", "17", "100000000000000", "1.5", "'not json'", "x'ff'"])
def test_a_value_of_another_kind_is_named(tmp_path: Path, value: str) -> None:
    """SQLite keeps any kind of value in any column."""

    async def work(desk: Desk) -> None:
        await desk.found()
        await desk.start("b1")
        with desk.ledger.store.begin() as connection:
            connection.exec_driver_sql("DROP TRIGGER entries_no_update")
            connection.exec_driver_sql(f"UPDATE entries SET statement = {value} WHERE seq = 1")
        found = await checked(desk, tmp_path)
        assert found["verdict"] == "failed"
        assert [each["seq"] for each in found["findings"]] == [1]

    at_a_desk(lambda: File(tmp_path / "ledger.db"), work)


def test_long_lines_of_a_hostile_export_are_read_few_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """200 of 16 MB each would fill the memory of the agent, and end it with all that it is at."""
    held: list[int] = []

    async def taken(pages: AsyncIterator[Any], _run: object, _told: object) -> tuple[()]:
        async for items in pages:
            held.append(len(items))
        return ()

    monkeypatch.setattr(verifying, "_take", taken)
    lines = [b'{"seq":%d,"signature":null,"statement":{"x":"%s"}}\n' % (n, b"x" * 2**21) for n in range(7)]
    file = io.BytesIO(b"no head\n" + b"".join(lines))
    asyncio.run(verifying.check_file(file, lambda _opening: (), None, lambda _done, _total: None))
    assert (max(held), sum(held)) == (2, 7)


def test_an_export_that_was_cut_and_made_to_fit_is_told_to_be_older(tmp_path: Path) -> None:
    """Without its checkpoint it cannot be told from an older one: that this computer has seen more of the ledger is said."""
    made = book(6)
    note = made.note()
    rows = made.rows[:4]
    whole = (dump.opening(made.org, head_of(rows)), *map(dump.entry, rows), dump.closing(None))
    (tmp_path / "cut.jsonl").write_bytes(b"".join(whole))
    memory = Memory(tmp_path / "seen.json")
    memory.remember("personal", note.checkpoint)

    async def work(ledger: Ledger) -> dict[str, Any]:
        return await check(ledger, Watch(memory), Governed, str(tmp_path / "cut.jsonl"), (), made.org, lambda _done, _total: None)

    found = within(tmp_path / "ledger.db", None, work)
    assert [(each["what"], each["severity"]) for each in found["findings"]] == [("no_checkpoint", "note"), ("older", "note")]
    assert "6" in found["findings"][1]["message"]["zh"]
