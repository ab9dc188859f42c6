"""Certificates that stand for people: one key belongs to one person for ever, in whatever certificates it comes."""

from collections.abc import Mapping, Sequence
from typing import Any

from agent.governance import certificates
from agent.governance.acts import refuse
from agent.governance.refusal import Refusal
from agent.governance.state import Certificate, State


def refuse_certificates(state: State, person: str, bound: Sequence[Mapping[str, Any]], at: str) -> Refusal | None:
    """Why these certificates cannot stand for a person from `at` on (S26: no key twice; S25: within their term, made for signing)."""
    seen: set[str] = set()
    for each in bound:
        known = certificates.facts(each["certificate"])
        if known is None:
            return refuse("S25", "certificate_unreadable")
        if not known.may_sign:
            return refuse("S25", "certificate_usage", certificate=known.subject)
        if not known.sound:
            return refuse("S25", "certificate_weak", certificate=known.subject)
        if at > known.not_after:
            return refuse("S25", "certificate_expired", certificate=known.subject, not_after=known.not_after[:10])
        if known.fingerprint in state.certificates or known.fingerprint in seen:
            return refuse("S26", "certificate_known", certificate=known.subject)
        owner = state.keys.get(known.key)
        if owner is not None and owner != person:
            return refuse("S26", "key_of_another", certificate=known.subject)
        if each["token"] is not None and each["token"]["emulated"] and not state.practice:
            return refuse("S46", "emulated", {"needs": "practice"})
        seen.add(known.fingerprint)
    return None


def bind(state: State, person: str, each: Mapping[str, Any], condition: str) -> State:
    """With a certificate that stands for `person`."""
    known = certificates.facts(each["certificate"])
    assert known is not None
    made = Certificate(
        known.fingerprint, known.key, person, known.subject, known.not_before, known.not_after, condition, each["certificate"], each["token"]
    )
    return state.alter(certificates=state.certificates.put(made.fingerprint, made), keys=state.keys.put(made.key, person))
