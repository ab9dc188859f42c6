"""One SQLite file, written by one thread of one agent, with full synchronisation (facts: WAL + FULL), read by others of its threads."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.pool import QueuePool, StaticPool

from agent.api.errors import ApiError, Code
from agent.store import store
from agent.store.migrating import migrate
from tokens import platform

_REMOTE = frozenset({
    "nfs", "nfs4", "cifs", "smb3", "smbfs", "ncpfs", "afs", "9p", "ceph", "glusterfs", "lustre", "beegfs", "davfs", "orangefs", "gfs2", "ocfs2",
    "fuse.sshfs", "fuse.rclone", "fuse.davfs", "fuse.davfs2", "fuse.glusterfs", "fuse.ceph", "fuse.s3fs", "fuse.gvfsd-fuse", "fuse.smbnetfs",
})  # fmt: skip
"""File systems that other computers share, on which locks and shared memory are not what SQLite needs: a ledger would be damaged there."""
_PATIENCE_SECONDS = 5.0
"""How long to wait for a program that has locked the file, one that makes a copy of it for instance."""


class Store(store.Store):
    """The open database file of a home; while it is open, no other agent opens it."""

    kind = "sqlite"

    def __init__(self, path: Path, patience: float = _PATIENCE_SECONDS) -> None:
        self._path = Path(os.path.realpath(path))
        self._log = f"{self._path}-wal"
        kind, place = platform.file_system_of(self._path.parent)
        if kind in _REMOTE and place != "/":
            raise ApiError(Code.STORE_UNREACHABLE, reason="store_remote", path=str(path), file_system=kind, place=place)
        self._lock = self._locked()
        try:
            super().__init__(str(path), self._engine(patience, writing=True), self._engine(patience, writing=False))
            self._files: tuple[object, object] | None = None
            with self.begin() as connection:
                migrate(connection)
            self._path.chmod(0o600)
        except BaseException:
            os.close(self._lock)
            raise

    def close(self) -> None:
        """Close the file, and let other agents open it."""
        super().close()
        os.close(self._lock)

    def _locked(self) -> int:
        try:
            lock = platform.lock_file(self._path.with_name(self._path.name + ".lock"))
            if lock is not None:
                os.close(os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
                return lock
        except OSError as error:
            raise ApiError(Code.STORE_UNREACHABLE, path=str(self._path), type=type(error).__name__, detail=error.strerror) from error
        raise ApiError(Code.STORE_UNREACHABLE, reason="store_in_use", path=str(self._path))

    def _engine(self, patience: float, writing: bool) -> sa.Engine:
        engine = sa.create_engine(
            sa.URL.create("sqlite", database=str(self._path)),  # not as text: a path may hold what a URL escapes
            connect_args={"check_same_thread": False, "timeout": patience, "isolation_level": None},
            **({"poolclass": StaticPool} if writing else {"poolclass": QueuePool, "pool_size": 2, "max_overflow": 6}),
        )
        pragmas = ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON") if writing else ("query_only=ON", "wal_autocheckpoint=0")

        def prepare(connection: Any, _record: object) -> None:
            cursor = connection.cursor()
            for pragma in pragmas:
                cursor.execute(f"PRAGMA {pragma}")
            cursor.close()

        sa.event.listen(engine, "connect", prepare)
        sa.event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN"))
        return engine

    @contextmanager
    def begin(self) -> Iterator[sa.Connection]:
        """A write transaction, on the disk at its end and in the file that bears its name; raises `ApiError` (store_unreachable: store_replaced)."""
        with super().begin() as connection:
            yield connection
        self._look()

    def _look(self) -> None:
        """What was committed must be there for whoever opens the file next: somebody may have removed or replaced it, or its log, under us.

        A log that is gone is mended at once, by writing what it held into the file itself.
        """
        found = _place(self._path), _place(self._log)
        if self._files is None or (found[1] is not None and self._files[1] is None):
            self._files = found
        elif found[0] != self._files[0]:
            raise ApiError(Code.STORE_UNREACHABLE, reason="store_replaced", path=self.name)
        elif found[1] != self._files[1]:
            raw = self._writing.raw_connection()
            try:
                busy = raw.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
            except sqlite3.Error:  # as it is until the next commit
                busy = True
            finally:
                raw.close()
            if not busy:
                self._reading.dispose()
                self._writing.dispose()
                self._files = None
                with self._told(), self._writing.begin():  # opens it again, and makes a new log
                    pass

    def _facts(self, error: sa.exc.DBAPIError) -> dict[str, Any]:
        locked = getattr(error.orig, "sqlite_errorname", "") in {"SQLITE_BUSY", "SQLITE_LOCKED"}
        return {**super()._facts(error), **({"reason": "store_locked"} if locked else {})}


def _place(path: str | Path) -> tuple[int, int] | None:
    """Which file it is; None where there is none."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino
