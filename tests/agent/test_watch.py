"""What is seen of modules that answer, hang, crash and come back: nobody waits for another's, nobody is refused by an old look."""

import asyncio
import contextlib

import pytest

from agent.api.errors import ApiError, Code
from agent.inventory import sight, watch
from tests.agent.fakes import Desk, labels, token, until
from tokens.errors import ModuleTimeout, ModuleUnusable


@pytest.mark.promise(8)
def test_a_module_that_does_not_answer_is_named_and_holds_up_nobody(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "PATIENCE_SECONDS", 0.01)

    async def run() -> None:
        await desk.ready()
        desk.hang("a")
        assert labels(await desk.inventory.tokens()) == ["on a", "on b"]  # as last seen: busy is not gone
        assert desk.inventory.troubles()["a"].facts["reason"] == "slow"
        assert (await desk.inventory.pick("on b")).label == "on b"
        asked = desk.monitors["b"].asked
        for _ in range(5):  # it is still looking at a, and b is not asked more than anybody wants to know
            await desk.inventory.tokens()
        assert desk.monitors["b"].asked <= asked + 1
        desk.monitors["a"].gate.set()
        await desk.inventory.settled()
        assert desk.inventory.troubles() == {}
        await desk.inventory.close()

    asyncio.run(run())


@pytest.mark.promise(8)
def test_a_module_never_seen_before_is_waited_for_a_little_longer_and_then_no_more(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "FIRST_PATIENCE_SECONDS", 0.05)

    async def run() -> None:
        await desk.inventory._refreshed()
        desk.hang("a")
        assert labels(await desk.inventory.tokens()) == ["on b"]
        assert set(desk.inventory.troubles()) == {"a"}
        assert labels(await desk.inventory.tokens()) == ["on b"]
        assert desk.monitors["a"].asked == 1
        desk.monitors["a"].gate.set()
        await desk.inventory.close()

    asyncio.run(run())


def test_nobody_is_refused_before_all_modules_have_answered(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "PATIENCE_SECONDS", 0.0)

    async def run() -> None:
        await desk.ready()
        desk.hang("a")
        for selector in ("new", None):
            desk.monitors["b"].answers = [()]
            picking = asyncio.create_task(desk.inventory.pick(selector))
            await until(lambda: desk.inventory._watches and not any(w.looking for w in desk.inventory._watches.values() if w.ref.name == "b"))
            assert not picking.done()
            desk.monitors["a"].answers = [(token("a", "new"),)]
            desk.monitors["a"].gate.set()
            assert (await picking).label == "new"
            desk.hang("a")
        desk.monitors["a"].gate.set()
        await desk.inventory.close()

    asyncio.run(run())


def test_nobody_is_refused_by_a_look_that_began_before_he_asked(desk: Desk) -> None:
    async def run() -> None:
        await desk.ready()
        a = desk.monitors["a"]
        a.answers = [(), (token("a", "plugged in meanwhile"),)]
        desk.hang("a")
        desk.inventory._watches[a.ref].look()
        await until(lambda: a.asked == 2)
        picking = asyncio.create_task(desk.inventory.pick("plugged in meanwhile"))
        await asyncio.sleep(0)
        a.gate.set()
        assert (await picking).label == "plugged in meanwhile"
        with pytest.raises(ApiError) as caught:
            await desk.inventory.pick("nobody's")
        assert caught.value.code is Code.TOKEN_ABSENT
        await desk.inventory.close()

    asyncio.run(run())


@pytest.mark.promise(8)
def test_a_module_that_failed_rests_and_is_asked_again_after_a_change(desk: Desk) -> None:
    async def run() -> None:
        await desk.ready()
        a = desk.monitors["a"]
        a.answers = [ModuleTimeout(module="a", during="list")]
        desk.inventory.stale()
        assert labels(await desk.inventory.tokens()) == ["on b"]
        asked = a.asked
        for _ in range(3):
            assert labels(await desk.inventory.settled()) == ["on b"]
        assert a.asked == asked
        assert desk.inventory.troubles()["a"].code == "module_timeout"
        a.answers = [(token("a", "back"),)]
        desk.inventory.stale()
        assert labels(await desk.inventory.tokens()) == ["back", "on b"]
        assert desk.inventory.troubles() == {}
        await desk.inventory.close()

    asyncio.run(run())


@pytest.mark.promise(8)
def test_a_host_that_died_once_is_asked_once_more(desk: Desk) -> None:
    async def run() -> None:
        await desk.ready()
        desk.monitors["a"].answers = [ModuleUnusable(reason="crashed", module="a"), (token("a", "there"),)]
        desk.inventory.stale()
        assert labels(await desk.inventory.tokens()) == ["there", "on b"]
        await desk.inventory.close()

    asyncio.run(run())


def test_what_was_seen_before_a_change_of_ours_does_not_count_after_it(desk: Desk) -> None:
    async def run() -> None:
        await desk.ready()
        b = desk.monitors["b"]
        b.answers = [(), (token("b", "initialised"),)]
        desk.hang("b")
        desk.inventory._watches[b.ref].look()
        await until(lambda: b.asked == 2)
        desk.inventory.stale()  # while that look is under way
        b.gate.set()
        assert "initialised" in labels(await desk.inventory.tokens())
        await desk.inventory.close()

    asyncio.run(run())


def test_watchers_are_told_tokens_troubles_and_logins(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sight, "_POLL_SECONDS", 0.0)

    async def run() -> None:
        async with contextlib.aclosing(desk.inventory.watch()) as seen, asyncio.timeout(30):
            assert labels(await anext(seen)) == ["on a", "on b"]
            desk.monitors["b"].answers = [()]
            while labels(await anext(seen)) != ["on a"]:
                pass
            desk.monitors["a"].answers = [ModuleTimeout(module="a", during="list")]
            while not desk.inventory.troubles():
                await anext(seen)
            login = desk.login("b")
            login.logged_in = True
            desk.inventory._tell()
            await anext(seen)
            assert desk.inventory.entry(login.token)["login"] == {"until": None, "scope": "set"}
        await desk.inventory.close()

    asyncio.run(run())


def test_an_event_makes_a_look_at_once_also_when_one_is_under_way_and_only_while_somebody_watches(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sight, "_POLL_SECONDS", 3600.0)

    async def run() -> None:
        await desk.ready()
        a = desk.monitors["a"]
        assert not a.followed
        async with contextlib.aclosing(desk.inventory.watch()) as seen, asyncio.timeout(30):
            await anext(seen)
            await until(lambda: a.followed and not any(each.looking for each in desk.inventory._watches.values()))
            a.answers = [()]
            a.heard()
            while labels(await anext(seen)) != ["on b"]:
                pass
            a.gate.clear()
            a.heard()
            await until(lambda: a.asked and desk.inventory._watches[a.ref].looking)
            a.answers = [(), (token("a", "come in the middle"),)]
            a.heard()
            a.gate.set()
            while labels(await anext(seen)) != ["come in the middle", "on b"]:
                pass
        await desk.inventory.close()
        assert not a.followed

    asyncio.run(run())
