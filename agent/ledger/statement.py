"""A statement: one small JSON object in canonical form (RFC 8785) that says what was done, by whom, where and under which rules.

Its bytes are the leaf of the tree and what is signed.  Whatever is not already canonical is refused, so that nothing can be read in two ways.
"""

import json
import math
import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, NoReturn

import rfc8785

VERSION: Final = 1
STATEMENT_MAX: Final = 16 * 1024 * 1024
"""Bytes of a whole statement at most."""
TEXT_MAX: Final = 64 * 1024
"""UTF-8 bytes of one text in it at most; longer things are named by their digest."""
KEY_MAX: Final = 128
NAME_MAX: Final = 4096
"""Bytes of a file's name or path at most."""
DEPTH_MAX: Final = 24
VALUES_MAX: Final = 1_000_000
"""Values of any kind in a whole statement: the largest closed set has a third of that, and every reader has to walk through them."""
FRACTIONS_MAX: Final = 10_000
"""Numbers with a fraction among them: writing those canonically is slow."""
_MARKS_MAX: Final = 3 * VALUES_MAX
"""Brackets and commas at most, those in texts too: what has more is not even taken apart."""
_SAFE: Final = 2**53 - 1
"""The largest integer that every reader of JSON takes for the same number (RFC 7493, 2.2)."""
_KEYS: Final = frozenset({"v", "org", "id", "type", "at", "actor", "device", "place", "rules", "body"})
_PLACE: Final[Mapping[str, int]] = {"site": 256, "host": 256, "note": 1024}
_HASH = re.compile(r"[0-9a-f]{64}", re.ASCII)
_UUID7 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", re.ASCII)
_TYPE = re.compile(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)+", re.ASCII)
_TYPE_MAX: Final = 64
_WRITER: Final = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":"))
_FOUR_BYTES = re.compile(rb"[\xf0-\xff]")
_AT = re.compile(r"2[0-9]{3}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6}Z", re.ASCII)
_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,127}", re.ASCII)
"""Ids that we make ourselves: nothing in them can be taken for something else."""


class StatementError(ValueError):
    """Bytes or values that are no statement.  `reason`: too_large, not_utf8, not_json, twice, keys, not_canonical, number, text, name, depth,
    value, or the key of the statement that is wrong; `where` shows the place, without its content."""

    def __init__(self, reason: str, where: str = "") -> None:
        super().__init__(f"{reason}: {where}" if where else reason)
        self.reason = reason
        self.where = where


@dataclass(frozen=True, slots=True)
class Place:
    """Where something was done."""

    site: str | None = None
    """As the organisation calls it."""
    host: str | None = None
    """The computer's name."""
    note: str | None = None


@dataclass(frozen=True, slots=True)
class Statement:
    """What one statement says.  Make it with `make` or `parse`."""

    org: str | None
    """SHA-256 (hex) of the founding statement; None in that one itself."""
    id: str
    """A UUIDv7, never used twice."""
    type: str
    """Noun and what became of it, "use.approved"."""
    at: str
    """UTC by the signer's clock, to the microsecond: 2026-11-22T03:00:00.123456Z."""
    actor: str | None
    """The person; None where the device speaks for itself."""
    device: str
    rules: str | None
    """The policy version that was followed; None where there is none yet."""
    body: Mapping[str, Any]
    place: Place = Place()
    v: int = VERSION

    @property
    def moment(self) -> datetime:
        """`at` as a time."""
        return datetime.fromisoformat(self.at)

    def canonical(self) -> bytes:
        """Its bytes (RFC 8785); raises `StatementError` where they would be no statement."""
        value = {name: getattr(self, name) for name in _KEYS}
        value["place"] = {name: getattr(self.place, name) for name in _PLACE}
        return _written(value, _check(value))


def make(
    type: str,
    body: Mapping[str, Any],
    *,
    org: str | None,
    device: str,
    actor: str | None = None,
    place: Place | None = None,
    rules: str | None = None,
    at: datetime | None = None,
) -> Statement:
    """A new statement with an id of its own, said now or `at`; nothing is checked before `canonical`."""
    moment = (at or datetime.now(UTC)).astimezone(UTC)
    told = moment.isoformat(timespec="microseconds").replace("+00:00", "Z")
    return Statement(org, uuid7(moment), type, told, actor, device, rules, body, place or Place())


def uuid7(moment: datetime) -> str:
    """A UUID that sorts by time (RFC 9562, 5.7): milliseconds, then 74 random bits."""
    random = secrets.randbits(74)
    value = (int(moment.timestamp() * 1000) << 80) | (7 << 76) | (random >> 62 << 64) | (2 << 62) | (random & (1 << 62) - 1)
    text = f"{value:032x}"
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))


def parse(raw: bytes) -> Statement:
    """The statement that `raw` is; raises `StatementError` for everything that is not one, byte for byte."""
    if len(raw) > STATEMENT_MAX or sum(map(raw.count, (b",", b"{", b"["))) > _MARKS_MAX:
        raise StatementError("too_large")
    try:
        value = json.loads(raw.decode("utf-8"), parse_constant=_no_number)
    except UnicodeDecodeError as error:
        raise StatementError("not_utf8") from error
    except RecursionError as error:
        raise StatementError("depth") from error
    except StatementError:
        raise
    except ValueError as error:  # JSONDecodeError, and integers of more than 4,300 digits
        raise StatementError("not_json") from error
    if not isinstance(value, dict):
        raise StatementError("keys")
    if _written(value, _check(value)) != raw:
        json.loads(raw, object_pairs_hook=_once)  # a key that stands twice was read once, and so is missing in what was written
        raise StatementError("not_canonical")
    place = Place(**value["place"])
    return Statement(**{**value, "place": place})


