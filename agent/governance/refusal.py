"""What is answered to an act that the rules do not allow."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Refusal:
    """Not allowed: the rule (obligations and the clause of the profile), the reason word, the facts, and what would make it allowed."""

    rule: str
    reason: str
    facts: tuple[tuple[str, str], ...] = ()
    allowed_if: tuple[tuple[str, str], ...] = ()

    def told(self) -> Mapping[str, Any]:
        """As an error's facts."""
        return {**dict(self.allowed_if), **dict(self.facts), "reason": self.reason, "rule": self.rule, "allowed_if": dict(self.allowed_if)}
