"""What is seen of modules that answer, hang, crash and come back: nobody waits for another's, nobody is refused by an old look."""

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from agent.api.errors import ApiError, Code
from agent.api.home import locate
from agent.inventory import modules, settings, sight, watch
from agent.inventory.logins import Login
from agent.inventory.service import Inventory
from agent.inventory.token_routes import InitBody, _to_initialise
from tokens.errors import ModuleTimeout, ModuleUnusable, TokenError
from tokens.types import Certificate, ModuleRef, PinState, Token, TokenState


def token(module: str, label: str, serial: str = "", **more: Any) -> Token:
    return Token(module, 1, "slot", label, serial or f"serial {label}", "M", "m", TokenState.READY, PinState.OK, **more)


class FakeMonitor:
    """A module whose answers the test gives; `gate` holds them back."""

    def __init__(self, ref: ModuleRef, deadlines: object = None) -> None:
        self.ref = ref
        self.host = SimpleNamespace(deadlines=deadlines)
        self.gate = asyncio.Event()
        self.gate.set()
        self.answers: list[tuple[Token, ...] | TokenError] = []
        """The last one stays."""
        self.asked = 0
        self.closed = 0
        self.followed = False
        self.heard: Callable[[], None] = lambda: None

    async def list(self) -> tuple[Token, ...]:
        self.asked += 1
        await self.gate.wait()
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0] if self.answers else ()
        if isinstance(answer, TokenError):
            raise answer
        return answer

    async def close(self) -> None:
        self.closed += 1

    def on_event(self, callback: Callable[[], None]) -> Callable[[], None]:
        self.heard = callback
        self.followed = True

        def end() -> None:
            self.followed = False

        return end


class FakeSession:
    """A session that knows how it ended."""

    def __init__(self) -> None:
        self.host = SimpleNamespace(alive=True, on_silence=None)
        self.why: TokenError | None = None

    async def end(self, why: TokenError) -> None:
        self.why = why

    async def close(self) -> None:
        self.host.alive = False

    async def present(self) -> bool:
        return self.host.alive


class Desk:
    """An inventory over fake modules a and b, with a token each."""

    def __init__(self, folder: Path) -> None:
        self.monitors: dict[str, FakeMonitor] = {}
        self.slept = 0.0
        self.inventory = Inventory(locate(str(folder / "h")).make(), lambda: self.slept)

    def monitor(self, ref: ModuleRef, deadlines: object = None) -> FakeMonitor:
        made = self.monitors[ref.name] = FakeMonitor(ref, deadlines)
        made.answers = [(token(ref.name, f"on {ref.name}"),)]
        return made

    async def ready(self) -> "Desk":
        await self.inventory.settled()
        return self

    def hang(self, name: str) -> None:
        self.monitors[name].gate.clear()
        self.inventory.stale()

    def login(self, name: str, held: bool = False) -> Login:
        session: Any = FakeSession()
        job: Any = None if held else object()
        return self.inventory._logins.add(Login(token(name, f"on {name}"), session, job, None))


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    made = Desk(tmp_path)
    refs = (ModuleRef("a", "/a.so", "added"), ModuleRef("b", "/b.so", "added"))
    monkeypatch.setattr(modules, "configured", lambda home: refs)
    monkeypatch.setattr(sight, "Monitor", made.monitor)
    return made


async def until(reached: Any) -> None:
    async with asyncio.timeout(30):
        while not reached():
            await asyncio.sleep(0)


def labels(tokens: tuple[Token, ...]) -> list[str]:
    return [each.label for each in tokens]


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
