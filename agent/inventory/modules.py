"""The modules this home uses: the system's, the well-known, the emulated one, and those the user added (modules.json)."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agent.api.errors import ApiError, Code
from agent.api.home import Home
from agent.inventory import marks
from tokens import discovery, emulated, module_file
from tokens.types import ModuleRef

_PASSABLE_PREFIXES = ("LD_", "PYTHON", "DYLD_")
"""Variables a module's host never gets from configuration: they would load code before the module is examined."""


@dataclass(frozen=True, slots=True)
class NewModule:
    """A module somebody wants to add; `sha256` is the digest that was shown and consented to."""

    path: str
    name: str | None
    init_args: str | None
    env: Mapping[str, str]
    sha256: str | None


def configured(home: Home) -> tuple[ModuleRef, ...]:
    """Every module of this home, each library once."""
    return discovery.discover(emulated.prepare(home.softhsm_conf, home.emulated), _added(home))


def add(home: Home, new: NewModule) -> ModuleRef:
    """Record an added module; raises `ModuleUnusable`, `ApiError` (writable to others, another file than consented to, name taken)."""
    if "\0" in new.path or any(_unfit(word) for word in (new.name or "", new.init_args or "", *new.env, *new.env.values())):
        raise ApiError(Code.USAGE, reason="module_env", name="NUL")
    path = os.path.realpath(new.path)
    seen = module_file.examine(path)
    if seen.loose:
        raise ApiError(Code.MODULE_UNUSABLE, reason="unsafe", path=path)
    if new.sha256 is not None and seen.sha256 != new.sha256:
        raise ApiError(Code.MODULE_UNUSABLE, module=path, reason="changed")
    name = new.name or Path(path).stem
    if any(ref.name == name for ref in configured(home)):
        raise ApiError(Code.USAGE, reason="module_name_taken", name=name)
    if bad := [key for key in new.env if _unsafe(key)]:
        raise ApiError(Code.USAGE, reason="module_env", name=", ".join(sorted(bad)))
    ref = ModuleRef(name, path, "added", new.init_args, tuple(sorted(new.env.items())), seen.sha256)
    _write(home, (*_added(home), ref))
    return ref


def remove(home: Home, name: str) -> None:
    """Forget an added module; raises `ApiError` (not_found; usage for one that the system brought)."""
    added = _added(home)
    if not any(ref.name == name for ref in added):
        known = any(ref.name == name for ref in configured(home))
        raise ApiError(Code.USAGE, reason="module_not_added", name=name) if known else ApiError(Code.NOT_FOUND, reason="module", name=name)
    _write(home, tuple(ref for ref in added if ref.name != name))


def _added(home: Home) -> tuple[ModuleRef, ...]:
    try:
        raw = json.loads((home.config / "modules.json").read_text(encoding="utf-8"))
        return tuple(_parse(entry) for entry in raw["modules"])
    except FileNotFoundError:
        return ()
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ApiError(Code.USAGE, reason="configuration", name=str(home.config / "modules.json")) from error


def _parse(entry: Mapping[str, Any]) -> ModuleRef:
    """An added module as it was written; raises ValueError and others for what no host could be started with: it would take the rest along."""
    env = tuple(sorted(entry.get("env", {}).items()))
    words = (entry["name"], entry["path"], *(entry.get(name) or "" for name in ("init_args", "sha256")), *(word for pair in env for word in pair))
    if not all(isinstance(word, str) and "\0" not in word for word in words) or any(_unsafe(name) for name, _ in env):
        raise ValueError(entry["name"])
    return ModuleRef(entry["name"], entry["path"], "added", entry.get("init_args"), env, entry.get("sha256"))


def _unfit(word: str) -> bool:
    """Whether it cannot be handed to a process or written down."""
    return "\0" in word or any("\ud800" <= char <= "\udfff" for char in word)


def _unsafe(variable: str) -> bool:
    return not variable or "=" in variable or variable.startswith(_PASSABLE_PREFIXES)


def _write(home: Home, refs: tuple[ModuleRef, ...]) -> None:
    entries = [{"name": r.name, "path": r.path, "init_args": r.init_args, "env": dict(r.env), "sha256": r.sha256} for r in refs]
    marks.write(home.config / "modules.json", {"modules": entries})
