"""An office: one computer with the tokens of four people, made once; tests work on copies, as several computers where they want."""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import TOKEN as K0
from tests.conftest import PracticeToken, Result, Yinxin, copy_home, short_folder, stop

PEOPLE = {"K1": "王芳", "K2": "李工"}
_PIN = ("--pin", "env:YX_PIN")


@dataclass(frozen=True, slots=True)
class Desk:
    """A computer of the office."""

    yinxin: Yinxin

    @property
    def home(self) -> Path:
        return self.yinxin.home

    def __call__(self, *arguments: str, code: int | None = 0) -> Any:
        """A command that only asks."""
        return self.yinxin(*arguments, code=code).json

    def by(self, token: str, *arguments: str, code: int | None = 0) -> Any:
        """A command that somebody signs with a token."""
        return self.yinxin(*arguments, "--token", token, *_PIN, code=code).json

    def refused(self, token: str, *arguments: str) -> dict[str, Any]:
        """The error of a command that a rule refuses: exit 4."""
        found: dict[str, Any] = self.by(token, *arguments, code=4)["error"]
        return found

    def rest(self) -> None:
        """Stop its agent."""
        self.yinxin("agent", "stop")


def _token(yinxin: Yinxin, folder: Path, label: str, name: str) -> None:
    def run(*arguments: "str | Path") -> Result:
        return yinxin(*arguments, *_PIN)

    run("token", "init", "--emulated", "--practice", "--label", label, "--so-pin", "env:YX_SO_PIN")
    run("key", "generate", "--token", label, "--type", "p256", "--label", "签名")
    run("cert", "request", "--token", label, "--key", "签名", "--subject", f"CN={name},O=云桥建筑设计院,C=CN", "--out", folder / f"{label}.csr")
    run("cert", "issue", folder / f"{label}.csr", "--ca", K0, "--profile", "signer", "--out", folder / f"{label}.crt")
    run("cert", "import", folder / f"{label}.crt", "--token", label)


@pytest.fixture(scope="session")
def office(practice_home: tuple[Path, PracticeToken]) -> Iterator[Path]:
    """A home at rest with everybody's token in it, and nothing founded but its own ledger."""
    folder = short_folder()
    yinxin = Yinxin(folder / "h")
    try:
        copy_home(practice_home[0], yinxin.home)
        for label, name in PEOPLE.items():
            _token(yinxin, folder, label, name)
        yinxin("agent", "stop")
        yield yinxin.home
    finally:
        stop(folder / "h")
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def desks(office: Path) -> Iterator[Callable[[], Desk]]:
    """Computers of the office, each with a device key of its own; people carry their tokens from one to the other."""
    folders: list[Path] = []

    def one() -> Desk:
        folder = short_folder()
        folders.append(folder)
        copy_home(office, folder / "h")
        for path in ("config/device.json", "state/ledger-seen.json", *(f"data/{each.name}" for each in (office / "data").glob("ledger.db*"))):
            (folder / "h" / path).unlink(missing_ok=True)
        for key in (folder / "h" / "data").glob("device-*.key"):
            key.unlink()
        return Desk(Yinxin(folder / "h"))

    yield one
    for folder in folders:
        stop(folder / "h")
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def desk(desks: Callable[[], Desk]) -> Desk:
    """One of them."""
    return desks()


def found(desk: Desk, *more: str, profile: str = "small") -> str:
    """An organisation founded by 赵主任; its hash."""
    return str(desk.by(K0, "org", "found", "--name", "云桥建筑设计院", "--person", "赵主任", "--profile", profile, *more)["org"])
