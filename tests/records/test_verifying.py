"""The full check of a real database with worker processes (promise 7), against somebody who may write it, and of exports."""

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from agent.api.errors import ApiError
from agent.ledger import dump
from agent.ledger.log import Ledger
from agent.ledger.memory import Memory
from agent.organisation.fold import Governed
from agent.records.checks import check
from agent.records.watch import Watch
from tests.ledger.ledgers import START, Book, Device, book, device
from tests.records.shelf import meddle, within

pytestmark = pytest.mark.promise(7)
BOOK = book(450)
"""Enough for several chunks of each worker."""
LATER = START + timedelta(hours=9)


def checking(tmp_path: Path, file: Path | None = None, texts: tuple[bytes, ...] = ()) -> Callable[[Ledger], Awaitable[dict[str, Any]]]:
    async def work(ledger: Ledger) -> dict[str, Any]:
        watch = Watch(Memory(tmp_path / "seen.json"))
        await watch.look(ledger)
        steps: list[tuple[int, int]] = []
        own = watch.memory.org("personal")
        found = await check(ledger, watch, Governed, None if file is None else str(file), texts, own, lambda done, total: steps.append((done, total)))
        assert steps == sorted(steps)
        return found

    return work


def told(found: dict[str, Any]) -> list[tuple[str, int | None, int | None]]:
    assert found["verdict"] == ("failed" if any(each["severity"] == "wrong" for each in found["findings"]) else "passed")
    return [(each["what"], each["seq"], each["last"]) for each in found["findings"]]


def test_a_whole_ledger_passes(tmp_path: Path) -> None:
    found = within(tmp_path / "ledger.db", BOOK, checking(tmp_path))
    assert told(found) == []
    assert (found["entries"], found["signatures"], found["org"], found["root"]) == (450, 450, BOOK.org, BOOK.head.root.hex())
    assert "450" in found["explanation"]["zh"]


def test_what_was_done_to_rows_is_named(tmp_path: Path) -> None:
    async def nothing(_ledger: Ledger) -> None:
        pass

    within(tmp_path / "ledger.db", BOOK, nothing)
    changes = (
        "UPDATE entries SET statement = CAST(replace(statement, 'b50', 'b999') AS BLOB) WHERE seq = 50",
        "UPDATE entries SET signature = (SELECT signature FROM entries WHERE seq = 99) WHERE seq = 100",
        "UPDATE entries SET signature = NULL WHERE seq = 150",
        "UPDATE entries SET nodes = zeroblob(length(nodes)) WHERE seq = 200",
        "DELETE FROM entries WHERE seq = 250",
        "DELETE FROM entries WHERE seq BETWEEN 300 AND 319",
        "UPDATE acts SET names = 'another.pdf' WHERE seq = 330",
        "UPDATE acts SET object = 'b1', run = 'b1' WHERE seq = 331",
        "DELETE FROM acts WHERE seq = 332",
        "UPDATE entries SET id = 'x' WHERE seq = 333",
        "DELETE FROM entries WHERE seq >= 440",
    )
    meddle(tmp_path / "ledger.db", *((change, ()) for change in changes))
    found = within(tmp_path / "ledger.db", None, checking(tmp_path))
    wrong = [("altered", 50, None), ("signature", 100, None), ("unsigned", 150, None), ("hashes", 200, None), ("missing", 250, None)]
    drawn = [("drawn", seq, None) for seq in (330, 331, 332, 333)]
    assert told(found) == [*wrong, ("missing", 300, 319), *drawn, ("cut", 440, 449)]
    assert "50" in found["explanation"]["zh"]
    assert "entry 50" in found["explanation"]["en"]


def test_rows_beyond_the_head_are_found(tmp_path: Path) -> None:
    """Put there for a later head to take them in."""

    async def nothing(_ledger: Ledger) -> None:
        pass

    within(tmp_path / "ledger.db", BOOK, nothing)
    row = BOOK.rows[7]
    meddle(
        tmp_path / "ledger.db",
        ("INSERT INTO entries (seq, id, statement, signature, nodes) VALUES (450, 'x', ?, ?, ?)", (row.raw, row.cms, row.nodes)),
    )
    found = within(tmp_path / "ledger.db", None, checking(tmp_path))
    assert told(found) == [("head", 450, None)]


