"""Looking at one entry of a ledger by itself: its form, and its signature really checked.  Pure, so that it may run anywhere, many at once."""

import json
from dataclasses import dataclass
from typing import Final

import rfc8785

from agent.ledger import merkle, signed, statement
from agent.ledger.entry import Entry

_LEGACY_KEYS: Final = frozenset({"v", "type", "at", "body"})


@dataclass(frozen=True, slots=True)
class Row:
    """One entry as it lies in a store or an export; `nodes` are the hashes stored beside it, None where there are none."""

    seq: int
    raw: bytes
    cms: bytes | None
    nodes: bytes | None = None


@dataclass(frozen=True, slots=True)
class Examined:
    """What an entry shows by itself."""

    leaf: bytes
    wrong: str | None = None
    """None, or "statement" (its bytes are no canonical statement), "signature" (no valid signature of a statement), "unsigned"."""
    why: str = ""
    """The reason in more detail, as `StatementError` and `CheckFailed` have it."""
    org: str | None = None
    id: str = ""
    type: str = ""
    at: str = ""
    device: str = ""
    signer: str | None = None
    """SHA-256 (hex) of the signer's certificate; None where nothing was signed."""


def examine(raw: bytes, cms: bytes | None) -> Examined:
    """What an entry shows by itself: form, canonical bytes, leaf hash, and its signature really checked.  Never raises for what it is given."""
    leaf = merkle.leaf_hash(raw)
    if cms is None:
        return _unsigned(raw, leaf)
    try:
        told = statement.parse(raw)
    except statement.StatementError as error:
        return Examined(leaf, "statement", str(error))
    wrong, why, signer = None, "", None
    try:
        signer = signed.check(raw, cms).fingerprint
    except signed.CheckFailed as error:
        wrong, why = "signature", error.reason
    return Examined(leaf, wrong, why, told.org, told.id, told.type, told.at, told.device, signer)


def _unsigned(raw: bytes, leaf: bytes) -> Examined:
    """An entry of a version that signed none: canonical JSON of that version's form."""
    try:
        told = json.loads(raw)
        if not isinstance(told, dict) or told.keys() != _LEGACY_KEYS or rfc8785.dumps(told) != raw:
            return Examined(leaf, "unsigned")
        return Examined(leaf, type=str(told["type"]), at=str(told["at"]))
    except (ValueError, RecursionError, rfc8785.CanonicalizationError):
        return Examined(leaf, "statement", "not_json")


@dataclass(frozen=True, slots=True)
class Checked(Entry):
    """An entry whose form and signature were just checked, so that nobody does it again."""

    told: statement.Statement
    by: str

    def parsed(self) -> statement.Statement:
        """As `Entry.parsed`."""
        return self.told

    def signer(self) -> str:
        """As `Entry.signer`."""
        return self.by


def known(raw: bytes) -> statement.Statement:
    """Of bytes that were found to be one."""
    told = json.loads(raw)
    return statement.Statement(**{**told, "place": statement.Place(**told["place"])})
