"""Notes in the journal of sets under way, made so that this agent knows its own again.

The journal lies in the store, which is not believed: from what stands in it a start after a kill says, by the device's signature, what a token was
asked.  Each note thus bears a code that only this home can make (HMAC-SHA256 with a secret beside the device's key); others are passed over.
"""

import hmac
from dataclasses import dataclass
from typing import Final

CODE: Final = 32
"""Bytes of a code, before the facts."""
SECRET: Final = 32
"""Bytes of a home's secret."""


@dataclass(frozen=True, slots=True)
class NoteKey:
    """What makes and knows the codes."""

    secret: bytes

    def close(self, batch: str, n: int, step: str, facts: bytes) -> bytes:
        """The facts with their code."""
        return self._code(batch, n, step, facts) + facts

    def open(self, batch: str, n: int, step: str, noted: bytes) -> bytes | None:
        """The facts of a note that this home made for this very document and step; None for any other."""
        code, facts = noted[:CODE], noted[CODE:]
        return facts if hmac.compare_digest(code, self._code(batch, n, step, facts)) else None

    def _code(self, batch: str, n: int, step: str, facts: bytes) -> bytes:
        about = f"{len(batch)} {batch} {n} {step} ".encode()
        return hmac.digest(self.secret, about + facts, "sha256")
