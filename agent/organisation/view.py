"""The organisation as the wire tells of it."""

from datetime import UTC, datetime
from typing import Any

from agent.api.errors import ApiError, Code
from agent.governance import cosigning
from agent.governance.deciding import KINDS, moment
from agent.governance.profiles import PROFILES, SETTINGS, differences, loosened
from agent.governance.roles import NEVER, WORDS, Role
from agent.governance.state import Pending, Person, State


def organisation(state: State, device: str | None) -> dict[str, Any]:
    """The whole, in short."""
    at = moment(datetime.now(UTC))
    mine = state.devices.get(device or "")
    return {
        "org": state.org, "name": state.name, "status": state.status, "practice": state.practice, "profile": state.profile, "rules": state.rules,
        "quorum": state.quorum, "founders": [_short(state, who) for who in state.founders],
        "joined": list(state.joined), "pending": [pending(state, act) for act in cosigning.pending(state, at)],
        "people": sum(1 for person in state.people.values() if person.state != "left"),
        "device": None if mine is None else {"id": mine.id, "state": mine.state}, "policy": state.policy,
        "entries": state.size, "without_effect": state.without_effect, "loosened": [dict(each) for each in state.loosened],
    }  # fmt: skip


def pending(state: State, act: Pending) -> dict[str, Any]:
    """An act that waits for others."""
    kind = KINDS[act.type]
    return {
        "act": act.id, "type": act.type, "zh": kind.zh, "en": kind.en, "body": act.body, "at": act.at, "by": _short(state, act.actor),
        "signed": [_short(state, who) for who in act.signed], "needs": act.needs,
    }  # fmt: skip


def _short(state: State, who: str) -> dict[str, str]:
    person = state.person(who)
    return {"person": who, "name": person.name if person else who}


def person(state: State, each: Person) -> dict[str, Any]:
    """The PERSON object."""
    return {
        "person": each.id, "name": each.name, "state": each.state, "since": each.since, "identity": each.identity, "accepted": each.accepted,
        "founder": each.id in state.founders,
        "roles": [
            {"role": d.role, "zh": WORDS[Role(d.role)][0], "en": WORDS[Role(d.role)][1], "department": d.department, "since": d.since, "by": d.by,
             "alone": d.alone}
            for d in each.duties
        ],
        "certificates": [
            {"fingerprint": c.fingerprint, "subject": c.subject, "not_after": c.not_after, "state": c.state,
             "token": dict(c.token) if c.token else None}
            for c in sorted(state.certificates.values(), key=lambda c: (c.not_before, c.fingerprint)) if c.person == each.id
        ],
    }  # fmt: skip


def people(state: State) -> list[dict[str, Any]]:
    """Everybody ever registered, by name."""
    return [person(state, each) for each in sorted(state.people.values(), key=lambda p: (p.state == "left", p.name, p.id))]


def devices(state: State, mine: str | None) -> list[dict[str, Any]]:
    """The workstations."""
    return [
        {
            "device": d.id, "name": d.name, "state": d.state, "level": d.level, "fingerprint": d.fingerprint, "since": d.since,
            "authorised_by": d.authorised_by, "here": d.id == mine,
        }
        for d in sorted(state.devices.values(), key=lambda d: (d.since, d.id))
    ]  # fmt: skip


def rules(state: State) -> dict[str, Any]:
    """The profile in force as a table, and what no profile relaxes."""
    return {
        "profile": state.profile, "rules": state.rules, "settings": _settings(state.profile),
        "never_joined": sorted(sorted(pair) for pair in NEVER), "loosened": [dict(each) for each in state.loosened],
    }  # fmt: skip


def _settings(profile: str) -> list[dict[str, Any]]:
    values = PROFILES[profile].values
    return [{"setting": name, "zh": s.zh, "en": s.en, "rule": s.rule, "value": values[name]} for name, s in SETTINGS.items()]


def profiles() -> list[dict[str, Any]]:
    """What ships."""
    return [{"profile": p.name, "zh": p.zh, "en": p.en, "settings": _settings(p.name)} for p in PROFILES.values()]


