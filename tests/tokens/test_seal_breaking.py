"""Modules that lie about their keys: what cannot be known from what they say is known from what comes out, and nothing is left weaker."""

import asyncio
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from tests.tokens.conftest import Bench, behind_shim
from tests.tokens.test_protection import _brought

pytestmark = pytest.mark.promise(1)


@pytest.mark.parametrize("way", ["", "133", "1", "9"], ids=["aes", "des3_cbc", "rsa_pkcs", "rsa_oaep"])
def test_a_key_that_is_said_to_stay_and_can_be_wrapped_out(bench: Bench, shim_library: Path, way: str) -> None:
    """By whatever mechanism."""
    cka_id = _brought(bench, ec.generate_private_key(ec.SECP256R1()), *(() if way else ("--extractable",)), "--sensitive")
    shim = behind_shim(bench, shim_library)

    async def run() -> None:
        shim.say("lies", *([f"wraps {way}"] if way else []))
        async with await shim.logged_in() as session:
            seen = await session.protection(cka_id)
            assert seen.attributes == {"local": True, "sensitive": True, "always_sensitive": True, "extractable": False, "never_extractable": True}
            assert seen.leaks == ("wrap",), seen.attempts

    asyncio.run(run())


def test_a_flag_that_was_not_told_is_left_as_one_that_protects(bench: Bench, shim_library: Path) -> None:
    cka_id = _brought(bench, rsa.generate_private_key(65537, 2048), "--extractable", "--sensitive")
    shim = behind_shim(bench, shim_library)

    async def run() -> None:
        async with await shim.logged_in() as session:
            shim.say("mute 162")
            await session.protection(cka_id)
            shim.say()
            assert (await session.attributes(cka_id))["extractable"] is False

    asyncio.run(run())
