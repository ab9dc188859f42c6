"""The whole product under attack: one running home for a module's tests, and one whose token stands behind the fault-injecting module."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from tests.conftest import PracticeToken, Yinxin, copy_home, short_folder, stop
from tests.e2e.looks import until
from tests.tokens.conftest import shim_library, softhsm  # noqa: F401 - fixtures

SIGN = ("--pin", "env:YX_PIN")


@dataclass(frozen=True, slots=True)
class Desk:
    """A home with a token ready to sign, shared by the tests of a module: each works in a folder of its own."""

    yinxin: Yinxin
    token: PracticeToken

    @property
    def home(self) -> Path:
        return self.yinxin.home


@dataclass(frozen=True, slots=True)
class Faulty:
    """A home whose only token stands behind the shim; what the shim is to do wrong is said with `say`."""

    yinxin: Yinxin
    token: PracticeToken
    control: Path
    log: Path

    def say(self, *lines: str) -> None:
        """From now on; nothing said means no fault."""
        staging = self.control.with_suffix(".new")
        staging.write_text("".join(line + "\n" for line in lines))
        staging.replace(self.control)

    def calls(self, name: str) -> int:
        """How often a C_ function was called since the test began."""
        return self.log.read_text().split("\n").count(name) if self.log.exists() else 0


@pytest.fixture(scope="module")
def desk(practice_home: tuple[Path, PracticeToken]) -> Iterator[Desk]:
    """A running home with a practice token."""
    folder = short_folder()
    try:
        copy_home(practice_home[0], folder / "h")
        yield Desk(Yinxin(folder / "h"), practice_home[1])
    finally:
        stop(folder / "h")
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def faulty_home(practice_home: tuple[Path, PracticeToken], shim_library: Path, softhsm: str) -> Iterator[Faulty]:  # noqa: F811
    """A home without an emulated token of its own: the practice token is reached through the shim, as a vendor's module would be."""
    folder = short_folder()
    template, token = practice_home
    shutil.copytree(template / "tokens", folder / "tokens")
    conf = folder / "softhsm2.conf"
    conf.write_text(f"directories.tokendir = {folder / 'tokens'}\nobjectstore.backend = file\nlog.level = ERROR\n")
    module = shutil.copy(shim_library, folder / "vendor.so")
    environment = {
        "SHIM_NAME": "A Vendor",
        "SHIM_TARGET": softhsm,
        "SHIM_CONTROL": str(folder / "control"),
        "SHIM_LOG": str(folder / "log"),
        "SOFTHSM2_CONF": str(conf),
    }
    yinxin = Yinxin(folder / "h", environment={})
    try:
        names = [word for name in environment for word in ("--env", name)]
        yinxin("module", "add", module, "--name", "vendor", *names, "--yes", env=environment)
        yield Faulty(yinxin, token, folder / "control", folder / "log")
    finally:
        stop(folder / "h")
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def faulty(faulty_home: Faulty) -> Iterator[Faulty]:
    """The shimmed home without a fault, its log empty."""
    faulty_home.say()
    faulty_home.log.unlink(missing_ok=True)
    yield faulty_home
    faulty_home.say()


def in_lang(desk: Desk, lang: str) -> Yinxin:
    """The same home in another language."""
    return replace(desk.yinxin, lang=lang)


class Asked:
    """A `sign` that waits for its PIN at a pipe."""

    def __init__(self, yinxin: Yinxin, *files: Path) -> None:
        self.yinxin, self.files = yinxin, files

    def __enter__(self) -> "tuple[subprocess.Popen[str], int]":
        reading, self.writing = os.pipe()
        self.process = subprocess.Popen(
            self.yinxin.command("sign", *self.files, "--pin", f"fd:{reading}"),
            env=self.yinxin.env(), pass_fds=(reading,), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        os.close(reading)
        run = self.yinxin.home / "run"
        until(lambda: self.process.poll() is not None or (run.is_dir() and any(name.startswith("pin-") for name in os.listdir(run))))
        if self.process.poll() is not None:
            os.close(self.writing)
            raise AssertionError(f"it ended before it asked: {self.process.communicate()}")
        return self.process, self.writing

    def __exit__(self, *_: object) -> None:
        os.close(self.writing)
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()
