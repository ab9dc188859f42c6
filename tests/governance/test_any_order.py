"""Whatever people, devices and database administrators do, in whatever order: what follows from the ledger is always the same, and nothing
takes effect that `decide` refuses."""

import os
from datetime import datetime, timedelta
from typing import Any

import hypothesis.strategies as st
import pytest
import rfc8785
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from agent.governance import certificates
from agent.governance.deciding import Command, Draft, decide, moment
from agent.governance.profiles import PROFILES
from agent.governance.refusal import Refusal
from agent.governance.roles import NEVER, Role
from agent.governance.state import State, dump, load
from tests.governance.cast import DEVICE, OTHER_DEVICE, Book, cert, folded, founding, person, told

PEOPLE = st.integers(0, 6).map(person)
SIGNERS = ["founder 0", "founder 1", "founder 2", *(f"person {n}" for n in range(3, 7)), DEVICE, OTHER_DEVICE, "stranger", "new key"]
CERTS = st.sampled_from([*SIGNERS, "spare 0", "spare 3"]).map(lambda name: cert(name).bound)
DEVICES = st.sampled_from([DEVICE, OTHER_DEVICE])


def changed(value: State) -> dict[str, Any]:
    """What an entry without effect must leave as it was: everything but the count of them, and that its signature is spent."""
    told = {name: part for name, part in dump(value).items() if name not in ("size", "without_effect")}
    return {**told, "certificates": {name: {**each, "last": None} for name, each in told["certificates"].items()}}


