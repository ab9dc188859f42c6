"""A client in the test's own process: it hears every question and event of a job and answers as the test says."""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from agent.api.client import Client
from tests.conftest import PIN

Answer = str | Mapping[str, str]


@dataclass(eq=False)
class Caller:
    """Does jobs on one home; `say` gives the answer to a question (the PIN and "yes" where it is None)."""

    home: Path
    say: Callable[[dict[str, Any]], Answer] | None = None
    questions: list[dict[str, Any]] = field(default_factory=list)
    events: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    asked: threading.Event = field(default_factory=threading.Event)

    @property
    def client(self) -> Client:
        return Client.of(str(self.home))

    def job(self, path: str, **body: Any) -> dict[str, Any]:
        """Do a job; raises `agent.api.client.Told`."""
        return self.client.job(path, body, self)

    def answer(self, question: dict[str, Any]) -> Answer:
        self.questions.append(question)
        self.asked.set()
        if self.say is not None:
            return self.say(question)
        return "yes" if question["kind"] == "consent" else dict.fromkeys(question["secrets"], PIN) or "shown"

    def tell(self, event: str, data: dict[str, Any]) -> None:
        self.events.append((event, data))

    def token(self, label: str) -> dict[str, Any]:
        """The token as it is listed."""
        return next(token for token in self.client.get("/v1/tokens")["tokens"] if token["label"] == label)

    def kinds(self) -> list[str]:
        """What was asked so far."""
        return [str(question["kind"]) for question in self.questions]


@dataclass(eq=False)
class Waiting:
    """A job that stands at its question, in a thread, until it is told how to answer."""

    caller: Caller
    path: str
    body: dict[str, Any]
    result: dict[str, Any] | None = None
    error: Exception | None = None
    _go: threading.Event = field(default_factory=threading.Event)
    _answer: Answer = "cancel"

    def __enter__(self) -> "Waiting":
        self.caller.say = self._wait
        self._thread = threading.Thread(target=self._run)
        self._thread.start()
        assert self.caller.asked.wait(30), self.error
        return self

    def __exit__(self, *_: object) -> None:
        self.go("cancel")

    def go(self, answer: Answer) -> "Waiting":
        """Answer and wait for the job's end."""
        self._answer = answer
        self._go.set()
        self._thread.join(60)
        assert not self._thread.is_alive()
        return self

    def _wait(self, question: dict[str, Any]) -> Answer:
        assert self._go.wait(60)
        return self._answer

    def _run(self) -> None:
        try:
            self.result = self.caller.job(self.path, **self.body)
        except Exception as error:
            self.error = error
