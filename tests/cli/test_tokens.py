"""Commands on a whole token: inspect, lock, change and unblock its PIN, pull it out and put it in, erase it; by the real agent."""

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import PIN, SO_PIN, PracticeToken, Yinxin
from tokens import emulated, vendor

SOURCE = ("--pin", "env:YX_PIN")
NEW = {"YX_NEW": "739146"}


def other_program(home: Path, *command: str) -> None:
    """Another program on the home's emulated tokens; the test skips where it is not installed."""
    if shutil.which(command[0]) is None:
        pytest.skip(f"{command[0]} is not installed")
    environment = {"PATH": os.environ["PATH"], "SOFTHSM2_CONF": str(home / "softhsm2.conf")}
    subprocess.run(command, env=environment, check=True, capture_output=True)


def pkcs11_tool(home: Path, label: str, *arguments: str) -> None:
    other_program(home, "pkcs11-tool", "--module", str(emulated.library()), "--token-label", label, "--login", "--pin", PIN, *arguments)


def by_label(result: dict[str, Any], label: str) -> dict[str, Any]:
    found: dict[str, Any] = next(key for key in result["keys"] if key["label"] == label)
    return found


# Inspection


@pytest.mark.promise(1)
def test_an_emulated_token_passes_but_may_carry_no_seal(yinxin: Yinxin, practice_token: PracticeToken) -> None:
    done = yinxin("token", "inspect", *SOURCE).json
    assert (done["verdict"], done["reasons"], done["may_carry_seal"]) == ("passed", [], False)
    assert [each["name"] for each in done["seal_reasons"]] == ["software"]
    key = by_label(done, practice_token.key)
    assert key["attributes"] == {"local": True, "sensitive": True, "always_sensitive": True, "extractable": False, "never_extractable": True}
    assert set(key["export_attempts"]) == {"read", "wrap", "copy", "make_extractable", "make_readable"}
    assert all(outcome.startswith("CKR_") or outcome == "not_offered" for outcome in key["export_attempts"].values())
    assert (key["test_signature"], key["scheme"], key["may_carry_seal"]) == ("verified", "ecdsa_sha256", False)
    assert done["module"]["sha256"]
    assert done["module"]["mode"] == "0644"
    assert {"number": 0x1041, "name": "CKM_ECDSA", "vendor": False} in done["mechanisms"]
    if vendor.available():
        assert done["second_opinion"]["mechanisms"] == [each["number"] for each in done["mechanisms"]]
    assert done["token"]["label"] == practice_token.label
    for finding in done["findings"]:
        assert finding["message"]["zh"]
        assert finding["state"] in ("ok", "warn", "fail")
        assert finding["state"] == "ok" or finding["hint"]["en"]


def test_the_inspection_in_words_and_on_paper(yinxin: Yinxin, practice_token: PracticeToken, tmp_path: Path) -> None:
    report = tmp_path / "报告.html"
    said = yinxin("--lang", "zh", "token", "inspect", practice_token.label, *SOURCE, "--report", report, as_json=False).out
    assert said.startswith(f"UKey“{practice_token.label}”检测结果：通过\n不能承载电子印章：\n")
    assert str(report) in said
    page = report.read_text(encoding="utf-8")
    assert "UKey 检测报告" in page
    assert practice_token.common_name in page
    for outside in ("http://", "https://", "<script", "<img", "<link"):
        assert outside not in page
    again = yinxin("token", "inspect", "--pin", "env:WRONG", "--report", report, env={"WRONG": "000000"}, code=5)
    assert again.error["code"] == "output_exists"  # before any PIN was sent
    yinxin("token", "inspect", *SOURCE, "--report", report, "--force")
    assert "Token inspection report" in report.read_text(encoding="utf-8")
    assert PIN not in page + said


@pytest.mark.promise(1)
def test_an_imported_key_is_not_confirmed(yinxin: Yinxin, practice_token: PracticeToken, tmp_path: Path) -> None:
    key = str(tmp_path / "key.pem")
    subprocess.run(["openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", key], check=True, capture_output=True)
    command = ("--import", key, "--token", practice_token.label, "--label", "imported", "--id", "aa01", "--pin", PIN)
    other_program(yinxin.home, "softhsm2-util", *command)
    done = yinxin("token", "inspect", *SOURCE, code=1).json
    assert done["verdict"] == "indeterminate"
    assert [(each["name"], each["key"]) for each in done["reasons"]] == [("key_origin", "imported")]
    assert by_label(done, "imported")["test_signature"] == "verified"  # it signs, and may carry no seal
    assert "error" not in done


