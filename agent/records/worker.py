"""A worker of a full check: ``python -m agent.records.worker FD``, where FD is one end of a socket pair (see `tokens.wire`).

It looks at entries by themselves (`checking.examine`): their form, and their signatures, which is where the time goes.  Operations:

    ready    {} → {}
    examine  {rows: [[statement, CMS or null]…]} (base64) → {seen: [[leaf, wrong, why, org, id, type, at, device, signer]…]}
"""

import socket
import sys
from typing import Any

from agent.ledger.checking import Examined, examine
from tokens import platform
from tokens.wire import Link, Message, serve, to_bytes, to_text


def answer(op: str, args: Message) -> Message:
    """Do one operation."""
    if op != "examine":
        return {}
    return {"seen": [pack(examine(to_bytes(raw), None if cms is None else to_bytes(cms))) for raw, cms in args["rows"]]}


def pack(seen: Examined) -> list[Any]:
    """For the wire."""
    return [to_text(seen.leaf), seen.wrong, seen.why, seen.org, seen.id, seen.type, seen.at, seen.device, seen.signer]


def unpack(told: list[Any]) -> Examined:
    """From the wire."""
    return Examined(to_bytes(told[0]), *told[1:])


def main(argv: list[str]) -> int:
    """Serve the socket until the agent closes it."""
    platform.harden(die_with_parent=True)
    platform.deny_network()
    serve(Link(socket.socket(fileno=int(argv[1]))), answer)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
