"""Acts that more than one person must sign: the first one proposes by his own statement, others second it, and with the last it takes effect."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from agent.governance.acts import FOUNDER, Act, By, Kind, may, named, refuse
from agent.governance.form import STATEMENT, maybe, record, text
from agent.governance.machines import ACT
from agent.governance.refusal import Refusal
from agent.governance.state import Pending, State

TERM: Final = timedelta(days=30)
"""How long an act waits for its other signatures."""
_BY_FOUNDERS_ALONE: Final = ("role.granted", "org.recovered", "person.left")
"""What only founders second; other acts are seconded, where there is one founder, by somebody who holds a role."""


def pending(state: State, at: str) -> tuple[Pending, ...]:
    """What waits for others at `at`, oldest first."""
    return tuple(sorted((act for act in state.acts.values() if act.state == "pending" and not _expired(act, at)), key=lambda act: act.at))


def _expired(act: Pending, at: str) -> bool:
    return datetime.fromisoformat(at) > datetime.fromisoformat(act.at) + TERM


def _waiting(state: State, act: Act) -> Pending | Refusal:
    found = state.acts.get(act.body["act"])
    if found is None:
        return refuse("S21", "no_such_act", wanted=act.body["act"], present=", ".join(each.id for each in pending(state, act.at)))
    if ACT.after(found.state, act.type) is None:
        return refuse("S21", "act_over", state=found.state)
    if found.rules != state.rules:
        return refuse("S21", "act_other_rules", {"needs": "propose anew"}, rules=found.rules, present=state.rules)
    return refuse("S21", "act_expired", {"needs": "propose anew"}, at=found.at[:10]) if _expired(found, act.at) else found


def _seconded_permitted(state: State, act: Act) -> Refusal | None:
    found = _waiting(state, act)
    if isinstance(found, Refusal):
        return found
    if act.actor in found.signed:
        return refuse("S21", "signed_already", {"needs": "another person"}, actor=named(state.person(act.actor)))
    if found.body.get("person") == act.actor and found.type == "org.recovered":
        return refuse("S21", "own_matter", {"needs": "another person"}, actor=named(state.person(act.actor)))
    if found.type in _BY_FOUNDERS_ALONE or len(state.founders) >= found.needs:
        return may(state, act, FOUNDER, rule="S21")
    person = state.person(act.actor)
    if person is None or not (person.duties or act.actor in state.founders):
        return refuse("S21", "no_duty", {"needs": "any role"}, actor=named(person))
    return None


def propose(state: State, act: Act, needs: int) -> State:
    """With an act that waits for others."""
    made = Pending(
        act.id, act.type, act.body, str(act.actor), act.at, act.device, state.rules, (str(act.actor),), needs, str(ACT.after(None, "proposed"))
    )
    return state.alter(acts=state.acts.put(made.id, made))


def second(state: State, act: Act) -> tuple[State, Act | None]:
    """The state with one signature more, and the act that is complete by it, to take effect now."""
    found = state.acts[act.body["act"]]
    signed = (*found.signed, str(act.actor))
    complete = sum(1 for who in signed if state.people[who].state != "left") >= found.needs
    after = replace(found, signed=signed, state=str(ACT.after(found.state, "completed" if complete else act.type)))
    state = state.alter(acts=state.acts.put(found.id, after))
    return state, Act(found.type, found.actor, found.device, found.body, act.at, found.id) if complete else None


def _seconded(state: State, act: Act) -> State:
    return second(state, act)[0]


def _withdrawn_permitted(state: State, act: Act) -> Refusal | None:
    found = _waiting(state, act)
    if isinstance(found, Refusal):
        return found
    return None if found.actor == act.actor else may(state, act, FOUNDER, rule="S21")


def _withdrawn(state: State, act: Act) -> State:
    found = state.acts[act.body["act"]]
    return state.alter(acts=state.acts.put(found.id, replace(found, state=str(ACT.after(found.state, act.type)))))


KINDS = (
    Kind("act.seconded", "联署", "act seconded", By.PERSON, record(act=STATEMENT), _seconded_permitted, _seconded),
    Kind(
        "act.withdrawn", "撤回待联署事项", "act withdrawn before it took effect", By.PERSON, record(act=STATEMENT, reason=maybe(text(1000))),
        _withdrawn_permitted, _withdrawn,
    ),
)  # fmt: skip
