"""Everything that follows from the statements of one ledger up to a place in it: a value, folded and never edited.

`dump` writes it as plain data and `load` reads it back: the same statements give the same bytes, in whatever way the state came about.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, Final

from agent.governance.profiles import PROFILES
from agent.governance.table import Table

FORM: Final = 2
"""The form of a dumped state; another one is not loaded but made anew from the statements."""


@dataclass(frozen=True, slots=True)
class Duty:
    """A role that somebody holds."""

    role: str
    department: str | None
    since: str
    by: str
    alone: bool = False
    """Given by the single founder to himself."""


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody registered."""

    id: str
    name: str
    state: str
    duties: tuple[Duty, ...] = ()
    identity: str | None = None
    """How the identity was checked."""
    accepted: str | None = None
    """The policy version accepted last."""
    since: str = ""


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate that stands for a person."""

    fingerprint: str
    key: str
    person: str
    subject: str
    not_before: str
    not_after: str
    state: str
    der: str
    """Base 64."""
    token: Mapping[str, Any] | None = None
    last: str = ""
    """When it signed its last statement: the next one is later, so that none can be played again."""


@dataclass(frozen=True, slots=True)
class Device:
    """A workstation by its key."""

    id: str
    fingerprint: str
    certificate: str
    level: str
    name: str
    state: str
    since: str
    authorised_by: str | None = None
    begun: int | None = None
    """The place in the ledger of its authorisation; None where it has none yet."""
    ended: int | None = None
    """The place of its withdrawal."""
    former: Mapping[str, int] = field(default_factory=dict)
    """Fingerprints of the certificates it had before, and from which place on each is no longer its own."""

    def speaks(self, signer: str, place: int) -> bool:
        """Whether a certificate was its own at a place in the ledger, and it was not withdrawn by then."""
        own = signer == self.fingerprint or place < self.former.get(signer, 0)
        return own and (self.ended is None or place < self.ended)


@dataclass(frozen=True, slots=True)
class Pending:
    """An act that more than one person must sign."""

    id: str
    type: str
    body: Mapping[str, Any]
    actor: str
    at: str
    device: str
    rules: str
    signed: tuple[str, ...]
    needs: int
    state: str
    machine: str = "act"


@dataclass(frozen=True, slots=True)
class Policy:
    """A version of the written rules."""

    version: str
    title: str
    digest: str
    """SHA-256 of the text, hex."""
    effective: str
    state: str
    published_by: str
    statement: str


@dataclass(frozen=True, slots=True)
class State:
    """The whole."""

    org: str | None = None
    """SHA-256 (hex) of the founding statement."""
    kind: str | None = None
    """home or organisation; None before anything was founded."""
    name: str = ""
    status: str | None = None
    practice: bool = False
    """Emulated tokens: nothing here has any force."""
    founders: tuple[str, ...] = ()
    quorum: int = 1
    joined: tuple[str, ...] = ()
    """Founders who have signed the founding."""
    people: Table[str, Person] = field(default_factory=Table)
    certificates: Table[str, Certificate] = field(default_factory=Table)
    keys: Table[str, str] = field(default_factory=Table)
    """Digest of a public key → the person or the device it belongs to, for ever."""
    devices: Table[str, Device] = field(default_factory=Table)
    device_keys: Table[str, str] = field(default_factory=Table)
    """Fingerprint of a device's certificate → the device, former ones too."""
    profile: str = "personal"
    rules: str = "personal.0"
    """The version of the rules that an act must name."""
    loosened: tuple[Mapping[str, Any], ...] = ()
    """Each change that let the rules bind less: printed at every audit."""
    acts: Table[str, Pending] = field(default_factory=Table)
    policies: Table[str, Policy] = field(default_factory=Table)
    policy: str | None = None
    """The version in force."""
    clock: str = ""
    """The latest time of a person's act that took effect."""
    size: int = 0
    """Statements folded."""
    without_effect: int = 0
    """Those among them that the rules refused: they stay as evidence."""

    @property
    def settings(self) -> Mapping[str, Any]:
        """The values of the profile."""
        return PROFILES[self.profile].values

    def alter(self, **changes: Any) -> "State":
        """With some things otherwise."""
        return replace(self, **changes)

    def person(self, who: str | None) -> Person | None:
        """By id."""
        return None if who is None else self.people.get(who)

    def holders(self, role: str) -> tuple[Person, ...]:
        """Who holds a role, by id."""
        return tuple(p for p in sorted(self.people.values(), key=lambda p: p.id) if p.state != "left" and any(d.role == role for d in p.duties))

    def active_certificates(self, who: str) -> tuple[Certificate, ...]:
        """The certificates that stand for somebody now."""
        return tuple(sorted((c for c in self.certificates.values() if c.person == who and c.state == "active"), key=lambda c: c.fingerprint))


_ROWS: Final[Mapping[str, type]] = {
    "people": Person, "certificates": Certificate, "devices": Device, "acts": Pending, "policies": Policy,
}  # fmt: skip


def dump(state: State) -> dict[str, Any]:
    """The state as plain data: maps, lists, texts, numbers."""
    return {"form": FORM, **{each.name: _plain(getattr(state, each.name)) for each in fields(state)}}


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(value[key]) for key in sorted(value)}
    if isinstance(value, tuple | list):
        return [_plain(each) for each in value]
    if hasattr(value, "__dataclass_fields__"):
        return {each.name: _plain(getattr(value, each.name)) for each in fields(value)}
    return value


def load(data: Mapping[str, Any]) -> State:
    """The state that `dump` wrote; raises ValueError for another form."""
    if data.get("form") != FORM:
        raise ValueError("another form of the state")
    try:
        given = {each.name: data[each.name] for each in fields(State)}
        for name, row in _ROWS.items():
            given[name] = Table({key: _row(row, value) for key, value in given[name].items()})
        for name in ("keys", "device_keys"):
            given[name] = Table(given[name])
        for name in ("founders", "joined", "loosened"):
            given[name] = tuple(given[name])
        return State(**given)
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError("not a state") from error


def _row(kind: type, value: Mapping[str, Any]) -> Any:
    given = dict(value)
    if kind is Person:
        given["duties"] = tuple(Duty(**each) for each in given["duties"])
    elif kind is Pending:
        given["signed"] = tuple(given["signed"])
    return kind(**given)
