"""One run over files and folders: what is planned, what need not be checked again, and what becomes of each verdict."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias

from agent.verification.beside import beside_of
from agent.verification.bulk import Blocked, LeftOut, needs_none, walk
from agent.verification.identity import unchanged
from agent.verification.runs import Planned, Runs
from agent.verification.service import Desk, each

FRESH = timedelta(hours=24)
"""A verdict older than this is made again when a run goes on: certificates expire and are revoked."""
_BATCH = 500
_SETTLED = 500
"""Verdicts after which the store is tidied up."""
_TOLD_SECONDS = 0.1
_TELLING = 20
"""Verdicts from which the time that is left can be told: the first ones wait for the workers."""
_BESIDE_STEP = 0.001

Settle: TypeAlias = Callable[[dict[str, Any]], Awaitable[dict[str, Any]]]
"""What the agent adds to a worker's document (not checked, ledger) before it is kept and told."""
Tell: TypeAlias = Callable[..., None]
"""`Job.emit`."""


@dataclass(slots=True)
class Run:
    """One run under way."""

    id: str
    runs: Runs
    desk: Desk
    conditions: str
    settle: Settle
    tell: Tell
    files: Sequence[str] = ()
    """Named one by one: they have a verdict whatever they are."""
    folders: Sequence[str] = ()
    skip: frozenset[str] = frozenset()
    tell_all: bool = True
    """Whether whoever asked wants to hear of what passed, too."""
    left_out: LeftOut = field(default_factory=LeftOut)
    done: int = 0
    total: int = 0
    again: int = 0
    """Verdicts of before that still hold."""
    _began: float = 0.0
    _told: float = 0.0
    _named: frozenset[str] = frozenset()
    _taken: set[str] = field(default_factory=set)
    """Signature files that are checked along with the file they stand beside."""
    _blocked: Mapping[str, Blocked] = field(default_factory=dict)

    async def plan(self) -> None:
        """Look what there is to check; what was found before stays for the files that are still there."""
        self._named = frozenset(self.files)
        await asyncio.to_thread(self.runs.begin, self.id)
        seen = await asyncio.to_thread(self.runs.plan, self.id, [(float(n), f) for n, f in enumerate(self.files)])
        blocked: list[Blocked] = []
        source = self._found(blocked)
        while batch := await asyncio.to_thread(_take, source, _BATCH):
            await asyncio.to_thread(self.runs.plan, self.id, [(float(seen + n), f) for n, f in enumerate(batch)])
            seen += len(batch)
            self.tell("progress", stage="look", done=seen, total=None, rate=None, left=None)
        await asyncio.to_thread(self.runs.plan, self.id, [(float(seen + n), b.folder) for n, b in enumerate(blocked)])
        self.total = await asyncio.to_thread(self.runs.planned, self.id)
        self._blocked = {b.folder: b for b in blocked}

    def _found(self, blocked: list[Blocked]) -> Iterator[str]:
        for folder in self.folders:
            for file in walk(folder, self.left_out, self.skip):
                if isinstance(file, Blocked):
                    blocked.append(file)
                elif file not in self._named:
                    yield file

    async def check(self, at_once: int) -> None:
        """Check what is planned, some files at once; may be cancelled at any moment, and what is finished is kept."""
        self._began = time.monotonic()
        self._progress(force=True)
        await each(self.runs.files(self.id), self._one, at_once)
        self._progress(force=True)

    async def _one(self, planned: Planned) -> None:
        if planned.file in self._taken:
            return
        if planned.file in self._blocked:
            await self._keep(planned.file, dict(self._blocked[planned.file].document()))
            return
        if await self._holds(planned):
            self.again += 1
            self.done += 1
            self._progress()
            return
        document = await self.desk.check(planned.file)
        if planned.file not in self._named and document["reason"] == "NO_SIGNATURE" and not document["signatures"]:
            why = await asyncio.to_thread(needs_none, planned.file)
            if why is not None:
                setattr(self.left_out, why, getattr(self.left_out, why) + 1)
                await asyncio.to_thread(self.runs.drop, self.id, planned.file)
                self.total -= 1
                self._progress()
                return
        document = await self._keep(planned.file, document)
        for other in await self._also(planned, document):
            await self._keep(other, await self.desk.check(other))

    async def _holds(self, planned: Planned) -> bool:
        """Whether the verdict of before may stand: made lately, under the same circumstances, over the very same bytes."""
        if planned.conditions != self.conditions or not planned.parts or planned.checked is None:
            return False
        if datetime.now(UTC) - datetime.fromisoformat(planned.checked) > FRESH:
            return False
        return await asyncio.to_thread(_same, planned)

    async def _also(self, planned: Planned, document: Mapping[str, Any]) -> list[str]:
        """Signature files beside a file that was judged by the signatures inside it: they have verdicts of their own."""
        if planned.file in self._named or planned.file in self._taken:
            return []
        used = {part["file"] for part in document["signature_files"]}
        others = [each for each in await asyncio.to_thread(beside_of, planned.file) if each not in used]
        self._taken.update(others)
        places = [(planned.place + _BESIDE_STEP * (n + 1), each) for n, each in enumerate(others)]
        self.total += await asyncio.to_thread(self.runs.plan, self.id, places) if places else 0
        return others

    async def _keep(self, file: str, document: dict[str, Any]) -> dict[str, Any]:
        parts = document.pop("parts", [])
        document = await self.settle({"sha256": None, "size": None, **document, "signature_files": [p for p in parts if p["file"] != file]})
        self.runs.put(self.id, file, {**document, "parts": parts}, self.conditions)  # here: another thread would cost more than it does
        self.done += 1
        if self.done % _SETTLED == 0:
            await asyncio.to_thread(self.runs.settle)
        if self.tell_all or document["verdict"] != "passed":
            self.tell("document", document=document)
        self._progress()
        return document

    def _progress(self, force: bool = False) -> None:
        moment = time.monotonic()
        if not force and self.done < self.total and moment - self._told < _TOLD_SECONDS:
            return
        self._told = moment
        fresh, seconds = self.done - self.again, moment - self._began
        rate = round(fresh / seconds, 1) if fresh > 0 and self._began and seconds > 0 else None
        left = round((self.total - self.done) / rate) if rate and fresh >= _TELLING else None
        self.tell("progress", stage="verify", done=self.done, total=self.total, rate=rate, left=left)


def _same(planned: Planned) -> bool:
    used = {part["file"] for part in planned.parts}
    return used.issuperset(beside_of(planned.file)) and unchanged(planned.parts)


def _take(source: Iterator[str], most: int) -> list[str]:
    return [file for _, file in zip(range(most), source, strict=False)]
