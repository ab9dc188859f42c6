"""The commands on a real agent and a real (emulated) token: one JSON document each, the contract's exit codes, both languages."""

import json
import os
import re
import stat
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.cli.fake import library_head
from tests.conftest import PIN, PracticeToken, Yinxin

SOURCE = ("--pin", "env:YX_PIN")


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("files") / "计算书.txt"
    path.write_text("not a PDF", encoding="utf-8")
    return path


def test_every_command_in_a_newcomers_order(yinxin: Yinxin, tmp_path: Path) -> None:
    label = "新 UKey"
    made = yinxin("token", "init", "--emulated", "--label", label, *SOURCE, "--so-pin", "env:YX_SO_PIN").json["token"]
    assert (made["label"], made["state"], made["emulated"]) == (label, "ready", True)
    token = next(t for t in yinxin("token", "list").json["tokens"] if t["label"] == label)
    assert {"module", "label", "serial", "manufacturer", "model", "state", "pin_state", "keys", "certificates"} <= set(token)
    on = ("--token", label)
    ca = yinxin("ca", "create", *on, "--subject", "CN=内部 CA,O=院,C=CN", *SOURCE, "--out", tmp_path / "ca.pem").json
    assert ca["common_name"] == "内部 CA"
    key = yinxin("key", "generate", *on, "--type", "rsa2048", "--label", "签名", *SOURCE).json
    assert (key["label"], key["type"], key["token"], key["non_extractable"]) == ("签名", "rsa2048", label, True)
    assert {k["label"] for k in yinxin("key", "list", *on).json["keys"]} >= {"签名"}
    assert all(k["non_extractable"] for k in yinxin("key", "list", *on, *SOURCE).json["keys"])
    yinxin("cert", "request", *on, "--key", "签名", "--subject", "CN=李工,C=CN", "--out", tmp_path / "r.csr", *SOURCE)
    yinxin("cert", "issue", tmp_path / "r.csr", "--ca", label, "--profile", "signer", "--out", tmp_path / "r.crt", *SOURCE)
    yinxin("cert", "import", tmp_path / "r.crt", *on, "--key", "签名", *SOURCE)
    listed = yinxin("cert", "list", *on).json["certificates"]
    mine = next(c for c in listed if c["common_name"] == "李工")
    assert (mine["usable"], mine["internal"], mine["problem"]) == (True, True, None)
    for selector in ("李工", mine["fingerprint"], mine["fingerprint"][:8]):
        assert yinxin("cert", "show", selector).json["fingerprint"] == mine["fingerprint"]
    yinxin("cert", "export", "李工", "--out", tmp_path / "li.pem")
    assert (tmp_path / "li.pem").read_text() == (tmp_path / "r.crt").read_text()
    assert stat.S_IMODE((tmp_path / "li.pem").stat().st_mode) == 0o644
    assert yinxin("cert", "export", "李工", "--out", tmp_path / "li.pem", code=5).error["code"] == "output_exists"
    yinxin("cert", "export", "李工", "--out", tmp_path / "li.pem", "--force")
    assert yinxin("token", "show", label).json["label"] == label
    assert yinxin("module", "list").json["modules"]
    assert yinxin("doctor", code=None).json["checks"]
    status = yinxin("agent", "status").json
    assert status["running"]
    assert yinxin("agent", "stop").json == {"running": False, "stopped": True}
    assert yinxin("agent", "stop").json["stopped"] is False
    assert yinxin("agent", "status").json["running"] is False


def test_sign_and_verify(yinxin: Yinxin, practice_token: PracticeToken, drawing: Path, sample: Path) -> None:
    out = drawing.parent / "o"
    out.mkdir()
    done = yinxin("sign", drawing, sample, "--out-dir", out, "--appearance", "text", "--at", "1:20,20", "--reason", "设计", *SOURCE).json
    assert [(d["state"], d["level"], d["error"]) for d in done["documents"]] == [("published", "b-b", None)] * 2
    assert [d["input"] for d in done["documents"]] == [str(drawing), str(sample)]
    assert all(Path(d["output"]).is_file() for d in done["documents"])
    assert done["batch"]
    signed, detached = (Path(d["output"]) for d in done["documents"])
    assert yinxin("verify", signed).json["documents"][0]["verdict"] == "passed"
    assert yinxin("verify", sample, "--signature", detached, "--trust", practice_token.ca).json["documents"][0]["verdict"] == "passed"
    unsigned = yinxin("verify", drawing, signed, code=1).json["documents"]
    assert (unsigned[0]["verdict"], unsigned[0]["reason"]) == ("indeterminate", "NO_SIGNATURE")
    assert unsigned[1]["verdict"] == "passed"
    assert {d["file"] for d in unsigned} == {str(drawing), str(signed)}


