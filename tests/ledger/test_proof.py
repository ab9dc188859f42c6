"""Proofs over the tree (promise 7): published vectors, a second program as oracle, and every small tree against the standard's verifier."""

import hashlib
from collections.abc import Mapping, Sequence

import pymerkle
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.ledger import merkle, proof

pytestmark = pytest.mark.promise(7)

INPUTS = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"]
ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
INCLUSION = [
    (0, 1, []),
    (
        0,
        8,
        [
            "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
        ],
    ),
    (
        5,
        8,
        [
            "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
            "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        ],
    ),
    (2, 3, ["fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"]),
    (
        1,
        5,
        [
            "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        ],
    ),
]
CONSISTENCY = [
    (1, 1, []),
    (
        1,
        8,
        [
            "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
        ],
    ),
    (
        6,
        8,
        [
            "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
            "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        ],
    ),
    (
        2,
        5,
        [
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        ],
    ),
    (
        6,
        7,
        [
            "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
            "b08693ec2e721597130641e8211e7eedccb4c26413963eee6c1e2ed16ffb1a5f",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        ],
    ),
]


class Tree:
    """A log in memory that stores what the real one stores beside each entry."""

    def __init__(self, entries: Sequence[bytes]) -> None:
        self.leaves = [merkle.leaf_hash(entry) for entry in entries]
        self.roots = [merkle.EMPTY]
        self.rows: list[bytes] = []
        edge: tuple[bytes, ...] = ()
        for size, leaf in enumerate(self.leaves):
            edge, completed = merkle.grow(edge, size, leaf)
            self.rows.append(b"".join(completed))
            self.roots.append(merkle.root(edge))

    def read(self, nodes: Sequence[proof.Node]) -> Mapping[proof.Node, bytes]:
        found = {}
        for row in {node.row for node in nodes}:
            found.update(proof.of_row(row, self.rows[row]))
        return found

    def made(self, covers: Sequence[proof.Cover]) -> tuple[bytes, ...]:
        return proof.hashes(covers, self.read(proof.needed(covers)))

    def inclusion(self, seq: int, size: int) -> tuple[bytes, ...]:
        return self.made(proof.inclusion(seq, size))

    def consistency(self, first: int, second: int) -> tuple[bytes, ...]:
        return self.made(proof.consistency(first, second))


PUBLISHED = Tree([bytes.fromhex(each) for each in INPUTS])


def test_roots_are_those_published() -> None:
    assert [root.hex() for root in PUBLISHED.roots[1:]] == ROOTS


@pytest.mark.parametrize(("seq", "size", "path"), INCLUSION)
def test_inclusion_proofs_are_those_published(seq: int, size: int, path: list[str]) -> None:
    assert [each.hex() for each in PUBLISHED.inclusion(seq, size)] == path
    proof.check_inclusion(seq, size, PUBLISHED.leaves[seq], PUBLISHED.inclusion(seq, size), PUBLISHED.roots[size])


@pytest.mark.parametrize(("first", "second", "path"), CONSISTENCY)
def test_consistency_proofs_are_those_published(first: int, second: int, path: list[str]) -> None:
    assert [each.hex() for each in PUBLISHED.consistency(first, second)] == path
    proof.check_consistency(first, second, PUBLISHED.consistency(first, second), PUBLISHED.roots[first], PUBLISHED.roots[second])


def corrupted(path: Sequence[bytes], root: bytes) -> list[tuple[bytes, ...]]:
    """A path as it must not be: one bit flipped anywhere, a hash more or less at either end, order changed."""
    wrong = [(*path, b""), (*path, root), (b"", *path), (root, *path), tuple(path[:-1]), tuple(path[1:])] if path else [(root,)]
    wrong += [(*path[:n], bytes([path[n][0] ^ 8]) + path[n][1:], *path[n + 1 :]) for n in range(len(path))]
    wrong += [tuple(reversed(path))] if len(path) > 1 else []
    return wrong


def refused(check: object, *args: object) -> bool:
    try:
        check(*args)  # type: ignore[operator]
    except proof.ProofError:
        return True
    return False


@pytest.mark.parametrize(("seq", "size"), [(seq, size) for seq, size, _ in INCLUSION])
def test_no_other_inclusion_proof_holds(seq: int, size: int) -> None:
    leaf, path, root = PUBLISHED.leaves[seq], PUBLISHED.inclusion(seq, size), PUBLISHED.roots[size]
    other = hashlib.sha256(b"other").digest()
    for wrong in corrupted(path, root):
        assert refused(proof.check_inclusion, seq, size, leaf, wrong, root)
    for index, count in ((seq - 1, size), (seq + 1, size), (seq ^ 2, size), (seq, size * 2), (seq, size // 2), (-1, size), (0, 0)):
        assert refused(proof.check_inclusion, index, count, leaf, path, root)
    for one_leaf, one_root in ((other, root), (leaf, other), (b"", root), (leaf, b""), (leaf, merkle.EMPTY)):
        assert refused(proof.check_inclusion, seq, size, one_leaf, path, one_root)


@pytest.mark.parametrize(("first", "second"), [(first, second) for first, second, path in CONSISTENCY if path])
def test_no_other_consistency_proof_holds(first: int, second: int) -> None:
    path, a, b = PUBLISHED.consistency(first, second), PUBLISHED.roots[first], PUBLISHED.roots[second]
    for wrong in [*corrupted(path, a), (), (*path, b), (b, *path), (path[0], *path)]:
        assert refused(proof.check_consistency, first, second, wrong, a, b)
    for one, two in ((first - 1, second), (first + 1, second), (first ^ 2, second), (first, second * 2), (first, second // 2), (-1, second)):
        assert refused(proof.check_consistency, one, two, path, a, b)
    for one, two in ((b, a), (merkle.EMPTY, b), (a, merkle.EMPTY), (b"", b), (a, b"")):
        assert refused(proof.check_consistency, first, second, path, one, two)


def test_empty_and_equal_trees() -> None:
    root, empty = PUBLISHED.roots[5], merkle.EMPTY
    proof.check_consistency(0, 0, (), empty, empty)
    proof.check_consistency(0, 5, (), empty, root)
    proof.check_consistency(5, 5, (), root, root)
    assert PUBLISHED.consistency(0, 5) == PUBLISHED.consistency(5, 5) == ()
    for args in ((0, 0, (), root, root), (5, 5, (), root, empty), (5, 5, (root,), root, root), (0, 5, (), root, root), (5, 0, (), root, empty)):
        assert refused(proof.check_consistency, *args)
    assert refused(proof.inclusion, 0, 0)
    assert refused(proof.consistency, 3, 2)


@given(st.lists(st.binary(max_size=20), min_size=1, max_size=40), st.data())
@settings(max_examples=60)
def test_every_proof_holds_and_a_second_program_makes_the_same(entries: list[bytes], data: st.DataObject) -> None:
    tree = Tree(entries)
    oracle = pymerkle.InmemoryTree.init_from_entries(entries, algorithm="sha256")
    size = data.draw(st.integers(1, len(entries)))
    seq = data.draw(st.integers(0, size - 1))
    path = tree.inclusion(seq, size)
    proof.check_inclusion(seq, size, tree.leaves[seq], path, tree.roots[size])
    theirs = oracle.prove_inclusion(seq + 1, size)
    assert oracle.get_root(size) == tree.roots[size]
    assert theirs.path[1:] == list(path)
    first = data.draw(st.integers(0, size))
    consistent = tree.consistency(first, size)
    proof.check_consistency(first, size, consistent, tree.roots[first], tree.roots[size])
    assert list(consistent) == (_proof(first, tree.leaves[:size], True) if first else [])
    if first:
        theirs_too = oracle.prove_consistency(first, size)
        assert (theirs_too.retrieve_prior_state(), theirs_too.compute_root()) == (tree.roots[first], tree.roots[size])


def _root(leaves: Sequence[bytes]) -> bytes:
    """MTH of RFC 9162, 2.1.1, word for word."""
    if len(leaves) == 1:
        return leaves[0]
    k = 1 << ((len(leaves) - 1).bit_length() - 1)
    return merkle.node_hash(_root(leaves[:k]), _root(leaves[k:]))


def _proof(m: int, leaves: Sequence[bytes], whole: bool) -> list[bytes]:
    """SUBPROOF of RFC 9162, 2.1.4.1, word for word."""
    if m == len(leaves):
        return [] if whole else [_root(leaves)]
    k = 1 << ((len(leaves) - 1).bit_length() - 1)
    if m <= k:
        return [*_proof(m, leaves[:k], whole), _root(leaves[k:])]
    return [*_proof(m - k, leaves[k:], False), _root(leaves[:k])]


@given(st.integers(0, 2**40), st.integers(0, 2**12))
def test_a_cover_is_the_range_from_left_to_right(begin: int, length: int) -> None:
    at = begin
    for node in proof.cover(begin, begin + length):
        assert node.place << node.level == at
        at += 1 << node.level
        assert node.row == at - 1
    assert at == begin + length


def test_a_row_holds_as_many_hashes_as_its_number_says() -> None:
    for seq, row in enumerate(PUBLISHED.rows):
        assert [node.row for node, _ in proof.of_row(seq, row)] == [seq] * (len(row) // 32)
        assert refused(lambda seq=seq, row=row: list(proof.of_row(seq, row + bytes(32))))
        assert refused(lambda seq=seq, row=row: list(proof.of_row(seq, row[:-1])))


def test_a_proof_in_a_large_tree_reads_few_rows() -> None:
    for size in (1000, 1_000_000, 10**9):
        for seq in (0, size // 3, size - 1):
            assert len(proof.needed(proof.inclusion(seq, size))) <= 2 * size.bit_length()
