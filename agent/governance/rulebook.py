"""The rules themselves: the profile and its changes, the written policy and who accepted which version."""

import hashlib
from dataclasses import replace

from agent.governance.acts import FOUNDER, Act, By, Kind, may, named, refuse
from agent.governance.form import DIGEST, MOMENT, choice, maybe, name, record, text, word
from agent.governance.machines import POLICY
from agent.governance.profiles import PROFILES, loosened
from agent.governance.refusal import Refusal
from agent.governance.roles import WORDS, Role, clash
from agent.governance.state import Policy, State

VERSION = word("[A-Za-z0-9][A-Za-z0-9._-]{0,31}")
CHANGED = record(profile=choice(*PROFILES), reason=text(1000))
PUBLISHED = record(version=VERSION, title=name(200), text=text(20_000), digest=DIGEST, effective=MOMENT, owner=maybe(name(100)))
ACCEPTED = record(version=VERSION, digest=DIGEST)


def _changed_permitted(state: State, act: Act) -> Refusal | None:
    if wrong := may(state, act, FOUNDER, rule="S21"):
        return wrong
    wanted = act.body["profile"]
    if wanted == state.profile:
        return refuse("S21", "same_profile", profile=wanted)
    values = PROFILES[wanted].values
    for person in sorted(state.people.values(), key=lambda p: p.id):
        held: set[str] = set()
        for duty in person.duties:
            if other := clash(held, duty.role, values["join"], values["alone"]):  # type: ignore[arg-type]
                held_zh, held_en = WORDS[Role(duty.role)]
                other_zh, other_en = WORDS[other]
                words = {"role": held_zh, "other": other_zh, "role_en": held_en, "other_en": other_en}
                return refuse("S21", "profile_duties", {"needs": "role revoke"}, person=named(person), profile=wanted, **words)
            held.add(duty.role)
    return None


def _changed(state: State, act: Act) -> State:
    wanted = act.body["profile"]
    less = loosened(state.settings, PROFILES[wanted].values)
    number = int(state.rules.rpartition(".")[2]) + 1
    change = {"at": act.at, "by": act.actor, "from": state.profile, "to": wanted, "settings": list(less), "reason": act.body["reason"]}
    return state.alter(profile=wanted, rules=f"{wanted}.{number}", loosened=(*state.loosened, change) if less else state.loosened)


def _two_where_looser(state: State, act: Act) -> int:
    """To loosen the rules wants two persons, never fewer than the quorum of the founders."""
    less = loosened(state.settings, PROFILES[act.body["profile"]].values)
    return max(2, state.quorum) if less else state.quorum


def _published_permitted(state: State, act: Act) -> Refusal | None:
    if wrong := may(state, act, FOUNDER, rule="S02"):
        return wrong
    if act.body["version"] in state.policies:
        return refuse("S02", "version_known", version=act.body["version"])
    if hashlib.sha256(act.body["text"].encode()).hexdigest() != act.body["digest"]:
        return refuse("S02", "malformed", where="body.digest")
    return None


def _published(state: State, act: Act) -> State:
    body = act.body
    policies = state.policies
    if state.policy is not None:
        former = policies[state.policy]
        policies = policies.put(former.version, replace(former, state=str(POLICY.after(former.state, act.type))))
    made = Policy(body["version"], body["title"], body["digest"], body["effective"], str(POLICY.after(None, act.type)), str(act.actor), act.id)
    return state.alter(policies=policies.put(made.version, made), policy=made.version)


def _accepted_permitted(state: State, act: Act) -> Refusal | None:
    policy = state.policies.get(act.body["version"])
    if policy is None:
        return refuse("S39", "no_such_policy", version=act.body["version"], present=", ".join(sorted(state.policies)))
    if policy.state != "published":
        return refuse("S39", "policy_replaced", version=policy.version, present=str(state.policy))
    if policy.digest != act.body["digest"]:
        return refuse("S39", "malformed", where="body.digest")
    return None


def _accepted(state: State, act: Act) -> State:
    person = state.people[str(act.actor)]
    return state.alter(people=state.people.put(person.id, replace(person, accepted=act.body["version"])))


KINDS = (
    Kind(
        "profile.changed", "变更规则方案", "rule profile changed", By.PERSON, CHANGED, _changed_permitted, _changed, _two_where_looser
    ),
    Kind("policy.published", "发布管理制度", "policy published", By.PERSON, PUBLISHED, _published_permitted, _published),
    Kind("policy.accepted", "签收管理制度", "policy accepted", By.PERSON, ACCEPTED, _accepted_permitted, _accepted),
)  # fmt: skip
