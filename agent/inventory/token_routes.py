"""Routes that do something to a token as a whole: initialise, change and unblock its PIN, lock it, pull it out and put it in."""

from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any, TypeAlias, TypeVar

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field

from agent.api.errors import ApiError, Code
from agent.api.home import Home
from agent.inventory import picking, practice
from agent.inventory.asking import Ask
from agent.inventory.entries import token_told
from agent.inventory.routes import TokenBody
from agent.inventory.service import Inventory
from agent.records.recorder import Records
from agent.server.jobs import Job, JobBody, Jobs
from tokens.errors import ModuleTimeout, ModuleUnusable, TokenFault
from tokens.session import Session
from tokens.types import PinRules, Token, TokenState

T = TypeVar("T")

Act: TypeAlias = Callable[[Session, PinRules | None, bool], Coroutine[Any, Any, Token]]
"""What sets a new PIN: by which rules, and whether the last try may be spent."""


class InitBody(JobBody):
    """A token to initialise: an emulated one, the uninitialised one in a module's slot, or the one that `erase` names by its serial."""

    label: str = Field(min_length=1)
    emulated: bool = False
    practice: bool = False
    module: str | None = None
    slot_description: str | None = None
    """Which of a module's slots, where several hold blank tokens."""
    erase: str | None = None
    """Serial of a token whose keys are to be destroyed."""


class LockBody(BaseModel):
    """Which token to lock (all where None) and why: asked, screen_lock, suspend."""

    token: str | None = None
    reason: str = Field("asked", max_length=40)


class PlugBody(BaseModel):
    """A practice token by label or serial."""

    token: str


def router(home: Home, inventory: Inventory, records: Records, jobs: Jobs, own: Callable[[], Sequence[str]]) -> APIRouter:
    """The routes; `own` gives the subjects of this home's CAs."""
    api = APIRouter(prefix="/v1/tokens")

    async def as_it_is(token: Token) -> dict[str, Any]:
        """The token after we did something to it."""
        inventory.stale()
        seen = await inventory.settled()
        return inventory.entry(
            next((t for t in seen if t.serial == token.serial and t.label == token.label and t.module == token.module), token), own()
        )

    @api.post("/init")
    async def init_token(body: InitBody, request: Request) -> Response:
        """Initialise a token: SO PIN and user PIN go from the asker straight to the token's host."""

        async def work(job: Job) -> dict[str, Any]:
            if body.practice and not body.emulated:
                raise ApiError(Code.USAGE, reason="needs", option="practice", other="emulated")
            await records.ready()
            token = await _to_initialise(inventory, body)
            rules = practice.FIRST_PIN_RULES if body.practice else inventory.settings.rules
            if not body.emulated:
                practice.may_remember(home)
            else:
                remember = practice.begin if body.practice else practice.settle
                remember(home, [t.serial for t in await inventory.settled() if t.emulated and t.serial])
            async with inventory.session(token, job, watched=False, fresh=True) as session:
                ask = Ask("token_init", secrets=("so_pin", "pin"), rules=rules)
                try:
                    made = await inventory.with_secrets(
                        job, session, token, ask, lambda confirmed: _told_of_both(session.initialise(body.label, body.erase, rules, confirmed))
                    )
                except TokenFault as error:
                    if error.facts.get("reason") == "holds_keys":
                        raise _holds_keys(token) from error
                    raise
            await inventory.pin_changed(token)
            practice.mark_made(home, made.serial)
            if not token.emulated:  # whose folder is watched
                await inventory.anew(token.module)
            if body.practice:
                practice.mark(home, made.serial)
            erased = {"erased": True} if body.erase is not None else {}
            await records.record("token.initialised", {**token_told(made), "practice": body.practice, **erased})
            return {"token": await as_it_is(made)}

        return jobs.stream(request, "token_init", body, work)

    async def with_new_pin(job: Job, selector: str | None, purpose: str, by: str, act: Act) -> dict[str, Any]:
        """Have a new user PIN set by the secret `by`."""
        await records.ready()
        token = await inventory.pick(selector)
        rules = inventory.rules_for(token)
        async with inventory.session(token, job, fresh=True) as session:
            ask = Ask(purpose, secrets=(by, "new_pin"), rules=rules)
            await inventory.with_secrets(job, session, token, ask, lambda confirmed: _told_of_both(act(session, rules, confirmed)))
        await inventory.pin_changed(token)
        await records.record("pin.changed", {**token_told(token), "by": by})
        return {"token": await as_it_is(token)}

    @api.post("/pin/change")
    async def change_pin(body: TokenBody, request: Request) -> Response:
        """Change the user PIN by the old one; also the first change that an issuer demands."""

        async def work(job: Job) -> dict[str, Any]:
            return await with_new_pin(job, body.token, "pin_change", "pin", Session.change_pin)

        return jobs.stream(request, "pin_change", body, work)

    @api.post("/pin/unblock")
    async def unblock_pin(body: TokenBody, request: Request) -> Response:
        """Give the token a new user PIN by the SO PIN; also where the user PIN is locked."""

        async def work(job: Job) -> dict[str, Any]:
            return await with_new_pin(job, body.token, "pin_unblock", "so_pin", Session.unblock)

        return jobs.stream(request, "pin_unblock", body, work)

    @api.post("/lock")
    async def lock(body: LockBody) -> dict[str, Any]:
        """End the logins of a token or of all: held ones, and those of running jobs, which are told so."""
        ended = await inventory.lock(body.token, body.reason)
        if not ended and body.token is not None:
            await inventory.pick(body.token)  # a name that means nothing is an error, a token that nobody uses is not
        return {"locked": list(dict.fromkeys(token.label for token in ended))}

    @api.post("/pull")
    async def pull(body: PlugBody) -> dict[str, Any]:
        """Pull an emulated token out, as one pulls a real one: its sessions end, its jobs are told that it was removed."""
        token = _emulated(picking.named(await inventory.settled(), body.token, TokenState.READY))
        await inventory.removed(token)
        practice.pull(home, token)
        return {"token": await as_it_is(next(away for away in practice.pulled(home) if away.serial == token.serial))}

    @api.post("/insert")
    async def insert(body: PlugBody) -> dict[str, Any]:
        """Put an emulated token back in."""
        token = _emulated(picking.named(await inventory.settled(), body.token, TokenState.REMOVED))
        practice.insert(home, token)
        return {"token": await as_it_is(token)}

    return api


