"""One flipped bit anywhere in a signed PDF: it does not pass, or what it touched is told as not protected."""

import random
from collections.abc import Callable, Iterator

import pytest

from tests.verification.attacks.material import gap
from tests.verification.conftest import Signing, Verifier, blank_pdf
from tests.verification.test_fuzz import flip, unnoticed


def places(data: bytes, soak: bool) -> Iterator[tuple[int, int]]:
    """Where to flip and which bit: everywhere in the long run, else a thousand places, half of them in the signature data that is filled."""
    chance = random.Random(4)
    if soak:
        yield from ((at, 1 << chance.randrange(8)) for at in range(len(data)))
        return
    start, end = gap(data)
    filled = len(data[start:end].rstrip(b"0>"))
    for _ in range(500):
        yield chance.randrange(len(data)), 1 << chance.randrange(8)
        yield start + chance.randrange(filled), 1 << chance.randrange(8)


@pytest.mark.promise(10)
def test_no_flipped_bit_of_a_pdf_passes_unnoticed(check: Verifier, signing: Signing, soak: bool) -> None:
    data = signing.sign(blank_pdf(lines=2))
    assert check(data)["verdict"] == "passed"
    assert not [(at, bit) for at, bit in places(data, soak) if unnoticed(check(flip(data, at, bit)))]


@pytest.mark.promise(10)
def test_a_flipped_bit_in_a_later_revision_never_helps(check: Verifier, signing: Signing, times: Callable[[int, int], int]) -> None:
    once = signing.but(box=(100, 100, 300, 160)).sign(blank_pdf(lines=2))
    twice = signing.but(field="Sig2", box=(320, 100, 500, 160)).sign(once)
    chance = random.Random(5)
    flipped = [(len(once) + chance.randrange(len(twice) - len(once)), 1 << chance.randrange(8)) for _ in range(times(150, 5000))]
    assert not [(at, bit) for at, bit in flipped if unnoticed(check(flip(twice, at, bit)))]
