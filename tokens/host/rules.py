"""What a new PIN must be like, judged where the PIN is and before anything is sent to the token."""

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

from tokens.errors import PinUnacceptable
from tokens.host.cryptoki import SlotToken

_RUN_LEAVES = 2
"""A run that leaves no more than this many other characters makes the whole PIN simple (123456a)."""


def judge(new: bytes | bytearray, slot: SlotToken, rules: Mapping[str, Any] | None, *, security_officer: bool = False) -> None:
    """Raise `PinUnacceptable` (too_short, too_long with facts shortest, longest; simple; one_kind) unless the PIN will do.

    `rules` are those of `tokens.types.PinRules`, or None where only the token's own limits count.  Of an SO PIN, which stays in a
    safe and may be random, only the length is judged.
    """
    text = new.decode("utf-8", errors="replace")
    shortest = max(slot.pin_shortest, rules["shortest"] if rules else 1)
    longest = slot.pin_longest or None
    if len(new) < slot.pin_shortest or len(text) < shortest:
        raise PinUnacceptable(reason="too_short", shortest=shortest, longest=longest)
    if longest is not None and len(new) > longest:
        raise PinUnacceptable(reason="too_long", shortest=shortest, longest=longest)
    if rules is None or security_officer:
        return
    if not rules["simple"] and simple(text):
        raise PinUnacceptable(reason="simple")
    if rules["letters_and_digits"] and not (any(c.isalpha() for c in text) and any(c.isdigit() for c in text)):
        raise PinUnacceptable(reason="one_kind")


def simple(pin: str) -> bool:
    """Whether a PIN is repetitions and runs: 111111, 123456, 654321, abcdef, 123123, 112233, 123456a."""
    if any(pin == (pin[:size] * len(pin))[: len(pin)] for size in range(1, len(pin) // 2 + 1)):
        return True
    steps = [ord(later) - ord(earlier) for earlier, later in pairwise(pin)]
    if all(step in (-1, 0, 1) for step in steps):
        return True
    longest = run = 1
    for place, step in enumerate(steps):
        run = run + 1 if run > 1 and step == steps[place - 1] else (2 if step in (-1, 0, 1) else 1)
        longest = max(longest, run)
    return longest >= max(4, len(pin) - _RUN_LEAVES)
