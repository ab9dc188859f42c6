"""The first statements of an organisation, by the pure rules: founding, people, duties, workstations, profile, policy, recovery."""

import hashlib
from datetime import timedelta

import pytest

from agent.governance.deciding import KINDS, Command, decide, record_refused
from agent.governance.machines import MACHINES
from agent.governance.refusal import Refusal
from agent.governance.roles import Role
from agent.governance.state import State, dump, load
from tests.governance.cast import DEVICE, NOON, OTHER_DEVICE, Book, cert, folded, founded, founding, person, registered, told

FOUNDER = cert("founder 0").fingerprint


def test_one_founder_is_enough_where_the_founding_says_so() -> None:
    book = founded()
    assert book.state.status == "active"
    assert {duty.role for duty in book.state.people[person(0)].duties} == {"registrar", "system_administrator"}
    assert book.state.devices[DEVICE].state == "authorised"


def test_an_organisation_of_two_of_three_waits_for_the_second_founder() -> None:
    book = Book()
    book.do("org.founded", person(0), FOUNDER, **founding(3, 2))
    said = book.refused("person.registered", person(0), person=person(9), name="王芳", certificates=[])
    assert (said.reason, dict(said.facts)["joined"]) == ("founding", "1")
    assert "创建人1" in dict(said.allowed_if)["who"]
    assert book.refused("org.founder_joined", person(0), founding=book.state.org).reason == "signed_already"
    book.do("org.founder_joined", person(2), cert("founder 2").fingerprint, founding=book.state.org)
    assert book.state.status == "active"
    registered(book, 9)


@pytest.mark.promise(3)
def test_duties_that_exclude_each_other_are_not_joined() -> None:
    book = founded()
    wang = registered(book, 5)
    book.do("role.granted", person(0), FOUNDER, person=wang, role="approver", department=None, reason=None)
    said = book.refused("role.granted", person(0), person=wang, role="custodian", department=None, reason=None)
    assert (said.rule, said.reason, dict(said.facts)["other_en"]) == ("S21", "separation", "approver")
    assert book.refused("role.granted", person(0), person=wang, role="registrar", department=None, reason=None).reason == "separation"
    book.do("role.revoked", person(0), FOUNDER, person=wang, role="approver", department=None, reason=None)
    book.do("role.granted", person(0), FOUNDER, person=wang, role="custodian", department=None, reason=None)


def test_who_is_alone_may_hold_every_duty_and_nobody_else() -> None:
    assert {duty.role for duty in founded(profile="personal").state.people[person(0)].duties} == {str(role) for role in Role}
    two = founded(2, 1)
    assert two.refused("role.granted", person(0), person=person(0), role="approver", department=None, reason=None).reason == "own_appointment"


def test_only_a_founder_appoints_and_only_a_registrar_registers() -> None:
    book = founded()
    wang = registered(book, 5)
    said = book.refused("role.granted", wang, person=wang, role="approver", department=None, reason=None)
    assert (said.reason, dict(said.allowed_if)["needs_role"]) == ("role", "founder")
    assert "创建人0" in dict(said.allowed_if)["who"]
    assert book.refused("person.registered", wang, person=person(6), name="李工", certificates=[]).reason == "role"


def test_what_several_founders_must_sign_waits_and_takes_effect_with_the_last() -> None:
    book = founded(3, 2)
    wang = registered(book, 5)
    proposed = book.do("role.granted", person(0), FOUNDER, person=wang, role="custodian", department=None, reason=None)
    assert book.state.people[wang].duties == ()
    assert book.refused("act.seconded", person(0), act=proposed.id).reason == "signed_already"
    assert book.refused("act.seconded", wang, act=proposed.id).reason == "role"
    book.do("act.seconded", person(1), cert("founder 1").fingerprint, act=proposed.id)
    assert [duty.role for duty in book.state.people[wang].duties] == ["custodian"]
    assert book.refused("act.seconded", person(2), act=proposed.id).reason == "act_over"


