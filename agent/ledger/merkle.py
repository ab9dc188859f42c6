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


def append(edge: Sequence[bytes], size: int, leaf: bytes) -> tuple[bytes, ...]:
    """The right edge (roots of the perfect subtrees, largest first) of a tree of `size` leaves after one more leaf."""
    out = [*edge, leaf]
    while size & 1:  # each trailing one bit of the old size is a perfect subtree that now pairs up
        right = out.pop()
        out[-1] = node_hash(out[-1], right)
        size >>= 1
    return tuple(out)


def root(edge: Sequence[bytes]) -> bytes:
    """The Merkle tree hash of the tree with this right edge."""
    if not edge:
        return EMPTY
    out = edge[-1]
    for left in reversed(edge[:-1]):
        out = node_hash(left, out)
    return out