def test_signing_in_words(yinxin: Yinxin, practice_token: PracticeToken, drawing: Path) -> None:
    done = yinxin("sign", drawing, *SOURCE, as_json=False)
    assert done.out == f"signed: {drawing} → {drawing.with_suffix('.signed.pdf')}\n"
    assert done.err in ("", "Practice: these signatures have no effect.\n")
    said = yinxin("--lang", "zh", "verify", drawing.with_suffix(".signed.pdf"), as_json=False)
    assert said.out.startswith(f"通过  {drawing.with_suffix('.signed.pdf')}\n")
    assert "签名人" in said.out
    again = yinxin("--lang", "zh", "sign", drawing, *SOURCE, as_json=False, code=5)
    assert again.out == ""
    assert again.err.count("\n") == 2
    assert "输出文件已存在" in again.err


def test_the_exit_codes_of_a_batch(yinxin: Yinxin, practice_token: PracticeToken, drawing: Path, sample: Path) -> None:
    there, missing, out = str(drawing), str(drawing.parent / "none.pdf"), str(drawing.parent)
    partly = yinxin("sign", there, missing, "--out-dir", out, *SOURCE, code=7).json
    assert [d["state"] for d in partly["documents"]] == ["published", "failed"]
    assert partly["documents"][1]["error"]["facts"]["reason"] == "not_found"
    none = yinxin("sign", missing, sample.parent, *SOURCE, code=5).json
    assert none["error"]["code"] == "input_unusable"
    assert [d["error"]["facts"]["reason"] for d in none["documents"]] == ["not_found", "not_a_file"]
    wrong = yinxin("sign", sample, "--out-dir", out, "--pin", "env:WRONG", env={"WRONG": PIN + "0"}, code=3).json
    assert wrong["error"]["code"] == "pin_incorrect"
    assert [d["state"] for d in wrong["documents"]] == ["skipped"]
    assert not (drawing.parent / (sample.name + ".p7s")).exists()
    assert yinxin("sign", sample, "--token", "none", *SOURCE, code=3).error["code"] == "token_absent"
    assert yinxin("sign", sample, "--cert", "nobody", *SOURCE, code=3).error["code"] == "certificate_not_found"
    assert yinxin("sign", sample, "--force", code=3).error["code"] == "no_prompter"
    assert yinxin("verify", missing, code=5).error["facts"]["reason"] == "not_found"


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("nonsense",), "command"),
        (("token", "nonsense"), "command"),
        (("token",), "command"),
        (("sign",), "missing"),
        (("sign", "a", "--nonsense"), "no_such_option"),
        (("sign", "a", "--format", "odt"), "option"),
        (("sign", "a", "--level", "b-lta"), "option"),
        (("sign", "a", "b", "--out", "c"), "one_file"),
        (("sign", "a", "--out", "c", "--out-dir", "d"), "either"),
        (("sign", "a", "--at", "1:1,1"), "needs"),
        (("sign", "a", "--appearance", "text", "--at", "1;1"), "place"),
        (("sign", "a", "--pin"), "option"),
        (("sign", "a", "--pin", "env:NO_SUCH_VARIABLE"), "pin_variable"),
        (("verify", "a", "--at", "yesterday"), "time"),
        (("verify", "a", "b", "--signature", "c"), "one_file"),
        (("token", "list", "extra"), "extra"),
        (("token", "init", "--label", "x"), "either"),
        (("cert", "issue", "a", "--profile", "signer", "--out", "b", "--days", "0"), "option"),
        (("--lang", "fr", "token", "list"), "option"),
        (("--home",), "option"),
    ],
)
def test_usage_is_exit_2_and_starts_no_agent(run: Callable[..., Any], home: Path, arguments: tuple[str, ...], reason: str) -> None:
    for lang in ("zh", "en"):
        done = run("--json", *arguments, lang=lang)
        assert (done.code, done.err) == (2, "")
        error = done.json["error"]
        assert (error["code"], error["facts"]["reason"]) == ("usage", reason)
        assert error["message"]
        assert error["hint"]
    assert not (home / "run").exists()


