"""A worker of a full check: ``python -m agent.records.worker FD``, where FD is one end of a socket pair (see `tokens.wire`).

It looks at entries by themselves (`checking.examine`): their form, and their signatures, which is where the time goes.  Operations:

    ready    {} → {}
    examine  {rows: [[statement, CMS or null, number, what was drawn from it or null]…]} (bytes in base64)
             → {seen: [[leaf, wrong, why, org, id, type, at, device, signer]…], misdrawn: [numbers]}
"""

import socket
import sys
from typing import Any, Final

from agent.ledger.acts import act_of
from agent.ledger.entry import Entry
from agent.ledger.examining import Examined, examine
from tokens import platform
from tokens.wire import Link, Message, serve, to_bytes, to_text

DRAWN: Final = ("at", "type", "actor", "device", "object", "run", "blind", "names")
"""Columns of `acts`, in the order in which they are compared."""

_MEMORY_MAX: Final = 1000 * 1000 * 1000
_FILES_MAX: Final = 64


def answer(op: str, args: Message) -> Message:
    """Do one operation."""
    if op != "examine":
        return {}
    seen, misdrawn = [], []
    for text, signature, seq, drawn in args["rows"]:
        raw, cms = to_bytes(text), None if signature is None else to_bytes(signature)
        seen.append(found := examine(raw, cms))
        if drawn is not None and found.wrong is None and drawn != as_drawn(seq, raw, cms, found):
            misdrawn.append(seq)
    return {"seen": [pack(each) for each in seen], "misdrawn": misdrawn}


def as_drawn(seq: int, raw: bytes, cms: bytes | None, seen: Examined) -> list[Any]:
    """What lists and searches must have of an entry, as `listing.rows_as_drawn` reads it."""
    act = act_of(Entry(seq, raw, cms))
    shown = [act[name] for name in DRAWN]
    return [seen.id or f"unsigned-{seen.leaf.hex()}", *(each.hex() if isinstance(each, bytes) else each for each in shown)]


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
    platform.limit(memory_bytes=_MEMORY_MAX, files=_FILES_MAX, fixed=True)
    serve(Link(socket.socket(fileno=int(argv[1]))), answer)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
