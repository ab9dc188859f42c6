"""Fixtures for the token floor: real SoftHSM2 tokens in folders of their own, and a module that injects faults into them."""

import asyncio
import json
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from tokens import emulated, platform
from tokens.hosts import Deadlines
from tokens.monitor import Monitor
from tokens.session import Session
from tokens.types import Key, KeyType, ModuleRef, PinOffer, Token

PIN, SO_PIN, LABEL = "73914628", "5528999113", "图纸签名 1"


@dataclass(frozen=True, slots=True)
class Bench:
    """A place with a module and its tokens."""

    folder: Path
    run: Path
    ref: ModuleRef
    control: Path
    log: Path

    def say(self, *lines: str) -> None:
        """Tell the shim what to do wrong from now on."""
        staging = self.control.with_suffix(".new")
        staging.write_text("".join(line + "\n" for line in lines))
        staging.replace(self.control)

    def calls(self, name: str) -> int:
        """How often the shim saw a C_ function called."""
        return self.log.read_text().split("\n").count(name) if self.log.exists() else 0

    async def token(self) -> Token:
        """The one ready token."""
        monitor = Monitor(self.ref)
        try:
            return next(token for token in await monitor.list() if token.label)
        finally:
            await monitor.close()

    async def open(self, deadlines: Deadlines | None = None) -> Session:
        """A session on it, not logged in."""
        return await Session.open(self.ref, await self.token(), self.run, deadlines)

    async def logged_in(self, deadlines: Deadlines | None = None, pin: str = PIN) -> Session:
        """A session on it, logged in."""
        session = await self.open(deadlines)
        try:
            await give(session, pin=pin)
            await session.login()
        except BaseException:
            await session.close()
            raise
        return session


def write(offer: PinOffer, line: bytes) -> bytes:
    """Write one line to the PIN socket; what comes back."""
    with platform.connect(offer.path, 10) as sock:
        sock.sendall(line)
        try:
            return sock.recv(100)
        except ConnectionError:
            return b""


def line_for(offer: PinOffer, **secrets: str) -> bytes:
    """The right line."""
    return json.dumps({"nonce": offer.nonce, "secrets": secrets}).encode() + b"\n"


async def give(session: Session, **secrets: str) -> None:
    """Offer and give secrets as a prompter would."""
    offer = await session.offer(tuple(secrets))
    waiting = asyncio.create_task(session.secrets_received(10))
    assert await asyncio.to_thread(write, offer, line_for(offer, **secrets)) == b'{"ok":true}\n'
    await waiting


@pytest.fixture(scope="session")
def softhsm() -> str:
    """The installed SoftHSM2."""
    found = emulated.library()
    if found is None:
        pytest.skip("SoftHSM2 is not installed (apt install softhsm2)")
    return found


@pytest.fixture(scope="session")
def shim_library(softhsm: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The fault-injecting module, built from shim.c."""
    compiler = shutil.which("gcc")
    if compiler is None:
        pytest.skip("the fault-injecting module needs gcc (apt install gcc)")
    library = tmp_path_factory.mktemp("shim") / "shim.so"
    source = Path(__file__).parent.parent / "lab" / "shim.c"
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-Wall", "-Wextra", "-Werror", "-o", library, source, "-ldl"], check=True)
    return library


def _place(folder: Path) -> Bench:
    run = platform.private_folder(folder / "run")
    ref = emulated.prepare(folder / "softhsm2.conf", folder / "tokens")
    assert ref is not None
    return Bench(folder, run, ref, folder / "control", folder / "log")


@pytest.fixture
def empty(softhsm: str) -> Iterator[Bench]:
    """SoftHSM2 without a token."""
    with tempfile.TemporaryDirectory(prefix="yx-", dir="/tmp") as folder:
        yield _place(Path(folder))


@pytest.fixture(scope="session")
def template(softhsm: str) -> Iterator[tuple[Path, dict[KeyType, Key]]]:
    """A token with an RSA-2048 and a P-256 key, made once by our own code."""
    with tempfile.TemporaryDirectory(prefix="yx-", dir="/tmp") as folder:
        yield Path(folder), asyncio.run(_make(_place(Path(folder))))


async def _make(bench: Bench) -> dict[KeyType, Key]:
    monitor = Monitor(bench.ref)
    free = (await monitor.list())[0]
    await monitor.close()
    async with await Session.open(bench.ref, free, bench.run) as session:
        await give(session, so_pin=SO_PIN, pin=PIN)
        await session.initialise(LABEL)
        await give(session, pin=PIN)
        await session.login()
        return {kind: (await session.generate(kind, f"key {kind}")).key for kind in (KeyType.RSA2048, KeyType.P256)}


@pytest.fixture
def keys(template: tuple[Path, dict[KeyType, Key]]) -> dict[KeyType, Key]:
    """The keys on `bench`'s and `shim`'s token."""
    return template[1]


@pytest.fixture
def bench(template: tuple[Path, dict[KeyType, Key]]) -> Iterator[Bench]:
    """SoftHSM2 with a copy of the token."""
    with tempfile.TemporaryDirectory(prefix="yx-", dir="/tmp") as folder:
        shutil.copytree(template[0] / "tokens", Path(folder) / "tokens")
        yield _place(Path(folder))


def behind_shim(bench: Bench, shim_library: Path) -> Bench:
    """What is on a bench, behind the fault-injecting module."""
    extra = (("SHIM_TARGET", bench.ref.path), ("SHIM_CONTROL", str(bench.control)), ("SHIM_LOG", str(bench.log)))
    return replace(bench, ref=ModuleRef("shim", str(shim_library), "added", env=(*bench.ref.env, *extra)))


@pytest.fixture
def shim(bench: Bench, shim_library: Path) -> Bench:
    """The same token behind the fault-injecting module."""
    return behind_shim(bench, shim_library)
