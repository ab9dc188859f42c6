"""Verification as the agent sees it: worker processes under a deadline, one document at a time each, replaced when one ends or hangs."""

import asyncio
import contextlib
import os
import sys
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any, TypeAlias, TypeVar

import structlog

from agent.verification.verdict import refused
from tokens import platform
from tokens.wire import Channel, ChannelClosed, Message, WireError, to_text

log = structlog.get_logger()
T = TypeVar("T")

SECONDS_PER_FILE = 20.0
_SECONDS_TO_START = 60.0
_FILES_PER_WORKER = 2000
"""After so many a worker is replaced, so that what libraries keep does not grow."""
_ENVIRONMENT = ("PATH", "HOME", "LANG", "TZ", "PYTHONPATH", "TMPDIR")

Progress: TypeAlias = Callable[[int, int, dict[str, Any]], None]
"""Called after each file with how many are done, how many there are, and its document."""


Ask: TypeAlias = Callable[[Sequence[Message]], Awaitable[Mapping[str, Message]]]
"""Questions {key, url, host, body} to answers {data, why} by key (see `fetch.Fetcher.ask`)."""
_ROUNDS_MAX = 6
"""Looks at one document: each asks one source more for each certificate that is still unknown."""
_FETCHED_MAX = 9 * 1024 * 1024
"""Characters (base64) of answers that go with each request to a worker, whose messages are bounded; what is beyond counts as not answered."""


class Checker:
    """One worker process."""

    def __init__(self, process: asyncio.subprocess.Process, channel: Channel) -> None:
        self._process, self._channel = process, channel
        self.served = 0

    @classmethod
    async def start(cls, program: str = "agent.verification.worker", inherit: Sequence[str] = ()) -> "Checker":
        """Spawn one and wait until its libraries are loaded; raises ChannelClosed, TimeoutError or OSError.

        `inherit` names variables of the environment it gets beyond the usual ones.
        """
        ours, theirs = platform.socket_pair()
        env = {k: v for k, v in os.environ.items() if k in _ENVIRONMENT or k in inherit or k.startswith("LC_")}
        try:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-P", "-m", program, str(theirs.fileno())),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.DEVNULL,
                pass_fds=(theirs.fileno(),),
                env=env,
            )
        except BaseException:
            ours.close()
            raise
        finally:
            theirs.close()
        checker = cls(process, await Channel.over(ours))
        try:
            await checker.call("ready", {}, _SECONDS_TO_START)
        except BaseException:
            await checker.close()
            raise
        return checker

    @property
    def alive(self) -> bool:
        """Whether it still answers."""
        return not self._channel.closed.done()

    @property
    def pid(self) -> int:
        """Its process id, for tests."""
        return self._process.pid

    async def call(self, op: str, args: Message, seconds: float) -> Message:
        """The whole reply; raises TimeoutError, ChannelClosed."""
        return await self._channel.request(op, args, timeout=seconds)

    async def close(self) -> None:
        """End the process."""
        self._channel.close()
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()
        await self._process.wait()


class Checkers:
    """The workers of one agent: started when needed, at most `most` at once, kept between requests until `close`."""

    def __init__(self, most: int = 2) -> None:
        self._idle: list[Checker] = []
        self._places = asyncio.Semaphore(most)
        self.most = most

    async def check(self, request: Message, seconds: float) -> dict[str, Any]:
        """The document of one request; never raises for what the file did, only for cancellation."""
        try:
            reply = await self.ask("verify", request, seconds)
        except TimeoutError:
            return refused(request["file"], "CHECK_FAILED", detail="time")
        except WireError:
            return refused(request["file"], "CHECK_FAILED", detail="size")
        except (ChannelClosed, OSError) as exc:
            log.warning("verification_worker_ended", type=type(exc).__name__)
            return refused(request["file"], "CHECK_FAILED", detail="crashed")
        if "error" in reply:
            return refused(request["file"], "CHECK_FAILED", detail=reply["error"]["code"])
        document: dict[str, Any] = reply["result"]
        return document

    async def ask(self, op: str, request: Message, seconds: float) -> Message:
        """The reply of a worker to one operation, result or error; raises TimeoutError, WireError, ChannelClosed, OSError."""
        async with self._places:
            checker: Checker | None = None
            fit = False
            try:
                checker = self._take() or await Checker.start()
                reply = await checker.call(op, request, seconds)
                checker.served += 1
                fit = "error" not in reply and checker.served < _FILES_PER_WORKER
                return reply
            finally:
                if checker is not None:
                    await self._give_back(checker, fit)

    def _take(self) -> Checker | None:
        while self._idle:
            checker = self._idle.pop()
            if checker.alive:
                return checker
        return None

    async def _give_back(self, checker: Checker, fit: bool) -> None:
        if fit and checker.alive:
            self._idle.append(checker)
        else:
            await asyncio.shield(checker.close())

    async def close(self) -> None:
        """End the idle workers."""
        idle, self._idle = self._idle, []
        for checker in idle:
            await checker.close()


