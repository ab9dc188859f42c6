"""Asking issuers whether certificates were revoked, where that is allowed: the agent's side.  The network is used by `fetch_program` alone."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from agent.verification.service import Checker
from tokens.channel import ChannelClosed
from tokens.wire import Message, WireError

SECONDS_PER_QUESTION = 5.0
ANSWER_MAX = 6 * 1024 * 1024
"""Bytes of one answer; the lists of large public issuers have one or two million."""
_KEPT_SECONDS, _SILENT_SECONDS = 300.0, 60.0
"""How long an answer, and a silence, is remembered."""
_KEPT_MAX = 256
_ENVIRONMENT = ("http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR")


@dataclass(frozen=True, slots=True)
class _Kept:
    until: float
    """time.monotonic()"""
    answer: Message


class Fetcher:
    """Asks questions one after another in a child process, and remembers what was said; `close` ends the child."""

    def __init__(self, seconds: float = SECONDS_PER_QUESTION) -> None:
        self._seconds = seconds
        self._child: Checker | None = None
        self._turn = asyncio.Lock()
        self._kept: dict[str, _Kept] = {}
        self._silent: dict[str, float] = {}

    async def ask(self, questions: Sequence[Message]) -> Mapping[str, Message]:
        """The answers {data, why} by the questions' keys; never raises for what the network does.

        A host that was silent is not asked again for a minute, so that five hundred documents do not wait for it five hundred times.
        """
        out: dict[str, Message] = {}
        for question in questions:
            async with self._turn:
                out[question["key"]] = await self._one(question)
        return out

    async def _one(self, question: Message) -> Message:
        now = time.monotonic()
        kept = self._kept.get(question["key"])
        if kept is not None and kept.until > now:
            return kept.answer
        if self._silent.get(question["host"], 0.0) > now:
            return {"data": None, "why": "silent"}
        answer = await self._fetch(question)
        if answer["data"] is not None:
            while len(self._kept) >= _KEPT_MAX:
                self._kept.pop(next(iter(self._kept)))
            self._kept[question["key"]] = _Kept(now + _KEPT_SECONDS, answer)
        elif answer["why"] in ("timeout", "unreachable"):
            self._silent[question["host"]] = now + _SILENT_SECONDS
        return answer

    async def _fetch(self, question: Message) -> Message:
        args: dict[str, Any] = {"url": question["url"], "body": question["body"], "seconds": self._seconds, "most": ANSWER_MAX}
        try:
            if self._child is None or not self._child.alive:
                self._child = await Checker.start("agent.verification.fetch_program", _ENVIRONMENT)
            reply = await self._child.call("fetch", args, self._seconds * 2)
            result: Message = reply["result"]
            return result
        except (TimeoutError, WireError, ChannelClosed, OSError, KeyError) as exc:
            await self.close()  # a look-up of a name can hang for long: the next question gets a new process
            return {"data": None, "why": "timeout" if isinstance(exc, TimeoutError) else "unreachable"}
        except BaseException:  # cancelled: the child is in the middle of an answer that nobody waits for
            await asyncio.shield(self.close())
            raise

    async def close(self) -> None:
        """End the child."""
        child, self._child = self._child, None
        if child is not None:
            await child.close()
