"""The log on both stores: every test here runs on a real SQLite file and on a real PostgreSQL database."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from agent.api.errors import ApiError, Code
from agent.ledger import acts as drawing
from agent.ledger import witness
from agent.ledger.log import Entry, Head, Ledger
from agent.store.store import Store
from agent.store.tables import acts, entries, head, opened
from tests.store.say import Counting, finished, say, started, tree

Opens = Callable[[], Store]


def on(opens: Opens, work: Callable[[Ledger], Awaitable[Any]], **how: Any) -> Any:
    """Run with an open ledger, and close it."""

    async def run() -> Any:
        ledger = Ledger(opens(), **how)
        try:
            return await work(ledger)
        finally:
            await ledger.close()

    return asyncio.run(run())


async def rows(ledger: Ledger, table: sa.Table) -> list[tuple[Any, ...]]:
    order = list(table.primary_key)
    return await ledger.read(lambda connection: [tuple(row) for row in connection.execute(sa.select(table).order_by(*order))])


@pytest.mark.promise(5)
def test_receipts_say_where_a_statement_stands_and_what_the_root_is_there(opens: Opens) -> None:
    said = [say(n=n) for n in range(21)]

    async def work(ledger: Ledger) -> None:
        receipts = [await ledger.enter(*said[0]), *await asyncio.gather(*(ledger.enter(*each) for each in said[1:]))]
        for n, receipt in enumerate(receipts):
            assert (receipt.seq, receipt.size) == (n, n + 1)
            assert receipt.root == tree([raw for raw, _ in said[: n + 1]])[1]
        nodes, root = tree([raw for raw, _ in said])
        stored = await rows(ledger, entries)
        assert [(row[0], row[2], row[3], row[4]) for row in stored] == [(n, *said[n], nodes[n]) for n in range(21)]
        assert (await ledger.head()).root == root

    on(opens, work)


@pytest.mark.promise(5)
def test_what_stands_there_is_not_entered_twice_and_its_id_is_not_used_again(opens: Opens) -> None:
    first, other = say(n=1), say(n=2)
    replayed = json.dumps({**json.loads(other[0]), "id": json.loads(first[0])["id"]}, sort_keys=True, separators=(",", ":")).encode()

    async def work(ledger: Ledger) -> None:
        receipt = await ledger.enter(*first)
        await ledger.enter(*other)
        assert await ledger.enter(*first) == receipt
        assert await asyncio.gather(*(ledger.enter(*first) for _ in range(3))) == [receipt] * 3
        with pytest.raises(ApiError) as caught:
            await ledger.enter(replayed, b"cms")
        assert caught.value.facts["reason"] == "statement_replayed"
        assert (await ledger.head()).size == 2

    on(opens, work)


@pytest.mark.promise(5)
def test_what_the_rules_refuse_is_not_entered_and_does_not_hinder_its_neighbours(opens: Opens) -> None:
    async def work(ledger: Ledger) -> None:
        outcomes = await asyncio.gather(*(ledger.enter(*say(n=n, bad=n % 3 == 0)) for n in range(9)), return_exceptions=True)
        refused = [n for n, outcome in enumerate(outcomes) if isinstance(outcome, ApiError)]
        assert refused == [0, 3, 6]
        error = outcomes[0]
        assert isinstance(error, ApiError)
        assert (error.code, error.facts) == ("not_allowed", {"reason": "certificate_usage", "rule": "T1", "certificate": "c"})
        assert [statement["body"]["n"] for statement in await ledger.statements()] == [1, 2, 4, 5, 7, 8]
        assert isinstance(ledger.fold, Counting)
        assert (len(ledger.fold.seen), ledger.fold.without_effect) == (6, 0)

    on(opens, work, fold=Counting())


@pytest.mark.promise(5)
def test_several_are_entered_all_or_none(opens: Opens) -> None:
    async def work(ledger: Ledger) -> None:
        with pytest.raises(ApiError):
            await ledger.enter_all([say(n=1), say(n=2), say(n=3, bad=True)])
        assert (await ledger.head()).size == 0
        receipts = await ledger.enter_all([say(n=1), say(n=2)])
        assert [receipt.seq for receipt in receipts] == [0, 1]
        assert isinstance(ledger.fold, Counting)
        assert len(ledger.fold.seen) == 2

    on(opens, work, fold=Counting())


@pytest.mark.promise(5)
def test_rules_judge_from_the_first_entry_and_what_they_refuse_stays_without_effect(opens: Opens) -> None:
    async def without_rules(ledger: Ledger) -> None:
        await asyncio.gather(*(ledger.enter(*say(n=n, bad=n == 4)) for n in range(8)))

    async def with_them(ledger: Ledger) -> None:
        await ledger.judge_by(Counting())
        assert isinstance(ledger.fold, Counting)
        assert (len(ledger.fold.seen), ledger.fold.without_effect) == (7, 1)

    on(opens, without_rules)
    on(opens, with_them)


@pytest.mark.promise(5)
def test_a_group_that_cannot_be_written_leaves_rules_and_log_as_they_were(opens: Opens) -> None:
    def broken(connection: sa.Connection) -> None:
        connection.execute(sa.text("INSERT INTO nowhere VALUES (1)"))

    async def work(ledger: Ledger) -> None:
        await ledger.enter(*say(n=0))
        before = ledger.fold
        spoilt = await asyncio.gather(ledger._do(broken), ledger.enter(*say(n=1)), return_exceptions=True)
        assert [getattr(each, "code", None) for each in spoilt] == ["store_unreachable"] * 2
        assert ledger.fold == before
        assert (await ledger.enter(*say(n=2))).seq == 1
        assert [statement["body"]["n"] for statement in await ledger.statements()] == [0, 2]

    on(opens, work, fold=Counting())


def test_open_sets_are_found_by_whose_they_are(opens: Opens) -> None:
    async def work(ledger: Ledger) -> None:
        await ledger.enter(*started("a", "W1"))
        await ledger.enter(*started("b", "W2"))
        await ledger.enter(*started("c", "W1"))
        await ledger.note("c", 1, "publishing", b"00ff")
        await ledger.note("c", 1, "publishing", b"11ff")
        await ledger.note("c", 0, "attributes", b"der")
        await ledger.note("c", 0, "staged", b"/folder")
        await ledger.enter(*finished("a", "W1"), forget="a")
        (left,) = await ledger.open_sets()
        assert (left.statement["body"]["batch"], left.seq, dict(left.publishing), list(left.attributes)) == ("c", 2, {1: "11ff"}, [0])
        assert await ledger.staged() == [("c", b"/folder")]
        await ledger.swept("c")
        assert await ledger.staged() == []
        await ledger.enter(*finished("c", "W1"), forget="c")
        assert await ledger.open_sets() == []
        ledger.agent = "W2"
        assert [each.seq for each in await ledger.open_sets()] == [1]

    on(opens, work, agent="W1")


def test_entries_are_found_by_what_they_are_about(opens: Opens) -> None:
    salt = "5a" * 32

    async def work(ledger: Ledger) -> None:
        await ledger.enter(*say(n=0))
        receipt = await ledger.enter(*started("a", salt=salt))
        await ledger.enter(*started("r", resumes="a"))
        await ledger.enter(*finished("r", resumes="a"))
        assert [entry.seq for entry in await ledger.about("a")] == [1, 2, 3]
        assert [entry.seq for entry in await ledger.about("a", "signature.finished")] == [3]
        found = await ledger.witnessed(witness.blind(bytes.fromhex(salt), receipt.seq))
        assert found is not None
        assert found.seq == 1
        assert await ledger.witnessed(bytes(32)) is None
        assert (await rows(ledger, acts))[1][-1] == "图 a-0.pdf\n图 a-1.pdf"
        first = await ledger.founding()
        assert first is not None
        assert first.seq == 0

    on(opens, work)


@pytest.mark.promise(5)
def test_what_is_drawn_from_the_log_is_drawn_anew_bit_for_bit(opens: Opens) -> None:
    said = [
        say(n=0),
        started("a"),
        started("b", "W2", salt="00" * 32),
        finished("a"),
        say("person.registered", name="李 工\u202e\x00"),
        started("a"),
        started("b"),
    ]

    async def work(ledger: Ledger) -> None:
        for each in said:
            await ledger.enter(*each)
        before = await rows(ledger, acts), await rows(ledger, opened)
        assert len(before[0]) == len(said)
        assert [row[0] for row in before[1]] == ["a", "b"]
        await ledger.rebuild()
        assert (await rows(ledger, acts), await rows(ledger, opened)) == before

    on(opens, work)


def tampered(store: Store, *commands: str) -> None:
    """Commands by somebody who owns the store, and takes its guard away first."""
    off = {
        "sqlite": ["DROP TRIGGER entries_no_update", "DROP TRIGGER entries_no_delete"],
        "postgresql": ["RESET ROLE", "ALTER TABLE entries DISABLE TRIGGER ALL"],
    }[store.kind]
    with store.begin() as connection:
        for command in (*off, *commands):
            connection.exec_driver_sql(command)


@pytest.mark.promise(5)
@pytest.mark.parametrize("command", ["UPDATE entries SET id = 'x' WHERE seq = 1", "DELETE FROM entries", "DELETE FROM entries WHERE seq = 3"])
def test_no_command_changes_or_removes_what_stands_there(opens: Opens, command: str) -> None:
    async def work(ledger: Ledger) -> None:
        for n in range(4):
            await ledger.enter(*say(n=n))
        with pytest.raises(ApiError) as caught, ledger.store.begin() as connection:
            connection.exec_driver_sql(command)
        assert caught.value.code == "store_unreachable"
        assert (await ledger.head()).size == 4

    on(opens, work)


@pytest.mark.promise(5)
@pytest.mark.parametrize(
    ("commands", "reason"),
    [
        (("DELETE FROM entries WHERE seq >= 4", "UPDATE head SET size = 4"), "ledger_smaller"),
        (("UPDATE head SET edge = SUBSTR(edge, 33)",), "ledger_forked"),
        (("UPDATE head SET size = 9",), "ledger_forked"),
    ],
)
def test_a_tail_cut_off_or_a_tree_exchanged_stops_the_agent_that_runs(opens: Opens, commands: tuple[str, ...], reason: str) -> None:
    async def work(ledger: Ledger) -> None:
        for n in range(7):
            await ledger.enter(*say(n=n))
        tampered(ledger.store, *commands)
        for attempt in (ledger.enter(*say(n=8)), ledger.head()):
            with pytest.raises(ApiError) as caught:
                await attempt
            assert (caught.value.code, caught.value.facts["reason"]) == ("store_unreachable", reason)
        assert len(await ledger.statements()) == (4 if reason == "ledger_smaller" else 7)  # it can still be read

    on(opens, work)


@pytest.mark.promise(5)
@pytest.mark.parametrize("garbage", [b"\xff\x00", b"[]", b'{"type":7,"body":[]}', b"[" * 100_000, b"{}"])
def test_garbage_that_somebody_inserts_is_listed_and_read_over(opens: Opens, garbage: bytes) -> None:
    async def insert(ledger: Ledger) -> None:
        await ledger.enter(*say(n=0))
        nodes, _ = tree([(await ledger.statements())[0] and (await rows(ledger, entries))[0][2], garbage])
        with ledger.store.begin() as connection:
            connection.execute(entries.insert(), {"seq": 1, "id": "g", "statement": garbage, "signature": b"x", "nodes": nodes[1]})
            connection.execute(head.update().values(size=2, edge=nodes[1][32:]))

    async def work(ledger: Ledger) -> None:
        assert (await ledger.enter(*say(n=2))).seq == 2
        listed = await rows(ledger, acts)
        assert [row[2] for row in listed] == ["test.said", "", "test.said"]
        assert await ledger.open_sets() == []

    on(opens, insert)
    on(opens, work)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@given(
    st.dictionaries(st.sampled_from(["type", "at", "actor", "device", "body", "id"]), json_values),
    st.dictionaries(st.sampled_from(["batch", "resumes", "documents", "salt", "name"]), json_values),
)
def test_whatever_an_entry_holds_its_row_can_be_stored(top: dict[str, Any], body: dict[str, Any]) -> None:
    raw = json.dumps({**top, "body": body} if "body" not in top else top).encode()
    row = drawing.act_of(Entry(5, raw, None))
    for name, value in row.items():
        if name == "seq":
            assert value == 5
        elif name == "blind":
            assert value is None or len(value) == 32
        else:
            assert isinstance(value, str)
            assert "\x00" not in value
            value.encode("utf-8")


@pytest.mark.promise(5)
def test_whoever_hears_of_it_cannot_take_back_what_stands(opens: Opens) -> None:
    async def work(ledger: Ledger) -> None:
        heard: list[int] = []

        def hears(told: Head) -> None:
            if told.size == 1:
                raise ApiError(Code.STORE_UNREACHABLE)
            heard.append(told.size)

        ledger.on_head = hears
        assert (await ledger.enter(*say(n=0))).seq == 0
        assert (await ledger.enter(*say(n=1))).seq == 1
        assert heard == [2]

    on(opens, work)
