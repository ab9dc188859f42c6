"""The writing side of the log, in its one thread: under the lock of the head it reads what others appended, judges, and appends.

Every group of writes is one transaction.  Where the connection breaks in it, nobody can tell whether it was committed: it is done again,
and what is found there already is not entered twice.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import sqlalchemy as sa

from agent.api.errors import ApiError, Code
from agent.ledger import acts, merkle, proof
from agent.ledger.entry import Entry, Fold, Head, Receipt, Refused
from agent.store.store import Store
from agent.store.tables import acts as acts_table
from agent.store.tables import entries, head, journal, opened, snapshots

_HASH = proof.HASH_SIZE
_PAGE = 1000


@dataclass(frozen=True, slots=True)
class Entering:
    """Statements to append, all or none: canonical bytes and CMS each."""

    statements: tuple[tuple[bytes, bytes | None], ...]
    forget: str | None = None
    """A batch whose journal rows go in the same transaction."""


@dataclass(frozen=True, slots=True)
class Noting:
    """A row of the journal."""

    row: Mapping[str, Any]


Write: TypeAlias = Entering | Noting | Callable[[sa.Connection], None]
Outcome: TypeAlias = tuple[Receipt, ...] | ApiError
"""Receipts of an `Entering` (none for the others), or why it was refused."""


@dataclass(frozen=True, slots=True)
class _Tree:
    """How far the log was read: what it comes to."""

    size: int
    edge: tuple[bytes, ...]
    fold: Fold | None


class Writer:
    """Owned by the one thread that writes."""

    def __init__(self, store: Store, fold: Fold | None) -> None:
        self._store = store
        self._first = fold
        self._tree: _Tree | None = None
        self._told = 0
        self.moved = False
        """The ledger stands in another store now: nothing is appended here any more."""
        self.on_head: Callable[[Head], None] | None = None
        """Hears what the log has come to."""

    @property
    def fold(self) -> Fold | None:
        """The state that the log, as far as it was read, leads to."""
        return self._tree.fold if self._tree else self._first

    def judge_by(self, fold: Fold) -> None:
        """Put all entries, from the first, to these rules from now on."""
        self._first, self._tree = fold, None

    def commit(self, writes: Sequence[Write]) -> list[Outcome]:
        """Do all of them, durably; raises `ApiError` (store_unreachable) where nothing was done, or nobody can tell."""
        if self.moved:
            raise ApiError(Code.STORE_UNREACHABLE, reason="store_moved")
        outcomes = self._store.again(lambda: self._commit(writes))
        self._tell()
        return outcomes

    def _commit(self, writes: Sequence[Write]) -> list[Outcome]:
        """Journal rows first and all at once: a statement of the same group may end the batch they belong to."""
        with self._store.begin() as connection:
            entering = [write for write in writes if isinstance(write, Entering)]
            tree = self._read_on(connection, lock=True) if entering else self._tree
            if rows := [write.row for write in writes if isinstance(write, Noting)]:
                self._store.note(connection, rows)
            outcomes: list[Outcome] = []
            there = self._there(connection, entering)
            for write in writes:
                if isinstance(write, Entering):
                    assert tree is not None
                    outcome, tree = self._enter(connection, tree, write, there)
                    outcomes.append(outcome)
                    continue
                if not isinstance(write, Noting):
                    write(connection)
                outcomes.append(())
            if entering and tree is not None:
                moved = connection.execute(head.update().values(size=tree.size, edge=b"".join(tree.edge)))
                if moved.rowcount != 1:
                    raise self._alters(tree.size)
        self._tree = tree
        return outcomes

    def _there(self, connection: sa.Connection, entering: Sequence[Entering]) -> dict[str, Entry]:
        """Those of the statements that stand in the log already, by their ids."""
        if not entering:
            return {}
        ids = [identity(raw, cms) for each in entering for raw, cms in each.statements]
        wanted = sa.select(entries.c.id, entries.c.seq, entries.c.statement, entries.c.signature).where(entries.c.id.in_(ids))
        return {row.id: Entry(row.seq, row.statement, row.signature) for row in connection.execute(wanted)} if ids else {}

    def _enter(self, connection: sa.Connection, tree: _Tree, write: Entering, there: dict[str, Entry]) -> tuple[Outcome, _Tree]:
        before, receipts, rows, drawn = tree, list[Receipt](), list[dict[str, Any]](), list[dict[str, Any]]()
        for raw, cms in write.statements:
            name = identity(raw, cms)
            if known := there.get(name):
                if known.raw != raw:
                    return ApiError(Code.NOT_ALLOWED, reason="statement_replayed", id=name), before
                receipts.append(_receipt(known.seq, edge_of(connection, known.seq + 1)))
                continue
            entry = Entry(tree.size, raw, cms)
            fold, refused = tree.fold.step(entry) if tree.fold else (None, None)
            if refused is not None:
                return _refusal(refused), before
            edge, nodes = merkle.grow(tree.edge, tree.size, merkle.leaf_hash(raw))
            tree = _Tree(tree.size + 1, edge, fold)
            rows.append({"seq": entry.seq, "id": name, "statement": raw, "signature": cms, "nodes": b"".join(nodes)})
            drawn.append(acts.act_of(entry))
            receipts.append(_receipt(entry.seq, edge))
        if rows:
            connection.execute(entries.insert(), rows)
            self._look(connection, rows)
            draw(connection, drawn)
            there |= {row["id"]: Entry(row["seq"], row["statement"], row["signature"]) for row in rows}
        if write.forget is not None:
            connection.execute(journal.delete().where(journal.c.batch == write.forget))
        return tuple(receipts), tree

    def _look(self, connection: sa.Connection, rows: Sequence[Mapping[str, Any]]) -> None:
        """A store that drops or changes what it is given (somebody put a trigger or a rule there) is found before anything is done on its word."""
        wanted = sa.select(entries).where(entries.c.seq.between(rows[0]["seq"], rows[-1]["seq"])).order_by(entries.c.seq)
        if [dict(row._mapping) for row in connection.execute(wanted)] != list(rows):
            raise self._alters(rows[0]["seq"])

    def _alters(self, entry: int) -> ApiError:
        return ApiError(Code.STORE_UNREACHABLE, reason="store_alters", path=self._store.name, entry=entry)

    def read_on(self) -> Head:
        """Read and fold what others appended; raises `ApiError` (store_unreachable: ledger_smaller, ledger_forked)."""
        tree = self._store.again(self._read_more)
        self._tell()
        return Head(tree.size, merkle.root(tree.edge))

    def _read_more(self) -> _Tree:
        with self._store.read() as connection:
            self._tree = self._read_on(connection, lock=False)
        return self._tree

    def _tell(self) -> None:
        if self.on_head is None or self._tree is None or self._tree.size == self._told:
            return
        try:
            self.on_head(Head(self._tree.size, merkle.root(self._tree.edge)))
        except ApiError:  # what was entered stands: it is told with the next
            return
        self._told = self._tree.size

    def _read_on(self, connection: sa.Connection, lock: bool) -> _Tree:
        wanted = sa.select(head.c.size, head.c.edge)
        size, packed = connection.execute(wanted.with_for_update() if lock else wanted).one()
        edge = tuple(packed[i : i + _HASH] for i in range(0, len(packed), _HASH))
        tree = self._tree
        if tree is None:
            tree = _Tree(size, edge, None) if self._first is None else _Tree(0, (), self._first)
        if size < tree.size:
            raise ApiError(Code.STORE_UNREACHABLE, reason="ledger_smaller", path=self._store.name, size=size, known=tree.size)
        for entry, nodes in read_from(connection, tree.size, size):
            after, grown = merkle.grow(tree.edge, tree.size, merkle.leaf_hash(entry.raw))
            if b"".join(grown) != nodes or entry.seq != tree.size:
                raise ApiError(Code.STORE_UNREACHABLE, reason="ledger_forked", path=self._store.name, entry=tree.size)
            tree = _Tree(tree.size + 1, after, tree.fold.step(entry)[0] if tree.fold else None)
        if (tree.size, tree.edge) != (size, edge):
            raise ApiError(Code.STORE_UNREACHABLE, reason="ledger_forked", path=self._store.name, entry=tree.size)
        return tree

    def draw_anew(self, whole: bool = False) -> None:
        """Bring what is drawn from the log up to it; all of it anew where it was drawn by older rules, or `whole` is asked for."""
        self._store.again(lambda: self._draw_anew(whole))

    def _draw_anew(self, whole: bool) -> None:
        with self._store.begin() as connection:
            size: int = connection.execute(sa.select(head.c.size).with_for_update()).scalar_one()
            version = connection.execute(sa.select(snapshots.c.version).where(snapshots.c.name == "acts")).scalar() or 0
            if whole or version < acts.VERSION:
                for table in (acts_table, opened):
                    connection.execute(table.delete())
                connection.execute(snapshots.delete().where(snapshots.c.name == "acts"))
                connection.execute(snapshots.insert(), {"name": "acts", "version": acts.VERSION, "size": 0})
            done = connection.execute(sa.select(sa.func.max(acts_table.c.seq))).scalar()
            page: list[dict[str, Any]] = []
            for entry, _ in read_from(connection, 0 if done is None else done + 1, size):
                page.append(acts.act_of(entry))
                if len(page) == _PAGE:
                    draw(connection, page)
                    page = []
            draw(connection, page)


def identity(raw: bytes, cms: bytes | None) -> str:
    """By what a statement is known, so that it is entered once: its id; unsigned ones of older versions have none."""
    found = acts.parsed(Entry(0, raw, cms)).get("id") if cms is not None else None
    return found if isinstance(found, str) else f"unsigned-{merkle.leaf_hash(raw).hex()}"


def edge_of(connection: sa.Connection, size: int) -> tuple[bytes, ...]:
    """The right edge of the tree of the first `size` entries, from the stored nodes; raises `ApiError` (store_unreachable: ledger_forked)."""
    cover = proof.cover(0, size)
    wanted = sa.select(entries.c.seq, entries.c.nodes).where(entries.c.seq.in_([node.row for node in cover]))
    nodes = {row.seq: row.nodes for row in connection.execute(wanted)}
    found = tuple(nodes.get(node.row, b"")[_HASH * node.level : _HASH * (node.level + 1)] for node in cover)
    for node, part in zip(cover, found, strict=True):
        if len(part) != _HASH:
            raise ApiError(Code.STORE_UNREACHABLE, reason="ledger_forked", entry=node.row)
    return found


def draw(connection: sa.Connection, rows: Sequence[dict[str, Any]]) -> None:
    """Enter rows of acts, and which sets they open and close."""
    if not rows:
        return
    connection.execute(acts_table.insert(), list(rows))
    begun: dict[str, dict[str, Any]] = {}
    ended: dict[str, None] = {}
    for row in rows:
        run = row["run"]
        if row["type"] in (acts.STARTED, acts.FINISHED) and run:
            ended[run] = None  # at a start too: nobody's second start of the same stops the log
            begun.pop(run, None)
            if row["type"] == acts.STARTED:
                begun[run] = {"batch": run, "seq": row["seq"], "agent": row["device"]}
    if ended:
        connection.execute(opened.delete().where(opened.c.batch == sa.bindparam("run")), [{"run": run} for run in ended])
    if begun:
        connection.execute(opened.insert(), list(begun.values()))


def read_from(connection: sa.Connection, seq: int, size: int) -> Iterator[tuple[Entry, bytes]]:
    """Entries from `seq` on, with their nodes, page by page; stops at a gap."""
    while seq < size:
        wanted = sa.select(entries).where(entries.c.seq >= seq, entries.c.seq < size).order_by(entries.c.seq).limit(_PAGE)
        rows = connection.execute(wanted).all()
        if not rows:
            return
        for row in rows:
            yield Entry(row.seq, row.statement, row.signature), row.nodes
        seq = rows[-1].seq + 1


def _receipt(seq: int, edge: tuple[bytes, ...]) -> Receipt:
    return Receipt(seq, seq + 1, merkle.root(edge))


def _refusal(refused: Refused) -> ApiError:
    return ApiError(Code.NOT_ALLOWED, reason=refused.reason, rule=refused.rule, **dict(refused.facts))
