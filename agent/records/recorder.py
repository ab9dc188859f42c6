"""The ledger at hand, as those who act see it: whether anything may be recorded now, and the recording itself.

What acts on a token or a document calls `ready` before it begins, so that nothing happens that cannot be recorded afterwards.
"""

import secrets
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from agent.api.errors import ApiError, Code
from agent.device import files
from agent.device.scribe import Scribe
from agent.device.service import Device
from agent.ledger.log import Ledger, Receipt
from agent.ledger.notes import SECRET, NoteKey
from agent.server.jobs import current_job

Trouble = Callable[[], ApiError | None]
"""Why the ledger at hand must not be gone on with: it is not the one that this computer remembers."""


def note_key(path: Path) -> NoteKey:
    """The key of this home's notes, made at its first use; raises `ApiError` (store_unreachable) where it cannot be had."""
    try:
        secret = files.read(path)
        if secret is None or len(secret) != SECRET:
            secret = secrets.token_bytes(SECRET)
            files.write(path, secret)
    except OSError as error:
        raise ApiError(Code.STORE_UNREACHABLE, path=str(path), type=type(error).__name__, detail=str(error)[:200]) from error
    return NoteKey(secret)


class Records:
    """What is recorded through this agent."""

    def __init__(self, ledger: Ledger, device: Device, scribe: Scribe, trouble: Trouble = lambda: None) -> None:
        self.ledger = ledger
        self._device, self._scribe, self._trouble = device, scribe, trouble

    async def ready(self) -> None:
        """Have everything at hand to record: the device's key, whose owner may be asked through the job that runs, and a ledger that is founded.

        Raises `ApiError`: store_unreachable (the ledger is smaller or another than it was), not_allowed (reason device_key…).
        """
        if trouble := self._trouble():
            raise trouble
        await self._device.key(current_job())
        await self._scribe.org()

    async def org(self) -> str:
        """SHA-256 (hex) of the statement that founded the ledger; raises `ApiError` as `ready` does."""
        return await self._scribe.org()

    async def record(self, kind: str, body: Mapping[str, Any], forget: str | None = None) -> Receipt:
        """Record durably what this device did or saw; `forget` names a set whose journal goes with it.  Raises `ApiError` as `ready` does."""
        if trouble := self._trouble():
            raise trouble
        return await self.ledger.append(kind, body, forget)
