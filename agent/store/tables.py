"""The tables: one append-only log that is the truth, the row that is locked to append to it, the journal, and what is drawn from the log.

The migrations make them; here they are named for queries.
"""

from typing import Any

import sqlalchemy as sa

metadata = sa.MetaData()

_Number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")  # SQLite's row id is an INTEGER


class _Bytes(sa.types.TypeDecorator[bytes]):
    """Bytes.  SQLite keeps any kind of value in any column: what is of another kind was put there by somebody else, and is read as nothing."""

    impl = sa.LargeBinary
    cache_ok = True

    def process_result_value(self, value: Any, dialect: sa.Dialect) -> bytes | None:
        """What was read; no bytes in place of another kind of value."""
        return value if value is None or isinstance(value, bytes) else b""


class _Text(sa.types.TypeDecorator[str]):
    """Text, in the same way."""

    impl = sa.Text
    cache_ok = True

    def process_result_value(self, value: Any, dialect: sa.Dialect) -> str | None:
        """What was read; no text in place of another kind of value."""
        return value if value is None or isinstance(value, str) else ""


entries = sa.Table(
    "entries",
    metadata,
    sa.Column("seq", _Number, primary_key=True, autoincrement=False),
    sa.Column("id", sa.Text, nullable=False, unique=True),
    sa.Column("statement", _Bytes, nullable=False),
    sa.Column("signature", _Bytes, nullable=True),
    sa.Column("nodes", _Bytes, nullable=False),
)
"""The log.  `statement`: canonical JSON as it was signed; `signature`: its detached CMS, NULL for entries of versions before 0.3, which signed none;
`id`: the statement's own, so that none is entered twice; `nodes`: the RFC 9162 hashes of the perfect subtrees that this leaf completes,
32 bytes each, the leaf's own first.  The subtree of level k and index i thus stands at seq (i + 1)·2^k − 1, bytes 32k to 32k + 32."""

head = sa.Table(
    "head",
    metadata,
    sa.Column("one", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("size", _Number, nullable=False),
    sa.Column("edge", _Bytes, nullable=False),
)
"""One row, locked by whoever appends: the number of entries and the tree's right edge (roots of the perfect subtrees, largest first)."""

journal = sa.Table(
    "journal",
    metadata,
    sa.Column("batch", sa.Text, primary_key=True),
    sa.Column("n", sa.Integer, primary_key=True),
    sa.Column("step", sa.Text, primary_key=True),
    sa.Column("facts", _Bytes, nullable=False),
    sa.Column("agent", sa.Text, nullable=False, server_default=""),
)
"""What a closed set under way has reached, per document; its rows go when its outcome stands in the log.  `agent`: whose set it is."""

acts = sa.Table(
    "acts",
    metadata,
    sa.Column("seq", _Number, primary_key=True, autoincrement=False),
    sa.Column("at", sa.Text, nullable=False),
    sa.Column("type", sa.Text, nullable=False),
    sa.Column("actor", sa.Text, nullable=False),
    sa.Column("device", sa.Text, nullable=False),
    sa.Column("object", sa.Text, nullable=False),
    sa.Column("run", sa.Text, nullable=False),
    sa.Column("blind", _Bytes, nullable=True),
    sa.Column("names", _Text, nullable=False),
)
"""For lists and searches, drawn from the log (`agent.ledger.acts` says how), one row an entry.  `object`: the set, person, device… that it is about;
`run`: the attempt at a set; `blind`: what documents signed under this entry carry of its number; `names`: of files and people, folded, one a line."""

opened = sa.Table(
    "opened",
    metadata,
    sa.Column("batch", sa.Text, primary_key=True),
    sa.Column("seq", _Number, nullable=False),
    sa.Column("agent", sa.Text, nullable=False),
)
"""Closed sets that were started and have no outcome, drawn from the log."""

snapshots = sa.Table(
    "snapshots",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("size", _Number, nullable=False),
    sa.Column("state", _Bytes, nullable=True),
)
"""Up to which size of the log something has been drawn from it, by which version of its rules, and the state where there is one."""
