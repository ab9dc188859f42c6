"""The whole check against a database administrator (promise 7): whatever he does to the rows is found, and the entry is named."""

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.ledger.checking import Claim, Report, Row
from agent.ledger.entry import Head
from tests.ledger.ledgers import START, Book, book, check, device, head_of, rebuilt

pytestmark = pytest.mark.promise(7)
N = 12
BOOK = book(N)


def seen(rows: Sequence[Row], size: int, source: str = "memory") -> Claim:
    head = head_of(rows[:size])
    return Claim(source, head.size, head.root)


MEMORY = [seen(BOOK.rows, size) for size in (3, 9, N)]


def what(report: Report) -> list[tuple[str, int | None, int | None]]:
    assert report.passed == all(each.severity == "note" for each in report.findings)
    return [(each.what, each.seq, each.last) for each in report.findings]


def test_a_good_ledger_passes_and_says_what_was_checked() -> None:
    report = check(BOOK.rows, MEMORY, BOOK.head)
    assert what(report) == []
    assert (report.entries, report.root, report.org, report.legacy, report.signatures) == (N, BOOK.head.root, BOOK.org, 0, N)
    assert list(report.signers.values()) == [N]
    assert report.first_at < report.last_at


@pytest.mark.parametrize("at", range(N))
def test_a_statement_changed_in_place_is_named(at: int) -> None:
    row = BOOK.rows[at]
    changed = row.raw.replace(b'"rules":null', b'"rules":"r2"')
    rows = [*BOOK.rows[:at], replace(row, raw=changed), *BOOK.rows[at + 1 :]]
    report = check(rows, MEMORY, BOOK.head)
    assert ("altered", at, None) in what(report)
    # with every stored hash made anew the signature still tells
    again = check(rebuilt(rows), (), head_of(rows))
    assert ("signature", at, None) in what(again)


@pytest.mark.parametrize("at", range(N))
def test_a_row_deleted_is_named_and_deleted_with_all_traces_is_narrowed_down(at: int) -> None:
    rows = [*BOOK.rows[:at], *BOOK.rows[at + 1 :]]
    assert what(check(rows, MEMORY, BOOK.head))[0] == (("missing", at, None) if at < N - 1 else ("cut", at, None))
    found = check(rebuilt(rows), MEMORY, head_of(rows))
    expected = next(((low, high) for low, high in ((0, 3), (3, 9)) if low <= at < high), None)
    if at == 0:  # without the founding statement nothing fits
        assert "not_founded" in [each.what for each in found.findings] or "other_org" in [each.what for each in found.findings]
    elif expected:
        assert ("rewritten", expected[0], expected[1] - 1) in what(found)
    assert any(each.what == "cut" and each.seq == N - 1 for each in found.findings)


@pytest.mark.parametrize("at", range(1, N - 1))
def test_two_rows_swapped_are_named(at: int) -> None:
    one, two = BOOK.rows[at], BOOK.rows[at + 1]
    in_place = [*BOOK.rows[:at], replace(two, seq=at), replace(one, seq=at + 1), *BOOK.rows[at + 2 :]]
    found = check(in_place, MEMORY, BOOK.head)
    assert not found.passed
    assert {each.seq for each in found.findings} & {at, at + 1}
    assert not check(rebuilt(in_place), MEMORY, head_of(in_place)).passed


@pytest.mark.parametrize("at", range(N))
def test_an_entry_entered_twice_is_named(at: int) -> None:
    rows = rebuilt([*BOOK.rows, BOOK.rows[at]])
    wanted = ("twice", N, None) if at else ("founded_again", N, None)
    assert wanted in what(check(rows, MEMORY, head_of(rows)))


def test_a_tail_cut_off_is_found_by_head_memory_and_checkpoint() -> None:
    rows = BOOK.rows[:7]
    assert what(check(rows, (), BOOK.head)) == [("cut", 7, N - 1)]
    assert what(check(rows, [seen(BOOK.rows, 9, "checkpoint")], head_of(rows))) == [("cut", 7, 8)]
    assert what(check(rows, (), head_of(rows))) == []  # nothing known of it: then a signed document tells (see the witness)


def test_a_fork_is_found_where_it_parts() -> None:
    fork = Book.__new__(Book)
    fork.by, fork.certificate, fork.org, fork.rows, fork.edge = BOOK.by, BOOK.certificate, BOOK.org, [], ()
    for row in BOOK.rows[:5]:
        fork.put(row.raw, row.cms)
    for n in range(20):
        fork.say("signature.started", {"batch": f"other {n}"})
    assert what(check(fork.rows, (), fork.head)) == []
    assert what(check(fork.rows, MEMORY, fork.head)) == [("rewritten", 3, 8)]


