"""A verdict for people says what the agent said, in the reader's language."""

import pytest

from agent.cli.session import Session
from agent.cli.verdicts import describe
from agent.verification.model import Change, Say


@pytest.mark.promise(10)
@pytest.mark.parametrize(("lang", "words"), [("zh", "第 2 页加了批注"), ("en", "a comment was added on page 2")])
def test_changes_after_signing_are_told_in_words(lang: str, words: str) -> None:
    change = Change("other", "suspicious", 2, 2, None, Say("第 2 页加了批注", "a comment was added on page 2")).to_wire()
    signature = {"verdict": "indeterminate", "reason": None, "explanation": {"zh": "", "en": ""}, "changes_after_signing": [change]}
    document = {"file": "a.pdf", "verdict": "indeterminate", "reason": None, "explanation": {"zh": "说明", "en": "why"}, "signatures": [signature]}
    assert f"    - {words}" in describe(Session(lang), document).split("\n")
