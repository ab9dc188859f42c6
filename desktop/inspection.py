"""The result of inspecting a UKey as the agent tells it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from desktop.nouns import Wire
from desktop.words import Words, speaks_of_commands

_VERDICTS = ("passed", "failed", "indeterminate")
_FACTS = ("path", "library_version", "sha256")


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    state: str
    """ok, warn or fail."""
    text: str
    hint: str


@dataclass(frozen=True, slots=True)
class Inspection:
    """The verdict, why, whether an electronic seal may be put on it, and every finding."""

    verdict: str
    reasons: tuple[str, ...]
    may_carry_seal: bool
    seal_reasons: tuple[str, ...]
    findings: tuple[Finding, ...]
    time: str
    facts: tuple[tuple[str, str], ...]
    """Plain facts for the curious, caption and value: module, version, digest."""
    result: Wire
    """The whole answer, as reports are made of it."""

    @classmethod
    def from_wire(cls, data: Wire, words: Words) -> "Inspection":
        """From the result of `/v1/tokens/inspect`; a verdict this window does not know counts as indeterminate."""
        lang, module = words.lang, data.get("module")
        told = module if isinstance(module, dict) else {}
        verdict = str(data.get("verdict"))
        return cls(
            verdict if verdict in _VERDICTS else "indeterminate",
            _texts(data.get("reasons"), lang),
            data.get("may_carry_seal") is True,
            _texts(data.get("seal_reasons"), lang),
            tuple(_finding(entry, words) for entry in data.get("findings") or () if isinstance(entry, dict)),
            str(data.get("inspected_at") or ""),
            tuple((words(f"inspect.fact.{name}"), str(told[name])) for name in _FACTS if told.get(name) not in (None, "")),
            data,
        )

    def worst_first(self) -> list[Finding]:
        """The findings as people want to read them."""
        return sorted(self.findings, key=lambda finding: ("fail", "warn", "ok").index(finding.state))


def _finding(data: Wire, words: Words) -> Finding:
    state, name = str(data.get("state")), str(data.get("name") or "")
    text, hint = _text(data.get("message"), words.lang) or name, _text(data.get("hint"), words.lang)
    if speaks_of_commands(hint):  # whoever reads this has a window
        hint = words.either(f"inspect.hint.{name}", "inspect.hint.other")
    return Finding(state if state in ("ok", "warn", "fail") else "warn", text, hint)


def _text(value: Any, lang: str) -> str:
    if isinstance(value, Mapping):
        return _text(value.get(lang) or value.get("message") or value.get("en") or "", lang)
    said = "" if value is None else str(value)
    return said[:1].upper() + said[1:]


def _texts(value: Any, lang: str) -> tuple[str, ...]:
    entries: Sequence[Any] = value if isinstance(value, list) else () if value is None else (value,)
    return tuple(text for entry in entries if (text := _text(entry, lang)))
