"""Which ledger this home acts in: its own, or an organisation's (`config/store.json`), and how that one is opened."""

import json
import os
import re
from dataclasses import dataclass
from pathlib import Path

from agent import keyring
from agent.api.errors import ApiError, Code
from agent.api.home import Home
from agent.store import address, postgres, sqlite
from agent.store.address import Address
from agent.store.store import Store

_ORG = re.compile(r"[0-9a-f]{64}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Where:
    """An organisation's ledger: its founding hash, pinned here, and where the ledger is."""

    org: str
    url: str
    """A PostgreSQL URL without its password, or the absolute path of an SQLite file."""
    keyring: bool = False
    """The desktop's keyring keeps the password; otherwise PostgreSQL's own password file does, where one is needed."""


def chosen(home: Home) -> Where | None:
    """The organisation that this home acts in; None for its own ledger.  Raises `ApiError` (store_unreachable, reason store_settings)."""
    path = _file(home)
    try:
        told = json.loads(path.read_bytes())
        if told["org"] is None:
            return None
        if not _ORG.fullmatch(told["org"]) or not isinstance(told["url"], str):
            raise ValueError("org, url")
        if told.get("password") not in (None, "keyring"):
            raise ValueError("password")
        return Where(told["org"], told["url"], told.get("password") == "keyring")
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ApiError(Code.STORE_UNREACHABLE, reason="store_settings", path=str(path), detail=type(error).__name__) from error


def choose(home: Home, where: Where) -> None:
    """Act in this organisation from the agent's next start on."""
    path = _file(home)
    told = {"org": where.org, "url": where.url, "password": "keyring" if where.keyring else None}
    staged = path.with_suffix(".part")
    with open(staged, "wb", opener=lambda p, f: os.open(p, f, 0o600)) as out:
        out.write(json.dumps(told, indent=2).encode() + b"\n")
        out.flush()
        os.fsync(out.fileno())
    staged.replace(path)


def own_file(home: Home, org: str) -> Path:
    """Where an organisation founded here has its ledger before it is moved to a shared one."""
    return home.data / f"org-{org[:16]}.db"


def opened(where: Where | str) -> Store:
    """The store of a URL or a path; raises `ApiError` (store_unreachable, reason store_keyring where the password cannot be had).  Blocks."""
    url = where if isinstance(where, str) else where.url
    if "://" not in url:
        return sqlite.Store(Path(url))
    at = address.parse(url)
    return postgres.Store(at, password_of(at) if isinstance(where, Where) and where.keyring else None)


def password_of(at: Address) -> str:
    """What the keyring keeps; raises `ApiError` (store_unreachable, reason store_keyring).  Blocks."""
    try:
        found = keyring.get(_name(at), keyring.SECONDS)
    except keyring.KeyringError as error:
        raise ApiError(Code.STORE_UNREACHABLE, reason="store_keyring", path=at.told, detail=error.reason) from error
    if found is None:
        raise ApiError(Code.STORE_UNREACHABLE, reason="store_keyring", path=at.told, detail="forgotten")
    return found


def keep_password(at: Address, password: str) -> None:
    """Have the keyring keep it, and nothing else; raises `ApiError` (not_allowed, reason store_keyring).  Blocks."""
    try:
        keyring.put(_name(at), password, keyring.SECONDS_WITH_PERSON)
    except keyring.KeyringError as error:
        raise ApiError(Code.NOT_ALLOWED, reason="store_keyring", detail=error.reason) from error


def _name(at: Address) -> str:
    return f"ledger store {at.text}"


def _file(home: Home) -> Path:
    return home.config / "store.json"
