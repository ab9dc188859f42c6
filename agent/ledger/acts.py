"""What is drawn from each entry for lists and searches: pure, so that a rebuild gives the same rows bit for bit."""

import posixpath
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import unquote, urlsplit

from agent.ledger import witness
from agent.ledger.entry import Entry

VERSION = 1
"""Raised whenever these rules give other rows: older stores are drawn anew at the next start."""
STARTED, FINISHED = "signature.started", "signature.finished"
_OBJECTS = ("resumes", "batch", "use", "seal", "person", "device", "certificate", "fingerprint", "id")
"""Members of a body that name what the act is about, the first that is there."""
_NAMES = ("name", "label", "subject", "common_name", "display")
_LONGEST = 20_000
"""Characters of all names of one entry; the statement itself has them all."""


def act_of(entry: Entry) -> dict[str, Any]:
    """The row of `acts` for an entry; whatever is missing or of another kind is empty.  `run` is the attempt at a set that it is about."""
    statement = parsed(entry)
    body = statement.get("body")
    body = body if isinstance(body, Mapping) else {}
    return {
        "seq": entry.seq,
        "at": _text(statement.get("at")),
        "type": _text(statement.get("type")),
        "actor": _text(statement.get("actor")),
        "device": _text(statement.get("device")),
        "object": next((_text(found) for name in _OBJECTS if (found := _named(body.get(name)))), ""),
        "run": _named(body.get("batch")),
        "blind": blind_of(body.get("salt"), entry.seq),
        "names": "\n".join(dict.fromkeys(_names(body)))[:_LONGEST],
    }


def parsed(entry: Entry) -> Mapping[str, Any]:
    """Whatever an intruder put there is listed, with nothing in it; a whole check says what is wrong."""
    try:
        found: object = entry.statement
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def blind_of(salt: object, seq: int) -> bytes | None:
    """What documents signed under an entry carry of its number (`agent.ledger.witness`); None where it has no salt (in hex)."""
    if not isinstance(salt, str):
        return None
    try:
        return witness.blind(bytes.fromhex(salt), seq)
    except ValueError:
        return None


def _names(body: Mapping[str, Any]) -> Iterator[str]:
    documents = body.get("documents")
    for document in documents if isinstance(documents, list) else ():
        if isinstance(document, Mapping) and isinstance(found := document.get("input"), str):
            yield _searched(posixpath.basename(unquote(urlsplit(found).path)) or found)
    for name in _NAMES:
        if found := _named(body.get(name)):
            yield _searched(found)


def _named(value: object) -> str:
    """A text, or the id or name of an object."""
    if isinstance(value, Mapping):
        value = next((value[name] for name in ("id", "text", "name") if isinstance(value.get(name), str)), "")
    return value if isinstance(value, str) else ""


def _searched(text: str) -> str:
    return " ".join(_text(text).casefold().split())


def _text(value: object) -> str:
    """For a column of text: no NUL, which PostgreSQL cannot hold, nor halves of surrogate pairs."""
    return value.replace("\x00", "\ufffd").encode("utf-8", "replace").decode() if isinstance(value, str) else ""
