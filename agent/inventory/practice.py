"""Which emulated tokens were made for practice: what they sign says so, on the page and in the answer."""

import json
import os
from pathlib import Path

from agent.api.errors import ApiError, Code
from agent.api.home import Home


def serials(home: Home) -> frozenset[str] | None:
    """Serials of this home's practice tokens; None where the list cannot be read, and each emulated token has to count as one."""
    try:
        return frozenset(map(str, json.loads(_list(home).read_text(encoding="utf-8"))))
    except FileNotFoundError:
        return frozenset()
    except (OSError, ValueError, TypeError):
        return None


def _list(home: Home) -> Path:
    return home.data / "practice.json"


def mark(home: Home, serial: str) -> None:
    """Remember that the token with this serial is for practice; raises `ApiError` (usage) where the list cannot be read."""
    target, known = _list(home), serials(home)
    if known is None:
        raise ApiError(Code.USAGE, reason="configuration", name=str(target))
    staged = target.with_suffix(".part")
    with open(staged, "w", encoding="utf-8", opener=lambda p, f: os.open(p, f, 0o600)) as out:
        json.dump(sorted(known | {serial}), out)
        out.flush()
        os.fsync(out.fileno())
    staged.replace(target)
