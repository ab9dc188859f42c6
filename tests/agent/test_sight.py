"""Sessions under watch: what ends them, what does not, and who has a module to himself (promises 2 and 8)."""

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from agent.api.errors import ApiError, Code
from agent.inventory import service, settings, sight
from agent.inventory.token_routes import InitBody, _to_initialise
from tests.agent.fakes import Desk, FakeSession, labels, token, until
from tokens.errors import ModuleTimeout, TokenError
from tokens.types import Certificate, ModuleRef, PinState, Token


@pytest.mark.promise(2)
def test_a_token_that_vanished_ends_its_session_and_no_other(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sight, "_POLL_SECONDS", 0.0)
    monkeypatch.setattr(sight, "_FRESH_SECONDS", 0.0)

    async def run() -> None:
        await desk.ready()
        gone, other = desk.login("a"), desk.login("b")
        desk.monitors["a"].answers = [(), (token("a", "on a"),)]
        await desk.inventory.settled()
        await desk.inventory.settled()
        assert gone.session.why is None  # a look may read what is being written: once is not enough
        desk.monitors["a"].answers = [(token("a", "another in the same slot"),)]
        desk.inventory._poll()
        await until(lambda: gone.session.why)
        assert gone.session.why.code == "token_removed"
        assert gone not in desk.inventory._logins.every
        assert other in desk.inventory._logins.every
        assert other.session.why is None
        await desk.inventory.close()

    asyncio.run(run())


@pytest.mark.promise(8)
def test_trouble_with_a_module_is_no_removal(desk: Desk) -> None:
    async def run() -> None:
        await desk.ready()
        login = desk.login("a")
        desk.monitors["a"].answers = [ModuleTimeout(module="a", during="list")]
        for _ in range(4):
            desk.inventory.stale()
            assert "on a" in labels(await desk.inventory.settled())
        assert not login.over.done()
        await desk.inventory.close()
        assert login.over.result().code == "pin_cancelled"  # the agent left

    asyncio.run(run())


def test_a_token_put_into_another_reader_keeps_its_session_and_its_new_state_is_known(desk: Desk) -> None:
    async def run() -> None:
        await desk.ready()
        login = desk.login("a")
        certificate = Certificate(b"\1", "c", b"der")
        moved = replace(token("a", "on a"), slot_id=7, slot_description="the other reader", certificates=(certificate,), pin_state=PinState.LOW)
        desk.monitors["a"].answers = [(moved,)]
        await desk.inventory.settled()
        await desk.inventory.settled()
        assert not login.over.done()
        assert login.token == moved
        await desk.inventory.close()

    asyncio.run(run())


@pytest.mark.promise(2)
def test_a_sleep_of_the_machine_ends_held_logins(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sight, "_POLL_SECONDS", 0.0)

    async def run() -> None:
        await desk.ready()
        settings.path_of(desk.inventory._home).write_text('[pin]\nscope = "minutes"\n')
        held, running = desk.login("a", held=True), desk.login("a")
        desk.inventory._poll()
        desk.slept = 2.0
        asked = desk.monitors["a"].asked
        await until(lambda: desk.monitors["a"].asked > asked + 3)
        assert not held.over.done()
        desk.slept = 3600.0
        await until(held.over.done)
        assert held.over.result().facts["reason"] == "locked"
        assert not running.over.done()
        await desk.inventory.close()

    asyncio.run(run())


@pytest.mark.promise(2)
def test_settings_that_hold_no_login_any_more_end_those_held(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sight, "_POLL_SECONDS", 0.0)

    async def run() -> None:
        await desk.ready()
        settings.path_of(desk.inventory._home).write_text('[pin]\nscope = "minutes"\n')
        held = desk.login("a", held=True)
        desk.inventory._poll()
        asked = desk.monitors["a"].asked
        await until(lambda: desk.monitors["a"].asked > asked + 3)
        assert not held.over.done()
        settings.path_of(desk.inventory._home).unlink()
        await until(held.over.done)
        await desk.inventory.close()

    asyncio.run(run())


