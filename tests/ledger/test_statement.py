"""Statements: one way to write each, and nothing else is one."""

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
import rfc8785
from hypothesis import example, given
from hypothesis import strategies as st

from agent.ledger import statement
from agent.ledger.statement import TEXT_MAX, Place, Statement, StatementError, make, name, name_bytes, parse

SAFE = 2**53 - 1
TEXTS = st.text(st.characters(exclude_categories=("Cs",)), max_size=40)
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-SAFE, SAFE)
    | st.floats(-SAFE, SAFE, allow_nan=False).map(lambda x: int(x) if x.is_integer() else x)
    | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=12,
)


def said(**changes: Any) -> dict[str, Any]:
    """A statement as plain JSON, with changes."""
    made = make(
        "use.approved", {"图纸": "A-01", "n": 1}, org="a" * 64, device="Wdevice", actor="P1", rules="small.1", at=datetime(2026, 11, 22, tzinfo=UTC)
    )
    return {**json.loads(made.canonical()), **changes}


def reason(raw: bytes) -> str:
    with pytest.raises(StatementError) as refused:
        parse(raw)
    return refused.value.reason


@given(st.dictionaries(TEXTS, VALUES, max_size=4), st.none() | TEXTS.filter(lambda t: len(t) < 200))
def test_what_is_said_is_read_back(body: dict[str, Any], note: str | None) -> None:
    made = make("use.approved", body, org=None, device="Wdevice", place=Place(note=note))
    raw = made.canonical()
    assert parse(raw) == made
    assert parse(raw).canonical() == raw
    assert raw == rfc8785.dumps(json.loads(raw))  # the library's word


def test_the_bytes_are_those_of_rfc_8785() -> None:
    """Keys in the order of their UTF-16, numbers as ECMAScript writes them, nothing normalised."""
    body = {"\U0001f600": 1, "\ufb33": 2, "\u00e9": 3, "e\u0301": 4, "mm": 12.50, "tiny": 1e-7, "control": "\x7f\x0b\n\u2028"}
    raw = make("use.approved", body, org=None, device="W").canonical().decode()
    expected = '{"control":"\x7f\\u000b\\n\u2028","e\u0301":4,"mm":12.5,"tiny":1e-7,"\u00e9":3,"\U0001f600":1,"\ufb33":2}'
    assert raw.split('"body":')[1].startswith(expected)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"v": 2}, "v"), ({"v": True}, "v"), ({"v": 1.0}, "v"), ({"org": "A" * 64}, "org"), ({"org": "a" * 63}, "org"),
        ({"org": 1}, "org"),
        ({"id": "01a202bf-d5d4-4b79-8569-aed6ee26d56e"}, "id"), ({"id": "01A202BF-D5D4-7B79-8569-AED6EE26D56E"}, "id"), ({"id": None}, "id"),
        ({"type": "Use.approved"}, "type"), ({"type": "use"}, "type"), ({"type": "use.approved\n"}, "type"), ({"type": "a." + "b" * 70}, "type"),
        ({"at": "2026-11-22T00:00:00Z"}, "at"), ({"at": "2026-02-30T00:00:00.000000Z"}, "at"), ({"at": "2026-11-22T00:00:00.000000+00:00"}, "at"),
        ({"at": "2026-11-22T24:00:00.000000Z"}, "at"), ({"at": "２026-11-22T00:00:00.000000Z"}, "at"), ({"at": "2026-11-22T00:00:60.000000Z"}, "at"),
        ({"actor": ""}, "actor"), ({"actor": "P1\u202e"}, "actor"), ({"actor": "Р1"}, "actor"), ({"actor": "P" * 129}, "actor"),
        ({"actor": ["P1"]}, "actor"),
        ({"device": None}, "device"), ({"device": "W 1"}, "device"), ({"rules": "x\x00"}, "rules"), ({"rules": 1}, "rules"),
        ({"place": {"site": None, "host": None}}, "place"), ({"place": {"site": None, "host": "h" * 257, "note": None}}, "place"),
        ({"place": {"site": None, "host": None, "note": None, "more": 1}}, "place"), ({"place": None}, "place"),
        ({"place": {"site": 1, "host": None, "note": None}}, "place"),
        ({"body": []}, "body"), ({"body": None}, "body"), ({"body": {"n": 2**53}}, "number"), ({"body": {"n": -(2**53)}}, "number"),
        ({"more": 1}, "keys"), ({"body": {"text": "x" * (TEXT_MAX + 1)}}, "text"), ({"body": {"k" * 129: 1}}, "text"),
        ({"body": {"name": "图" * (1 << 20)}}, "text"),
    ],
)  # fmt: skip
def test_what_is_none_is_refused(changes: dict[str, Any], expected: str) -> None:
    value = said(**changes)
    # As another program might write it, not ours: the same order, the same escapes.
    raw = json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode()
    assert reason(raw) == expected


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b'"actor"', b' "actor"'), (b"}", b"}\n"), (b'"v":1', b'"v":1.0'), (b'"v":1', b'"v":1e0'), (b'"v":1', b'"v":01'), (b'"n":1', b'"n":1.0'),
        (b'"n":1', b'"n":-0'), (b'"n":1', b'"n":1E0'), (b'"n":1', b'"n":NaN'), (b'"n":1', b'"n":Infinity'), (b'"n":1', b'"n":1e400'),
        (b'"n":1', b'"n":0.1e1'), (b'"n":1', b'"n":' + b"9" * 5000), (b'"n":1', b'"n":1,"n":2'), (b'"v":1', b'"v":1,"v":1'),
        (b'"actor":"P1"', b'"actor":"P2","actor":"P1"'), (b'"P1"', b'"\\u0050\\u0031"'), (b'"A-01"', b'"A\\/01"'), (b'"A-01"', b'"\\ud800"'),
        (b'"A-01"', b'"\\uD83D\\uDE00"'), (b'"A-01"', b'"\xed\xa0\x80"'), (b'"A-01"', b'"\xff"'), (b'"A-01"', b'"\xc0\xaf"'), (b'"A-01"', b'"\x01"'),
        (b'"A-01"', b'"\\x41"'), (b'"A-01"', b"'A'"), (b'"n":1', b'"n":1,'), (b'{"actor"', b'\xef\xbb\xbf{"actor"'), (b'{"actor"', b'{/**/"actor"'),
        (b'"n":1', b'"n":' + b"[" * 30 + b"]" * 30), (b'"n":1', b'"n":' + b"[" * 200_000 + b"]" * 200_000), (b'"n":1', b'"n":{"":{}}x'),
        (b'"use.approved"', b'"use.approved "'), (b'"A-01"', b'"A-01\\u000A"'),
    ],
)  # fmt: skip
def test_another_way_to_write_it_is_refused(before: bytes, after: bytes) -> None:
    raw = rfc8785.dumps(said())
    assert parse(raw)
    assert before in raw
    reason(raw.replace(before, after, 1))


