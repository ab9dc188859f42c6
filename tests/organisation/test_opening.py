"""Which ledger a start takes: never another one than this computer acted in, without a word."""

import asyncio
from pathlib import Path

import pytest

from agent.api.errors import ApiError
from agent.api.home import locate
from agent.device.service import Device
from agent.inventory.service import Inventory
from agent.ledger.checkpoint import Checkpoint
from agent.ledger.memory import Memory
from agent.organisation import opening


@pytest.mark.promise(7)
def test_settings_that_are_gone_do_not_lead_to_the_personal_ledger(tmp_path: Path) -> None:
    home = locate(str(tmp_path / "h"))
    for folder in (home.config, home.state, home.data):
        folder.mkdir(parents=True, exist_ok=True)
    memory = Memory(home.state / "ledger-seen.json")
    device = Device(home, Inventory(home), named=True)
    assert asyncio.run(opening.organisation(home, device, memory)) is None
    memory.remember("organisation", Checkpoint("ab" * 32, 3, bytes(32)))
    with pytest.raises(ApiError) as refused:
        asyncio.run(opening.organisation(home, device, memory))
    assert refused.value.facts == {"reason": "store_settings_gone", "org": "ab" * 32}
