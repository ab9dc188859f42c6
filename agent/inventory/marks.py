"""Small lists of words that a home remembers (serials of tokens, first uses): a JSON file each, replaced whole."""

import json
import os
from collections.abc import Iterable
from pathlib import Path

from agent.api.errors import ApiError, Code


def read(path: Path) -> frozenset[str] | None:
    """The words; empty where there is no file, None where it cannot be read, so that the caller takes the stricter side."""
    try:
        return frozenset(map(str, json.loads(path.read_text(encoding="utf-8"))))
    except FileNotFoundError:
        return frozenset()
    except (OSError, ValueError, TypeError, RecursionError):
        return None


def add(path: Path, word: str) -> None:
    """Remember one word more; raises `ApiError` (usage) where the list cannot be read, OSError where it cannot be written."""
    known = read(path)
    if known is None:
        raise ApiError(Code.USAGE, reason="configuration", name=str(path))
    if word not in known:
        write(path, sorted(known | {word}))


def write(path: Path, content: Iterable[object] | dict[str, object]) -> None:
    """Replace the file by `content`, durably; 0600."""
    staged = path.with_suffix(".part")
    with open(staged, "w", encoding="utf-8", opener=lambda p, f: os.open(p, f, 0o600)) as out:
        json.dump(content, out, ensure_ascii=False)
        out.flush()
        os.fsync(out.fileno())
    staged.replace(path)
