"""The person's own terminal, wherever stdin and stdout lead: questions that must not end in a pipe go here."""

import os
from dataclasses import dataclass

_TTY = "/dev/tty"


@dataclass(frozen=True, slots=True)
class Terminal:
    """A controlling terminal that was there a moment ago."""

    @classmethod
    def find(cls) -> "Terminal | None":
        """The controlling terminal, or None (a service, a pipeline of a scheduler, a CI run)."""
        try:
            os.close(os.open(_TTY, os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC))
        except OSError:
            return None
        return cls()

    def say(self, text: str) -> None:
        """A text and a line end."""
        self._write(text + "\n")

    def ask(self, prompt: str) -> str:
        """One line of the person's; empty at the end of input."""
        self._write(prompt)
        with open(_TTY, encoding="utf-8", errors="replace") as tty:
            return tty.readline().strip()

    def secret(self, prompt: str) -> str:
        """One line that is not shown."""
        import getpass
        import locale

        encoding = locale.getencoding()
        # getpass itself shows the prompt, after it has turned the echo off: nothing typed fast is seen, or lost.
        return getpass.getpass(prompt.encode(encoding, "backslashreplace").decode(encoding))

    def _write(self, text: str) -> None:
        with open(_TTY, "wb", buffering=0) as tty:
            tty.write(text.encode("utf-8", "backslashreplace"))
