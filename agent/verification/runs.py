"""What verifications found, kept on the disk: a run that was stopped goes on from here, and reports are made from here.

One SQLite file in the state folder.  Verdicts are written as they come, so that a killed agent loses none that was finished, and read in pages, so
that ten thousand documents take no more memory than ten.
"""

import json
import os
import secrets
import sqlite3
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from threading import RLock
from typing import Any, Final

from agent.api.errors import ApiError, Code

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS runs (
    number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, made TEXT NOT NULL, folders INTEGER NOT NULL, request TEXT NOT NULL,
    environment TEXT NOT NULL DEFAULT '{}', left_out TEXT NOT NULL DEFAULT '{}', finished TEXT);
CREATE TABLE IF NOT EXISTS documents (
    number INTEGER PRIMARY KEY, run INTEGER NOT NULL REFERENCES runs (number) ON DELETE CASCADE, place REAL NOT NULL, path BLOB NOT NULL,
    seen INTEGER NOT NULL, verdict TEXT, conditions TEXT, checked TEXT, parts TEXT, document BLOB, UNIQUE (run, path));
CREATE INDEX IF NOT EXISTS documents_in_order ON documents (run, place);
CREATE INDEX IF NOT EXISTS documents_by_verdict ON documents (run, verdict);
"""
_MANNER: Final = (
    "PRAGMA auto_vacuum = INCREMENTAL; PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA foreign_keys = ON;"
    # what was written is moved into the file by `settle`, off the path of whoever writes
    "PRAGMA wal_autocheckpoint = 0;"
)
_KEPT: Final = {False: 50, True: 10}
"""Runs that are kept: over single files, and over folders."""
_PAGE: Final = 200


@dataclass(frozen=True, slots=True)
class Planned:
    """A file of a run, and what was found out about it before, if anything was."""

    place: float
    file: str
    conditions: str | None
    checked: str | None
    parts: tuple[Mapping[str, Any], ...]


def now() -> str:
    """This moment as it is written here: RFC 3339, UTC, whole seconds."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class Runs:
    """The runs of one home; every method is one short transaction, may be called from any thread, and raises `ApiError` (store_unreachable)."""

    def __init__(self, path: Path | str, *, read_only: bool = False) -> None:
        self.path = str(path)
        self._read_only = read_only
        self._turn = RLock()
        self._opened: sqlite3.Connection | None = None

    def close(self) -> None:
        """Close the file; it is opened again when needed."""
        with self._turn:
            if self._opened is not None:
                self._opened.close()
                self._opened = None

    @contextmanager
    def _db(self) -> Iterator[sqlite3.Connection]:
        with self._turn:
            try:
                if self._opened is None:
                    self._opened = self._open()
                with self._opened:
                    yield self._opened
            except (sqlite3.Error, OSError) as exc:
                raise ApiError(Code.STORE_UNREACHABLE, reason="verifications", path=self.path, detail=str(exc)) from exc

    def _open(self) -> sqlite3.Connection:
        if self._read_only:
            return sqlite3.connect(f"{Path(self.path).as_uri()}?mode=ro", uri=True, check_same_thread=False)
        try:
            return self._made()
        except sqlite3.OperationalError:  # locked, full, not allowed: no reason to throw away what is there
            raise
        except sqlite3.DatabaseError:  # damaged: what it kept can be found out again
            os.replace(self.path, f"{self.path}.damaged")
            return self._made()

    def _made(self) -> sqlite3.Connection:
        os.close(os.open(self.path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600))
        db = sqlite3.connect(self.path, check_same_thread=False)
        try:
            db.executescript(_MANNER + _SCHEMA)
        except sqlite3.Error:
            db.close()
            raise
        return db

    def new(self, request: Mapping[str, Any], folders: bool) -> str:
        """Begin a run over what `request` names, and forget the oldest ones; its id."""
        run = "V" + secrets.token_hex(6)
        with self._db() as db:
            db.execute("INSERT INTO runs (id, made, folders, request) VALUES (?, ?, ?, ?)", (run, now(), folders, _json(request)))
            for kind, kept in _KEPT.items():
                db.execute(
                    "DELETE FROM runs WHERE number IN (SELECT number FROM runs WHERE folders = ? ORDER BY number DESC LIMIT -1 OFFSET ?)",
                    (kind, kept),
                )
        return run

    def find(self, run: str) -> dict[str, Any]:
        """{run, made, finished, folders, request, environment, left_out}; raises KeyError."""
        with self._db() as db:
            row = db.execute("SELECT id, made, finished, folders, request, environment, left_out FROM runs WHERE id = ?", (run,)).fetchone()
        if row is None:
            raise KeyError(run)
        return {
            "run": row[0], "made": row[1], "finished": row[2], "folders": bool(row[3]), "request": json.loads(row[4]),
            "environment": json.loads(row[5]), "left_out": json.loads(row[6]),
        }  # fmt: skip

    def newest(self) -> str | None:
        """The id of the newest run over folders that was not finished."""
        with self._db() as db:
            row = db.execute("SELECT id FROM runs WHERE folders AND finished IS NULL ORDER BY number DESC LIMIT 1").fetchone()
        return None if row is None else str(row[0])

    def begin(self, run: str) -> None:
        """Nothing of this run is planned; what was found stays, for the files that are planned again."""
        with self._db() as db:
            db.execute("UPDATE runs SET finished = NULL WHERE id = ?", (run,))
            db.execute("UPDATE documents SET seen = 0 WHERE run = (SELECT number FROM runs WHERE id = ?)", (run,))

    def plan(self, run: str, files: Iterable[tuple[float, str]]) -> int:
        """Add files at their places; how many there were."""
        count = 0
        with self._db() as db:
            number = _number(db, run)
            for place, file in files:
                db.execute(
                    "INSERT INTO documents (run, place, path, seen) VALUES (?, ?, ?, 1) ON CONFLICT (run, path) DO UPDATE SET place = ?, seen = 1",
                    (number, place, os.fsencode(file), place),
                )
                count += 1
        return count

    def planned(self, run: str) -> int:
        """Forget the files that are not there any more; how many are planned."""
        with self._db() as db:
            number = _number(db, run)
            db.execute("DELETE FROM documents WHERE run = ? AND NOT seen", (number,))
            return int(db.execute("SELECT count(*) FROM documents WHERE run = ?", (number,)).fetchone()[0])

    def files(self, run: str) -> Iterator[Planned]:
        """The planned files in their order, those too that are added meanwhile with a later place."""
        last = -1.0
        while True:
            with self._db() as db:
                rows = db.execute(
                    "SELECT place, path, conditions, checked, parts FROM documents WHERE run = ? AND place > ? ORDER BY place LIMIT ?",
                    (_number(db, run), last, _PAGE),
                ).fetchall()
            if not rows:
                return
            for place, path, conditions, checked, parts in rows:
                yield Planned(place, os.fsdecode(path), conditions, checked, tuple(json.loads(parts or "[]")))
            last = rows[-1][0]

    def put(self, run: str, file: str, document: Mapping[str, Any], conditions: str) -> None:
        """What was found about a planned file; `document` as a worker gives it, with its `parts`.  Does not wait for the disk (see `settle`)."""
        found = {name: value for name, value in document.items() if name != "parts"}
        packed = zlib.compress(_json(found).encode(), 1)
        with self._db() as db:
            db.execute(
                "UPDATE documents SET verdict = ?, conditions = ?, checked = ?, parts = ?, document = ?"
                " WHERE run = (SELECT number FROM runs WHERE id = ?) AND path = ?",
                (document["verdict"], conditions, now(), _json(document.get("parts", [])), packed, run, os.fsencode(file)),
            )

    def settle(self) -> None:
        """Move what was written to its place in the file; may wait for the disk."""
        with self._turn:
            if self._opened is not None:
                self._opened.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
                self._opened.execute("PRAGMA incremental_vacuum(2000)").fetchall()

    def drop(self, run: str, file: str) -> None:
        """This file holds no signature and need not: it does not belong to the run."""
        with self._db() as db:
            db.execute("DELETE FROM documents WHERE run = ? AND path = ?", (_number(db, run), os.fsencode(file)))

    def end(self, run: str, environment: Mapping[str, Any], left_out: Mapping[str, Any], *, finished: bool) -> None:
        """The run stops here: under which circumstances it was made, and what it left out."""
        with self._db() as db:
            db.execute(
                "UPDATE runs SET environment = ?, left_out = ?, finished = ? WHERE id = ?",
                (_json(environment), _json(left_out), now() if finished else None, run),
            )

    def counts(self, run: str) -> dict[str, int]:
        """Documents by verdict, and `waiting`: those that have none yet."""
        with self._db() as db:
            rows = db.execute("SELECT verdict, count(*) FROM documents WHERE run = ? GROUP BY verdict", (_number(db, run),)).fetchall()
        return {"passed": 0, "failed": 0, "indeterminate": 0, "waiting": 0} | {verdict or "waiting": count for verdict, count in rows}

    def page(self, run: str, after: float, most: int, exceptions: bool) -> list[tuple[float, dict[str, Any]]]:
        """Documents with their places, in order, behind the place `after` (-1: from the first); raises KeyError.

        `exceptions`: only what did not pass.
        """
        with self._db() as db:
            rows = db.execute(
                "SELECT place, document FROM documents WHERE run = ? AND document IS NOT NULL AND place > ? AND (NOT ? OR verdict <> 'passed')"
                " ORDER BY place LIMIT ?",
                (_number(db, run), after, exceptions, most),
            ).fetchall()
        return [(row[0], json.loads(zlib.decompress(row[1]))) for row in rows]

    def documents(self, run: str, *, exceptions: bool = False) -> Iterator[dict[str, Any]]:
        """Every document of a run that has a verdict, in order."""
        after = -1.0
        while page := self.page(run, after, _PAGE, exceptions):
            for _, document in page:
                yield document
            after = page[-1][0]


def _number(db: sqlite3.Connection, run: str) -> int:
    row = db.execute("SELECT number FROM runs WHERE id = ?", (run,)).fetchone()
    if row is None:
        raise KeyError(run)
    return int(row[0])


def _json(value: Mapping[str, Any] | Sequence[Any]) -> str:
    return json.dumps(value, separators=(",", ":"))
