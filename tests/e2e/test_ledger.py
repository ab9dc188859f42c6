"""The ledger from outside: what was done stands in it, and who meddles with it is found, also by the next agent."""

import json
import shutil
import sqlite3
import subprocess
from pathlib import Path

import pytest

from tests.conftest import PracticeToken, Yinxin
from tests.records.shelf import meddle

SIGN = ("--pin", "env:YX_PIN")


@pytest.mark.obligation("S55")
def test_what_was_signed_is_found_looked_at_and_proved(yinxin: Yinxin, practice_token: PracticeToken, drawing: Path, tmp_path: Path) -> None:
    batch = yinxin("sign", drawing, *SIGN).json["batch"]
    found = yinxin("ledger", "list", "--text", "图纸 A-01").json["entries"]
    assert [each["type"] for each in found] == ["signature.started"]
    assert found[0]["names"][0] == "图纸 a-01.pdf"
    both = yinxin("ledger", "list", "--about", batch, "--oldest-first").json
    assert ([each["type"] for each in both["entries"]], both["total"]) == (["signature.started", "signature.finished"], 2)
    seq = both["entries"][1]["seq"]
    entry = yinxin("ledger", "show", str(seq), "--out", tmp_path / "s.json").json
    body = entry["statement"]["body"]
    assert (body["batch"], body["documents"][0]["state"]) == (batch, "published")
    assert (entry["signature_ok"], entry["proof"]["ok"]) == (True, True)
    assert json.loads((tmp_path / "s.json").read_bytes()) == entry["statement"]
    words = yinxin("ledger", "show", str(seq), as_json=False).out
    assert "valid" in words
    assert "holds" in words
    proof = yinxin("ledger", "prove", str(seq), as_json=False).out
    assert proof.startswith(f"c2sp.org/tlog-proof@v1\nindex {seq}\n")
    assert proof.count("\n— yinxin/") == 1
    yinxin("ledger", "show", "99999", code=5)
    yinxin("ledger", "show", str(seq), "--out", tmp_path / "s.json", code=5)  # never over another file


@pytest.mark.promise(7)
@pytest.mark.obligation("S55")
def test_an_export_is_checked_by_another_home_and_by_openssl(yinxin: Yinxin, practice_token: PracticeToken, drawing: Path, tmp_path: Path) -> None:
    yinxin("sign", drawing, *SIGN)
    export = yinxin("ledger", "export", "--out", tmp_path / "l.jsonl").json
    stranger = Yinxin(yinxin.home.parent / "other")
    try:
        told = stranger("ledger", "verify", "--file", tmp_path / "l.jsonl").json
        assert (told["verdict"], told["entries"], told["own"]) == ("passed", export["entries"], False)
        lines = (tmp_path / "l.jsonl").read_bytes().splitlines(keepends=True)
        (tmp_path / "cut.jsonl").write_bytes(b"".join([*lines[:3], *lines[4:]]))
        told = stranger("ledger", "verify", "--file", tmp_path / "cut.jsonl", code=1).json
        assert (told["verdict"], told["findings"][0]["what"], told["findings"][0]["seq"]) == ("failed", "missing", 2)
        assert "缺少第 2 条" in told["explanation"]["zh"]
    finally:
        stranger("agent", "stop", code=None)
    readme = Path(export["readme"]).read_text(encoding="utf-8")
    commands = "\n".join(line[4:] for line in readme.splitlines() if line.startswith("    ") and "yinxin ledger" not in line)
    done = subprocess.run(["bash", "-e", "-c", commands], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert "CAdES Verification successful" in done.stderr
    for kind in ("csv", "xlsx", "pdf"):
        assert yinxin("ledger", "export", "--format", kind, "--out", tmp_path / f"l.{kind}", "--type", "signature").json["entries"] == 2
    yinxin("ledger", "export", "--out", tmp_path / "l.jsonl", code=5)
    yinxin("ledger", "export", "--out", tmp_path / "part.jsonl", "--type", "signature", code=2)


@pytest.mark.promise(7)
def test_the_next_agent_finds_an_old_copy_restored_and_signs_nothing(
    yinxin: Yinxin, practice_token: PracticeToken, drawing: Path, tmp_path: Path
) -> None:
    data = yinxin.home / "data"
    yinxin("sign", drawing, *SIGN)
    checkpoint = tmp_path / "checkpoint"
    yinxin("agent", "stop")
    saved = tmp_path / "saved"
    shutil.copytree(data, saved)
    yinxin("ledger", "checkpoint", "--out", checkpoint)
    yinxin("sign", drawing, "--out", tmp_path / "2.pdf", *SIGN)
    size = yinxin("ledger", "verify", "--checkpoint", checkpoint).json["entries"]
    yinxin("agent", "stop")
    shutil.rmtree(data)
    shutil.copytree(saved, data)
    refused = yinxin("sign", drawing, "--out", tmp_path / "3.pdf", *SIGN, code=6).error
    assert refused["code"] == "store_unreachable"
    assert (refused["facts"]["reason"], refused["facts"]["known"], refused["facts"]["size"]) == ("ledger_smaller", size, size - 2)
    assert not (tmp_path / "3.pdf").exists()
    told = yinxin("ledger", "verify", code=1).json
    assert (told["findings"][0]["what"], told["findings"][0]["seq"], told["findings"][0]["last"]) == ("cut", size - 2, size - 1)
    listed = yinxin("ledger", "list")
    assert (listed.json["size"], listed.json["stopped"]["facts"]["reason"]) == (size - 2, "ledger_smaller")
    assert listed.json["stopped"]["message"] in listed.err  # nobody takes what is listed for the whole
    kept = yinxin("ledger", "export", "--out", tmp_path / "kept.jsonl").json
    assert (kept["entries"], kept["checkpoint"]) == (size - 2, False)  # such a ledger is not vouched for
    yinxin("ledger", "checkpoint", code=6)


@pytest.mark.promise(7)
def test_an_entry_altered_in_the_database_is_named(yinxin: Yinxin, practice_token: PracticeToken, drawing: Path) -> None:
    yinxin("sign", drawing, *SIGN)
    seq = yinxin("ledger", "list", "--type", "signature.finished").json["entries"][0]["seq"]
    yinxin("agent", "stop")
    database = yinxin.home / "data/ledger.db"
    meddle(database, ("UPDATE entries SET statement = CAST(replace(statement, 'published', 'skipped') AS BLOB) WHERE seq = ?", (seq,)))
    assert b"skipped" in sqlite3.connect(database).execute("SELECT statement FROM entries WHERE seq = ?", (seq,)).fetchone()[0]
    told = yinxin("ledger", "verify", code=1).json
    assert [(each["what"], each["seq"]) for each in told["findings"]] == [("altered", seq)]
    words = yinxin("ledger", "verify", code=1, as_json=False).out
    assert words.startswith("FAILED")
    assert f"entry {seq}" in words
    shown = yinxin("ledger", "show", str(seq)).json
    assert (shown["signature_ok"], shown["proof"]["ok"]) == (False, False)
