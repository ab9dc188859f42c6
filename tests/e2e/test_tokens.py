"""Tokens, modules, keys and certificates that are not as they should be: what a person is told, and what goes on working."""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from tests.conftest import PracticeToken, Yinxin, copy_home
from tests.e2e.conftest import SIGN, Asked, Desk, Faulty
from tests.e2e.looks import assert_signed, children, sentences, told, tree, until
from tests.e2e.test_inputs import NO_PIN


def test_no_token_at_all_says_how_to_get_one(yinxin: Yinxin, drawing: Path) -> None:
    error = told(yinxin("sign", drawing, *NO_PIN, code=3))
    assert error["code"] == "token_absent"
    assert yinxin("token", "list").json["tokens"] == []
    message, hint = sentences(yinxin("sign", drawing, *NO_PIN, code=3, as_json=False))
    assert "yinxin" in hint
    assert "“None”" not in message


def test_a_token_that_is_not_there_lists_those_that_are(desk: Desk, drawing: Path) -> None:
    for command in (("sign", drawing, *NO_PIN), ("key", "list"), ("key", "generate", "--type", "p256", "--label", "x", *NO_PIN), ("cert", "list")):
        error = told(desk.yinxin(*command, "--token", "没有\x1b[31m", code=3))
        assert error["code"] == "token_absent"
        assert desk.token.label in error["message"]
        assert "\x1b" not in error["message"]
    assert told(desk.yinxin("token", "show", "nothing", code=3))["code"] == "token_absent"


def test_two_tokens_are_ambiguous_until_one_is_named(practice_home: tuple[Path, PracticeToken], home: Path, drawing: Path) -> None:
    copy_home(practice_home[0], home)
    yinxin = Yinxin(home)
    both = ("--pin", "env:YX_PIN", "--so-pin", "env:YX_SO_PIN")
    yinxin("token", "init", "--emulated", "--label", practice_home[1].label, *both)  # the same label again
    error = told(yinxin("sign", drawing, *NO_PIN, code=3))
    assert error["code"] == "token_ambiguous"
    tokens = yinxin("token", "list").json["tokens"]
    assert len({t["serial"] for t in tokens}) == len(tokens) == 2
    assert all(t["serial"] in error["message"] for t in tokens)
    assert told(yinxin("sign", drawing, "--token", practice_home[1].label, *NO_PIN, code=3))["code"] == "token_ambiguous"
    full = next(t for t in tokens if t["certificates"])
    empty = next(t for t in tokens if not t["certificates"])
    yinxin("sign", drawing, "--token", full["serial"], *SIGN)
    assert_signed(drawing.with_suffix(".signed.pdf"))
    # The other one holds neither key nor certificate
    error = told(yinxin("sign", drawing, "--force", "--token", empty["serial"], *NO_PIN, code=3))
    assert error["code"] == "certificate_not_found"
    assert (
        told(
            yinxin("cert", "request", "--key", "x", "--subject", "CN=x", "--out", drawing.parent / "x.csr", "--token", empty["serial"], *SIGN, code=3)
        )["code"]
        == "key_not_found"
    )
    assert not (drawing.parent / "x.csr").exists()


def test_an_uninitialised_token(faulty: Faulty, drawing: Path) -> None:
    """The vendor's module shows a blank token beside the ready one: it is listed, and cannot sign."""
    blank = [t for t in faulty.yinxin("token", "list").json["tokens"] if t["state"] == "not_initialised"]
    assert len(blank) == 1
    assert faulty.yinxin("sign", drawing, *SIGN).json["documents"][0]["state"] == "published"
    error = told(faulty.yinxin("token", "init", "--module", "vendor", "--label", "x" * 33, *SIGN, "--so-pin", "env:YX_SO_PIN", code=3))
    assert "label" in error["message"]
    assert faulty.calls("C_InitToken") == 0


def test_a_token_with_keys_is_not_initialised_again(faulty: Faulty) -> None:
    serial = next(t["serial"] for t in faulty.yinxin("token", "list").json["tokens"] if t["state"] == "ready")
    assert serial
    result = faulty.yinxin("token", "init", "--module", "no such module", "--label", "x", *SIGN, "--so-pin", "env:YX_SO_PIN", code=5)
    assert told(result)["code"] == "not_found"
    assert faulty.calls("C_InitToken") == 0


