"""A set that was stopped is gone on with: same token, same certificate, same bytes, same manner; nothing partial, nothing twice."""

import json
import os
import shutil
import signal
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import PracticeToken, Yinxin
from tests.e2e.conftest import SIGN, Asked, Desk, Faulty
from tests.e2e.looks import agent_of, assert_signed, told, tree, until
from tests.e2e.test_inputs import NO_PIN
from tests.e2e.test_pins import WRONG


def sheets(drawing: Path, count: int) -> list[Path]:
    """Copies of the drawing in a folder of their own, each a little different."""
    folder = drawing.parent / "in"
    folder.mkdir()
    made = [folder / f"图 {n}.pdf" for n in range(count)]
    for n, path in enumerate(made):
        path.write_bytes(drawing.read_bytes() + b"\n%%%d\n" % n)
    return made


def states(documents: Sequence[dict[str, str]]) -> list[str]:
    return [document["state"] for document in documents]


@pytest.mark.promise(2)
def test_a_wrong_pin_in_a_set_of_fifty_is_one_login_and_fifty_not_started(faulty: Faulty, drawing: Path, tmp_path: Path) -> None:
    inputs, out = sheets(drawing, 50), tmp_path / "out"
    out.mkdir()
    result = faulty.yinxin("sign", *inputs, "--out-dir", out, "--pin", "env:WRONG", env=WRONG, code=3)
    assert faulty.calls("C_Login") == 1
    assert faulty.calls("C_SignInit") == faulty.calls("C_Sign") == 0
    assert states(result.json["documents"]) == ["skipped"] * 50
    assert not any(document["error"] for document in result.json["documents"])
    error = told(result)
    assert error["code"] == "pin_incorrect"
    assert (error["facts"]["published"], error["facts"]["remaining"]) == (0, 50)
    assert f"--resume {result.json['batch']}" in error["hint"]
    assert not list(out.iterdir())
    done = faulty.yinxin("sign", "--resume", result.json["batch"], *SIGN).json
    assert states(done["documents"]) == ["published"] * 50
    assert done["batch"] == result.json["batch"]
    assert len(list(out.iterdir())) == 50
    assert faulty.calls("C_Login") == 2
    shown = faulty.yinxin("sign", *inputs[:3], "--pin", "env:WRONG", env=WRONG, code=3, as_json=False)
    assert shown.err.count("not started: ") == 3
    assert shown.err.count("PIN is wrong") == 1


@pytest.mark.promise(2)
def test_the_last_try_in_a_set_is_refused_without_a_login_and_the_set_is_there_for_later(faulty: Faulty, drawing: Path) -> None:
    faulty.say("flags 20000")
    result = faulty.yinxin("sign", *sheets(drawing, 5), *SIGN, code=3)
    assert told(result)["code"] == "pin_final_try"
    assert states(result.json["documents"]) == ["skipped"] * 5
    assert faulty.calls("C_Login") == 0
    done = faulty.yinxin("sign", "--resume", result.json["batch"], *SIGN, "--confirm-final-try").json
    assert states(done["documents"]) == ["published"] * 5
    assert faulty.calls("C_Login") == 1