def _emulated(token: Token) -> Token:
    if not token.emulated:
        raise ApiError(Code.NOT_ALLOWED, reason="not_practice", token=token.label)
    return token


def _holds_keys(token: Token) -> ApiError:
    return ApiError(Code.NOT_ALLOWED, reason="holds_keys", token=token.label, label=token.label, serial=token.serial)


async def _to_initialise(inventory: Inventory, body: InitBody) -> Token:
    """The token meant: the blank one, or the one named to be erased; raises `ApiError`."""
    wanted = None if body.module is None else inventory.module(body.module).name
    there = [
        t
        for t in await inventory.settled()
        if (t.emulated if body.emulated else not t.emulated and wanted in (None, t.module) and body.slot_description in (None, t.slot_description))
    ]
    if body.erase is not None:
        return picking.named(there, body.erase, TokenState.READY, by_serial=True)
    blank = [t for t in there if t.state is TokenState.NOT_INITIALISED]
    if not blank:
        full = [t for t in there if t.state is TokenState.READY]
        if full and not body.emulated:
            raise _holds_keys(full[0])
        module = "emulated" if body.emulated else wanted
        if module is not None and (trouble := inventory.troubles().get(module)):
            raise trouble  # there may be a blank one, which the module cannot show
        raise ApiError(Code.TOKEN_ABSENT, reason="no_softhsm" if body.emulated else "no_blank", token=body.module, available="")
    if len(blank) > 1 and not body.emulated:
        raise ApiError(
            Code.TOKEN_AMBIGUOUS, reason="blank", token=body.module, available=", ".join(f"{t.module}: {t.slot_description}" for t in blank)
        )
    return blank[0]


async def _told_of_both(setting: Awaitable[T]) -> T:
    """What comes of setting a PIN; where the module's end leaves open which PIN is the valid one, the error says that (fact pin_unsure)."""
    try:
        return await setting
    except (ModuleTimeout, ModuleUnusable) as error:
        if error.facts.get("try_spent"):
            raise type(error)(**{**error.facts, "pin_unsure": True}) from error
        raise
