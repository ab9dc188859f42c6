"""PINs, through the command line, the agent and a module that counts: one login for one PIN, none where the last try is at stake."""

import os
import subprocess
from pathlib import Path

import pytest

from tests.conftest import PIN
from tests.e2e.conftest import SIGN, Asked, Desk, Faulty
from tests.e2e.looks import assert_signed, children, sentences, told, tree, until

pytestmark = pytest.mark.promise(2)
WRONG = {"WRONG": "0000000000"}


@pytest.mark.obligation("S46")
def test_a_wrong_pin_is_one_login_two_sentences_and_nothing_else(faulty: Faulty, drawing: Path, tmp_path: Path) -> None:
    inputs = [drawing, tmp_path / "b.txt"]
    inputs[1].write_text("b")
    before = tree(tmp_path)
    result = faulty.yinxin("sign", *inputs, "--pin", "env:WRONG", env=WRONG, code=3)
    assert faulty.calls("C_Login") == 1
    assert faulty.calls("C_Sign") == faulty.calls("C_SignInit") == 0
    assert told(result)["code"] == "pin_incorrect"
    assert [d["state"] for d in result.json["documents"]] == ["skipped"] * 2
    shown = sentences(faulty.yinxin("sign", drawing, "--pin", "env:WRONG", env=WRONG, code=3, as_json=False))
    assert "PIN is wrong" in shown[0]
    assert tree(tmp_path) == before
    assert faulty.calls("C_Login") == 2


def test_right_after_a_wrong_pin_the_right_one_signs(faulty: Faulty, drawing: Path) -> None:
    faulty.yinxin("sign", drawing, "--pin", "env:WRONG", env=WRONG, code=3)
    faulty.yinxin("sign", drawing, *SIGN)
    assert faulty.calls("C_Login") == 2
    assert_signed(drawing.with_suffix(".signed.pdf"))


@pytest.mark.parametrize(
    "arguments",
    [
        ("key", "generate", "--type", "p256", "--label", "x"),
        ("key", "list"),
        ("cert", "request", "--key", "签名", "--subject", "CN=x", "--out", "x.csr"),
        ("ca", "create", "--subject", "CN=x", "--out", "x.pem"),
    ],
    ids=lambda arguments: " ".join(arguments[:2]),
)
def test_every_other_command_spends_one_login_too(faulty: Faulty, tmp_path: Path, arguments: tuple[str, ...]) -> None:
    result = faulty.yinxin(*arguments, "--pin", "env:WRONG", env=WRONG, code=3, cwd=tmp_path)
    assert told(result)["code"] == "pin_incorrect"
    assert faulty.calls("C_Login") == 1
    assert not tree(tmp_path)


def test_a_batch_is_one_login(faulty: Faulty, drawing: Path, tmp_path: Path) -> None:
    inputs = []
    for n in range(9):
        inputs.append(tmp_path / f"{n}.bin")
        inputs[-1].write_bytes(b"%d" % n)
    faulty.yinxin("sign", drawing, *inputs, *SIGN)
    assert faulty.calls("C_Login") == 1
    assert faulty.calls("C_Sign") >= 10


def test_the_last_try_is_not_spent_without_consent(faulty: Faulty, drawing: Path) -> None:
    faulty.say("flags 20000")
    before = tree(drawing.parent)
    assert next(t for t in faulty.yinxin("token", "list").json["tokens"])["pin_state"] == "final_try"
    error = told(faulty.yinxin("sign", drawing, *SIGN, code=3))
    assert error["code"] == "pin_final_try"
    assert "--confirm-final-try" in error["hint"]
    assert told(faulty.yinxin("key", "list", *SIGN, code=3))["code"] == "pin_final_try"
    assert faulty.calls("C_Login") == 0
    assert tree(drawing.parent) == before
    faulty.yinxin("sign", drawing, *SIGN, "--confirm-final-try")
    assert faulty.calls("C_Login") == 1


def test_a_last_try_that_shows_only_after_the_question(faulty: Faulty, drawing: Path) -> None:
    """Another program spends tries while the person looks for the PIN: the flag is read again right before the login."""
    with Asked(faulty.yinxin, drawing) as (process, writing):
        faulty.say("flags 20000")
        os.write(writing, PIN.encode() + b"\n")
        stdout, _ = process.communicate(timeout=60)
    assert process.returncode == 3
    assert '"pin_final_try"' in stdout
    assert faulty.calls("C_Login") == 0
    assert not drawing.with_suffix(".signed.pdf").exists()


def test_a_locked_token_is_told_and_not_tried(faulty: Faulty, drawing: Path) -> None:
    faulty.say("flags 40000")
    error = told(faulty.yinxin("sign", drawing, *SIGN, "--confirm-final-try", code=3))
    assert error["code"] == "pin_locked"
    assert faulty.calls("C_Login") == 0
    faulty.say("fail C_Login a4")  # locked without any flag, as TPMs do
    until(lambda: all(token["pin_state"] != "locked" for token in faulty.yinxin("token", "list").json["tokens"]))
    assert told(faulty.yinxin("sign", drawing, *SIGN, code=3))["code"] == "pin_locked"
    assert faulty.calls("C_Login") == 1
    assert not drawing.with_suffix(".signed.pdf").exists()