@pytest.mark.promise(1)
def test_a_key_that_can_be_taken_out_fails(yinxin: Yinxin, practice_token: PracticeToken) -> None:
    made = ("--keypairgen", "--key-type", "EC:prime256v1", "--label", "loose", "--id", "bb02", "--extractable")
    pkcs11_tool(yinxin.home, practice_token.label, *made)
    done = yinxin("token", "inspect", *SOURCE, code=1).json
    assert done["verdict"] == "failed"
    assert {(each["name"], each["key"]) for each in done["reasons"]} == {("key_protection", "loose"), ("key_export", "loose")}
    assert by_label(done, "loose")["export_attempts"]["wrap"] == "succeeded"
    said = yinxin("--lang", "zh", "token", "inspect", *SOURCE, as_json=False, code=1)
    assert "不通过" in said.out
    assert said.err == ""


def test_a_wrong_pin_ends_an_inspection(yinxin: Yinxin, practice_token: PracticeToken, tmp_path: Path) -> None:
    report = tmp_path / "r.html"
    done = yinxin("token", "inspect", "--pin", "env:WRONG", "--report", report, env={"WRONG": "000000"}, code=3)
    assert done.error["code"] == "pin_incorrect"
    assert not report.exists()


def test_a_certificate_of_sm2_is_listed_and_not_chosen(yinxin: Yinxin, practice_token: PracticeToken, drawing: Path, tmp_path: Path) -> None:
    """UKeys issued in China mostly bear one; it must not keep the other certificates from being seen."""
    key, certificate = str(tmp_path / "sm2.key"), str(tmp_path / "sm2.der")
    made = subprocess.run(["openssl", "ecparam", "-name", "SM2", "-genkey", "-noout", "-out", key], capture_output=True)
    if made.returncode != 0:
        pytest.skip("this openssl has no SM2")
    request = ("req", "-x509", "-new", "-key", key, "-sm3", "-subj", "/CN=sm2", "-days", "100", "-outform", "DER", "-out", certificate)
    subprocess.run(["openssl", *request], check=True, capture_output=True)
    pkcs11_tool(yinxin.home, practice_token.label, "--write-object", certificate, "--type", "cert", "--id", "cc03", "--label", "sm2")
    listed = {each["common_name"]: each for each in yinxin("cert", "list").json["certificates"]}
    assert (listed["sm2"]["usable"], listed["sm2"]["key_type"]) == (False, "other")
    yinxin("sign", drawing, *SOURCE)
    assert yinxin("token", "inspect", *SOURCE).json["verdict"] == "passed"


# PINs


@pytest.mark.promise(2)
@pytest.mark.parametrize("command", [("token", "pin", "change"), ("pin", "change")])
def test_the_pin_is_changed(yinxin: Yinxin, practice_token: PracticeToken, command: tuple[str, ...]) -> None:
    done = yinxin(*command, practice_token.label, *SOURCE, "--new-pin", "env:YX_NEW", env=NEW)
    assert done.json["token"]["label"] == practice_token.label
    assert yinxin("key", "list", *SOURCE, code=3).error["code"] == "pin_incorrect"
    yinxin("key", "list", "--pin", "env:YX_NEW", env=NEW)
    said = yinxin("--lang", "zh", *command, "--pin", "env:YX_NEW", "--new-pin", "env:YX_PIN", env=NEW, as_json=False).out
    assert said == f"UKey“{practice_token.label}”的 PIN 码已修改。\n"
    for text in (done.out, said):
        assert PIN not in text
        assert NEW["YX_NEW"] not in text


@pytest.mark.parametrize(("new", "reason"), [("12345", "too_short"), ("123456", "simple"), ("888888", "simple"), (PIN, "same")])
def test_a_new_pin_that_breaks_a_rule_is_refused_and_the_old_one_stays(yinxin: Yinxin, practice_token: PracticeToken, new: str, reason: str) -> None:
    error = yinxin("token", "pin", "change", *SOURCE, "--new-pin", "env:YX_NEW", env={"YX_NEW": new}, code=4).error
    assert (error["code"], error["facts"]["reason"]) == ("pin_unacceptable", reason)
    yinxin("key", "list", *SOURCE)


