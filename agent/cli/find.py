"""Finding one thing among those listed, by label or serial; what is absent or ambiguous is an error that lists what there is."""

from collections.abc import Sequence
from typing import Any

from agent.api.errors import ApiError, Code


def token(tokens: Sequence[dict[str, Any]], wanted: str | None) -> dict[str, Any]:
    """The token with this label or serial, or the only ready one; raises `ApiError` (token_absent, token_ambiguous)."""
    fitting = [t for t in tokens if (t["state"] == "ready" if wanted is None else wanted in (t["label"], t["serial"]))]
    return only(fitting, wanted, tokens)


def only(fitting: Sequence[dict[str, Any]], wanted: str | None = None, tokens: Sequence[dict[str, Any]] = ()) -> dict[str, Any]:
    """The one token that fits; raises `ApiError` (token_absent, token_ambiguous), which lists those that do, else all."""
    if len(fitting) == 1:
        return fitting[0]
    there = ", ".join(f"{t['label'] or '–'} ({t['serial'] or '–'})" for t in fitting or tokens)
    raise ApiError(Code.TOKEN_AMBIGUOUS if fitting else Code.TOKEN_ABSENT, token=wanted, available=there)
