"""The routes that show what was signed: the signed version beside the present one, and a copy of it alone."""

import asyncio
import contextlib
import os
import secrets
import stat
from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, Field

from agent.api.errors import ApiError, Code
from agent.api.uris import to_path, to_uri
from agent.verification.publish import publish
from agent.verification.service import SECONDS_PER_FILE, Checkers
from tokens.wire import ChannelClosed, WireError

_CHUNK = 1024 * 1024


class RevisionBody(BaseModel):
    """Which signed revision of which file, by the number the verdict gives; `page` (1 is the first) wants pictures, without it all pages are told."""

    file: str
    revision: int = Field(ge=1, le=1_000_000)
    page: int | None = Field(None, ge=1, le=1_000_000)
    pixels: int = Field(1200, ge=64, le=2400)


class ExtractBody(BaseModel):
    """Where to write a copy of the signed revision; an existing file is not replaced unless `force`."""

    file: str
    revision: int = Field(ge=1, le=1_000_000)
    out: str
    force: bool = False


def router(workers: Checkers) -> APIRouter:
    """The routes; parsing and drawing happen in `workers`."""
    api = APIRouter(prefix="/v1/verifications/revisions")

    async def ask(file: str, revision: int, page: int | None, pixels: int) -> dict[str, Any]:
        name = os.path.basename(file)
        if not await asyncio.to_thread(_regular, file):
            raise ApiError(Code.INPUT_UNUSABLE, reason="not_a_file", name=name)
        request = {"file": file, "revision": revision, "page": page, "pixels": pixels}
        try:
            reply = await workers.ask("revision", request, SECONDS_PER_FILE)
        except (TimeoutError, WireError, ChannelClosed, OSError) as exc:
            raise ApiError(Code.INPUT_UNUSABLE, reason="not_drawn", name=name, detail=type(exc).__name__) from exc
        error = reply.get("error")
        if error is not None:
            code = error["code"] if error["code"] in (Code.NOT_FOUND, Code.INPUT_UNUSABLE) else Code.INPUT_UNUSABLE
            raise ApiError(Code(code), **{"reason": "not_drawn", **error["facts"], "name": name})
        result: dict[str, Any] = reply["result"]
        return {"file": to_uri(file), "revision": revision, **result}

    @api.post("")
    async def show(body: RevisionBody) -> dict[str, Any]:
        """The pages that differ, or one page with both pictures."""
        return await ask(_path(body.file), body.revision, body.page, body.pixels)

    @api.post("/extract")
    async def extract(body: ExtractBody) -> dict[str, Any]:
        """Write the signed revision alone, byte for byte."""
        file, out = _path(body.file), _path(body.out)
        shown = await ask(file, body.revision, 1, 64)
        await asyncio.to_thread(copy_beginning, file, shown["bytes"], out, body.force)
        return {"file": to_uri(file), "revision": body.revision, "output": to_uri(out), "bytes": shown["bytes"]}

    return api


def _path(uri: str) -> str:
    try:
        return to_path(uri)
    except ValueError as exc:
        raise ApiError(Code.USAGE, reason="path") from exc


def _regular(path: str) -> bool:
    try:
        return stat.S_ISREG(os.stat(path).st_mode)
    except FileNotFoundError as exc:
        raise ApiError(Code.INPUT_UNUSABLE, reason="not_found", name=os.path.basename(path)) from exc
    except OSError as exc:
        raise ApiError(Code.INPUT_UNUSABLE, reason="unreadable", name=os.path.basename(path)) from exc


def copy_beginning(file: str, length: int, out: str, force: bool = False) -> None:
    """The first `length` bytes of `file` as the file `out`, whole or not at all; raises `ApiError`."""
    name = os.path.basename(out)
    hidden = os.path.join(os.path.dirname(out) or ".", f".{name[:100]}.{secrets.token_hex(6)}.part")
    try:
        if force and os.path.exists(out) and os.path.samefile(file, out):  # what it is taken from stays
            raise FileExistsError
        with open(file, "rb") as source, open(hidden, "xb") as target:
            left = length
            while left and (chunk := source.read(min(_CHUNK, left))):
                target.write(chunk)
                left -= len(chunk)
            if left:
                raise ApiError(Code.INPUT_CHANGED, reason="since", name=os.path.basename(file))
        publish(hidden, out, force)
    except FileExistsError as exc:
        raise ApiError(Code.OUTPUT_EXISTS, name=name) from exc
    except OSError as exc:
        raise ApiError(Code.OUTPUT_UNWRITABLE, name=name, detail=exc.strerror) from exc
    finally:
        with contextlib.suppress(OSError):
            os.unlink(hidden)
