"""POST /v1/tokens/inspect: the inspection of a token as a job."""

from collections.abc import Callable, Sequence
from typing import Any

from fastapi import APIRouter, Request, Response

from agent.api.home import Home
from agent.inventory import inspecting
from agent.inventory.entries import token_told
from agent.inventory.inspection import judge
from agent.inventory.routes import TokenBody
from agent.inventory.service import Inventory
from agent.records.recorder import Records
from agent.server.jobs import Job, Jobs
from tokens.types import PinState


def router(home: Home, inventory: Inventory, records: Records, jobs: Jobs, own: Callable[[], Sequence[str]]) -> APIRouter:
    """The route; `own` gives the subjects of this home's CAs."""
    api = APIRouter(prefix="/v1")

    @api.post("/tokens/inspect")
    async def inspect(body: TokenBody, request: Request) -> Response:
        """Presence, PIN state, attributes, real attempts to export each private key, certificates, a checked test signature; and a verdict."""

        async def work(job: Job) -> dict[str, Any]:
            await records.ready()
            token = await inventory.pick(body.token)
            if token.pin_state is PinState.LOCKED:
                inventory.stale()  # no verdict is given by what was seen before it was asked for: it may have been unblocked since
                token = await inventory.pick(body.token)
            seen = await inspecting.look(inventory, home, job, token)
            told = inspecting.result(seen, judge(seen), inventory.entry(seen.token, own()))
            tried = [{"id": key["id"], "label": key["label"], "test_signature": key["test_signature"]} for key in told["keys"]]
            judged = {name: told[name] for name in ("verdict", "may_carry_seal")} | {"reasons": [each["name"] for each in told["reasons"]]}
            await records.record("token.inspected", {**token_told(seen.token), **judged, "keys": tried})
            return told

        return jobs.stream(request, "token_inspect", body, work)

    return api
