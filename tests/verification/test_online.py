"""Revocation through the command line and the agent: fetched by default, never with --offline, supplied as a file."""

from pathlib import Path

import pytest

from tests.conftest import Yinxin
from tests.pki import Site
from tests.verification.conftest import blank_pdf


@pytest.mark.promise(10)
def test_the_network_is_asked_unless_it_is_forbidden(yinxin: Yinxin, site: Site, tmp_path: Path) -> None:
    root, signed, answer = tmp_path / "root.pem", tmp_path / "图.pdf", tmp_path / "good.ocsp"
    root.write_text(site.pem())
    signed.write_bytes(site.sign(blank_pdf(), "good"))
    site.asked.clear()
    (document,) = yinxin("verify", signed, "--trust", root, "--offline", code=1).json["documents"]
    assert (document["reason"], document["signatures"][0]["revocation"], site.asked) == ("TRY_LATER", "unknown", [])
    assert "没有联网" in document["explanation"]["zh"]
    answer.write_bytes(site.ocsp("good").dump())
    lists = tmp_path / "root.crl"
    lists.write_bytes(site.crl("root").dump())
    (document,) = yinxin("verify", signed, "--trust", root, "--crl", answer, "--crl", lists, "--offline").json["documents"]
    assert (document["signatures"][0]["revocation"], site.asked) == ("good", [])
    (document,) = yinxin("verify", signed, "--trust", root).json["documents"]
    assert document["signatures"][0]["revocation"] == "good"
    assert len(site.asked) == 2
    yinxin("verify", signed, "--trust", root)
    assert len(site.asked) == 2, "an answer is kept for a while"
