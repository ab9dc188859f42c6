"""Long work as one streaming request: the POST answers server-sent events, and the job lives as long as that connection.

A login, a closed set and a client connection thus have one lifetime: a client that goes away cancels its job, and
nothing it was asked can be answered by anybody else.
"""

import asyncio
import json
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

import structlog
from fastapi import Request
from pydantic import BaseModel, Field
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from agent.api.errors import ApiError, Code
from agent.server.problems import as_api_error, language, problem
from agent.server.prompts import Asker, CallerAsker, PrompterAsker
from tokens import platform

log = structlog.get_logger()
T = TypeVar("T")
_ALIVE_SECONDS = 10.0
_DISPLAY = ("DISPLAY", "WAYLAND_DISPLAY", "XAUTHORITY", "XDG_RUNTIME_DIR", "QT_QPA_PLATFORM", "LANG", "LC_ALL", "DBUS_SESSION_BUS_ADDRESS")


class Interaction(BaseModel):
    """Who answers the questions of a job: the caller itself, or a prompter that the agent spawns on the caller's display."""

    mode: Literal["caller", "prompter"] = "caller"
    display: dict[str, str] = Field(default_factory=dict)


class JobBody(BaseModel):
    """What every job's request may say of its manner."""

    interaction: Interaction = Interaction()
    confirm_final_try: bool = False


class PartlyDone(Exception):
    """The work stopped on `error`, and `result` tells what was done before: both reach the client."""

    def __init__(self, error: ApiError, result: dict[str, Any]) -> None:
        super().__init__(error.code)
        self.error = error
        self.result = result


@dataclass(eq=False)
class Job:
    """One piece of long work for one client."""

    id: str
    what: str
    caller: platform.Peer
    program: str
    lang: str
    interaction: Interaction
    confirm_final_try: bool
    _events: asyncio.Queue[bytes | None] = field(default_factory=asyncio.Queue)
    _stop: asyncio.Event = field(default_factory=asyncio.Event)
    _questions: dict[str, asyncio.Future[str]] = field(default_factory=dict)

    def emit(self, event: str, /, **data: Any) -> None:
        """Tell the client something; never blocks."""
        self._events.put_nowait(f"event: {event}\ndata: {json.dumps(data)}\n\n".encode())

    def cancel(self) -> None:
        """Ask the work to stop at its next resting point."""
        self._stop.set()

    async def until_cancelled(self) -> None:
        """Return when somebody asks the work to stop."""
        await self._stop.wait()

    @property
    def cancelled(self) -> bool:
        """Whether somebody asked the work to stop."""
        return self._stop.is_set()

    async def unless_cancelled(self, work: Coroutine[Any, Any, T]) -> T:
        """The result of `work`; raises `ApiError` (cancelled), and ends the work, when the job is cancelled first."""
        task, stop = asyncio.ensure_future(work), asyncio.ensure_future(self._stop.wait())
        try:
            await asyncio.wait({task, stop}, return_when=asyncio.FIRST_COMPLETED)
            if not task.done():
                raise ApiError(Code.CANCELLED)
            return task.result()
        finally:
            for each in (task, stop):
                each.cancel()
            await asyncio.gather(task, stop, return_exceptions=True)

    @asynccontextmanager
    async def asker(self) -> AsyncIterator[Asker]:
        """Somebody who can be asked, and whose process may write to a PIN socket; raises `ApiError` (no_prompter)."""
        asker: Asker
        if self.interaction.mode == "caller":
            asker = CallerAsker(self.caller.pid, self._ask_caller)
        else:
            display = {k: v for k, v in self.interaction.display.items() if k in _DISPLAY}
            who = {"program": self.program, "pid": self.caller.pid, "user": platform.user_of(self.caller.uid)}
            asker = await PrompterAsker.start(display, who, self.lang)
        try:
            yield asker
        finally:
            await asker.close()

    async def _ask_caller(self, question: dict[str, Any]) -> str:
        qid = secrets.token_hex(8)
        answer: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._questions[qid] = answer
        self.emit("question", question=qid, **question)
        try:
            return await answer
        finally:
            del self._questions[qid]

    def answer(self, question: str, answer: str) -> None:
        """Bring the client's answer to a question that still stands; raises `ApiError` (not_found)."""
        waiting = self._questions.get(question)
        if waiting is None or waiting.done():
            raise ApiError(Code.NOT_FOUND, reason="question")
        waiting.set_result(answer)