@given(st.binary(max_size=200))
@example(b"{}")
@example(b"null")
@example(b"[]")
@example(b'"\\ud800"')
@example(b"1" * 6000)
@example(b"[" * 100_000)
@example(b"")
def test_any_bytes_are_refused_in_one_way(raw: bytes) -> None:
    with pytest.raises(StatementError):
        parse(raw)


@given(st.data())
def test_a_byte_more_less_or_other_is_another_statement_or_none(data: st.DataObject) -> None:
    """There are no two spellings: whatever parses is the very bytes that what it says is written as."""
    raw = bytearray(rfc8785.dumps(said(body={"name": "图纸 A-01", "n": 17, "x": [True, None, {"deep": "\u202e"}]})))
    at = data.draw(st.integers(0, len(raw) - 1))
    how = data.draw(st.sampled_from(["flip", "drop", "insert", "double"]))
    if how == "flip":
        raw[at] ^= 1 << data.draw(st.integers(0, 7))
    elif how == "drop":
        del raw[at]
    elif how == "insert":
        raw[at:at] = data.draw(st.binary(min_size=1, max_size=3))
    else:
        raw[at:at] = raw[at : at + 5]
    try:
        read = parse(bytes(raw))
    except StatementError:
        return
    assert read.canonical() == bytes(raw)


