"""The reader of keys: whatever is written, it finds the keys that have two values, and only those."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.verification.pdf_keys import doubled_key

NAMES = st.sampled_from([b"/A", b"/B", b"/Contents", b"/#41", b"/Kids"])
ATOMS = st.sampled_from([b"1", b"-2.5", b"true", b"null", b"7 0 R", b"/Name", b"(a\\)(b) /A 1)", b"<0aFF>", b"() ", b"[1 /A 2 /A]"])
SPACES = st.sampled_from([b" ", b"\n", b"\r\n% /A 1 >>\n", b"\t\0"])


@st.composite
def dictionaries(draw: st.DrawFn, depth: int = 2) -> tuple[bytes, bool]:
    """A dictionary as text, and whether it or one inside gives a key two values."""
    out, known, doubled = b"<<", {}, False
    for _ in range(draw(st.integers(0, 5))):
        key = draw(NAMES)
        value = draw(ATOMS)
        if depth and draw(st.booleans()):
            value, inside = draw(dictionaries(depth - 1))
            doubled |= inside
        plain = key.replace(b"#41", b"A")
        doubled |= known.setdefault(plain, b" ".join(value.split())) != b" ".join(value.split())
        out += draw(SPACES) + key + draw(SPACES) + value
    return out + draw(SPACES) + b">>", doubled


@settings(deadline=None, derandomize=True)
@given(dictionaries())
def test_doubled_keys_are_found_and_no_others(made: tuple[bytes, bool]) -> None:
    text, doubled = made
    assert (doubled_key(text + b"\nendobj") is not None) is doubled
    assert (doubled_key(b"[1 " + text + b"]") is not None) is doubled


@settings(deadline=None, derandomize=True)
@given(st.binary(max_size=200))
def test_what_is_no_object_is_refused_and_nothing_else_happens(data: bytes) -> None:
    try:
        doubled_key(data)
    except ValueError:
        pass


@pytest.mark.parametrize("text", [b"", b"<<", b"<</A 1", b">>", b"]", b"[>>", b"(", b"<</A (", b"[" * 500])
def test_broken_objects(text: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        doubled_key(text)


def test_keys_in_other_dictionaries_are_their_own() -> None:
    assert doubled_key(b"<</A<</A 1>>/B[<</A 1>><</A 2>>]>>") is None
    assert doubled_key(b"<</A 7 0 R/A 8 0 R>>") == "/A"
    assert doubled_key(b"<</A 7 0 R/A  7 0 R>>") is None
    assert doubled_key(b"<</A/B/B/A>>") is None
    assert doubled_key(b"<</P 7 0 R/Q<</X 1/X 2>>>>") == "/X"
