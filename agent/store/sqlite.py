"""One SQLite file per home, written by one thread of one agent, with full synchronisation (facts: WAL + FULL)."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.pool import StaticPool

from agent.api.errors import ApiError, Code

metadata = sa.MetaData()

entries = sa.Table(
    "entries",
    metadata,
    sa.Column("seq", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("statement", sa.LargeBinary, nullable=False),
    sa.Column("leaf", sa.LargeBinary(32), nullable=False),
    sa.Column("edge", sa.LargeBinary, nullable=False),
)
"""The log: `statement` is canonical JSON, `leaf` its RFC 9162 leaf hash, `edge` the hashes of the tree's right edge after it."""

journal = sa.Table(
    "journal",
    metadata,
    sa.Column("batch", sa.Text, primary_key=True),
    sa.Column("n", sa.Integer, primary_key=True),
    sa.Column("step", sa.Text, primary_key=True),
    sa.Column("facts", sa.LargeBinary, nullable=False),
)
"""What a closed set under way has reached, per document; its rows go when its outcome stands in the log."""


class Store:
    """The open database file of a home."""

    def __init__(self, path: Path) -> None:
        self._engine = sa.create_engine(
            sa.URL.create("sqlite", database=str(path)),  # not as text: a path may hold what a URL escapes
            poolclass=StaticPool,
            connect_args={"check_same_thread": False, "timeout": 5, "isolation_level": None},
        )

        self._path = str(path)

        def prepare(connection: object, _record: object) -> None:
            cursor = connection.cursor()  # type: ignore[attr-defined]
            for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
                cursor.execute(f"PRAGMA {pragma}")
            cursor.close()

        sa.event.listen(self._engine, "connect", prepare)
        sa.event.listen(self._engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN IMMEDIATE"))
        with self.begin() as connection:
            metadata.create_all(connection)
        path.chmod(0o600)

    @contextmanager
    def begin(self) -> Iterator[sa.Connection]:
        """A write transaction; raises `ApiError` (store_unreachable) when the file cannot be read or written."""
        try:
            with self._engine.begin() as connection:
                yield connection
        except sa.exc.DBAPIError as error:
            raise ApiError(Code.STORE_UNREACHABLE, path=self._path, type=type(error.orig).__name__, detail=str(error.orig)[:200]) from error

    def close(self) -> None:
        """Close the file."""
        self._engine.dispose()