@pytest.mark.promise(5)
@pytest.mark.promise(6)
@pytest.mark.obligation("S41")
@pytest.mark.parametrize("fault", [("pulled 6",), ("absent",), ("fail C_Sign 32 6",), ("fail C_Sign 5 6",)], ids=", ".join)
def test_a_token_pulled_in_the_middle_and_put_back(faulty: Faulty, drawing: Path, tmp_path: Path, fault: tuple[str, ...]) -> None:
    """Between two documents and inside C_Sign, with the word for it or without: the rest is not started, and signed later."""
    inputs, out = sheets(drawing, 12), tmp_path / "out"
    out.mkdir()
    if fault == ("absent",):
        faulty.say("delay C_Sign 100")  # so that the card can go while the set is under way
        signing = faulty.yinxin.start("sign", *inputs, "--out-dir", out, "--reason", "审核", *SIGN)
        until(lambda: len(list(out.glob("*.pdf"))) >= 2)
        faulty.say("absent")
        stdout, stderr = signing.communicate(timeout=60)
        assert signing.returncode == 7, stdout + stderr
        result = json.loads(stdout)
    else:
        faulty.say(*fault)
        result = faulty.yinxin("sign", *inputs, "--out-dir", out, "--reason", "审核", *SIGN, code=7).json
    error, published = result["error"], [d for d in result["documents"] if d["state"] == "published"]
    assert error["code"] == ("token_fault" if fault == ("fail C_Sign 5 6",) else "token_removed")
    assert set(states(result["documents"])) == {"published", "skipped"}
    assert (error["facts"]["published"], error["facts"]["remaining"]) == (len(published), 12 - len(published))
    assert error["facts"]["batch"] == result["batch"]
    assert "--resume" in error["hint"]
    before = tree(out)
    assert sorted(map(str, out.iterdir())) == sorted(d["output"] for d in published)
    logins = faulty.calls("C_Login")
    assert logins == 1
    if fault == ("absent",):  # it is still away
        assert told(faulty.yinxin("sign", "--resume", result["batch"], *NO_PIN, code=3))["code"] == "token_absent"
    faulty.say()
    signed = faulty.calls("C_Sign")
    done = faulty.yinxin("sign", "--resume", result["batch"], *SIGN).json
    assert [d["input"] for d in done["documents"]] == [d["input"] for d in result["documents"] if d["state"] != "published"]
    assert set(states(done["documents"])) == {"published"}
    # What the token was asked for and never came out is asked for once more, the very same; that is told
    asked = {
        document["n"]: document["attributes"]
        for document in ended(faulty.yinxin.home)[-2]["documents"]
        if "attributes" in document and document["state"] != "published"
    }
    again = ended(faulty.yinxin.home)[-1]["documents"]
    assert asked
    assert [document["reissued"] for document in done["documents"]].count(True) == len(asked)
    assert {document["attributes"] for document in again if document.get("reissued")} == set(asked.values())
    assert faulty.calls("C_Sign") - signed == 12 - len(published)
    assert faulty.calls("C_Login") == logins + 1
    after = tree(out)
    assert {name: after[name] for name in before} == before
    assert len(after) == 12
    for path in out.iterdir():
        assert_signed(path)
        assert (
            "审核".encode("utf-16-be").hex().upper() in path.read_bytes().decode("latin-1").upper() or "审核".encode("utf-16-be") in path.read_bytes()
        )
    assert told(faulty.yinxin("sign", "--resume", result["batch"], *NO_PIN, code=5))["facts"]["reason"] == "all_published"
    assert tree(out) == after


def stopped(faulty: Faulty, drawing: Path, count: int = 4) -> tuple[str, list[Path]]:
    """A set of which nothing was signed: its name and its files."""
    inputs = sheets(drawing, count)
    result = faulty.yinxin("sign", *inputs, "--pin", "env:WRONG", env=WRONG, code=3)
    return result.json["batch"], inputs


@pytest.mark.promise(3)
def test_another_token_or_certificate_is_refused_before_any_pin(faulty: Faulty, drawing: Path) -> None:
    batch, _ = stopped(faulty, drawing)
    before, logins = tree(drawing.parent), faulty.calls("C_Login")
    label = faulty.token.label
    for lines in (("serial 0123456789abcdef",), ("serial 0123456789abcdef", "label another")):
        faulty.say(*lines)
        named = "another" if len(lines) == 2 else label
        until(
            lambda wanted=named: [t["serial"] for t in faulty.yinxin("token", "list").json["tokens"] if t["label"] == wanted] == ["0123456789abcdef"]
        )
        error = told(faulty.yinxin("sign", "--resume", batch, "--token", named, *NO_PIN, code=3))
        assert (error["code"], error["facts"]["reason"]) == ("token_absent", "other_token")
        assert told(faulty.yinxin("sign", "--resume", batch, *NO_PIN, code=3))["code"] == "token_absent"
    faulty.say()
    until(lambda: any(t["label"] == label and t["serial"] != "0123456789abcdef" for t in faulty.yinxin("token", "list").json["tokens"]))
    error = told(faulty.yinxin("sign", "--resume", batch, "--cert", "云桥内部 CA", *NO_PIN, code=3))
    assert (error["code"], error["facts"]["reason"]) == ("certificate_mismatch", "resumed")
    assert tree(drawing.parent) == before
    assert faulty.calls("C_Login") == logins
    done = faulty.yinxin("sign", "--resume", batch, "--token", label, "--cert", "李工", *SIGN).json
    assert states(done["documents"]) == ["published"] * 4


