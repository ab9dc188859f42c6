"""What the ledgers at hand say of a signature: `allowed`, `not_allowed`, `not_in_ledger` or `no_ledger` (the contract's `ledger`).

Decided by the agent, which has the ledgers, from what the worker, which has the document, saw of it (`entered.Entered`).
A signature is known by its signed attributes: they were made once, for one document, and noted before the token was asked.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import structlog

from agent.api.errors import ApiError
from agent.ledger import witness
from agent.verification.findings_ledger import LEDGER
from agent.verification.model import Say, clean

_BROKEN = frozenset({
    "digest_mismatch", "signature_invalid", "content_inside", "byte_range_wrong", "coverage_partial", "contents_missing", "ess_mismatch",
    "cms_damaged", "attributes_repeated", "attributes_missing", "not_checked", "algorithm_unknown",
})  # fmt: skip
"""Findings with which nothing is known to be signed by whoever the signature names: what it says of a ledger is worth nothing by itself."""
log = structlog.get_logger()
_ORDER = ("not_allowed", "not_in_ledger", "allowed", "no_ledger")
_STARTED = "signature.started"


@dataclass(frozen=True, slots=True)
class Seen:
    """The entry that a witness names."""

    seq: int
    at: str
    type: str
    certificate: str
    """Fingerprint (SHA-256, hex) of the certificate that the set was to be signed with."""
    root: bytes
    """Of the tree right after it."""
    asked: frozenset[str]
    """SHA-256 (hex) of the attributes that the token was asked to sign under it, as far as they stand in outcomes or in the journal."""
    effect: bool = True
    """Whether it took effect: an entry that nobody was allowed to make stays as evidence only."""


class Register(Protocol):
    """A ledger as verification asks it; raises `ApiError` where it cannot be read."""

    async def org(self) -> bytes:
        """SHA-256 of its founding statement; empty before it is founded."""

    async def find(self, blind: bytes) -> Seen | None:
        """The entry with this blinded number."""

    async def knows(self, certificate: str) -> bool:
        """Whether something was to be signed with this certificate (SHA-256, hex), or it is registered."""

    async def made_before(self, file: str, attributes: str | None) -> bool:
        """Whether it was recorded before statements were signed: `file` (a path) or the signature beside it as an output, or what was signed."""


@dataclass(frozen=True, slots=True)
class Said:
    """What is said of one signature; `code` is one of `findings_ledger.LEDGER`, or empty where there is nothing to say."""

    code: str = ""
    facts: Mapping[str, str] = field(default_factory=dict)

    @property
    def ledger(self) -> str:
        """The contract's word."""
        return LEDGER[self.code][0] if self.code else "no_ledger"

    @property
    def sentence(self) -> Say:
        """In words, as far as there are any."""
        if not self.code:
            return Say("", "")
        say = LEDGER[self.code][1]
        zh, en = say.zh.format_map(self.facts), say.en.format_map(self.facts)
        return Say(f"{zh}。", f"{en[:1].upper()}{en[1:]}.")


async def compare(document: Mapping[str, Any], registers: Sequence[Register]) -> dict[str, Any]:
    """The document of a worker, its signatures compared with the ledgers; `entered` goes, it was for this."""
    signatures = []
    said: list[Said] = []
    for signature in document["signatures"]:
        one = await _asked(document["file"], signature, registers)
        said.append(one)
        signatures.append(_with(signature, one))
    out = {**document, "signatures": signatures}
    worst = min(said, key=lambda s: _ORDER.index(s.ledger), default=Said())
    if worst.code:
        out["explanation"] = _more(document["explanation"], worst.sentence)
    return out


async def _asked(file: str, signature: Mapping[str, Any], registers: Sequence[Register]) -> Said:
    if signature["kind"] == "timestamp":
        return Said()
    try:
        return await judge(file, signature, registers)
    except ApiError:
        return Said("ledger_unread")
    except (ValueError, KeyError, TypeError, AttributeError) as error:  # entries that nobody's program wrote: the other documents go on
        log.warning("ledger_entry_unreadable", why=type(error).__name__)
        return Said("ledger_unread")


async def judge(file: str, signature: Mapping[str, Any], registers: Sequence[Register]) -> Said:
    """What the ledgers say of one signature of the contract's form, with `entered`; raises `ApiError` where one cannot be read."""
    entered: Mapping[str, Any] = signature.get("entered") or {}
    certificate = (signature.get("certificate") or {}).get("fingerprint", "").lower()
    broken = any(finding["code"] in _BROKEN for finding in signature["findings"])
    mark = entered.get("witness")
    if mark is not None:
        try:
            named = witness.parse(bytes.fromhex(mark))
        except (witness.NotAWitness, ValueError):
            return Said("ledger_mark_unreadable") if not broken and await _ours(certificate, registers) else Said()
        for register in registers:
            if await register.org() == named.org:
                return await _in(register, named, certificate, entered["attributes"], broken)
    if broken or not await _ours(certificate, registers):
        return Said()
    if mark is not None:
        return Said("ledger_other_mark")
    for register in registers:
        if await register.made_before(file, entered.get("attributes")):
            return Said("ledger_entered_before")
    return Said("ledger_no_mark")


async def _ours(certificate: str, registers: Sequence[Register]) -> bool:
    for register in registers:
        if certificate and await register.knows(certificate):
            return True
    return False


async def _in(register: Register, named: witness.Witness, certificate: str, attributes: str, broken: bool) -> Said:
    """What the ledger that the witness names says."""
    entry = await register.find(named.blind)
    if entry is None:
        return Said() if broken else Said("ledger_unknown_mark")
    facts = {"entry": str(entry.seq), "at": clean(f"{entry.at[:19]}Z")}
    if entry.root != named.root:
        return Said() if broken else Said("ledger_rewritten", facts)
    if broken:
        return Said("ledger_other_content", facts)
    if not entry.effect or entry.type != _STARTED:
        return Said("ledger_without_effect", facts)
    if entry.certificate != certificate:
        return Said("ledger_other_certificate", facts)
    return Said("ledger_entered" if attributes in entry.asked else "ledger_other_document", facts)


def _with(signature: Mapping[str, Any], said: Said) -> dict[str, Any]:
    out = {name: value for name, value in signature.items() if name != "entered"}
    out["ledger"] = said.ledger
    out["ledger_entry"] = int(said.facts["entry"]) if "entry" in said.facts else None
    if said.code:
        out["explanation"] = _more(signature["explanation"], said.sentence)
        told = said.sentence.to_wire()
        out["findings"] = [
            *signature["findings"],
            {"code": said.code, "verdict": None, "reason": None, "description": told, "facts": dict(said.facts)},
        ]
    return out


def _more(explanation: Mapping[str, str], sentence: Say) -> dict[str, str]:
    return {"zh": explanation["zh"] + sentence.zh, "en": f"{explanation['en']} {sentence.en}"}
