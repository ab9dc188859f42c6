"""People: registered, their identity checked, certificates bound to them, duties given and taken, and their leaving."""

from dataclasses import replace

from agent.governance.acts import FOUNDER, Act, By, Kind, found_person, may, named, refuse
from agent.governance.binding import bind, refuse_certificates
from agent.governance.form import DIGEST, PERSON, choice, maybe, name, record, several, text
from agent.governance.founding import BOUND
from agent.governance.machines import CERTIFICATE as CERTIFICATES
from agent.governance.machines import PERSON as PEOPLE
from agent.governance.refusal import Refusal
from agent.governance.roles import WORDS, Role, clash
from agent.governance.state import Duty, Person, State

REGISTERED = record(person=PERSON, name=name(), certificates=several(BOUND, 0, 4))
VERIFIED = record(person=PERSON, method=choice("in_person", "video", "personnel_file", "certificate"), number=maybe(name(40)), evidence=maybe(DIGEST))
"""How an identity was checked; the number is masked before it comes here, the evidence is named by its digest."""
LEFT = record(person=PERSON, reason=maybe(text(1000)))
BINDING = record(person=PERSON, certificate=BOUND)
UNBINDING = record(certificate=DIGEST, reason=text(1000))
ROLE = record(person=PERSON, role=choice(*Role), department=maybe(name(64)), reason=maybe(text(1000)))


def _registered_permitted(state: State, act: Act) -> Refusal | None:
    if wrong := may(state, act, FOUNDER, Role.REGISTRAR, rule="S32"):
        return wrong
    if act.body["person"] in state.people:
        return refuse("S32", "person_known", person=act.body["person"])
    return refuse_certificates(state, act.body["person"], act.body["certificates"], act.at)


def _registered(state: State, act: Act) -> State:
    body = act.body
    person = Person(body["person"], body["name"], str(PEOPLE.after(None, act.type)), since=act.at)
    state = state.alter(people=state.people.put(person.id, person))
    for each in body["certificates"]:
        state = bind(state, person.id, each, str(CERTIFICATES.after(None, act.type)))
    return state


def _about_another(state: State, act: Act, rule: str) -> Refusal | None:
    """The registrar's acts are about others; where one person is the whole organisation there is nobody else."""
    person = found_person(state, act.body["person"])
    if isinstance(person, Refusal):
        return person
    if person.id == act.actor and not state.settings["alone"]:
        return refuse(rule, "own_matter", {"needs": "another person"}, actor=named(person))
    return None


def _verified_permitted(state: State, act: Act) -> Refusal | None:
    return may(state, act, FOUNDER, Role.REGISTRAR, rule="S16") or _about_another(state, act, "S16")


def _verified(state: State, act: Act) -> State:
    person = state.people[act.body["person"]]
    after = replace(person, state=str(PEOPLE.after(person.state, act.type)), identity=act.body["method"])
    return state.alter(people=state.people.put(person.id, after))


def _left_permitted(state: State, act: Act) -> Refusal | None:
    if wrong := may(state, act, FOUNDER, Role.REGISTRAR, rule="S50"):
        return wrong
    person = found_person(state, act.body["person"])
    if isinstance(person, Refusal):
        return person
    if person.id in state.founders:
        if act.actor not in state.founders:
            return may(state, act, FOUNDER, rule="S75")
        if len(state.founders) - 1 < max(1, state.quorum):
            return refuse("S75", "quorum", quorum=str(state.quorum), founders=str(len(state.founders) - 1))
    return None


def _left(state: State, act: Act) -> State:
    person = state.people[act.body["person"]]
    for each in state.active_certificates(person.id):
        gone = replace(each, state=str(CERTIFICATES.after(each.state, act.type)))
        state = state.alter(certificates=state.certificates.put(each.fingerprint, gone))
    after = replace(person, state=str(PEOPLE.after(person.state, act.type)), duties=())
    return state.alter(people=state.people.put(person.id, after), founders=tuple(f for f in state.founders if f != person.id))


def _leaving_founder(state: State, act: Act) -> int:
    return state.quorum if act.body["person"] in state.founders else 1


def _bound_permitted(state: State, act: Act) -> Refusal | None:
    person = found_person(state, act.body["person"])
    if isinstance(person, Refusal):
        return person
    if person.id != act.actor:  # for oneself a new certificate is vouched for by the one that signs
        if person.id in state.founders:
            return refuse("S75", "founders_own", {"needs": "org recover"}, actor=named(person))
        # Whoever binds a key of his own to somebody's duties has them: that is for those who give duties.
        if wrong := may(state, act, FOUNDER, *(() if person.duties else (Role.REGISTRAR,)), rule="S26"):
            return wrong
    return refuse_certificates(state, person.id, [act.body["certificate"]], act.at)


def _binding_duties(state: State, act: Act) -> int:
    person = state.people[act.body["person"]]
    return state.quorum if person.duties and person.id != act.actor else 1


