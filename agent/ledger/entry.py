"""What stands in the log, what an append is answered with, and the rules that everything read from it is put to."""

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

from agent.ledger import signed, statement
from agent.ledger.statement import Statement


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry: the canonical bytes of a statement and its detached CMS; None for entries of versions before 0.3, which signed none."""

    seq: int
    raw: bytes
    cms: bytes | None

    @property
    def statement(self) -> dict[str, Any]:
        """The statement parsed, not judged."""
        found: dict[str, Any] = json.loads(self.raw)
        return found

    def parsed(self) -> Statement:
        """The statement, byte for byte one; raises `StatementError`."""
        return statement.parse(self.raw)

    def signer(self) -> str:
        """SHA-256 (hex) of the certificate that signed it; raises `signed.CheckFailed`."""
        return signed.check(self.raw, self.cms or b"").fingerprint


@dataclass(frozen=True, slots=True)
class Head:
    """Size and root of the log."""

    size: int
    root: bytes


@dataclass(frozen=True, slots=True)
class Receipt:
    """Where a statement stands: its sequence number (from 0), and size and root of the log right after it."""

    seq: int
    size: int
    root: bytes


class Refused(Protocol):
    """Why a statement takes no effect (`agent.governance.refusal.Refusal` is one)."""

    @property
    def rule(self) -> str: ...
    @property
    def reason(self) -> str: ...
    @property
    def facts(self) -> Sequence[tuple[str, str]]: ...


class Fold(Protocol):
    """The state that the log's entries lead to, in order.  A value: `step` gives the next one and leaves this one as it is,
    because a commit that fails is taken back by keeping the old one."""

    def step(self, entry: Entry) -> "tuple[Fold, Refused | None]":
        """The state after an entry, and why it takes no effect where it does not; then the state may count it, and is otherwise the same.

        Everything is judged here, the signature too: a fold believes nothing that it reads.
        """
        ...


Pen: TypeAlias = Callable[[str, Mapping[str, Any]], Awaitable[tuple[bytes, bytes]]]
"""Makes a statement of a type and a body and signs it by this device: canonical bytes and CMS."""
