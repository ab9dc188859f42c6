"""The nouns of a verdict, frozen, and their form on the wire (the `verify` section of the command line contract)."""

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from agent.verification.entered import Entered

_LONGEST_FACT = 200


class Verdict(StrEnum):
    """EN 319 102-1 clause 5.1.3: TOTAL-PASSED, TOTAL-FAILED, INDETERMINATE."""

    PASSED = "passed"
    FAILED = "failed"
    INDETERMINATE = "indeterminate"


@dataclass(frozen=True, slots=True)
class Say:
    """One text in the two languages."""

    zh: str
    en: str

    def to_wire(self) -> dict[str, str]:
        """{"zh", "en"}."""
        return {"zh": self.zh, "en": self.en}


def clean(value: object) -> str:
    """A name out of a hostile file as text that cannot disturb the line it stands in: no control or direction characters, 200 characters at most."""
    kept = (
        " " if unicodedata.category(c) in ("Cc", "Zl", "Zp") else c for c in str(value) if unicodedata.category(c) not in ("Cf", "Cs", "Co", "Cn")
    )
    text = " ".join("".join(kept).split())
    return text if len(text) <= _LONGEST_FACT else text[: _LONGEST_FACT - 1] + "…"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing a check saw; what it means and how it is said stands in `findings.TABLE` under `code`."""

    code: str
    facts: Mapping[str, str] = field(default_factory=dict)


def found(code: str, **facts: object) -> Finding:
    """A finding whose facts are made safe to print."""
    return Finding(code, {name: clean(value) for name, value in facts.items()})


@dataclass(frozen=True, slots=True)
class Change:
    """Something a later revision did to a signed one."""

    kind: str
    """signature, timestamp, validation_data, form, or other."""
    level: str
    """allowed, suspicious or forbidden."""
    revision: int | None
    """Number of the later revision (1 is the first of the file), where one is to blame."""
    page: int | None
    """Page (1 is the first) on which it is seen; None where nothing is seen."""
    rect_mm: tuple[float, float, float, float] | None
    """x, y, width, height as displayed, from the bottom left corner of that page, in mm."""
    say: Say

    def to_wire(self) -> dict[str, Any]:
        """As the contract has it in `changes_after_signing`."""
        rect = list(self.rect_mm) if self.rect_mm else None
        return {
            "kind": self.kind,
            "level": self.level,
            "revision": self.revision,
            "page": self.page,
            "rect_mm": rect,
            "description": self.say.to_wire(),
        }


@dataclass(frozen=True, slots=True)
class Signer:
    """Who signed, by the certificate; `internal` when our own CA issued it."""

    name: str
    subject: str
    issuer: str
    serial: str
    fingerprint: str
    not_before: str
    not_after: str
    internal: bool

    def to_wire(self) -> dict[str, Any]:
        """A flat object."""
        return {name: getattr(self, name) for name in self.__slots__}


@dataclass(frozen=True, slots=True)
class SignatureReport:
    """What is known of one signature.  The verdict follows from `findings` (see `verdict.judge`)."""

    findings: tuple[Finding, ...] = ()
    field: str | None = None
    """The field of a PDF, the entry of a container, or the file (where there are several) that holds the signature."""
    page: int | None = None
    rect_mm: tuple[float, float, float, float] | None = None
    signer: Signer | None = None
    signing_time: datetime | None = None
    time_source: str | None = None
    level: str | None = None
    covers_whole_file: bool = False
    revision: int | None = None
    changes: tuple[Change, ...] = ()
    revocation: str = "not_offered"
    kind: str = "signature"
    """signature, timestamp (of the document) or countersignature (over the value of another signature)."""
    covers: tuple[str, ...] = ()
    """In a container: the files this signature is over."""
    entered: Entered | None = None
    """By what a ledger knows it."""
    counter_signs: int | None = None
    """Of a counter-signature: the place (1 is the first) of the signature it is over, in the list of all."""


def iso(moment: datetime | None) -> str | None:
    """ISO 8601 in UTC with a Z, whole seconds."""
    if moment is None:
        return None
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return aware.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
