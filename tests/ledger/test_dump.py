"""An exported ledger (promise 7): no byte of it can change, no line can go, come or move without being found."""

import functools
import io
import os
import random
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.ledger import checking, dump
from agent.ledger.checking import Report, Run
from tests.ledger.ledgers import Book, book, device

pytestmark = pytest.mark.promise(7)
SOAK = bool(os.environ.get("YINXIN_SOAK"))
BOOK = book(50)
WHOLE = BOOK.dump()
LINES = WHOLE.splitlines(keepends=True)
examine = functools.lru_cache(200)(checking.examine)


def check(raw: bytes) -> Report:
    found = dump.Dump(io.BytesIO(raw))
    run = Run(found.claims())
    for row in found.rows():
        if row is None:
            run.unreadable()
        else:
            run.take(row, examine(row.raw, row.cms))
    return found.finish(run)


def named(report: Report) -> set[int]:
    assert not report.passed
    return {seq for each in report.findings if each.seq is not None for seq in range(each.seq, (each.last or each.seq) + 1)}


def test_a_whole_export_passes() -> None:
    report = check(WHOLE)
    assert (report.findings, report.entries, report.org, report.root) == ((), 50, BOOK.org, BOOK.head.root)


def places() -> Iterator[tuple[int, int, int]]:
    """Line, place in the file, and a bit; every byte in a soak, else each kind of byte in a few lines."""
    chance = random.Random(5)
    at = 0
    for n, line in enumerate(LINES):
        for k in range(len(line)):
            if SOAK or n in (0, 51) or (n == 1 and k % 6 == 0) or (n == 33 and k < 40) or chance.random() < 0.005:
                yield n, at + k, 1 << chance.randrange(8)
        at += len(line)


@pytest.mark.filterwarnings("ignore::cryptography.utils.CryptographyDeprecationWarning")  # of certificates that were flipped
def test_no_byte_can_change() -> None:
    tried = 0
    for n, at, bit in places():
        report = check(WHOLE[:at] + bytes([WHOLE[at] ^ bit]) + WHOLE[at + 1 :])
        tried += 1
        if 0 < n < 51:
            assert n - 1 in named(report) or n in named(report), (n, at, bit, report.findings)  # a line end that went takes the next line along
        else:
            assert not report.passed, (n, at, bit)
    assert tried > (70_000 if SOAK else 800)


@pytest.mark.parametrize("n", range(1, 51, 1 if SOAK else 7))
def test_no_line_can_go_come_twice_or_move(n: int) -> None:
    assert n - 1 in named(check(b"".join([*LINES[:n], *LINES[n + 1 :]])))
    assert n - 1 in named(check(b"".join([*LINES[: n + 1], LINES[n], *LINES[n + 1 :]])))
    other = n + 1 if n < 50 else 1
    swapped = [*LINES]
    swapped[n], swapped[other] = swapped[other], swapped[n]
    assert named(check(b"".join(swapped))) & {n - 1, other - 1}


@pytest.mark.parametrize("n", [0, 1, 2, 30, 50, 51])
def test_a_tail_cannot_be_cut(n: int) -> None:
    report = check(b"".join(LINES[:n]))
    assert not report.passed
    if 0 < n < 51:
        assert named(report) == set(range(n - 1, 50))
    assert not check(b"".join([*LINES[:n], LINES[51]])).passed or n == 51


def test_a_head_made_to_fit_a_cut_tail_shows_by_the_checkpoint() -> None:
    short = book(3, BOOK.by)
    short.rows, short.edge, short.org = [], (), BOOK.org
    for row in BOOK.rows[:30]:
        short.put(row.raw, row.cms)
    opening = dump.opening(BOOK.org, short.head)
    assert named(check(b"".join([opening, *LINES[1:31], LINES[51]]))) == set(range(30, 50))
    strangers = Book(device())
    strangers.org, strangers.rows, strangers.edge = BOOK.org, short.rows, short.edge
    found = check(b"".join([opening, *LINES[1:31], dump.closing(str(strangers.note()))]))
    assert [(each.what, each.facts["why"]) for each in found.findings] == [("checkpoint", "unknown_key")]
    unsigned = check(b"".join([opening, *LINES[1:31], dump.closing(None)]))
    assert [(each.what, each.severity) for each in unsigned.findings] == [("no_checkpoint", "note")]


def test_the_statement_stands_in_its_line_as_it_was_signed() -> None:
    for row, line in zip(BOOK.rows, LINES[1:51], strict=True):
        assert line.partition(b'"statement":')[2].removesuffix(b"}\n") == row.raw
        assert dump.read_entry(line) == checking.Row(row.seq, row.raw, row.cms)


@given(st.binary(max_size=300) | st.lists(st.sampled_from(LINES), max_size=6).map(b"".join))
def test_any_file_is_refused_or_read_and_never_an_error(raw: bytes) -> None:
    assert not check(raw).passed
