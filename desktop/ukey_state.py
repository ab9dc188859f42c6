"""What to say of a UKey and what can be done with it, decided from its state alone: no widgets, no agent."""

from dataclasses import dataclass
from datetime import datetime

from desktop.nouns import Token
from desktop.words import Words

CHANGE, UNBLOCK, INSPECT, LOCK, PULL, INSERT = "change", "unblock", "inspect", "lock", "pull", "insert"


@dataclass(frozen=True, slots=True)
class Line:
    """A sentence about a UKey and its tone: good, doubt, bad, or quiet for what is merely said."""

    tone: str
    text: str


@dataclass(frozen=True, slots=True)
class Act:
    """Something that can be done now; `urgent` is what should be done first."""

    name: str
    enabled: bool = True
    urgent: bool = False


def pill(token: Token, words: Words) -> Line:
    """The state at a glance: one or two words and their tone."""
    if token.state in ("removed", "unusable"):
        return Line("quiet", words("ukey.pill.removed")) if token.state == "removed" else Line("bad", words("ukey.pill.bad"))
    if token.state != "ready":
        return Line("doubt", words.either(f"token.state.{token.state}", "token.state.unusable"))
    if token.pin_state in ("locked", "final_try"):
        return Line("bad", words(f"ukey.pill.{token.pin_state}"))
    tones = {line.tone for line in sentences(token, words)}
    tone = "doubt" if "doubt" in tones or "bad" in tones else "good"
    return Line(tone, words(f"ukey.pill.{tone}"))


def sentences(token: Token, words: Words) -> list[Line]:
    """Everything worth knowing of its state, the most pressing first, each with what to do."""
    if token.state == "removed":
        return [Line("quiet", words("ukey.say.removed.practice" if token.emulated else "ukey.say.removed"))]
    if token.state != "ready":
        return [Line("bad" if token.state == "unusable" else "doubt", words.either(f"ukey.say.{token.state}", "ukey.say.unusable"))]
    said = [_pin(token, words)]
    if token.pin_to_be_changed and token.pin_state != "locked":
        said.insert(0, Line("doubt", words("ukey.say.to_be_changed")))
    if token.so_pin_state in ("low", "final_try", "locked"):
        said.append(Line("doubt" if token.so_pin_state == "low" else "bad", words(f"ukey.say.so.{token.so_pin_state}")))
    if not token.signing_certificates:
        said.append(Line("doubt", words("ukey.say.no_certificate")))
    if token.login is not None:
        until = clock(token.login.until)
        said.append(Line("good", words("ukey.say.login", until=until) if until else words("ukey.say.login.open")))
    notes = (("write_protected", token.write_protected), ("pad", token.protected_path), ("each_signature", token.each_signature))
    return said + [Line("quiet", words(f"ukey.say.{name}")) for name, true in notes if true]


def _pin(token: Token, words: Words) -> Line:
    tone = {"ok": "good", "unknown": "quiet", "low": "doubt", "not_initialised": "doubt"}.get(token.pin_state, "bad")
    pad = ".pad" if token.pin_state == "locked" and token.protected_path else ""
    return Line(tone, words.either(f"ukey.say.pin.{token.pin_state}{pad}", "ukey.say.pin.unknown"))


def acts(token: Token) -> tuple[Act, ...]:
    """What the buttons of a UKey offer, in their order."""
    pulled = token.state == "removed"
    practice = (Act(INSERT, urgent=True) if pulled else Act(PULL),) if token.emulated else ()
    if token.state != "ready":
        return practice
    locked, writable = token.pin_state == "locked", not token.write_protected
    unblockable = writable and token.so_pin_state != "locked"
    unset = token.pin_state == "not_initialised"
    blocked = locked or unset
    held = (Act(LOCK, urgent=bool(token.login.until)),) if token.login is not None else ()
    return (
        *held,
        Act(INSPECT, not unset and not token.pin_to_be_changed),
        Act(CHANGE, writable and not blocked, urgent=token.pin_to_be_changed and not blocked),
        Act(UNBLOCK, unblockable, urgent=blocked and unblockable),
        *practice,
    )


def clock(iso: str) -> str:
    """Hour and minute of this place of an ISO 8601 instant; "" where it is none."""
    try:
        return f"{datetime.fromisoformat(iso).astimezone():%H:%M}"
    except ValueError:
        return ""
