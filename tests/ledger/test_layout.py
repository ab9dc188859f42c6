"""The short way of checking a signature says yes to nothing that the long way refuses (promise 7)."""

import asyncio
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

from agent.cades import check as cades
from agent.cades import layout, oids
from agent.ledger import signed, statement
from agent.ledger.signed import CheckFailed
from tests.ledger.test_signed import Key
from tests.signing.pen import NOW, Person, person
from tokens.types import SignatureScheme

pytestmark = pytest.mark.promise(7)


def made(who: Person, n: int) -> tuple[bytes, bytes]:
    raw = statement.make("a.b", {"n": n}, org="a" * 64, device="W1", at=NOW).canonical()
    return raw, asyncio.run(signed.sign_with(Key(who), raw, NOW + timedelta(seconds=n)))


@pytest.fixture(scope="module")
def who() -> Person:
    return person("SECP256R1")


@pytest.fixture
def first(who: Person, monkeypatch: pytest.MonkeyPatch) -> tuple[bytes, bytes]:
    """A signature whose form is remembered, and nothing else is."""
    monkeypatch.setattr(cades, "_LAYOUTS", layout.Layouts())
    raw, cms = made(who, 0)
    signed.check(raw, cms)
    return raw, cms


def test_signatures_of_one_form_are_known_again(first: tuple[bytes, bytes], who: Person) -> None:
    known = 0
    for n in range(1, 20):
        raw, cms = made(who, n)
        found = cades._alike(raw, cms, oids.STATEMENT)
        known += found is not None
        assert found in (None, signed.check(raw, cms))
    assert known


def test_not_one_bit_may_differ(first: tuple[bytes, bytes]) -> None:
    raw, cms = first
    assert cades._alike(raw, cms, oids.STATEMENT) == signed.check(raw, cms)
    for at in range(len(cms)):
        for bit in range(8):
            changed = cms[:at] + bytes([cms[at] ^ 1 << bit]) + cms[at + 1 :]
            assert cades._alike(raw, changed, oids.STATEMENT) is None
    assert cades._alike(raw + b" ", cms, oids.STATEMENT) is None
    assert cades._alike(raw, cms, "1.2.840.113549.1.7.1") is None
    assert cades._alike(raw, cms + b"\0", oids.STATEMENT) is None
    assert cades._alike(raw, b"", oids.STATEMENT) is None


def test_the_other_value_that_is_valid_alike_is_refused(first: tuple[bytes, bytes]) -> None:
    raw, cms = first
    known = cades._LAYOUTS.find(oids.STATEMENT, cms)
    assert known
    r, s = decode_dss_signature(cms[known.value :])
    other = encode_dss_signature(r, known.order - s)
    if len(other) == len(cms) - known.value:
        assert cades._alike(raw, cms[: known.value] + other, oids.STATEMENT) is None
        with pytest.raises(CheckFailed):
            signed.check(raw, cms[: known.value] + other)


@pytest.mark.parametrize(
    "told", [b"261322030000Z", b"260022030000Z", b"2611220300 0Z", b"261122030000z", b"26112203000.Z", b"611122030000Z", b"-61122030000Z"]
)
def test_times_are_read_as_the_long_way_reads_them(first: tuple[bytes, bytes], who: Person, told: bytes) -> None:
    """Signed over with its odd time: only its form can refuse it."""
    raw, cms = first
    known = cades._LAYOUTS.find(oids.STATEMENT, cms)
    assert known
    at = cms.index(b"\x17\x0d", known.attributes.start) + 2
    changed = cms[:at] + told + cms[at + 13 :]
    value = b""
    while len(value) != len(cms) - known.value:
        value = cades.low(who.sign(SignatureScheme.ECDSA_SHA256, b"\x31" + changed[known.attributes][1:]), "secp256r1")
    changed = changed[: known.value] + value
    assert cades._alike(raw, changed, oids.STATEMENT) is None
    with pytest.raises(CheckFailed):
        signed.check(raw, changed)
