"""Which ledger this home acts in: its own, or an organisation's (`config/store.json`), and how that one is opened."""

import json
import os
import re
from dataclasses import dataclass
from pathlib import Path

from agent.api.errors import ApiError, Code
from agent.api.home import Home
from agent.store import address, postgres, sqlite
from agent.store.store import Store

_ORG = re.compile(r"[0-9a-f]{64}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Where:
    """An organisation's ledger: its founding hash, pinned here, and where the ledger is."""

    org: str
    url: str
    """A PostgreSQL URL without its password, or the absolute path of an SQLite file."""


def chosen(home: Home) -> Where | None:
    """The organisation that this home acts in; None for its own ledger.  Raises `ApiError` (store_unreachable, reason store_settings)."""
    path = _file(home)
    try:
        told = json.loads(path.read_bytes())
        if told["org"] is None:
            return None
        if not _ORG.fullmatch(told["org"]) or not isinstance(told["url"], str):
            raise ValueError("org, url")
        return Where(told["org"], told["url"])
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ApiError(Code.STORE_UNREACHABLE, reason="store_settings", path=str(path), detail=type(error).__name__) from error


def choose(home: Home, where: Where) -> None:
    """Act in this organisation from the agent's next start on."""
    path = _file(home)
    staged = path.with_suffix(".part")
    with open(staged, "wb", opener=lambda p, f: os.open(p, f, 0o600)) as out:
        out.write(json.dumps({"org": where.org, "url": where.url}, indent=2).encode() + b"\n")
        out.flush()
        os.fsync(out.fileno())
    staged.replace(path)


def own_file(home: Home, org: str) -> Path:
    """Where an organisation founded here has its ledger before it is moved to a shared one."""
    return home.data / f"org-{org[:16]}.db"


def opened(url: str) -> Store:
    """The store of a URL or a path; raises `ApiError`."""
    return postgres.Store(address.parse(url)) if "://" in url else sqlite.Store(Path(url))


def _file(home: Home) -> Path:
    return home.config / "store.json"
