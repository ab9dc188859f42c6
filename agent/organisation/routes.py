"""The routes of the organisation itself: founding and joining, what several must sign, the rules and their written half."""

import hashlib
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from fastapi import APIRouter, Request, Response

from agent.api.errors import ApiError, Code
from agent.api.home import Home
from agent.device.service import Device
from agent.governance import cosigning, lives
from agent.governance.deciding import moment
from agent.governance.state import State
from agent.inventory.service import Inventory
from agent.organisation import founding, view
from agent.organisation.acting import Acting, certificate_of, wanted
from agent.organisation.bodies import AcceptBody, ActBody, CertificateBody, FoundBody, JoinBody, PolicyBody, ProfileBody, WaitingBody
from agent.server.jobs import Job, Jobs


def router(home: Home, inventory: Inventory, device: Device, acting: Acting, jobs: Jobs, stop: Callable[[], None]) -> APIRouter:
    """The routes; `stop` ends the agent, which then starts anew in the other ledger."""
    api = APIRouter(prefix="/v1")

    def mine() -> str | None:
        about = device.about
        return None if about is None else about.id

    @api.get("/organisation")
    async def show() -> dict[str, Any]:
        """The organisation that this home acts in."""
        return view.organisation(await acting.state(), mine())

    @api.post("/organisation/found")
    async def found(body: FoundBody, request: Request) -> Response:
        """Found an organisation, by the token of its founder or of the first of several."""
        others = [founding.Other(each.name, each.token, each.certificate) for each in body.founders]
        wish = founding.Wish(body.name, body.person, body.profile, body.quorum, others, body.spare)

        async def work(job: Job) -> dict[str, Any]:
            done = await founding.found(job, home, inventory, device, body.token, body.certificate, wish)
            stop()
            return done

        return jobs.stream(request, "org_found", body, work)

    @api.post("/organisation/join")
    async def join(body: JoinBody, request: Request) -> Response:
        """Have this computer act in an organisation that was founded elsewhere."""

        async def work(job: Job) -> dict[str, Any]:
            done = await founding.join(job, home, device, body.org, body.store, body.password.get_secret_value() if body.password else None)
            stop()
            return done

        return jobs.stream(request, "org_join", body, work)

    @api.post("/organisation/recover")
    async def recover(body: CertificateBody, request: Request) -> Response:
        """Replace the lost key of a founder; takes effect when as many founders as the quorum have signed."""

        async def work(job: Job) -> dict[str, Any]:
            bound = await certificate_of(inventory, body.holder, body.certificate)
            who = view.find_person(await acting.state(), body.person)
            command = wanted("org.recovered", person=who, certificate=bound, reason=body.reason or "–")
            return {**await acting.act(job, body.token, lambda state, actor: [command]), "recovered": who}

        return jobs.stream(request, "org_recover", body, work)

    @api.post("/organisation/second")
    async def second(body: WaitingBody, request: Request) -> Response:
        """Sign what waits for others: the founding, or an act by its id."""

        async def work(job: Job) -> dict[str, Any]:
            state = await acting.state()
            if state.status == "founding":
                return await acting.act(job, body.token, lambda state, actor: [wanted("org.founder_joined", founding=state.org)])
            act = _waiting(state, body.act)
            done = await acting.act(job, body.token, lambda state, actor: [wanted("act.seconded", act=act)])
            return {**done, "act": act, "act_state": (await acting.state()).acts[act].state}

        return jobs.stream(request, "org_second", body, work)

    @api.post("/organisation/withdraw")
    async def withdraw(body: WaitingBody, request: Request) -> Response:
        """Take back what waits for others."""

        async def work(job: Job) -> dict[str, Any]:
            act = _waiting(await acting.state(), body.act)
            return await acting.act(job, body.token, lambda state, actor: [wanted("act.withdrawn", act=act, reason=body.reason)])

        return jobs.stream(request, "org_withdraw", body, work)

    @api.post("/organisation/clock")
    async def clock(body: ActBody, request: Request) -> Response:
        """Set the ledger's clock back to the present, after somebody acted with one that was far ahead; a founder's act."""

        async def work(job: Job) -> dict[str, Any]:
            after = (await acting.state()).clock
            return await acting.act(job, body.token, lambda state, actor: [wanted("clock.corrected", after=after, reason=body.reason or "–")])

        return jobs.stream(request, "org_clock", body, work)

    @api.get("/rules")
    async def rules() -> dict[str, Any]:
        """The profile in force."""
        return view.rules(await acting.state())

    @api.get("/rules/check")
    async def check() -> dict[str, Any]:
        """What keeps the rules from working: vacant duties, missing certificates."""
        return {"findings": view.check(await acting.state())}

    @api.get("/rules/diff")
    async def diff(to: str, since: str | None = None) -> dict[str, Any]:
        """What another profile changes."""
        return view.difference(since if since is not None else (await acting.state()).profile, to)

    @api.get("/profiles")
    async def profiles() -> dict[str, Any]:
        """The profiles that ship."""
        return {"profiles": view.profiles()}

    @api.post("/profile")
    async def profile(body: ProfileBody, request: Request) -> Response:
        """Change the rule profile; to loosen it another person must sign as well."""

        async def work(job: Job) -> dict[str, Any]:
            view.difference(body.profile, body.profile)  # there is such a profile
            command = wanted("profile.changed", profile=body.profile, reason=body.reason)
            return await acting.act(job, body.token, lambda state, actor: [command])

        return jobs.stream(request, "policy_profile", body, work)

    @api.get("/policies")
    async def policies() -> dict[str, Any]:
        """The versions of the written rules."""
        state = await acting.state()
        here = [p.id for p in state.people.values() if p.state != "left"]
        return {
            "policies": [
                {
                    "version": p.version, "title": p.title, "sha256": p.digest, "effective": p.effective, "state": p.state, "statement": p.statement,
                    "accepted": sum(1 for who in here if state.people[who].accepted == p.version), "people": len(here),
                }
                for p in sorted(state.policies.values(), key=lambda p: (p.effective, p.version))
            ]
        }  # fmt: skip

    @api.post("/policies")
    async def publish(body: PolicyBody, request: Request) -> Response:
        """Publish a version of the written rules; its text stands in the ledger."""

        async def work(job: Job) -> dict[str, Any]:
            text = body.text.replace("\r\n", "\n")
            command = wanted(
                "policy.published", version=body.version, title=body.title, text=text, digest=hashlib.sha256(text.encode()).hexdigest(),
                effective=moment(body.effective or datetime.now(UTC)), owner=body.owner,
            )  # fmt: skip
            return {**await acting.act(job, body.token, lambda state, actor: [command]), "version": body.version}

        return jobs.stream(request, "policy_publish", body, work)

    @api.post("/policies/accept")
    async def accept(body: AcceptBody, request: Request) -> Response:
        """Accept a version of the written rules."""

        async def work(job: Job) -> dict[str, Any]:
            state = await acting.state()
            version = body.version or state.policy or ""
            known = state.policies.get(version)
            if known is None:
                raise ApiError(Code.NOT_FOUND, reason="policy", wanted=version, present=", ".join(sorted(state.policies)))
            command = wanted("policy.accepted", version=version, digest=known.digest)
            return {**await acting.act(job, body.token, lambda state, actor: [command]), "version": version}

        return jobs.stream(request, "policy_accept", body, work)

    @api.get("/states")
    async def states() -> dict[str, Any]:
        """Every state machine, as a table."""
        return {"machines": lives.states()}

    @api.get("/schema")
    async def schema() -> dict[str, Any]:
        """JSON Schema of statements."""
        return lives.schema()

    return api


def _waiting(state: State, selector: str | None) -> str:
    """The id of an act that waits; raises `ApiError` (not_found, reason act)."""
    waiting = cosigning.pending(state, moment(datetime.now(UTC)))
    fitting = [each for each in waiting if selector is None or each.id.startswith(selector)]
    if len(fitting) == 1:
        return fitting[0].id
    if selector in state.acts:
        return str(selector)
    raise ApiError(Code.NOT_FOUND, reason="act", wanted=selector, present=", ".join(each.id for each in fitting or waiting))
