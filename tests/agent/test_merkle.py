"""The Merkle log (promise 5, S75): roots by RFC 9162, checked against a second, naive reading of the standard."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.ledger import merkle


def naive_root(leaves: list[bytes]) -> bytes:
    """MTH(D_n) word for word from RFC 9162, 2.1.1."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    return hashlib.sha256(b"\x01" + naive_root(leaves[:k]) + naive_root(leaves[k:])).digest()


@given(st.lists(st.binary(max_size=40), max_size=70))
def test_appending_one_by_one_gives_the_root_of_the_whole_tree(entries: list[bytes]) -> None:
    edge: tuple[bytes, ...] = ()
    for size, entry in enumerate(entries):
        edge = merkle.append(edge, size, merkle.leaf_hash(entry))
        assert len(edge) == (size + 1).bit_count()
    assert merkle.root(edge) == naive_root([merkle.leaf_hash(entry) for entry in entries])


def test_published_vectors() -> None:
    """RFC 6962 test vectors as published with the reference implementations."""
    inputs = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"]
    roots = {
        1: "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        2: "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        3: "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        8: "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    }
    edge: tuple[bytes, ...] = ()
    for size, entry in enumerate(inputs):
        edge = merkle.append(edge, size, merkle.leaf_hash(bytes.fromhex(entry)))
        if expected := roots.get(size + 1):
            assert merkle.root(edge).hex() == expected
    assert merkle.root(()) == hashlib.sha256(b"").digest()


@pytest.mark.parametrize("size", [1, 2, 7, 64])
def test_a_changed_entry_changes_the_root(size: int) -> None:
    def root_of(entries: list[bytes]) -> bytes:
        edge: tuple[bytes, ...] = ()
        for n, entry in enumerate(entries):
            edge = merkle.append(edge, n, merkle.leaf_hash(entry))
        return merkle.root(edge)

    entries = [bytes([n]) for n in range(size)]
    for n in range(size):
        assert root_of([*entries[:n], b"forged", *entries[n + 1 :]]) != root_of(entries)
