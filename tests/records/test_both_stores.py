"""Lists, proofs, checks and the memory over SQLite and PostgreSQL alike, for a home that has entries from before statements were signed."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import pytest
import sqlalchemy as sa

from agent.ledger import merkle
from agent.ledger.log import Ledger
from agent.ledger.memory import Memory
from agent.organisation.fold import Governed
from agent.records import listing, view
from agent.records.checks import check
from agent.records.listing import Filters
from agent.records.watch import Watch, org_of
from agent.store.store import Store
from agent.store.tables import entries
from tests.ledger.ledgers import Book

T = TypeVar("T")
OLD = 3


def grown(opens: Callable[[], Store], work: Callable[[Ledger, Book], Awaitable[T]]) -> T:
    """What `work` gives for a ledger that a version without signatures began and this one goes on with."""

    async def run() -> T:
        ledger = Ledger(opens())
        try:
            for n in range(OLD):
                await ledger.append("signature.started", {"batch": f"old {n}", "documents": [{"input": f"file:///alt-{n}.pdf"}]})
            old = await ledger.read(lambda connection: connection.execute(sa.select(entries.c.statement).order_by(entries.c.seq)).scalars().all())
            book = Book(legacy=list(old))
            for n in range(30):
                book.say("signature.started", {"batch": f"b{n}", "documents": [{"input": f"file:///%E5%9B%BE-{n}_%25.pdf"}]})
            await ledger.enter_all([(row.raw, row.cms) for row in book.rows if row.cms])
            return await work(ledger, book)
        finally:
            await ledger.close()

    return asyncio.run(run())


@pytest.mark.promise(7)
def test_a_home_that_was_there_before_is_whole_and_says_what_was_not_signed(opens: Callable[[], Store], tmp_path: Path) -> None:
    async def work(ledger: Ledger, book: Book) -> None:
        watch = Watch(Memory(tmp_path / "seen.json"))
        assert await watch.look(ledger) is None
        book.say("signature.finished", {"batch": "b1", "documents": []})
        await ledger.enter(book.rows[-1].raw, book.rows[-1].cms or b"")
        found = await check(ledger, watch, Governed, None, (str(book.note()).encode(),), book.org, lambda _done, _total: None)
        assert (found["verdict"], found["findings"]) == ("passed", [])
        assert (found["legacy"], found["signatures"], found["entries"], found["root"]) == (OLD, 32, OLD + 32, book.head.root.hex())
        assert [point.size for point in watch.memory.points(book.org or "")] == [OLD + 31, OLD + 32]
        assert await ledger.read(org_of) == book.org

    grown(opens, work)


def test_pages_filters_and_proofs(opens: Callable[[], Store]) -> None:
    async def work(ledger: Ledger, book: Book) -> None:
        def look(connection: sa.Connection) -> None:
            size = len(book.rows)

            def seqs(**wanted: str) -> list[int]:
                found = listing.page(connection, Filters(**wanted), order="oldest", count=True, limit=500)
                assert (found.total, found.size) == (len(found.entries), size)
                return [each["seq"] for each in found.entries]

            assert seqs() == list(range(size))
            assert seqs(type="signature") == [*range(OLD), *range(OLD + 1, size)]
            assert seqs(text="图-7_%") == [OLD + 8]
            assert seqs(text="alt") == [0, 1, 2]
            assert seqs(object="b29") == [size - 1]
            assert listing.counts(connection) == {"signature.started": OLD + 30, "home.founded": 1}
            assert listing.ends(connection)[2] == OLD
            old = view.whole(connection, "1")
            assert (old["signed"], old["signature_ok"], old["proof"]["ok"], old["title"]["zh"]) == (False, None, True, "开始签署")
            for seq in (0, OLD, size - 1):
                told = view.inclusion(connection, book.rows[seq], size)
                assert (told["ok"], told["root"], told["leaf"]) == (True, book.head.root.hex(), merkle.leaf_hash(book.rows[seq].raw).hex())
            assert view.consistency(connection, OLD, size)["ok"]

        await ledger.read(look)

    grown(opens, work)