# Keys and certificates


def test_certificates_that_cannot_sign_here(desk: Desk, drawing: Path, tmp_path: Path) -> None:
    assert told(desk.yinxin("sign", drawing, "--cert", "张三", *NO_PIN, code=3))["code"] == "certificate_not_found"
    error = told(desk.yinxin("sign", drawing, "--cert", "云桥内部 CA", *NO_PIN, code=4))
    assert (error["code"], error["facts"]["reason"]) == ("not_allowed", "certificate_usage")
    pem = tmp_path / "other.pem"
    _foreign(pem)
    before = sorted(c["fingerprint"] for c in desk.yinxin("cert", "list").json["certificates"])
    for extra in ((), ("--key", desk.token.key)):
        error = told(desk.yinxin("cert", "import", pem, *extra, *SIGN, code=3))
        assert error["code"] == "certificate_mismatch"
    assert sorted(c["fingerprint"] for c in desk.yinxin("cert", "list").json["certificates"]) == before
    for content, reason in (
        (b"", "empty"),
        (b"no certificate", "certificate"),
        (b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "certificate"),
    ):
        pem.write_bytes(content)
        assert told(desk.yinxin("cert", "import", pem, *NO_PIN, code=None))["facts"]["reason"] == reason
    assert told(desk.yinxin("cert", "import", tmp_path, *NO_PIN, code=5))["facts"]["reason"] == "not_a_file"


def _foreign(pem: Path, days: int = 9) -> None:
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "/dev/null", "-out", pem, "-subj", "/CN=foreign", "-days", str(days)],
        check=True, capture_output=True,
    )  # fmt: skip


def test_a_request_whose_signature_does_not_hold(desk: Desk, tmp_path: Path) -> None:
    csr = tmp_path / "r.csr"
    subprocess.run(
        ["openssl", "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "/dev/null",
         "-out", csr, "-subj", "/CN=x", "-outform", "DER"],
        check=True, capture_output=True,
    )  # fmt: skip
    good = csr.read_bytes()
    out = tmp_path / "x.crt"
    issue = ("cert", "issue", csr, "--ca", desk.token.label, "--profile", "signer", "--out", out)
    for bad in (good[:-1] + bytes([good[-1] ^ 1]), good[:50], b"x"):
        csr.write_bytes(bad)
        assert told(desk.yinxin(*issue, *NO_PIN, code=2))["facts"]["reason"] == "csr"
    assert not out.exists()


def test_a_certificate_out_of_its_time_is_refused_by_rule_before_any_pin(
    practice_home: tuple[Path, PracticeToken], home: Path, drawing: Path
) -> None:
    copy_home(practice_home[0], home)
    yinxin, folder = Yinxin(home), drawing.parent / "c"
    folder.mkdir()
    for name, begin, end in (("过期", -20, -10), ("未来", 10, 20)):
        yinxin("key", "generate", "--type", "p256", "--label", name, *SIGN)
        yinxin("cert", "request", "--key", name, "--subject", f"CN={name},C=CN", "--out", folder / "r.csr", "--force", *SIGN)
        (folder / "r.pem").write_bytes(_issued(folder / "r.csr", begin, end))
        yinxin("cert", "import", folder / "r.pem", *SIGN)
    before = tree(drawing.parent)
    for name, reason in (("过期", "certificate_expired"), ("未来", "certificate_not_yet_valid")):
        error = told(yinxin("sign", drawing, "--cert", name, *NO_PIN, code=4))
        assert (error["code"], error["facts"]["reason"]) == ("not_allowed", reason)
        assert re.search(r"\d{4}-\d\d-\d\d", error["message"])
    assert tree(drawing.parent) == before
    # By itself only the certificate that may sign is taken
    assert yinxin("sign", drawing, *SIGN).json["documents"][0]["state"] == "published"
    states = {c["common_name"]: c["problem"] for c in yinxin("cert", "list").json["certificates"]}
    assert (states["过期"], states["未来"], states["李工"]) == ("expired", "not_yet_valid", None)


