"""Every text in both languages, in the words of the glossary, and every error with advice that fits a window."""

import re
import string
from functools import cache
from pathlib import Path

import pytest

from agent.api.errors import Code
from agent.api.sentences import SENTENCES
from desktop.wording import HINTS, LANGUAGES, TEXTS
from desktop.words import Words, choose_language

ROOT = Path(__file__).resolve().parents[2]
COMMAND = re.compile(r"--\w|`|yinxin (?!doctor)")


def _facts(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


@pytest.mark.parametrize("key", sorted(TEXTS))
def test_every_text_is_whole_in_both_languages(key: str) -> None:
    zh, en = TEXTS[key]
    assert zh.strip()
    assert en.strip()
    assert _facts(zh) == _facts(en)
    for lang in LANGUAGES:
        assert Words(lang)(key, **dict.fromkeys(_facts(zh), 7))


@pytest.mark.parametrize("key", sorted(TEXTS) + sorted(HINTS))
def test_chinese_speaks_the_users_words(key: str) -> None:
    zh, _ = TEXTS.get(key) or HINTS[key]
    for wrong in ("令牌", "代理", "摘要", "快照", "插槽", "声明", "检查点", "有效签名"):
        assert wrong not in zh
    assert not re.search(r"[，。；：？！] ", zh)


@cache
def _source() -> tuple[str, frozenset[str]]:
    """All of the window's code but its texts, and the beginnings of keys that are put together there."""
    source = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "desktop").glob("*.py") if not path.name.startswith("wording"))
    return source, frozenset({*re.findall(r'f"([\w.]+\.)\{', source), "documents.", "options.", "preview.problem."})


@pytest.mark.parametrize("key", sorted(TEXTS))
def test_no_text_is_left_over(key: str) -> None:
    source, families = _source()
    assert f'"{key}"' in source or any(key.startswith(family) for family in families) or f'{key.removesuffix(".example")}"' in source


MET = [code for code in (*Code, *(key for key in SENTENCES if "." in key)) if not code.startswith("usage")]
"""A window makes no requests that are wrong in form."""


@pytest.mark.parametrize("code", MET)
def test_every_error_has_two_sentences_that_fit_a_window(code: str, lang: str) -> None:
    code, _, reason = code.partition(".")
    message, hint = Words(lang).error(code, {"reason": reason} if reason else {})  # type: ignore[arg-type]
    assert message
    assert hint
    assert not COMMAND.search(hint), hint


def test_a_code_of_a_newer_agent_is_told_in_its_own_words(lang: str) -> None:
    assert Words(lang).error("moon_in_the_way", {}, "它挡住了。", "等一等。") == ("它挡住了。", "等一等。")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("wanted", "saved", "locale", "spoken"),
    [
        ("en", "zh", "zh_CN.UTF-8", "en"),
        (None, "en", "zh_CN.UTF-8", "en"),
        (None, "", "en_GB.UTF-8", "en"),
        (None, "", "zh_TW", "zh"),
        (None, None, "C.UTF-8", "zh"),
    ],
)
def test_language_is_what_was_asked_then_saved_then_the_locale(
    wanted: str | None, saved: str | None, locale: str, spoken: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("LC_MESSAGES", raising=False)
    monkeypatch.delenv("LC_ALL", raising=False)
    monkeypatch.setenv("LANG", locale)
    assert choose_language(wanted, saved) == spoken


def test_sizes_and_days_read_as_people_write_them() -> None:
    zh, en = Words("zh"), Words("en")
    assert [zh.size(n) for n in (0, 999, 1000, 88_400, 104_857_600)] == ["0 字节", "999 字节", "1 KB", "88 KB", "104.9 MB"]
    assert zh.day("2029-11-21T12:00:00+00:00").startswith("2029年11月2")
    assert "November 2029" in en.day("2029-11-21T12:00:00+00:00")
    assert zh.day("soon") == "soon"