@pytest.mark.promise(4)
def test_a_file_that_changed_since_is_listed_and_not_signed(faulty: Faulty, drawing: Path) -> None:
    batch, inputs = stopped(faulty, drawing)
    inputs[1].write_bytes(drawing.read_bytes() + b"\n%other\n")
    inputs[2].unlink()
    done = faulty.yinxin("sign", "--resume", batch, *SIGN, code=7).json
    assert states(done["documents"]) == ["published", "failed", "failed", "published"]
    changed, gone = (done["documents"][n]["error"] for n in (1, 2))
    assert (changed["code"], changed["facts"]["reason"]) == ("input_changed", "since")
    assert (gone["code"], gone["facts"]["reason"]) == ("input_unusable", "not_found")
    assert len(list(inputs[0].parent.glob("*.signed.pdf"))) == 2
    # Put back as it was, it is signed; the set stays the same set
    inputs[1].write_bytes(drawing.read_bytes() + b"\n%1\n")
    done = faulty.yinxin("sign", "--resume", batch, *SIGN, code=7).json
    assert states(done["documents"]) == ["published", "failed"]
    error = told(faulty.yinxin("sign", "--resume", batch, *NO_PIN, code=5))
    assert (error["code"], error["facts"]["reason"]) == ("input_unusable", "not_found")


def test_what_goes_with_resume_and_what_does_not(faulty: Faulty, drawing: Path) -> None:
    batch, inputs = stopped(faulty, drawing)
    assert told(faulty.yinxin("sign", inputs[0], "--resume", batch, *NO_PIN, code=2))["facts"]["reason"] == "either"
    for option in (("--reason", "x"), ("--out-dir", "/tmp"), ("--force",), ("--repair",), ("--appearance", "text"), ("--format", "cades")):
        error = told(faulty.yinxin("sign", "--resume", batch, *option, *NO_PIN, code=2))
        assert error["facts"]["reason"] == "resumed"
        assert option[0] in error["message"]
    assert told(faulty.yinxin("sign", *NO_PIN, code=2))["facts"]["reason"] == "missing"
    error = told(faulty.yinxin("sign", "--resume", "0123", *NO_PIN, code=5))
    assert (error["code"], error["facts"]["reason"]) == ("not_found", "batch")
    assert batch in error["message"]
    assert states(faulty.yinxin("sign", "--resume", "last", *SIGN).json["documents"]) == ["published"] * 4


@pytest.mark.promise(5)
def test_a_set_is_worked_on_once_at_a_time(yinxin: Yinxin, practice_token: PracticeToken, drawing: Path) -> None:
    with Asked(yinxin, *sheets(drawing, 2)) as (process, writing):
        batch = begun(yinxin.home)
        error = told(yinxin("sign", "--resume", batch, *NO_PIN, code=4))
        assert (error["code"], error["facts"]["reason"]) == ("not_allowed", "under_way")
        error = told(yinxin("sign", "--resume", "last", *NO_PIN, code=5))
        assert (error["code"], error["facts"]["reason"]) == ("not_found", "batch")
        os.write(writing, practice_token.pin.encode() + b"\n")
        stdout, _ = process.communicate(timeout=60)
    assert json.loads(stdout)["batch"] == batch
    assert told(yinxin("sign", "--resume", batch, *NO_PIN, code=5))["code"] == "nothing_to_do"


def recorded(home: Path, kind: str) -> list[dict[str, Any]]:
    """The statements of a kind, by the ledger."""
    with closing(sqlite3.connect(f"file:{home / 'data' / 'ledger.db'}?mode=ro", uri=True)) as store:
        rows = store.execute("select statement from entries order by seq").fetchall()
    return [statement["body"] for statement in (json.loads(row) for (row,) in rows) if statement["type"] == kind]


def begun(home: Path) -> str:
    """The set that was begun last."""
    return str(recorded(home, "signature.started")[-1]["batch"])


def ended(home: Path) -> list[dict[str, Any]]:
    """The outcomes."""
    return recorded(home, "signature.finished")


