"""Proofs over the tree (RFC 9162, 2.1.3 and 2.1.4) as pure functions: which stored hashes a proof is made of, and whether a proof holds.

The log stores, beside each entry, the hashes of the perfect subtrees that this entry completed.  A proof is a list of hashes of ranges of
leaves; each range is covered by a few such subtrees, so that making a proof reads O(log n) rows whatever was entered since.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple, TypeAlias

from agent.ledger import merkle

HASH_SIZE = 32


class ProofError(ValueError):
    """A proof that does not hold, or that cannot be one."""


class Node(NamedTuple):
    """A perfect subtree: `2 ** level` leaves from leaf `place * 2 ** level` on."""

    level: int
    place: int

    @property
    def row(self) -> int:
        """The entry that completed it, and beside which its hash is stored (as item number `level`)."""
        return ((self.place + 1) << self.level) - 1


Cover: TypeAlias = tuple[Node, ...]
"""The perfect subtrees of one range of leaves, from left to right: together they give the hash of that range."""


def cover(begin: int, end: int) -> Cover:
    """The subtrees that make up leaves `begin` to `end` (exclusive), the largest that fit first."""
    found = []
    while begin < end:
        level = (end - begin).bit_length() - 1
        if begin:
            level = min(level, (begin & -begin).bit_length() - 1)
        found.append(Node(level, begin >> level))
        begin += 1 << level
    return tuple(found)


def inclusion(seq: int, size: int) -> tuple[Cover, ...]:
    """What the inclusion proof of entry `seq` in the tree of `size` entries is made of (PATH of RFC 9162, 2.1.3.1); raises `ProofError`."""
    if not 0 <= seq < size:
        raise ProofError("no such entry in a tree of this size")
    found = []
    begin, end = 0, size
    while end - begin > 1:
        middle = begin + _split(end - begin)
        if seq < middle:
            found.append(cover(middle, end))
            end = middle
        else:
            found.append(cover(begin, middle))
            begin = middle
    return tuple(reversed(found))


def consistency(first: int, second: int) -> tuple[Cover, ...]:
    """What the proof is made of that the tree of `second` entries extends that of `first` (PROOF of RFC 9162, 2.1.4.1); raises `ProofError`."""
    if not 0 <= first <= second:
        raise ProofError("the earlier tree is larger")
    if first in (0, second):
        return ()
    found = []
    begin, end, whole = 0, second, True
    while first < end:
        middle = begin + _split(end - begin)
        if first <= middle:
            found.append(cover(middle, end))
            end = middle
        else:
            found.append(cover(begin, middle))
            begin, whole = middle, False
    if not whole:
        found.append(cover(begin, end))
    return tuple(reversed(found))


def _split(n: int) -> int:
    """The largest power of two smaller than n."""
    return 1 << ((n - 1).bit_length() - 1)


def needed(covers: Sequence[Cover]) -> tuple[Node, ...]:
    """Every subtree whose stored hash has to be read for these ranges."""
    return tuple(node for each in covers for node in each)


def hashes(covers: Sequence[Cover], stored: Mapping[Node, bytes]) -> tuple[bytes, ...]:
    """The proof itself; `stored` holds at least what `needed` names."""
    return tuple(merkle.root([stored[node] for node in each]) for each in covers)


def of_row(seq: int, nodes: bytes) -> Iterator[tuple[Node, bytes]]:
    """The subtrees whose hashes are stored beside entry `seq`: one more than its number has trailing one bits; raises `ProofError`."""
    count = (seq ^ (seq + 1)).bit_length()
    if len(nodes) != count * HASH_SIZE:
        raise ProofError("the stored hashes of this entry have the wrong length")
    for level in range(count):
        yield Node(level, seq >> level), nodes[level * HASH_SIZE : (level + 1) * HASH_SIZE]


def root_by_inclusion(seq: int, size: int, leaf: bytes, path: Sequence[bytes]) -> bytes:
    """The root that follows from an inclusion proof (RFC 9162, 2.1.3.2); raises `ProofError` for what cannot be one."""
    if not 0 <= seq < size:
        raise ProofError("no such entry in a tree of this size")
    _check_sizes(leaf, *path)
    fn, sn, root = seq, size - 1, leaf
    for each in path:
        if sn == 0:
            raise ProofError("the proof is too long")
        if fn & 1 or fn == sn:
            root = merkle.node_hash(each, root)
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            root = merkle.node_hash(root, each)
        fn, sn = fn >> 1, sn >> 1
    if sn:
        raise ProofError("the proof is too short")
    return root


def check_inclusion(seq: int, size: int, leaf: bytes, path: Sequence[bytes], root: bytes) -> None:
    """Raise `ProofError` unless the proof shows that the entry with this leaf hash is number `seq` in the tree of `size` with this root."""
    if root_by_inclusion(seq, size, leaf, path) != root:
        raise ProofError("the proof leads to another root")


def check_consistency(first: int, second: int, path: Sequence[bytes], first_root: bytes, second_root: bytes) -> None:
    """Raise `ProofError` unless the proof shows that the later tree only adds to the earlier one (RFC 9162, 2.1.4.2)."""
    _check_sizes(first_root, second_root, *path)
    if not 0 <= first <= second:
        raise ProofError("the earlier tree is larger")
    if first in (0, second):
        if path or (first == second and first_root != second_root) or (first == 0 and first_root != merkle.EMPTY):
            raise ProofError("no proof is due here, and the roots must be equal or the first one empty")
        return
    if not path:
        raise ProofError("the proof is too short")
    rest = list(path) if first & (first - 1) else [first_root, *path]
    fn, sn = first - 1, second - 1
    while fn & 1:
        fn, sn = fn >> 1, sn >> 1
    fr = sr = rest[0]
    for each in rest[1:]:
        if sn == 0:
            raise ProofError("the proof is too long")
        if fn & 1 or fn == sn:
            fr, sr = merkle.node_hash(each, fr), merkle.node_hash(each, sr)
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            sr = merkle.node_hash(sr, each)
        fn, sn = fn >> 1, sn >> 1
    if sn:
        raise ProofError("the proof is too short")
    if fr != first_root or sr != second_root:
        raise ProofError("the proof leads to other roots")


def _check_sizes(*items: bytes) -> None:
    if any(len(each) != HASH_SIZE for each in items):
        raise ProofError("a hash has 32 bytes")
