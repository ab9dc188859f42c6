"""PIN rules, identities, settings and profiles, tried with whatever chance comes up with."""

from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from agent.inventory.settings import Settings, parse
from tokens.errors import PinUnacceptable
from tokens.host.cryptoki import SlotToken
from tokens.host.rules import judge, simple
from tokens.hosts import Deadlines
from tokens.identity import Identity, meaningful
from tokens.profiles import PROFILES, profile_of
from tokens.types import ModuleRef

SLOT = SlotToken(0, "", pin_shortest=4, pin_longest=32)
words = st.sampled_from(["", "a", "b", "0000", "1234567890ab"])
identities = st.builds(Identity, words, words.map(meaningful), words, st.frozensets(st.sampled_from("xyz"), max_size=2))


@given(identities, identities)
def test_identity_is_symmetric_and_reflexive(one: Identity, other: Identity) -> None:
    assert one.same(other) == other.same(one)
    assert one.same(one)
    if one.same(other):
        assert one.module == other.module
        assert one.serial == other.serial
        assert one.serial or one.label == other.label
        assert not (one.certificates and other.certificates) or one.certificates & other.certificates


@given(st.text(max_size=40), st.integers(4, 12), st.booleans(), st.booleans())
def test_a_pin_that_is_let_through_keeps_every_rule(pin: str, shortest: int, lax: bool, both: bool) -> None:
    raw = bytearray(pin.encode("utf-8"))
    try:
        judge(raw, SLOT, {"shortest": shortest, "simple": lax, "letters_and_digits": both})
    except PinUnacceptable:
        return
    assert len(pin) >= shortest
    assert 4 <= len(raw) <= 32
    assert lax or not simple(pin)
    assert not both or (any(c.isalpha() for c in pin) and any(c.isdigit() for c in pin))


@pytest.mark.promise(2)
@given(st.characters(categories=("Nd", "Ll")), st.integers(1, 3), st.integers(2, 12), st.integers(-1, 1))
def test_repetitions_and_runs_are_simple_forwards_and_backwards(first: str, size: int, times: int, step: int) -> None:
    block = "".join(chr(ord(first) + n) for n in range(size))
    run = "".join(chr(ord(first) + 12 + step * n) for n in range(6))
    for pin in (block * times, run, run + "x"):
        assume(len(pin) >= 2)
        assert simple(pin)
        assert simple(pin[::-1])


scalars = st.none() | st.booleans() | st.integers(-5, 5000) | st.floats() | st.sampled_from(["set", "signature", "minutes", "x"])
tables = st.dictionaries(st.sampled_from(["scope", "minutes", "rules", "shortest", "simple", "sign", "login", "x"]), scalars, max_size=3)
raws = st.dictionaries(
    st.sampled_from(["pin", "deadlines", "x"]),
    scalars | tables | st.fixed_dictionaries({}, optional={"rules": tables, "scope": scalars, "minutes": scalars}),
    max_size=3,
)


@pytest.mark.promise(9)
@given(raws)
@settings(max_examples=300)
def test_settings_are_followed_as_written_or_refused(raw: dict[str, Any]) -> None:
    try:
        found = parse(raw)
    except ValueError:
        return
    pin = raw.get("pin", {})
    rules = pin.get("rules", {})
    default = Settings()
    assert set(raw) <= {"pin", "deadlines"}
    assert found.pin_scope == pin.get("scope", default.pin_scope)
    assert found.minutes == pin.get("minutes", default.minutes)
    assert 1 <= found.minutes <= 480
    assert found.rules.shortest == rules.get("shortest", default.rules.shortest) >= 4
    assert found.rules.simple is rules.get("simple", default.rules.simple)
    assert dict(found.deadlines) == raw.get("deadlines", {})
    for profile in PROFILES:
        Deadlines.of(profile, found.deadlines)


@given(st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=60), st.text(max_size=20))
def test_whatever_a_module_is_called_it_has_one_profile_and_the_network_by_no_accident(path: str, name: str) -> None:
    found = profile_of(ModuleRef(name, "/" + path, "added"))
    assert found == profile_of(ModuleRef(name, "/" + path, "added"))
    assert found.deadlines is not None