def _issued(csr: Path, begin: int, end: int) -> bytes:
    """A certificate by some CA, valid from `begin` to `end` (days from now)."""
    key = ec.generate_private_key(ec.SECP256R1())
    request = x509.load_pem_x509_csr(csr.read_bytes())
    issuer = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "some CA")])
    now = datetime.now(UTC)
    times = now + timedelta(begin), now + timedelta(end)
    made = x509.CertificateBuilder(issuer, request.subject, request.public_key(), x509.random_serial_number(), *times).sign(key, hashes.SHA256())
    return made.public_bytes(Encoding.PEM)


# Modules


def _not_elf(path: Path) -> None:
    path.write_text("#!/bin/sh\n")


def _foreign_architecture(path: Path) -> None:
    import platform

    elf = bytearray(Path("/bin/true").resolve().read_bytes())
    elf[16:20] = b"\x03\x00" + (b"\xb7\x00" if platform.machine() == "x86_64" else b"\x3e\x00")
    path.write_bytes(elf)


def _truncated(path: Path) -> None:
    import ctypes.util

    path.write_bytes(Path("/bin/true").resolve().read_bytes()[:200])
    assert ctypes.util.find_library("c")


def _plain_library(path: Path) -> None:
    library = next(Path("/").glob("lib/*/libm.so.6"), None) or pytest.skip("no libm to borrow")
    shutil.copy(library, path)


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (_not_elf, "not_a_module"),
        (_foreign_architecture, "architecture"),
        (_truncated, "not_a_module"),
        (_plain_library, "not_a_module"),
        (os.mkfifo, "not_a_module"),
        (os.mkdir, "not_a_module"),
        (lambda path: path.symlink_to("/dev/zero"), "not_a_module"),
        (lambda path: path.symlink_to(path.name), "unreadable"),
        (lambda path: None, "missing"),
    ],
)
def test_a_file_that_is_no_module(desk: Desk, tmp_path: Path, make: Callable[[Path], object], reason: str) -> None:
    path = tmp_path / "驱动.so"
    make(path)
    result = desk.yinxin("module", "add", path, "--name", "bad", "--yes", code=None, timeout=30)
    try:
        if result.code:
            error = told(result)
            assert (result.code, error["code"], error["facts"]["reason"]) == (3, "module_unusable", reason)
        else:  # what only loading can show is told in the list, and disturbs nobody
            assert result.json["usable"] is False
            assert result.json["problem"] == reason
    finally:
        names = [m["name"] for m in desk.yinxin("module", "list").json["modules"]]
        if "bad" in names:
            desk.yinxin("module", "remove", "bad")
    assert [t["label"] for t in desk.yinxin("token", "list").json["tokens"]] == [desk.token.label]


def test_a_module_that_others_can_write_is_not_added(desk: Desk, shim_library: Path, tmp_path: Path) -> None:
    module = Path(shutil.copy(shim_library, tmp_path / "m.so"))
    module.chmod(0o777)
    error = told(desk.yinxin("module", "add", module, "--yes", code=3))
    assert (error["code"], error["facts"]["reason"]) == ("module_unusable", "unsafe")


def test_consent_is_asked_for_a_module_and_loader_variables_are_refused(desk: Desk, shim_library: Path) -> None:
    error = told(desk.yinxin("module", "add", shim_library, code=2))
    assert (error["code"], error["facts"]["reason"]) == ("usage", "consent")
    error = told(desk.yinxin("module", "add", shim_library, "--env", "LD_PRELOAD", "--yes", env={"LD_PRELOAD": ""}, code=2))
    assert error["facts"]["reason"] == "module_env"
    assert "LD_PRELOAD" in error["message"]


def test_a_softhsm_without_configuration_says_so(desk: Desk, softhsm: str, tmp_path: Path) -> None:
    conf = {"SOFTHSM2_CONF": str(tmp_path / "absent.conf")}
    try:
        added = desk.yinxin("module", "add", softhsm, "--name", "bare", "--env", "SOFTHSM2_CONF", "--yes", env=conf).json
        assert (added["usable"], added["problem"]) == (False, "configuration")
        doctor = next(c for c in desk.yinxin("doctor", code=None).json["checks"] if c["name"] == "module:bare")
        assert "SOFTHSM2_CONF" in doctor["hint"]["en"]
    finally:
        desk.yinxin("module", "remove", "bare")