def test_more_rows_than_the_head_says() -> None:
    assert what(check(BOOK.rows, (), head_of(BOOK.rows[:4]))) == [("head", 4, None)]
    assert what(check(BOOK.rows, (), Head(N, bytes(32)))) == [("rewritten", 0, N - 1)]


def test_stored_hashes_changed_are_named_and_hurt_nothing_else() -> None:
    row = BOOK.rows[7]
    assert row.nodes
    for at in range(len(row.nodes)):
        nodes = row.nodes[:at] + bytes([row.nodes[at] ^ 1]) + row.nodes[at + 1 :]
        assert what(check([*BOOK.rows[:7], replace(row, nodes=nodes), *BOOK.rows[8:]], MEMORY, BOOK.head)) == [("hashes", 7, None)]
    for nodes in (b"", row.nodes[:-1], row.nodes + b"\0"):
        assert what(check([*BOOK.rows[:7], replace(row, nodes=nodes), *BOOK.rows[8:]], MEMORY, BOOK.head)) == [("hashes", 7, None)]


def test_statements_of_another_ledger_are_named() -> None:
    """A replay into another organisation, signed by the very same device."""
    other = book(4, BOOK.by)
    rows = rebuilt([*BOOK.rows, other.rows[2], other.rows[0]])
    assert what(check(rows, (), head_of(rows))) == [("other_org", N, None), ("founded_again", N + 1, None)]


def test_keys_swapped_show() -> None:
    """Somebody else's device signs on: the signature is valid, so the report tells of another signer."""
    other = Book(device())
    other.org = BOOK.org
    stranger = other.say("signature.started", {"batch": "b"})
    rows = rebuilt([*BOOK.rows, stranger])
    report = check(rows, MEMORY, head_of(rows))
    assert sorted(report.signers.values()) == [1, N]


def test_a_clock_set_back_is_told() -> None:
    made = Book()
    made.say("a.b", {}, START + timedelta(days=2))
    made.say("a.b", {}, START + timedelta(days=1))
    made.say("a.b", {}, START + timedelta(days=3))
    made.say("a.b", {}, START + timedelta(days=3, seconds=-5))
    report = check(made.rows, (), made.head)
    assert what(report) == [("clock", 2, None)]
    assert report.passed


LEGACY = [
    json.dumps({"at": "2026-01-01T00:00:00.000000Z", "body": {"n": n}, "type": "signature.started", "v": 1}, separators=(",", ":")).encode()
    for n in range(5)
]


def test_what_was_entered_before_statements_were_signed_is_bound_by_the_founding() -> None:
    made = Book(legacy=LEGACY)
    made.say("a.b", {})
    report = check(made.rows, (), made.head)
    assert what(report) == []
    assert (report.legacy, report.signatures, report.entries) == (5, 2, 7)
    for at in range(5):
        changed = LEGACY[at].replace(b'"body"', b'"BODY"') if at % 2 else LEGACY[at].replace(b'{"n"', b'{"m"')
        rows = rebuilt([*made.rows[:at], replace(made.rows[at], raw=changed), *made.rows[at + 1 :]])
        assert {"legacy", "unsigned"} & {each.what for each in check(rows, (), head_of(rows)).findings}
    fewer = rebuilt(made.rows[1:])
    assert ("legacy", 0, 3) in what(check(fewer, (), head_of(fewer)))
    none = rebuilt(made.rows[5:])
    assert "legacy" in [each.what for each in check(none, (), head_of(none)).findings]
    later = rebuilt([*made.rows, Row(0, LEGACY[0], None)])
    assert ("unsigned", 7, None) in what(check(later, (), head_of(later)))
    before = rebuilt([Row(0, LEGACY[0], None), *book(2).rows])
    assert "legacy" in [each.what for each in check(before, (), head_of(before)).findings]


def test_a_signature_taken_away_is_named() -> None:
    rows = [*BOOK.rows[:4], replace(BOOK.rows[4], cms=None), *BOOK.rows[5:]]
    assert [(each.what, each.seq) for each in check(rows, MEMORY, BOOK.head).findings] == [("unsigned", 4)]


@settings(max_examples=40)
@given(st.integers(0, N - 1), st.binary(max_size=30) | st.just(b"{}") | st.just(b"null"), st.none() | st.binary(max_size=30))
def test_any_bytes_in_a_row_are_a_finding_and_never_an_error(at: int, raw: bytes, cms: bytes | None) -> None:
    rows = [*BOOK.rows[:at], replace(BOOK.rows[at], raw=raw, cms=cms), *BOOK.rows[at + 1 :]]
    assert any(each.seq == at for each in check(rows, MEMORY, BOOK.head).findings)
    report = check(rebuilt(rows), (), head_of(rows))
    assert any(each.seq == at for each in report.findings)