def _once(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    out = dict(pairs)
    if len(out) != len(pairs):
        raise StatementError("twice")
    return out


def _no_number(text: str) -> NoReturn:
    raise StatementError("number", text)


def _written(value: Mapping[str, Any], fractions: bool) -> bytes:
    """RFC 8785.  Without fractions, and without characters beyond U+FFFF (whose keys sort otherwise in UTF-16), Python's own writer, ten times
    as fast as the library's, writes the same: the tests hold the two together."""
    raw = b"" if fractions else _WRITER.encode(value).encode()
    if fractions or _FOUR_BYTES.search(raw):
        raw = rfc8785.dumps(dict(value))
    if len(raw) > STATEMENT_MAX:
        raise StatementError("too_large")
    return raw


def _check(value: Mapping[str, Any]) -> bool:
    """Keys, types, forms and sizes; whether there are numbers with a fraction.  Raises `StatementError`."""
    if set(value) != _KEYS:
        raise StatementError("keys", ", ".join(sorted(set(value) ^ _KEYS)[:3])[:KEY_MAX])
    if type(value["v"]) is not int or value["v"] != VERSION:
        raise StatementError("v")
    _form("org", value["org"], _HASH, or_none=True)
    _form("id", value["id"], _UUID7)
    _form("type", value["type"], _TYPE)
    if len(value["type"]) > _TYPE_MAX:
        raise StatementError("type")
    _form("at", value["at"], _AT)
    try:
        datetime.fromisoformat(value["at"])
    except ValueError as error:
        raise StatementError("at") from error
    _form("actor", value["actor"], _WORD, or_none=True)
    _form("device", value["device"], _WORD)
    _form("rules", value["rules"], _WORD, or_none=True)
    place = value["place"]
    if not isinstance(place, dict) or set(place) != set(_PLACE):
        raise StatementError("place")
    for name, longest in _PLACE.items():
        if place[name] is not None and (not isinstance(place[name], str) or len(place[name]) > longest):
            raise StatementError("place", name)
        _value(place[name], name, 1, _Budget())
    if not isinstance(value["body"], dict):
        raise StatementError("body")
    budget = _Budget()
    _value(value["body"], "body", 1, budget)
    return budget.fractions < FRACTIONS_MAX


def _form(name: str, value: object, form: re.Pattern[str], or_none: bool = False) -> None:
    if value is None and or_none:
        return
    if not isinstance(value, str) or form.fullmatch(value) is None:
        raise StatementError(name)


@dataclass(slots=True)
class _Budget:
    """How much more may follow."""

    values: int = VALUES_MAX
    fractions: int = FRACTIONS_MAX


def _value(value: object, where: str, depth: int, budget: _Budget) -> None:
    """Only what JSON has, what every reader reads alike, and not too much of it."""
    kind = type(value)
    budget.values -= 1
    if budget.values < 0:
        raise StatementError("too_large", where)
    if kind is str:
        _text(value, where, TEXT_MAX)  # type: ignore[arg-type]
    elif kind is int:
        if not -_SAFE <= value <= _SAFE:  # type: ignore[operator]
            raise StatementError("number", where)
    elif kind is float:
        if not math.isfinite(value) or abs(value) > _SAFE:  # type: ignore[arg-type]
            raise StatementError("number", where)
        budget.fractions -= 1
        if budget.fractions < 0:
            raise StatementError("too_large", where)
    elif kind is dict or kind is list:
        if depth > DEPTH_MAX:
            raise StatementError("depth", where)
        if kind is list:
            for each in value:  # type: ignore[attr-defined]
                _value(each, where, depth + 1, budget)
        else:
            for key, each in value.items():  # type: ignore[attr-defined]
                if type(key) is not str:
                    raise StatementError("value", where)
                _text(key, where, KEY_MAX)
                _value(each, key, depth + 1, budget)
    elif value is not None and kind is not bool:
        raise StatementError("value", where)


def _text(value: str, where: str, longest: int) -> None:
    try:
        size = len(value) if value.isascii() else len(value.encode("utf-8"))
    except UnicodeEncodeError as error:
        raise StatementError("text", where) from error  # a lone surrogate
    if size > longest:
        raise StatementError("text", where)


def name(raw: bytes) -> dict[str, str]:
    """A file's name or path for a statement: the text as it is shown, and where the bytes are no UTF-8, those too, in hex."""
    if not raw or len(raw) > NAME_MAX:
        raise StatementError("name")
    try:
        return {"text": raw.decode("utf-8")}
    except UnicodeDecodeError:
        return {"text": raw.decode("utf-8", "replace"), "raw": raw.hex()}


def name_bytes(value: object) -> bytes:
    """The bytes that `name` was given; raises `StatementError` where text and bytes do not say the same."""
    if not isinstance(value, dict) or not isinstance(value.get("text"), str):
        raise StatementError("name")
    try:
        raw = bytes.fromhex(value["raw"]) if "raw" in value else value["text"].encode("utf-8")
    except (ValueError, TypeError) as error:
        raise StatementError("name") from error
    if name(raw) != value:
        raise StatementError("name")
    return raw
