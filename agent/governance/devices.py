"""Workstations by their keys: enrolled by themselves, authorised by a person, renewed, withdrawn.  A device's key never gives authority."""

from dataclasses import replace

from agent.governance import certificates
from agent.governance.acts import FOUNDER, Act, By, Kind, may, refuse
from agent.governance.form import DEVICE, maybe, name, record, text
from agent.governance.founding import ITS_DEVICE, add_device, device_of
from agent.governance.machines import DEVICE as DEVICES
from agent.governance.refusal import Refusal
from agent.governance.roles import Role
from agent.governance.state import State

MOST_WAITING = 200
"""Enrolled workstations that wait for authorisation; more are refused, so that nobody floods the list."""


def _enrolled_permitted(state: State, act: Act) -> Refusal | None:
    body = act.body["device"]
    known = certificates.facts(body["certificate"])
    if body["id"] != act.device or known is None:
        return refuse("S42", "malformed", where="body.device")
    if body["id"] in state.devices or known.fingerprint in state.device_keys:
        return refuse("S42", "device_known", device=body["id"])
    if known.key in state.keys:
        return refuse("S26", "device_key_of_person")
    if sum(1 for each in state.devices.values() if each.state == "enrolled") >= MOST_WAITING:
        return refuse("S42", "devices_waiting", waiting=str(MOST_WAITING))
    return None


def _enrolled(state: State, act: Act) -> State:
    return add_device(state, device_of(act.body["device"], act.at, str(DEVICES.after(None, act.type)), None))


def _moved(state: State, act: Act) -> Refusal | None:
    device = state.devices.get(act.body["device"])
    if device is None:
        return refuse("S42", "no_such_device", device=act.body["device"], present=", ".join(sorted(state.devices)[:12]))
    if DEVICES.after(device.state, act.type) is None:
        return refuse("S42", "device_state", device=device.id, state=device.state)
    return None


def _authorised_permitted(state: State, act: Act) -> Refusal | None:
    if wrong := may(state, act, FOUNDER, Role.REGISTRAR, Role.SYSTEM_ADMINISTRATOR, rule="S42") or _moved(state, act):
        return wrong
    if state.settings["device_authorised_by_other"] and act.device == act.body["device"]:
        return refuse("S42", "own_device", {"needs": "authorised workstation"}, device=act.device)
    return None


def _authorised(state: State, act: Act) -> State:
    device = state.devices[act.body["device"]]
    after = replace(
        device, state=str(DEVICES.after(device.state, act.type)), authorised_by=act.actor, name=act.body["name"] or device.name, begun=state.size
    )
    return state.alter(devices=state.devices.put(device.id, after))


def _withdrawn_permitted(state: State, act: Act) -> Refusal | None:
    if wrong := may(state, act, FOUNDER, Role.REGISTRAR, Role.SYSTEM_ADMINISTRATOR, rule="S42") or _moved(state, act):
        return wrong
    others = [d for d in state.devices.values() if d.state == "authorised" and d.id != act.body["device"]]
    return None if others else refuse("S42", "last_device", device=act.body["device"])


def _withdrawn(state: State, act: Act) -> State:
    device = state.devices[act.body["device"]]
    return state.alter(devices=state.devices.put(device.id, replace(device, state=str(DEVICES.after(device.state, act.type)), ended=state.size)))


def _renewed_permitted(state: State, act: Act) -> Refusal | None:
    body = act.body["device"]
    known = certificates.facts(body["certificate"])
    device = state.devices.get(act.device)
    if body["id"] != act.device or known is None or device is None:
        return refuse("S42", "malformed", where="body.device")
    if DEVICES.after(device.state, act.type) is None:
        return refuse("S42", "device_state", device=device.id, state=device.state)
    if known.fingerprint in state.device_keys:
        return refuse("S42", "device_known", device=device.id)
    if known.key in state.keys:
        return refuse("S26", "device_key_of_person")
    return None


def _renewed(state: State, act: Act) -> State:
    before = state.devices[act.device]
    made = device_of(act.body["device"], before.since, str(DEVICES.after(before.state, act.type)), before.authorised_by)
    return add_device(state, replace(made, begun=before.begun, former={**before.former, before.fingerprint: state.size}))


KINDS = (
    Kind(
        "device.enrolled", "登记电脑，申请授权", "workstation enrolled", By.NEW_DEVICE, record(device=ITS_DEVICE),
        _enrolled_permitted, _enrolled,
    ),
    Kind(
        "device.authorised", "授权电脑", "workstation authorised", By.PERSON, record(device=DEVICE, name=maybe(name(256))), _authorised_permitted,
        _authorised,
    ),
    Kind(
        "device.withdrawn", "停止授权电脑", "workstation withdrawn", By.PERSON, record(device=DEVICE, reason=text(1000)), _withdrawn_permitted,
        _withdrawn,
    ),
    Kind("device.renewed", "更换本机密钥", "device key renewed", By.DEVICE, record(device=ITS_DEVICE), _renewed_permitted, _renewed),
)  # fmt: skip
