"""The witness is one encoding and no other, tells nothing of the sequence to outsiders, and is read by asn1crypto as it is written."""

import hashlib

import pytest
from asn1crypto import core
from hypothesis import given
from hypothesis import strategies as st

from agent.ledger.witness import SIZE, NotAWitness, Witness, blind, new_salt, parse

HASHES = st.binary(min_size=32, max_size=32)


class LedgerWitness(core.Sequence):
    _fields = [("version", core.Integer), ("org", core.OctetString), ("blind", core.OctetString), ("root", core.OctetString)]  # noqa: RUF012


def _bent(at: int, byte: int) -> bytes:
    good = Witness(bytes(32), bytes(32), bytes(32)).encode()
    return good[:at] + bytes((byte,)) + good[at + 1 :]


@pytest.mark.promise(5)
@given(HASHES, HASHES, HASHES)
def test_what_is_written_is_read_by_others_and_by_us(org: bytes, blinded: bytes, root: bytes) -> None:
    witness = Witness(org, blinded, root)
    encoded = witness.encode()
    assert len(encoded) == SIZE
    assert parse(encoded) == witness
    seen = LedgerWitness.load(encoded, strict=True).native
    assert (seen["version"], seen["org"], seen["blind"], seen["root"]) == (1, org, blinded, root)
    assert LedgerWitness({"version": 1, "org": org, "blind": blinded, "root": root}).dump() == encoded


@given(st.one_of(st.binary(max_size=200), st.builds(_bent, st.integers(0, SIZE - 1), st.integers(0, 255))))
def test_nothing_else_is_a_witness_and_what_is_one_is_its_own_encoding(value: bytes) -> None:
    try:
        seen = parse(value)
    except NotAWitness:
        return
    assert seen.encode() == value


@pytest.mark.parametrize(
    "value", [b"", Witness(bytes(32), bytes(32), bytes(32)).encode() + b"\0", Witness(bytes(32), bytes(32), bytes(32)).encode()[:-1]]
)
def test_trailing_and_missing_bytes_are_refused(value: bytes) -> None:
    with pytest.raises(NotAWitness):
        parse(value)


@given(st.integers(0, 2**64 - 1), st.binary(min_size=32, max_size=32))
def test_the_blind_is_the_documented_hash(seq: int, salt: bytes) -> None:
    assert blind(salt, seq) == hashlib.sha256(salt + seq.to_bytes(8, "big")).digest()


def test_an_entry_without_a_salt_has_no_blind() -> None:
    with pytest.raises(ValueError, match="salt"):
        blind(b"", 1)
    with pytest.raises(OverflowError):
        blind(new_salt(), 2**64)
