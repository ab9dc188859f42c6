"""Tokens that this home made: those for practice (what they sign says so), those whose new PINs are judged by our rules, and those "pulled out".

An emulated token lies in a folder.  Pulling it out moves the folder to ``pulled/`` beside ``tokens/``, putting it in moves it
back; what it is called is noted there meanwhile.
"""

import json
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import structlog

from agent.api.errors import ApiError, Code
from agent.api.home import Home
from agent.inventory import marks
from tokens import platform
from tokens.types import PinRules, PinState, Token, TokenState

log = structlog.get_logger()
FIRST_PIN_RULES = PinRules(shortest=4, simple=True)
"""For the first PIN of a practice token, which guards nothing: a class may be given 123456, and learns the rules when it changes it."""


def marked(home: Home) -> Callable[[str], bool]:
    """Tells by its serial whether an emulated token is for practice; every one is where the lists cannot be read, and one of which nobody knows."""
    known, begun = marks.read(_list(home)), _begun(home)
    if not begun.exists():
        return lambda serial: known is None or serial in known
    before = marks.read(begun)
    return lambda serial: known is None or before is None or serial in known or serial not in before


def begin(home: Home, there: Iterable[str]) -> None:
    """Before a practice token is made: what is new from now on beside the emulated tokens `there` (serials) is for practice, until `mark` names it.

    So a kill or a full disk in between leaves no token that signs without saying that it is for practice.  Raises `ApiError`
    (output_unwritable, usage where the list cannot be read): then nothing must be made.
    """
    if marks.read(_list(home)) is None:
        raise ApiError(Code.USAGE, reason="configuration", name=str(_list(home)))
    settle(home, there := tuple(there))
    with _writing(_begun(home)):
        marks.write(_begun(home), sorted(there))


def settle(home: Home, there: Iterable[str]) -> None:
    """Name those of the tokens `there` that were made after an interrupted `begin`; raises `ApiError`."""
    if _begun(home).exists():
        practice = marked(home)
        with _writing(_list(home)):
            for serial in filter(practice, there):
                marks.add(_list(home), serial)
            _begun(home).unlink()


def mark(home: Home, serial: str) -> None:
    """Remember that the token with this serial is for practice; where that cannot be written, what `begin` wrote says so still."""
    try:
        marks.add(_list(home), serial)
        _begun(home).unlink(missing_ok=True)
    except (ApiError, OSError) as error:
        log.warning("practice_not_remembered", type=type(error).__name__)


def _list(home: Home) -> Path:
    return home.data / "practice.json"


def _begun(home: Home) -> Path:
    return home.data / "practice-begun.json"


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ApiError(Code.OUTPUT_UNWRITABLE, name=str(path), detail=error.strerror or "") from error


def made_here(home: Home, token: Token) -> bool:
    """Whether we initialised the token, so that our rules for PINs hold on it; true where that cannot be read."""
    known = marks.read(_made(home))
    return token.emulated or known is None or token.serial in known


def mark_made(home: Home, serial: str) -> None:
    """Remember that we initialised the token with this serial; where the list cannot be read, our rules hold on every token anyway."""
    try:
        marks.add(_made(home), serial)
    except (ApiError, OSError) as error:
        log.warning("token_not_remembered", type=type(error).__name__)


def may_remember(home: Home) -> None:
    """See, before a token is initialised, that it can be remembered: a full disk must not loosen our rules for its PIN.  Raises `ApiError`."""
    known = marks.read(_made(home))
    if known is not None:
        with _writing(_made(home)):
            marks.write(_made(home), sorted(known))


def _made(home: Home) -> Path:
    return home.data / "initialised.json"


# Pulled out and put in


def pull(home: Home, token: Token) -> None:
    """Move an emulated token out of its module's sight; nobody may have a session on it.  Raises `ApiError` (token_absent, output_unwritable)."""
    source = _folder_of(home, token.serial)
    if source is None:
        raise ApiError(Code.TOKEN_ABSENT, token=token.label, available="")
    about = {"folder": source.name, "label": token.label, "serial": token.serial, "manufacturer": token.manufacturer, "model": token.model}
    with _writing(_away(home)):
        away = platform.private_folder(_away(home))
        marks.write(away / f"{source.name}.json", about)
        source.rename(away / source.name)


def insert(home: Home, token: Token) -> None:
    """Put a pulled token back; raises `ApiError` (token_absent, output_unwritable)."""
    for note in _notes(home):
        about = _about(note)
        if about is not None and about["serial"] == token.serial:
            with _writing(home.emulated):
                note.with_suffix("").rename(home.emulated / note.stem)
                note.unlink()
            return
    raise ApiError(Code.TOKEN_ABSENT, token=token.label, available="")


def pulled(home: Home) -> tuple[Token, ...]:
    """The tokens that are pulled out, in the state `removed`."""
    practice = marked(home)
    found = []
    for note in _notes(home):
        about = _about(note)
        if about is not None:
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
                practice=practice(about["serial"]),
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
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return None


def _folder_of(home: Home, serial: str) -> Path | None:
    """SoftHSM2's folder of a token: named by a UUID from whose last 16 hexadecimal digits it makes the serial (ObjectStore::newToken)."""
    try:
        names = os.listdir(home.emulated)
    except OSError:
        return None
    fitting = [name for name in names if serial and name.replace("-", "").endswith(serial) and (home.emulated / name).is_dir()]
    return home.emulated / fitting[0] if len(fitting) == 1 else None
