"""Modules and sessions that do what a test says, and an inventory over two of them."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from agent.api.home import locate
from agent.inventory import modules, sight
from agent.inventory.logins import Login
from agent.inventory.service import Inventory
from tokens.errors import TokenError
from tokens.types import ModuleRef, PinState, Token, TokenState


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
