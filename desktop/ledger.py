"""The ledger as the window shows it, frozen: what it is, its entries in a list, one entry whole, and what a check found."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from desktop.nouns import Wire, spoken
from desktop.wire import Problem


@dataclass(frozen=True, slots=True)
class About:
    """A ledger as a whole."""

    kind: str
    """personal or organisation."""
    org: str
    """SHA-256 (hex) of the statement that founded it; "" before."""
    size: int
    root: str
    legacy: int
    first_at: str
    stopped: Problem | None
    """Why nothing may be entered any more; None where all is well."""

    @classmethod
    def from_wire(cls, data: Wire) -> "About":
        """From the answer of /v1/ledger."""
        stopped = data.get("stopped")
        return cls(
            str(data.get("kind") or "personal"), str(data.get("org") or ""), int(data.get("size") or 0), str(data.get("root") or ""),
            int(data.get("legacy") or 0), str(data.get("first_at") or ""), Problem.from_wire(stopped) if stopped else None,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Act:
    """An entry in a list."""

    seq: int
    at: str
    type: str
    title: str
    summary: str
    actor: str
    device: str
    signed: bool

    @classmethod
    def from_wire(cls, data: Wire, lang: str) -> "Act":
        """From an entry of `entries`."""
        seq, kind = data.get("seq"), str(data.get("type") or "")
        return cls(
            int(seq) if isinstance(seq, int) else -1, str(data.get("at") or ""), kind, _capital(spoken(data.get("title"), lang) or kind),
            spoken(data.get("summary"), lang), str(data.get("actor") or ""), str(data.get("device") or ""), bool(data.get("signed")),
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a statement in words; `depth` is how far inside it stands."""

    label: str
    value: str
    depth: int


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry whole."""

    act: Act
    id: str
    parts: tuple[Part, ...]
    raw: str
    """The statement as it stands there, in base64."""
    sha256: str
    leaf: str
    signer: str
    signing_time: str
    signature_ok: bool | None
    """None: it is from before statements were signed."""
    signature_reason: str
    proof_ok: bool
    proof_size: int
    root: str

    @classmethod
    def from_wire(cls, data: Wire, lang: str) -> "Entry":
        """From the answer of /v1/ledger/entries/NUMBER."""
        signer, proof = data.get("signer") or {}, data.get("proof") or {}
        ok = data.get("signature_ok")
        parts = tuple(
            Part(_capital(spoken(part.get("label"), lang)), spoken(part.get("value"), lang), int(part.get("depth") or 0))
            for part in data.get("words") or ()
            if isinstance(part, dict)
        )
        return cls(
            Act.from_wire(data, lang), str(data.get("id") or ""), parts, str(data.get("raw") or ""), str(data.get("sha256") or ""),
            str(data.get("leaf") or ""), str(signer.get("subject") or ""), str(signer.get("signing_time") or ""), None if ok is None else ok is True,
            str(data.get("signature_reason") or ""), proof.get("ok") is True, int(proof.get("size") or 0), str(proof.get("root") or ""),
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check found wrong, or worth a note."""

    wrong: bool
    seq: int | None
    text: str

    @classmethod
    def from_wire(cls, data: Wire, lang: str) -> "Finding":
        """From an entry of `findings`."""
        seq = data.get("seq")
        return cls(data.get("severity") == "wrong", seq if isinstance(seq, int) else None, spoken(data.get("message"), lang) or str(data.get("what")))


@dataclass(frozen=True, slots=True)
class Check:
    """What a check of a ledger, or of an exported one, came to."""

    verdict: str
    explanation: str
    entries: int
    signatures: int
    legacy: int
    seconds: float
    findings: tuple[Finding, ...]
    more: int
    """Findings that are not listed."""
    checked: tuple[str, ...]
    not_checked: tuple[str, ...]
    own: bool
    """It is the ledger of this home."""

    @classmethod
    def from_wire(cls, data: Mapping[str, Any], lang: str) -> "Check":
        """From the result of /v1/ledger/verifications; anything but "passed" counts as failed."""
        findings = tuple(Finding.from_wire(each, lang) for each in data.get("findings") or () if isinstance(each, dict))
        return cls(
            "passed" if data.get("verdict") == "passed" else "failed", spoken(data.get("explanation"), lang), int(data.get("entries") or 0),
            int(data.get("signatures") or 0), int(data.get("legacy") or 0), float(data.get("seconds") or 0), findings, int(data.get("more") or 0),
            tuple(spoken(each, lang) for each in data.get("checked") or ()), tuple(spoken(each, lang) for each in data.get("not_checked") or ()),
            bool(data.get("own")),
        )  # fmt: skip


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