def test_a_proposal_is_judged_again_with_its_last_signature_and_ends_by_itself() -> None:
    book = founded(3, 2)
    wang = registered(book, 5)
    one = book.do("role.granted", person(0), FOUNDER, person=wang, role="custodian", department=None, reason=None)
    two = book.do("role.granted", person(0), FOUNDER, person=wang, role="approver", department=None, reason=None)
    book.do("act.seconded", person(1), cert("founder 1").fingerprint, act=one.id)
    assert book.refused("act.seconded", person(1), act=two.id).reason == "separation"
    book.at += timedelta(days=31)
    assert book.refused("act.seconded", person(1), act=two.id).reason == "act_expired"


def test_to_loosen_the_rules_wants_two_people_and_is_kept_to_be_told() -> None:
    book = founded(profile="standard")
    book.do("profile.changed", person(0), FOUNDER, profile="strict", reason="上市")
    assert (book.state.profile, book.state.rules) == ("strict", "strict.2")
    loosening = book.do("profile.changed", person(0), FOUNDER, profile="small", reason="太繁")
    assert book.state.profile == "strict"
    wang = registered(book, 5)
    assert book.refused("act.seconded", wang, act=loosening.id).reason == "no_duty"
    book.do("person.verified", person(0), FOUNDER, person=wang, method="in_person", number="3301**********1234", evidence=None)
    book.do("role.granted", person(0), FOUNDER, person=wang, role="auditor", department=None, reason=None)
    book.do("act.seconded", wang, cert("person 5").fingerprint, act=loosening.id)
    assert book.state.profile == "small"
    [told_later] = book.state.loosened
    assert (told_later["from"], told_later["to"], "identity_check" in told_later["settings"]) == ("strict", "small", True)


def test_duties_follow_the_checks_that_the_profile_demands() -> None:
    book = founded(profile="strict")
    wang = registered(book, 5)
    grant = {"person": wang, "role": "custodian", "department": None, "reason": None}
    assert book.refused("role.granted", person(0), **grant).reason == "identity_unchecked"
    book.do("person.verified", person(0), FOUNDER, person=wang, method="in_person", number=None, evidence=None)
    text = "第一条 印章由专人保管。"
    digest = hashlib.sha256(text.encode()).hexdigest()
    book.do("policy.published", person(0), FOUNDER, version="2026-1", title="电子印章管理办法", text=text, digest=digest,
            effective="2026-12-01T00:00:00.000000Z", owner=None)  # fmt: skip
    assert book.refused("role.granted", person(0), **grant).reason == "policy_unaccepted"
    book.do("policy.accepted", wang, cert("person 5").fingerprint, version="2026-1", digest=digest)
    book.do("role.granted", person(0), FOUNDER, **grant)


@pytest.mark.promise(3)
def test_a_key_belongs_to_one_person() -> None:
    book = founded()
    registered(book, 5)
    again = cert("a second certificate", key="person 5")
    said = book.refused("person.registered", person(0), person=person(6), name="李工", certificates=[again.bound])
    assert (said.rule, said.reason) == ("S26", "key_of_another")
    book.do("certificate.bound", person(5), cert("person 5").fingerprint, person=person(5), certificate=again.bound)
    assert book.refused("person.registered", person(0), person=person(6), name="李工", certificates=[cert("a CA", ca=True).bound]).reason == (
        "certificate_usage"
    )


@pytest.mark.promise(3)
def test_a_registrar_does_not_lend_himself_the_duties_of_another() -> None:
    book = founded(2, 1)
    clerk, approver = registered(book, 5), registered(book, 6)
    book.do("role.granted", person(0), FOUNDER, person=clerk, role="registrar", department=None, reason=None)
    book.do("role.granted", person(0), FOUNDER, person=approver, role="approver", department=None, reason=None)
    own = cert("the registrar's other token")
    assert book.refused("certificate.bound", clerk, person=approver, certificate=own.bound).reason == "role"