@pytest.mark.promise(5)
def test_cancelled_by_hand(desk: Desk, drawing: Path) -> None:
    """Ctrl-C between two documents; a text file among them has a detached signature."""
    inputs = sheets(drawing, 40)
    inputs.append(drawing.parent / "in" / "计算书.txt")
    inputs[-1].write_text("x")
    signing = desk.yinxin.start("sign", *inputs, *SIGN)
    folder = inputs[0].parent
    until(lambda: any(folder.glob("*.signed.pdf")) or signing.poll() is not None)
    signing.send_signal(signal.SIGINT)
    stdout, stderr = signing.communicate(timeout=60)
    assert "Traceback" not in stdout + stderr
    result = json.loads(stdout)
    left = [d for d in result["documents"] if d["state"] != "published"]
    if signing.returncode == 0:
        assert not left  # it was through before it heard
        return
    assert result["error"]["code"] == "cancelled"
    assert f"--resume {result['batch']}" in result["error"]["hint"]
    done = desk.yinxin("sign", "--resume", result["batch"], *SIGN).json
    assert len(done["documents"]) == len(left)
    assert set(states(done["documents"])) == {"published"}
    assert len(list(folder.glob("*.signed.pdf"))) == 40
    assert (folder / "计算书.txt.p7s").is_file()


@pytest.mark.promise(5)
def test_a_practice_token_is_pulled_and_put_back(yinxin: Yinxin, practice_token: PracticeToken, drawing: Path) -> None:
    """As everybody can practise it, without a device: pull, insert, resume."""
    inputs = sheets(drawing, 150)
    folder = inputs[0].parent
    signing = yinxin.start("sign", *inputs, *SIGN)
    until(lambda: any(folder.glob("*.signed.pdf")) or signing.poll() is not None)
    yinxin("token", "pull", practice_token.label)
    stdout, stderr = signing.communicate(timeout=60)
    if signing.returncode == 0:
        pytest.skip("the set was through before the token could be pulled")
    assert signing.returncode == 7, stdout + stderr
    result = json.loads(stdout)
    error, left = result["error"], [d for d in result["documents"] if d["state"] != "published"]
    assert error["code"] == "token_removed"
    assert error["facts"]["remaining"] == len(left)
    assert {d["state"] for d in left} == {"skipped"}
    before = tree(folder)
    assert told(yinxin("sign", "--resume", result["batch"], *NO_PIN, code=3))["code"] in ("token_absent", "token_removed")
    yinxin("token", "insert", practice_token.label)
    done = yinxin("sign", "--resume", result["batch"], *SIGN).json
    assert [d["input"] for d in done["documents"]] == [d["input"] for d in left]
    assert set(states(done["documents"])) == {"published"}
    after = tree(folder)
    assert {name: after[name] for name in before} == before
    assert len(list(folder.glob("*.signed.pdf"))) == 150


@pytest.mark.promise(5)
@pytest.mark.obligation("S41")
def test_the_agent_killed_in_the_middle(yinxin: Yinxin, practice_token: PracticeToken, drawing: Path) -> None:
    """The command cannot know the set's name then: it says `--resume last`."""
    inputs = sheets(drawing, 60)
    folder = inputs[0].parent
    signing = yinxin.start("sign", *inputs, "--token", practice_token.label, *SIGN)
    until(lambda: any(folder.glob("*.signed.pdf")) or signing.poll() is not None)
    agent = agent_of(yinxin.home)
    assert agent is not None
    os.kill(agent, signal.SIGKILL)
    stdout, stderr = signing.communicate(timeout=60)
    if signing.returncode == 0:
        pytest.skip("the set was through before the agent could be killed")
    assert "Traceback" not in stdout + stderr
    assert "--resume last" in json.loads(stdout)["error"]["hint"]
    there = {path.name: path.read_bytes() for path in folder.glob("*.signed.pdf")}
    assert 0 < len(there) < 60
    done = yinxin("sign", "--resume", "last", *SIGN).json
    assert len(done["documents"]) == 60 - len(there)
    assert set(states(done["documents"])) == {"published"}
    assert {name: (folder / name).read_bytes() for name in there} == there
    assert len(list(folder.glob("*.signed.pdf"))) == 60
    assert not [path for path in folder.iterdir() if path.name.startswith(".")]


def test_a_set_resumed_is_stopped_and_resumed_in_its_turn(faulty: Faulty, drawing: Path) -> None:
    batch, inputs = stopped(faulty, drawing, 12)
    faulty.say("pulled 5")
    first = faulty.yinxin("sign", "--resume", batch, *SIGN, code=7).json
    assert first["batch"] == batch
    faulty.say()
    second = faulty.yinxin("sign", "--resume", batch, *SIGN).json
    published = [d["input"] for each in (first, second) for d in each["documents"] if d["state"] == "published"]
    assert sorted(published) == sorted(map(str, inputs))
    shutil.rmtree(inputs[0].parent)