def test_too_large_and_too_deep_things_cannot_be_said() -> None:
    def refused(**body: Any) -> str:
        with pytest.raises(StatementError) as error:
            make("use.approved", body, org=None, device="W").canonical()
        return error.value.reason

    deep: Any = 1
    for _ in range(40):
        deep = [deep]
    assert refused(x=deep) == "depth"
    assert refused(x=["x" * 60_000] * 300) == "too_large"
    assert refused(x=2**53) == "number"
    assert refused(x=float("nan")) == "number"
    assert refused(x="\ud800") == "text"
    assert refused(x={"\udfff": 1}) == "text"
    assert refused(x={1: 2}) == "value"
    assert refused(x=b"bytes") == "value"
    assert refused(x=(1, 2)) == "value"
    assert refused(x=datetime.now(UTC)) == "value"
    assert reason(b"{" + b" " * statement.STATEMENT_MAX) == "too_large"


@pytest.mark.promise(7)
@pytest.mark.parametrize("many", [[0] * 3_100_000, [0.5] * 10_100, [{}] * 1_600_000, [0] * 1_100_000])
def test_what_would_hold_every_reader_up_is_refused(many: list[Any]) -> None:
    """Whoever may append, or has the database, cannot have the others read for minutes on end."""
    raw = json.dumps(said(body={"x": many}), separators=(",", ":"), sort_keys=True).encode()
    assert len(raw) <= statement.STATEMENT_MAX
    assert reason(raw) == "too_large"


def test_the_largest_closed_set_can_be_said(times: Callable[[int, int], int]) -> None:
    one = {
        "n": 0,
        "input": "file:///home/x/%E5%9B%BE%E7%BA%B8/A-01.pdf",
        "output": "file:///home/x/A-01.signed.pdf",
        "sha256": "a" * 64,
        "format": "pades",
    }
    count = times(3_000, 25_000)
    asked = {"signing_time": "2026-11-22T03:00:00Z", "identifier": "b" * 32, "witness": "c" * 250}
    documents = [{**one, "n": n, "asked": asked} for n in range(count)]
    raw = make("signature.started", {"documents": documents}, org=None, device="W").canonical()
    assert parse(raw).body["documents"][-1]["n"] == count - 1


def test_a_body_of_another_kind_is_told_without_its_content() -> None:
    with pytest.raises(StatementError) as error:
        make("use.approved", {"secret": "x" * (1 << 20)}, org=None, device="W").canonical()
    assert "xxx" not in str(error.value)
    assert len(str(error.value)) < 200


def test_statements_cannot_say_what_they_cannot_mean() -> None:
    for wrong in ({"type": "x"}, {"device": ""}, {"actor": "王芳"}, {"org": "x"}):
        with pytest.raises(StatementError):
            Statement(**{"org": None, "id": statement.uuid7(datetime.now(UTC)), "type": "a.b", "at": said()["at"], "actor": None, "device": "W",
                         "rules": None, "body": {}, **wrong}).canonical()  # fmt: skip


@given(st.binary(min_size=1, max_size=60))
def test_names_of_files_keep_their_bytes(raw: bytes) -> None:
    told = name(raw)
    assert name_bytes(json.loads(json.dumps(told))) == raw
    assert ("raw" in told) == (raw.decode("utf-8", "replace").encode() != raw)
    make("use.approved", {"file": told}, org=None, device="W").canonical()


@pytest.mark.parametrize(
    "wrong",
    [
        {"text": "合同.pdf", "raw": "ff"}, {"text": "a", "raw": "61"}, {"text": "\ufffd", "raw": "FF"}, {"text": "\ufffd", "raw": "f f"},
        {"raw": "ff"},
        {"text": "a", "more": 1}, {"text": 1}, {"text": ""}, "a", None, {"text": "x" * 5000}, {"text": "\ud800"}, {"text": "\ufffd", "raw": 255},
    ],
)  # fmt: skip
def test_a_name_whose_text_and_bytes_differ_is_refused(wrong: object) -> None:
    """A text that shows one file, with the bytes of another."""
    with pytest.raises(StatementError):
        name_bytes(wrong)


def test_ids_sort_by_time_and_never_repeat() -> None:
    early, late = (statement.uuid7(datetime(2026, 11, 22, 3, 0, second, tzinfo=UTC)) for second in (1, 2))
    assert early < late
    assert re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", early)
    moment = datetime.now(UTC)
    assert len({statement.uuid7(moment) for _ in range(1000)}) == 1000
    import uuid

    assert uuid.UUID(early).int >> 80 == int(datetime(2026, 11, 22, 3, 0, 1, tzinfo=UTC).timestamp() * 1000)
