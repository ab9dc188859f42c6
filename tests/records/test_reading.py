"""Reading a ledger page by page, and one entry with its proof."""

import base64
import hashlib
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from agent.api.errors import ApiError
from agent.ledger import merkle, proof
from agent.ledger.log import Ledger
from agent.records import listing, view
from agent.records.listing import Filters
from agent.store.sqlite import Store
from tests.ledger.ledgers import START, Book
from tests.records.shelf import meddle, within

HOSTILE = "\u202egpj.\u200bevil\x1b[2J\r\n=cmd()\x00" + "长" * 3000


@pytest.fixture(scope="module")
def made() -> Book:
    made = Book()
    for n in range(1, 120):
        kind = "signature.started" if n % 2 else "signature.finished"
        documents = [{"n": 0, "input": f"file:///tmp/%E5%9B%BE%E7%BA%B8-{n:03}.pdf", "state": "published"}]
        made.say(kind, {"batch": f"b{n // 2}", "documents": documents, "salt": f"{n:064x}"}, START + timedelta(minutes=n))
    made.say("attempt.denied", {"name": HOSTILE, "reason": "pin_incorrect"}, START + timedelta(days=2))
    return made


@pytest.fixture(scope="module")
def connection(made: Book, tmp_path_factory: pytest.TempPathFactory) -> Iterator[sa.Connection]:
    path = tmp_path_factory.mktemp("ledger") / "ledger.db"

    async def nothing(_ledger: Ledger) -> None:
        pass

    within(path, made, nothing)
    store = Store(path)
    with store.read() as connection:
        yield connection
    store.close()


def seqs(found: listing.Page) -> list[int]:
    return [each["seq"] for each in found.entries]


def test_pages_follow_each_other_without_gap_or_overlap(connection: sa.Connection, made: Book) -> None:
    size = len(made.rows)
    seen, before = [], None
    while True:
        found = listing.page(connection, Filters(), before=before, limit=50)
        assert found.size == size
        seen += seqs(found)
        if not found.more:
            break
        before = seen[-1]
    assert seen == list(reversed(range(size)))
    oldest = listing.page(connection, Filters(), after=9, limit=3, order="oldest")
    assert (seqs(oldest), oldest.more) == ([10, 11, 12], True)
    assert seqs(listing.page(connection, Filters(), after=9, before=12)) == [11, 10]
    assert listing.page(connection, Filters(), limit=1, count=True).total == size
    assert seqs(listing.page(connection, Filters(), after=size)) == []


def test_filters(connection: sa.Connection, made: Book) -> None:
    def found(**wanted: str) -> list[int]:
        page = listing.page(connection, Filters(**wanted), limit=500, order="oldest", count=True)
        assert page.total == len(page.entries)
        return seqs(page)

    assert found(type="signature.started") == list(range(1, 120, 2))
    assert found(type="signature") == list(range(1, 120))
    assert found(type="sig") == []
    assert found(object="b7") == [14, 15]
    assert found(text="图纸-042") == [42]
    assert found(text="图纸 042.PDF") == [42]
    assert found(text="77") == [77]
    assert found(text="%") == found(text="_") == []
    assert found(device=made.by.id) == list(range(len(made.rows)))
    assert found(actor="P1") == []
    assert found(start=(START + timedelta(minutes=118)).isoformat(), end="2026-11-22T13:00:00+08:00") == [118, 119]
    assert found(start="2026-11-23T00:00:00Z") == [120]
    with pytest.raises(ApiError):
        Filters(start="yesterday").conditions()


def test_a_list_says_what_each_entry_is_in_both_languages(connection: sa.Connection) -> None:
    started, finished = listing.page(connection, Filters(object="b7"), order="oldest").entries
    assert started["title"] == {"zh": "签署结果", "en": "signing finished"}
    assert started["summary"] == {"zh": "已签署 1 份", "en": "1 signed"}
    assert finished["summary"] == {"zh": "1 份：图纸-015.pdf", "en": "1: 图纸-015.pdf"}


