"""For `make bench` alone: the agent as it would be without a ledger.  What it signs is recorded nowhere, so it lies beyond every promise.

Statements are neither made, signed nor written, and no step of a document is noted; everything else is the agent itself.
"""

from collections.abc import Mapping
from typing import Any

from agent import main
from agent.ledger.log import Ledger, Receipt


async def _append(_self: Ledger, _kind: str, _body: Mapping[str, Any], _forget: str | None = None) -> Receipt:
    return Receipt(0, 1, bytes(32))


async def _note(_self: Ledger, _batch: str, _n: int, _step: str, _facts: bytes) -> None:
    return None


async def _swept(_self: Ledger, _batch: str) -> None:
    return None


if __name__ == "__main__":
    Ledger.append, Ledger.note, Ledger.swept = _append, _note, _swept  # type: ignore[method-assign,assignment]
    main.main()
