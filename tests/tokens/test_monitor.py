"""The monitor on a real SoftHSM2: what other programs do is seen, and nothing is read twice for nothing."""

import asyncio
import subprocess

import pytest

from tests.tokens.conftest import LABEL, PIN, SO_PIN, Bench
from tokens.host.monitor import MonitorProgram
from tokens.monitor import Monitor
from tokens.types import Key, KeyType, PinState, Token, TokenState


def _util(bench: Bench, *arguments: str) -> None:
    subprocess.run(["softhsm2-util", *arguments], env={"PATH": "/usr/bin", **dict(bench.ref.env)}, check=True, capture_output=True)


def test_status(bench: Bench) -> None:
    async def run() -> None:
        monitor = Monitor(bench.ref)
        status = await monitor.status()
        assert (status.usable, status.problem, status.manufacturer) == (True, None, "SoftHSM")
        assert status.library_version.startswith("2.")
        await monitor.close()

    asyncio.run(run())


def test_a_token_with_its_public_view(bench: Bench, keys: dict[KeyType, Key]) -> None:
    async def run() -> None:
        monitor = Monitor(bench.ref)
        token, free = sorted(await monitor.list(), key=lambda token: token.state, reverse=True)
        assert (token.label, token.state, token.pin_state, token.emulated, token.module) == (LABEL, TokenState.READY, PinState.OK, True, "emulated")
        assert {key.cka_id: (key.type, key.label) for key in token.keys} == {key.cka_id: (key.type, key.label) for key in keys.values()}
        assert not any(key.private for key in token.keys)
        assert free.state == TokenState.NOT_INITIALISED
        await monitor.close()

    asyncio.run(run())


def test_what_other_programs_do_is_seen(empty: Bench) -> None:
    async def run() -> None:
        monitor = Monitor(empty.ref)

        async def ready() -> dict[str, Token]:
            return {token.label: token for token in await monitor.list() if token.state == TokenState.READY}

        assert await ready() == {}
        _util(empty, "--init-token", "--free", "--label", "one", "--pin", PIN, "--so-pin", SO_PIN)
        assert set(await ready()) == {"one"}
        _util(empty, "--init-token", "--free", "--label", "二", "--pin", PIN, "--so-pin", SO_PIN)
        assert set(await ready()) == {"one", "二"}
        tool = [
            "pkcs11-tool",
            "--module",
            empty.ref.path,
            "--token-label",
            "二",
            "--login",
            "--pin",
            PIN,
            "--keypairgen",
            "--key-type",
            "EC:prime256v1",
        ]
        subprocess.run([*tool, "--id", "07", "--label", "theirs"], env={"PATH": "/usr/bin", **dict(empty.ref.env)}, check=True, capture_output=True)
        assert [(key.cka_id, key.label, key.type) for key in (await ready())["二"].keys] == [(b"\x07", "theirs", KeyType.P256)]
        _util(empty, "--delete-token", "--token", "one")
        assert set(await ready()) == {"二"}
        await monitor.close()

    asyncio.run(run())


def test_an_unchanged_folder_is_not_read_again(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    # In this process: the module is real, the host's loop is not needed.
    monkeypatch.setenv("SOFTHSM2_CONF", dict(bench.ref.env)["SOFTHSM2_CONF"])
    program = MonitorProgram()
    program.load({"path": bench.ref.path})
    first = program.list({})
    assert program.list({}) is first
    assert program.list({"refresh": True}) is not first
    program.module.returns("C_Finalize", None)


def test_asked_by_many_at_once(bench: Bench) -> None:
    async def run() -> None:
        monitor = Monitor(bench.ref)
        lists = await asyncio.gather(*[monitor.list() for _ in range(10)])
        assert all(len(tokens) == 2 for tokens in lists)
        await monitor.close()
        assert len(await monitor.list()) == 2  # starts again by itself
        await monitor.close()

    asyncio.run(run())
