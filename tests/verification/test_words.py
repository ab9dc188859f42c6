"""Every finding has its words in both languages, and they are the house's words."""

import string

import pytest

from agent.verification.findings import DOCUMENT, TABLE, Row
from agent.verification.model import Verdict, clean, found
from agent.verification.verdict import document_to_wire, judge, refused

ROWS = [*TABLE.items(), *DOCUMENT.items()]
SUB_INDICATIONS = {
    "FORMAT_FAILURE",
    "HASH_FAILURE",
    "SIG_CRYPTO_FAILURE",
    "REVOKED",
    "SIG_CONSTRAINTS_FAILURE",
    "CHAIN_CONSTRAINTS_FAILURE",
    "CRYPTO_CONSTRAINTS_FAILURE",
    "CERTIFICATE_CHAIN_GENERAL_FAILURE",
    "CRYPTO_CONSTRAINTS_FAILURE_NO_POE",
    "EXPIRED",
    "NOT_YET_VALID",
    "TIMESTAMP_ORDER_FAILURE",
    "NO_SIGNING_CERTIFICATE_FOUND",
    "NO_CERTIFICATE_CHAIN_FOUND",
    "REVOKED_NO_POE",
    "OUT_OF_BOUNDS_NO_POE",
    "TRY_LATER",
    "SIGNED_DATA_NOT_FOUND",
    "GENERIC",
    "NO_SIGNATURE",
}


def names_in(text: str) -> set[str]:
    """The {names} of a sentence."""
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


@pytest.mark.parametrize(("code", "row"), ROWS, ids=[c for c, _ in ROWS])
def test_complete_and_equal_in_both_languages(code: str, row: Row) -> None:
    assert row.what.zh
    assert row.what.en
    assert names_in(row.what.zh) == names_in(row.what.en)
    assert bool(row.need.zh) == bool(row.need.en) == (row.verdict is not None)
    assert (row.reason is None) == (row.verdict is None)
    assert row.reason is None or row.reason in SUB_INDICATIONS
    assert not {"令牌", "代理", "有效"} & {w for w in ("令牌", "代理", "有效") if w in row.what.zh} - ({"有效"} if "有效的" in row.what.zh else set())
    assert row.verdict is not Verdict.PASSED


def test_one_failure_outweighs_any_doubt() -> None:
    assert judge([]) == (Verdict.PASSED, None)
    assert judge([found("ess_missing"), found("digest_mismatch")]) == (Verdict.FAILED, "HASH_FAILURE")
    assert judge([found("unsigned_part", detail="x")]) == (Verdict.PASSED, None)
    assert document_to_wire("a", [])["reason"] == "NO_SIGNATURE"


@pytest.mark.parametrize("code", DOCUMENT)
def test_a_document_that_was_not_judged_never_passes(code: str) -> None:
    document = refused("a", code, detail="x", name="y")
    assert document["verdict"] == Verdict.INDETERMINATE
    assert document["explanation"]["zh"].startswith("无法确认：")
    assert "这不等于伪造" in document["explanation"]["zh"]


def test_names_out_of_a_file_cannot_disturb_a_line() -> None:
    assert clean("A\nB\u202egnp.exe\x1b[2J" + "x" * 300).startswith("A Bgnp.exe [2J")
    assert len(clean("x" * 300)) == 200
    assert clean("{0} 李工") == "{0} 李工"
