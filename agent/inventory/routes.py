"""Routes for modules, tokens as they are seen, and keys."""

import json
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field
from starlette.responses import StreamingResponse

from agent.api.home import Home
from agent.inventory import modules
from agent.inventory.entries import key_entry, key_told, module_entry, token_told
from agent.inventory.service import Inventory
from agent.records.recorder import Records
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


class TokenBody(JobBody):
    """A job on one token."""

    token: str | None = None


class GenerateBody(TokenBody):
    """A key pair to generate on a token."""

    type: KeyType
    label: str = Field(min_length=1, max_length=200)


def router(home: Home, inventory: Inventory, records: Records, jobs: Jobs, own: Callable[[], Sequence[str]]) -> APIRouter:
    """The routes; `own` gives the subjects of this home's CAs."""
    api = APIRouter(prefix="/v1")

    @api.get("/modules")
    async def list_modules() -> dict[str, Any]:
        """The modules of this home and what each says of itself."""
        return {"modules": [module_entry(status) for status in await inventory.module_statuses()]}

    @api.post("/modules")
    async def add_module(body: ModuleBody) -> dict[str, Any]:
        """Add a module the user examined and consented to."""
        ref = modules.add(home, modules.NewModule(body.path, body.name, body.init_args, body.env, body.sha256))
        inventory.stale()
        return next(module_entry(status) for status in await inventory.module_statuses() if status.ref.name == ref.name)

    @api.delete("/modules/{name}", status_code=204)
    async def remove_module(name: str) -> Response:
        """Forget an added module."""
        modules.remove(home, name)
        inventory.stale()
        return Response(status_code=204)

    def listing(tokens: Sequence[Token], lang: str) -> dict[str, Any]:
        troubles = [{"module": name, **error_entry(as_api_error(trouble), lang)} for name, trouble in inventory.troubles().items()]
        return {"tokens": [inventory.entry(token, own()) for token in tokens if _is_shown(token)], "troubles": troubles}

    @api.get("/tokens")
    async def list_tokens(request: Request) -> dict[str, Any]:
        """All tokens in all slots, and the modules that could not be asked; the blank slot of the emulated module is no token."""
        return listing(await inventory.tokens(), language(request))

    @api.get("/tokens/events")
    async def token_events(request: Request) -> StreamingResponse:
        """The same list, now and at every change of tokens, logins and troubles, as server-sent events."""
        lang = language(request)
        await inventory.tokens()  # what cannot be told at all is an error, not a stream that breaks off

        async def stream() -> AsyncIterator[bytes]:
            told = ""
            async for tokens in inventory.watch():
                now = json.dumps(listing(tokens, lang))
                if now != told:
                    told = now
                    yield f"event: tokens\ndata: {now}\n\n".encode()

        return StreamingResponse(stream(), media_type="text/event-stream", headers={"cache-control": "no-store"})

    @api.get("/tokens/{selector:path}")
    async def show_token(selector: str) -> dict[str, Any]:
        """One token by label or serial."""
        for token in await inventory.tokens():
            if selector in (token.label, token.serial) and token.state is not TokenState.READY:
                return inventory.entry(token, own())
        return inventory.entry(await inventory.pick(selector), own())

    @api.post("/keys/generate")
    async def generate(body: GenerateBody, request: Request) -> Response:
        """Generate a key pair on a token, read its attributes back and try to export it (which must be refused)."""

        async def work(job: Job) -> dict[str, Any]:
            await records.ready()
            token = await inventory.pick(body.token)
            async with inventory.unlocked(job, token, "key_generate") as session:
                job.emit("progress", stage="generate", done=0, total=1)
                made = await session.generate(body.type, body.label)
            inventory.stale()
            facts = {**key_told(made.key), "non_extractable": made.key.non_extractable, "export_attempt": made.export_attempt}
            await records.record("key.generated", {**token_told(token), "key": facts})
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