@pytest.mark.promise(2)
def test_a_token_is_unblocked_by_the_so_pin(yinxin: Yinxin, practice_token: PracticeToken) -> None:
    yinxin("token", "pin", "unblock", "--so-pin", "env:YX_SO_PIN", "--new-pin", "env:YX_NEW", env=NEW)
    yinxin("key", "list", "--pin", "env:YX_NEW", env=NEW)
    wrong = yinxin("token", "pin", "unblock", "--so-pin", "env:YX_NEW", "--new-pin", "env:YX_PIN", env=NEW, code=3)
    assert (wrong.error["code"], wrong.error["facts"]["reason"]) == ("pin_incorrect", "so_pin")
    yinxin("key", "list", "--pin", "env:YX_NEW", env=NEW)
    assert SO_PIN not in wrong.out + wrong.err


def test_no_pin_source_and_nobody_to_ask(yinxin: Yinxin, practice_token: PracticeToken) -> None:
    for command in (("inspect",), ("pin", "change"), ("pin", "unblock")):
        assert yinxin("token", *command, code=3).error["code"] == "no_prompter"


# Pulled, put in, locked, erased


def test_a_practice_token_is_pulled_out_and_put_in(yinxin: Yinxin, practice_token: PracticeToken, drawing: Path) -> None:
    serial = yinxin("token", "show", practice_token.label).json["serial"]
    assert yinxin("token", "pull").json["token"]["state"] == "removed"
    listed = yinxin("token", "list").json["tokens"]
    assert [(each["serial"], each["state"]) for each in listed] == [(serial, "removed")]
    refused = yinxin("sign", drawing, *SOURCE, code=3).error["code"]
    assert refused in ("token_absent", "token_removed")
    assert not drawing.with_suffix(".signed.pdf").exists()
    back = yinxin("token", "insert").json["token"]
    assert (back["serial"], back["state"]) == (serial, "ready")
    yinxin("sign", drawing, *SOURCE)
    assert yinxin("token", "insert", code=3).error["facts"]["reason"] == "none_pulled"
    assert "拔出" in yinxin("--lang", "zh", "token", "pull", serial, as_json=False).out


def test_nothing_to_lock(yinxin: Yinxin, practice_token: PracticeToken) -> None:
    assert yinxin("token", "lock").json == {"locked": []}
    assert yinxin("token", "lock", practice_token.label).json == {"locked": []}
    assert yinxin("token", "lock", "nothing", code=3).error["code"] == "token_absent"


def test_a_login_that_is_held_is_locked(yinxin: Yinxin, practice_token: PracticeToken, drawing: Path) -> None:
    (yinxin.home / "config" / "settings.toml").write_text('[pin]\nscope = "minutes"\nminutes = 10\n')
    yinxin("sign", drawing, *SOURCE)
    login = yinxin("token", "show", practice_token.label).json["login"]
    assert login["scope"] == "minutes"
    assert login["until"]
    assert "logged in until" in yinxin("token", "show", practice_token.label, as_json=False).out
    assert yinxin("token", "lock").json == {"locked": [practice_token.label]}
    assert yinxin("token", "show", practice_token.label).json["login"] is None


@pytest.mark.promise(1)
def test_a_token_is_erased_only_by_its_serial(yinxin: Yinxin, practice_token: PracticeToken) -> None:
    pins = (*SOURCE, "--so-pin", "env:YX_SO_PIN")
    serial = yinxin("token", "show", practice_token.label).json["serial"]
    wrong = yinxin("token", "init", "--emulated", "--label", "neu", "--erase", practice_token.label, *pins, code=3)
    assert wrong.error["code"] == "token_absent"
    assert yinxin("key", "list", *SOURCE).json["keys"]
    made = yinxin("token", "init", "--emulated", "--label", "neu", "--erase", serial, *pins).json["token"]
    assert (made["label"], made["keys"], made["certificates"]) == ("neu", [], [])
    assert [each["label"] for each in yinxin("token", "list").json["tokens"]] == ["neu"]
