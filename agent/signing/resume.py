"""What is left of a closed set that was stopped: a wrong PIN, a token pulled, a cancel, the agent's end.

The intent of a set holds its documents with their digests, the means and the manner; the outcomes say what was published.  The
rest is signed as a set of its own, which names the one it resumes, so that it can be stopped and resumed in its turn.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from agent.api.errors import ApiError, Code
from agent.api.uris import to_path
from agent.ledger.acts import FINISHED, STARTED
from agent.ledger.log import Entry, Ledger
from agent.ledger.sets import recent, witnesses
from agent.signing.names import Output
from agent.signing.order import Asked, Manner, Order, Rest, identifier_of
from agent.signing.recovery import close_open_sets
from tokens.wire import to_bytes

Believing: TypeAlias = Callable[[], Awaitable[Callable[[Entry], bool]]]
"""Tells, as things stand, which entries are the word of a device that may say so."""
LAST = "last"
"""Stands for the newest set of which something is left."""
_RECENT = 200
"""Attempts among which a set is looked for that was not named."""
_NAME = re.compile(r"[0-9A-Za-z_-]{1,64}")
_TOLD = 5
"""So many sets are named where the one that was asked for is not there."""


@dataclass(slots=True)
class _Run:
    """One attempt at a set, or at what was left of it."""

    started: Mapping[str, Any]
    witness: bytes | None = None
    """What each signature of it carries."""
    outcome: Mapping[int, Mapping[str, Any]] | None = None
    """What became of each document; None while it is under way."""

    def published(self, n: int) -> bool:
        return (self.outcome or {}).get(n, {}).get("state") == "published"

    def asked(self, document: Mapping[str, Any]) -> Asked | None:
        """What the token was asked to sign for one of its documents."""
        n = document["n"]
        attributes = (self.outcome or {}).get(n, {}).get("attributes")
        if attributes is None:
            return None
        if known := document.get("asked"):
            return Asked(known["signing_time"], known["identifier"], attributes, known.get("witness"))
        witness = None if self.witness is None else self.witness.hex()
        return Asked(self.started["signing_time"], identifier_of(self.started["batch"], n), attributes, witness)


@dataclass(slots=True)
class _Set:
    """A set with all attempts at it."""

    first: Mapping[str, Any]
    runs: list[_Run] = field(default_factory=list)

    @property
    def open_runs(self) -> list[str]:
        """The attempts without an outcome."""
        return [run.started["batch"] for run in self.runs if run.outcome is None]

    def left(self) -> list[Mapping[str, Any]]:
        """The documents that no attempt published."""
        done = {d["input"] for run in self.runs for d in run.started["documents"] if run.published(d["n"])}
        return [d for d in self.first["documents"] if d["input"] not in done]

    def asked(self) -> dict[str, Asked]:
        """What the token was asked to sign, by input; of several attempts the last."""
        return {d["input"]: asked for run in self.runs for d in run.started["documents"] if (asked := run.asked(d))}


class Resumption:
    """The sets of one home that can be resumed; a set is worked on once at a time."""

    def __init__(self, ledger: Ledger, ours: Believing | None = None) -> None:
        """`ours` tells which entries may be gone on with: whoever may write the database can put others there."""
        self._ledger, self._ours = ledger, ours
        self._held: set[str] = set()
        self._running: set[str] = set()
        self._closing = asyncio.Lock()

    async def name(self, asked: str) -> str:
        """The set that is meant; raises `ApiError` (not_found, with those there are)."""
        if asked != LAST and _NAME.fullmatch(asked) and await self._set(asked) is not None:
            return asked
        open_ones: list[str] = []
        for batch in await self._ledger.read(lambda connection: recent(connection, _RECENT, self._ledger.agent)):
            found = await self._set(batch)
            if found is not None and found.left() and not found.open_runs:
                if asked == LAST:
                    return batch
                open_ones.append(batch)
            if len(open_ones) == _TOLD:
                break
        raise ApiError(Code.NOT_FOUND, reason="batch", wanted=None if asked == LAST else asked, present=", ".join(open_ones))

    @contextmanager
    def running(self, run: str) -> Iterator[None]:
        """A job is at this attempt at a set within."""
        self._running.add(run)
        try:
            yield
        finally:
            self._running.discard(run)

    async def _set(self, batch: str) -> _Set | None:
        """A set by the ledger; an attempt that nobody is at any more, and whose outcome could not be written (a full disk), is closed first."""
        async with self._closing:
            found = await self._read(batch)
            if found is None or all(run in self._running for run in found.open_runs):
                return found
            await close_open_sets(self._ledger, self._running)
            return await self._read(batch)

    async def _read(self, batch: str) -> _Set | None:
        entries = await self._ledger.about(batch, STARTED, FINISHED)
        if self._ours is not None:
            ours = await self._ours()
            entries = [entry for entry in entries if ours(entry)]
        carried = await self._ledger.read(lambda connection: witnesses(connection, (e for e in entries if e.statement["type"] == STARTED)))
        return _sets(entries, carried).get(batch)

    @contextmanager
    def holding(self, batch: str) -> Iterator[None]:
        """Nobody else resumes it within; raises `ApiError` (not_allowed: under_way)."""
        if batch in self._held:
            raise _under_way(batch)
        self._held.add(batch)
        try:
            yield
        finally:
            self._held.discard(batch)

    async def order(self, batch: str, token: str | None, certificate: str | None) -> Order:
        """What is left of a set, to be signed as it was ordered; raises `ApiError` (not_allowed: under_way; nothing_to_do: all_published)."""
        found = await self._set(batch)
        if found is None:
            raise ApiError(Code.NOT_FOUND, reason="batch", wanted=batch, present="")
        if found.open_runs:
            raise _under_way(batch)
        left = found.left()
        if not left:
            raise ApiError(Code.NOTHING_TO_DO, reason="all_published", batch=batch)
        first = found.first
        digests = {d["input"]: d["sha256"] for d in left}
        chain = tuple(map(to_bytes, first["chain"])) if "chain" in first else None
        rest = Rest(batch, first["module"], first["token"], first["label"], first["certificate"], digests, found.asked(), chain)
        outputs = tuple(Output(to_path(d["input"]), to_path(d["output"]), d["format"]) for d in left)
        return Order(outputs, token, certificate, Manner.of_record(first["manner"]), rest)


def _under_way(batch: str) -> ApiError:
    return ApiError(Code.NOT_ALLOWED, reason="under_way", batch=batch)


def _sets(entries: Iterable[Entry], carried: Mapping[int, bytes]) -> dict[str, _Set]:
    """The sets that began, in order; records of an older kind, which lack the manner, cannot be resumed and are left out."""
    sets: dict[str, _Set] = {}
    runs: dict[str, _Run] = {}
    for entry in entries:
        statement = entry.statement
        body = statement["body"]
        if statement["type"] == STARTED and "signing_time" in body:
            run = runs[body["batch"]] = _Run(body, carried.get(entry.seq))
            sets.setdefault(body.get("resumes", body["batch"]), _Set(body)).runs.append(run)
        elif statement["type"] == FINISHED and body["batch"] in runs:
            runs[body["batch"]].outcome = {d["n"]: d for d in body["documents"]}
    return sets
