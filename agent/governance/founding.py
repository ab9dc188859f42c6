"""How a ledger begins: a home by its device alone, an organisation by one founder or by k of n; and how a lost founder's key is replaced."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from agent.governance import certificates
from agent.governance.acts import Act, By, Kind, found_person, may, named, refuse
from agent.governance.binding import bind, refuse_certificates
from agent.governance.form import ANYTHING, BOOLEAN, CERTIFICATE, DEVICE, PERSON, choice, maybe, name, number, record, several, text, word
from agent.governance.machines import CERTIFICATE as CERTIFICATES
from agent.governance.machines import DEVICE as DEVICES
from agent.governance.machines import HOME, ORGANISATION
from agent.governance.machines import PERSON as PEOPLE
from agent.governance.profiles import PROFILES
from agent.governance.refusal import Refusal
from agent.governance.roles import Role
from agent.governance.state import Device, Duty, Person, State

LEVELS = ("token", "keyring", "file")
TOKEN = record(serial=maybe(name(64)), label=maybe(name(128)), emulated=BOOLEAN)
"""The token that a certificate is on, as far as it says."""
BOUND = record(certificate=CERTIFICATE, token=maybe(TOKEN))
ITS_DEVICE = record(id=DEVICE, certificate=CERTIFICATE, level=choice(*LEVELS), name=name(256))
FOUNDER_FORM = record(person=PERSON, name=name(), certificates=several(BOUND, 1, 4))
FOUNDED = record(
    name=name(200), profile=choice(*PROFILES), quorum=number(1, 20), founders=several(FOUNDER_FORM, 1, 20),
    device=ITS_DEVICE, practice=BOOLEAN,
)  # fmt: skip
_FIRST_DUTIES = (Role.REGISTRAR, Role.SYSTEM_ADMINISTRATOR)
"""What a single founder holds from the beginning where the profile lets one person join them: somebody must register the others."""


def device_of(body: Mapping[str, Any], at: str, state: str, by: str | None) -> Device:
    """The device that a body describes."""
    known = certificates.facts(body["certificate"])
    assert known is not None
    return Device(body["id"], known.fingerprint, body["certificate"], body["level"], str(body.get("name") or body["id"]), state, at, by)


def add_device(state: State, device: Device) -> State:
    """With a device, by its id and its key."""
    known = certificates.facts(device.certificate)
    assert known is not None
    return state.alter(
        devices=state.devices.put(device.id, device),
        device_keys=state.device_keys.put(device.fingerprint, device.id),
        keys=state.keys.put(known.key, device.id),
    )


def _home_permitted(state: State, act: Act) -> Refusal | None:
    body = act.body.get("device")
    if not isinstance(body, dict) or body.get("id") != act.device or body.get("level") not in LEVELS:
        return refuse("S42", "malformed", where="body.device")
    if certificates.facts(str(body.get("certificate", ""))) is None:
        return refuse("S42", "malformed", where="body.device")
    legacy = act.body.get("legacy")
    if (legacy.get("size") if isinstance(legacy, dict) else 0) != state.size:  # entries from before statements were signed
        return refuse("S54", "malformed", where="body.legacy")
    return None


def _home(state: State, act: Act) -> State:
    status = HOME.after(None, act.type)
    began = state.alter(org=act.hash, kind="home", status=status)
    return add_device(began, replace(device_of(act.body["device"], act.at, str(DEVICES.after(None, act.type)), None), begun=state.size))


def _founded_permitted(state: State, act: Act) -> Refusal | None:
    body = act.body
    founders = body["founders"]
    if body["quorum"] > len(founders):
        return refuse("S04", "quorum", quorum=str(body["quorum"]), founders=str(len(founders)))
    ids = [each["person"] for each in founders]
    if len(set(ids)) != len(ids):
        return refuse("S04", "malformed", where="body.founders")
    if act.actor not in ids:
        return refuse("S04", "not_founder")
    if body["device"]["id"] != act.device or certificates.facts(body["device"]["certificate"]) is None:
        return refuse("S42", "malformed", where="body.device")
    bound = [each for founder in founders for each in founder["certificates"]]
    if any(each["token"] is not None and each["token"]["emulated"] for each in bound) and not body["practice"]:
        return refuse("S46", "emulated", {"needs": "practice"})
    own = certificates.facts(body["device"]["certificate"])
    if own is not None and any((known := certificates.facts(each["certificate"])) and known.key == own.key for each in bound):
        return refuse("S26", "device_key_of_person")
    probe = state.alter(practice=body["practice"])
    for founder in founders:
        if wrong := refuse_certificates(probe, founder["person"], founder["certificates"], act.at):
            return wrong
        for each in founder["certificates"]:
            probe = bind(probe, founder["person"], each, "active")
    return None


def _founded(state: State, act: Act) -> State:
    body = act.body
    ids = tuple(each["person"] for each in body["founders"])
    began = state.alter(
        org=act.hash, kind="organisation", name=body["name"], status=ORGANISATION.after(None, act.type), practice=body["practice"], founders=ids,
        quorum=body["quorum"], joined=(str(act.actor),), profile=body["profile"], rules=f"{body['profile']}.1",
    )  # fmt: skip
    for founder in body["founders"]:
        person = Person(founder["person"], founder["name"], str(PEOPLE.after(None, act.type)), identity="founder", since=act.at)
        began = began.alter(people=began.people.put(person.id, person))
        for each in founder["certificates"]:
            began = bind(began, person.id, each, str(CERTIFICATES.after(None, act.type)))
    began = add_device(began, replace(device_of(body["device"], act.at, str(DEVICES.after(None, act.type)), act.actor), begun=state.size))
    return _perhaps_active(began, act.at)


def _perhaps_active(state: State, at: str) -> State:
    """The organisation lives when enough founders have signed; then a single one has the duties without which nothing could begin."""
    if len(state.joined) < state.quorum:
        return state
    alive = state.alter(status=ORGANISATION.after(state.status, "completed"))
    if len(state.founders) > 1:
        return alive
    sole = alive.people[state.founders[0]]
    duties = tuple(Duty(str(role), None, at, sole.id, True) for role in (Role if alive.settings["alone"] else _FIRST_DUTIES))
    if not alive.settings["alone"] and not any(set(map(str, _FIRST_DUTIES)) <= set(each) for each in alive.settings["join"]):
        duties = duties[:1]
    return alive.alter(people=alive.people.put(sole.id, replace(sole, duties=duties)))


def _joined_permitted(state: State, act: Act) -> Refusal | None:
    if ORGANISATION.after(state.status, act.type) is None:
        return refuse("S04", "already_founded")
    if act.actor not in state.founders:
        return refuse("S04", "not_founder", actor=named(state.person(act.actor)))
    if act.actor in state.joined:
        return refuse("S04", "signed_already", actor=named(state.person(act.actor)))
    if act.body["founding"] != state.org:
        return refuse("S04", "other_organisation")
    return None


def _joined(state: State, act: Act) -> State:
    return _perhaps_active(state.alter(joined=(*state.joined, str(act.actor))), act.at)


def _recovered_permitted(state: State, act: Act) -> Refusal | None:
    if wrong := may(state, act, "founder", rule="S75"):
        return wrong
    lost = found_person(state, act.body["person"])
    if isinstance(lost, Refusal):
        return lost
    if lost.id not in state.founders:
        return refuse("S75", "not_founder", actor=named(lost))
    if lost.id == act.actor:
        return refuse("S75", "own_recovery", {"needs": "another founder"}, actor=named(lost))
    if len(state.founders) - 1 < state.quorum:
        return refuse("S75", "quorum", quorum=str(state.quorum), founders=str(len(state.founders) - 1))
    known = certificates.facts(act.body["certificate"]["certificate"])
    if known is not None and state.keys.get(known.key) == lost.id:  # what is lost does not come back in another certificate
        return refuse("S75", "same_key", {"needs": "another key"}, certificate=known.subject)
    return refuse_certificates(state, lost.id, [act.body["certificate"]], act.at)


def _recovered(state: State, act: Act) -> State:
    who = act.body["person"]
    for each in state.active_certificates(who):
        gone = CERTIFICATES.after(each.state, act.type)
        state = state.alter(certificates=state.certificates.put(each.fingerprint, replace(each, state=str(gone))))
    return bind(state, who, act.body["certificate"], str(CERTIFICATES.after(None, act.type)))


def _quorum(state: State, _act: Act) -> int:
    return state.quorum


KINDS = (
    Kind("home.founded", "建立个人台账", "a home's ledger begun", By.NEW_DEVICE, ANYTHING, _home_permitted, _home, opens=True),
    Kind("org.founded", "创建单位", "organisation founded", By.FOUNDER, FOUNDED, _founded_permitted, _founded, opens=True),
    Kind(
        "org.founder_joined", "联署创建单位", "founder joined in the founding", By.PERSON, record(founding=word("[0-9a-f]{64}")),
        _joined_permitted, _joined,
    ),
    Kind(
        "org.recovered", "更换创建人丢失的 UKey", "lost key of a founder replaced", By.PERSON,
        record(person=PERSON, certificate=BOUND, reason=text(1000)), _recovered_permitted, _recovered, _quorum,
    ),
)  # fmt: skip