class Named(Device):
    """A device that says it is another."""

    def __init__(self, key: ec.EllipticCurvePrivateKey, id: str) -> None:
        super().__init__(key)
        self._id = id

    @property
    def id(self) -> str:
        return self._id


def test_the_statement_of_a_stranger_has_no_effect_and_is_named(tmp_path: Path) -> None:
    """Validly signed, entered with everything that belongs to it, by a key that nobody authorised; and one that names our device."""

    async def intrude(ledger: Ledger) -> dict[str, Any]:
        other = Book(device())
        other.org = BOOK.org
        raw, cms = other.written("signature.started", {"batch": "x", "documents": []}, BOOK.org, LATER)
        await ledger.enter(raw, cms)
        other.by = Named(other.by.key, BOOK.by.id)
        await ledger.enter(*other.written("signature.started", {"batch": "y", "documents": []}, BOOK.org, LATER))
        return await checking(tmp_path)(ledger)

    found = within(tmp_path / "ledger.db", BOOK, intrude)
    assert told(found) == [("without_effect", 450, None), ("without_effect", 451, None)]


def restored(tmp_path: Path, entries: int) -> None:
    """The ledger as it was with so many entries, restored over one that was seen with all."""

    async def seen(ledger: Ledger) -> None:
        watch = Watch(Memory(tmp_path / "seen.json"))
        await watch.look(ledger)
        await ledger.head()

    async def nothing(_ledger: Ledger) -> None:
        pass

    within(tmp_path / "new.db", BOOK, seen)
    old = book(1, BOOK.by)
    old.rows, old.edge, old.org = BOOK.rows[:entries], (), BOOK.org
    within(tmp_path / "ledger.db", old, nothing)


def test_an_old_copy_restored_is_found_by_the_memory_and_stops_everything_but_reading(tmp_path: Path) -> None:
    restored(tmp_path, 400)

    async def start(ledger: Ledger) -> dict[str, Any]:
        watch = Watch(Memory(tmp_path / "seen.json"))
        trouble = await watch.look(ledger)
        assert trouble is not None
        assert trouble.facts == {"reason": "ledger_smaller", "known": 450, "size": 400, "entry": 0}
        with pytest.raises(ApiError) as refused:
            await ledger.enter(BOOK.rows[-1].raw, BOOK.rows[-1].cms or b"")
        assert refused.value is trouble
        assert (await ledger.head()).size == 400
        return await checking(tmp_path)(ledger)

    found = within(tmp_path / "ledger.db", None, start)
    assert ("cut", 400, 449) in told(found)
    assert Memory(tmp_path / "seen.json").points(BOOK.org or "")[-1].size == 450  # what is wrong is not remembered in its place


def test_a_fork_of_the_same_length_is_found(tmp_path: Path) -> None:
    restored(tmp_path, 449)

    async def fork(ledger: Ledger) -> None:
        await ledger.enter(*BOOK.written("signature.started", {"batch": "other"}, BOOK.org, LATER))

    async def start(ledger: Ledger) -> None:
        trouble = await Watch(Memory(tmp_path / "seen.json")).look(ledger)
        assert trouble is not None
        assert trouble.facts["reason"] == "ledger_forked"

    within(tmp_path / "ledger.db", None, fork)
    within(tmp_path / "ledger.db", None, start)


def test_a_ledger_deleted_or_founded_anew_is_found(tmp_path: Path) -> None:
    restored(tmp_path, 1)

    async def start(ledger: Ledger) -> None:
        trouble = await Watch(Memory(tmp_path / "seen.json")).look(ledger)
        assert trouble is not None
        assert trouble.facts["reason"] == "ledger_other"

    within(tmp_path / "empty.db", None, start)
    within(tmp_path / "anew.db", book(500), start)


