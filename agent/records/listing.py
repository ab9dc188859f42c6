"""Reading a ledger page by page: what the filters of a list mean, and the rows of a page."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from typing import Any, Final, Literal

import sqlalchemy as sa

from agent.api.errors import ApiError, Code
from agent.ledger import proof
from agent.ledger.acts import FINISHED, STARTED
from agent.ledger.checking import Finding, Row
from agent.records import words
from agent.records.worker import DRAWN
from agent.store.tables import acts, entries, head, opened

LIMIT_MAX: Final = 500
_READ_MAX: Final = 64 * 1024
"""Bytes of a statement that a list reads for its line; of a longer one it shows the names only."""
_NAMES_SHOWN: Final = 20
_HASH: Final = 32


@dataclass(frozen=True, slots=True)
class Filters:
    """Which entries are wanted; None or empty: all."""

    type: str | None = None
    """A type, or its noun: "signature" for "signature.started" too."""
    actor: str | None = None
    device: str | None = None
    object: str | None = None
    """The batch, person, device… that it is about."""
    start: str | None = None
    """RFC 3339; from this moment on."""
    end: str | None = None
    """RFC 3339; before this moment."""
    text: str | None = None
    """Part of a name, a type or what it is about; or the entry's number."""

    @property
    def any(self) -> bool:
        """Whether anything is filtered at all."""
        return any(getattr(self, each.name) for each in fields(self))

    def conditions(self) -> list[sa.ColumnElement[bool]]:
        """As SQL over `acts`; raises `ApiError` (usage, reason time)."""
        found: list[sa.ColumnElement[bool]] = []
        if self.type:
            found.append(sa.or_(acts.c.type == self.type, acts.c.type.startswith(f"{self.type}.", autoescape=True)))
        for column, wanted in ((acts.c.actor, self.actor), (acts.c.device, self.device), (acts.c.object, self.object)):
            if wanted:
                found.append(column == wanted)
        if self.start:
            found.append(acts.c.at >= moment(self.start))
        if self.end:
            found.append(acts.c.at < moment(self.end))
        for word in " ".join((self.text or "").split()).split(" ") if self.text else ():
            found.append(_holds(word))
        return found


def _holds(word: str) -> sa.ColumnElement[bool]:
    text = word.casefold().replace("\x00", "")
    places = [acts.c.names.contains(text, autoescape=True), acts.c.type.contains(text, autoescape=True), acts.c.object == word, acts.c.actor == word]
    if word.isascii() and word.isdecimal() and len(word) < 19:
        places.append(acts.c.seq == int(word))
    return sa.or_(*places)


def moment(text: str) -> str:
    """A time of a filter as statements write it; raises `ApiError` (usage, reason time)."""
    try:
        at = datetime.fromisoformat(text)
        at = at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)
    except (ValueError, OverflowError) as error:
        raise ApiError(Code.USAGE, reason="time") from error
    return at.isoformat(timespec="microseconds").replace("+00:00", "Z")


@dataclass(frozen=True, slots=True)
class Page:
    """Rows of a list, and whether there are more."""

    entries: list[dict[str, Any]]
    size: int
    more: bool
    total: int | None


def page(
    connection: sa.Connection,
    wanted: Filters,
    *,
    after: int | None = None,
    before: int | None = None,
    limit: int = 100,
    order: Literal["newest", "oldest"] = "newest",
    count: bool = False,
) -> Page:
    """One page: entries with a number beyond `after` and below `before`; `count` all that fit the filters."""
    filtered = wanted.conditions()
    last = sa.select(head.c.size).scalar_subquery()
    bounds = [acts.c.seq > (-1 if after is None else after), acts.c.seq < last]
    bounds += [acts.c.seq < before] if before is not None else []
    sort = acts.c.seq.desc() if order == "newest" else acts.c.seq
    picked = sa.select(acts.c.seq).where(*filtered, *bounds).order_by(sort).limit(limit + 1).scalar_subquery()
    short = sa.case((sa.func.length(entries.c.statement) <= _READ_MAX, entries.c.statement), else_=None).label("raw")
    columns = (acts, entries.c.id, short, entries.c.signature.is_not(None).label("signed"))
    query = sa.select(*columns).join(entries, entries.c.seq == acts.c.seq).where(acts.c.seq.in_(picked)).order_by(sort)
    rows = connection.execute(query).all()
    size: int = connection.execute(sa.select(head.c.size)).scalar_one()
    total: int | None = None
    if count:
        total = connection.execute(sa.select(sa.func.count()).select_from(acts).where(*filtered)).scalar_one() if filtered else size
    return Page([shown(dict(row._mapping)) for row in rows[:limit]], size, len(rows) > limit, total)


