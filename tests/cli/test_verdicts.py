"""A verdict for people says what the agent said, in the reader's language."""

import pytest

from agent.cli.session import Session
from agent.cli.verdicts import describe, exceptions, summary
from agent.verification.model import Change, Say


@pytest.mark.promise(10)
@pytest.mark.parametrize(("lang", "words"), [("zh", "第 2 页加了批注"), ("en", "a comment was added on page 2")])
def test_changes_after_signing_are_told_in_words(lang: str, words: str) -> None:
    change = Change("other", "suspicious", 2, 2, None, Say("第 2 页加了批注", "a comment was added on page 2")).to_wire()
    signature = {"verdict": "indeterminate", "reason": None, "explanation": {"zh": "", "en": ""}, "changes_after_signing": [change]}
    document = {"file": "a.pdf", "verdict": "indeterminate", "reason": None, "explanation": {"zh": "说明", "en": "why"}, "signatures": [signature]}
    assert f"    - {words}" in describe(Session(lang), document).split("\n")


@pytest.mark.promise(10)
@pytest.mark.parametrize(
    ("lang", "words"),
    [
        (
            "zh",
            (
                "签名 2（副署）: 通过",
                "副署对象  签名 1",
                "签名 3（文档时间戳）: 通过",
                "所签的文件  图 1.dwg、图 2.dwg",
                "· 容器里有没人签的文件",
                "台账        未经批准",
            ),
        ),
        (
            "en",
            (
                "Signature 2 (counter-signature): passed",
                "signature 1",
                "Signature 3 (time-stamp): passed",
                "图 1.dwg, 图 2.dwg",
                "· a file nobody signed",
            ),
        ),
    ],
)
def test_what_kind_of_signature_over_what_and_what_else_was_seen(lang: str, words: tuple[str, ...]) -> None:
    said = {"zh": "通过：甲。", "en": "Passed: x."}
    base = {"verdict": "passed", "reason": None, "explanation": said, "changes_after_signing": [], "findings": [], "ledger": "no_ledger"}
    remark = {"description": {"zh": "容器里有没人签的文件", "en": "a file nobody signed"}}
    signatures = [
        {**base, "kind": "signature", "covers": ["图 1.dwg", "图 2.dwg"], "findings": [remark], "ledger": "not_allowed"},
        {**base, "kind": "countersignature", "counter_signs": 1},
        {**base, "kind": "timestamp"},
    ]
    told = describe(Session(lang), {"file": "a.asice", "verdict": "passed", "reason": None, "explanation": said, "signatures": signatures})
    assert not [each for each in words if each not in told], told
    assert told.count("容器里有没人签的文件" if lang == "zh" else "a file nobody signed") == 1


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_a_folder_is_summed_up_and_names_play_no_tricks(lang: str) -> None:
    bad = {
        "file": "/d/\u202efdp.pdf",
        "verdict": "failed",
        "reason": "HASH_FAILURE",
        "explanation": {"zh": "不通过：改过\x1b[2J。", "en": "Failed: \x1b[2J."},
    }
    lines = list(exceptions(Session(lang), [bad]))
    assert len(lines) == 3
    assert all(line.isprintable() for line in lines)
    assert "\\u202efdp.pdf" in lines[1]
    counts = {"passed": 7, "failed": 1, "indeterminate": 0, "waiting": 2}
    told = summary(Session(lang), {"counts": counts, "left_out": {"hidden": 3, "reports": 0}, "again": 4})
    assert [str(n) in told for n in (10, 7, 1, 2, 3, 4)] == [True] * 6
