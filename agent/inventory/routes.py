"""Routes for modules, tokens and keys."""

import json
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import UTC, datetime
from typing import Any

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field
from starlette.responses import StreamingResponse

from agent.api.errors import ApiError, Code
from agent.api.home import Home
from agent.inventory import modules, practice
from agent.inventory.service import Inventory, entry, key_entry
from agent.server.jobs import Job, JobBody, Jobs
from agent.server.problems import as_api_error, error_entry, language
from tokens.types import KeyType, Token, TokenState


class ModuleBody(BaseModel):
    """A module to add; `sha256` is what the user saw and consented to."""

    path: str
    name: str | None = Field(None, max_length=64)
    init_args: str | None = None
    env: dict[str, str] = Field(default_factory=dict)
    sha256: str | None = None


class InitBody(JobBody):
    """A token to initialise: an emulated one, or the uninitialised one in a module's slot."""

    label: str = Field(min_length=1)
    emulated: bool = False
    practice: bool = False
    module: str | None = None
    slot_description: str | None = None
    """Which of a module's slots, where several hold blank tokens."""


class TokenBody(JobBody):
    """A job on one token."""

    token: str | None = None


class GenerateBody(TokenBody):
    """A key pair to generate on a token."""

    type: KeyType
    label: str = Field(min_length=1, max_length=200)


def router(home: Home, inventory: Inventory, jobs: Jobs, own: Callable[[], Sequence[str]]) -> APIRouter:
    """The routes; `own` gives the subjects of this home's CAs."""
    api = APIRouter(prefix="/v1")

    def token_entry(token: Token) -> dict[str, Any]:
        return entry(token, datetime.now(UTC), own())

    @api.get("/modules")
    async def list_modules() -> dict[str, Any]:
        """The modules of this home and what each says of itself."""
        return {"modules": [_module_entry(status) for status in await inventory.module_statuses()]}

    @api.post("/modules")
    async def add_module(body: ModuleBody) -> dict[str, Any]:
        """Add a module the user examined and consented to."""
        ref = modules.add(home, modules.NewModule(body.path, body.name, body.init_args, body.env, body.sha256))
        inventory.stale()
        return next(_module_entry(status) for status in await inventory.module_statuses() if status.ref.name == ref.name)

    @api.delete("/modules/{name}", status_code=204)
    async def remove_module(name: str) -> Response:
        """Forget an added module."""
        modules.remove(home, name)
        inventory.stale()
        return Response(status_code=204)

    @api.get("/tokens")
    async def list_tokens(request: Request) -> dict[str, Any]:
        """All tokens in all slots, and the modules that could not be asked; the blank slot of the emulated module is no token."""
        tokens = [token_entry(t) for t in await inventory.tokens() if _is_shown(t)]
        lang = language(request)
        troubles = [{"module": name, **error_entry(as_api_error(trouble), lang)} for name, trouble in inventory.troubles().items()]
        return {"tokens": tokens, "troubles": troubles}

    @api.get("/tokens/events")
    async def token_events() -> StreamingResponse:
        """The list of tokens, now and at every change, as server-sent events."""

        async def stream() -> AsyncIterator[bytes]:
            async for tokens in inventory.watch():
                yield f"event: tokens\ndata: {json.dumps({'tokens': [token_entry(t) for t in tokens if _is_shown(t)]})}\n\n".encode()

        return StreamingResponse(stream(), media_type="text/event-stream", headers={"cache-control": "no-store"})

    @api.get("/tokens/{selector:path}")
    async def show_token(selector: str) -> dict[str, Any]:
        """One token by label or serial."""
        for token in await inventory.tokens():
            if selector in (token.label, token.serial) and token.state is not TokenState.READY:
                return token_entry(token)
        return token_entry(await inventory.pick(selector))

    @api.post("/tokens/init")
    async def init_token(body: InitBody, request: Request) -> Response:
        """Initialise a token: SO PIN and user PIN go from the asker straight to the token's host."""

        async def work(job: Job) -> dict[str, Any]:
            if body.practice and not body.emulated:
                raise ApiError(Code.USAGE, reason="needs", option="practice", other="emulated")
            blank = await _blank(inventory, body)
            async with inventory.session(blank) as session:
                await inventory.ask_secrets(job, session, blank, "token_init", (), ("so_pin", "pin"))
                made = await session.initialise(body.label)
            if body.practice:
                practice.mark(home, made.serial)
            inventory.stale()
            return {"token": token_entry(next((t for t in await inventory.tokens() if t.serial == made.serial and t.label == made.label), made))}

        return jobs.stream(request, "token_init", body, work)

    @api.post("/keys/generate")
    async def generate(body: GenerateBody, request: Request) -> Response:
        """Generate a key pair on a token, read its attributes back and try to export it (which must be refused)."""

        async def work(job: Job) -> dict[str, Any]:
            token = await inventory.pick(body.token)
            async with inventory.unlocked(job, token, "key_generate") as session:
                job.emit("progress", stage="generate", done=0, total=1)
                made = await session.generate(body.type, body.label)
            inventory.stale()
            return {
                **key_entry(made.key),
                "token": token.label,
                "attributes": dict(made.attributes),
                "export_attempt": made.export_attempt,
                "export_attempts": dict(made.export_attempts),
            }

        return jobs.stream(request, "key_generate", body, work)

    @api.post("/keys/list")
    async def list_keys(body: TokenBody, request: Request) -> Response:
        """The keys of a token after login, private ones included."""

        async def work(job: Job) -> dict[str, Any]:
            token = await inventory.pick(body.token)
            async with inventory.unlocked(job, token, "key_list") as session:
                return {"token": token.label, "keys": [key_entry(key) for key in await session.keys()]}

        return jobs.stream(request, "key_list", body, work)

    return api


def _is_shown(token: Token) -> bool:
    return not (token.emulated and token.state is TokenState.NOT_INITIALISED)


async def _blank(inventory: Inventory, body: InitBody) -> Token:
    """The uninitialised token meant; raises `ApiError`."""
    wanted = None if body.module is None else inventory.module(body.module).name
    blank = [
        t
        for t in await inventory.tokens()
        if t.state is TokenState.NOT_INITIALISED
        and (t.emulated if body.emulated else not t.emulated and wanted in (None, t.module) and body.slot_description in (None, t.slot_description))
    ]
    if not blank:
        raise ApiError(Code.TOKEN_ABSENT, reason="no_softhsm" if body.emulated else "no_blank", token=body.module, available="")
    if len(blank) > 1 and not body.emulated:
        raise ApiError(
            Code.TOKEN_AMBIGUOUS, reason="blank", token=body.module, available=", ".join(f"{t.module}: {t.slot_description}" for t in blank)
        )
    return blank[0]


def _module_entry(status: Any) -> dict[str, Any]:
    ref = status.ref
    return {
        "name": ref.name,
        "path": ref.path,
        "origin": ref.origin,
        "usable": status.usable,
        "problem": status.problem,
        "manufacturer": status.manufacturer,
        "description": status.description,
        "library_version": status.library_version,
        "sha256": ref.sha256,
    }