Work = Callable[[Job], Awaitable[dict[str, Any]]]
Failed = Callable[[Job, ApiError], Awaitable[None]]
"""Told of every job that ends in an error, before its client is; must not raise."""
_current: ContextVar[Job | None] = ContextVar("job", default=None)


def current_job() -> Job | None:
    """The job that the code that runs now works for; None outside of jobs."""
    return _current.get()


@dataclass(eq=False)
class Jobs:
    """The jobs under way in this agent."""

    on_failed: Failed | None = None
    running: dict[str, Job] = field(default_factory=dict)
    _done: asyncio.Event = field(default_factory=asyncio.Event)
    _stopping: bool = False

    def stream(self, request: Request, what: str, body: JobBody, work: Work) -> Response:
        """The response that runs `work` and streams its events; `done` or `failed` is the last one."""
        pid, uid = request.scope["client"]
        peer = platform.Peer(int(pid), int(uid), -1)
        job = Job(secrets.token_hex(8), what, peer, platform.program_of(peer.pid), language(request), body.interaction, body.confirm_final_try)
        return _JobResponse(self, job, work)

    def find(self, job_id: str) -> Job:
        """The job with this id; raises `ApiError` (not_found)."""
        try:
            return self.running[job_id]
        except KeyError:
            raise ApiError(Code.NOT_FOUND, reason="job") from None

    async def stop_all(self, seconds: float) -> None:
        """Cancel every job, those too that come from now on, and wait until they came to rest, at most `seconds`."""
        self._stopping = True
        for job in list(self.running.values()):
            job.cancel()
        try:
            async with asyncio.timeout(seconds):
                while self.running:
                    self._done.clear()
                    await self._done.wait()
        except TimeoutError:
            log.warning("jobs_cut_off", jobs=len(self.running))

    async def run(self, job: Job, work: Work) -> None:
        """Do the work of `job` and close its stream with what came of it."""
        self.running[job.id] = job
        _current.set(job)  # each job runs in a task of its own
        job.emit("job", job=job.id)
        if self._stopping:
            job.cancel()
        try:
            job.emit("done", result=await work(job))
        except PartlyDone as partly:
            await self._tell(job, partly.error)
            job.emit("failed", problem=problem(partly.error, job.lang), result=partly.result)
        except Exception as error:
            told = as_api_error(error)
            await self._tell(job, told)
            if told.code in (Code.INTERNAL, Code.TOKEN_FAULT, Code.MODULE_UNUSABLE, Code.MODULE_TIMEOUT):
                log.error(
                    "job_failed", job=job.id, what=job.what, code=told.code, facts=told.facts, exc_info=error if told.code is Code.INTERNAL else None
                )
            job.emit("failed", problem=problem(told, job.lang), result=None)
        finally:
            del self.running[job.id]
            self._done.set()
            job._events.put_nowait(None)

    async def _tell(self, job: Job, error: ApiError) -> None:
        if self.on_failed is not None:
            await self.on_failed(job, error)


class _JobResponse(Response):
    """An ASGI response that owns a job: it streams the events, and cancels the job when the client disconnects."""

    def __init__(self, jobs: Jobs, job: Job, work: Work) -> None:
        super().__init__(media_type="text/event-stream", headers={"cache-control": "no-store"})
        del self.headers["content-length"]
        self._jobs, self._job, self._work = jobs, job, work

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        running = asyncio.create_task(self._jobs.run(self._job, self._work))
        leaving = asyncio.create_task(self._watch(receive))
        try:
            await self._pass_on(send)
        finally:
            leaving.cancel()
            self._job.cancel()  # no effect where it ended by itself
            await asyncio.gather(running, leaving, return_exceptions=True)

    async def _watch(self, receive: Receive) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        self._job.cancel()

    async def _pass_on(self, send: Send) -> None:
        while True:
            try:
                async with asyncio.timeout(_ALIVE_SECONDS):
                    chunk = await self._job._events.get()
            except TimeoutError:
                chunk = b": alive\n\n"
            if chunk is None:
                await send({"type": "http.response.body", "body": b"", "more_body": False})
                return
            while not self._job._events.empty():  # one write for what gathered meanwhile
                more = self._job._events.get_nowait()
                if more is None:
                    await send({"type": "http.response.body", "body": chunk, "more_body": False})
                    return
                chunk += more
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
