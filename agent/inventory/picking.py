"""Which token and which certificate are meant; who means none or several is told what there is."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from agent.api.errors import ApiError, Code
from agent.inventory.certificates import CertificateView, views
from tokens.errors import ModuleUnusable, TokenError
from tokens.types import Token, TokenState


def token(seen: Sequence[Token], selector: str | None, state: TokenState, troubles: Mapping[str, TokenError], *, any_module: bool) -> Token:
    """The one token meant by a label or serial, or the only one in `state`; raises `ApiError` that lists what there is."""
    named = [t for t in seen if selector is None or selector in (t.label, t.serial)]
    there = ", ".join(f"{t.label or '–'} ({t.serial or '–'})" for t in seen if t.state is TokenState.READY)
    fitting = [t for t in named if t.state is state]
    if len(fitting) == 1:
        return fitting[0]
    if len(fitting) > 1:
        raise ApiError(Code.TOKEN_AMBIGUOUS, token=selector, available=", ".join(f"{t.label} ({t.serial})" for t in fitting))
    if any(t.state is TokenState.NOT_INITIALISED for t in named) and selector is not None:
        raise ApiError(Code.TOKEN_NOT_INITIALISED, token=selector)
    # A module that hung or crashed may have it: then nobody can say that it is absent.
    unsure = [each for each in troubles.values() if not (isinstance(each, ModuleUnusable) and each.facts.get("reason") != "crashed")]
    if (selector is not None or not there) and (unsure or (troubles and not there)):
        trouble = next(iter(unsure or troubles.values()))
        raise ApiError(Code(trouble.code), **trouble.facts)
    if not any_module:
        raise ApiError(Code.TOKEN_ABSENT, token=selector, available="", reason="no_module")
    raise ApiError(Code.TOKEN_ABSENT, token=selector, available=there, troubles=", ".join(troubles))


def certificate(token: Token, selector: str | None, at: datetime) -> CertificateView:
    """The signing certificate meant (fingerprint prefix, CN or label), or the only usable one; raises `ApiError`."""
    every = views(token)
    there = "; ".join(f"{v.common_name} ({v.fingerprint[:12]})" for v in every)
    if selector is None:
        fitting = [v for v in every if v.problem(at) is None]
        if not fitting and (expired := [v for v in every if v.problem(at) in ("expired", "not_yet_valid")]):
            fitting = expired  # let the rule that refuses it say why
    else:
        word = selector.lower()
        fitting = [v for v in every if selector in (v.common_name, v.label) or (len(word) >= 4 and v.fingerprint.startswith(word))]
    if not fitting:
        raise ApiError(Code.CERTIFICATE_NOT_FOUND, token=token.label, certificate=selector, available=there)
    if len(fitting) > 1:
        raise ApiError(
            Code.CERTIFICATE_AMBIGUOUS,
            token=token.label,
            certificate=selector,
            available="; ".join(f"{v.common_name} ({v.fingerprint[:12]})" for v in fitting),
        )
    if not fitting[0].has_key:
        raise ApiError(Code.KEY_NOT_FOUND, token=token.label, key=fitting[0].common_name)
    return fitting[0]


def named(seen: Sequence[Token], selector: str, state: TokenState, *, by_serial: bool = False) -> Token:
    """The one token in `state` with this serial (or label); raises `ApiError` (token_absent, token_ambiguous)."""
    there = [t for t in seen if t.state is state]
    fitting = [t for t in there if selector and (selector == t.serial or (not by_serial and selector == t.label))]
    if len(fitting) == 1:
        return fitting[0]
    listed = ", ".join(f"{t.label or '–'} ({t.serial or '–'})" for t in fitting or there)
    raise ApiError(Code.TOKEN_AMBIGUOUS if fitting else Code.TOKEN_ABSENT, token=selector, available=listed)
