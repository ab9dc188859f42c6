"""What the computer remembers of a ledger (promise 7): a smaller or another one is found, and where it parted is narrowed down."""

import hashlib
import itertools
import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.ledger.checkpoint import Checkpoint
from agent.ledger.memory import Broken, Memory, compare, thinned

pytestmark = pytest.mark.promise(7)
ORG = "0f" * 32


def root(size: int, line: str = "ours") -> bytes:
    return hashlib.sha256(f"{line} {size}".encode()).digest()


def seen(size: int) -> Checkpoint:
    return Checkpoint(ORG, size, root(size))


def test_what_was_seen_is_remembered_by_the_next_agent(tmp_path: Path) -> None:
    memory = Memory(tmp_path / "seen.json")
    for size in (1, 5, 9):
        memory.remember("personal", seen(size))
    memory.remember("organisation", Checkpoint("aa" * 32, 3, root(3)))
    again = Memory(tmp_path / "seen.json")
    assert again.trouble is None
    assert [point.size for point in again.points(ORG)] == [1, 5, 9]
    assert again.points("aa" * 32) == (Checkpoint("aa" * 32, 3, root(3)),)
    assert again.points("bb" * 32) == ()
    assert (again.org("personal"), again.org("organisation"), again.org("other")) == (ORG, "aa" * 32, None)
    assert os.stat(tmp_path / "seen.json").st_mode & 0o077 == 0
    assert os.listdir(tmp_path) == ["seen.json"]


def test_the_same_or_a_longer_ledger_is_fine() -> None:
    points = [seen(3), seen(8)]
    assert compare(points, 8, root) is None
    assert compare(points, 80, root) is None
    assert compare([], 0, root) is None


def test_a_smaller_ledger_is_found() -> None:
    assert compare([seen(3), seen(8)], 7, root) == Broken("ledger_smaller", 8, 7, 3)


def test_a_rewritten_ledger_is_found_and_the_stretch_is_named() -> None:
    def rewritten(size: int) -> bytes:
        return root(size, "ours" if size <= 5 else "theirs")

    assert compare([seen(3), seen(5), seen(8), seen(13)], 13, rewritten) == Broken("ledger_forked", 13, 13, 5)


@given(st.lists(st.integers(0, 10**9), min_size=1, max_size=200, unique=True))
def test_of_many_points_the_ends_stay(sizes: list[int]) -> None:
    points = [seen(size) for size in sorted(sizes)]
    kept = thinned(points)
    assert len(kept) == min(len(points), 24)
    assert (kept[0], kept[-1]) == (points[0], points[-1])
    assert [point for point in points if point in kept] == kept


def test_points_are_dense_where_it_is_new() -> None:
    kept: list[Checkpoint] = []
    for size in range(1, 5001):
        kept = thinned([*kept, seen(size)])
    gaps = [b.size - a.size for a, b in itertools.pairwise(kept)]
    assert gaps[-1] == 1
    assert max(gaps[-8:]) < 200


@pytest.mark.parametrize(
    "raw",
    [b"", b"[]", b"{", b'{"x": []}', json.dumps({"named": {}, "ledgers": {ORG: [{"size": "3", "root": "00" * 32}]}}).encode(), b"\xff", b"1" * 2**21],
)
def test_a_memory_that_cannot_be_read_is_told(tmp_path: Path, raw: bytes) -> None:
    (tmp_path / "seen.json").write_bytes(raw)
    memory = Memory(tmp_path / "seen.json")
    assert memory.trouble
    assert memory.points(ORG) == ()
    memory.remember("personal", seen(4))
    # It is not forgotten by being written anew: what the former one knew is lost until somebody has looked at it.
    again = Memory(tmp_path / "seen.json")
    assert (memory.trouble, again.trouble, again.points(ORG)) == ("seen.damaged", "seen.damaged", (seen(4),))
    assert (tmp_path / "seen.damaged").read_bytes() == raw
    (tmp_path / "seen.damaged").unlink()
    assert Memory(tmp_path / "seen.json").trouble is None


def test_a_memory_that_cannot_be_written_is_told_and_nothing_is_left_behind(tmp_path: Path) -> None:
    (tmp_path / "seen.json").mkdir()
    memory = Memory(tmp_path / "seen.json")
    memory.remember("personal", seen(4))
    assert memory.trouble
    assert memory.points(ORG) == (seen(4),)
    assert os.listdir(tmp_path) == ["seen.json"]
