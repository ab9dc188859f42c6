"""What others say of our certificates, keys and signatures: openssl, pkcs11-tool, pdfsig, qpdf."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.conftest import PIN
from tests.e2e.conftest import SIGN, Desk
from tests.e2e.looks import assert_signed
from tokens import emulated


def said(*command: "str | os.PathLike[str]", env: dict[str, str] | None = None) -> str:
    """What a program prints; it must end with 0."""
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False, env={**os.environ, **(env or {})})
    assert done.returncode == 0, (command, done.stdout, done.stderr)
    return done.stdout + done.stderr


KEYS = [("p256", "p256"), ("p384", "rsa2048"), ("rsa2048", "p384")]


@pytest.mark.parametrize(("ca_type", "key_type"), KEYS)
def test_certificates_keys_and_signatures_before_other_programs(desk: Desk, drawing: Path, tmp_path: Path, ca_type: str, key_type: str) -> None:
    yinxin, name = desk.yinxin, f"验 {ca_type}-{key_type}"
    pins = ("--token", name, *SIGN)
    yinxin("token", "init", "--emulated", "--label", name, "--pin", "env:YX_PIN", "--so-pin", "env:YX_SO_PIN")
    ca, csr, crt = (tmp_path / file for file in ("ca.pem", "r.csr", "r.crt"))
    yinxin("ca", "create", "--subject", "CN=院内 CA,O=云桥设计院,C=CN", "--type", ca_type, "--out", ca, *pins)
    yinxin("key", "generate", "--type", key_type, "--label", "签", *pins)
    yinxin("cert", "request", "--key", "签", "--subject", "CN=王工,O=云桥设计院,OU=结构所,C=CN", "--out", csr, *pins)
    yinxin("cert", "issue", csr, "--ca", name, "--profile", "signer", "--out", crt, *SIGN)
    yinxin("cert", "import", crt, *pins)

    assert "verify OK" in said("openssl", "req", "-in", csr, "-noout", "-verify")
    assert said("openssl", "verify", "-x509_strict", "-check_ss_sig", "-CAfile", ca, ca).endswith("OK\n")
    assert said("openssl", "verify", "-x509_strict", "-CAfile", ca, crt).endswith("OK\n")
    text = said("openssl", "x509", "-in", crt, "-noout", "-text", "-nameopt", "utf8,sep_comma_plus")
    assert "CN=王工" in text
    assert re.search(r"Basic Constraints: critical\s+CA:FALSE", text)
    assert re.search(r"Key Usage: critical\s+Digital Signature, Non Repudiation", text)
    assert "Subject Key Identifier" in text
    assert "Authority Key Identifier" in text
    assert "internal certificate" in text
    ca_text = said("openssl", "x509", "-in", ca, "-noout", "-text")
    assert re.search(r"Basic Constraints: critical\s+CA:TRUE", ca_text)
    assert re.search(r"Key Usage: critical\s+Certificate Sign, CRL Sign", ca_text)

    if shutil.which("pkcs11-tool"):
        listed = said(
            "pkcs11-tool", "--module", str(emulated.library()), "--token-label", name, "--login", "--pin", PIN, "--list-objects",
            env={"SOFTHSM2_CONF": str(desk.home / "softhsm2.conf")},
        )  # fmt: skip
        private = [block for block in re.split(r"\n(?=\S)", listed) if block.startswith("Private Key Object")]
        assert len(private) == 2
        for block in private:
            access = re.search(r"Access:\s*(.*)", block)
            assert access
            assert {"sensitive", "always sensitive", "never extractable", "local"} <= set(access[1].split(", "))
        assert listed.count("Certificate Object") == 2

    out, data = tmp_path / "o", tmp_path / "计算书.txt"
    out.mkdir()
    data.write_bytes(os.urandom(70_000))
    done = yinxin("sign", drawing, data, "--out-dir", out, "--appearance", "text", "--at", "1:20,20", "--reason", "设计", "--token", name, *SIGN).json
    signed, detached = (Path(d["output"]) for d in done["documents"])
    assert_signed(signed)
    shown = said("pdfsig", "-nocert", signed)
    assert "ETSI.CAdES.detached" in shown
    check = ("openssl", "cms", "-verify", "-cades", "-binary", "-inform", "DER", "-purpose", "any", "-out", "/dev/null", "-CAfile", ca)
    assert "Verification successful" in said(*check, "-in", detached, "-content", data)
    data.write_bytes(data.read_bytes()[:-1] + b"x")
    wrong = subprocess.run([*check, "-in", detached, "-content", data], capture_output=True, check=False)
    assert wrong.returncode != 0
    assert yinxin("verify", data, "--signature", detached, code=1).json["documents"][0]["verdict"] == "failed"


@pytest.mark.parametrize("profile", ["seal", "tsa", "ocsp", "ca"])
def test_other_profiles_are_what_they_say(desk: Desk, practice_home: tuple[Path, object], tmp_path: Path, profile: str) -> None:
    csr, crt, ca = tmp_path / "r.csr", tmp_path / "r.crt", desk.token.ca
    desk.yinxin("cert", "request", "--token", desk.token.label, "--key", desk.token.key, "--subject", f"CN={profile}", "--out", csr, *SIGN)
    desk.yinxin("cert", "issue", csr, "--ca", desk.token.label, "--profile", profile, "--out", crt, *SIGN)
    text = said("openssl", "x509", "-in", crt, "-noout", "-text")
    assert said("openssl", "verify", "-x509_strict", "-CAfile", ca, crt).endswith("OK\n")
    expected = {"seal": "Non Repudiation", "tsa": "Time Stamping", "ocsp": "OCSP Signing", "ca": "CA:TRUE"}
    assert expected[profile] in text
    if profile == "tsa":
        assert re.search(r"Extended Key Usage: critical\s+Time Stamping", text)
        assert said("openssl", "verify", "-purpose", "timestampsign", "-CAfile", ca, crt).endswith("OK\n")
    if profile == "ocsp":
        assert "OCSP No Check" in text or "1.3.6.1.5.5.7.48.1.5" in text
