"""The rules put to work, purely: `decide` what somebody wants, `judge` what stands in a ledger, `evolve` the state by what took effect.

All three go through the same table of kinds, so that nothing takes effect that `decide` refuses: `judge` asks what `decide` asks, and
besides whose signature it is.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Any, Final, Protocol

from agent.governance import certificates, cosigning, devices, founding, people, records, rulebook
from agent.governance.acts import Act, By, Kind, named, no_change, refuse
from agent.governance.form import ANYTHING, fault
from agent.governance.refusal import Refusal
from agent.governance.state import State

KINDS: Final[Mapping[str, Kind]] = MappingProxyType(
    {kind.type: kind for area in (founding, people, devices, rulebook, cosigning, records) for kind in area.KINDS}
)
BACK: Final = timedelta(minutes=10)
"""How far a clock may lie behind the ledger's before its owner's acts are refused."""
_FROM_ANY_DEVICE: Final = ("device.authorised", "org.founder_joined", "act.seconded")
"""What a person may do on a workstation that waits for its authorisation: authorise it, and sign with others."""


SIGNATURES: Final = ("signature.started", "signature.finished")
"""Records that others rely on where they look at a document: a workstation makes them that somebody has authorised."""


def kind_of(type: str, actor: str | None) -> Kind | None:
    """What is known of a type of statement.

    A device may record what this version has no word for yet: a record changes nothing.  A person's act of an unknown type has no effect.
    """
    return KINDS.get(type) or (Kind(type, type, type, By.DEVICE, ANYTHING) if actor is None else None)


_AT_ANY_TIME: Final = ("clock.corrected", "certificate.bound")
"""Acts that may be earlier than the last one of the certificate that signs them, because nothing comes of them a second time: they lead out
where somebody acted with a clock that was far ahead."""


@dataclass(frozen=True, slots=True)
class Command:
    """What somebody wants to be true from now on."""

    type: str
    actor: str | None
    device: str
    body: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Draft:
    """A statement to be made, signed and entered, as `decide` wants it."""

    type: str
    actor: str | None
    device: str
    rules: str
    body: Mapping[str, Any]
    needs: int
    """Signatures it takes before it has effect, this one included."""


class Noted(Protocol):
    """What is needed of a device's record."""

    @property
    def org(self) -> str | None: ...
    @property
    def type(self) -> str: ...
    @property
    def actor(self) -> str | None: ...
    @property
    def device(self) -> str: ...


class Stated(Noted, Protocol):
    """What is needed of a statement (`agent.ledger.statement.Statement` is one)."""

    @property
    def id(self) -> str: ...
    @property
    def at(self) -> str: ...
    @property
    def rules(self) -> str | None: ...
    @property
    def body(self) -> Mapping[str, Any]: ...


def moment(at: datetime) -> str:
    """A time as statements write it."""
    return at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def decide(state: State, command: Command, at: datetime) -> tuple[Draft, ...] | Refusal:
    """The statements that would bring about what is wanted, or why not."""
    act = Act(command.type, command.actor, command.device, command.body, moment(at))
    kind = kind_of(command.type, command.actor)
    if refused := _framed(state, act, kind):
        return refused
    assert kind is not None
    if refused := _permitted(state, act, kind):
        return refused
    return (Draft(command.type, command.actor, command.device, state.rules, command.body, kind.needs(state, act)),)


def judge(state: State, statement: Stated, hashed: str, signer: str) -> Refusal | None:
    """Why a statement takes no effect at this place of the ledger; None where it does.

    `hashed` is its SHA-256 and `signer` the fingerprint of the certificate whose signature over it was checked (both hex).
    """
    kind = kind_of(statement.type, statement.actor)
    act = Act(statement.type, statement.actor, statement.device, statement.body, statement.at, statement.id, hashed)
    if kind is None:
        return refuse("S54", "unknown_type", type=statement.type)
    if statement.org != state.org:
        return refuse("S54", "other_organisation")
    if refused := _framed(state, act, kind):
        return refused
    if kind.opens:  # it says itself whose the certificates are: only one that holds can be asked
        refused = _permitted(state, act, kind) or _signed_by(state, act, kind, signer)
    else:
        refused = _signed_by(state, act, kind, signer) or _permitted(state, act, kind)
    if refused:
        return refused
    if statement.id in state.acts:
        return refuse("S54", "replayed", {"needs": "another id"}, at=act.at)
    if kind.by is By.PERSON and statement.rules != state.rules:
        return refuse("S21", "rules_changed", rules=str(statement.rules), present=state.rules)
    return None


def record_refused(state: State, noted: Noted) -> Refusal | None:
    """`judge` of a device's record, as far as it goes without its signature and its body, which nobody is judged by."""
    if noted.org != state.org:
        return refuse("S54", "other_organisation")
    if noted.actor is not None:
        return refuse("S54", "device_for_person")
    return _device_refused(state, noted.type, noted.device)


def evolve(state: State, statement: Stated, hashed: str, signer: str) -> State:
    """The state after a statement that `judge` let pass."""
    kind = kind_of(statement.type, statement.actor)
    assert kind is not None
    act = Act(statement.type, statement.actor, statement.device, statement.body, statement.at, statement.id, hashed)
    if kind.by is By.DEVICE and kind.apply is no_change:
        return state.alter(size=state.size + 1)
    needs = kind.needs(state, act)
    after = cosigning.propose(state, act, needs) if needs > 1 else _applied(state, act, kind)
    if kind.by in (By.PERSON, By.FOUNDER):
        certificate = after.certificates[signer]
        after = after.alter(
            certificates=after.certificates.put(signer, replace(certificate, last=max(certificate.last, act.at))),
            clock=act.at if act.type == "clock.corrected" else max(after.clock, act.at),
        )
    return after.alter(size=after.size + 1)