def difference(before: str, after: str) -> dict[str, Any]:
    """What another profile would change, and what of it binds less; raises `ApiError` (not_found)."""
    for name in (before, after):
        if name not in PROFILES:
            raise ApiError(Code.NOT_FOUND, reason="profile", wanted=name, present=", ".join(PROFILES))
    old, new = PROFILES[before].values, PROFILES[after].values
    less = loosened(old, new)
    return {
        "from": before, "to": after, "two_people": bool(less),
        "changes": [
            {"setting": name, "zh": SETTINGS[name].zh, "en": SETTINGS[name].en, "before": old[name], "after": new[name], "looser": name in less}
            for name in differences(old, new)
        ],
    }  # fmt: skip


def check(state: State) -> list[dict[str, Any]]:
    """What stands in the way of the rules working, as far as people and duties go."""
    found = []
    here = [p for p in state.people.values() if p.state != "left"]
    least = int(state.settings["least_people"])
    if len(here) < least:
        found.append(
            _finding("few_people", f"规则方案至少要 {least} 人，现有 {len(here)} 人。", f"The profile wants {least} people; there are {len(here)}.")
        )
    for role in (Role.APPROVER, Role.CUSTODIAN, Role.SEAL_MANAGER, Role.REGISTRAR, Role.AUDITOR):
        if not state.holders(role):
            zh, en = WORDS[role]
            found.append(_finding("vacant", f"没有人任{zh}。", f"Nobody is {en}.", role=str(role)))
    for each in sorted(here, key=lambda p: p.id):
        if each.duties and not state.active_certificates(each.id):
            found.append(_finding("no_certificate", f"{each.name} 没有可用的数字证书。", f"{each.name} has no certificate.", person=each.id))
        if len({d.role for d in each.duties}) > 1:
            words = "、".join(WORDS[Role(d.role)][0] for d in each.duties)
            english = ", ".join(WORDS[Role(d.role)][1] for d in each.duties)
            found.append(_finding("joined", f"{each.name} 兼任 {words}。", f"{each.name} joins {english}.", person=each.id))
    if len(state.founders) == 1 and len(state.active_certificates(state.founders[0])) == 1:
        found.append(
            _finding(
                "single_founder", "唯一的创建人只有一个 UKey，丢失后无法更换。", "The only founder has one key; if it is lost, it cannot be replaced."
            )
        )
    waiting = [d for d in state.devices.values() if d.state == "enrolled"]
    if waiting:
        found.append(_finding("devices_wait", f"{len(waiting)} 台电脑等待授权。", f"{len(waiting)} workstation(s) wait for authorisation."))
    return found


def _finding(name: str, zh: str, en: str, **facts: Any) -> dict[str, Any]:
    return {"finding": name, "zh": zh, "en": en, **facts}


def find_person(state: State, wanted: str) -> str:
    """The id of somebody named by id or name; raises `ApiError` (not_found: person, person_ambiguous)."""
    fitting = [p for p in state.people.values() if wanted in (p.id, p.name) and p.state != "left"] or [
        p for p in state.people.values() if wanted in (p.id, p.name)
    ]
    if len(fitting) == 1:
        return fitting[0].id
    listed = ", ".join(f"{p.name} ({p.id})" for p in sorted(fitting or state.people.values(), key=lambda p: p.name))
    if fitting:
        raise ApiError(Code.NOT_FOUND, reason="person_ambiguous", wanted=wanted, present=listed)
    raise ApiError(Code.NOT_FOUND, reason="person", wanted=wanted, present=listed)


def find_device(state: State, wanted: str | None, mine: str | None) -> str:
    """The id of a workstation named by id, its beginning or name; this one where none is named.  Raises `ApiError` (not_found, reason device)."""
    if wanted is None and mine is not None:
        return mine
    fitting = [d for d in state.devices.values() if wanted and (wanted == d.name or (len(wanted) >= 4 and d.id.startswith(wanted)))]
    live = [d for d in fitting if d.state != "withdrawn"] or fitting
    if len(live) == 1:
        return live[0].id
    listed = ", ".join(f"{d.name} ({d.id})" for d in sorted(live or state.devices.values(), key=lambda d: d.name))
    if live:
        raise ApiError(Code.NOT_FOUND, reason="device_ambiguous", wanted=wanted, present=listed)
    raise ApiError(Code.NOT_FOUND, reason="device", wanted=wanted, present=listed)
