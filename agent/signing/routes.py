"""The route that signs."""

import secrets
from typing import Any, Literal

from fastapi import APIRouter, Request, Response
from pydantic import Field

from agent.api.errors import ApiError, Code
from agent.api.home import Home
from agent.api.uris import to_path
from agent.authority import anchors
from agent.inventory.certificates import views
from agent.inventory.service import Inventory
from agent.ledger.log import Ledger
from agent.server.jobs import Job, JobBody, Jobs
from agent.signing.batch import Batch, Order
from agent.signing.crew import Crew
from agent.signing.names import outputs


class SignBody(JobBody):
    """A closed set to sign; paths are file URIs."""

    inputs: list[str] = Field(min_length=1, max_length=100_000)
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


def path_of(uri: str) -> str:
    """The absolute path of a file URI; raises `ApiError` (usage)."""
    try:
        return to_path(uri)
    except ValueError as error:
        raise ApiError(Code.USAGE, reason="path") from error


def router(home: Home, inventory: Inventory, ledger: Ledger, jobs: Jobs, crew: Crew) -> APIRouter:
    """The routes."""
    api = APIRouter(prefix="/v1")

    @api.post("/signatures")
    async def sign(body: SignBody, request: Request) -> Response:
        """Sign a closed set of documents under one PIN; streams progress and each document's outcome."""
        order = Order(
            outputs(
                [path_of(uri) for uri in body.inputs],
                body.format,
                None if body.out is None else path_of(body.out),
                None if body.out_dir is None else path_of(body.out_dir),
            ),
            body.token,
            body.certificate,
            body.force,
            body.appearance,
            tuple(body.places),
            body.reason,
            body.location,
            body.repair,
        )

        async def work(job: Job) -> dict[str, Any]:
            others = [view.der for token in await inventory.tokens() for view in views(token) if view.ca]
            return await Batch(secrets.token_hex(8), job, order, inventory, ledger).run(crew, lambda der: anchors.chain_of(home, der, others))

        return jobs.stream(request, "sign", body, work)

    return api