async def verify(
    files: Sequence[str],
    *,
    signature: str | None,
    trust: Sequence[str],
    crls: Sequence[bytes],
    at: str | None,
    workers: Checkers,
    on_progress: Progress | None = None,
    own: Sequence[str] = (),
    seconds: float = SECONDS_PER_FILE,
    ask: Ask | None = None,
) -> list[dict[str, Any]]:
    """The document of each file (paths), in their order; all of them in memory.

    `trust` are PEM texts, `crls` PEM or DER, `at` ISO 8601 or None for now, `own` the fingerprints of our own CA's certificates,
    `seconds` the deadline for each file.  A file that ends or outlasts its worker gets "could not be checked" and nothing else does.
    `ask` puts questions about revocation to the network (see `fetch`); without it nothing is asked.
    """
    desk = Desk(request_for(signature=signature, trust=trust, crls=crls, at=at, own=own), workers, Known(ask), seconds)
    documents: list[dict[str, Any] | None] = [None] * len(files)
    done = 0

    async def one(numbered: tuple[int, str]) -> None:
        nonlocal done
        number, file = numbered
        document = await desk.check(file)
        documents[number] = document
        done += 1
        if on_progress is not None:
            on_progress(done, len(files), document)

    await each(enumerate(files), one, workers.most)
    return [d for d in documents if d is not None]


async def each(items: Iterable[T], act: Callable[[T], Awaitable[None]], at_once: int) -> None:
    """`act` on every item, some at once; the next is taken when there is a hand for it, so that no more than these are in memory."""
    waiting = iter(items)

    async def work() -> None:
        for item in waiting:
            await act(item)

    async with asyncio.TaskGroup() as group:
        for _ in range(at_once):
            group.create_task(work())


def request_for(*, signature: str | None, trust: Sequence[str], crls: Sequence[bytes], at: str | None, own: Sequence[str]) -> Message:
    """What is the same for every file of one request."""
    return {"signature": signature, "trust": list(trust), "crls": [to_text(c) for c in crls], "at": at, "own": list(own)}


class Known:
    """What the network said so far, for all documents of one request."""

    def __init__(self, ask: Ask | None) -> None:
        self._ask = ask
        self.answers: dict[str, Message] = {}
        self.asked: dict[str, Message] = {}
        """{url, host, why} of each question, by its key."""
        self._bytes = 0

    async def learn(self, questions: Sequence[Message]) -> bool:
        """Ask what was not asked yet; whether anything about these questions is known now."""
        new = [q for q in questions if q["key"] not in self.answers]
        if self._ask is not None and new:
            addresses = {q["key"]: q for q in new}
            for key, answer in (await self._ask(new)).items():
                size = len(answer["data"] or "")
                fits = self._bytes + size <= _FETCHED_MAX
                self._bytes += size if fits else 0
                self.answers[key] = answer if fits else {"data": None, "why": "too_large"}
                self.asked[key] = {"url": addresses[key]["url"], "host": addresses[key]["host"], "why": self.answers[key]["why"]}
        return any(q["key"] in self.answers for q in questions)


class Desk:
    """Where the files of one request are checked, one after another or some at once."""

    def __init__(self, request: Message, workers: Checkers, known: Known, seconds: float = SECONDS_PER_FILE) -> None:
        self.known = known
        self._request, self._workers, self._seconds = request, workers, seconds

    async def check(self, file: str) -> dict[str, Any]:
        """Check a document; where what the network may know would make the verdict surer, ask and check again."""
        started = time.monotonic()
        request = {**self._request, "file": file}
        for _ in range(_ROUNDS_MAX):
            began = time.monotonic()
            document = await self._workers.check({**request, "fetched": dict(self.known.answers)}, self._seconds)
            look = time.monotonic() - began
            if not await self.known.learn(document.pop("wanted", ())) or time.monotonic() + look > started + self._seconds:
                break
        return document