def test_a_founder_who_lost_his_key_gets_another_by_a_quorum_of_the_others() -> None:
    book = founded(3, 2)
    new = cert("founder 2, new")
    body = {"person": person(2), "certificate": new.bound, "reason": "UKey 丢失"}
    assert book.refused("org.recovered", person(2), **body).reason == "own_recovery"
    lost = cert("founder 2, the lost key again", key="founder 2").bound
    assert book.refused("org.recovered", person(0), **{**body, "certificate": lost}).reason == "same_key"
    proposed = book.do("org.recovered", person(0), FOUNDER, **body)
    assert book.state.certificates[cert("founder 2").fingerprint].state == "active"
    assert book.refused("act.seconded", person(2), act=proposed.id).reason == "own_matter"
    book.do("act.seconded", person(1), cert("founder 1").fingerprint, act=proposed.id)
    assert book.state.certificates[cert("founder 2").fingerprint].state == "withdrawn"
    registered_by_him = book.do("person.registered", person(2), new.fingerprint, person=person(7), name="赵", certificates=[])
    old = book.say(decided(book, "person.registered", person(2), person=person(8), name="钱", certificates=[]), book.tick())
    assert book.enter(old, cert("founder 2").fingerprint).reason == "certificate_withdrawn"  # type: ignore[union-attr]
    assert registered_by_him.actor == person(2)


def test_no_quorum_is_left_to_replace_a_founders_key_where_all_must_sign() -> None:
    book = founded(2, 2)
    body = {"person": person(1), "certificate": cert("founder 1, new").bound, "reason": "丢失"}
    assert book.refused("org.recovered", person(0), **body).reason == "quorum"
    assert book.refused("person.left", person(0), person=person(1), reason=None).reason == "quorum"


def test_a_workstation_is_authorised_by_a_person_and_never_by_itself() -> None:
    book = founded()
    book.do("device.enrolled", None, cert(OTHER_DEVICE).fingerprint, OTHER_DEVICE, device=told(OTHER_DEVICE))
    assert book.refused("person.registered", person(0), OTHER_DEVICE, person=person(5), name="王芳", certificates=[]).reason == "device_waits"
    by_itself = book.say(decided(book, "device.authorised", person(0), device=OTHER_DEVICE, name=None), book.tick(), actor=None)
    assert book.enter(by_itself, cert(OTHER_DEVICE).fingerprint) is not None
    assert book.state.devices[OTHER_DEVICE].state == "enrolled"
    book.do("device.authorised", person(0), FOUNDER, OTHER_DEVICE, device=OTHER_DEVICE, name=None)
    book.do("device.withdrawn", person(0), FOUNDER, OTHER_DEVICE, device=DEVICE, reason="报废")
    assert book.refused("person.registered", person(0), DEVICE, person=person(5), name="王芳", certificates=[]).reason == "device_withdrawn"
    assert book.refused("device.withdrawn", person(0), OTHER_DEVICE, device=OTHER_DEVICE, reason="x").reason == "last_device"


@pytest.mark.promise(3)
@pytest.mark.promise(7)
def test_a_workstation_that_nobody_authorised_records_no_signature() -> None:
    """Anybody who may append enrols a key of his own; what it says of signatures allows nothing, or he could vouch for whatever he signed."""
    book = founded()
    signer = cert(OTHER_DEVICE).fingerprint
    book.do("device.enrolled", None, signer, OTHER_DEVICE, device=told(OTHER_DEVICE))
    for kind in ("signature.started", "signature.finished"):
        assert book.refused(kind, None, OTHER_DEVICE, batch="b", documents=[]).reason == "device_waits"
        said = book.say(decided(book, kind, None, batch="b", documents=[]), book.tick(), device=OTHER_DEVICE)
        assert book.enter(said, signer).reason == "device_waits"  # type: ignore[union-attr]
        assert record_refused(book.state, said).reason == "device_waits"  # type: ignore[union-attr]
    book.do("attempt.denied", None, signer, OTHER_DEVICE, code="pin_incorrect")
    book.do("device.authorised", person(0), FOUNDER, device=OTHER_DEVICE, name=None)
    book.do("signature.started", None, signer, OTHER_DEVICE, batch="b", documents=[])