def _bound(state: State, act: Act) -> State:
    return bind(state, act.body["person"], act.body["certificate"], str(CERTIFICATES.after(None, act.type)))


def _unbound_permitted(state: State, act: Act) -> Refusal | None:
    certificate = state.certificates.get(act.body["certificate"])
    if certificate is None or CERTIFICATES.after(certificate.state, act.type) is None:
        return refuse("S26", "no_such_certificate", certificate=act.body["certificate"][:16])
    if certificate.person != act.actor:
        if certificate.person in state.founders:
            return refuse("S75", "founders_own", {"needs": "org recover"}, actor=named(state.person(certificate.person)))
        if wrong := may(state, act, FOUNDER, Role.REGISTRAR, rule="S26"):
            return wrong
    if certificate.person in state.founders and len(state.active_certificates(certificate.person)) == 1:
        return refuse("S75", "last_certificate", {"needs": "another certificate first"}, actor=named(state.person(certificate.person)))
    return None


def _unbound(state: State, act: Act) -> State:
    certificate = state.certificates[act.body["certificate"]]
    gone = replace(certificate, state=str(CERTIFICATES.after(certificate.state, act.type)))
    return state.alter(certificates=state.certificates.put(gone.fingerprint, gone))


def _granted_permitted(state: State, act: Act) -> Refusal | None:
    if wrong := may(state, act, FOUNDER, rule="S21"):
        return wrong
    person = found_person(state, act.body["person"])
    if isinstance(person, Refusal):
        return person
    role, department = Role(act.body["role"]), act.body["department"]
    if any((duty.role, duty.department) == (role, department) for duty in person.duties):
        return refuse("S21", "has_role", person=named(person), role=role)
    if person.id == act.actor and len(state.founders) > 1:
        return refuse("S21", "own_appointment", {"needs": "another founder"}, actor=named(person))
    if not state.active_certificates(person.id):
        return refuse("S21", "no_certificate", {"needs": "certificate"}, person=named(person))
    if state.settings["identity_check"] and person.state != "active":
        return refuse("S16", "identity_unchecked", {"needs": "person verify"}, person=named(person))
    if state.settings["policy_acceptance"] and state.policy is not None and person.accepted != state.policy:
        return refuse("S39", "policy_unaccepted", {"needs": "policy accept"}, person=named(person), version=state.policy)
    other = clash({Role(duty.role) for duty in person.duties}, role, state.settings["join"], state.settings["alone"])
    if other is not None:
        return refuse(
            "S21", "separation", {"needs": "another person"},
            person=named(person), role=WORDS[role][0], other=WORDS[other][0], role_en=WORDS[role][1], other_en=WORDS[other][1], profile=state.profile,
        )  # fmt: skip
    return None


def _granted(state: State, act: Act) -> State:
    person = state.people[act.body["person"]]
    alone = person.id == act.actor
    duty = Duty(act.body["role"], act.body["department"], act.at, str(act.actor), alone)
    after = replace(person, duties=tuple(sorted((*person.duties, duty), key=lambda d: (d.role, d.department or ""))))
    return state.alter(people=state.people.put(person.id, after))


def _revoked_permitted(state: State, act: Act) -> Refusal | None:
    if act.body["person"] != act.actor and (wrong := may(state, act, FOUNDER, rule="S21")):  # whoever has a role may lay it down
        return wrong
    person = found_person(state, act.body["person"])
    if isinstance(person, Refusal):
        return person
    if not any((duty.role, duty.department) == (act.body["role"], act.body["department"]) for duty in person.duties):
        return refuse("S21", "has_no_role", person=named(person), role=act.body["role"])
    return None


def _revoked(state: State, act: Act) -> State:
    person = state.people[act.body["person"]]
    left = tuple(duty for duty in person.duties if (duty.role, duty.department) != (act.body["role"], act.body["department"]))
    return state.alter(people=state.people.put(person.id, replace(person, duties=left)))


def _appointing(state: State, _act: Act) -> int:
    return state.quorum


KINDS = (
    Kind("person.registered", "登记人员", "person registered", By.PERSON, REGISTERED, _registered_permitted, _registered),
    Kind("person.verified", "核验身份", "identity verified", By.PERSON, VERIFIED, _verified_permitted, _verified),
    Kind("person.left", "人员离开", "person left", By.PERSON, LEFT, _left_permitted, _left, _leaving_founder),
    Kind("certificate.bound", "登记人员的数字证书", "certificate bound to a person", By.PERSON, BINDING, _bound_permitted, _bound, _binding_duties),
    Kind("certificate.unbound", "停用人员的数字证书", "certificate of a person withdrawn", By.PERSON, UNBINDING, _unbound_permitted, _unbound),
    Kind("role.granted", "任命", "role granted", By.PERSON, ROLE, _granted_permitted, _granted, _appointing),
    Kind("role.revoked", "免去职务", "role revoked", By.PERSON, ROLE, _revoked_permitted, _revoked),
)
