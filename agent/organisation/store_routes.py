"""The routes by which an organisation's ledger is moved to a shared database, and told where it is."""

import asyncio
from collections.abc import Callable
from typing import Any

from fastapi import APIRouter, Request, Response
from pydantic import Field, SecretStr

from agent.api.errors import ApiError, Code
from agent.api.home import Home
from agent.ledger.entry import Head
from agent.ledger.log import Ledger
from agent.ledger.moving import move
from agent.organisation import stores
from agent.organisation.stores import Where
from agent.server.jobs import Job, JobBody, Jobs
from agent.store import address, postgres
from agent.store.store import Store


class StoreBody(JobBody):
    """The database to move to; `password` goes to the keyring and nowhere else."""

    url: str = Field(min_length=1, max_length=2000)
    password: SecretStr | None = Field(None, max_length=1000)


def router(home: Home, ledger: Ledger | None, jobs: Jobs, stop: Callable[[], None]) -> APIRouter:
    """The routes; `ledger` is the organisation's, `stop` ends the agent, which then starts anew with the other store."""
    api = APIRouter(prefix="/v1")

    @api.get("/store")
    async def show() -> dict[str, Any]:
        """Where the ledgers of this home are."""
        where = stores.chosen(home)
        told: dict[str, Any] = {"personal": str(home.data / "ledger.db"), "organisation": None}
        if where is not None:
            shared = "://" in where.url
            told["organisation"] = {
                "org": where.org,
                "kind": "postgresql" if shared else "sqlite",
                "url": where.url,
                "password": "keyring" if where.keyring else None,
                "size": None,
                "rights": None,
            }
            if ledger is not None:
                told["organisation"]["size"] = (await ledger.head()).size
                if isinstance(ledger.store, postgres.Store):
                    told["organisation"]["rights"] = await asyncio.to_thread(ledger.store.rights)
        return told

    @api.post("/store")
    async def move_to(body: StoreBody, request: Request) -> Response:
        """Move the organisation's ledger into a database, or go on in the one that already holds it."""

        async def work(job: Job) -> dict[str, Any]:
            where = stores.chosen(home)
            if where is None or ledger is None:
                raise ApiError(Code.NOT_ALLOWED, reason="store_personal")
            at = address.parse(body.url)
            others = [other for other in jobs.running.values() if other is not job]
            if others:
                raise ApiError(Code.NOT_ALLOWED, reason="store_busy")
            head = await _moved(job, home, ledger, where, at, body.password.get_secret_value() if body.password else None)
            stop()
            return {"org": where.org, "url": at.text, "size": head.size, "root": head.root.hex(), "restart": True}

        return jobs.stream(request, "store_set", body, work)

    return api


async def _moved(job: Job, home: Home, ledger: Ledger, where: Where, at: address.Address, password: str | None) -> Head:
    loop = asyncio.get_running_loop()

    def progress(done: int, whole: int) -> None:
        loop.call_soon_threadsafe(lambda: job.emit("progress", stage="move", done=done, total=whole))

    def moving(source: Store) -> Head:
        target = postgres.Store(at, password)
        try:
            head = move(source, target, progress)
        finally:
            target.close()
        if password is not None:
            stores.keep_password(at, password)
        stores.choose(home, Where(where.org, at.text, password is not None))
        return head

    return await ledger.move(moving)
