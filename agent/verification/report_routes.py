"""The route that writes reports: command line and window have the very same."""

import asyncio
import contextlib
import os
import secrets
from typing import Any, Literal

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field

from agent.api.errors import ApiError, Code
from agent.api.uris import to_path, to_uri
from agent.server.problems import language
from agent.verification.publish import publish
from agent.verification.runs import Runs
from agent.verification.service import Checker
from tokens.wire import ChannelClosed, WireError

_SECONDS = 80.0
"""For one report, to be done before a client gives up; ten thousand documents take some twenty."""


class ReportBody(BaseModel):
    """A report over a run (`run` of the result of a verification), written to `out`, a file URI; never over an existing file unless `force`."""

    run: str = Field(max_length=40)
    format: Literal["pdf", "html", "json", "csv"]
    out: str
    lang: Literal["zh", "en"] | None = None
    """Without it, the language of the request."""
    exceptions: bool = False
    """Only what has not passed."""
    force: bool = False


def router(runs: Runs) -> APIRouter:
    """The route; reports are drawn in a process of its own, which ends with the report."""
    api = APIRouter(prefix="/v1/verifications")

    @api.post("/report")
    async def report(body: ReportBody, request: Request) -> dict[str, Any]:
        """Write a report; {output, bytes, pages}: pages is 0 for what has none."""
        try:
            out = to_path(body.out)
        except ValueError as exc:
            raise ApiError(Code.USAGE, reason="path") from exc
        name, folder = os.path.basename(out), os.path.dirname(out)
        try:
            await asyncio.to_thread(runs.find, body.run)
        except KeyError:
            raise ApiError(Code.NOT_FOUND, reason="run", run=body.run) from None
        if not body.force and await asyncio.to_thread(os.path.lexists, out):
            raise ApiError(Code.OUTPUT_EXISTS, reason="report", name=name)
        staged = os.path.join(folder, f".{name[:60]}.{secrets.token_hex(6)}.part")
        args = {"runs": runs.path, "run": body.run, "format": body.format, "lang": body.lang or language(request), "out": staged}
        try:
            made = await _make({**args, "exceptions": body.exceptions}, name)
            await asyncio.to_thread(_publish, staged, out, body.force)
        finally:
            with contextlib.suppress(OSError):
                os.unlink(staged)
        return {"output": to_uri(out), **made}

    return api


async def _make(args: dict[str, Any], name: str) -> dict[str, Any]:
    try:
        writer = await Checker.start("agent.verification.report_program")
        try:
            reply = await writer.call("report", args, _SECONDS)
        finally:
            await writer.close()
    except (TimeoutError, WireError, ChannelClosed, OSError) as exc:
        raise ApiError(Code.OUTPUT_UNWRITABLE, reason="report", name=name, detail=type(exc).__name__) from exc
    error = reply.get("error")
    if error is not None:
        raise ApiError(Code(error["code"]), **{**error["facts"], "name": name})
    made: dict[str, Any] = reply["result"]
    return made


def _publish(staged: str, out: str, force: bool) -> None:
    """Give a whole file its name, readable for others; raises `ApiError`."""
    with contextlib.suppress(OSError):
        os.chmod(staged, 0o644)
    publish(staged, out, force, reason="report")
