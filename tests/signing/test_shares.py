"""Shares of workers that die: whatever the order of deaths, every document is done once, and only those that kill are given up."""

import asyncio
import random
from dataclasses import dataclass, field
from typing import Any

import pytest

from agent.signing.crew import Lease, Worker, WorkerDied
from agent.signing.shares import Shares


class Hand(Worker):
    """A worker without a process."""

    def __init__(self) -> None:
        self.dead = False
        self.setups = 0

    @property
    def alive(self) -> bool:
        return not self.dead

    async def call(self, op: str, **args: Any) -> dict[str, Any]:
        if self.dead:
            raise WorkerDied(op)
        self.setups += 1
        return {}


class Hands(Lease):
    """Their lease; replaces the dead."""

    def __init__(self, count: int) -> None:
        super().__init__([Hand() for _ in range(count)])

    async def renew(self, index: int) -> Worker:
        self.workers[index] = Hand()
        return self.workers[index]

    async def another(self) -> Worker:
        self.workers.append(Hand())
        return self.workers[-1]


@dataclass
class Set:
    """A set of documents; some kill whoever takes or finishes them, some workers die by chance."""

    count: int
    chance: random.Random
    deadly_to_take: frozenset[int] = frozenset()
    deadly_to_finish: frozenset[int] = frozenset()
    accidents: int = 0
    done: list[int] = field(default_factory=list)
    given_up: list[int] = field(default_factory=list)
    stopped: bool = False
    held: dict[int, Worker] = field(default_factory=dict)

    def going(self) -> bool:
        return not self.stopped

    def waiting(self) -> list[int]:
        return [] if self.stopped else [n for n in range(self.count) if n not in self.done and n not in self.given_up]

    def give_up(self, n: int, error: WorkerDied) -> None:
        self.given_up.append(n)

    async def _work(self, worker: Worker, n: int, deadly: frozenset[int]) -> None:
        assert isinstance(worker, Hand)
        await asyncio.sleep(0)
        if worker.dead:
            raise WorkerDied("work")
        if n in deadly or (self.accidents and self.chance.random() < 0.1):
            self.accidents -= n not in deadly
            worker.dead = True
            raise WorkerDied("work")
        assert worker.setups == 1

    async def take(self, worker: Worker, n: int) -> None:
        await self._work(worker, n, self.deadly_to_take)
        self.held[n] = worker

    async def finish(self, worker: Worker, n: int) -> None:
        assert self.held[n] is worker
        assert n not in self.done
        await self._work(worker, n, self.deadly_to_finish)
        self.done.append(n)


@pytest.mark.promise(5)
@pytest.mark.parametrize("seed", range(40))
def test_every_document_is_done_once_and_only_the_deadly_are_given_up(seed: int) -> None:
    chance = random.Random(seed)
    count = chance.choice([1, 3, 5, 20, 60])
    deadly = frozenset(n for n in range(count) if chance.random() < chance.choice([0, 0.05, 0.4]))
    taking = frozenset(n for n in deadly if chance.random() < 0.5)
    whole = Set(count, chance, taking, deadly - taking, accidents=chance.choice([0, 0, 2, 5]))

    async def run() -> None:
        shares = Shares(Hands(chance.choice([1, 3])), {}, whole)
        await shares.begin()
        await shares.take_all(whole.take)
        await shares.finish_all(whole.take, whole.finish)

    asyncio.run(run())
    assert sorted([*whole.done, *whole.given_up]) == list(range(count))
    assert deadly <= set(whole.given_up)
    assert len(whole.given_up) - len(deadly) <= 5  # an accident may befall a suspect while it is alone: then it looks deadly


def test_nothing_is_given_up_for_an_accident_beside_others() -> None:
    whole = Set(30, random.Random(1), accidents=1)

    async def run() -> None:
        shares = Shares(Hands(3), {}, whole)
        await shares.begin()
        await shares.take_all(whole.take)
        await shares.finish_all(whole.take, whole.finish)

    asyncio.run(run())
    assert sorted(whole.done) == list(range(30))
    assert not whole.given_up


def test_a_set_that_is_stopped_comes_to_rest() -> None:
    whole = Set(30, random.Random(1), deadly_to_take=frozenset(range(30)))

    async def run() -> None:
        shares = Shares(Hands(3), {}, whole)
        await shares.begin()
        whole.stopped = True
        await shares.take_all(whole.take)
        await shares.finish_all(whole.take, whole.finish)

    asyncio.run(run())
    assert not whole.done
    assert not whole.given_up
