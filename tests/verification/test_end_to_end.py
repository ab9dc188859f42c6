"""The command line and the agent: sign with a token, verify, alter, verify again."""

import subprocess
from pathlib import Path

import pytest

from tests.conftest import PracticeToken, Yinxin


@pytest.mark.obligation("S57")
@pytest.mark.obligation("S59")
def test_a_signed_drawing_passes_and_an_altered_one_fails(yinxin: Yinxin, practice_token: PracticeToken, drawing: Path, tmp_path: Path) -> None:
    signed = tmp_path / "signed.pdf"
    yinxin("sign", drawing, "--pin", "env:YX_PIN", "--appearance", "text", "--at", "1:20,20", "--out", signed)
    (document,) = yinxin("verify", signed).json["documents"]
    (signature,) = document["signatures"]
    assert (document["file"], document["verdict"], document["reason"]) == (str(signed), "passed", None)
    assert (signature["signer"], signature["covers_whole_file"], signature["certificate"]["internal"]) == (practice_token.common_name, True, True)

    data = bytearray(signed.read_bytes())
    data[200] ^= 1
    altered = tmp_path / "altered.pdf"
    altered.write_bytes(data)
    (document,) = yinxin("verify", altered, code=1).json["documents"]
    assert document["verdict"] in ("failed", "indeterminate")
    assert document["explanation"]["zh"].startswith(("不通过：", "无法确认："))

    (document,) = yinxin("verify", drawing, code=1).json["documents"]
    assert (document["verdict"], document["reason"]) == ("indeterminate", "NO_SIGNATURE")


@pytest.mark.obligation("S57")
def test_a_detached_signature_is_found_beside_its_file(yinxin: Yinxin, practice_token: PracticeToken, tmp_path: Path) -> None:
    model = tmp_path / "模型 \udcff.dwg"
    model.write_bytes(b"AC1032 not a real drawing")
    yinxin("sign", model, "--pin", "env:YX_PIN")
    p7s = Path(f"{model}.p7s")
    for arguments in ((p7s,), (model,), (model, "--signature", p7s), (model, "--trust", practice_token.ca)):
        (document,) = yinxin("verify", *arguments).json["documents"]
        assert document["verdict"] == "passed"
    model.write_bytes(b"AC1032 another")
    assert yinxin("verify", p7s, code=1).json["documents"][0]["reason"] == "HASH_FAILURE"
    stranger = tmp_path / "stranger.pem"
    command = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-nodes",
        "-keyout",
        "/dev/null",
        "-subj",
        "/CN=X",
        "-out",
    ]
    subprocess.run([*command, stranger], check=True, capture_output=True)
    (document,) = yinxin("verify", p7s, "--trust", stranger, code=1).json["documents"]
    assert "NO_CERTIFICATE_CHAIN_FOUND" in {f["reason"] for f in document["signatures"][0]["findings"]}


def test_trust_and_lists_that_cannot_be_read_are_told(yinxin: Yinxin, practice_token: PracticeToken, drawing: Path, tmp_path: Path) -> None:
    text = tmp_path / "no.pem"
    text.write_text("no certificate")
    assert yinxin("verify", drawing, "--trust", text, code=5).error["facts"]["reason"] == "not_a_certificate"
    assert yinxin("verify", drawing, "--crl", text, code=5).error["facts"]["reason"] == "not_a_revocation_list"
