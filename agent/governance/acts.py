"""An act: what somebody wants to be true from now on, and what the rules know of each kind of act."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final, TypeAlias

from agent.governance.form import Schema
from agent.governance.refusal import Refusal
from agent.governance.roles import WORDS, Role
from agent.governance.state import Person, State


class By(Enum):
    """Whose signature an act must bear."""

    PERSON = "person"
    """A registered certificate of the actor's."""
    FOUNDER = "founder"
    """A founder's certificate that stands in the founding act."""
    DEVICE = "device"
    """The device's key: records and requests, never authority."""
    NEW_DEVICE = "new_device"
    """The key that the act itself names."""


@dataclass(frozen=True, slots=True)
class Act:
    """One act at its moment."""

    type: str
    actor: str | None
    device: str
    body: Mapping[str, Any]
    at: str
    id: str = ""
    """The statement's id; empty while it is only being decided."""
    hash: str = ""
    """SHA-256 (hex) of the statement; the founding act needs it."""


Permits: TypeAlias = Callable[[State, Act], Refusal | None]
Apply: TypeAlias = Callable[[State, Act], State]


def nothing_against(_state: State, _act: Act) -> None:
    """Allowed to whoever signs it."""


def no_change(state: State, _act: Act) -> State:
    """A record: it changes nothing that others are judged by."""
    return state


def one(_state: State, _act: Act) -> int:
    """One signature is enough."""
    return 1


@dataclass(frozen=True, slots=True)
class Kind:
    """What is known of one type of statement."""

    type: str
    zh: str
    en: str
    by: By
    form: Schema
    permits: Permits = nothing_against
    apply: Apply = no_change
    needs: Callable[[State, Act], int] = one
    """How many people must sign it before it takes effect."""
    opens: bool = False
    """It is the first statement of a ledger."""


FOUNDER: Final = "founder"
"""In place of a role where a refusal says who may: the founders are no role that could be granted."""


def refuse(rule: str, reason: str, /, allowed_if: Mapping[str, str] | None = None, **facts: str) -> Refusal:
    """A refusal with its facts."""
    return Refusal(rule, reason, tuple(facts.items()), tuple((allowed_if or {}).items()))


def may(state: State, act: Act, *roles: str, rule: str) -> Refusal | None:
    """Whether the actor is a founder (where `founder` is named) or holds one of the roles."""
    person = state.person(act.actor)
    held = set() if person is None else {duty.role for duty in person.duties}
    if held & set(roles) or (FOUNDER in roles and act.actor in state.founders):
        return None
    who = [named(p) for role in roles for p in (state.holders(role) if role != FOUNDER else [state.people[f] for f in state.founders])]
    words = [("创建人", "founder") if role == FOUNDER else WORDS[Role(role)] for role in roles]
    needs = {"needs_role": ", ".join(roles), "who": ", ".join(dict.fromkeys(who))}
    return refuse(rule, "role", needs, actor=named(person), role="、".join(zh for zh, _ in words), role_en=", ".join(en for _, en in words))


def named(person: Person | None) -> str:
    """A person as a refusal names them."""
    return "" if person is None else f"{person.name} ({person.id})"


def found_person(state: State, who: str) -> Person | Refusal:
    """The person, not one who left."""
    person = state.person(who)
    if person is None:
        return refuse("S42", "no_such_person", person=who)
    if person.state == "left":
        return refuse("S42", "person_left", person=named(person))
    return person