def test_a_file_that_is_not_there_needs_no_pin(yinxin: Yinxin, tmp_path: Path) -> None:
    assert yinxin("cert", "import", tmp_path / "none.crt", code=5).error["facts"]["reason"] == "not_found"
    (tmp_path / "empty").touch()
    assert yinxin("cert", "import", tmp_path / "empty", code=5).error["facts"]["reason"] == "empty"
    out = tmp_path / "no" / "r.csr"
    assert yinxin("cert", "request", "--key", "k", "--subject", "CN=x", "--out", out, code=5).error["code"] == "output_unwritable"


def test_adding_a_module(yinxin: Yinxin, tmp_path: Path) -> None:
    path = tmp_path / "vendor.so"
    assert yinxin("module", "add", path, "--yes", code=3).error["facts"]["reason"] == "missing"
    path.write_bytes(library_head())
    for mode in (0o666, 0o1666):  # the sticky bit of a file means nothing
        path.chmod(mode)
        assert yinxin("module", "add", path, "--yes", code=3).error["facts"]["reason"] == "unsafe"
    path.chmod(0o644)
    path.write_bytes(b"no library")
    for consent in ((), ("--yes",)):  # what cannot be loaded needs no consent
        assert yinxin("module", "add", path, *consent, code=3).error["facts"]["reason"] == "not_a_module"
    assert yinxin("module", "add", tmp_path, "--yes", code=3).error["facts"]["reason"] == "not_a_module"
    path.write_bytes(library_head())
    assert yinxin("module", "add", path, code=2).error["facts"]["reason"] == "consent"
    assert yinxin("module", "add", path, "--yes", "--env", "NO_SUCH_VARIABLE", code=2).error["facts"]["reason"] == "variable"
    assert yinxin("module", "remove", "none", code=5).error["code"] == "not_found"
    real = "/usr/lib/softhsm/libsofthsm2.so"
    if os.path.exists(real):
        added = yinxin("module", "add", real, "--name", "第二个", "--yes", "--env", "HOME", "--network", code=None)
        assert added.code in (0, 3)
        assert "Traceback" not in added.err
        if added.code == 0:
            assert added.json["network_allowed"] is True


def test_a_module_for_another_processor_is_refused_before_consent(yinxin: Yinxin, tmp_path: Path) -> None:
    path = tmp_path / "old.so"
    path.write_bytes(b"\x7fELF" + bytes([1, 1, 1]) + bytes(9) + struct.pack("<HH", 3, 3) + bytes(64))  # a shared object, i386
    error = yinxin("module", "add", path, code=3).error
    assert error["facts"]["reason"] == "architecture"
    assert "x86" in error["message"]
    assert error["facts"]["machine_architecture"] in error["message"]


@pytest.mark.parametrize("name", ["图 纸\n(1).pdf", "a\x1b[31m.pdf", "-dash.pdf", os.fsdecode(b"\xff\xfe.pdf")])
def test_odd_names(yinxin: Yinxin, practice_token: PracticeToken, drawing: Path, name: str) -> None:
    path = drawing.with_name(name)
    drawing.rename(path)
    done = yinxin("sign", "--json", *SOURCE, "--", name, cwd=path.parent).json["documents"][0]
    assert done["input"] == str(path)
    assert done["output"] == str(path)[:-4] + ".signed.pdf"
    assert Path(done["output"]).is_file()
    said = yinxin("verify", "--", done["output"], as_json=False)
    assert said.out.startswith("passed  /")
    assert "\x1b" not in said.out
    assert "\udcff" not in said.out


