"""Tree hashing of RFC 9162 section 2.1 as pure functions over a right edge, so that appending costs O(log n)."""

import hashlib
from collections.abc import Sequence

EMPTY = hashlib.sha256(b"").digest()
"""MTH({}) (RFC 9162 2.1.1)."""


def leaf_hash(entry: bytes) -> bytes:
    """HASH(0x00 || entry)."""
    return hashlib.sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """HASH(0x01 || left || right)."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def grow(edge: Sequence[bytes], size: int, leaf: bytes) -> tuple[tuple[bytes, ...], tuple[bytes, ...]]:
    """The right edge (roots of the perfect subtrees, largest first) of a tree of `size` leaves after one more leaf, and the hashes of the
    perfect subtrees that this leaf completed: itself first, each further one twice as large."""
    out, completed = list(edge), [leaf]
    while size & 1:  # each trailing one bit of the old size is a perfect subtree that now pairs up
        completed.append(node_hash(out.pop(), completed[-1]))
        size >>= 1
    out.append(completed[-1])
    return tuple(out), tuple(completed)


def append(edge: Sequence[bytes], size: int, leaf: bytes) -> tuple[bytes, ...]:
    """The right edge of a tree of `size` leaves after one more leaf."""
    return grow(edge, size, leaf)[0]


def root(edge: Sequence[bytes]) -> bytes:
    """The Merkle tree hash of the tree with this right edge."""
    if not edge:
        return EMPTY
    out = edge[-1]
    for left in reversed(edge[:-1]):
        out = node_hash(left, out)
    return out
