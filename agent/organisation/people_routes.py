"""The routes about people, their duties and certificates, and workstations."""

import base64
import hashlib
from typing import Any

from fastapi import APIRouter, Request, Response

from agent.device.service import Device
from agent.inventory.service import Inventory
from agent.organisation import founding, view
from agent.organisation.acting import Acting, certificate_of, wanted
from agent.organisation.bodies import CertificateBody, DeviceBody, PersonBody, RegisterBody, RoleBody, UnbindBody, VerifyBody
from agent.server.jobs import Job, Jobs


def router(inventory: Inventory, device: Device, acting: Acting, jobs: Jobs) -> APIRouter:
    """The routes."""
    api = APIRouter(prefix="/v1")

    def mine() -> str | None:
        about = device.about
        return None if about is None else about.id

    @api.get("/people")
    async def people() -> dict[str, Any]:
        """Everybody registered."""
        return {"people": view.people(await acting.state())}

    @api.get("/people/{who}")
    async def one_person(who: str) -> dict[str, Any]:
        """Somebody by id or name."""
        state = await acting.state()
        return view.person(state, state.people[view.find_person(state, who)])

    @api.post("/people")
    async def register(body: RegisterBody, request: Request) -> Response:
        """Register somebody, with the certificate on a token that is plugged in or in PEM."""

        async def work(job: Job) -> dict[str, Any]:
            bound = [] if body.holder is None and body.certificate is None else [await certificate_of(inventory, body.holder, body.certificate)]
            who = founding.person_id()
            command = wanted("person.registered", person=who, name=body.name, certificates=bound)
            return {**await acting.act(job, body.token, lambda state, actor: [command]), "person": who}

        return jobs.stream(request, "person_register", body, work)

    @api.post("/people/verify")
    async def verify(body: VerifyBody, request: Request) -> Response:
        """Record that somebody's identity was checked."""
        return simple(request, "person_verify", body, "person.verified", method=body.method, number=body.number, evidence=body.evidence)

    @api.post("/people/leave")
    async def leave(body: PersonBody, request: Request) -> Response:
        """Record that somebody left: duties and certificates end."""
        return simple(request, "person_leave", body, "person.left", reason=body.reason)

    def simple(request: Request, what: str, body: PersonBody, type: str, **more: Any) -> Response:
        """An act about one person."""

        async def work(job: Job) -> dict[str, Any]:
            who = view.find_person(await acting.state(), body.person)
            return {**await acting.act(job, body.token, lambda state, actor: [wanted(type, person=who, **more)]), "person": who}

        return jobs.stream(request, what, body, work)

    @api.post("/people/bind")
    async def bind(body: CertificateBody, request: Request) -> Response:
        """Register another certificate of somebody."""

        async def work(job: Job) -> dict[str, Any]:
            bound = await certificate_of(inventory, body.holder, body.certificate)
            who = view.find_person(await acting.state(), body.person)
            done = await acting.act(job, body.token, lambda state, actor: [wanted("certificate.bound", person=who, certificate=bound)])
            return {**done, "person": who, "fingerprint": hashlib.sha256(base64.b64decode(bound["certificate"])).hexdigest()}

        return jobs.stream(request, "person_bind", body, work)

    @api.post("/people/unbind")
    async def unbind(body: UnbindBody, request: Request) -> Response:
        """Withdraw a certificate of somebody."""

        async def work(job: Job) -> dict[str, Any]:
            known = [f for f in (await acting.state()).certificates if f.startswith(body.certificate.lower())]
            fingerprint = known[0] if len(known) == 1 else body.certificate
            command = wanted("certificate.unbound", certificate=fingerprint.ljust(64, "0"), reason=body.reason)
            return {**await acting.act(job, body.token, lambda state, actor: [command]), "fingerprint": fingerprint}

        return jobs.stream(request, "person_unbind", body, work)

    @api.post("/roles/grant")
    async def grant(body: RoleBody, request: Request) -> Response:
        """Appoint somebody."""
        return simple(request, "role_grant", body, "role.granted", role=str(body.role), department=body.department, reason=body.reason)

    @api.post("/roles/revoke")
    async def revoke(body: RoleBody, request: Request) -> Response:
        """Take a duty from somebody."""
        return simple(request, "role_revoke", body, "role.revoked", role=str(body.role), department=body.department, reason=body.reason)

    @api.get("/devices")
    async def list_devices() -> dict[str, Any]:
        """The workstations of the organisation."""
        return {"devices": view.devices(await acting.state(), mine())}

    @api.post("/devices/authorise")
    async def authorise(body: DeviceBody, request: Request) -> Response:
        """Let a workstation be used."""
        return about_device(request, "device_authorise", body, "device.authorised", name=body.name)

    @api.post("/devices/withdraw")
    async def withdraw_device(body: DeviceBody, request: Request) -> Response:
        """Let a workstation be used no more."""
        return about_device(request, "device_withdraw", body, "device.withdrawn", reason=body.reason or "–")

    def about_device(request: Request, what: str, body: DeviceBody, type: str, **more: Any) -> Response:
        async def work(job: Job) -> dict[str, Any]:
            which = view.find_device(await acting.state(), body.device, mine())
            return {**await acting.act(job, body.token, lambda state, actor: [wanted(type, device=which, **more)]), "device": which}

        return jobs.stream(request, what, body, work)

    return api
