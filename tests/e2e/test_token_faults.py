"""A token or its module fails in the middle of the work: nothing partial, one error that names it, and the rest can be signed later."""

import json
import os
import shutil
from pathlib import Path

import pytest

from tests.e2e.conftest import SIGN, Asked, Faulty
from tests.e2e.looks import assert_signed, children, told, tree, until


@pytest.mark.promise(8)
@pytest.mark.promise(6)
def test_a_wrong_signature_is_never_published(faulty: Faulty, drawing: Path, tmp_path: Path) -> None:
    text = tmp_path / "t.txt"
    text.write_text("x")
    before = tree(tmp_path)
    faulty.say("wrong C_Sign")
    error = told(faulty.yinxin("sign", drawing, text, *SIGN, code=3))
    assert (error["code"], error["facts"]["reason"]) == ("token_fault", "wrong_signature")
    assert tree(tmp_path) == before


@pytest.mark.promise(8)
def test_a_module_that_aborts_while_signing(faulty: Faulty, drawing: Path) -> None:
    before = tree(drawing.parent)
    faulty.say("abort C_Sign")
    error = told(faulty.yinxin("sign", drawing, *SIGN, code=3))
    assert (error["code"], error["facts"]["reason"]) == ("module_unusable", "crashed")
    assert "vendor" in error["message"]
    assert "PIN try" not in error["hint"]
    faulty.say("abort C_Login")
    error = told(faulty.yinxin("sign", drawing, *SIGN, code=3))
    assert error["facts"]["try_spent"] is True
    assert "one PIN try may be spent" in error["hint"]
    assert tree(drawing.parent) == before
    faulty.say()
    faulty.yinxin("sign", drawing, *SIGN)


@pytest.mark.parametrize(
    "fault", ["fail C_Sign 5", "fail C_SignInit 30", "fail C_OpenSession 5", "fail C_Login 5", "fail C_FindObjectsInit 30", "fail C_Sign 80000123"]
)
def test_a_fault_of_the_token_names_it(faulty: Faulty, drawing: Path, fault: str) -> None:
    before = tree(drawing.parent)
    faulty.say(fault)
    error = told(faulty.yinxin("sign", drawing, *SIGN, code=3))
    assert error["code"] in ("token_fault", "certificate_not_found", "token_absent", "module_unusable"), error
    assert tree(drawing.parent) == before
    assert faulty.calls("C_Login") <= 1


@pytest.mark.promise(5)
def test_a_token_pulled_before_the_first_signature(faulty: Faulty, drawing: Path) -> None:
    before = tree(drawing.parent)
    for ckr in ("32", "5", "e0"):
        with Asked(faulty.yinxin, drawing) as (process, writing):
            faulty.say("pulled 1", f"fail C_Sign {ckr}")
            os.write(writing, faulty.token.pin.encode() + b"\n")
            stdout, _ = process.communicate(timeout=60)
        assert process.returncode == 3, stdout
        assert json.loads(stdout)["error"]["code"] == "token_removed"
        assert tree(drawing.parent) == before
        faulty.say()


@pytest.mark.promise(5)
def test_a_token_pulled_in_the_middle_of_a_batch(faulty: Faulty, drawing: Path, tmp_path: Path) -> None:
    inputs, out = [tmp_path / f"{n}.pdf" for n in range(12)], tmp_path / "out"
    out.mkdir()
    for path in inputs:
        shutil.copy(drawing, path)
    faulty.say("pulled 6")
    result = faulty.yinxin("sign", *inputs, "--out-dir", out, *SIGN, code=7)
    assert told(result)["code"] == "token_removed"
    published = [d for d in result.json["documents"] if d["state"] == "published"]
    assert 0 < len(published) < len(inputs)
    assert {d["state"] for d in result.json["documents"]} == {"published", "skipped"}
    assert sorted(map(str, out.iterdir())) == sorted(d["output"] for d in published)
    for document in published:
        assert_signed(document["output"])
    assert faulty.calls("C_Login") == 1
    faulty.say()
    rest = [d["input"] for d in result.json["documents"] if d["state"] != "published"]
    faulty.yinxin("sign", *rest, "--out-dir", out, *SIGN)
    assert len(list(out.iterdir())) == len(inputs)


@pytest.mark.promise(8)
def test_a_module_that_floods_its_output(faulty: Faulty, drawing: Path) -> None:
    faulty.say("noise")
    assert faulty.yinxin("sign", drawing, *SIGN).json["documents"][0]["state"] == "published"
    log = faulty.yinxin.home / "state" / "agent.log"
    assert log.stat().st_size < 1_000_000


@pytest.mark.promise(8)
def test_modules_that_hang(faulty: Faulty, drawing: Path, tmp_path: Path) -> None:
    """In C_Sign, in C_Login, and in C_GetSlotList: each is ended by its deadline and named; meanwhile everything else goes on."""
    text = tmp_path / "t.txt"
    text.write_text("x")
    before = tree(tmp_path)
    settings = faulty.yinxin.home / "config" / "settings.toml"
    settings.write_text("[deadlines]\nsign = 15\nlogin = 12\n")
    faulty.say("hang C_Sign")
    signing = faulty.yinxin.start("sign", drawing, *SIGN)
    until(lambda: faulty.calls("C_Sign") == 1)
    faulty.say("hang C_Login")
    logging_in = faulty.yinxin.start("sign", text, *SIGN)
    until(lambda: faulty.calls("C_Login") == 2)
    faulty.say()
    assert faulty.yinxin("agent", "status").json["jobs"] == 2
    assert [t["state"] for t in faulty.yinxin("token", "list").json["tokens"]].count("ready") == 1
    assert faulty.yinxin("verify", drawing, code=1).json["documents"][0]["reason"] == "NO_SIGNATURE"
    faulty.yinxin("sign", text, "--out", tmp_path / "meanwhile.p7s", *SIGN)
    assert signing.poll() is None
    assert logging_in.poll() is None
    (tmp_path / "meanwhile.p7s").unlink()
    for process, during, spent in ((logging_in, "login", True), (signing, "sign", False)):
        stdout, stderr = process.communicate(timeout=120)
        assert process.returncode == 3, stdout + stderr
        error = json.loads(stdout)["error"]
        assert (error["code"], error["facts"]["module"], error["facts"]["during"]) == ("module_timeout", "vendor", during)
        assert "vendor" in error["message"]
        assert error["facts"]["try_spent"] is spent
        assert ("PIN try may be spent" in error["hint"]) is spent
    assert tree(tmp_path) == before
    until(lambda: not [line for line in children(faulty.yinxin.home).values() if " session " in line])
    settings.unlink()
