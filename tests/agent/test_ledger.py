"""The log and its journal on a real SQLite file: intent, steps, outcome; what a killed agent leaves is closed by what is there."""

import asyncio
import hashlib
import os
from pathlib import Path

import pytest

from agent.ledger.log import Ledger
from agent.signing.recovery import close_open_sets
from agent.store.sqlite import Store


def uri(path: Path) -> str:
    return path.as_uri()


async def started(ledger: Ledger, *outputs: Path) -> None:
    documents = [{"n": n, "input": "file:///in.pdf", "output": uri(path), "sha256": "00"} for n, path in enumerate(outputs)]
    await ledger.append("signature.started", {"batch": "b1", "documents": documents})


@pytest.mark.promise(5)
def test_a_set_left_open_by_a_kill_is_closed_by_what_is_really_there(tmp_path: Path) -> None:
    there, other, gone = tmp_path / "图纸.signed.pdf", tmp_path / "other.pdf", tmp_path / "gone.pdf"
    there.write_bytes(b"signed")
    other.write_bytes(b"somebody else's file")

    async def killed_before_the_end() -> None:
        ledger = Ledger(Store(tmp_path / "ledger.db"))
        await started(ledger, there, other, gone)
        await asyncio.gather(*(ledger.note("b1", n, "publishing", hashlib.sha256(b"signed").hexdigest().encode()) for n in range(3)))
        await ledger.close()

    async def next_start() -> list[dict[str, object]]:
        ledger = Ledger(Store(tmp_path / "ledger.db"))
        await close_open_sets(ledger)
        await close_open_sets(ledger)  # a second start finds nothing to close
        try:
            return await ledger.statements()
        finally:
            await ledger.close()

    asyncio.run(killed_before_the_end())
    statements = asyncio.run(next_start())
    assert [s["type"] for s in statements] == ["signature.started", "signature.finished"]
    body = statements[1]["body"]
    assert isinstance(body, dict)
    assert [d["state"] for d in body["documents"]] == ["published", "failed", "failed"]
    assert body["recovered"] is True


@pytest.mark.promise(5)
@pytest.mark.promise(7)
def test_what_somebody_wrote_into_the_database_keeps_no_agent_from_starting(tmp_path: Path) -> None:
    """Sets that lack something, and a folder that is no path: passed over, and the others are closed."""
    there = tmp_path / "a.signed.pdf"
    there.write_bytes(b"signed")
    odd: tuple[dict[str, object], ...] = (
        {"batch": "x1"}, {"batch": "x2", "documents": [None]}, {"batch": "x3", "documents": [{"n": 0, "output": "nowhere", "sha256": ""}]},
        {"batch": "x4", "documents": 4},
    )  # fmt: skip

    async def run() -> None:
        ledger = Ledger(Store(tmp_path / "ledger.db"))
        for body in odd:
            await ledger.append("signature.started", body)
        await started(ledger, there)
        await ledger.note("b1", 0, "publishing", hashlib.sha256(b"signed").hexdigest().encode())
        await ledger.note("x1", 0, "staged", b"/no\x00path")
        await close_open_sets(ledger)
        finished = [each["body"] for each in await ledger.statements() if each["type"] == "signature.finished"]
        closed = {body["batch"]: [each["state"] for each in body["documents"]] for body in finished}
        assert closed["b1"] == ["published"]
        assert "x1" not in closed
        await ledger.close()

    asyncio.run(run())


@pytest.mark.promise(5)
def test_many_at_once_lose_nothing_and_the_root_moves(tmp_path: Path) -> None:
    async def run() -> None:
        ledger = Ledger(Store(tmp_path / "ledger.db"))
        before = await ledger.head()
        await asyncio.gather(*(ledger.append("note", {"n": n}) for n in range(200)))
        after = await ledger.head()
        assert (before.size, after.size) == (0, 200)
        assert before.root != after.root
        assert sorted(s["body"]["n"] for s in await ledger.statements()) == list(range(200))
        await ledger.close()

    asyncio.run(run())


def test_the_file_is_for_its_owner_only(tmp_path: Path) -> None:
    Store(tmp_path / "ledger.db").close()
    assert os.stat(tmp_path / "ledger.db").st_mode & 0o077 == 0
