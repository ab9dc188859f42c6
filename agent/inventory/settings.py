"""What the user set in ``settings.toml``: how long a PIN serves, what a new PIN must be like, how long a module may take.

[pin]
scope = "set"                 # a PIN serves one closed set; "signature": each signature; "minutes": further sets for `minutes`
minutes = 10                  # from the moment of the PIN; each further set still asks for consent
[pin.rules]                   # for new PINs on tokens that were initialised here
shortest = 6
simple = false                # true lets repetitions and runs through (111111, 123456)
letters_and_digits = false    # true demands both
[deadlines]                   # seconds a UKey's module may take: load list login pin_pad sign generate write initialise
sign = 30
[device]
key = "keyring"               # where this computer's own key is made: keyring, file, token; where nothing stands here: file in a home that was named
"""

import math
import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Literal, TypeAlias, get_args

from agent.api.errors import ApiError, Code
from agent.api.home import Home
from tokens.hosts import Deadlines
from tokens.types import PinRules

Scope: TypeAlias = Literal["set", "signature", "minutes"]
DeviceKey: TypeAlias = Literal["keyring", "file", "token"]
_LONGEST_MINUTES = 480
_LONGEST_DEADLINE = 3600.0
_SHORTEST_RULE = 4
"""Under it a rule for new PINs would be none."""


@dataclass(frozen=True, slots=True)
class Settings:
    """One home's settings; what the file does not name is as here."""

    pin_scope: Scope = "set"
    minutes: float = 10.0
    rules: PinRules = field(default_factory=PinRules)
    deadlines: Mapping[str, float] = field(default_factory=dict)
    """Seconds by the name of a field of `tokens.hosts.Deadlines`; they come before a token's profile."""
    device_key: DeviceKey | None = None
    """Where this computer's own key is to be made; None leaves it to the kind of home."""


class _Wrong(ValueError):
    """The file says something that cannot be followed; the text names the place and what may stand there, in no language."""


def path_of(home: Home) -> Path:
    """The file, which need not exist."""
    return home.config / "settings.toml"


_read: dict[Path, tuple[tuple[int, int, int], Settings]] = {}


def load(home: Home) -> Settings:
    """The settings as they are now; raises `ApiError` (usage, reason configuration): a file that cannot be followed is never a weaker default."""
    path = path_of(home)
    try:
        seen = os.stat(path)
    except FileNotFoundError:
        return Settings()
    except OSError as error:
        raise _refusal(path, error.strerror or "") from error
    mark = (seen.st_mtime_ns, seen.st_size, seen.st_ino)
    known = _read.get(path)
    if known is not None and known[0] == mark:
        return known[1]
    try:
        with path.open("rb") as file:
            settings = parse(tomllib.load(file))
    except (OSError, ValueError, RecursionError) as error:  # TOMLDecodeError, UnicodeDecodeError and _Wrong are ValueErrors
        raise _refusal(path, str(error)) from error
    _read[path] = (mark, settings)
    return settings


def _refusal(path: Path, detail: str) -> ApiError:
    return ApiError(Code.USAGE, reason="configuration", name=str(path), detail=detail)


def parse(raw: Mapping[str, Any]) -> Settings:
    """Settings from the parsed file; raises ValueError that names the key.  An unknown key is refused: it may be a rule that was meant."""
    pin = _table(raw, "pin", {"scope", "minutes", "rules"}, {"pin", "deadlines", "device"})
    rules = _table(pin, "rules", {"shortest", "simple", "letters_and_digits"})
    names = {each.name for each in fields(Deadlines)}
    deadlines = _table(raw, "deadlines", names)
    device_key = _table(raw, "device", {"key"}).get("key")
    if device_key is not None and device_key not in get_args(DeviceKey):
        raise _Wrong(f"device.key: {', '.join(get_args(DeviceKey))}")
    scope = pin.get("scope", "set")
    if scope not in get_args(Scope):
        raise _Wrong(f"pin.scope: {', '.join(get_args(Scope))}")
    return Settings(
        scope,
        _number(pin, "minutes", 10.0, 1.0, _LONGEST_MINUTES),
        PinRules(_whole(rules, "shortest", 6, _SHORTEST_RULE, 255), _flag(rules, "simple"), _flag(rules, "letters_and_digits")),
        {name: _number(deadlines, name, 0.0, 0.01, _LONGEST_DEADLINE) for name in deadlines},
        device_key,
    )


def _table(raw: Mapping[str, Any], name: str, keys: set[str], siblings: set[str] | None = None) -> Mapping[str, Any]:
    if siblings is not None and (unknown := sorted(set(raw) - siblings)):
        raise _Wrong(f"{', '.join(unknown)} → {', '.join(sorted(siblings))}")
    table = raw.get(name, {})
    if not isinstance(table, dict):
        raise _Wrong(f"{name} → [{name}]")
    if unknown := sorted(set(table) - keys):
        raise _Wrong(f"{', '.join(f'{name}.{word}' for word in unknown)} → {', '.join(sorted(keys))}")
    return table


def _number(table: Mapping[str, Any], name: str, default: float, least: float, most: float) -> float:
    value = table.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or not least <= value <= most:
        raise _Wrong(f"{name}: {least:g}–{most:g}")
    return float(value)


def _whole(table: Mapping[str, Any], name: str, default: int, least: int, most: int) -> int:
    value = _number(table, name, default, least, most)
    if not value.is_integer():
        raise _Wrong(f"{name}: {least}–{most}")
    return int(value)


def _flag(table: Mapping[str, Any], name: str) -> bool:
    value = table.get(name, False)
    if not isinstance(value, bool):
        raise _Wrong(f"{name}: true, false")
    return value
