"""Issuers of others that a home trusts: what they signed passes from then on and no longer afterwards; both acts are on record."""

import subprocess
from pathlib import Path
from typing import Any

import pytest

from agent.api.client import Client, Told
from agent.api.uris import to_uri
from tests.conftest import PracticeToken, Yinxin

_EXTENSIONS = """[ca]
basicConstraints = critical,CA:TRUE
keyUsage = critical,keyCertSign,cRLSign
[leaf]
basicConstraints = critical,CA:FALSE
keyUsage = critical,digitalSignature,nonRepudiation
"""


def openssl(*arguments: str, folder: Path) -> None:
    subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)


@pytest.fixture
def others(tmp_path: Path) -> Path:
    """A folder with another organisation's root (ca.pem), its signer (leaf.pem), and a file that the signer signed."""
    folder = tmp_path / "others"
    folder.mkdir()
    (folder / "x.cnf").write_text(_EXTENSIONS, encoding="ascii")
    for name, subject in (("ca", "/CN=Other Root/O=Other"), ("leaf", "/CN=Somebody/O=Other")):
        openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", f"{name}.key", folder=folder)
        openssl("req", "-new", "-key", f"{name}.key", "-subj", subject, "-out", f"{name}.csr", folder=folder)
    made = ("x509", "-req", "-days", "30", "-extfile", "x.cnf")
    openssl(*made, "-in", "ca.csr", "-extensions", "ca", "-signkey", "ca.key", "-out", "ca.pem", folder=folder)
    openssl(
        *made, "-in", "leaf.csr", "-extensions", "leaf", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-out", "leaf.pem", folder=folder
    )
    (folder / "a.txt").write_text("a letter", encoding="ascii")
    sign = ("cms", "-sign", "-cades", "-binary", "-md", "sha256", "-in", "a.txt", "-signer", "leaf.pem", "-inkey", "leaf.key")
    openssl(*sign, "-certfile", "ca.pem", "-outform", "DER", "-out", "a.txt.p7s", folder=folder)
    return folder


def test_an_issuer_is_trusted_by_its_fingerprint_and_no_longer_than_wanted(yinxin: Yinxin, others: Path) -> None:
    def verified(code: int) -> dict[str, Any]:
        return dict(yinxin("verify", others / "a.txt", "--offline", code=code).json["documents"][0])

    assert verified(1)["verdict"] == "indeterminate"
    (seen,) = yinxin("cert", "trust", others / "ca.pem").json["certificates"]
    assert seen["common_name"] == "Other Root"
    assert yinxin("cert", "trusted").json == {"anchors": []}
    yinxin("cert", "trust", others / "ca.pem", "--fingerprint", ":".join(seen["fingerprint"][i : i + 2] for i in range(0, 64, 2)).upper())
    document = verified(0)
    assert document["verdict"] == "passed"
    assert not document["signatures"][0]["certificate"]["internal"]
    assert [(each["common_name"], each["own"]) for each in yinxin("cert", "trusted").json["anchors"]] == [("Other Root", False)]
    yinxin("cert", "distrust", seen["fingerprint"])
    assert verified(1)["verdict"] == "indeterminate"
    entries = yinxin("ledger", "list").json["entries"]
    assert [each["type"] for each in entries if each["type"].startswith("anchor.")] == ["anchor.forgotten", "anchor.trusted"]


def test_what_is_no_issuer_is_not_trusted_and_the_own_one_stays(home: Path, practice_token: PracticeToken, others: Path) -> None:
    client, leaf = Client.of(str(home)), to_uri(str(others / "leaf.pem"))
    (own,) = client.get("/v1/anchors")["anchors"]
    assert own["own"]
    refusals = []
    for act in (
        lambda: client.post("/v1/anchors/look", {"file": leaf}),
        lambda: client.post("/v1/anchors", {"file": leaf, "fingerprint": "ab" * 32}),
        lambda: client.post("/v1/anchors", {"file": to_uri(str(others / "ca.pem")), "fingerprint": "ab" * 32}),
        lambda: client.post("/v1/anchors/look", {"file": to_uri(str(others / "a.txt"))}),
        lambda: client.post("/v1/anchors/look", {"file": to_uri(str(others))}),
        lambda: client.delete(f"/v1/anchors/{own['fingerprint']}"),
        lambda: client.delete("/v1/anchors/..%2f..%2fx"),
    ):
        with pytest.raises(Told) as told:
            act()
        refusals.append(f"{told.value.code}.{told.value.facts.get('reason')}")
    assert refusals == [
        "input_unusable.not_an_authority", "input_unusable.not_an_authority", "not_found.anchor", "input_unusable.not_a_certificate",
        "input_unusable.unreadable", "not_allowed.own_anchor", "not_found.route",
    ]  # fmt: skip
    assert client.get("/v1/anchors")["anchors"] == [own]
