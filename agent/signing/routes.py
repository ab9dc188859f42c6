"""The route that signs."""

import secrets
from collections.abc import Sequence
from typing import Any, Literal

from fastapi import APIRouter, Request, Response
from pydantic import Field, model_validator

from agent.api.errors import ApiError, Code
from agent.api.home import Home
from agent.api.uris import to_path
from agent.authority import anchors
from agent.inventory.certificates import views
from agent.inventory.service import Inventory
from agent.records.recorder import Records
from agent.server.jobs import Job, JobBody, Jobs
from agent.server.problems import language
from agent.signing.batch import Batch
from agent.signing.crew import Crew
from agent.signing.names import outputs
from agent.signing.order import Manner, Order
from agent.signing.resume import Believing, Resumption
from agent.signing.signer import Means


class SignBody(JobBody):
    """A closed set to sign (paths are file URIs), or the name of one of which the rest is to be signed as it was ordered."""

    inputs: list[str] = Field(default_factory=list, max_length=100_000)
    resume: str | None = Field(None, min_length=1, max_length=64)
    token: str | None = None
    certificate: str | None = None
    format: Literal["pades", "cades"] | None = None
    out: str | None = None
    out_dir: str | None = None
    force: bool = False
    appearance: Literal["none", "text"] = "none"
    places: list[str] = Field(default_factory=list, max_length=1000)
    reason: str | None = Field(None, max_length=500)
    location: str | None = Field(None, max_length=500)
    repair: bool = False

    @model_validator(mode="after")
    def one_or_the_other(self) -> "SignBody":
        """New inputs with their manner, or a set that has both already."""
        if self.resume is None and not self.inputs:
            raise ValueError("no inputs")
        if self.resume is not None and self.model_fields_set - {"resume", "token", "certificate", "interaction", "confirm_final_try"}:
            raise ValueError("a set that is resumed has its inputs and its manner")
        return self


def path_of(uri: str) -> str:
    """The absolute path of a file URI; raises `ApiError` (usage)."""
    try:
        return to_path(uri)
    except ValueError as error:
        raise ApiError(Code.USAGE, reason="path") from error


def router(home: Home, inventory: Inventory, records: Records, jobs: Jobs, crew: Crew, ours: Believing | None = None) -> APIRouter:
    """The routes; `ours` tells which entries of the ledger a set may be resumed from."""
    api = APIRouter(prefix="/v1")
    resumption = Resumption(records.ledger, ours)

    @api.post("/signatures")
    async def sign(body: SignBody, request: Request) -> Response:
        """Sign a closed set of documents under one PIN, or what is left of one; streams progress and each document's outcome."""
        asked = None if body.resume else _order(body, language(request))

        async def work(job: Job) -> dict[str, Any]:
            async def chain(means: Means) -> Sequence[bytes]:
                tokens = [means.token, *await inventory.tokens()]  # the token itself first: it may have come this very moment
                return anchors.chain_of(home, means.certificate.der, [view.der for token in tokens for view in views(token) if view.ca])

            async def run(order: Order) -> dict[str, Any]:
                signing = Batch(secrets.token_hex(8), job, order, inventory, records)
                with resumption.running(signing.id):
                    return await signing.run(crew, chain)

            if asked is not None:
                return await run(asked)
            batch = await resumption.name(body.resume or "")
            with resumption.holding(batch):
                return await run(await resumption.order(batch, body.token, body.certificate))

        return jobs.stream(request, "sign", body, work)

    return api


def _order(body: SignBody, language: str) -> Order:
    """What is asked for; raises `ApiError` as `names.outputs` does."""
    out, folder = (None if uri is None else path_of(uri) for uri in (body.out, body.out_dir))
    manner = Manner(body.force, body.appearance, tuple(body.places), body.reason, body.location, body.repair, language)
    return Order(outputs([path_of(uri) for uri in body.inputs], body.format, out, folder), body.token, body.certificate, manner)
