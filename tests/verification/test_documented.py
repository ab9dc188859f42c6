"""docs/verification.md is what the verification says today."""

import re
from pathlib import Path

import pytest

from tests.verification.attacks import every
from tests.verification.table import CORPUS, PAGE, attack_line, corpus_lines, corpus_section, new_material, own_section


def test_every_attack_of_ours_stands_in_the_page_and_none_passed() -> None:
    rows = dict(re.findall(r"(?m)^\| ([\w-]+) \| [\w ]+ \| (\w+) \|", PAGE.read_text(encoding="utf-8")))
    assert {a.name for a in every()} <= set(rows)
    assert all(rows[a.name] in a.verdicts for a in every())


def test_the_page_tells_the_corpus_as_it_is() -> None:
    if not (CORPUS / "manifest.json").is_file():
        pytest.skip("the corpus lies beside the project, and is not here")
    lines = list(corpus_lines())
    assert corpus_section(lines) in PAGE.read_text(encoding="utf-8"), "python -m tests.verification.table writes it anew"
    for line in lines:
        assert line.given == line.due or (line.due == "failed" and line.given == "indeterminate" and line.why), line


def test_the_page_tells_our_attacks_as_they_are(soak: bool, tmp_path: Path) -> None:
    if not soak:
        pytest.skip("their verdicts are tested one by one in test_attacks.py; the page is compared in the long run")
    material = new_material()
    assert own_section([attack_line(a, material, tmp_path) for a in every()]) in PAGE.read_text(encoding="utf-8")