def test_hostile_names_are_shown_as_what_they_are(connection: sa.Connection) -> None:
    (entry,) = listing.page(connection, Filters(type="attempt.denied")).entries
    whole = view.whole(connection, str(entry["seq"]))
    shown = [entry["summary"]["zh"], *entry["names"], *(str(part["value"]) for part in whole["words"])]
    for text in shown:
        assert not any(char in text for char in "\u202e\u200b\x1b\r\n\x00")
        assert len(text) < 400
    assert "\\u202egpj" in entry["summary"]["zh"]


def test_one_entry_with_its_signature_and_proof(connection: sa.Connection, made: Book) -> None:
    for seq in (0, 1, 63, 64, 120):
        found = view.whole(connection, str(seq))
        row = made.rows[seq]
        assert base64.b64decode(found["raw"]) == row.raw
        assert base64.b64decode(found["signature"]) == row.cms
        assert (found["signature_ok"], found["sha256"]) == (True, hashlib.sha256(row.raw).hexdigest())
        assert found["signer"]["subject"] == f"CN=Yinxin device {made.by.id}"
        told = found["proof"]
        path = [bytes.fromhex(each) for each in told["path"]]
        proof.check_inclusion(seq, told["size"], merkle.leaf_hash(row.raw), path, made.head.root)
        assert (told["ok"], told["root"]) == (True, made.head.root.hex())
        assert view.whole(connection, found["id"])["seq"] == seq
    for unknown in ("121", "-1", "x", "9" * 30, found["id"][:-1] + "x", "１"):
        with pytest.raises(ApiError):
            view.find(connection, unknown)


def test_proofs_of_earlier_sizes(connection: sa.Connection, made: Book) -> None:
    for first, second in ((0, 121), (1, 2), (60, 121), (64, 100), (121, 121)):
        told = view.consistency(connection, first, second)
        assert told["ok"]
        roots = [bytes.fromhex(told[name]) for name in ("first_root", "second_root")]
        proof.check_consistency(first, second, [bytes.fromhex(each) for each in told["path"]], *roots)
    assert view.inclusion(connection, made.rows[5], 6)["ok"]
    for size in (5, 122):
        with pytest.raises(ApiError):
            view.inclusion(connection, made.rows[5], size)
    with pytest.raises(ApiError):
        view.consistency(connection, 5, 122)


@pytest.mark.promise(7)
def test_a_statement_that_was_altered_shows_in_its_own_view(made: Book, tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"

    async def nothing(_ledger: Ledger) -> None:
        pass

    within(path, made, nothing)
    meddle(path, ("UPDATE entries SET statement = CAST(replace(statement, '042.pdf', '043.pdf') AS BLOB) WHERE seq = 42", ()))

    async def look(ledger: Ledger) -> dict[str, Any]:
        return await ledger.read(lambda connection: view.whole(connection, "42"))

    found = within(path, None, look)
    assert (found["signature_ok"], found["proof"]["ok"]) == (False, False)


def test_a_rebuild_gives_the_same_rows(made: Book, tmp_path: Path) -> None:
    """What lists show is drawn from the log alone: after everything of it was destroyed it is the same again."""
    path = tmp_path / "ledger.db"

    async def look(ledger: Ledger) -> tuple[listing.Page, dict[str, int]]:
        return await ledger.read(lambda connection: (listing.page(connection, Filters(), limit=500), listing.counts(connection)))

    async def rebuilt(ledger: Ledger) -> tuple[listing.Page, dict[str, int]]:
        await ledger.rebuild()
        return await look(ledger)

    before = within(path, made, look)
    meddle(path, ("UPDATE acts SET names = 'nonsense', type = 'x.y'", ()), ("DELETE FROM acts WHERE seq > 50", ()))
    assert within(path, None, look) != before
    assert within(path, None, rebuilt) == before