def test_against_a_checkpoint_that_was_kept(tmp_path: Path) -> None:
    other = book(3)
    whole = within(tmp_path / "ledger.db", BOOK, checking(tmp_path, texts=(str(BOOK.note()).encode(),)))
    assert told(whole) == []
    foreign = within(tmp_path / "ledger.db", None, checking(tmp_path, texts=(str(other.note()).encode(),)))
    assert told(foreign) == [("checkpoint", None, None)]  # it says nothing of this ledger
    with pytest.raises(ApiError) as refused:
        within(tmp_path / "ledger.db", None, checking(tmp_path, texts=(b"no checkpoint",)))
    assert refused.value.facts == {"reason": "not_a_checkpoint"}
    shorter = book(1, BOOK.by)
    shorter.rows, shorter.edge, shorter.org = BOOK.rows[:300], (), BOOK.org

    async def nothing(_ledger: Ledger) -> None:
        pass

    within(tmp_path / "old.db", shorter, nothing)
    (tmp_path / "elsewhere").mkdir()
    cut = within(tmp_path / "old.db", None, checking(tmp_path / "elsewhere", texts=(str(BOOK.note()).encode(),)))
    assert told(cut) == [("cut", 300, 449)]


def test_an_export_is_checked_without_its_database(tmp_path: Path) -> None:
    file = tmp_path / "ledger.jsonl"
    file.write_bytes(BOOK.dump())
    (tmp_path / "elsewhere").mkdir()
    found = within(tmp_path / "other.db", None, checking(tmp_path / "elsewhere", file))
    assert (told(found), found["entries"], found["own"]) == ([], 450, False)
    lines = BOOK.dump().splitlines(keepends=True)
    file.write_bytes(b"".join([*lines[:100], lines[101], lines[100], b"nonsense\n", *lines[103:]]))
    found = within(tmp_path / "other.db", None, checking(tmp_path / "elsewhere", file))
    assert {99, 101} <= {each["seq"] for each in found["findings"]}
    for wrong in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(ApiError):
            within(tmp_path / "other.db", None, checking(tmp_path / "elsewhere", wrong))


def test_entries_too_large_for_a_message_are_checked_too(tmp_path: Path) -> None:
    made = Book()
    text = "x" * 60_000
    made.say("attempt.denied", {f"part {n}": text for n in range(90)})
    made.say("attempt.denied", {})
    assert told(within(tmp_path / "ledger.db", made, checking(tmp_path))) == []


def test_a_check_that_is_given_up_leaves_no_worker_behind(tmp_path: Path) -> None:
    async def given_up(ledger: Ledger) -> None:
        task = asyncio.create_task(checking(tmp_path)(ledger))
        begun = asyncio.Event()
        watch = Watch(Memory(tmp_path / "seen.json"))
        task.cancel()
        task = asyncio.create_task(check(ledger, watch, None, None, (), None, lambda _done, _total: begun.set()))
        await begun.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    within(tmp_path / "ledger.db", BOOK, given_up)
    assert not [line for line in _children() if "agent.records.worker" in line]


def _children() -> list[str]:
    import os

    found = []
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                stat = Path(f"/proc/{name}/stat").read_text().rpartition(")")[2].split()
                if int(stat[1]) == os.getpid() and stat[0] != "Z":
                    found.append(Path(f"/proc/{name}/cmdline").read_bytes().replace(b"\0", b" ").decode())
            except OSError:
                pass
    return found


def test_the_rows_of_the_database_are_those_of_the_book(tmp_path: Path) -> None:
    """What the tests above meddle with is what the program wrote."""

    async def nothing(_ledger: Ledger) -> None:
        pass

    within(tmp_path / "ledger.db", BOOK, nothing)
    rows = sqlite3.connect(tmp_path / "ledger.db").execute("SELECT statement, signature, nodes FROM entries ORDER BY seq").fetchall()
    assert rows == [(row.raw, row.cms, row.nodes) for row in BOOK.rows]
    assert dump.entry(BOOK.rows[0]).startswith(b'{"seq":0,')
