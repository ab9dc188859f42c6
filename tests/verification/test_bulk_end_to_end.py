"""Folders and reports as a user works with them: the command line, the agent, and what happens when either is killed."""

import csv
import json
import os
import shutil
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from agent.api.client import Client, Told
from agent.api.errors import Code
from tests.conftest import PracticeToken, Yinxin
from tests.verification.conftest import blank_pdf
from tests.verification.test_pdf import annotate, updated

COPIES = 60


@pytest.fixture
def folder(yinxin: Yinxin, practice_token: PracticeToken, drawing: Path, tmp_path: Path) -> Path:
    """A good drawing, one altered, one unsigned, a model with its signature, and things that are none of it."""
    top = tmp_path / "归档"
    (top / "建筑").mkdir(parents=True)
    model = top / "模型.dwg"
    model.write_bytes(b"AC1032")
    yinxin("sign", drawing, model, "--pin", "env:YX_PIN")
    signed = drawing.with_name(drawing.stem + ".signed.pdf")
    data = bytearray(signed.read_bytes())
    data[200] ^= 1
    (top / "建筑/改过.pdf").write_bytes(data)
    shutil.move(signed, top / "建筑/结施-03.pdf")
    (top / "unsigned.pdf").write_bytes(blank_pdf())
    (top / "notes.txt").write_text("nothing")
    (top / ".cache").mkdir()
    os.symlink(top, top / "loop")
    return top


@pytest.mark.obligation("S57")
@pytest.mark.promise(10)
def test_a_folder_is_verified_and_reported(yinxin: Yinxin, folder: Path, tmp_path: Path) -> None:
    outputs = [folder / "报告.pdf", tmp_path / "r.html", tmp_path / "r.json", tmp_path / "bad.csv"]
    options = ("--offline", "--report", outputs[0], "--report", outputs[1], "--report", outputs[2], "--exceptions", outputs[3])
    told = yinxin("verify", folder, *options, code=1).json
    assert told["counts"] == {"passed": 2, "failed": 1, "indeterminate": 1, "waiting": 0}
    assert told["left_out"] == {"without_signature": 1, "reports": 0, "hidden": 1, "linked_folders": 1, "special": 0}
    verdicts = {os.path.relpath(d["file"], folder): d["verdict"] for d in told["documents"]}
    assert verdicts == {"unsigned.pdf": "indeterminate", "模型.dwg": "passed", "建筑/改过.pdf": "failed", "建筑/结施-03.pdf": "passed"}
    assert {c["code"] for c in told["documents"][-1]["not_checked"]} >= {"content", "copies", "internal"}

    report = json.loads(outputs[2].read_bytes())
    assert [d["file"] for d in report["documents"]] == [d["file"] for d in told["documents"]]
    assert (report["environment"]["network"]["allowed"], len(report["environment"]["anchors"])) == (False, 1)
    with open(outputs[3], encoding="utf-8-sig", newline="") as table:
        assert [row["verdict"] for row in csv.DictReader(table)] == ["indeterminate", "failed"]
    assert subprocess.run(["pdftotext", outputs[0], "-"], capture_output=True, check=True).stdout.count("改过.pdf".encode()) >= 2

    assert yinxin("verify", folder, *options, code=5).error["code"] == "output_exists"
    again = yinxin("verify", folder, "--offline", code=1).json  # its own report lies in the folder now
    assert (again["counts"], again["left_out"]["reports"]) == (told["counts"], 1)

    for lang, words in (("zh", ("结论", "共 4 份文件：2 份通过", "签署后文件内容被改动过")), ("en", ("Verdict", "4 files: 2 passed", "altered"))):
        shown = subprocess.run([*yinxin.command("--lang", lang, "verify", folder, as_json=False)], env=yinxin.env(), capture_output=True, text=True)
        assert shown.returncode == 1
        assert not [w for w in words if w not in shown.stdout], shown.stdout + shown.stderr
        assert "结施-03" not in shown.stdout, "what passed is counted, not listed"