def test_a_device_renews_its_key_by_the_old_one() -> None:
    book = founded()
    book.do("device.renewed", None, cert(DEVICE).fingerprint, device=told(DEVICE, "new key"))
    record = decided(book, "signature.started", None, batch="b")
    assert book.enter(book.say(record, book.tick()), cert(DEVICE).fingerprint).reason == "device_key"  # type: ignore[union-attr]
    assert book.enter(book.say(record, book.tick()), cert("new key").fingerprint) is None


@pytest.mark.promise(3)
@pytest.mark.parametrize(
    ("otherwise", "signer", "reason"),
    [
        ({}, "person 5", "certificate_of_another"),
        ({}, "stranger", "not_registered"),
        ({}, DEVICE, "not_registered"),
        ({"org": "0" * 64}, "founder 0", "other_organisation"),
        ({"org": None}, "founder 0", "other_organisation"),
        ({"rules": "small.0"}, "founder 0", "rules_changed"),
        ({"actor": "P00000005"}, "person 5", "role"),
        ({"actor": None}, DEVICE, "not_registered"),
        ({"at": "2026-11-22T03:00:00.000000Z"}, "founder 0", "clock_back"),
        ({"at": "2031-01-01T00:00:00.000000Z"}, "founder 0", "certificate_expired"),
        ({"type": "person.crowned"}, "founder 0", "unknown_type"),
        ({"body": {}}, "founder 0", "malformed"),
    ],
)
def test_what_a_database_administrator_enters_stays_without_effect(otherwise: dict[str, object], signer: str, reason: str) -> None:
    """Validly made statements that the rules do not allow: evidence, nothing more."""
    book = founded()
    registered(book, 5)
    said = book.say(decided(book, "person.registered", person(0), person=person(9), name="黑客", certificates=[]), book.tick(), **otherwise)
    before = dump(book.state)
    refused = book.enter(said, cert(signer).fingerprint)
    assert refused is not None
    assert refused.reason == reason
    after = {**dump(book.state), "certificates": {name: {**each, "last": before["certificates"][name]["last"]}
                                                  for name, each in dump(book.state)["certificates"].items()}}  # fmt: skip
    assert after == {**before, "size": before["size"] + 1, "without_effect": before["without_effect"] + 1}


@pytest.mark.promise(3)
def test_what_was_refused_once_does_not_take_effect_when_the_rules_would_let_it_be() -> None:
    book = founded()
    wang = registered(book, 5)
    grant = {"person": wang, "role": "custodian", "department": None, "reason": None}
    draft = decided(book, "role.granted", person(0), **grant)
    early = book.say(draft, book.tick(), rules="small.0")
    assert book.enter(early, FOUNDER).reason == "rules_changed"  # type: ignore[union-attr]
    assert book.enter(early, FOUNDER).reason == "replayed"  # type: ignore[union-attr]
    book.do("role.granted", person(0), FOUNDER, **grant)


@pytest.mark.promise(3)
def test_nothing_is_played_again() -> None:
    book = founded()
    wang = registered(book, 5)
    grant = book.do("role.granted", person(0), FOUNDER, person=wang, role="custodian", department=None, reason=None)
    book.do("role.revoked", person(0), FOUNDER, person=wang, role="custodian", department=None, reason=None)
    assert book.enter(grant, FOUNDER).reason == "replayed"  # type: ignore[union-attr]
    assert book.state.people[wang].duties == ()


