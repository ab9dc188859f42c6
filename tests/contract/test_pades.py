"""The real agent signs a drawing with every token, and others than we accept it."""

import asyncio
import hashlib
from pathlib import Path

import pytest

from tests.conftest import Yinxin
from tests.contract.conftest import of
from tests.contract.kinds import Bench, Capability, Kind
from tests.e2e.looks import assert_signed
from tests.lab import authority


def add(yinxin: Yinxin, bench: Bench, name: str = "lab") -> None:
    """Add the bench's module to the home."""
    env = dict(bench.ref.env)
    words = [word for variable in env for word in ("--env", variable)]
    if bench.ref.init_args is not None:
        words += ["--init-args", bench.ref.init_args]
    added = yinxin("module", "add", bench.ref.path, "--name", name, *words, "--yes", env=env).json
    assert added["usable"], added


@of(Capability.PADES)
@pytest.mark.promise(6)
def test_a_drawing_is_signed_and_others_accept_it(kind: Kind, bench: Bench, yinxin: Yinxin, drawing: Path, tmp_path: Path) -> None:
    add(yinxin, bench)
    anchor = tmp_path / "ca.pem"
    anchor.write_bytes(authority.anchor())
    certificates = {certificate.cka_id: certificate.der for certificate in asyncio.run(bench.token()).certificates}
    for family, cka_id in bench.keys.items():
        out = tmp_path / f"{family}.pdf"
        chosen = hashlib.sha256(certificates[cka_id]).hexdigest()
        done = yinxin("sign", drawing, "--token", bench.label, "--cert", chosen, "--pin", "env:YX_PIN", "--out", out, "--yes").json
        assert [document["state"] for document in done["documents"]] == ["published"]
        assert_signed(out)
        verified = yinxin("verify", out, "--trust", anchor).json["documents"][0]
        assert verified["verdict"] == "passed", verified
    assert bench.logins is None or bench.logins() >= len(bench.keys)
