"""Checking a whole ledger, pure.  `Run` takes the entries in order with what `examine` said of each, builds the tree anew from the statements
alone and holds it against everything that was said of it.

Nothing that is stored is believed: stored hashes only help to name the entry that was changed.
"""

import hashlib
import json
from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Final, Literal, Protocol

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from agent.ledger import merkle, proof, signed
from agent.ledger.entry import Entry, Fold, Head, Refused
from agent.ledger.examining import Checked, Examined, Row, examine, known

__all__ = ["Claim", "Examined", "Finding", "Judge", "Report", "Row", "Run", "examine"]

FINDINGS_MAX: Final = 1000
"""Findings that are told one by one; further ones are counted."""
_BACK: Final = timedelta(seconds=60)
"""How far the clock of one device may go back between two entries: several acts of one moment are entered in any order."""
_FAR: Final = ("checkpoint", "memory", "export", "head")
"""Who says what the ledger was; the one first that an intruder in the database reaches least."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something wrong, or worth knowing, at an entry (`seq`, to `last` where it is a stretch; None for the ledger as a whole)."""

    what: str
    seq: int | None
    last: int | None = None
    severity: Literal["wrong", "note"] = "wrong"
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Claim:
    """That the ledger had this root at this size: said by "head" (the store itself), "memory", "checkpoint" or "export"."""

    source: str
    size: int
    root: bytes


@dataclass(frozen=True, slots=True)
class Report:
    """What a whole check found."""

    entries: int
    root: bytes | None
    """None where entries were missing or unreadable, so that the tree could not be built."""
    org: str | None
    legacy: int
    """Entries from before statements were signed."""
    signatures: int
    """Signatures that were really checked and hold."""
    signers: Mapping[str, int]
    first_at: str
    last_at: str
    findings: tuple[Finding, ...]
    more: int
    """Findings beyond those told."""

    @property
    def passed(self) -> bool:
        """Whether nothing is wrong."""
        return not self.more and all(each.severity != "wrong" for each in self.findings)

    def with_findings(self, more: Sequence[Finding]) -> "Report":
        """The report with what was found elsewhere."""
        return replace(self, findings=(*self.findings, *more))


class Judge(Fold, Protocol):
    """A fold that also says of records, which it does not judge by their signatures, whether the device that they name signed them."""

    def step(self, entry: Entry) -> "tuple[Judge, Refused | None]":
        """As `Fold.step`."""
        ...

    def attest_record(self, entry: Entry) -> Refused | None:
        """Why the record just stepped over cannot be relied on; None for what is no record."""
        ...


