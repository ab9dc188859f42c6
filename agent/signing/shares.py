"""Which worker has which document in hand.  A worker that dies gives its share back: others take it up, and only the document that kills fails.

A document is taken (read and staged) by one worker, which then does the rest of it.  Those a worker had under way when it died are
suspects: they are done one at a time by a worker apart, once the others are through.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol, TypeAlias

from agent.signing.crew import Lease, Worker, WorkerDied

Step: TypeAlias = Callable[[Worker, int], Awaitable[None]]
"""Does something to document n; its document's troubles are its own business, and `WorkerDied` comes through."""
_IN_FLIGHT = 6
"""Documents under way per worker: enough to keep the token busy, few enough to stop soon."""
_ROUNDS = 8
"""How often shares are given back before every document left is a suspect."""


class Whole(Protocol):
    """The set whose documents they are."""

    def going(self) -> bool:
        """Whether it has not been stopped."""

    def waiting(self) -> list[int]:
        """The documents that are still to be done; none once it is stopped."""

    def give_up(self, n: int, error: WorkerDied) -> None:
        """End a document that kills workers."""


class Shares:
    """The documents of one set among the workers of its lease."""

    def __init__(self, lease: Lease, setup: Mapping[str, Any], whole: Whole) -> None:
        self._lease, self._setup, self._whole = lease, setup, whole
        self._holder: dict[int, Worker] = {}
        self._suspects: set[int] = set()
        self._apart: Worker | None = None
        self._rounds = 0

    async def begin(self) -> None:
        """Tell every worker what the documents have in common."""
        await asyncio.gather(*(worker.call("setup", **self._setup) for worker in self._lease.workers))

    @property
    def alive(self) -> Worker | None:
        """Some worker that answers."""
        return next((worker for worker in self._lease.workers if worker.alive), None)

    async def take_all(self, take: Step) -> None:
        """Have every document that waits in the hands of a live worker."""
        while lost := [n for n in self._whole.waiting() if not self._held(n)]:
            if calm := [n for n in lost if n not in self._suspects]:
                workers = await self._renewed()
                shares = (deque(calm[index :: len(workers)]) for index in range(len(workers)))
                await asyncio.gather(*(self._busy(worker, share, take) for worker, share in zip(workers, shares, strict=True)))
            else:
                await self._alone(await self._worker_apart(), lost[0], take)

    async def finish_all(self, take: Step, step: Step) -> None:
        """Do `step` to every document that waits; what its worker lost is taken anew first."""
        while self._whole.waiting():
            await self.take_all(take)
            left = self._whole.waiting()
            if calm := [n for n in left if n not in self._suspects]:
                shares: dict[Worker, deque[int]] = {}
                for n in calm:
                    shares.setdefault(self._holder[n], deque()).append(n)
                await asyncio.gather(*(self._busy(worker, share, step) for worker, share in shares.items()))
            elif left:
                await self._alone(self._holder[left[0]], left[0], step)

    def _held(self, n: int) -> bool:
        holder = self._holder.get(n)
        return holder is not None and holder.alive

    async def _busy(self, worker: Worker, share: deque[int], step: Step) -> None:
        """Keep a worker busy with what is left of a share, a few documents at a time, until done or stopped."""

        async def one_after_another() -> None:
            while share and worker.alive and self._whole.going():
                n = share.popleft()
                try:
                    self._holder[n] = worker
                    await step(worker, n)
                except WorkerDied:
                    self._suspects.add(n)

        await asyncio.gather(*(one_after_another() for _ in range(min(_IN_FLIGHT, len(share)))))

    async def _alone(self, worker: Worker, n: int, step: Step) -> None:
        try:
            self._holder[n] = worker
            await step(worker, n)
        except WorkerDied as error:
            self._whole.give_up(n, error)

    async def _renewed(self) -> list[Worker]:
        """The workers, fresh ones in the place of those that died; after too many rounds nothing is done side by side any more."""
        self._rounds += 1
        if self._rounds > _ROUNDS:
            self._suspects.update(self._whole.waiting())
        for index, worker in enumerate(self._lease.workers):
            if not worker.alive and worker is not self._apart:
                await (await self._lease.renew(index)).call("setup", **self._setup)
        return [worker for worker in self._lease.workers if worker is not self._apart]

    async def _worker_apart(self) -> Worker:
        if self._apart is None or not self._apart.alive:
            self._apart = await self._lease.another()
            await self._apart.call("setup", **self._setup)
        return self._apart
