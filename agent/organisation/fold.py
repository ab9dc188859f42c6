"""The rules over a ledger: every entry is judged in its order, and changes the state only where the rules let it."""

import hashlib
from dataclasses import dataclass, field

from agent.governance import deciding
from agent.governance.acts import By, no_change, refuse
from agent.governance.refusal import Refusal
from agent.governance.state import State
from agent.ledger import signed
from agent.ledger.entry import Entry
from agent.ledger.statement import Statement, StatementError


@dataclass(frozen=True, slots=True)
class Governed:
    """`agent.ledger.entry.Fold`: a value, to which each entry gives the next one."""

    state: State = field(default_factory=State)

    def step(self, entry: Entry) -> "tuple[Governed, Refusal | None]":
        """The state after an entry, and why it has no effect.

        Records of a device change nothing that anybody is judged by.  Their signatures are not checked here, at a million of them, but where
        somebody relies on one (`attest`) and by the full verification; when they are made they are checked as every signature is.
        """
        if entry.cms is None:
            if self.state.org is None:  # from before 0.3, when nothing was signed
                return Governed(self.state.alter(size=self.state.size + 1)), None
            return self._refused(refuse("S54", "unsigned"))
        try:
            statement = entry.parsed()
            if _is_record(statement) and self.state.org is not None:
                refused = deciding.record_refused(self.state, statement)
                return (Governed(self.state.alter(size=self.state.size + 1)), None) if refused is None else self._refused(refused)
            signer = entry.signer()
        except StatementError as error:
            return self._refused(refuse("S54", "malformed", where=error.reason))
        except signed.CheckFailed as error:
            return self._refused(refuse("S54", "signature", detail=str(error)[:100]))
        hashed = hashlib.sha256(entry.raw).hexdigest()
        refused = deciding.judge(self.state, statement, hashed, signer)
        if refused is not None:
            return self._refused(refused)
        return Governed(deciding.evolve(self.state, statement, hashed, signer)), None

    def attest(self, entry: Entry) -> Refusal | None:
        """Whether a record of a device can be relied on: made by a device of this ledger, its signature checked; None where it can.

        The state may be a later one: a key that the device had before counts, a device that was withdrawn since does too.
        """
        try:
            statement, signer = entry.parsed(), entry.signer()
        except (StatementError, signed.CheckFailed) as error:
            return refuse("S54", "signature", detail=str(error)[:100])
        if statement.org != self.state.org:
            return refuse("S54", "other_organisation")
        if self.state.device_keys.get(signer) != statement.device:
            return refuse("S42", "device_key", device=statement.device)
        return None

    def attest_record(self, entry: Entry) -> Refusal | None:
        """`attest` for the full verification, which has just stepped over the entry: None for what is no record of a device."""
        return self.attest(entry) if _is_record(entry.parsed()) else None

    def _refused(self, refusal: Refusal) -> "tuple[Governed, Refusal]":
        return Governed(deciding.without_effect(self.state)), refusal


def _is_record(statement: Statement) -> bool:
    known = deciding.kind_of(statement.type, statement.actor)
    return known is not None and known.by is By.DEVICE and known.apply is no_change
