"""A statement in one line, as it stands beside the PIN that signs it."""

from collections.abc import Mapping
from typing import Any

from agent.governance.deciding import KINDS
from agent.governance.profiles import PROFILES
from agent.governance.roles import WORDS, Role
from agent.governance.state import State
from agent.ledger.statement import Statement


def told(statement: Statement, state: State, lang: str) -> str:
    """What its signer says with it; everything that decides is in it."""
    kind = KINDS[statement.type]
    title = kind.zh if lang == "zh" else kind.en
    parts = [title, *_parts(statement.type, statement.body, state, lang)]
    return ("：" if lang == "zh" else ": ").join((parts[0], ("，" if lang == "zh" else ", ").join(parts[1:]))) if len(parts) > 1 else title


def _parts(type: str, body: Mapping[str, Any], state: State, lang: str) -> list[str]:
    match type:
        case "org.founded":
            founders = "、".join(str(each["name"]) for each in body["founders"])
            profile = PROFILES[body["profile"]]
            return [body["name"], founders, f"{body['quorum']}/{len(body['founders'])}", profile.zh if lang == "zh" else profile.en]
        case "org.founder_joined":
            return [state.name]
        case "act.seconded" | "act.withdrawn":
            act = state.acts.get(body["act"])
            if act is None:
                return [body["act"]]
            kind = KINDS[act.type]
            return [kind.zh if lang == "zh" else kind.en, *_parts(act.type, act.body, state, lang)]
        case "profile.changed":
            profile = PROFILES[body["profile"]]
            return [profile.zh if lang == "zh" else profile.en, body["reason"]]
        case "policy.published" | "policy.accepted":
            return [str(body.get("title", "")), body["version"], body["digest"][:16]]
    shown = []
    for name in ("person", "name", "role", "department", "device", "certificate", "method", "reason"):
        if (value := body.get(name)) is not None:
            shown.append(_value(name, value, state, lang))
    return [part for part in shown if part]


def _value(name: str, value: Any, state: State, lang: str) -> str:
    if name == "person":
        person = state.person(str(value))
        return str(value) if person is None else f"{person.name} {person.id}"
    if name == "role":
        zh, en = WORDS[Role(value)]
        return zh if lang == "zh" else en
    if name == "device" and isinstance(value, str):
        device = state.devices.get(value)
        return value if device is None or device.name == value else f"{device.name} {value}"
    if name == "certificate" and isinstance(value, Mapping):
        token = value.get("token") or {}
        return str(token.get("label") or token.get("serial") or "")
    return str(value)[:80] if isinstance(value, str) else ""
