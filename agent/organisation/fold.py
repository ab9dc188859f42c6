"""The rules over a ledger: every entry is judged in its order, and changes the state only where the rules let it."""

import hashlib
import json
from dataclasses import dataclass, field
from functools import lru_cache

from agent.governance import deciding
from agent.governance.acts import By, no_change, refuse
from agent.governance.refusal import Refusal
from agent.governance.state import State
from agent.ledger import signed
from agent.ledger.entry import Entry
from agent.ledger.statement import StatementError


@dataclass(frozen=True, slots=True)
class Governed:
    """`agent.ledger.entry.Fold`: a value, to which each entry gives the next one."""

    settled: State = field(default_factory=State)
    """The state, but for the records that were counted since it last changed."""
    records: int = 0

    @property
    def state(self) -> State:
        """What all entries so far lead to."""
        return self.settled if not self.records else self.settled.alter(size=self.settled.size + self.records)

    def step(self, entry: Entry) -> "tuple[Governed, Refusal | None]":
        """The state after an entry, and why it has no effect.

        Records of a device change nothing that anybody is judged by, and there may be a million of them.  They are only looked at here: their
        bytes and signatures are checked where somebody relies on one (`attest`) and by the full verification, as they are when they are made.
        """
        if entry.cms is None:
            if self.settled.org is None:  # from before 0.3, when nothing was signed
                return Governed(self.settled, self.records + 1), None
            return self._refused(refuse("S54", "unsigned"))
        if self.settled.org is not None and (told := _record(entry.raw)) is not None:
            refused = deciding.record_refused(self.settled, told)
            return (Governed(self.settled, self.records + 1), None) if refused is None else self._refused(refused)
        try:
            statement, signer = entry.parsed(), entry.signer()
        except StatementError as error:
            return self._refused(refuse("S54", "malformed", where=error.reason))
        except signed.CheckFailed as error:
            return self._refused(refuse("S54", "signature", detail=str(error)[:100]))
        hashed, state = hashlib.sha256(entry.raw).hexdigest(), self.state
        refused = deciding.judge(state, statement, hashed, signer)
        if refused is not None:
            return Governed(deciding.without_effect(state, statement, signer)), refused
        return Governed(deciding.evolve(state, statement, hashed, signer)), None

    def attest(self, entry: Entry) -> Refusal | None:
        """Whether a record of a device can be relied on: made by a device of this ledger, its signature checked; None where it can.

        The state may be a later one: the device's keys and its authorisation count as they were at the entry's place.
        """
        try:
            statement, signer = entry.parsed(), entry.signer()
        except (StatementError, signed.CheckFailed) as error:
            return refuse("S54", "signature", detail=str(error)[:100])
        if statement.org != self.settled.org:
            return refuse("S54", "other_organisation")
        device = self.settled.devices.get(statement.device)
        if device is None or not device.speaks(signer, entry.seq):
            return refuse("S42", "device_key", device=statement.device)
        waited = device.begun is None or entry.seq < device.begun
        if statement.type in deciding.SIGNATURES and self.settled.kind == "organisation" and waited:
            return refuse("S42", "device_waits", device=statement.device)
        return None

    def attest_record(self, entry: Entry) -> Refusal | None:
        """`attest` for the full verification, which has just stepped over the entry: None for what is no record of a device."""
        statement = entry.parsed()
        return self.attest(entry) if _is_record(statement.type, statement.actor) else None

    def _refused(self, refusal: Refusal) -> "tuple[Governed, Refusal]":
        return Governed(deciding.without_effect(self.state)), refusal


@dataclass(frozen=True, slots=True)
class _Told:
    """What a record says of itself, read without being strict (`agent.governance.deciding.Noted`)."""

    org: str | None
    type: str
    actor: str | None
    device: str


def _record(raw: bytes) -> _Told | None:
    """The record of a device that `raw` seems to be; None where it is, or may be, anything else."""
    try:
        told = json.loads(raw)
    except (ValueError, RecursionError):
        return None
    if not isinstance(told, dict) or not isinstance(told.get("body"), dict):
        return None
    found = tuple(told.get(name) for name in ("org", "type", "actor", "device"))
    if not all(each is None or isinstance(each, str) for each in found) or not _is_record(str(found[1]), found[2]):
        return None
    return _Told(found[0], str(found[1]), found[2], str(found[3]))


@lru_cache(maxsize=256)
def _is_record(type: str, actor: str | None) -> bool:
    known = deciding.kind_of(type, actor)
    return known is not None and known.by is By.DEVICE and known.apply is no_change
