"""The signing workers as the agent sees them: processes that prepare, assemble, check and publish documents while the token signs."""

import asyncio
import contextlib
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import structlog

from agent.api.errors import ApiError, Code
from tokens import platform
from tokens.wire import Channel, ChannelClosed, Message

log = structlog.get_logger()
_DEADLINE = 600.0
"""Seconds for one operation: a file of some gigabytes on a slow share may take minutes, a worker that hangs may not take for ever."""
_LEAVE_SECONDS = 3.0
"""How long a worker may take to drop what it has staged before it is killed."""
_ENVIRONMENT = ("PATH", "HOME", "LANG", "TZ", "PYTHONPATH", "TMPDIR")


class WorkerDied(ApiError):
    """A worker ended over a document (input_unusable, crashed)."""

    def __init__(self, during: str) -> None:
        super().__init__(Code.INPUT_UNUSABLE, reason="crashed", during=during)


class Worker:
    """One worker process; a document whose handling ends it fails alone, and the next batch gets another process."""

    def __init__(self, process: asyncio.subprocess.Process, channel: Channel) -> None:
        self._process, self._channel = process, channel

    @classmethod
    async def start(cls) -> "Worker":
        """Spawn one; it loads its libraries meanwhile."""
        ours, theirs = platform.socket_pair()
        env = {k: v for k, v in os.environ.items() if k in _ENVIRONMENT or k.startswith("LC_")}
        try:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-P", "-m", "agent.signing.worker", str(theirs.fileno())),
                stdin=asyncio.subprocess.DEVNULL,
                pass_fds=(theirs.fileno(),),
                env=env,
            )
        finally:
            theirs.close()
        return cls(process, await Channel.over(ours))

    @property
    def alive(self) -> bool:
        """Whether it still answers."""
        return not self._channel.closed.done()

    async def call(self, op: str, **args: Any) -> Message:
        """The result of one operation.

        Raises `ApiError` for what went wrong with the document, and `WorkerDied` when the process died or did not answer in time.
        """
        try:
            async with asyncio.timeout(_DEADLINE):
                reply = await self._channel.post(op, args)
        except TimeoutError:
            self.kill()
            raise WorkerDied(op) from None
        except ChannelClosed:
            raise WorkerDied(op) from None
        if error := reply.get("error"):
            code = error["code"] if error["code"] in set(Code) else Code.INTERNAL
            raise ApiError(Code(code), **error["facts"])
        result: Message = reply["result"]
        return result

    def kill(self) -> None:
        """End the process now; whoever waits for it hears `WorkerDied`."""
        self._channel.close()
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()

    async def close(self) -> None:
        """End the process, which drops what it has staged; one that is too busy to hear of it is killed."""
        self._channel.close()
        try:
            async with asyncio.timeout(_LEAVE_SECONDS):
                await self._process.wait()
        except TimeoutError:
            self.kill()
            await self._process.wait()


class Lease:
    """The workers of one batch."""

    def __init__(self, workers: list[Worker]) -> None:
        self.workers = workers

    async def renew(self, index: int) -> Worker:
        """Put a fresh worker in the place of one that died."""
        await self.workers[index].close()
        self.workers[index] = await Worker.start()
        return self.workers[index]

    async def another(self) -> Worker:
        """One worker more."""
        self.workers.append(await Worker.start())
        return self.workers[-1]


class Crew:
    """Idle workers, kept warm between batches: loading their libraries takes longer than signing a sheet."""

    def __init__(self, keep: int) -> None:
        self._keep = keep
        self._idle: list[Worker] = []

    @asynccontextmanager
    async def lease(self, wanted: int) -> AsyncIterator[Lease]:
        """`wanted` workers for one batch; nobody else uses them meanwhile."""
        lease = Lease([worker for worker in self._idle[:wanted] if worker.alive])
        self._idle = self._idle[wanted:]
        clean = False
        try:
            lease.workers += [await Worker.start() for _ in range(wanted - len(lease.workers))]
            yield lease
            clean = True
        finally:
            # A batch that ended in an error may have left staged documents in a worker: they end with it.
            kept = [worker for worker in lease.workers if clean and worker.alive][: self._keep - len(self._idle)]
            self._idle += kept
            await asyncio.gather(*(worker.close() for worker in lease.workers if worker not in kept))

    async def close(self) -> None:
        """End the idle workers."""
        idle, self._idle = self._idle, []
        await asyncio.gather(*(worker.close() for worker in idle))
