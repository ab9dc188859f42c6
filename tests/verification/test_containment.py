"""What a document can do to its worker, and a worker to the rest: nothing."""

import asyncio
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from agent.verification import worker
from agent.verification.service import Checker, Checkers, verify
from tests.verification.conftest import Pki, patched
from tests.verification.containers import Box, cades, simple
from tokens import platform


def run(pki: Pki, files: list[Path], seconds: float = 60.0) -> list[dict[str, Any]]:
    """Verify with workers of their own."""

    async def main() -> list[dict[str, Any]]:
        workers = Checkers()
        try:
            names = [str(f) for f in files]
            return await verify(names, signature=None, trust=[pki.root.pem], crls=[], at=None, workers=workers, seconds=seconds)
        finally:
            await workers.close()

    return asyncio.run(main())


def test_a_worker_has_no_network_no_privileges_and_fixed_limits() -> None:
    async def main() -> tuple[str, str]:
        checker = await Checker.start()
        try:
            folder = Path(f"/proc/{checker.pid}")
            return (folder / "status").read_text(), (folder / "limits").read_text()
        finally:
            await checker.close()

    status, limits = asyncio.run(main())
    facts = dict(line.split(":\t") for line in status.splitlines() if ":\t" in line)
    assert facts["NoNewPrivs"] == "1"
    if os.uname().machine in ("x86_64", "aarch64"):
        assert facts["Seccomp"] == "2"
    rows = {line[:26].strip(): line[26:].split() for line in limits.splitlines()}
    assert rows["Max address space"][:2] == [str(worker.MEMORY_MAX)] * 2
    assert rows["Max core file size"][:2] == ["0", "0"]
    assert int(rows["Max open files"][1]) <= 64


def test_a_document_that_takes_too_long_is_given_up_inside_the_worker(pki: Pki, tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(b"x")
    desk = worker.Desk()
    request = {"file": str(path), "signature": None, "trust": [], "crls": [], "at": None, "own": []}

    async def endless(*_: object) -> dict[str, object]:
        while True:
            pass

    with patched(worker, "check_document", endless), patched(worker, "CPU_SECONDS", 0.2), pytest.raises(worker.OutOfTime):
        desk.answer("verify", request)
    assert desk.answer("verify", request)["reason"] == "NO_SIGNATURE"


def test_a_worker_that_stands_still_is_ended_and_replaced(pki: Pki, tmp_path: Path) -> None:
    path = tmp_path / "a.asics"
    path.write_bytes(simple(pki).data())
    request = {"file": str(path), "signature": None, "trust": [pki.root.pem], "crls": [], "at": None, "own": []}

    async def main() -> list[dict[str, Any]]:
        workers = Checkers()
        try:
            first = await workers.check(request, 60.0)
            (idle,) = workers._idle
            os.kill(idle.pid, signal.SIGSTOP)
            stuck = await workers.check(request, 0.2)
            return [first, stuck, await workers.check(request, 60.0)]
        finally:
            await workers.close()

    assert [d["verdict"] for d in asyncio.run(main())] == ["passed", "indeterminate", "passed"]


def test_large_contents_stay_within_the_limits_or_say_so(pki: Pki, tmp_path: Path) -> None:
    inside = tmp_path / "inside.p7m"
    inside.write_bytes(cades(pki, b"\0" * 40_000_000, detached=False))
    bomb = tmp_path / "bomb.asice"
    bomb.write_bytes(Box([(f"{n}.bin", b"\0" * 60_000_000) for n in range(2)] + [("META-INF/signature.p7s", cades(pki, b"x"))]).data())
    packed = tmp_path / "packed.asics"
    packed.write_bytes(simple(pki, b"\0" * 60_000_000).data())
    good = tmp_path / "good.asics"
    good.write_bytes(simple(pki).data())
    documents = run(pki, [inside, bomb, packed, good])
    assert [d["verdict"] for d in documents] == ["passed", "indeterminate", "passed", "passed"]


def test_the_network_is_out_of_reach_of_what_a_worker_may_call() -> None:
    """The filter itself, in a process of its own."""
    import subprocess
    import sys

    code = (
        "import socket\nfrom tokens import platform\nplatform.harden()\nok = platform.deny_network()\n"
        "try:\n    socket.socket(socket.AF_INET)\n    print('open')\nexcept OSError:\n    print('closed' if ok else 'other')\n"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()
    assert said == "closed" or os.uname().machine not in platform._SEALED
