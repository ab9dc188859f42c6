"""Every error has its sentences in both languages, whatever facts come with it."""

import ast
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.api.errors import EXIT_OF, STATUS_OF, Code
from agent.api.messages import sentence
from agent.api.sentences import SENTENCES

ROOT = Path(__file__).resolve().parents[2]
# Nobody but a developer meets these: the general sentence of their code is what a person needs.
GENERAL = {"agent", "declined", "no_offer", "no_pin", "not_loaded", "not_open", "unknown_operation", "check", "operation", "order", "other"}
GENERAL |= {"absent", "slot_vanished", "public_key", "public_key_unreadable", "device", "name_too_long"}


@pytest.mark.parametrize("code", Code)
@pytest.mark.parametrize("lang", ["zh", "en"])
def test_every_code_has_two_sentences(code: Code, lang: str) -> None:
    for text in sentence(code, {}, lang):
        assert text
        assert not re.search(r"[\[\]{}]", text)
        assert text[-1] in "。.）)？！"
    assert code in EXIT_OF
    assert code in STATUS_OF


@pytest.mark.parametrize("key", sorted(SENTENCES))
@pytest.mark.parametrize("lang", ["zh", "en"])
def test_every_reason_is_worded_whole(key: str, lang: str) -> None:
    code, _, reason = key.partition(".")
    assert code in set(Code)
    for facts in ({}, {"token": "T", "wanted": "W", "present": ["a", "b"], "name": "n", "published": 3, "try_spent": True, "repairable": True}):
        message, hint = sentence(code, {"reason": reason} | facts, lang)
        assert message
        assert hint
        assert not re.search(r"\{\??\w+\}", message + hint)
        assert not re.search(r"[，：（]{2}|[,:;] *[.;]|  ", f"{message}\n{hint}"), message + hint


@pytest.mark.parametrize("key", sorted(SENTENCES))
def test_the_words_of_the_glossary(key: str) -> None:
    chinese, english = "".join(SENTENCES[key][:2]), "".join(SENTENCES[key][2:])
    assert not re.search(r"令牌|代理|摘要|检查点|密码机", chinese)
    assert re.search(r"[一-鿿]", chinese)
    assert not re.search(r"[一-鿿]", english)


def test_every_reason_in_the_sources_has_a_sentence() -> None:
    known = {key.partition(".")[2] for key in SENTENCES}
    for package in ("agent", "tokens"):
        for path in (ROOT / package).rglob("*.py"):
            for call in (node for node in ast.walk(ast.parse(path.read_bytes())) if isinstance(node, ast.Call)):
                named = ast.unparse(call.func)
                if named != "ApiError" and not re.fullmatch(r"\w*(Token|Pin|Module|Key|Certificate|Mechanism)\w*", named):
                    continue
                for word in call.keywords:
                    if word.arg == "reason" and isinstance(word.value, ast.Constant):
                        assert word.value.value in known | GENERAL, (
                            f"{path.relative_to(ROOT)}:{call.lineno}: no sentence for the reason {word.value.value!r}"
                        )


@given(
    code=st.sampled_from([*Code, "no_such_code"]),
    facts=st.dictionaries(
        st.sampled_from(["reason", "token", "name", "present", "wanted", "path", "detail", "published", "available"]),
        st.none() | st.integers() | st.booleans() | st.text() | st.lists(st.text()) | st.dictionaries(st.text(), st.text()) | st.binary(),
    ),
    lang=st.sampled_from(["zh", "zh_CN", "en", "", "fr"]),
)
def test_never_fails_and_never_shows_control_characters(code: str, facts: dict[str, object], lang: str) -> None:
    for text in sentence(code, facts, lang):
        assert text
        assert text.isprintable()


def test_facts_are_told() -> None:
    message, hint = sentence(Code.TOKEN_ABSENT, {"token": "甲", "available": "乙, 丙"}, "zh")
    assert message == "没有找到 UKey“甲”。现有：乙, 丙。"
    assert "yinxin token list" in hint
    assert sentence(Code.PIN_INCORRECT, {}, "zh")[0] == "PIN 码不对，已停止，没有文件被签署。"
    assert sentence(Code.INPUT_UNUSABLE, {"reason": "damaged", "repairable": False}, "en")[1] == "Export it again."
    assert "--repair" in sentence(Code.INPUT_UNUSABLE, {"reason": "damaged", "repairable": True}, "en")[1]