def shown(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row as lists have it."""
    names = row["names"].split("\n") if row["names"] else []
    line = words.say("", "")
    if row["raw"] is not None:
        line = words.summary(row["type"], _body(row["raw"]))
    if not line["en"]:
        text = " · ".join(words.plain(name) for name in names[:3])
        line = words.say(text, text)
    return {
        "seq": row["seq"],
        "id": row["id"],
        "at": words.plain(row["at"]),
        "type": words.plain(row["type"]),
        "title": words.title(row["type"]),
        "summary": line,
        "actor": words.plain(row["actor"]) or None,
        "device": words.plain(row["device"]) or None,
        "object": words.plain(row["object"]) or None,
        "names": [words.plain(name) for name in names[:_NAMES_SHOWN]],
        "signed": bool(row["signed"]),
    }


def _body(raw: bytes) -> object:
    try:
        return json.loads(raw).get("body")
    except (ValueError, AttributeError, RecursionError):
        return None


def counts(connection: sa.Connection) -> dict[str, int]:
    """How many entries there are of each type."""
    rows = connection.execute(sa.select(acts.c.type, sa.func.count()).group_by(acts.c.type))
    return {row[0]: row[1] for row in rows}


def ends(connection: sa.Connection) -> tuple[str | None, str | None, int]:
    """When the first and the last entry were made, and how many are from before statements were signed."""
    at = sa.select(acts.c.at).limit(1)
    first = connection.execute(at.order_by(acts.c.seq)).scalar()
    last = connection.execute(at.order_by(acts.c.seq.desc())).scalar()
    signed = sa.select(entries.c.seq).where(entries.c.signature.is_not(None)).order_by(entries.c.seq).limit(1)
    founding = connection.execute(signed).scalar()
    return first, last, founding if founding is not None else connection.execute(sa.select(head.c.size)).scalar_one()


def stored(connection: sa.Connection, covers: tuple[proof.Cover, ...]) -> dict[proof.Node, bytes]:
    """The stored hashes that a proof needs; raises `ApiError` (store_unreachable, reason ledger_forked) where one is missing."""
    needed = proof.needed(covers)
    query = sa.select(entries.c.seq, entries.c.nodes).where(entries.c.seq.in_({node.row for node in needed}))
    rows = {row.seq: row.nodes for row in connection.execute(query)}
    found = {node: rows.get(node.row, b"")[_HASH * node.level : _HASH * (node.level + 1)] for node in needed}
    for node, part in found.items():
        if len(part) != _HASH:
            raise ApiError(Code.STORE_UNREACHABLE, reason="ledger_forked", entry=node.row)
    return found


def some_rows(connection: sa.Connection, after: int, size: int, limit: int, wanted: Filters | None = None) -> list[Row]:
    """At most `limit` entries with numbers beyond `after` and below `size`, in order; those that fit the filters, where there are any."""
    query = sa.select(entries).where(entries.c.seq > after, entries.c.seq < size).order_by(entries.c.seq).limit(limit)
    if wanted is not None and (filtered := wanted.conditions()):
        query = query.join(acts, acts.c.seq == entries.c.seq).where(*filtered)
    return [Row(row.seq, row.statement, row.signature, row.nodes) for row in connection.execute(query)]


def rows_as_drawn(connection: sa.Connection, after: int, size: int, limit: int) -> list[tuple[Row, list[Any]]]:
    """As `some_rows`, each with what lists and searches have of it: its id and the columns `DRAWN`, bytes as hex; None where nothing was drawn."""
    columns = [acts.c[name].label(f"drawn_{name}") for name in DRAWN]
    query = sa.select(entries, *columns).outerjoin(acts, acts.c.seq == entries.c.seq)
    query = query.where(entries.c.seq > after, entries.c.seq < size).order_by(entries.c.seq).limit(limit)
    found = []
    for seq, id_, raw, cms, nodes, *drawn in connection.execute(query):
        found.append((Row(seq, raw, cms, nodes), [id_, *(each.hex() if isinstance(each, bytes) else each for each in drawn)]))
    return found


def beyond(connection: sa.Connection) -> list[Finding]:
    """What lies beside the log: rows before its first and past its last entry, which nobody reads as entries, and rows of lists without one."""
    found = []
    size: int = connection.execute(sa.select(head.c.size)).scalar_one()
    for table, before, past in ((entries, "before", "head"), (acts, "drawn", "drawn")):
        first, last = connection.execute(sa.select(sa.func.min(table.c.seq), sa.func.max(table.c.seq))).one()
        if first is not None and first < 0:
            found.append(Finding(before, first))
        if last is not None and last >= size:
            found.append(Finding(past, size if table is entries else last, last if table is entries and last > size else None, facts={"size": size}))
    return found


def misopened(connection: sa.Connection) -> list[int]:
    """Entries that began a set which is shown to be under way and is not, or the reverse, going by what is drawn of the entries themselves."""
    begun = sa.func.max(sa.case((acts.c.type == STARTED, acts.c.seq))).label("begun")
    ended = sa.func.max(sa.case((acts.c.type == FINISHED, acts.c.seq))).label("ended")
    runs = sa.select(begun, ended).where(acts.c.type.in_((STARTED, FINISHED)), acts.c.run != "").group_by(acts.c.run).subquery()
    wanted = sa.select(acts.c.run, acts.c.seq, acts.c.device).join(runs, acts.c.seq == runs.c.begun)
    wanted = wanted.where(sa.or_(runs.c.ended.is_(None), runs.c.ended < runs.c.begun))
    under_way = {tuple(row) for row in connection.execute(wanted)}
    shown = {tuple(row) for row in connection.execute(sa.select(opened.c.batch, opened.c.seq, opened.c.agent))}
    return sorted({row[1] for row in under_way ^ shown})