class Anything(RuleBasedStateMachine):
    """One ledger; `decide` is asked of each act, and half the time entered in spite of its answer."""

    def __init__(self) -> None:
        super().__init__()
        self.book = Book()

    @initialize(founders=st.integers(1, 3), quorum=st.integers(1, 3), profile=st.sampled_from(sorted(PROFILES)))
    def found(self, founders: int, quorum: int, profile: str) -> None:
        body = founding(founders, min(founders, quorum), profile)
        self.book.do("org.founded", person(0), cert("founder 0").fingerprint, **body)

    def act(self, type: str, actor: str | None, on: str, body: dict[str, Any], signer: str | None, ahead: int = 1) -> None:
        """Ask, and enter what was asked for whatever the answer was, signed by whoever it is."""
        before = self.book.state
        at = self.book.tick(max(ahead, 0) + 1)
        when: datetime = at + timedelta(seconds=min(ahead, 0))
        answer = decide(before, Command(type, actor, on, body), when)
        draft = Draft(type, actor, on, before.rules, body, 1) if isinstance(answer, Refusal) else answer[0]
        said = self.book.say(draft, when)
        fingerprint = cert(signer or self.right(actor, on)).fingerprint
        refused = self.book.enter(said, fingerprint)
        if isinstance(answer, Refusal):
            assert refused is not None, "it took effect although the rules refuse it"
        if refused is not None:
            assert changed(self.book.state) == changed(before)
        if refused is None and actor is not None:
            owner = self.book.state.certificates[fingerprint]
            assert owner.person == actor, "an act of one person was signed by another"
        assert self.book.state.size == before.size + 1

    def right(self, actor: str | None, on: str) -> str:
        """Who would sign properly."""
        if actor is None:
            return on
        n = int(actor[1:])
        return f"founder {n}" if actor in self.book.state.founders else f"person {n}"

    @rule(n=st.integers(1, 2), wrong=st.none() | st.sampled_from(SIGNERS))
    def join(self, n: int, wrong: str | None) -> None:
        self.act("org.founder_joined", person(n), DEVICE, {"founding": self.book.state.org}, wrong)

    @rule(actor=PEOPLE, n=st.integers(3, 6), with_certificate=st.booleans(), wrong=st.none() | st.sampled_from(SIGNERS), on=DEVICES)
    def register(self, actor: str, n: int, with_certificate: bool, wrong: str | None, on: str) -> None:
        certificates = [cert(f"person {n}").bound] if with_certificate else []
        self.act("person.registered", actor, on, {"person": person(n), "name": f"员工{n}", "certificates": certificates}, wrong)

    @rule(actor=PEOPLE, who=PEOPLE)
    def verify(self, actor: str, who: str) -> None:
        self.act("person.verified", actor, DEVICE, {"person": who, "method": "in_person", "number": None, "evidence": None}, None)

    @rule(actor=PEOPLE, who=PEOPLE)
    def leave(self, actor: str, who: str) -> None:
        self.act("person.left", actor, DEVICE, {"person": who, "reason": None}, None)

    @rule(actor=PEOPLE, who=PEOPLE, bound=CERTS)
    def bind(self, actor: str, who: str, bound: dict[str, Any]) -> None:
        self.act("certificate.bound", actor, DEVICE, {"person": who, "certificate": bound}, None)

    @rule(actor=PEOPLE, name=st.sampled_from(SIGNERS))
    def unbind(self, actor: str, name: str) -> None:
        self.act("certificate.unbound", actor, DEVICE, {"certificate": cert(name).fingerprint, "reason": "x"}, None)

    @rule(kind=st.sampled_from(["role.granted", "role.granted", "role.revoked"]), actor=PEOPLE, who=PEOPLE, role=st.sampled_from(sorted(Role)))
    def appoint(self, kind: str, actor: str, who: str, role: Role) -> None:
        self.act(kind, actor, DEVICE, {"person": who, "role": str(role), "department": None, "reason": None}, None)

    @rule(actor=PEOPLE, profile=st.sampled_from(sorted(PROFILES)))
    def change_profile(self, actor: str, profile: str) -> None:
        self.act("profile.changed", actor, DEVICE, {"profile": profile, "reason": "x"}, None)

    @rule(actor=PEOPLE, who=PEOPLE, bound=CERTS)
    def recover(self, actor: str, who: str, bound: dict[str, Any]) -> None:
        self.act("org.recovered", actor, DEVICE, {"person": who, "certificate": bound, "reason": "丢失"}, None)

    @precondition(lambda self: self.book.state.acts)
    @rule(actor=PEOPLE, which=st.integers(0, 9), kind=st.sampled_from(["act.seconded", "act.seconded", "act.withdrawn"]))
    def second(self, actor: str, which: int, kind: str) -> None:
        waiting = sorted(self.book.state.acts)
        body = {"act": waiting[which % len(waiting)]}
        self.act(kind, actor, DEVICE, body if kind == "act.seconded" else {**body, "reason": None}, None)

    @rule(wrong=st.none() | st.sampled_from(SIGNERS), on=DEVICES)
    def enrol(self, wrong: str | None, on: str) -> None:
        self.act("device.enrolled", None, on, {"device": told(on)}, wrong)

    @rule(actor=st.none() | PEOPLE, on=DEVICES, which=DEVICES, kind=st.sampled_from(["device.authorised", "device.withdrawn"]))
    def move_device(self, actor: str | None, on: str, which: str, kind: str) -> None:
        body = {"device": which}
        self.act(kind, actor, on, {**body, "name": None} if kind == "device.authorised" else {**body, "reason": "x"}, None)

    @rule(on=DEVICES, wrong=st.none() | st.sampled_from(SIGNERS))
    def record(self, on: str, wrong: str | None) -> None:
        self.act("signature.started", None, on, {"batch": "b"}, wrong)

    @rule(which=st.integers(0, 200))
    def replay(self, which: int) -> None:
        """The database administrator enters once more what stands there."""
        said, signer = self.book.entries[which % len(self.book.entries)]
        before = self.book.state
        refused = self.book.enter(said, signer)
        assert changed(self.book.state) == changed(before)
        assert refused is not None or said.type == "signature.started"

    @rule(seconds=st.integers(-2000, 2000), actor=PEOPLE)
    def another_clock(self, seconds: int, actor: str) -> None:
        self.act("person.registered", actor, DEVICE, {"person": person(7), "name": "钱", "certificates": []}, None, seconds)

    @invariant()
    def a_rebuild_is_the_same(self) -> None:
        again = State()
        for said, signer in self.book.entries:
            again, _ = folded(again, said, signer)
        assert rfc8785.dumps(dump(again)) == rfc8785.dumps(dump(self.book.state)) == rfc8785.dumps(dump(load(dump(again))))

    @invariant()
    def nobody_holds_what_excludes_each_other(self) -> None:
        state = self.book.state
        for each in state.people.values():
            held = {Role(duty.role) for duty in each.duties}
            assert each.state != "left" or not held
            if not state.settings["alone"]:
                assert not any(pair <= held for pair in NEVER)
            assert all(duty.by in state.people for duty in each.duties)
            assert all(duty.by != each.id or duty.alone for duty in each.duties)

    @invariant()
    def keys_people_and_devices_are_told_apart(self) -> None:
        state = self.book.state
        for each in state.certificates.values():
            assert state.keys[each.key] == each.person
        owned = {each.key for each in state.certificates.values()}
        assert not owned & {certificates.facts(each.certificate).key for each in state.devices.values()}  # type: ignore[union-attr]
        assert all(each.authorised_by in state.people for each in state.devices.values() if each.state == "authorised")
        if state.founders:
            assert len(state.founders) >= state.quorum

    @invariant()
    def what_loosened_the_rules_was_signed_by_two(self) -> None:
        state = self.book.state
        done = [each for each in state.acts.values() if each.type == "profile.changed" and each.state == "done"]
        assert len(state.loosened) <= len([each for each in done if len(set(each.signed)) >= 2])


Anything.TestCase.settings = settings(max_examples=600 if os.environ.get("YINXIN_SOAK") else 25, stateful_step_count=40)
TestAnything = pytest.mark.promise(3)(Anything.TestCase)


def test_times_of_statements_sort_as_texts() -> None:
    first = datetime.fromisoformat("2026-11-22T04:00:00.000000+00:00")
    assert moment(first) < moment(first + timedelta(microseconds=1)) < moment(first + timedelta(seconds=1))
