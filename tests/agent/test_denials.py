"""Denied attempts are recorded, and whoever tries again and again does not fill the ledger: the rest is counted."""

import asyncio
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from agent.api.errors import ApiError, Code
from agent.records.denials import ONE_BY_ONE, WINDOW_SECONDS, Denials
from agent.records.recorder import Records
from agent.server.jobs import Interaction, Job
from tokens.platform import Peer


@dataclass
class Book:
    """In place of the ledger."""

    entries: list[dict[str, Any]] = field(default_factory=list)
    broken: bool = False

    async def record(self, kind: str, body: Mapping[str, Any]) -> None:
        assert kind == "attempt.denied"
        if self.broken:
            raise ApiError(Code.STORE_UNREACHABLE)
        self.entries.append(dict(body))


@dataclass
class Clock:
    now: float = 0.0

    def __call__(self) -> float:
        return self.now


def job(what: str = "sign") -> Job:
    return Job("1", what, Peer(os.getpid(), os.getuid(), -1), "yinxin", "en", Interaction(), False)


def denials(book: Book, clock: Clock) -> Denials:
    return Denials(cast(Records, book), clock)


@pytest.mark.promise(5)
def test_the_same_attempt_again_and_again_is_counted_not_listed() -> None:
    async def run() -> None:
        book, clock = Book(), Clock()
        watched = denials(book, clock)
        for _ in range(1000):
            await watched.note(job(), ApiError(Code.PIN_INCORRECT, token="A"))
        assert [each["times"] for each in book.entries] == [1] * ONE_BY_ONE
        await watched.note(job(), ApiError(Code.PIN_INCORRECT, token="B"))  # another token is another attempt
        await watched.note(job("key_generate"), ApiError(Code.PIN_INCORRECT, token="A"))
        assert len(book.entries) == ONE_BY_ONE + 2
        clock.now += WINDOW_SECONDS + 1
        await watched.note(job(), ApiError(Code.PIN_INCORRECT, token="A"))
        assert book.entries[-1]["times"] == 1000 - ONE_BY_ONE + 1
        await watched.close()
        assert sum(each["times"] for each in book.entries) == 1003

    asyncio.run(run())


def test_what_is_passed_over_is_told_at_the_end_and_what_cannot_be_written_is_not_lost() -> None:
    async def run() -> None:
        book, clock = Book(), Clock()
        watched = denials(book, clock)
        book.broken = True
        await watched.note(job(), ApiError(Code.NOT_ALLOWED, reason="certificate_expired", rule="S25", certificate="李工", path="/secret/place"))
        book.broken = False
        for _ in range(10):
            await watched.note(job(), ApiError(Code.NOT_ALLOWED, reason="certificate_expired", rule="S25", certificate="李工"))
        await watched.close()
        assert sum(each["times"] for each in book.entries) == 11
        assert book.entries[0]["facts"] == {"reason": "certificate_expired", "rule": "S25", "certificate": "李工"}

    asyncio.run(run())


def test_what_is_forgotten_for_others_was_counted_first() -> None:
    async def run() -> None:
        book, clock = Book(), Clock()
        watched = denials(book, clock)
        for _ in range(20):
            await watched.note(job(), ApiError(Code.PIN_INCORRECT, token="first"))
        for n in range(300):
            clock.now += 0.001
            await watched.note(job(), ApiError(Code.PIN_INCORRECT, token=f"other {n}"))
        assert sum(each["times"] for each in book.entries if each["facts"]["token"] == "first") == 20

    asyncio.run(run())


@pytest.mark.parametrize(
    "error",
    [
        ApiError(Code.TOKEN_REMOVED),
        ApiError(Code.CANCELLED),
        ApiError(Code.INPUT_UNUSABLE, reason="damaged"),
        ApiError(Code.NOT_ALLOWED, reason="under_way"),
        ApiError(Code.NOT_ALLOWED, reason="device_key"),
    ],
)
def test_trouble_is_no_denial(error: ApiError) -> None:
    async def run() -> None:
        book = Book()
        await denials(book, Clock()).note(job(), error)
        assert book.entries == []

    asyncio.run(run())


def test_hostile_names_fit_into_an_entry() -> None:
    async def run() -> None:
        book = Book()
        await denials(book, Clock()).note(job(), ApiError(Code.PIN_INCORRECT, token="\ud800\u202e" + "x" * 1_000_000))
        assert len(book.entries[0]["facts"]["token"]) <= 200
        book.entries[0]["facts"]["token"].encode()

    asyncio.run(run())
