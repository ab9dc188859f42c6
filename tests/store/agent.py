"""An agent as far as its ledger goes, in a process of its own: `python -m tests.store.agent ADDRESS NAME WRITERS STATEMENTS`.

Writers append at once, each one its next statement when the last one stands; what stands is printed, a line each: name, number, sequence, root.
"""

import asyncio
import os
import sys
from pathlib import Path

from agent.ledger.log import Ledger
from agent.store import address, postgres, sqlite
from agent.store.store import Store
from tests.store.say import say


def store_at(where: str) -> Store:
    """The store of a URL or a path."""
    return postgres.Store(address.parse(where)) if "://" in where else sqlite.Store(Path(where))


async def main(where: str, name: str, writers: int, statements: int) -> None:
    """Append them all."""
    ledger = Ledger(store_at(where))

    async def write(writer: int) -> None:
        for n in range(writer, statements, writers):
            receipt = await ledger.enter(*say(device=name, n=n))
            os.write(1, f"{name} {n} {receipt.seq} {receipt.root.hex()}\n".encode())

    await asyncio.gather(*map(write, range(writers)))
    await ledger.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])))