class Run:
    """One check under way: `take` each entry in order, `finish` at the end."""

    def __init__(self, claims: Sequence[Claim] = (), fold: Judge | None = None) -> None:
        """`claims` are what was said of this ledger before; `fold` judges whether each statement takes effect."""
        self._claims: dict[int, list[Claim]] = {}
        for claim in claims:
            self._claims.setdefault(claim.size, []).append(claim)
        self._fold: Judge | None = fold
        self._held = 0
        """Size up to which a claim has held: what is found later was done to entries after it."""
        self._parted: set[str] = set()
        """Who said of a smaller size already that this is not the ledger."""
        self._expected = 0
        self._edge: tuple[bytes, ...] | None = ()
        self._org: str | None = None
        self._legacy = self._signatures = self._more = 0
        self._signers: dict[str, int] = {}
        self._certificates: dict[str, bytes] = {}
        self._first = self._last = ""
        self._clocks: dict[str, datetime] = {}
        self._ids, self._numbers = array("Q"), array("Q")
        self._findings: list[Finding] = []

    @property
    def entries(self) -> int:
        """Entries taken so far, or passed over as missing."""
        return self._expected

    @property
    def org(self) -> str | None:
        """SHA-256 (hex) of the founding statement, once that was taken."""
        return self._org

    def keys(self) -> list[bytes]:
        """The public keys (SPKI, DER) that signed statements which took effect: theirs may be the checkpoints."""
        return [
            x509.load_der_x509_certificate(each).public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
            for each in self._certificates.values()
        ]

    def take(self, row: Row, seen: Examined) -> None:
        """The next entry as it lies there, and what `examine` said of it."""
        if row.seq != self._expected:
            self._out_of_order(row)
            if row.seq < self._expected:
                return
        self._claimed(row.seq)
        stored = seen.leaf if row.nodes is None else row.nodes[: proof.HASH_SIZE]
        if stored != seen.leaf and (seen.wrong is not None or row.cms is None):
            self._find("altered", row.seq, why=seen.why)
            self._grow(row, stored)  # the tree goes on with what was entered, so that this entry alone is named
        else:
            self._form(row, seen)
            self._grow(row, seen.leaf)
        self._expected = row.seq + 1
        if seen.wrong is None and self._effect(row, seen) and seen.signer and row.cms and seen.signer not in self._certificates:
            self._certificates[seen.signer] = signed.check(row.raw, row.cms).certificate  # once for each signer

    def _effect(self, row: Row, seen: Examined) -> bool:
        """Whether the statement takes effect at its place, by the rules."""
        if self._fold is None:
            return True
        if row.cms is None or seen.signer is None:
            self._fold, refused = self._fold.step(Entry(row.seq, row.raw, None))
        else:
            entry = Checked(row.seq, row.raw, row.cms, known(row.raw), seen.signer)
            self._fold, refused = self._fold.step(entry)
            refused = refused or self._fold.attest_record(entry)
        if refused is not None:
            self._find("without_effect", row.seq, rule=refused.rule, reason=refused.reason, type=seen.type)
        return refused is None

    def unreadable(self, count: int = 1) -> None:
        """In place of the next entries there is something that is none."""
        self._find("unreadable", self._expected, self._expected + count - 1 if count > 1 else None)
        self._edge = None
        self._expected += count

    def say(self, finding: Finding) -> None:
        """Add what was found elsewhere: in the memory, in an export's first or last line."""
        self._add(finding)

    def named(self) -> set[int | None]:
        """The entries at which something was found so far."""
        return {each.seq for each in self._findings}

    def root(self) -> bytes | None:
        """The root of what was taken so far."""
        return None if self._edge is None else merkle.root(self._edge)

    def finish(self, head: Head | None = None) -> Report:
        """The report; `head` is what the store says of itself."""
        if head is not None:
            self._claims.setdefault(head.size, []).append(Claim("head", head.size, head.root))
        self._claimed(self._expected)
        beyond: dict[str, int] = {}
        for size in sorted(self._claims):
            sources = {claim.source for claim in self._claims[size]}
            if size < self._expected and "head" in sources:
                self._find("head", size, size=size)
            if size > self._expected:
                beyond |= dict.fromkeys(sources, size)
        for size in sorted(set(beyond.values())):  # said once for each size, by the one that an intruder reaches least
            source = min((source for source, said in beyond.items() if said == size), key=_FAR.index)
            self._find("cut", self._expected, size - 1 if size - 1 > self._expected else None, source=source)
        self._doubles()
        if self._org is None and self._expected > self._legacy:
            self._find("not_founded", None)
        return Report(
            entries=self._expected, root=self.root(), org=self._org, legacy=self._legacy, signatures=self._signatures, signers=dict(self._signers),
            first_at=self._first, last_at=self._last, findings=tuple(self._findings), more=self._more,
        )  # fmt: skip

    def _out_of_order(self, row: Row) -> None:
        if row.seq < self._expected:
            self._find("repeated", row.seq)
            return
        self._find("missing", self._expected, row.seq - 1 if row.seq - 1 > self._expected else None)
        self._edge = None

    def _claimed(self, size: int) -> None:
        """Hold the tree against what was said of it at this size."""
        for claim in self._claims.pop(size, ()):
            root = self.root()
            if root == claim.root:
                self._held = size
            elif root is not None and claim.source not in self._parted:  # where the tree could not be built, that has been said
                self._parted.add(claim.source)
                self._find("rewritten", self._held, size - 1 if size - 1 > self._held else None, source=claim.source, size=size)

    def _form(self, row: Row, seen: Examined) -> None:
        if seen.wrong is not None:
            self._find(seen.wrong, row.seq, why=seen.why)
            return
        if row.cms is None:
            self._before_signing(row, seen)
        else:
            self._signatures += 1
            if seen.signer is not None:
                self._signers[seen.signer] = self._signers.get(seen.signer, 0) + 1
            self._of_this_ledger(row, seen)
            self._ids.append(int.from_bytes(hashlib.sha256(seen.id.encode()).digest()[:8], "big"))
            self._numbers.append(row.seq)
        self._clock(row, seen)

    def _before_signing(self, row: Row, seen: Examined) -> None:
        if self._org is not None:
            self._find("unsigned", row.seq, type=seen.type)
        self._legacy += 1

    def _of_this_ledger(self, row: Row, seen: Examined) -> None:
        if seen.org is not None:
            if seen.org != self._org:
                self._find("other_org", row.seq, org=seen.org, type=seen.type)
            return
        if self._org is not None:
            self._find("founded_again", row.seq, type=seen.type)
            return
        self._org = hashlib.sha256(row.raw).hexdigest()
        told = json.loads(row.raw)["body"].get("legacy")
        before = {"size": row.seq, "root": root.hex()} if row.seq and (root := self.root()) is not None else None
        if (before or told) and told != before:
            self._find("legacy", 0, row.seq - 1 if row.seq > 1 else None)

    def _clock(self, row: Row, seen: Examined) -> None:
        try:
            at = datetime.fromisoformat(seen.at)
        except ValueError:
            return
        self._first, self._last = self._first or seen.at, seen.at
        before = self._clocks.get(seen.device)
        if before is not None and at + _BACK < before:
            self._find("clock", row.seq, severity="note", before=before.isoformat(), at=seen.at)
        if before is None or at > before:
            self._clocks[seen.device] = at

    def _grow(self, row: Row, leaf: bytes) -> None:
        """Put the leaf in the tree, and hold the stored hashes against it."""
        if self._edge is None:
            return
        if len(leaf) != proof.HASH_SIZE:
            self._edge = None
            return
        self._edge, completed = merkle.grow(self._edge, row.seq, leaf)
        if row.nodes is not None and row.nodes != b"".join(completed):
            self._find("hashes", row.seq)

    def _doubles(self) -> None:
        """Statements entered twice: the ids of all are compared at the end, eight bytes each."""
        if len(set(self._ids)) == len(self._ids):
            return
        seen: dict[int, int] = {}
        for id_, seq in zip(self._ids, self._numbers, strict=True):
            if (first := seen.setdefault(id_, seq)) != seq:
                self._find("twice", seq, first=first)

    def _find(self, what: str, seq: int | None, last: int | None = None, severity: Literal["wrong", "note"] = "wrong", **facts: Any) -> None:
        self._add(Finding(what, seq, last, severity, facts))

    def _add(self, finding: Finding) -> None:
        if len(self._findings) < FINDINGS_MAX:
            self._findings.append(finding)
        elif finding.severity == "wrong":
            self._more += 1
