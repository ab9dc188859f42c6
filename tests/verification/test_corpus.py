"""Files made to deceive, and genuine ones beside them: no forgery passes, no genuine file fails."""

import json
from pathlib import Path

import pytest

from tests.verification.conftest import Verifier, codes

CORPUS = Path(__file__).resolve().parents[3] / "shared" / "corpus"
FILES = [e for e in json.loads((CORPUS / "manifest.json").read_text()) if e.get("expected")] if (CORPUS / "manifest.json").is_file() else []


@pytest.mark.parametrize("entry", FILES, ids=[Path(e["file"]).stem for e in FILES])
def test_verdict_due(entry: dict[str, str], check: Verifier) -> None:
    document = check(CORPUS / entry["file"], trust=((CORPUS / "signed" / "synthetic-root.pem").read_text(),))
    due = {"failed": {"failed", "indeterminate"}}.get(entry["expected"], {entry["expected"]})
    assert document["verdict"] in due, document["explanation"]
    assert "not_checked" not in codes(document), "a check that breaks down says nothing"
    assert document["reason"] != "GENERIC" or "kind_unknown" in codes(document)


@pytest.mark.skipif(not FILES, reason="the corpus lies beside the project, and is not here")
def test_unsigned_files_never_pass_and_never_break_the_checker(check: Verifier) -> None:
    for path in sorted((CORPUS / "odd").glob("*.pdf")):
        document = check(path)
        assert document["verdict"] == "indeterminate", path.name
        assert document["reason"] in ("NO_SIGNATURE", "FORMAT_FAILURE") or "密码" in document["explanation"]["zh"], (
            path.name,
            document["explanation"],
        )
