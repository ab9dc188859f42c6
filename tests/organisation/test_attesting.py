"""What a workstation says of signatures counts for its time alone, whatever has become of it since (promise 3, 7)."""

import asyncio
import base64
import hashlib
from datetime import timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from agent.device.certificate import device_id, self_signed
from agent.device.key import DeviceKey, Level, in_memory
from agent.ledger import signed, statement
from agent.ledger.entry import Entry
from agent.organisation.fold import Governed
from tests.governance.cast import NOON, cert, founding, key_of, person


def workstation(id: str | None = None) -> DeviceKey:
    private = ec.generate_private_key(ec.SECP256R1())
    name = id or device_id(private.public_key())
    return in_memory(name, Level.FILE, self_signed(name, private), private)


def named(key: DeviceKey) -> dict[str, str]:
    return {**key.told(), "name": "办公室"}


@pytest.mark.promise(3)
@pytest.mark.promise(7)
def test_not_before_it_was_authorised_nor_after_its_withdrawal_nor_by_a_key_it_gave_up() -> None:
    """Whoever has such a key, and the database, would have `verify` allow what he signed: his rows lie there past the rules."""
    office, rogue = workstation(), workstation()
    after = workstation(office.id)
    founder = in_memory("founder", Level.FILE, base64.b64decode(cert("founder 0").text), key_of("founder 0"))
    entries: list[Entry] = []
    fold = Governed()

    async def say(key: DeviceKey, kind: str, actor: str | None, on: DeviceKey, **body: Any) -> str | None:
        nonlocal fold
        org = hashlib.sha256(entries[0].raw).hexdigest() if entries else None
        at = NOON + timedelta(seconds=len(entries))
        raw = statement.make(kind, body, org=org, device=on.id, actor=actor, rules="small.1", at=at).canonical()
        entries.append(Entry(len(entries), raw, await signed.sign_with(key, raw, at)))
        fold, refused = fold.step(entries[-1])
        return None if refused is None else refused.reason

    async def work() -> dict[str, str]:
        places: dict[str, Entry] = {}

        async def sign(what: str, key: DeviceKey) -> None:
            await say(key, "signature.started", None, key, batch=what, documents=[])
            places[what] = entries[-1]

        assert await say(founder, "org.founded", person(0), office, **{**founding(), "device": named(office)}) is None
        await sign("of the first", office)
        assert await say(rogue, "device.enrolled", None, rogue, device=named(rogue)) is None
        await sign("not yet authorised", rogue)
        assert await say(founder, "device.authorised", person(0), office, device=rogue.id, name=None) is None
        await sign("authorised", rogue)
        assert await say(founder, "device.withdrawn", person(0), office, device=rogue.id, reason="x") is None
        await sign("withdrawn", rogue)
        assert await say(office, "device.renewed", None, office, device=named(after)) is None
        await sign("by the old key", office)
        await sign("by the new key", after)
        found = {what: fold.attest(entry) for what, entry in places.items()}
        return {what: "allowed" if refused is None else refused.reason for what, refused in found.items()}

    assert asyncio.run(work()) == {
        "of the first": "allowed", "not yet authorised": "device_waits", "authorised": "allowed", "withdrawn": "device_key",
        "by the old key": "device_key", "by the new key": "allowed",
    }  # fmt: skip