def test_with_a_session_open_only_its_module_is_polled_and_without_any_none(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sight, "_POLL_SECONDS", 0.0)

    async def run() -> None:
        await desk.ready()
        asked = desk.monitors["b"].asked
        login = desk.login("a")
        desk.inventory._poll()
        before = desk.monitors["a"].asked
        await until(lambda: desk.monitors["a"].asked > before + 5)
        assert desk.monitors["b"].asked == asked
        await desk.inventory._logins.close(login)
        poller = desk.inventory._poller
        assert poller is not None
        await asyncio.wait_for(poller, 30)
        await desk.inventory.close()

    asyncio.run(run())


def test_a_module_for_one_process_at_a_time_is_not_watched_while_a_session_is_open(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    exclusive = replace(sight.profile_of(ModuleRef("a", "/a.so", "added")), exclusive=True)
    monkeypatch.setattr(sight, "profile_of", lambda ref, token=None: exclusive)
    monkeypatch.setattr(sight, "_FRESH_SECONDS", 0.0)

    async def run() -> None:
        await desk.ready()
        a = desk.monitors["a"]
        asked = a.asked
        login = desk.login("a")
        assert "on a" in labels(await desk.inventory.settled())
        assert a.asked == asked
        login.session.host.alive = False  # the session says that its token is gone
        assert "on a" not in labels(await desk.inventory.settled())
        await until(login.over.done)
        assert login.over.result().code == "token_removed"
        assert "on a" in labels(await desk.inventory.settled())
        assert a.asked > asked
        await desk.inventory.close()

    asyncio.run(run())


@pytest.mark.parametrize(
    ("erase", "code", "reason"),
    [
        (None, Code.NOT_ALLOWED, "holds_keys"),
        ("on a", Code.TOKEN_ABSENT, None),
        ("serial on b", Code.TOKEN_ABSENT, None),
        ("serial on a", None, None),
    ],
    ids=["not named", "named by its label", "another module's", "named by its serial"],
)
def test_a_token_that_may_hold_keys_is_initialised_only_by_its_serial(desk: Desk, erase: str | None, code: Code | None, reason: str | None) -> None:
    async def run() -> None:
        await desk.ready()
        body = InitBody(label="new", module="a", erase=erase)
        if code is None:
            assert (await _to_initialise(desk.inventory, body)).label == "on a"
        else:
            with pytest.raises(ApiError) as caught:
                await _to_initialise(desk.inventory, body)
            assert (caught.value.code, caught.value.facts.get("reason")) == (code, reason)
        desk.monitors["a"].answers = [ModuleTimeout(module="a", during="list")]
        desk.inventory.stale()
        with pytest.raises(TokenError):  # not "there is none"
            await _to_initialise(desk.inventory, InitBody(label="new", module="a"))
        await desk.inventory.close()

    asyncio.run(run())


def test_a_module_for_one_process_at_a_time_is_let_go_before_a_session_opens(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    exclusive = replace(sight.profile_of(ModuleRef("a", "/a.so", "added")), exclusive=True)
    monkeypatch.setattr(sight, "profile_of", lambda ref, token=None: exclusive)
    monkeypatch.setattr(service, "profile_of", lambda ref, token=None: exclusive)
    opened: list[Any] = []

    async def open_session(ref: ModuleRef, wanted: Token, run: Path, deadlines: object) -> Any:
        monitor = desk.monitors["a"]
        assert monitor.closed == 1
        asked = monitor.asked
        desk.inventory.stale()
        assert labels(await desk.inventory.settled()) == ["on a", "on b"]
        assert monitor.asked == asked
        opened.append(FakeSession())
        return opened[-1]

    monkeypatch.setattr(service.Session, "open", open_session)

    async def run() -> None:
        await desk.ready()
        desk.monitors["a"].gate.clear()  # a look under way is given up
        desk.inventory._watches[desk.monitors["a"].ref].stale()
        looking = desk.inventory._watches[desk.monitors["a"].ref].look()
        await until(lambda: desk.monitors["a"].asked == 2)
        async with desk.inventory.session(token("a", "on a")) as session:
            desk.monitors["a"].gate.set()
            assert session is opened[0]
            assert looking.cancelled()
        assert not session.host.alive
        await desk.inventory.close()

    asyncio.run(run())
