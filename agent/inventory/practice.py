"""Tokens that this home made: those for practice (what they sign says so), those whose new PINs are judged by our rules, and those "pulled out".

An emulated token lies in a folder.  Pulling it out moves the folder to ``pulled/`` beside ``tokens/``, putting it in moves it
back; what it is called is noted there meanwhile.
"""

import json
import os
from pathlib import Path

import structlog

from agent.api.errors import ApiError, Code
from agent.api.home import Home
from agent.inventory import marks
from tokens import platform
from tokens.types import PinRules, PinState, Token, TokenState

log = structlog.get_logger()
PIN_RULES = PinRules(shortest=4, simple=True)
"""For practice tokens: they guard nothing, and a class may use 123456."""


def serials(home: Home) -> frozenset[str] | None:
    """Serials of this home's practice tokens; None where the list cannot be read, and each emulated token has to count as one."""
    return marks.read(home.data / "practice.json")


def mark(home: Home, serial: str) -> None:
    """Remember that the token with this serial is for practice; raises `ApiError` (usage) where the list cannot be read."""
    marks.add(home.data / "practice.json", serial)


def made_here(home: Home, token: Token) -> bool:
    """Whether we initialised the token, so that our rules for PINs hold on it; true where that cannot be read."""
    known = marks.read(home.data / "initialised.json")
    return token.emulated or known is None or token.serial in known


def mark_made(home: Home, serial: str) -> None:
    """Remember that we initialised the token with this serial; where the list cannot be read, our rules hold on every token anyway."""
    try:
        marks.add(home.data / "initialised.json", serial)
    except (ApiError, OSError) as error:
        log.warning("token_not_remembered", type=type(error).__name__)


# Pulled out and put in


def pull(home: Home, token: Token) -> None:
    """Move an emulated token out of its module's sight; nobody may have a session on it.  Raises `ApiError` (token_absent), OSError."""
    source = _folder_of(home, token.serial)
    if source is None:
        raise ApiError(Code.TOKEN_ABSENT, token=token.label, available="")
    away = platform.private_folder(_away(home))
    about = {"folder": source.name, "label": token.label, "serial": token.serial, "manufacturer": token.manufacturer, "model": token.model}
    marks.write(away / f"{source.name}.json", about)
    source.rename(away / source.name)


def insert(home: Home, token: Token) -> None:
    """Put a pulled token back; raises `ApiError` (token_absent), OSError."""
    for note in _notes(home):
        about = _about(note)
        if about is not None and about["serial"] == token.serial:
            note.with_suffix("").rename(home.emulated / note.stem)
            note.unlink()
            return
    raise ApiError(Code.TOKEN_ABSENT, token=token.label, available="")


def pulled(home: Home) -> tuple[Token, ...]:
    """The tokens that are pulled out, in the state `removed`."""
    marked = serials(home)
    found = []
    for note in _notes(home):
        about = _about(note)
        if about is not None:
            practice = marked is None or about["serial"] in marked
            token = Token(
                module="emulated",
                slot_id=-1,
                slot_description="",
                label=about["label"],
                serial=about["serial"],
                manufacturer=about["manufacturer"],
                model=about["model"],
                state=TokenState.REMOVED,
                pin_state=PinState.UNKNOWN,
                emulated=True,
                practice=practice,
            )
            found.append(token)
    return tuple(found)


def _away(home: Home) -> Path:
    return home.emulated.with_name("pulled")


def _notes(home: Home) -> list[Path]:
    try:
        return sorted(note for note in _away(home).iterdir() if note.suffix == ".json" and note.with_suffix("").is_dir())
    except OSError:
        return []


def _about(note: Path) -> dict[str, str] | None:
    try:
        raw = json.loads(note.read_text(encoding="utf-8"))
        return {name: str(raw[name]) for name in ("label", "serial", "manufacturer", "model")}
    except (OSError, ValueError, TypeError, KeyError):
        return None


def _folder_of(home: Home, serial: str) -> Path | None:
    """SoftHSM2's folder of a token: named by a UUID from whose last 16 hexadecimal digits it makes the serial (ObjectStore::newToken)."""
    try:
        names = os.listdir(home.emulated)
    except OSError:
        return None
    fitting = [name for name in names if serial and name.replace("-", "").endswith(serial) and (home.emulated / name).is_dir()]
    return home.emulated / fitting[0] if len(fitting) == 1 else None
