"""The routes about this computer's own key."""

from typing import Any, Literal

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from fastapi import APIRouter, Request, Response
from pydantic import Field

from agent.api.errors import ApiError, Code
from agent.device.key import Level
from agent.device.renewals import Renewals
from agent.device.scribe import Scribe
from agent.device.service import Device
from agent.device.store import About
from agent.server.jobs import Job, JobBody, Jobs


class KeyBody(JobBody):
    """Where the key is to be made, and on which token; `replace`: as another device, where the key of the one it was is lost."""

    key: Literal["token", "keyring", "file"] | None = None
    token: str | None = Field(None, max_length=256)
    replace: bool = False


def entry(about: About) -> dict[str, Any]:
    """The DEVICE object of the wire."""
    certificate = x509.load_der_x509_certificate(about.certificate)
    return {
        "id": about.id,
        "level": about.level.value,
        "fingerprint": about.fingerprint,
        "certificate": certificate.public_bytes(Encoding.PEM).decode(),
        "valid_until": certificate.not_valid_after_utc.isoformat().replace("+00:00", "Z"),
        "token": {name: about.where[name] for name in ("label", "serial")} if about.on_token else None,
    }


def router(device: Device, scribe: Scribe, renewals: Renewals, jobs: Jobs) -> APIRouter:
    """GET /v1/device, POST /v1/device/enrol, POST /v1/device/renew."""
    api = APIRouter(prefix="/v1/device")

    @api.get("")
    async def show() -> dict[str, Any]:
        """This device and how well its key is kept; null before it is enrolled."""
        about = device.about
        return {"device": None if about is None else entry(about)}

    @api.post("/enrol")
    async def enrol(body: KeyBody, request: Request) -> Response:
        """Make this device's key where the user wants it; its first statement founds the home's ledger."""
        level = _level(body)

        async def work(job: Job) -> dict[str, Any]:
            await renewals.settle()
            if body.replace:
                about = await device.replace(job, level, body.token, renewals.told)
            else:
                about = await device.enrol(job, level, body.token)
            await scribe.org()
            return {"device": entry(about)}

        return jobs.stream(request, "device_enrol", body, work)

    @api.post("/renew")
    async def renew(body: KeyBody, request: Request) -> Response:
        """Another key for this device, perhaps kept better; the old one signs that it is so."""
        level = _level(body)

        async def work(job: Job) -> dict[str, Any]:
            await scribe.org()
            await renewals.settle()
            return {"device": entry(await device.renew(job, level, body.token, renewals.told))}

        return jobs.stream(request, "device_renew", body, work)

    return api


def _level(body: KeyBody) -> Level | None:
    if body.token is not None and body.key != "token":
        raise ApiError(Code.USAGE, reason="device_token")
    return None if body.key is None else Level(body.key)
