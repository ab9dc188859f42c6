"""What a new PIN must be like."""

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokens.errors import PinUnacceptable
from tokens.host.cryptoki import SlotToken
from tokens.host.rules import judge, simple

pytestmark = pytest.mark.promise(2)
RULES = {"shortest": 6, "simple": False, "letters_and_digits": False}
SLOT = SlotToken(0, "", pin_shortest=4, pin_longest=16)


@pytest.mark.parametrize(
    "pin", ["111111", "123456", "654321", "abcdef", "123123", "112233", "121212", "123456a", "a123456", "12345678", "1234567800", "甲甲甲甲甲甲"]
)
def test_repetitions_and_runs_are_simple(pin: str) -> None:
    assert simple(pin)
    with pytest.raises(PinUnacceptable, match="simple"):
        judge(pin.encode(), SlotToken(0, ""), RULES)


@pytest.mark.parametrize("pin", ["482615", "73914628", "aB3xY9", "147258", "x1y2z3", "99713355", "印章第一二四"])
def test_others_are_not(pin: str) -> None:
    assert not simple(pin)
    judge(pin.encode(), SlotToken(0, ""), RULES)


@given(st.text(alphabet="0123456789", min_size=6, max_size=12), st.integers(2, 3))
def test_whatever_is_said_twice_is_simple(piece: str, times: int) -> None:
    assert simple(piece * times)


@given(st.binary(max_size=40), st.integers(0, 20), st.booleans(), st.booleans())
def test_every_pin_is_judged_and_none_is_told(pin: bytes, shortest: int, lenient: bool, kinds: bool) -> None:
    told: Mapping[str, object] | None = None
    try:
        judge(pin, SLOT, {"shortest": shortest, "simple": lenient, "letters_and_digits": kinds})
    except PinUnacceptable as exc:
        told = exc.facts
    if told is None:
        assert 4 <= len(pin) <= 16
        assert len(pin.decode("utf-8", errors="replace")) >= shortest
    else:
        assert set(told) <= {"reason", "shortest", "longest"}


def _reason(pin: str, rules: Mapping[str, object] | None, **more: bool) -> object:
    with pytest.raises(PinUnacceptable) as caught:
        judge(pin.encode(), SLOT, rules, **more)
    return caught.value.facts


def test_lengths_and_kinds() -> None:
    assert _reason("4826", RULES) == {"reason": "too_short", "shortest": 6, "longest": 16}
    assert _reason("482", None) == {"reason": "too_short", "shortest": 4, "longest": 16}
    assert _reason("48261" * 4, None) == {"reason": "too_long", "shortest": 4, "longest": 16}
    assert _reason("印章六个字符多", RULES) == {"reason": "too_long", "shortest": 6, "longest": 16}  # 21 bytes: the token counts bytes
    assert _reason("482615", {**RULES, "letters_and_digits": True}) == {"reason": "one_kind"}
    assert _reason("", None) == {"reason": "too_short", "shortest": 4, "longest": 16}
    judge(b"48261a", SLOT, {**RULES, "letters_and_digits": True})
    judge(b"1111", SLOT, None)
    judge(b"111111", SLOT, {**RULES, "simple": True})


def test_of_an_so_pin_only_the_length_counts() -> None:
    judge(b"12345678", SLOT, RULES, security_officer=True)
    assert _reason("12345", RULES, security_officer=True) == {"reason": "too_short", "shortest": 6, "longest": 16}