def test_help_is_complete_in_both_languages(run: Callable[..., Any]) -> None:
    for command in _all_commands():
        chinese = run(*command, "--help", lang="zh").out
        english = run(*command, "--help", lang="en").out
        assert chinese.startswith("用法：")
        assert english.startswith("Usage:")
        assert english.isascii(), [line for line in english.split("\n") if not line.isascii()]
        assert "\x1e" not in chinese + english
        for option in re.split(r"\n  (?=-)", chinese.partition("选项:")[2])[1:]:
            assert re.search("[一-鿿]", option), f"{command} has an option without a Chinese text: {option}"


def _all_commands() -> list[tuple[str, ...]]:
    import typer

    from agent.cli.app import GROUPS, app

    root: Any = typer.main.get_command(app)
    found: list[tuple[str, ...]] = [()]
    for name in GROUPS:
        group = root.get_command(None, name)
        found += [(name,), *((name, *rest) for rest in _below(group))]
    return found


def _below(group: Any) -> list[tuple[str, ...]]:
    return [way for name, each in getattr(group, "commands", {}).items() for way in ((name,), *((name, *rest) for rest in _below(each)))]


def test_version_and_completion(yinxin: Yinxin) -> None:
    from agent import __version__

    assert yinxin("--version").json == {"version": __version__}
    assert yinxin("--version", as_json=False).out == f"yinxin {__version__}\n"
    for shell in ("bash", "zsh", "fish"):
        assert "_YINXIN_COMPLETE" in yinxin("completion", shell, as_json=False).out
    env = {"_YINXIN_COMPLETE": "complete_bash", "COMP_WORDS": "yinxin token ", "COMP_CWORD": "2"}
    done = yinxin(env=env, as_json=False)
    assert {"list", "show", "init"} <= set(done.out.split())
    top = yinxin(env=env | {"COMP_WORDS": "yinxin ", "COMP_CWORD": "1"}, as_json=False)
    assert {"sign", "verify", "doctor"} <= set(top.out.split())


def test_an_agent_that_cannot_start(yinxin: Yinxin) -> None:
    yinxin.home.mkdir(parents=True)
    (yinxin.home / "state").write_text("in the way")
    refused = yinxin("token", "list", code=6)
    assert refused.error["code"] == "agent_unreachable"
    assert refused.error["facts"]["reason"] == "refused"
    checks = {c["name"]: c for c in yinxin("doctor", code=1).json["checks"]}
    assert checks["agent"]["state"] == "fail"
    assert checks["home"]["state"] == "fail"
    assert checks["python"]["state"] == "ok"


def test_why_an_agent_died_at_its_start(yinxin: Yinxin) -> None:
    yinxin.home.mkdir(parents=True)
    (yinxin.home / "data").mkdir()
    (yinxin.home / "data" / "ledger.db").write_bytes(b"no database at all" * 100)
    done = yinxin("token", "list", code=6)
    assert done.error["facts"]["reason"] == "starting"
    assert done.error["facts"]["detail"]
    assert "Traceback" not in done.out


def test_a_closed_pipe_is_no_traceback(yinxin: Yinxin) -> None:
    process = yinxin.start("--help")
    assert process.stdout is not None
    process.stdout.close()
    assert process.stderr is not None
    said = process.stderr.read()
    process.stderr.close()
    process.wait()
    assert "Traceback" not in said


def test_an_error_of_ours_is_told_without_a_traceback(yinxin: Yinxin, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "sitecustomize.py").write_text(
        "import agent.cli.session as s\ndef client(*a, **k): raise ZeroDivisionError('secret')\ns.Session.client = client\n"
    )
    root = str(Path(__file__).resolve().parents[2])
    done = yinxin("token", "list", env={"PYTHONPATH": f"{broken}:{root}"}, code=70)
    assert done.error["code"] == "internal"
    assert done.error["facts"]["type"] == "ZeroDivisionError"
    assert "Traceback" not in done.out + done.err
    log = Path(done.error["facts"]["path"])
    assert "ZeroDivisionError" in log.read_text()
    assert stat.S_IMODE(log.stat().st_mode) == 0o600
    assert json.loads(done.out)
