"""The command line in this process, for what needs no process of its own."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from agent.cli.main import main


@dataclass(frozen=True, slots=True)
class Ran:
    """How a call of `main` ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@pytest.fixture
def run(capfdbinary: pytest.CaptureFixture[bytes], home: Path) -> Callable[..., Ran]:
    """`run("token", "list")`: the command line in this process, on `home`, in English."""

    def call(*arguments: str, lang: str = "en") -> Ran:
        code = main(["--home", str(home), "--lang", lang, *arguments])
        out, err = capfdbinary.readouterr()
        return Ran(code, out.decode("utf-8", "surrogateescape"), err.decode("utf-8", "surrogateescape"))

    return call
