"""Each reason that the code gives has a sentence of its own, in both languages (users get words, not codes)."""

import ast
from collections.abc import Iterator

import pytest

from agent.api.errors import Code
from agent.api.messages import sentence
from tests.conftest import ROOT
from tokens import errors

_PLAIN = {
    ("agent_unreachable", "absent"),
    ("certificate_mismatch", "public_key"),
    ("key_not_found", "public_key_unreadable"),
    *(("pin_cancelled", word) for word in ("declined", "agent", "no_pin", "no_offer")),
    *(("token_fault", word) for word in ("not_open", "not_loaded", "unknown_operation")),
}
"""Reasons that the general sentence of their code tells in full."""
_EXCEPTIONS = {cls.__name__: cls.code for cls in vars(errors).values() if isinstance(cls, type) and issubclass(cls, errors.TokenError)}


def raised() -> Iterator[tuple[str, str, str]]:
    """(place, code, reason) of every error made with a literal reason."""
    for path in sorted([*(ROOT / "agent").rglob("*.py"), *(ROOT / "tokens").rglob("*.py"), *(ROOT / "desktop").rglob("*.py")]):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and (code := _code(node)) and code != Code.INTERNAL:  # a bug of ours: its reason is for the log
                for keyword in node.keywords:
                    if keyword.arg == "reason" and isinstance(keyword.value, ast.Constant) and isinstance(keyword.value.value, str):
                        yield f"{path.relative_to(ROOT)}:{node.lineno}", code, keyword.value.value


def _code(call: ast.Call) -> str | None:
    if isinstance(call.func, ast.Name) and call.func.id in _EXCEPTIONS:
        return _EXCEPTIONS[call.func.id]
    first = call.args[0] if call.args else None
    if isinstance(call.func, ast.Name) and call.func.id == "ApiError" and isinstance(first, ast.Attribute) and hasattr(Code, first.attr):
        return str(Code[first.attr])
    return None


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_every_reason_has_its_own_sentence(lang: str) -> None:
    mute = [
        (place, code, reason)
        for place, code, reason in raised()
        if (code, reason) not in _PLAIN and sentence(code, {"reason": reason}, lang) == sentence(code, {}, lang)
    ]
    assert not mute


def test_the_search_finds_reasons_at_all() -> None:
    assert len(list(raised())) > 40
