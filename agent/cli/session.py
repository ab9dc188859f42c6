"""What every command of one invocation shares: how it was called, the way to the agent, and how results are shown."""

import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from agent.cli.language import pick

if TYPE_CHECKING:
    from agent.api.client import Client


@dataclass(frozen=True, slots=True)
class Session:
    """One invocation of the command line; the object of Typer's context."""

    lang: str = "en"
    json: bool = False
    home: str | None = None
    """`--home` as given; None for `YINXIN_HOME` or the XDG folders."""

    def say(self, zh: str, en: str) -> str:
        """The one of two texts that is in the user's language."""
        return zh if self.lang == "zh" else en

    def pick(self, text: str) -> str:
        """The half of a `both` text that is in the user's language."""
        return pick(text, self.lang)

    def client(self, without: Iterable[str] = (), autostart: bool = True) -> "Client":
        """The way to this home's agent; a new agent does not inherit the variables in `without`."""
        from agent.api.client import Client

        return Client.of(self.home, self.lang, frozenset(without), autostart)

    def show(self, document: Mapping[str, Any], text: Callable[[], str]) -> None:
        """The result on stdout: the document as JSON, or the text for people."""
        from agent.cli.output import write, write_json

        if self.json:
            write_json(document)
        else:
            write(text())

    def note(self, zh: str, en: str) -> None:
        """A remark on stderr: nothing that a script needs."""
        from agent.cli.output import write

        write(self.say(zh, en), sys.stderr)
