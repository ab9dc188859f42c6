"""Denied attempts are recorded: a wrong PIN, a certificate that may not sign, what a rule refuses.

Whoever tries again and again shall not fill the ledger: of the same attempt a few a minute are entered one by one, and the rest are counted in
the next one.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import structlog

from agent.api.errors import ApiError, Code
from agent.records.recorder import Records
from agent.server.jobs import Job
from tokens import platform

log = structlog.get_logger()
ONE_BY_ONE: Final = 5
"""So many of the same attempt are entered one by one…"""
WINDOW_SECONDS: Final = 60.0
"""…within this time."""
_KINDS_MAX: Final = 256
_CODES = frozenset({
    Code.PIN_INCORRECT, Code.PIN_LOCKED, Code.PIN_FINAL_TRY, Code.PIN_UNACCEPTABLE, Code.CERTIFICATE_MISMATCH,
    Code.NOT_ALLOWED, Code.NOT_REGISTERED,
})  # fmt: skip
_NO_ATTEMPT = ("under_way", "not_practice", "device_enrolled")
"""Reasons of not_allowed that stand for no rule."""
_FACTS = ("reason", "rule", "token", "label", "serial", "certificate", "actor", "person")
_FACT_MAX: Final = 200


@dataclass(slots=True)
class _Same:
    """One kind of attempt in the present window."""

    began: float
    entered: int = 0
    passed_over: int = 0
    """Attempts that no entry counts yet."""
    body: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class Denials:
    """What this agent refused lately."""

    records: Records
    now: Callable[[], float] = time.monotonic
    _lately: dict[tuple[str, ...], _Same] = field(default_factory=dict)

    async def note(self, job: Job, error: ApiError) -> None:
        """Record that `job` ended in `error`, where that is a denial; never raises: the refusal itself stands, whatever becomes of its record."""
        if error.code not in _CODES or error.facts.get("reason") in _NO_ATTEMPT or str(error.facts.get("reason")).startswith("device_key"):
            return
        same = await self._of((job.what, str(error.code), *(str(error.facts.get(name)) for name in ("reason", "token"))))
        if same.entered >= ONE_BY_ONE:
            same.passed_over += 1
            return
        same.entered += 1
        caller = {"program": job.program[:_FACT_MAX], "pid": job.caller.pid, "user": platform.user_of(job.caller.uid)}
        same.body = {"purpose": job.what, "code": str(error.code), "facts": _told(error.facts), "caller": caller}
        same.passed_over += 1
        await self._enter(same)

    async def close(self) -> None:
        """Enter how many were passed over and not counted yet."""
        for same in tuple(self._lately.values()):
            if same.passed_over:
                await self._enter(same)

    async def _enter(self, same: _Same) -> None:
        times, same.passed_over = same.passed_over, 0
        try:
            await self.records.record("attempt.denied", {**same.body, "times": times})
        except Exception as trouble:  # noqa: BLE001 - the refusal stands; its client must hear of it
            same.passed_over += times
            log.warning("denial_not_recorded", code=same.body["code"], why=getattr(trouble, "code", type(trouble).__name__))

    async def _of(self, kind: tuple[str, ...]) -> _Same:
        same = self._lately.get(kind)
        if same is None:
            gone = None
            if len(self._lately) >= _KINDS_MAX:
                gone = self._lately.pop(min(self._lately, key=lambda each: self._lately[each].began))
            same = self._lately[kind] = _Same(self.now())
            if gone is not None and gone.passed_over:  # what is forgotten was counted first
                await self._enter(gone)
        elif self.now() - same.began > WINDOW_SECONDS:
            same.began, same.entered = self.now(), 0
        return same


def _told(facts: Mapping[str, Any]) -> dict[str, str]:
    """What an entry keeps of the facts: who, what, by which rule; no paths, no details of a module."""
    kept = {name: facts[name] for name in _FACTS if facts.get(name) is not None}
    return {name: str(value).encode("utf-8", "replace").decode()[:_FACT_MAX] for name, value in kept.items()}
