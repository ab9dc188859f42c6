"""Every refusal and every kind of act has its words, in both languages."""

import ast
import re
from collections.abc import Iterator

import pytest

from agent.api.messages import sentence
from agent.governance.deciding import KINDS
from agent.governance.profiles import PROFILES, SETTINGS
from agent.governance.roles import WORDS, Role
from tests.conftest import ROOT

_OPEN = re.compile(r"\{\??\w+\}|[\[\]]")


def reasons() -> Iterator[tuple[str, str]]:
    """(rule, reason) of every refusal with literal words; of a choice between two, both."""
    for path in sorted([*(ROOT / "agent/governance").glob("*.py"), *(ROOT / "agent/organisation").glob("*.py")]):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("refuse", "Refusal") and len(node.args) > 1:
                rule, reason = node.args[:2]
                for each in ast.walk(reason):
                    if isinstance(each, ast.Constant) and isinstance(each.value, str):
                        yield (rule.value if isinstance(rule, ast.Constant) else "S00"), each.value


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_every_refusal_is_told_and_says_what_to_do(lang: str) -> None:
    found = sorted(set(reasons()))
    assert len(found) > 60
    general = sentence("not_allowed", {}, lang)
    for rule, reason in found:
        assert re.fullmatch(r"S\d\d", rule)
        message, hint = sentence("not_registered" if reason == "not_registered" else "not_allowed", {"reason": reason, "rule": rule}, lang)
        assert (message, hint) != general, reason
        assert message, reason
        assert hint, reason
        assert not _OPEN.search(message + hint), reason


def test_everything_has_words_in_both_languages() -> None:
    for zh, en in [(kind.zh, kind.en) for kind in KINDS.values()] + [(s.zh, s.en) for s in SETTINGS.values()] + list(WORDS.values()):
        assert re.search(r"[\u4e00-\u9fff]", zh)
        assert en.isascii()
    assert set(WORDS) == set(Role)
    assert all(set(profile.values) == set(SETTINGS) for profile in PROFILES.values())
