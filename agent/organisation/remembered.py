"""The state of an organisation as this computer found it last: kept outside the database, so that the next start need not judge all over again.

It is believed only for the very ledger it was made from: the root that the log had then must be the root of its first entries now, and the
log hashes every one of them anew while it is read.  It is this user's own file, as the pinned founding hash and the device's key are.
"""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import structlog

from agent import __version__
from agent.api.errors import ApiError
from agent.governance.refusal import Refusal
from agent.governance.state import dump, load
from agent.ledger.entry import Entry, Fold
from agent.ledger.log import Ledger
from agent.organisation.fold import Governed
from agent.records import view

log = structlog.get_logger()
_EVERY: Final = 500
"""Entries after which it is worth being written anew."""


@dataclass(frozen=True, slots=True)
class Resumed:
    """A fold that lets the first `size` entries pass and has the state they led to (`agent.ledger.entry.Fold`)."""

    size: int
    after: Governed

    def step(self, entry: Entry) -> "tuple[Fold, Refusal | None]":
        """The next one; entries up to the remembered one are only counted off."""
        if entry.seq < self.size:
            return (self.after if entry.seq + 1 == self.size else self), None
        return self.after.step(entry)


async def resumed(path: Path, org: str, ledger: Ledger) -> Fold:
    """What to judge a ledger by: from where this computer left off, or from its first entry."""
    try:
        told = json.loads(path.read_bytes())
        size, root = int(told["size"]), bytes.fromhex(told["root"])
        if (told["version"], told["org"]) != (__version__, org) or size < 1:
            return Governed()
        after = Governed(load(told["state"]))
        there = await ledger.read(lambda connection: view.root_at(connection, size) if size <= view.head_of(connection).size else b"")
    except FileNotFoundError:
        return Governed()
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError, ApiError) as error:
        log.warning("state_not_remembered", why=type(error).__name__)
        return Governed()
    return Resumed(size, after) if there == root and after.state.org == org else Governed()


async def remember(path: Path, org: str, ledger: Ledger) -> None:
    """Keep the state that the ledger leads to now; a disk that takes nothing costs time at the next start, nothing else."""
    try:
        head = await ledger.head()
        fold = ledger.fold
        if not isinstance(fold, Governed) or fold.state.size != head.size or head.size < _size(path) + _EVERY:
            return
        told = {"version": __version__, "org": org, "size": head.size, "root": head.root.hex(), "state": dump(fold.state)}
        staged = path.with_suffix(".part")
        with open(staged, "w", encoding="utf-8", opener=lambda p, f: os.open(p, f, 0o600)) as out:
            json.dump(told, out, ensure_ascii=False, separators=(",", ":"))
        staged.replace(path)
    except (OSError, ApiError) as error:
        log.warning("state_not_kept", why=type(error).__name__)


def _size(path: Path) -> int:
    """How far it goes that is kept there; 0 where nothing is."""
    try:
        with open(path, "rb") as file:
            return int(json.load(file)["size"])
    except (OSError, ValueError, KeyError, TypeError):
        return 0
