"""The store of 0.3: signed statements with the tree's nodes, the head as a row of its own, what is drawn from the log, and nothing rewritten.

The statements of older versions stay as they are, byte for byte, without a signature.
"""

import hashlib
from collections.abc import Iterator

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

_Number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_PAGE = 1000


def upgrade() -> None:
    """Make the tables, carry the entries over, forbid their change."""
    connection = op.get_bind()
    op.rename_table("entries", "entries_0001")
    entries = op.create_table(
        "entries",
        sa.Column("seq", _Number, primary_key=True, autoincrement=False),
        sa.Column("id", sa.Text, nullable=False, unique=True),
        sa.Column("statement", sa.LargeBinary, nullable=False),
        sa.Column("signature", sa.LargeBinary, nullable=True),
        sa.Column("nodes", sa.LargeBinary, nullable=False),
    )
    head = op.create_table(
        "head",
        sa.Column("one", sa.Integer, sa.CheckConstraint("one = 1"), primary_key=True, autoincrement=False),
        sa.Column("size", _Number, nullable=False),
        sa.Column("edge", sa.LargeBinary, nullable=False),
    )
    op.add_column("journal", sa.Column("agent", sa.Text, nullable=False, server_default=""))
    op.create_table(
        "acts",
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
    for column in ("type", "actor", "object"):
        op.create_index(f"acts_{column}", "acts", [column, "seq"])
    op.create_index("acts_at", "acts", ["at"])
    op.create_index("acts_blind", "acts", ["blind"], sqlite_where=sa.text("blind IS NOT NULL"), postgresql_where=sa.text("blind IS NOT NULL"))
    op.create_table(
        "opened",
        sa.Column("batch", sa.Text, primary_key=True),
        sa.Column("seq", _Number, nullable=False),
        sa.Column("agent", sa.Text, nullable=False),
    )
    op.create_table(
        "snapshots",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("size", _Number, nullable=False),
        sa.Column("state", sa.LargeBinary, nullable=True),
    )
    size, edge = 0, list[bytes]()
    for statement in _old(connection):
        nodes = _grow(edge, size, hashlib.sha256(b"\x00" + statement).digest())
        row = {"seq": size, "id": f"unsigned-{size}", "statement": statement, "signature": None, "nodes": b"".join(nodes)}
        connection.execute(entries.insert(), row)
        size += 1
    connection.execute(head.insert(), {"one": 1, "size": size, "edge": b"".join(edge)})
    op.drop_table("entries_0001")
    _forbid_changes(connection)
    if connection.dialect.name == "postgresql":
        _grant(connection)


def _old(connection: sa.Connection) -> Iterator[bytes]:
    seq = -1
    wanted = sa.text("SELECT seq, statement FROM entries_0001 WHERE seq > :seq ORDER BY seq LIMIT :page")
    while rows := connection.execute(wanted, {"seq": seq, "page": _PAGE}).all():
        for seq, statement in rows:  # noqa: B007 - the last one is where the next page begins
            yield bytes(statement)


def _grow(edge: list[bytes], size: int, leaf: bytes) -> list[bytes]:
    """The subtrees that the leaf completes; `edge` becomes that of the larger tree."""
    nodes = [leaf]
    while size & 1:
        nodes.append(hashlib.sha256(b"\x01" + edge.pop() + nodes[-1]).digest())
        size >>= 1
    edge.append(nodes[-1])
    return nodes


def _forbid_changes(connection: sa.Connection) -> None:
    """No statement is changed or removed by an ordinary command; who owns the store can still take this away, and is found out by the tree."""
    if connection.dialect.name == "sqlite":
        for what in ("UPDATE", "DELETE"):
            connection.exec_driver_sql(
                f"CREATE TRIGGER entries_no_{what.lower()} BEFORE {what} ON entries BEGIN SELECT RAISE(ABORT, 'the log is append-only'); END"
            )
        return
    connection.exec_driver_sql(
        "CREATE FUNCTION entries_append_only() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'the log is append-only'; END $$"
    )
    connection.exec_driver_sql(
        "CREATE TRIGGER entries_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON entries FOR EACH STATEMENT EXECUTE FUNCTION entries_append_only()"
    )


def _grant(connection: sa.Connection) -> None:
    """A role that may append and change nothing.  Where this user may not make roles, an administrator does, and grants it the same."""
    connection.exec_driver_sql(
        """DO $$ BEGIN
             BEGIN
               IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'yinxin_agent') THEN CREATE ROLE yinxin_agent NOLOGIN; END IF;
             EXCEPTION WHEN insufficient_privilege OR duplicate_object OR unique_violation THEN NULL;
             END;
             IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'yinxin_agent') THEN
               GRANT USAGE ON SCHEMA yinxin TO yinxin_agent;
               GRANT SELECT, INSERT ON entries TO yinxin_agent;
               GRANT SELECT, UPDATE ON head TO yinxin_agent;
               GRANT SELECT, INSERT, UPDATE, DELETE ON journal, acts, opened, snapshots TO yinxin_agent;
               GRANT SELECT ON alembic_version TO yinxin_agent;
               BEGIN
                 GRANT yinxin_agent TO CURRENT_USER;
               EXCEPTION WHEN insufficient_privilege OR invalid_grant_operation THEN NULL;
               END;
             END IF;
           END $$"""
    )
