"""Routes for the own CA and for certificates on tokens."""

from collections.abc import Callable
from typing import Any

from fastapi import APIRouter, Request, Response
from pydantic import Field

from agent.api.errors import ApiError, Code
from agent.api.home import Home
from agent.authority import service
from agent.authority.trust_routes import router as trust_router
from agent.authority.x509 import Profile
from agent.inventory.routes import TokenBody
from agent.inventory.service import Inventory
from agent.records.recorder import Records
from agent.server.jobs import JobBody, Jobs
from tokens.types import KeyType


class CaBody(TokenBody):
    """A CA to create on a token."""

    subject: str
    type: KeyType = KeyType.P256


class RequestBody(TokenBody):
    """A certificate request to sign with a token's key."""

    key: str
    subject: str


class IssueBody(JobBody):
    """A request (PEM) to answer with a certificate, by the CA on token `ca`."""

    csr: str = Field(max_length=65536)
    ca: str | None = None
    profile: Profile
    days: int | None = Field(None, ge=1, le=3653)


class ImportBody(TokenBody):
    """A certificate (PEM) to write to a token."""

    key: str | None = None
    certificate: str = Field(max_length=65536)


def router(home: Home, inventory: Inventory, records: Records, jobs: Jobs, own: Callable[[], list[str]]) -> APIRouter:
    """The routes; `own` gives the subjects of this home's CAs."""
    api = APIRouter(prefix="/v1")
    api.include_router(trust_router(home, records))

    @api.post("/authorities")
    async def create(body: CaBody, request: Request) -> Response:
        """Create a CA on a token: key, self-signed certificate, trust in this home."""
        name = service.name_of(body.subject)
        return jobs.stream(request, "ca_create", body, lambda job: service.create_ca(job, home, inventory, records, body.token, name, body.type))

    @api.post("/certificates/request")
    async def request_one(body: RequestBody, request: Request) -> Response:
        """Sign a certificate request with a token's key."""
        name = service.name_of(body.subject)
        return jobs.stream(
            request, "cert_request", body, lambda job: service.request_certificate(job, inventory, records, body.token, body.key, name)
        )

    @api.post("/certificates/issue")
    async def issue_one(body: IssueBody, request: Request) -> Response:
        """Issue a certificate by the CA on a token; marked internal."""
        csr = service.read_request(body.csr)
        return jobs.stream(
            request, "cert_issue", body, lambda job: service.issue_certificate(job, inventory, records, csr, body.ca, body.profile, body.days)
        )

    @api.post("/certificates/import")
    async def import_one(body: ImportBody, request: Request) -> Response:
        """Write a certificate to the token that has its key."""
        certificate = service.read_certificate(body.certificate)
        return jobs.stream(
            request, "cert_import", body, lambda job: service.import_certificate(job, inventory, records, body.token, body.key, certificate)
        )

    @api.get("/certificates")
    async def list_all(token: str | None = None) -> dict[str, Any]:
        """The certificates on all tokens, or on one."""
        return {"certificates": await service.all_certificates(inventory, token, own)}

    @api.get("/certificates/{selector:path}")
    async def show(selector: str) -> dict[str, Any]:
        """One certificate by fingerprint (prefix), CN or label."""
        every = await service.all_certificates(inventory, None, own)
        word = selector.lower()
        named = [c for c in every if selector in (c["common_name"], c["label"]) or (len(word) >= 4 and c["fingerprint"].startswith(word))]
        fitting = list({c["fingerprint"]: c for c in named}.values())
        if len(fitting) == 1:
            return fitting[0]
        listed = "; ".join(f"{c['common_name']} ({c['fingerprint'][:12]})" for c in fitting or every)
        raise ApiError(Code.CERTIFICATE_AMBIGUOUS if fitting else Code.CERTIFICATE_NOT_FOUND, certificate=selector, token="", available=listed)

    return api
