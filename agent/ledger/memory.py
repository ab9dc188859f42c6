"""What this computer remembers of each ledger, outside the database: the last checkpoint and some before it.

Whoever restores an old database, cuts its tail or puts another in its place finds here that it was larger, or other.  The memory is
written after each commit that added entries, without waiting for the disk: losing its last line to a power cut does no harm.
"""

import json
import os
import re
import secrets
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from agent.ledger.checkpoint import Checkpoint

_KEPT: Final = 24
"""Points kept of each ledger: dense near the end, sparse before, so that a rewritten stretch can be named."""
_READ_MAX: Final = 1 << 20
_HASH = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Broken:
    """A ledger that is not the one remembered.  `reason`: ledger_smaller (entries are missing at the end), ledger_forked (entries were replaced),
    ledger_other (it was founded anew, or not at all)."""

    reason: str
    remembered: int
    """Entries that the ledger had."""
    found: int
    """Entries that it has."""
    good: int
    """Entries up to which it is certainly the one remembered."""


class Memory:
    """The memory of one home; `trouble` says why it could not be read, or names the file that could not, as long as that lies there."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._aside = path.with_suffix(".damaged")
        self._turn = threading.Lock()
        self.trouble: str | None = None
        self._points: dict[str, tuple[Checkpoint, ...]] = {}
        self._named: dict[str, str] = {}
        try:
            self._named, self._points = _read(path)
        except FileNotFoundError:
            pass
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            self.trouble = type(error).__name__
            self._put_aside()
        if self._aside.exists():
            self.trouble = self._aside.name

    def _put_aside(self) -> None:
        """What cannot be read is kept, and told of until somebody has looked at it: the next memory knows nothing of what was before."""
        try:
            if self._path.is_file():
                os.replace(self._path, self._aside)
        except OSError:
            pass

    def points(self, org: str) -> tuple[Checkpoint, ...]:
        """What is remembered of this ledger, oldest first; empty where nothing is."""
        return self._points.get(org, ())

    def org(self, name: str) -> str | None:
        """Which ledger was last seen under this name ("personal" for a home's own); None where none was."""
        return self._named.get(name)

    def remember(self, name: str, seen: Checkpoint) -> None:
        """Keep a checkpoint of the ledger of this name, and write it; a full disk or a folder that cannot be written is `trouble`, nothing else."""
        with self._turn:  # each ledger has a thread of its own
            before = [point for point in self.points(seen.org) if point.size < seen.size]
            self._points[seen.org] = tuple(thinned([*before, seen]))
            self._named[name] = seen.org
            try:
                _write(self._path, self._named, self._points)
                self.trouble = self._aside.name if self._aside.exists() else None
            except OSError as error:
                self.trouble = type(error).__name__


def thinned(points: Sequence[Checkpoint]) -> list[Checkpoint]:
    """At most `_KEPT` of them, the newest among them: what goes is the one whose neighbours lie closest together for their age."""
    kept = list(points)
    while len(kept) > _KEPT:
        newest = kept[-1].size
        spread = [(kept[n + 1].size - kept[n - 1].size) / (newest - kept[n].size + 1) for n in range(1, len(kept) - 1)]
        del kept[1 + spread.index(min(spread))]
    return kept


def compare(points: Sequence[Checkpoint], size: int, root_at: Callable[[int], bytes]) -> Broken | None:
    """Whether a ledger of `size` entries, whose root at any smaller size `root_at` gives, is the one remembered."""
    good = 0
    for point in points:
        if point.size > size:
            return Broken("ledger_smaller", points[-1].size, size, good)
        if root_at(point.size) != point.root:
            return Broken("ledger_forked", points[-1].size, size, good)
        good = point.size
    return None


def _read(path: Path) -> tuple[dict[str, str], dict[str, tuple[Checkpoint, ...]]]:
    with open(path, "rb", opener=lambda p, f: os.open(p, f | os.O_NONBLOCK | os.O_NOFOLLOW)) as file:
        raw = file.read(_READ_MAX + 1)
    if len(raw) > _READ_MAX:
        raise ValueError("too large")
    told = json.loads(raw)
    named = {str(name): _hash(org) for name, org in told["named"].items()}
    return named, {_hash(org): tuple(_point(org, each) for each in points) for org, points in told["ledgers"].items()}


def _hash(text: str) -> str:
    if not _HASH.fullmatch(text):
        raise ValueError("not a hash")
    return text


def _point(org: str, told: Mapping[str, Any]) -> Checkpoint:
    size = told["size"]
    if type(size) is not int or size < 0:
        raise ValueError("not a size")
    return Checkpoint(org, size, bytes.fromhex(_hash(told["root"])))


def _write(path: Path, named: Mapping[str, str], points: Mapping[str, Sequence[Checkpoint]]) -> None:
    ledgers = {org: [{"size": each.size, "root": each.root.hex()} for each in seen] for org, seen in points.items()}
    told = {"named": named, "ledgers": ledgers}
    beside = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        fd = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        with open(fd, "w", encoding="ascii") as file:
            json.dump(told, file)
        os.replace(beside, path)
    except OSError:
        beside.unlink(missing_ok=True)
        raise
