"""Copying a ledger into another store, entry by entry, each one looked at on the way; in one transaction, so that it is all there or not at all."""

from collections.abc import Callable, Iterator

import sqlalchemy as sa

from agent.api.errors import ApiError, Code
from agent.ledger import acts, checking, merkle, proof
from agent.ledger.entry import Entry, Head
from agent.ledger.writer import draw, identity, read_from
from agent.store.store import Store
from agent.store.tables import entries, head, opened, snapshots

_PAGE = 500
Progress = Callable[[int, int], None]
"""Hears how many entries of how many were looked at."""


def move(source: Store, target: Store, progress: Progress) -> Head:
    """Make the log of `target` hold that of `source`, and say what it then is.

    An empty one gets a copy; one that begins as ours gets what is missing; one that goes on where ours ends (other agents use it already)
    stays as it is.  Raises `ApiError`: not_allowed (store_busy: a closed set is under way; store_damaged: an entry of ours is wrong;
    store_other: theirs is another ledger), store_unreachable.
    """
    with target.begin() as there, source.read() as here:
        if here.execute(sa.select(opened.c.batch).limit(1)).first() is not None:
            raise ApiError(Code.NOT_ALLOWED, reason="store_busy")
        ours = here.execute(sa.select(head.c.size)).scalar_one()
        theirs, packed = there.execute(sa.select(head.c.size, head.c.edge).with_for_update()).one()
        edge: tuple[bytes, ...] = ()
        known = _looked(there, theirs, "store_other")
        page: list[Entry] = []
        rows: list[dict[str, object]] = []

        def write() -> None:
            if rows:
                there.execute(entries.insert(), rows)
                draw(there, [acts.act_of(entry) for entry in page])
                rows.clear()
                page.clear()

        for entry, nodes in _looked(here, ours, "store_damaged"):
            _examined(entry)
            if entry.seq < theirs:
                if next(known, (None, ()))[1] != nodes:
                    raise ApiError(Code.NOT_ALLOWED, reason="store_other", entry=entry.seq)
            else:
                name = identity(entry.raw, entry.cms)
                rows.append({"seq": entry.seq, "id": name, "statement": entry.raw, "signature": entry.cms, "nodes": b"".join(nodes)})
                page.append(entry)
            edge, _ = merkle.grow(edge, entry.seq, nodes[0])
            if len(rows) == _PAGE:
                write()
            if entry.seq % _PAGE == _PAGE - 1:
                progress(entry.seq + 1, max(ours, theirs))
        write()
        for entry, nodes in known:  # what others appended there
            _examined(entry)
            edge, _ = merkle.grow(edge, entry.seq, nodes[0])
            if entry.seq % _PAGE == _PAGE - 1:
                progress(entry.seq + 1, theirs)
        size = max(ours, theirs)
        if theirs >= ours and b"".join(edge) != packed:
            raise ApiError(Code.NOT_ALLOWED, reason="store_damaged", entry=size, detail="head")
        if not theirs:
            there.execute(snapshots.delete().where(snapshots.c.name == "acts"))
            there.execute(snapshots.insert(), {"name": "acts", "version": acts.VERSION, "size": 0})
        there.execute(head.update().values(size=size, edge=b"".join(edge)))
        progress(size, size)
        return Head(size, merkle.root(edge))


def _looked(connection: sa.Connection, size: int, reason: str) -> Iterator[tuple[Entry, tuple[bytes, ...]]]:
    """The entries of a store with the nodes that follow from them, which must be those that are stored."""
    edge: tuple[bytes, ...] = ()
    seq = 0
    for entry, stored in read_from(connection, 0, size):
        edge, nodes = merkle.grow(edge, seq, merkle.leaf_hash(entry.raw))
        if entry.seq != seq or b"".join(nodes) != stored or len(stored) % proof.HASH_SIZE:
            raise ApiError(Code.NOT_ALLOWED, reason=reason, entry=seq, detail="tree")
        yield entry, nodes
        seq += 1
    if seq != size:
        raise ApiError(Code.NOT_ALLOWED, reason=reason, entry=seq, detail="missing")


def _examined(entry: Entry) -> None:
    found = checking.examine(entry.raw, entry.cms)
    if found.wrong not in (None, "unsigned"):
        raise ApiError(Code.NOT_ALLOWED, reason="store_damaged", entry=entry.seq, detail=found.wrong)
