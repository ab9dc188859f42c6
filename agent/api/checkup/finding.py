"""One finding of a check-up: a name, a state, and in both languages what was found and what to do."""

from collections.abc import Callable
from typing import Any, Literal

State = Literal["ok", "warn", "fail"]
"""ok: as it should be; warn: something may not work, or is weaker than it could be; fail: has to be mended."""


def check(name: str, state: State, zh: str, en: str, hint: tuple[str, str] | None = None) -> dict[str, Any]:
    """One finding, as the wire and `--json` show it; `hint` is (zh, en)."""
    return {"name": name, "state": state, "message": {"zh": zh, "en": en}, "hint": {"zh": hint[0], "en": hint[1]} if hint else None}


def guarded(name: str, each: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """The finding of one check; a check that itself fails is a finding too."""
    try:
        return each()
    except Exception as error:  # noqa: BLE001 — one broken check must not hide the others
        return check(name, "warn", f"无法检查（{type(error).__name__}）", f"could not be checked ({type(error).__name__})")
