"""Global options, languages, tables."""

import os
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.cli import arguments
from agent.cli.language import both, choose, pick
from agent.cli.output import padded, pairs, printable, table, width


@pytest.mark.parametrize(
    ("argv", "expected"),
    [
        (["token", "list", "--json"], arguments.Arguments(["token", "list"], True)),
        (["--home", "/h", "--lang=zh", "token", "list"], arguments.Arguments(["token", "list"], False, "/h", "zh")),
        (["sign", "--home=/h", "a", "--", "--json"], arguments.Arguments(["sign", "a", "--", "--json"], False, "/h")),
        (["token", "--home"], arguments.Arguments(["token"], missing="--home")),
    ],
)
def test_global_options_are_taken_from_anywhere(argv: list[str], expected: arguments.Arguments) -> None:
    assert arguments.read(argv) == expected


@pytest.mark.parametrize(
    ("environment", "lang"),
    [
        ({}, "en"),
        ({"LANG": "zh_CN.UTF-8"}, "zh"),
        ({"LANG": "en_US.UTF-8", "LANGUAGE": "zh_CN:en"}, "zh"),
        ({"LANG": "zh_CN.UTF-8", "LC_ALL": "C.UTF-8"}, "en"),
        ({"LANG": "C", "LANGUAGE": "zh"}, "en"),
        ({"LC_MESSAGES": "zh_TW", "LANG": "de_DE"}, "zh"),
    ],
)
def test_the_language_is_the_environments(environment: dict[str, str], lang: str) -> None:
    assert choose(None, environment) == lang
    assert choose("zh", environment) == "zh"
    assert choose("en", environment) == "en"


def test_both_languages_in_one_text() -> None:
    assert pick(both("签署", "Sign"), "zh") == "签署"
    assert pick(both("签署", "Sign"), "en") == "Sign"
    assert pick("plain", "zh") == "plain"
    assert pick(None, "en") == ""


@given(st.text())
def test_a_shown_name_is_printable(name: str) -> None:
    assert printable(name).isprintable()


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("图纸 A-01.pdf", "图纸 A-01.pdf"),
        ("a\nb\x1b[31m.pdf", "a\\nb\\x1b[31m.pdf"),
        ("invoice\u202efdp.exe", "invoice\\u202efdp.exe"),
        (os.fsdecode(b"\xcd\xbc.pdf".replace(b"\xbc", b"\xff")), "\\xcd\\xff.pdf"),
    ],
)
def test_names_cannot_play_tricks_on_a_terminal(name: str, shown: str) -> None:
    assert printable(name) == shown


def test_columns_are_aligned_in_chinese() -> None:
    shown = table(["名称", "N"], [["练习 UKey", 1], ["abc", None]], "none")
    assert [width(re.split(r"(?<=\S) +(?=\S+$)", line)[0]) <= 9 for line in shown.split("\n")] == [True] * 3
    assert len({width(line[: len(line.rstrip()) - 1]) for line in shown.split("\n")}) == 1
    assert table(["a"], [], "none") == "none"
    assert width(padded("签", 6)) == 6
    assert pairs([("a", "1"), ("b", None), ("ccc", "2")]) == "a    1\nccc  2"
