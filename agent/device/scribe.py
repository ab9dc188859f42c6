"""What this device says in a home's ledger: statements of its own, signed by its key.  The first one founds the ledger."""

import asyncio
import base64
import contextlib
import hashlib
import platform as machine
from collections.abc import Container, Mapping
from typing import Any

import structlog

from agent.api.errors import ApiError, Code
from agent.device.key import DeviceKey
from agent.device.service import Device
from agent.device.store import About
from agent.ledger import signed, statement
from agent.ledger.log import Entry, Ledger
from agent.ledger.statement import Place, StatementError
from agent.server.jobs import current_job

log = structlog.get_logger()
FOUNDED, ENROLLED, RENEWED = "home.founded", "device.enrolled", "device.renewed"


async def write(
    key: DeviceKey, kind: str, body: Mapping[str, Any], *, org: str | None, rules: str | None = None, actor: str | None = None
) -> tuple[bytes, bytes]:
    """A statement said now, here, by the device of `key`, and its signature: what `Ledger.enter` takes.

    Raises `ApiError` (usage, reason statement) for a body that no statement can hold.
    """
    made = statement.make(kind, body, org=org, device=key.id, actor=actor, rules=rules, place=here())

    def prepared() -> signed.Prepared:
        return signed.prepare(made.canonical(), key.certificate, key.scheme)

    try:  # beside the event loop: a set of 30,000 documents takes seconds
        ready = await asyncio.to_thread(prepared)
    except StatementError as error:
        raise ApiError(Code.USAGE, reason="statement", where=error.where or error.reason) from error
    signature = await key.sign(ready.to_sign)
    return ready.raw, await asyncio.to_thread(ready.finish, signature)


def here() -> Place:
    """This computer, by its name; a name that no statement can hold is left out."""
    name = machine.node()
    return Place(host=name if 0 < len(name) <= 255 and name.isprintable() else None)


def _named(device: Mapping[str, str]) -> dict[str, str]:
    """The device as statements introduce it, by the computer's name too."""
    return {**device, "name": here().host or device["id"]}


def _introduces(entry: Entry, certificate: str, signers: Container[str]) -> bool:
    """Whether an entry tells of a key, by a signature that counts: others may write the database, too."""
    try:
        return bool(entry.statement["body"]["device"]["certificate"] == certificate) and entry.signer() in signers
    except (signed.CheckFailed, KeyError, TypeError, ValueError):
        return False


class Scribe:
    """The pen of a home's own ledger (`agent.ledger.entry.Pen`)."""

    def __init__(self, device: Device, ledger: Ledger) -> None:
        self._device, self._ledger = device, ledger
        self._org: str | None = None
        self._good: bytes | None = None
        """The certificate of which the ledger knows that it is this device's."""
        self._turn = asyncio.Lock()
        ledger.pen = self

    async def __call__(self, kind: str, body: Mapping[str, Any]) -> tuple[bytes, bytes]:
        """Make and sign a statement.  The device is enrolled, its key opened and the ledger founded first where need be; the job is asked."""
        key = await self._device.key(current_job())
        org = await self._founded(key)
        await self._refuse_other(key)
        return await write(key, kind, body, org=org)

    async def start(self) -> bool:
        """At the agent's start: found the ledger, or find it founded; whether the key is at hand.

        Where it is not, because its owner has to do something first, whoever acts first is asked.
        """
        founding = await self._ledger.founding()
        if founding is not None:
            self._org = hashlib.sha256(founding.raw).hexdigest()
        try:
            key = await self._device.key()
            await self._founded(key)
            await self._refuse_other(key)
        except ApiError as error:
            if error.code is Code.STORE_UNREACHABLE:
                raise
            log.warning("device_key_not_at_hand", code=error.code, reason=error.facts.get("reason"))
            return False
        return True

    async def org(self) -> str:
        """SHA-256 (hex) of the founding statement; raises as the pen does where there is none yet."""
        return self._org or await self._founded(await self._device.key(current_job()))

    async def introduce(self, about: About, key: DeviceKey | None) -> None:
        """Tell the ledger of the device's next key by the present one's signature; of another device by that one's own, which is `key`.

        A ledger that is not founded yet will be by whichever key there is then.
        """
        if self._org is None:
            return
        present = self._device.about
        if present is not None and present.id == about.id:
            await self._ledger.append(RENEWED, {"device": _named(about.told())})
        else:
            if key is None:
                raise ApiError(Code.NOT_ALLOWED, reason="device_key_lost", path="")
            raw, cms = await write(key, ENROLLED, {"device": _named(about.told())}, org=self._org)
            await self._ledger.enter(raw, cms)

    async def knows(self, about: About) -> bool | None:
        """Whether the ledger was told of this key, None where it is not founded yet; raises `ApiError` (store_unreachable)."""
        if self._org is None:
            return None
        told = await self._ledger.about(about.id, RENEWED, ENROLLED)
        signers = {about.fingerprint}
        with contextlib.suppress(ApiError):  # what was known of the old key may be lost with it
            signers |= {present.fingerprint for present in (self._device.about,) if present is not None}
        return any(_introduces(entry, about.told()["certificate"], signers) for entry in told)

    async def _refuse_other(self, key: DeviceKey) -> None:
        """Raise `ApiError` where the ledger knows another key of this device: an old copy of its files came back, or somebody changed them.

        What that key signed would stand in the ledger without effect.
        """
        if self._good == key.certificate:
            return
        known: bytes | None = None
        for entry in await self._ledger.about(key.id, FOUNDED, "org.founded", ENROLLED, RENEWED):
            try:
                signer, body = entry.signer(), entry.statement["body"]["device"]
                renewed = known is not None and entry.statement["type"] == RENEWED and hashlib.sha256(known).hexdigest() == signer
                if body["id"] == key.id and (known is None or renewed):
                    known = base64.b64decode(body["certificate"])
            except (signed.CheckFailed, KeyError, TypeError, ValueError):
                continue  # evidence without effect; the full verification names it
        if known not in (None, key.certificate):
            raise ApiError(Code.NOT_ALLOWED, reason="device_key_other")
        self._good = key.certificate

    async def _founded(self, key: DeviceKey) -> str:
        if self._org is not None:
            return self._org
        async with self._turn:
            if self._org is None:
                founding = await self._ledger.founding()
                raw = founding.raw if founding is not None else await self._found(key)
                self._org = hashlib.sha256(raw).hexdigest()
        return self._org

    async def _found(self, key: DeviceKey) -> bytes:
        """The first statement: who this device is, and what stood here before statements were signed."""
        before = await self._ledger.head()
        legacy = {"legacy": {"size": before.size, "root": before.root.hex()}} if before.size else {}
        raw, cms = await write(key, FOUNDED, {"device": _named(key.told()), **legacy}, org=None)
        await self._ledger.enter(raw, cms)
        log.info("home_founded", legacy=before.size)
        return raw
