"""settings.toml: what it may say, and that a file that cannot be followed is never a weaker default (promise 9)."""

from pathlib import Path

import pytest

from agent.api.errors import ApiError, Code
from agent.api.home import Home, locate
from agent.inventory import settings
from tokens.types import PinRules


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return locate(str(tmp_path / "h")).make()


def say(home: Home, text: str) -> None:
    settings.path_of(home).write_text(text, encoding="utf-8")


def test_without_a_file_a_pin_serves_one_set_and_new_ones_are_judged(home: Home) -> None:
    assert settings.load(home) == settings.Settings("set", 10.0, PinRules(6, False, False), {})


def test_all_of_it(home: Home) -> None:
    say(
        home,
        """
        [pin]
        scope = "minutes"
        minutes = 2.5
        [pin.rules]
        shortest = 8
        simple = true
        letters_and_digits = true
        [deadlines]
        list = 3
        sign = 0.5
        """,
    )
    assert settings.load(home) == settings.Settings("minutes", 2.5, PinRules(8, True, True), {"list": 3.0, "sign": 0.5})


def test_a_change_counts_at_once(home: Home) -> None:
    say(home, '[pin]\nscope = "minutes"')
    assert settings.load(home).pin_scope == "minutes"
    say(home, '[pin]\nscope = "signature"')
    assert settings.load(home).pin_scope == "signature"
    settings.path_of(home).unlink()
    assert settings.load(home).pin_scope == "set"


@pytest.mark.promise(9)
@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("[pin", ""),
        ("\udcff", ""),
        ("pin = 1", "pin"),
        ("[pins]\nscope = 'set'", "pins"),
        ("[pin]\nscpoe = 'signature'", "scpoe"),
        ("[pin]\nscope = 'for ever'", "scope"),
        ("[pin]\nminutes = 0", "minutes"),
        ("[pin]\nminutes = 100000", "minutes"),
        ("[pin]\nminutes = nan", "minutes"),
        ("[pin]\nminutes = true", "minutes"),
        ("[pin]\nminutes = '10'", "minutes"),
        ("[pin.rules]\nshortest = 0", "shortest"),
        ("[pin.rules]\nshortest = 6.5", "shortest"),
        ("[pin.rules]\nsimple = 0", "simple"),
        ("[pin.rules]\nlongest = 9", "longest"),
        ("[deadlines]\nlogn = 5", "logn"),
        ("[deadlines]\nlogin = -1", "login"),
        ("[deadlines]\nlogin = inf", "login"),
        ("[[pin]]", "pin"),
        ("a = " + "[" * 5000, ""),
    ],
)
def test_what_cannot_be_followed_is_an_error_that_names_it(home: Home, text: str, named: str) -> None:
    settings.path_of(home).write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(ApiError) as caught:
        settings.load(home)
    assert (caught.value.code, caught.value.facts["reason"], caught.value.facts["name"]) == (Code.USAGE, "configuration", str(settings.path_of(home)))
    assert named in caught.value.facts["detail"]


@pytest.mark.promise(9)
def test_a_file_that_cannot_be_read_is_an_error_too(home: Home) -> None:
    settings.path_of(home).mkdir()
    with pytest.raises(ApiError, match="configuration"):
        settings.load(home)