def test_a_module_replaced_after_it_was_added_is_not_loaded(desk: Desk, shim_library: Path, softhsm: str, tmp_path: Path) -> None:
    module = Path(shutil.copy(shim_library, tmp_path / "m.so"))
    desk.yinxin("module", "add", module, "--name", "swapped", "--env", "SHIM_TARGET", "--yes", env={"SHIM_TARGET": softhsm})
    try:
        desk.yinxin("agent", "stop")
        shutil.copy(softhsm, module)
        found = next(m for m in desk.yinxin("module", "list").json["modules"] if m["name"] == "swapped")
        assert (found["usable"], found["problem"]) == (False, "changed")
    finally:
        desk.yinxin("module", "remove", "swapped")


@pytest.mark.parametrize("fault", ["abort C_Initialize", "fail C_Initialize 5", "abort C_GetSlotList", "noise"])
@pytest.mark.promise(8)
def test_a_bad_module_beside_a_good_one(desk: Desk, shim_library: Path, softhsm: str, drawing: Path, tmp_path: Path, fault: str) -> None:
    control = tmp_path / "control"
    control.write_text(fault + "\n")
    conf = tmp_path / "softhsm2.conf"
    (tmp_path / "empty").mkdir()
    conf.write_text(f"directories.tokendir = {tmp_path / 'empty'}\nobjectstore.backend = file\n")
    env = {"SHIM_TARGET": softhsm, "SHIM_CONTROL": str(control), "SOFTHSM2_CONF": str(conf)}
    added = desk.yinxin("module", "add", shim_library, "--name", "rogue", *(w for n in env for w in ("--env", n)), "--yes", env=env).json
    try:
        assert added["usable"] == (fault == "noise" or added["problem"] is None)
        assert added["problem"] in (None, "crashed", "failed", "configuration")
        assert desk.yinxin("sign", drawing, *SIGN).json["documents"][0]["state"] == "published"
        assert_signed(drawing.with_suffix(".signed.pdf"))
        assert any(t["label"] == desk.token.label for t in desk.yinxin("token", "list").json["tokens"])
    finally:
        desk.yinxin("module", "remove", "rogue")


# Faults in the middle


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


@pytest.mark.promise(8)
def test_a_module_that_hangs_when_listed_is_waited_for_once(desk: Desk, shim_library: Path, softhsm: str, drawing: Path, tmp_path: Path) -> None:
    """After its first deadline it is left alone for a while, and nobody else waits."""
    control, log, conf = tmp_path / "control", tmp_path / "log", tmp_path / "softhsm2.conf"
    (tmp_path / "tokens").mkdir()
    conf.write_text(f"directories.tokendir = {tmp_path / 'tokens'}\nobjectstore.backend = file\n")
    control.write_text("hang C_GetSlotList\n")
    env = {"SHIM_TARGET": softhsm, "SHIM_CONTROL": str(control), "SHIM_LOG": str(log), "SOFTHSM2_CONF": str(conf)}
    desk.yinxin("module", "add", shim_library, "--name", "slow", *(word for name in env for word in ("--env", name)), "--yes", env=env)
    try:
        desk.yinxin("token", "list")  # waits for the deadline
        asked = log.read_text().count("C_GetSlotList")
        assert asked == 1
        for _ in range(3):
            assert [t["label"] for t in desk.yinxin("token", "list").json["tokens"]] == [desk.token.label]
        desk.yinxin("sign", drawing, *SIGN)
        assert log.read_text().count("C_GetSlotList") == asked
    finally:
        desk.yinxin("module", "remove", "slow")


def test_a_module_list_for_people_is_a_table(desk: Desk) -> None:
    shown = desk.yinxin("module", "list", as_json=False).out
    assert re.search(r"emulated\s+works", shown)
    assert "可用" in replace(desk.yinxin, lang="zh")("module", "list", as_json=False).out
    until(lambda: not [line for line in children(desk.home).values() if " session " in line])