def test_a_clock_far_ahead_is_corrected_by_a_founder() -> None:
    book = founded(2, 1)
    ahead = decided(book, "person.registered", person(0), person=person(5), name="王芳", certificates=[])
    assert book.enter(book.say(ahead, NOON + timedelta(days=200)), FOUNDER) is None
    assert book.refused("person.registered", person(1), person=person(6), name="李工", certificates=[]).reason == "clock_back"
    book.do("clock.corrected", person(1), cert("founder 1").fingerprint, after=book.state.clock, reason="电脑电池没电")
    book.do("person.registered", person(1), cert("founder 1").fingerprint, person=person(6), name="李工", certificates=[])
    # Whose certificate signed in the future is stopped until he takes another one: nothing of his is played again.
    late = book.say(decided(book, "person.registered", person(0), person=person(7), name="钱", certificates=[]), book.tick())
    assert book.enter(late, FOUNDER).reason == "replayed"  # type: ignore[union-attr]
    new = cert("founder 0, new")
    book.do("certificate.bound", person(0), FOUNDER, person=person(0), certificate=new.bound)
    book.do("person.registered", person(0), new.fingerprint, person=person(7), name="钱", certificates=[])


def test_a_personal_home_has_its_device_and_nobody_else() -> None:
    book = Book()
    book.do("home.founded", None, cert(DEVICE).fingerprint, device=told(DEVICE))
    assert (book.state.kind, book.state.devices[DEVICE].state) == ("home", "authorised")
    book.do("signature.started", None, cert(DEVICE).fingerprint, batch="b", documents=[])
    book.do("something.noted", None, cert(DEVICE).fingerprint, what="a later version's word")
    assert book.refused("person.registered", person(0), person=person(5), name="王芳", certificates=[]).reason == "personal_home"
    assert book.refused("home.founded", None, device=told(DEVICE)).reason == "already_founded"


@pytest.mark.parametrize("name", ["王\u202e芳", "a\nb", " 王芳", "", "王\x00", "x" * 101, "\ud800", "王\u200b芳"])
def test_a_name_shows_what_it_is(name: str) -> None:
    assert founded().refused("person.registered", person(0), person=person(5), name=name, certificates=[]).reason == "malformed"


def test_emulated_tokens_are_for_practice_alone() -> None:
    emulated = {"certificate": cert("person 5").text, "token": {"serial": "1", "label": "练习", "emulated": True}}
    body = {"person": person(5), "name": "王芳", "certificates": [emulated]}
    assert founded().refused("person.registered", person(0), **body).reason == "emulated"
    founded(practice=True).do("person.registered", person(0), FOUNDER, **body)


def test_what_waits_for_a_leaving_person_is_gone_with_him() -> None:
    book = founded()
    wang = registered(book, 5)
    book.do("role.granted", person(0), FOUNDER, person=wang, role="custodian", department=None, reason=None)
    book.do("person.left", person(0), FOUNDER, person=wang, reason="离职")
    assert (book.state.people[wang].state, book.state.people[wang].duties, book.state.active_certificates(wang)) == ("left", (), ())
    assert book.refused("policy.accepted", wang, version="1", digest="0" * 64).reason == "person_left"


def test_every_move_in_the_tables_has_its_words_and_its_statement() -> None:
    for machine in MACHINES:
        for (before, kind), after in machine.moves.items():
            assert before is None or before in machine.states
            assert after in machine.states
            assert kind in KINDS or kind in ("completed", "proposed", "time")


def test_a_state_is_read_back_as_it_was_written() -> None:
    book = founded(3, 2)
    registered(book, 5)
    book.do("role.granted", person(0), FOUNDER, person=person(5), role="custodian", department=None, reason=None)
    again = load(dump(book.state))
    assert dump(again) == dump(book.state)
    state = load(dump(State()))
    for said, signer in book.entries:
        state = load(dump(folded(state, said, signer)[0]))
    assert dump(state) == dump(book.state)
    with pytest.raises(ValueError, match="form"):
        load({**dump(State()), "form": 0})


def decided(book: Book, type: str, actor: str | None, **body: object):  # type: ignore[no-untyped-def]
    found = decide(book.state, Command(type, actor, DEVICE, body), book.at)
    assert not isinstance(found, Refusal), found
    return found[0]
