"""The journal of closed sets: what a killed agent left open, and how far each document came."""

import hashlib
import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from agent.ledger import acts
from agent.ledger.entry import Entry
from agent.ledger.notes import NoteKey
from agent.store.tables import entries, journal, opened


@dataclass(frozen=True, slots=True)
class OpenSet:
    """A closed set that was started and has no outcome: its opening statement and how far each document came."""

    statement: Mapping[str, Any]
    publishing: Mapping[int, str]
    """SHA-256 (hex) of each document that was about to appear."""
    attributes: Mapping[int, str]
    """SHA-256 (hex) of what the token was asked to sign."""
    seq: int = -1
    """The number of the opening statement.  Who may write the database may have made it: it can lack anything."""


def open_sets(connection: sa.Connection, agent: str | None, key: NoteKey | None = None) -> list[OpenSet]:
    """Sets without an outcome, in order; those that `agent` began, where several share the log.

    With a `key`, notes that bear no code of it are passed over; those of versions that made none count where the set was begun by such a one.
    """
    wanted = sa.select(opened.c.batch, entries).join(entries, entries.c.seq == opened.c.seq).order_by(opened.c.seq)
    if agent is not None:
        wanted = wanted.where(opened.c.agent == agent)
    found = []
    for row in connection.execute(wanted).all():
        known = key if row.signature is not None else None
        statement = acts.parsed(Entry(row.seq, row.statement, row.signature))
        publishing = {n: facts.decode() for n, facts in noted(connection, row.batch, "publishing", known).items()}
        asked = {n: hashlib.sha256(facts).hexdigest() for n, facts in noted(connection, row.batch, "attributes", known).items()}
        found.append(OpenSet(statement, publishing, asked, row.seq))
    return found


def noted(connection: sa.Connection, batch: str, step: str, key: NoteKey | None) -> dict[int, bytes]:
    """What was noted of the documents of a set; with a `key`, by this home alone."""
    rows = connection.execute(sa.select(journal.c.n, journal.c.facts).where(journal.c.batch == batch, journal.c.step == step)).all()
    if key is None:
        return {row.n: bytes(row.facts) for row in rows}
    opened_notes = {row.n: key.open(batch, row.n, step, bytes(row.facts)) for row in rows}
    return {n: facts for n, facts in opened_notes.items() if facts is not None}


def staged(connection: sa.Connection, agent: str | None) -> list[tuple[str, bytes]]:
    """Batch and folder of what lies, or lay, under hidden names."""
    wanted = sa.select(journal.c.batch, journal.c.facts).where(journal.c.step == "staged")
    if agent is not None:
        wanted = wanted.where(journal.c.agent == agent)
    return [(row.batch, row.facts) for row in connection.execute(wanted)]


def swept(connection: sa.Connection, batch: str) -> None:
    """Nothing of this batch lies under hidden names any more."""
    connection.execute(journal.delete().where(journal.c.batch == batch, journal.c.step == "staged"))


def digest_of(path: str | bytes) -> str | None:
    """SHA-256 (hex) of a file's present content; None where it cannot be read."""
    try:
        with open(path, "rb", opener=lambda p, f: os.open(p, f | os.O_NONBLOCK)) as source:  # a pipe in its place must not hold us up
            return hashlib.file_digest(source, "sha256").hexdigest() if stat.S_ISREG(os.fstat(source.fileno()).st_mode) else None
    except OSError:
        return None
