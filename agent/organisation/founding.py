"""Founding an organisation on this computer, and joining one from another."""

import asyncio
import hashlib
import secrets
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import structlog

from agent.api.errors import ApiError, Code
from agent.api.home import Home
from agent.device.key import DeviceKey
from agent.device.scribe import here, write
from agent.device.service import Device
from agent.governance.deciding import Command
from agent.governance.state import State
from agent.inventory.certificates import CertificateView
from agent.inventory.service import Inventory
from agent.ledger.log import Ledger
from agent.organisation import stores
from agent.organisation.acting import bound_on, bound_pem, decided, made, scheme_of, sign
from agent.organisation.fold import Governed
from agent.organisation.stores import Where
from agent.server.jobs import Job
from agent.store import address, postgres
from agent.store.store import Store
from tokens.types import Token

log = structlog.get_logger()
_BASE32 = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


@dataclass(frozen=True, slots=True)
class Other:
    """A founder beside the one who founds: by a token that is plugged in, or by a certificate in PEM."""

    name: str
    token: str | None
    certificate: str | None


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to be founded."""

    name: str
    person: str
    profile: str
    quorum: int
    others: Sequence[Other]
    spare: str | None


def person_id() -> str:
    """A new person's id."""
    return "P" + "".join(secrets.choice(_BASE32) for _ in range(8))


def introduced(key: DeviceKey) -> dict[str, str]:
    """This device as a statement introduces it."""
    return {**key.told(), "name": here().host or key.id}


async def found(
    job: Job, home: Home, inventory: Inventory, device: Device, selector: str | None, certificate: str | None, wish: Wish
) -> dict[str, Any]:
    """The founding act, signed by the founder's token, as the first statement of a ledger of its own.  Raises `ApiError`."""
    _refuse_member(home)
    token = await inventory.pick(selector)
    view = await inventory.find_certificate(token, certificate, datetime.now(UTC))
    key = await device.key(job)
    mine = [bound_on(token, view)]
    if wish.spare is not None:
        mine.append(await _on(inventory, wish.spare))
    founders: list[dict[str, Any]] = [{"person": person_id(), "name": wish.person, "certificates": mine}]
    for other in wish.others:
        bound = bound_pem(other.certificate) if other.certificate is not None else await _on(inventory, other.token)
        founders.append({"person": person_id(), "name": other.name, "certificates": [bound]})
    practice = any(each["token"] is not None and each["token"]["emulated"] for founder in founders for each in founder["certificates"])
    body = {
        "name": wish.name, "profile": wish.profile, "quorum": wish.quorum, "founders": founders, "device": introduced(key), "practice": practice,
    }  # fmt: skip
    who = str(founders[0]["person"])
    nothing, at = State(), datetime.now(UTC)
    (draft,) = decided(nothing, Command("org.founded", who, key.id, body), at)
    statement = made(draft, None, at)
    ((raw, cms),) = await sign(job, inventory, token, view, scheme_of(token, view), [statement], nothing)
    org = hashlib.sha256(raw).hexdigest()
    where = Where(org, str(stores.own_file(home, org)))
    state = await _with(where, lambda ledger: ledger.enter(raw, cms))
    stores.choose(home, where)
    log.info("organisation_founded", org=org, practice=practice, founders=len(founders), quorum=wish.quorum)
    return {
        "org": org, "person": who, "name": wish.name, "practice": practice, "profile": wish.profile, "status": state.status,
        "founders": [{"person": founder["person"], "name": founder["name"]} for founder in founders], "quorum": wish.quorum,
        "store": where.url, "warnings": _warnings(wish), "restart": True,
    }  # fmt: skip


async def join(job: Job, home: Home, device: Device, org: str, url: str, password: str | None = None) -> dict[str, Any]:
    """Have this computer act in an organisation whose ledger is at `url`: its founding hash is compared, everything in it judged, and the
    device enrolled, where it then waits for somebody to authorise it.  Raises `ApiError`."""
    _refuse_member(home)
    key = await device.key(job)

    async def enrol(ledger: Ledger) -> None:
        founding = await ledger.founding()
        found = None if founding is None else hashlib.sha256(founding.raw).hexdigest()
        if founding is None or found != org:
            raise ApiError(Code.NOT_ALLOWED, reason="other_founding", rule="S04", wanted=org, present=found or "")
        if _state(ledger).org != org or _state(ledger).kind != "organisation":
            raise ApiError(Code.NOT_ALLOWED, reason="founding_invalid", rule="S04", wanted=org)
        if key.id not in _state(ledger).devices:
            await ledger.enter(*await write(key, "device.enrolled", {"device": introduced(key)}, org=org, rules=_state(ledger).rules))

    state = await _with(Where(org, url), enrol, password)
    if "://" in url:
        at = address.parse(url)
        if password is not None:
            await asyncio.to_thread(stores.keep_password, at, password)
        url = at.text
    stores.choose(home, Where(org, url, password is not None))
    log.info("organisation_joined", org=org)
    return {
        "org": org, "name": state.name, "practice": state.practice, "device": key.id, "state": state.devices[key.id].state, "entries": state.size,
        "without_effect": state.without_effect, "restart": True,
    }  # fmt: skip


async def _with(where: Where, doing: Callable[[Ledger], Awaitable[object]], password: str | None = None) -> State:
    """The state after doing something with the ledger there, which is closed again."""

    def opened() -> Store:
        return stores.opened(where.url) if password is None else postgres.Store(address.parse(where.url), password)

    store = await asyncio.to_thread(opened)
    ledger = Ledger(store, fold=Governed())
    try:
        await ledger.read_on()
        await doing(ledger)
        return _state(ledger)
    finally:
        await ledger.close()


def _state(ledger: Ledger) -> State:
    fold = ledger.fold
    assert isinstance(fold, Governed)
    return fold.state


def _refuse_member(home: Home) -> None:
    here_already = stores.chosen(home)
    if here_already is not None:
        raise ApiError(Code.NOT_ALLOWED, reason="organisation_here", rule="S04", present=here_already.org)


async def _on(inventory: Inventory, selector: str | None) -> dict[str, Any]:
    """The signing certificate on a token that is plugged in."""
    token: Token = await inventory.pick(selector)
    view: CertificateView = await inventory.find_certificate(token, None, datetime.now(UTC))
    return bound_on(token, view)


def _warnings(wish: Wish) -> list[str]:
    """single_founder: nobody can replace the one key; all_must_sign: no lost key of a founder can be replaced."""
    count = 1 + len(wish.others)
    if count == 1:
        return [] if wish.spare is not None else ["single_founder"]
    return ["all_must_sign"] if wish.quorum == count else []