def _applied(state: State, act: Act, kind: Kind) -> State:
    if act.type != "act.seconded":
        return kind.apply(state, act)
    after, complete = cosigning.second(state, act)
    return after if complete is None else KINDS[complete.type].apply(after, complete)


def without_effect(state: State, statement: Stated | None = None, signer: str = "") -> State:
    """The state after a statement that was refused: it stays as evidence, and is counted.

    Where it is one that the person did sign, that signature is spent: whoever enters it once more, when the rules would let it be, gets nothing.
    """
    after = state.alter(size=state.size + 1, without_effect=state.without_effect + 1)
    certificate = state.certificates.get(signer)
    if statement is None or certificate is None or statement.org != state.org or statement.actor != certificate.person:
        return after
    if statement.at <= certificate.last:
        return after
    return after.alter(certificates=after.certificates.put(signer, replace(certificate, last=statement.at)))


def _framed(state: State, act: Act, kind: Kind | None) -> Refusal | None:
    """Whether it is an act at all, at its place, by somebody and on a device that may act here."""
    if kind is None:
        return refuse("S54", "unknown_type", type=act.type)
    if (where := fault(act.body, kind.form)) is not None:
        return refuse("S54", "malformed", where=where)
    if kind.opens != (state.org is None):
        return refuse("S04", "already_founded" if kind.opens else "not_founded")
    if kind.opens:
        return refuse("S54", "malformed", where="actor") if (act.actor is None) != (kind.by is By.NEW_DEVICE) else None
    return _by_device(state, act, kind) if kind.by in (By.DEVICE, By.NEW_DEVICE) else _by_person(state, act)


def _permitted(state: State, act: Act, kind: Kind) -> Refusal | None:
    """Whether the rules let it be, for an act that is well framed."""
    refused = kind.permits(state, act)
    return _completing(state, act) if refused is None and act.type == "act.seconded" else refused


def _completing(state: State, act: Act) -> Refusal | None:
    """What an act would be refused for now is not brought about by the last signature either."""
    _, complete = cosigning.second(state, act)
    return None if complete is None else KINDS[complete.type].permits(state, complete)


def _by_device(state: State, act: Act, kind: Kind) -> Refusal | None:
    if act.actor is not None:
        return refuse("S54", "device_for_person")
    return _device_refused(state, act.type, act.device) if kind.by is By.DEVICE else None


def _device_refused(state: State, type: str, name: str) -> Refusal | None:
    device = state.devices.get(name)
    if device is None or device.state == "withdrawn":
        return refuse("S42", "device_unknown" if device is None else "device_withdrawn", device=name[:128])
    if type in SIGNATURES and state.kind == "organisation" and device.begun is None:
        return refuse("S42", "device_waits", {"needs": "device authorise"}, device=device.id)
    return None


def _by_person(state: State, act: Act) -> Refusal | None:
    if state.kind != "organisation":
        return refuse("S04", "personal_home")
    person = state.person(act.actor)
    if person is None:
        return refuse("S36", "not_registered")
    if person.state == "left":
        return refuse("S50", "person_left", person=named(person))
    if state.status != "active" and act.type != "org.founder_joined":
        waiting = [named(state.people[who]) for who in state.founders if who not in state.joined]
        return refuse("S04", "founding", {"who": ", ".join(waiting)}, quorum=str(state.quorum), joined=str(len(state.joined)))
    device = state.devices.get(act.device)
    if device is None or device.state == "withdrawn":
        return refuse("S42", "device_unknown" if device is None else "device_withdrawn", device=act.device)
    if device.state != "authorised" and not (act.type in _FROM_ANY_DEVICE and (act.type != "device.authorised" or act.body["device"] == act.device)):
        return refuse("S42", "device_waits", {"needs": "device authorise"}, device=act.device)
    if act.type != "clock.corrected" and state.clock and datetime.fromisoformat(act.at) < datetime.fromisoformat(state.clock) - BACK:
        return refuse("S54", "clock_back", {"needs": "clock"}, at=act.at, ledger=state.clock)
    return None


def _signed_by(state: State, act: Act, kind: Kind, signer: str) -> Refusal | None:
    """Whether the signature is that of whoever must have made it."""
    if kind.by is By.DEVICE:
        return None if state.devices[act.device].fingerprint == signer else refuse("S42", "device_key", device=act.device)
    if kind.by is By.NEW_DEVICE:
        known = certificates.facts(str(act.body["device"]["certificate"]))
        return None if known is not None and known.fingerprint == signer else refuse("S42", "device_key", device=act.device)
    if kind.by is By.FOUNDER:
        state = kind.apply(state, act)  # the founding itself says whose the certificates are
    certificate = state.certificates.get(signer)
    if certificate is None or certificate.person != act.actor:
        return refuse("S36", "not_registered" if certificate is None else "certificate_of_another", actor=named(state.person(act.actor)))
    if certificate.state != "active":
        return refuse("S36", "certificate_withdrawn", certificate=certificate.subject)
    if not certificate.not_before <= act.at <= certificate.not_after:
        if act.at > certificate.not_after:
            return refuse("S25", "certificate_expired", certificate=certificate.subject, not_after=certificate.not_after[:10])
        return refuse("S25", "certificate_not_yet_valid", certificate=certificate.subject, not_before=certificate.not_before[:10])
    if act.type not in _AT_ANY_TIME and act.at <= certificate.last:
        return refuse("S54", "replayed", {"needs": "clock"}, at=act.at, last=certificate.last)
    return None
