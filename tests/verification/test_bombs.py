"""Bombs: a file fails itself at worst, in its time and its memory; the agent and the next file never notice."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from agent.verification.service import SECONDS_PER_FILE, Checkers, verify
from tests.verification.attacks.bombs import BOMBS
from tests.verification.attacks.material import Material
from tests.verification.conftest import Pki, Signing


@pytest.fixture
def judged(pki: Pki, signing: Signing, tmp_path: Path) -> "Judge":
    """Judges a bomb and a good file after it, by one worker."""
    return Judge(Material(pki, signing), tmp_path)


class Judge:
    """The verdicts of one worker over a bomb, and over a good file after it."""

    def __init__(self, material: Material, folder: Path) -> None:
        self.material, self.folder = material, folder

    def __call__(self, name: str) -> list[dict[str, Any]]:
        bomb, good = self.folder / "bomb.pdf", self.folder / "good.pdf"
        bomb.write_bytes(BOMBS[name](self.material))
        good.write_bytes(self.material.signed)
        return asyncio.run(self._run([str(bomb), str(good)]))

    async def _run(self, files: list[str]) -> list[dict[str, Any]]:
        workers = Checkers(1)
        try:
            settings: dict[str, Any] = {"signature": None, "trust": [self.material.pki.root.pem], "crls": [], "at": None}
            return await verify(files, workers=workers, **settings)
        finally:
            await workers.close()


@pytest.mark.promise(10)
@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_fails_itself_alone(judged: Judge, name: str) -> None:
    bomb, good = judged(name)
    assert bomb["verdict"] in ("failed", "indeterminate"), bomb["explanation"]
    assert good["verdict"] == "passed", good["explanation"]


def test_the_limits_are_those_that_are_promised() -> None:
    from agent.verification.worker import MEMORY_MAX

    assert (SECONDS_PER_FILE, MEMORY_MAX) <= (20.0, 640 * 1024 * 1024)
