"""What a computer remembers of an organisation's state: the same as judging all over again, and believed for that very ledger alone."""

import asyncio
import hashlib
import json
from pathlib import Path

import pytest

from agent.device.certificate import device_id, self_signed
from agent.device.key import DeviceKey, Level, in_memory
from agent.governance.state import dump
from agent.ledger import signed, statement
from agent.ledger.log import Ledger
from agent.organisation.fold import Governed
from agent.organisation.remembered import Resumed, remember, resumed
from agent.store.sqlite import Store
from tests.governance.cast import key_of


def device() -> DeviceKey:
    private = key_of("a workstation")
    name = device_id(private.public_key())
    return in_memory(name, Level.FILE, self_signed(name, private), private)


async def said(key: DeviceKey, kind: str, org: str | None, **body: object) -> tuple[bytes, bytes]:
    raw = statement.make(kind, body, org=org, device=key.id).canonical()
    return raw, await signed.sign_with(key, raw)


async def grown(path: Path, count: int) -> str:
    """A ledger of so many entries, some of them without effect; its founding hash."""
    key, ledger = device(), Ledger(Store(path))
    raw, cms = await said(key, "home.founded", None, device={**key.told(), "name": "办公室"})
    await ledger.enter(raw, cms)
    org = hashlib.sha256(raw).hexdigest()
    some = [await said(key, "signature.started" if n % 3 else "device.authorised", org, batch=str(n)) for n in range(1, 9)]
    copies = []
    for n in range(count - 1):
        raw, cms = some[n % len(some)]
        told = json.loads(raw) | {"id": statement.uuid7(statement.parse(raw).moment)}
        copies.append((statement.Statement(**{**told, "place": statement.Place(**told["place"])}).canonical(), cms))
    await ledger.enter_all(copies)
    await ledger.close()
    return org


@pytest.mark.promise(7)
def test_it_is_the_same_as_judging_everything_and_believed_for_that_ledger_alone(tmp_path: Path) -> None:
    async def run() -> None:
        ledger_file, kept = tmp_path / "org.db", tmp_path / "state.json"
        org = await grown(ledger_file, 520)
        ledger = Ledger(Store(ledger_file))
        assert isinstance(await resumed(kept, org, ledger), Governed)
        await ledger.judge_by(Governed())
        whole = ledger.fold
        assert isinstance(whole, Governed)
        await remember(kept, org, ledger)
        assert kept.stat().st_mode & 0o077 == 0

        again = await resumed(kept, org, ledger)
        assert isinstance(again, Resumed)
        await ledger.judge_by(again)
        key = device()
        await ledger.enter(*await said(key, "signature.started", org, batch="after"))
        assert isinstance(ledger.fold, Governed)
        resumed_state = dump(ledger.fold.state)
        await ledger.judge_by(Governed())
        assert isinstance(ledger.fold, Governed)
        assert dump(ledger.fold.state) == resumed_state
        assert whole.state.without_effect == resumed_state["without_effect"] > 0

        told = json.loads(kept.read_text())
        for wrong in ({"root": "00" * 32}, {"size": 10_000}, {"size": 300}, {"org": "0" * 64}, {"version": "0"}, {"state": {}}, {"size": "x"}):
            kept.write_text(json.dumps({**told, **wrong}))
            assert isinstance(await resumed(kept, org, ledger), Governed), wrong
        kept.write_text("{")
        assert isinstance(await resumed(kept, org, ledger), Governed)
        await ledger.close()

    asyncio.run(run())
