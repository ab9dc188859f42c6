"""Tokens, keys and certificates that are not as they should be: what a person is told, and what goes on working."""

import re
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from tests.conftest import PracticeToken, Yinxin, copy_home
from tests.e2e.conftest import SIGN, Desk, Faulty
from tests.e2e.looks import assert_signed, sentences, told, tree
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
