"""The HTTP application without any capability: version check, size limits, status, stop, jobs."""

import asyncio
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import structlog
from fastapi import FastAPI, Request, Response
from pydantic import BaseModel
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from agent import __version__
from agent.api.errors import ApiError, Code
from agent.api.home import Home
from agent.server import problems
from agent.server.jobs import Jobs

log = structlog.get_logger()
MAX_BODY = 8 * 1024 * 1024
"""Bytes of a request's body: some ten thousand file names."""
_ANY_VERSION = ("/v1/status", "/v1/stop")


class Answer(BaseModel):
    """A client's answer to a question of its job."""

    question: str
    answer: str


@dataclass(eq=False)
class Activity:
    """When the agent was last of use, so that it can leave when idle."""

    open_requests: int = 0
    last: float = field(default_factory=time.monotonic)

    def idle_seconds(self) -> float:
        """Seconds since the last request ended; 0 while one is open."""
        return 0.0 if self.open_requests else time.monotonic() - self.last


class _Gate:
    """Counts requests, refuses clients of another version and bodies that are too large, and names our version in each answer."""

    def __init__(self, app: ASGIApp, activity: Activity) -> None:
        self._app, self._activity = app, activity

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        self._activity.open_requests += 1
        try:
            await self._checked(scope, receive, _naming_version(send))
        finally:
            self._activity.open_requests -= 1
            self._activity.last = time.monotonic()

    async def _checked(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = {k.decode("latin-1"): v.decode("latin-1") for k, v in scope["headers"]}
        client = headers.get("yinxin-client", __version__)
        if client != __version__ and scope["path"] not in _ANY_VERSION:
            await _refuse(ApiError(Code.AGENT_UNREACHABLE, reason="version", agent=__version__, client=client[:40]), 503, scope, receive, send)
            return
        declared = headers.get("content-length", "0")
        if declared.isdigit() and int(declared) > MAX_BODY:
            await _refuse(ApiError(Code.USAGE, reason="too_large", limit=MAX_BODY), 413, scope, receive, send)
            return
        await self._app(scope, _limited(receive), send)


def _limited(receive: Receive) -> Receive:
    seen = 0

    async def counted() -> Message:
        nonlocal seen
        message = await receive()
        seen += len(message.get("body", b""))
        if seen > MAX_BODY:
            raise ApiError(Code.USAGE, reason="too_large", limit=MAX_BODY)
        return message

    return counted


def _naming_version(send: Send) -> Send:
    async def named(message: Message) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message.get("headers", []), (b"yinxin-agent", __version__.encode())]
        await send(message)

    return named


async def _refuse(error: ApiError, status: int, scope: Scope, receive: Receive, send: Send) -> None:
    body = {**problems.problem(error, problems.language(Request(scope))), "status": status}
    await problems.AsciiJson(body, status, media_type="application/problem+json")(scope, receive, send)


def build(home: Home, home_name: str, jobs: Jobs, activity: Activity, stop: Callable[[], None]) -> FastAPI:
    """The application with the routes that belong to no capability."""
    app = FastAPI(
        title="Yinxin 印信 agent",
        version=__version__,
        docs_url=None,
        default_response_class=problems.AsciiJson,
        redoc_url=None,
        description="HTTP over a Unix socket of this user; jobs stream server-sent events.",
    )
    problems.install(app)
    app.add_middleware(_Gate, activity=activity)
    started = datetime.now(UTC)

    @app.get("/v1/status")
    async def status() -> dict[str, Any]:
        """Which agent this is and what it is doing."""
        return {
            "version": __version__,
            "pid": os.getpid(),
            "home": home_name,
            "started_at": started.isoformat(timespec="seconds").replace("+00:00", "Z"),
            "jobs": len(jobs.running),
            "idle_seconds": round(time.monotonic() - activity.last, 1),
        }

    @app.post("/v1/stop")
    async def stop_agent() -> dict[str, Any]:
        """Stop cleanly: jobs come to rest between two documents, hosts end, the socket goes."""
        asyncio.get_running_loop().call_soon(stop)
        return {}

    @app.get("/v1/jobs")
    async def list_jobs() -> dict[str, Any]:
        """The jobs under way."""
        return {"jobs": [{"job": job.id, "what": job.what, "program": job.program, "pid": job.caller.pid} for job in jobs.running.values()]}

    @app.post("/v1/jobs/{job_id}/answers", status_code=204)
    async def answer(job_id: str, body: Answer) -> Response:
        """Answer a question of a job; PINs do not come this way."""
        jobs.find(job_id).answer(body.question, body.answer)
        return Response(status_code=204)

    @app.delete("/v1/jobs/{job_id}", status_code=204)
    async def cancel(job_id: str) -> Response:
        """Cancel a job at its next resting point (between two documents)."""
        jobs.find(job_id).cancel()
        return Response(status_code=204)

    return app
