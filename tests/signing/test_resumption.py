"""What the ledger says is left of a set: attempts, outcomes, names, and what the token was asked for."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

import pytest

from agent.api.errors import ApiError, Code
from agent.ledger.log import Ledger
from agent.signing.order import Manner, identifier_of
from agent.signing.recovery import close_open_sets
from agent.signing.resume import LAST, Resumption
from agent.store.sqlite import Store

T = TypeVar("T")
MANNER = Manner(True, "text", ("1:20,20@tr",), "审核", None, False, "zh")


def ledger_of(folder: Path, work: Callable[[Ledger], Awaitable[T]]) -> T:
    """Work on the folder's ledger."""

    async def run() -> T:
        ledger = Ledger(Store(folder / "ledger.db"))
        try:
            return await work(ledger)
        finally:
            await ledger.close()

    return asyncio.run(run())


def started(batch: str, *names: str, **more: Any) -> dict[str, Any]:
    documents = [
        {"n": n, "input": f"file:///in/{name}.pdf", "output": f"file:///out/{name}.pdf", "sha256": name * 4, "format": "pades"}
        for n, name in enumerate(names)
    ]
    means = {"module": "m", "token": "77aa0001", "label": "t", "certificate": "cc", "scheme": "ecdsa_sha256"}
    return {
        "batch": batch,
        **means,
        "manner": MANNER.record(),
        "signing_time": f"2026-11-22T0{batch[-1]}:00:00+00:00",
        "documents": documents,
        **more,
    }


def finished(batch: str, *states: str, attributes: dict[int, str] | None = None, **more: Any) -> dict[str, Any]:
    noted = attributes or {}
    documents = [{"n": n, "state": state, "sha256": None} | ({"attributes": noted[n]} if n in noted else {}) for n, state in enumerate(states)]
    return {"batch": batch, "documents": documents, **more}


@pytest.mark.promise(5)
def test_the_rest_over_several_attempts(tmp_path: Path) -> None:
    async def work(ledger: Ledger) -> None:
        sets = Resumption(ledger)
        await ledger.append("signature.started", started("b1", "a", "b", "c", "d"))
        await ledger.append("signature.finished", finished("b1", "published", "failed", "skipped", "skipped", attributes={0: "0", 1: "1"}))
        order = await sets.order("b1", "T", "C")
        assert (order.token, order.certificate, order.manner) == ("T", "C", MANNER)
        assert [(each.input, each.output, each.format) for each in order.outputs] == [(f"/in/{n}.pdf", f"/out/{n}.pdf", "pades") for n in "bcd"]
        assert order.rest
        assert order.rest.digests["file:///in/c.pdf"] == "cccc"
        asked = order.rest.asked["file:///in/b.pdf"]
        assert (asked.identifier, asked.signing_time, asked.attributes) == (identifier_of("b1", 1), "2026-11-22T01:00:00+00:00", "1")
        # The second attempt numbers anew, and asks for b once more; nothing comes out again
        second = started("r2", "b", "c", "d", resumes="b1")
        second["documents"][0]["asked"] = asked.record()
        await ledger.append("signature.started", second)
        await ledger.append("signature.finished", finished("r2", "failed", "failed", "published", resumes="b1", attributes={0: "1", 1: "9"}))
        order = await sets.order("b1", None, None)
        assert [each.name for each in order.outputs] == ["b.pdf", "c.pdf"]
        assert order.rest
        assert order.rest.asked["file:///in/b.pdf"] == asked  # the name and the time of the first time
        assert order.rest.asked["file:///in/c.pdf"].identifier == identifier_of("r2", 1)
        assert await sets.name(LAST) == await sets.name("b1") == "b1"
        await ledger.append("signature.started", started("r3", "b", "c", resumes="b1"))
        await ledger.append("signature.finished", finished("r3", "published", "published", resumes="b1"))
        with pytest.raises(ApiError) as caught:
            await sets.order("b1", None, None)
        assert (caught.value.code, caught.value.facts["reason"]) == (Code.NOTHING_TO_DO, "all_published")
        with pytest.raises(ApiError) as caught:
            await sets.name(LAST)
        assert caught.value.code is Code.NOT_FOUND

    ledger_of(tmp_path, work)


@pytest.mark.promise(5)
def test_a_set_under_way_is_not_resumed_and_one_a_kill_left_is(tmp_path: Path) -> None:
    async def killed(ledger: Ledger) -> None:
        await ledger.append("signature.started", started("b1", "a", "b"))
        await ledger.append("signature.finished", finished("b1", "skipped", "skipped"))
        await ledger.append("signature.started", started("r2", "a", "b", resumes="b1"))
        await ledger.note("r2", 0, "attributes", b"to be signed")
        sets = Resumption(ledger)
        with sets.running("r2"), pytest.raises(ApiError) as caught:
            await sets.order("b1", None, None)
        assert (caught.value.code, caught.value.facts["reason"]) == (Code.NOT_ALLOWED, "under_way")

    async def next_start(ledger: Ledger) -> None:
        await close_open_sets(ledger)
        sets = Resumption(ledger)
        order = await sets.order(await sets.name(LAST), None, None)
        assert [each.name for each in order.outputs] == ["a.pdf", "b.pdf"]
        assert order.rest
        assert order.rest.batch == "b1"
        assert order.rest.asked["file:///in/a.pdf"].identifier == identifier_of("r2", 0)
        assert "file:///in/b.pdf" not in order.rest.asked

    ledger_of(tmp_path, killed)
    ledger_of(tmp_path, next_start)


def test_records_of_before_and_odd_names(tmp_path: Path) -> None:
    """Version 0.1.0 did not record the manner: such a set cannot be resumed.  A name is never more than a name."""

    async def work(ledger: Ledger) -> None:
        sets = Resumption(ledger)
        old = {key: value for key, value in started("b0", "a").items() if key not in ("manner", "signing_time")}
        await ledger.append("signature.started", old)
        await ledger.append("signature.finished", finished("b0", "failed"))
        await ledger.append("signature.started", started("b1", "a"))
        await ledger.append("signature.finished", finished("b1", "failed"))
        for name in ("b0", "b", '"', "%", "signature", "b1\x00", "名"):
            with pytest.raises(ApiError) as caught:
                await sets.name(name)
            assert caught.value.facts["present"] == "b1"

    ledger_of(tmp_path, work)


def test_a_set_is_held_by_one(tmp_path: Path) -> None:
    async def work(ledger: Ledger) -> None:
        sets = Resumption(ledger)
        with sets.holding("b1"):
            with pytest.raises(ApiError) as caught, sets.holding("b1"):
                pass
            assert caught.value.facts["reason"] == "under_way"
            with sets.holding("b2"):
                pass
        with sets.holding("b1"):
            pass

    ledger_of(tmp_path, work)
