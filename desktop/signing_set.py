"""The set that is being signed, or was: what is known of it over one or several attempts, and whether it can be gone on with."""

from dataclasses import dataclass, replace
from typing import Final

from desktop.nouns import SignedDocument, SignResult, Token
from desktop.wire import Problem

_STOPPED: Final = ("token_removed", "agent_unreachable", "module_timeout", "module_unusable", "token_fault")
"""What stops a set in the middle without anybody wanting it: then the same set is gone on with, even where nothing of it was done."""


@dataclass(frozen=True, slots=True)
class Set:
    """One closed set, signed with one UKey."""

    batch: str
    """The agent's name for it; "" as long as there is none."""
    token: Token | None
    documents: tuple[SignedDocument, ...] = ()
    asked: int = 0
    problem: Problem | None = None

    def named(self, batch: str) -> "Set":
        """The set with the name that the agent told."""
        return replace(self, batch=batch or self.batch)

    def heard(self, document: SignedDocument) -> "Set":
        """The set with the outcome of one document, told on the way."""
        return replace(self, documents=tuple(({d.input: d for d in self.documents} | {document.input: document}).values()))

    def after(self, result: SignResult, problem: Problem | None) -> "Set":
        """The set after an attempt; an attempt at the rest tells of the rest alone."""
        known = {d.input: d for d in self.documents} | {d.input: d for d in result.documents}
        return replace(self.named(result.batch), documents=tuple(known.values()), problem=problem)

    @property
    def left(self) -> int:
        """How many are not done and can be, as far as anybody told."""
        return max(0, self.asked - sum(d.state in ("published", "failed") for d in self.documents))

    @property
    def can_go_on(self) -> bool:
        """Whether the rest can be signed as a continuation: something stopped it, and something is left."""
        if self.problem is None or not self.batch or not self.left:
            return False
        stopped = self.problem.code in _STOPPED or self.problem.facts.get("reason") == "locked"
        return stopped or any(d.state == "published" for d in self.documents)
