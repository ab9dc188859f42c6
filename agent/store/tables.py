"""The tables: one append-only log that is the truth, the row that is locked to append to it, the journal, and what is drawn from the log.

The migrations make them; here they are named for queries.
"""

import sqlalchemy as sa

metadata = sa.MetaData()

_Number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")  # SQLite's row id is an INTEGER

entries = sa.Table(
    "entries",
    metadata,
    sa.Column("seq", _Number, primary_key=True, autoincrement=False),
    sa.Column("id", sa.Text, nullable=False, unique=True),
    sa.Column("statement", sa.LargeBinary, nullable=False),
    sa.Column("signature", sa.LargeBinary, nullable=True),
    sa.Column("nodes", sa.LargeBinary, nullable=False),
)
"""The log.  `statement`: canonical JSON as it was signed; `signature`: its detached CMS, NULL for entries of versions before 0.3, which signed none;
`id`: the statement's own, so that none is entered twice; `nodes`: the RFC 9162 hashes of the perfect subtrees that this leaf completes,
32 bytes each, the leaf's own first.  The subtree of level k and index i thus stands at seq (i + 1)·2^k − 1, bytes 32k to 32k + 32."""

head = sa.Table(
    "head",
    metadata,
    sa.Column("one", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("size", _Number, nullable=False),
    sa.Column("edge", sa.LargeBinary, nullable=False),
)
"""One row, locked by whoever appends: the number of entries and the tree's right edge (roots of the perfect subtrees, largest first)."""

journal = sa.Table(
    "journal",
    metadata,
    sa.Column("batch", sa.Text, primary_key=True),
    sa.Column("n", sa.Integer, primary_key=True),
    sa.Column("step", sa.Text, primary_key=True),
    sa.Column("facts", sa.LargeBinary, nullable=False),
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
    sa.Column("blind", sa.LargeBinary, nullable=True),
    sa.Column("names", sa.Text, nullable=False),
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
    sa.Column("state", sa.LargeBinary, nullable=True),
)
"""Up to which size of the log something has been drawn from it, by which version of its rules, and the state where there is one."""
