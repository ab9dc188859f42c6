"""Which emulated tokens were made for practice: what they sign says so, on the page and in the answer."""

import json
import os

from agent.api.home import Home


def serials(home: Home) -> frozenset[str]:
    """Serials of this home's practice tokens; a list that cannot be read marks none."""
    try:
        return frozenset(map(str, json.loads((home.data / "practice.json").read_text(encoding="utf-8"))))
    except (OSError, ValueError, TypeError):
        return frozenset()


def mark(home: Home, serial: str) -> None:
    """Remember that the token with this serial is for practice."""
    target = home.data / "practice.json"
    staged = target.with_suffix(".part")
    with open(staged, "w", encoding="utf-8", opener=lambda p, f: os.open(p, f, 0o600)) as out:
        json.dump(sorted(serials(home) | {serial}), out)
        out.flush()
        os.fsync(out.fileno())
    staged.replace(target)
