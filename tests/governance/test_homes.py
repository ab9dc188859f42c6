"""A home's ledger begins by what its device says of itself: whatever else stands there is refused, and never an error."""

import asyncio
from typing import Any

import pytest

from agent.device.scribe import write
from agent.ledger.entry import Entry
from agent.organisation.fold import Governed
from tests.ledger.test_book import new_key


def judged(device: dict[str, Any]) -> str | None:
    key = new_key()
    raw, cms = asyncio.run(write(key, "home.founded", {"device": {**key.told(), **device}}, org=None))
    _, refused = Governed().step(Entry(0, raw, cms))
    return None if refused is None else refused.reason


@pytest.mark.promise(7)
@pytest.mark.parametrize("change", [{"level": None}, {"level": "best"}, {"level": [1]}, {"id": "Wother"}, {"id": 7}, {"certificate": "AAAA"}])
def test_a_founding_that_lacks_something_is_refused(change: dict[str, Any]) -> None:
    assert judged({}) is None
    assert judged(change) == "malformed"