def test_the_signed_revision_comes_out_and_nonsense_is_refused(yinxin: Yinxin, folder: Path, tmp_path: Path) -> None:
    signed, changed, out = folder / "建筑/结施-03.pdf", tmp_path / "changed.pdf", tmp_path / "out.pdf"
    changed.write_bytes(updated(signed.read_bytes(), annotate))
    revision = yinxin("verify", changed, code=1).json["documents"][0]["signatures"][0]["revision"]
    assert yinxin("verify", changed, "--extract", str(revision), "--out", out).json["output"] == str(out)
    assert out.read_bytes() == signed.read_bytes()
    assert yinxin("verify", changed, "--extract", str(revision), "--out", out, code=5).error["code"] == "output_exists"
    out.write_bytes(b"something else")
    yinxin("verify", changed, "--extract", str(revision), "--out", out, "--force")
    assert out.read_bytes() == signed.read_bytes()
    assert not [each for each in tmp_path.iterdir() if each.name.startswith(".")]
    assert yinxin("verify", changed, "--extract", str(revision), code=2).error["facts"]["option"] == "--extract"
    wrong = yinxin("verify", changed, "--extract", str(revision), "--out", out, "--report", tmp_path / "r.pdf", code=2).error["facts"]
    assert (wrong["reason"], wrong["other"]) == ("either", "--report")

    for arguments, reason in (
        ((), "missing"), ((folder, "--report", tmp_path / "r.doc"), "report_format"), ((folder, "--exceptions", tmp_path / "x.pdf"), "report_format"),
        ((folder, "--signature", folder / "模型.dwg.p7s"), "one_file"), ((folder, "--resume", "last"), "resumed_run"),
        ((folder, "--report", tmp_path / "r.pdf", "--report", tmp_path / "r.pdf"), "twice"),
    ):  # fmt: skip
        assert yinxin("verify", *arguments, code=2).error["facts"]["reason"] == reason
    assert yinxin("verify", "--resume", "V0123", code=5).error["facts"]["reason"] == "run"
    assert yinxin("verify", tmp_path / "none", code=5).error["code"] == "input_unusable"
    body = {"run": "V0123", "format": "pdf", "out": (tmp_path / "r.pdf").as_uri()}
    with pytest.raises(Told) as refused:
        Client.of(str(yinxin.home)).post("/v1/verifications/report", body)
    assert refused.value.code == Code.NOT_FOUND
    assert not list(tmp_path.glob("r.*"))


def progress(yinxin: Yinxin, wanted: int) -> dict[str, Any]:
    """Look until the newest run over folders has so many verdicts; asks an agent that answers, and waits for nothing else."""
    client = Client.of(str(yinxin.home))
    for _ in range(3000):
        with suppress(Told):  # not begun yet
            told = client.get("/v1/verifications/runs/last")
            if told["counts"]["passed"] >= wanted:
                return told
        time.sleep(0.01)  # between two questions, not for something to happen
    raise AssertionError("nothing was verified")


@pytest.mark.obligation("S57")
def test_whoever_is_killed_nothing_that_was_finished_is_lost(yinxin: Yinxin, folder: Path, tmp_path: Path) -> None:
    for who in ("agent", "cli", "ctrl-c"):
        many = tmp_path / who
        many.mkdir()
        for n in range(COPIES):
            shutil.copy(folder / "建筑/结施-03.pdf", many / f"{n:03}.pdf")
        yinxin("verify", many / "000.pdf")  # the agent and a worker are up
        running = yinxin.start("verify", many, "--offline")
        run = progress(yinxin, 5)["run"]
        if who == "agent":
            os.kill(Client.of(str(yinxin.home)).get("/v1/status")["pid"], signal.SIGKILL)
        else:
            running.send_signal(signal.SIGKILL if who == "cli" else signal.SIGINT)
        out, err = running.communicate(timeout=60)
        if who != "cli":
            assert running.returncode == {"agent": 6, "ctrl-c": 7}[who], err
            assert json.loads(out)["error"]["facts"]["run"] == run
        told = yinxin("verify", "--resume", run).json
        assert told["counts"]["passed"] == COPIES
        assert 5 <= told["again"] < COPIES, "some stood, some were left to do"
        assert len(told["documents"]) == COPIES
