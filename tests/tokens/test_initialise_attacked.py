"""A token changed for another one, or its SO PIN tried by others, while somebody types the PINs of an initialisation: nothing is erased unasked."""

import asyncio

import pytest

from tests.tokens.conftest import SO_PIN, Bench, give
from tokens.errors import PinFinalTry, TokenAbsent, TokenRemoved
from tokens.types import TokenState

NEW = "826475"


@pytest.mark.promise(1)
@pytest.mark.parametrize("swapped", [("serial 99887766",), ("generation 2", "serial 99887766"), ("label another", "serial 99887766")], ids=", ".join)
def test_another_token_put_in_meanwhile_is_not_erased(shim: Bench, swapped: tuple[str, ...]) -> None:
    """It may have the same SO PIN: an office often has one for all."""

    async def run() -> None:
        serial = (await shim.token()).serial
        async with await shim.open() as session:
            await give(session, so_pin=SO_PIN, pin=NEW)
            shim.say(*swapped)
            with pytest.raises((TokenAbsent, TokenRemoved)):
                await session.initialise("leer", erase=serial)
        assert shim.calls("C_InitToken") == 0

    asyncio.run(run())


@pytest.mark.promise(1)
def test_a_token_pulled_meanwhile_is_gone(shim: Bench) -> None:
    async def run() -> None:
        serial = (await shim.token()).serial
        async with await shim.open() as session:
            await give(session, so_pin=SO_PIN, pin=NEW)
            shim.say("absent")
            with pytest.raises(TokenRemoved):
                await session.initialise("leer", erase=serial)
        assert shim.calls("C_InitToken") == 0

    asyncio.run(run())


@pytest.mark.promise(2)
def test_the_so_pins_last_try_that_shows_only_after_the_question(shim: Bench) -> None:
    """Other programs spend tries while somebody looks for the SO PIN."""

    async def run() -> None:
        serial = (await shim.token()).serial
        async with await shim.open() as session:
            await give(session, so_pin=SO_PIN, pin=NEW)
            shim.say("flags 200000")
            with pytest.raises(PinFinalTry):
                await session.initialise("leer", erase=serial)
            assert shim.calls("C_InitToken") == 0
            done = await session.initialise("leer", erase=serial, confirm_final_try=True)
            assert (done.label, done.state) == ("leer", TokenState.READY)

    asyncio.run(run())


@pytest.mark.promise(2)
def test_a_token_put_back_meanwhile_is_initialised_in_its_new_place(shim: Bench) -> None:
    async def run() -> None:
        serial = (await shim.token()).serial
        async with await shim.open() as session:
            await give(session, so_pin=SO_PIN, pin=NEW)
            shim.say("generation 2", "slot another reader")
            assert (await session.initialise("leer", erase=serial)).label == "leer"

    asyncio.run(run())