def test_sources(desk: Desk, drawing: Path, tmp_path: Path) -> None:
    secret = tmp_path / "pin"
    secret.write_text(desk.token.pin + "\r\nsecond line\n")
    secret.chmod(0o600)
    desk.yinxin("sign", drawing, "--pin", f"file:{secret}")
    with secret.open("rb") as file:
        done = subprocess.run(
            desk.yinxin.command("sign", drawing, "--force", "--pin", f"fd:{file.fileno()}"),
            env=desk.yinxin.env(), pass_fds=(file.fileno(),), stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip
    assert done.returncode == 0, done.stdout
    secret.chmod(0o644)
    shown = desk.yinxin("sign", drawing, "--force", "--pin", f"file:{secret}", as_json=False)
    assert "other users can read the PIN file" in shown.err
    assert desk.yinxin("sign", drawing, "--force", "--pin", "fd:0", stdin=desk.token.pin + "\n").json["documents"][0]["state"] == "published"


@pytest.mark.parametrize(
    ("source", "env", "reason"),
    [
        ("env:NO_SUCH", {}, "pin_variable"),
        ("env:EMPTY", {"EMPTY": ""}, "pin_empty"),
        ("env:LINES", {"LINES": "\n482615"}, "pin_empty"),
        ("env:BYTES", {"BYTES": "\udcff\udcfe"}, "pin_unreadable"),
        ("file:/no/such/file", {}, "pin_unreadable"),
        ("file:/", {}, "pin_unreadable"),
        ("file:/proc/self/mem", {}, "pin_unreadable"),
        ("fd:77", {}, "pin_unreadable"),
        ("fd:-1", {}, "pin_source"),
        ("fd:²", {}, "pin_source"),
        ("fd:99999999999999999999", {}, "pin_source"),
        ("env:", {}, "pin_source"),
        ("482615", {}, "pin_source"),
        ("pass:482615", {}, "pin_source"),
        ("", {}, "pin_source"),
    ],
)
def test_a_source_that_gives_no_pin(desk: Desk, drawing: Path, source: str, env: dict[str, str], reason: str) -> None:
    result = desk.yinxin("sign", drawing, "--pin", source, env=env, code=2)
    error = told(result)
    assert (error["code"], error["facts"]["reason"]) == ("usage", reason)
    assert "482615" not in result.out + result.err
    assert not drawing.with_suffix(".signed.pdf").exists()


@pytest.mark.parametrize(
    "pin",
    ["\x01" * 255, "9" * 256, "9" * 5000, "密" * 900, "1\x002", '"}{\\', " 482615 "],
    ids=["255", "256", "5000", "wide", "nul", "json", "spaces"],
)
def test_an_odd_pin_is_a_wrong_pin_and_never_a_wait(desk: Desk, drawing: Path, tmp_path: Path, pin: str) -> None:
    secret = tmp_path / "pin"
    secret.write_text(pin)
    secret.chmod(0o600)
    error = told(desk.yinxin("sign", drawing, "--pin", f"file:{secret}", code=None, timeout=60))
    assert error["code"] in ("pin_incorrect", "usage", "token_fault"), error
    assert not drawing.with_suffix(".signed.pdf").exists()


def test_a_pin_written_as_an_argument_is_nowhere_repeated(desk: Desk, drawing: Path) -> None:
    for arguments in (
        ("sign", drawing, "--pin", "PIN-4711-x"),
        ("sign", drawing, "--pin=PIN-4711-x"),
        ("token", "list", "PIN-4711-x"),
        ("key", "PIN-4711-x"),
    ):
        for as_json in (True, False):
            result = desk.yinxin(*arguments, code=2, as_json=as_json)
            assert "PIN-4711-x" not in result.out + result.err
            assert result.err or result.error["message"]


def test_without_terminal_or_display_nobody_isAsked(faulty: Faulty, drawing: Path) -> None:
    error = told(faulty.yinxin("sign", drawing, code=3))
    assert error["code"] == "no_prompter"
    error = told(faulty.yinxin("sign", drawing, env={"DISPLAY": ":4711"}, code=3))
    assert error["code"] == "no_prompter"
    assert faulty.calls("C_Login") == 0
    until(lambda: not [line for line in children(faulty.yinxin.home).values() if " session " in line or "prompter" in line])


def test_whoever_declines_spends_no_try(faulty: Faulty, drawing: Path) -> None:
    with Asked(faulty.yinxin, drawing) as (process, writing):
        os.write(writing, b"\n")  # an empty line
        stdout, _ = process.communicate(timeout=60)
    assert process.returncode == 2
    assert "pin_empty" in stdout
    assert faulty.calls("C_Login") == 0
    until(lambda: not [line for line in children(faulty.yinxin.home).values() if " session " in line])
