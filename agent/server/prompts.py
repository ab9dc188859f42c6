"""Asking a person: the caller answers for its own request; otherwise a small program with a window is spawned, as gpg-agent does.

Neither brings a PIN here: it is written to the session host's one-shot socket by the process whose `pid` the asker names.
"""

import asyncio
import json
import os
import sys
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from agent.api.errors import ApiError, Code

CANCEL = "cancel"
_LEAVE_SECONDS = 3.0
"""How long a prompter that was told to end may take."""
_NO_DISPLAY = 4
"""Exit code of the prompter where it finds no display."""


class Asker(Protocol):
    """One who can be asked."""

    pid: int

    async def ask(self, question: dict[str, Any]) -> str:
        """The answer, or "cancel"."""

    async def close(self) -> None:
        """No further questions."""


class CallerAsker:
    """The client whose request this is, asked by a `question` event."""

    def __init__(self, pid: int, ask: Callable[[dict[str, Any]], Awaitable[str]]) -> None:
        self.pid = pid
        self._ask = ask

    async def ask(self, question: dict[str, Any]) -> str:
        return await self._ask(question)

    async def close(self) -> None:
        return None


class PrompterAsker:
    """A prompter process on the caller's display: questions on its stdin, answers on its stdout, a line of JSON each."""

    def __init__(self, process: asyncio.subprocess.Process, who: dict[str, Any], lang: str) -> None:
        self._process = process
        self._about = {"asker": who, "lang": lang}
        self.pid = process.pid

    @classmethod
    async def start(cls, display: dict[str, str], who: dict[str, Any], lang: str) -> "PrompterAsker":
        """Spawn the prompter; raises `ApiError` (no_prompter) where there is no display to show it on."""
        if not any(display.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")):
            raise ApiError(Code.NO_PROMPTER)
        env = {k: v for k, v in os.environ.items() if k in ("PATH", "HOME", "TZ", "USER", "PYTHONPATH", "LANG", "YINXIN_HOME")} | display
        try:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-P", "-m", "desktop.prompter"),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
                env=env,
            )
        except OSError as error:
            raise ApiError(Code.NO_PROMPTER) from error
        return cls(process, who, lang)

    async def ask(self, question: dict[str, Any]) -> str:
        assert self._process.stdin
        assert self._process.stdout
        try:
            self._process.stdin.write(json.dumps(question | self._about).encode() + b"\n")
            await self._process.stdin.drain()
            line = await self._process.stdout.readline()
            return str(json.loads(line)["answer"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            if await self._process.wait() == _NO_DISPLAY:
                raise ApiError(Code.NO_PROMPTER) from error
            return CANCEL  # the prompter was closed or killed: nobody said yes

    async def close(self) -> None:
        if self._process.returncode is None:
            self._process.terminate()
        try:
            async with asyncio.timeout(_LEAVE_SECONDS):
                await self._process.wait()
        except TimeoutError:
            self._process.kill()
            await self._process.wait()
