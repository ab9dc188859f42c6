"""What every store can do: a write transaction by one connection, read transactions beside it, and errors in our own words."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from agent.api.errors import ApiError, Code
from agent.store.tables import journal

T = TypeVar("T")
_WAITS_SECONDS = (0.0, 0.1, 0.5, 1.0, 2.0, 4.0)
"""Before each new try after a lost connection: a database that is started anew is back within that."""


class Lost(ApiError):
    """The connection broke: whether the transaction under way was committed is not known.  Whoever retries looks first."""


class Away(Lost):
    """There was no connection to be had."""


class Store:
    """An open store.  Writing is for one thread; reading is for any, beside it, and sees one state of everything."""

    kind: str
    """"sqlite" or "postgresql"."""

    def __init__(self, name: str, writing: sa.Engine, reading: sa.Engine) -> None:
        self.name = name
        """For people: a path, or a URL without its password."""
        self._writing, self._reading = writing, reading
        self._away = False

    @contextmanager
    def begin(self) -> Iterator[sa.Connection]:
        """A write transaction, committed durably at its end; raises `ApiError` (store_unreachable), `Lost` where its end is not known."""
        with self._told(), self._writing.begin() as connection:
            yield connection

    @contextmanager
    def read(self) -> Iterator[sa.Connection]:
        """A read transaction that sees one state; raises `ApiError` (store_unreachable)."""
        with self._told(), self._reading.begin() as connection:
            yield connection

    def note(self, connection: sa.Connection, rows: Sequence[Mapping[str, Any]]) -> None:
        """Rows of the journal; one that is there already takes the new facts."""
        connection.execute(_NOTE[self.kind], list(rows))

    def again(self, work: Callable[[], T]) -> T:
        """What `work` returns, done anew each time that the connection broke in it; raises what it raises, `Lost` at last.  Blocks.

        Where the last one waited in vain, this one does not wait as long.
        """
        for wait in _WAITS_SECONDS[: 2 if self._away else None]:
            if wait:  # giving way to others even for nothing takes milliseconds on a busy machine
                time.sleep(wait)
            try:
                done = work()
            except Lost as error:
                lost = error
            else:
                self._away = False
                return done
        self._away = True
        raise lost

    def close(self) -> None:
        """Close it."""
        self._reading.dispose()
        self._writing.dispose()

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except sa.exc.DBAPIError as error:
            kind = Lost if error.connection_invalidated else ApiError
            raise kind(Code.STORE_UNREACHABLE, **self._facts(error)) from error
        except sa.exc.SQLAlchemyError as error:
            raise ApiError(Code.STORE_UNREACHABLE, path=self.name, type=type(error).__name__, detail=str(error)[:200]) from error

    def _facts(self, error: sa.exc.DBAPIError) -> dict[str, Any]:
        return {"path": self.name, "type": type(error.orig).__name__, "detail": " ".join(str(error.orig).split())[:200]}


def _noting(dialect: Any) -> sa.Insert:
    insert = dialect.insert(journal)
    keys = [column.name for column in journal.primary_key]
    made: sa.Insert = insert.on_conflict_do_update(index_elements=keys, set_={"facts": insert.excluded.facts})
    return made


_NOTE = {"sqlite": _noting(sqlite), "postgresql": _noting(postgresql)}
"""Made once: it is done twice for every document."""
