"""The workers: a document can at worst fail itself, whatever happens to its worker."""

import asyncio
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from agent.verification.service import Checkers, verify
from tests.verification.conftest import Pki, Signing, blank_pdf, revocation_list


@pytest.fixture
def files(tmp_path: Path, signing: Signing) -> list[str]:
    """Four signed files."""
    data = signing.sign(blank_pdf())
    out = []
    for number in range(4):
        path = tmp_path / f"图 {number}.pdf"
        path.write_bytes(data)
        out.append(str(path))
    return out


def run(pki: Pki, files: list[str], act: Callable[[Checkers], None] | None = None, **options: Any) -> list[dict[str, Any]]:
    """Verify with workers of their own."""

    async def main() -> list[dict[str, Any]]:
        workers = Checkers()
        try:
            settings: dict[str, Any] = {"signature": None, "trust": [pki.root.pem], "crls": [], "at": None, **options}
            if act is not None:
                await verify(files[:1], workers=workers, **settings)
                act(workers)
            return await verify(files, workers=workers, **settings)
        finally:
            await workers.close()

    return asyncio.run(main())


def test_files_are_judged_in_their_order_with_progress(pki: Pki, files: list[str]) -> None:
    told: list[tuple[int, int]] = []
    documents = run(pki, [*files, files[0] + ".absent"], on_progress=lambda done, total, _: told.append((done, total)))
    assert [d["file"] for d in documents] == [*files, files[0] + ".absent"]
    assert [d["verdict"] for d in documents] == ["passed"] * 4 + ["indeterminate"]
    assert told == [(n, 5) for n in range(1, 6)]


def test_trust_lists_and_own_anchors_reach_the_worker(pki: Pki, files: list[str]) -> None:
    own = pki.root.asn1.sha256.hex()
    (signature,) = run(pki, files[:1], crls=[revocation_list(pki.ca, {})], own=[own])[0]["signatures"]
    assert (signature["revocation"], signature["certificate"]["internal"]) == ("good", True)
    assert "单位内部 CA" in signature["explanation"]["zh"]
    assert run(pki, files[:1], trust=[])[0]["reason"] == "NO_CERTIFICATE_CHAIN_FOUND"
    assert run(pki, files[:1], at="2001-01-01T00:00:00Z")[0]["verdict"] == "indeterminate"


def test_a_dead_worker_is_replaced(pki: Pki, files: list[str]) -> None:
    def kill(workers: Checkers) -> None:
        for checker in workers._idle:
            os.kill(checker.pid, signal.SIGKILL)

    documents = run(pki, files, kill)
    assert sum(d["verdict"] == "passed" for d in documents) >= 3
    assert {d["reason"] for d in documents} <= {None, "GENERIC"}


def test_a_file_over_its_deadline_fails_alone(pki: Pki, files: list[str], tmp_path: Path) -> None:
    pipe = tmp_path / "slow.pdf"
    os.mkfifo(pipe)
    (document,) = run(pki, [str(pipe)], signature=None)
    assert document["verdict"] == "indeterminate"  # not a regular file: never opened
    content = tmp_path / "a.txt"
    content.write_bytes(b"x")
    hung, good = run(pki, [files[0], files[1]], seconds=0.0), run(pki, files[:1])
    assert [d["reason"] for d in hung] == ["GENERIC", "GENERIC"]
    assert "time" in hung[0]["explanation"]["en"]
    assert good[0]["verdict"] == "passed"


def test_names_that_are_not_utf8_survive(pki: Pki, files: list[str], tmp_path: Path) -> None:
    odd = os.fsdecode(os.fsencode(tmp_path) + b"/\xff\n.pdf")
    Path(odd).write_bytes(Path(files[0]).read_bytes())
    (document,) = run(pki, [odd])
    assert (document["file"], document["verdict"]) == (odd, "passed")


def test_a_bomb_ends_as_could_not_be_checked(pki: Pki, tmp_path: Path) -> None:
    import zlib

    bomb = zlib.compress(zlib.compress(b"\0" * 200_000_000))
    body = (
        b"%PDF-1.7\n1 0 obj\n<</Type/ObjStm/N 100000000/First 9/Filter[/FlateDecode/FlateDecode]/Length " + str(len(bomb)).encode() + b">>\nstream\n"
    )
    path = tmp_path / "bomb.pdf"
    path.write_bytes(body + bomb + b"\nendstream\nendobj\ntrailer<</Root 1 0 R>>\nstartxref\n9\n%%EOF\n")
    (document,) = run(pki, [str(path)])
    assert document["verdict"] == "indeterminate"
