"""PINs changed, unblocked and set; pads; the last try; what a login lost means.  The shim counts what the module saw."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from tests.tokens.conftest import PIN, SO_PIN, Bench, behind_shim, give
from tokens.errors import (
    ModuleTimeout,
    PinCancelled,
    PinFinalTry,
    PinIncorrect,
    PinLocked,
    PinUnacceptable,
    TokenAbsent,
    TokenError,
    TokenFault,
    TokenRemoved,
)
from tokens.hosts import Deadlines
from tokens.monitor import Monitor
from tokens.session import Session
from tokens.types import Key, KeyType, PinRules, PinState, SignatureScheme, TokenState

pytestmark = pytest.mark.promise(2)
NEW = "826475"
ECDSA = SignatureScheme.ECDSA_SHA256
RULES = PinRules()
Act = Callable[[Session], Awaitable[object]]


async def _login_works(bench: Bench, pin: str) -> bool:
    async with await bench.open() as session:
        await give(session, pin=pin)
        try:
            await session.login()
        except PinIncorrect:
            return False
        return True


def test_a_pin_is_changed(shim: Bench) -> None:
    async def run() -> None:
        async with await shim.open() as session:
            await give(session, pin=PIN, new_pin=NEW)
            token = await session.change_pin(RULES)
            assert token.pin_state is PinState.OK
            assert (shim.calls("C_SetPIN"), shim.calls("C_Login")) == (1, 0)
            with pytest.raises(PinCancelled):
                await session.change_pin(RULES)  # both PINs are gone
            await give(session, pin=PIN, new_pin=NEW)
            with pytest.raises(PinIncorrect) as caught:
                await session.change_pin(RULES)
            assert caught.value.facts == {"ckr": "CKR_PIN_INCORRECT", "during": "C_SetPIN", "pin_state": "low"}
            assert shim.calls("C_SetPIN") == 2
        assert await _login_works(shim, NEW)
        assert not await _login_works(shim, PIN)

    asyncio.run(run())


@pytest.mark.parametrize(
    ("new", "rules", "reason"),
    [
        ("123456", RULES, "simple"),
        ("4826", RULES, "too_short"),
        (PIN, RULES, "same"),
        (NEW, PinRules(letters_and_digits=True), "one_kind"),
        ("1", None, "too_short"),
    ],
)
def test_a_new_pin_that_breaks_a_rule_reaches_nobody(shim: Bench, new: str, rules: PinRules | None, reason: str) -> None:
    async def run() -> None:
        async with await shim.open() as session:
            await give(session, pin=PIN, new_pin=new)
            with pytest.raises(PinUnacceptable, match=reason):
                await session.change_pin(rules)
            if reason != "same":
                await give(session, so_pin=SO_PIN, new_pin=new)
                with pytest.raises(PinUnacceptable, match=reason):
                    await session.unblock(rules)
            assert (shim.calls("C_SetPIN"), shim.calls("C_Login")) == (0, 0)

    asyncio.run(run())


@pytest.mark.parametrize("ckr", ["a1", "a2", "1c3"])
def test_a_new_pin_that_the_token_does_not_want_is_no_wrong_pin(shim: Bench, ckr: str) -> None:
    async def run() -> None:
        async with await shim.open() as session:
            shim.say(f"fail C_SetPIN {ckr}", f"fail C_InitPIN {ckr}")
            await give(session, pin=PIN, new_pin=NEW)
            with pytest.raises(PinUnacceptable, match="refused"):
                await session.change_pin(RULES)
            await give(session, so_pin=SO_PIN, new_pin=NEW)
            with pytest.raises(PinUnacceptable, match="refused"):
                await session.unblock(RULES)
            assert shim.calls("C_Logout") == 1  # the SO does not stay logged in
        assert await _login_works(shim, PIN)

    asyncio.run(run())


def test_three_wrong_pins_lock_and_the_so_pin_unlocks(shim: Bench, keys: dict[KeyType, Key]) -> None:
    async def run() -> None:
        shim.say("maxtries 3", "somaxtries 3")
        async with await shim.open() as session:
            for state in ("low", "final_try"):
                await give(session, pin="00000000")
                with pytest.raises(PinIncorrect) as caught:
                    await session.login()
                assert caught.value.facts["pin_state"] == state
            await give(session, pin=PIN, new_pin=NEW)
            with pytest.raises(PinFinalTry):
                await session.change_pin(RULES)
            with pytest.raises(PinFinalTry):
                await session.login()
            await give(session, pin="00000000")
            with pytest.raises(PinIncorrect) as caught:
                await session.login(confirm_final_try=True)
            assert caught.value.facts["pin_state"] == "locked"
            assert (shim.calls("C_Login"), shim.calls("C_SetPIN")) == (3, 0)
            for act in (session.login, session.change_pin):
                await give(session, pin=PIN, new_pin=NEW)
                with pytest.raises(PinLocked):
                    await act()
            assert (shim.calls("C_Login"), shim.calls("C_SetPIN")) == (3, 0)

            await give(session, so_pin="wrong so pin", new_pin=NEW)
            with pytest.raises(PinIncorrect) as caught:
                await session.unblock(RULES)
            assert (caught.value.facts["reason"], caught.value.facts["pin_state"]) == ("so_pin", "low")
            assert shim.calls("C_InitPIN") == 0
            await give(session, so_pin=SO_PIN, new_pin=NEW)
            token = await session.unblock(RULES)
            assert (token.pin_state, token.so_pin_state) == (PinState.OK, PinState.OK)
            assert (shim.calls("C_Login"), shim.calls("C_InitPIN"), shim.calls("C_Logout")) == (5, 1, 1)
            await give(session, pin=NEW)
            await session.login()
            await session.sign(keys[KeyType.P256].cka_id, ECDSA, b"x")

    asyncio.run(run())


def test_unblocking_ends_the_users_login(shim: Bench, keys: dict[KeyType, Key]) -> None:
    async def run() -> None:
        async with await shim.logged_in() as session:
            await session.sign(keys[KeyType.P256].cka_id, ECDSA, b"x")
            await give(session, so_pin=SO_PIN, new_pin=NEW)
            await session.unblock(RULES)
            with pytest.raises(TokenError):
                await session.sign(keys[KeyType.P256].cka_id, ECDSA, b"x")
            await give(session, pin=NEW)
            await session.login()
            await session.sign(keys[KeyType.P256].cka_id, ECDSA, b"x")

    asyncio.run(run())


def test_the_so_pins_last_try(shim: Bench) -> None:
    async def run() -> None:
        shim.say("flags 200000")
        async with await shim.open() as session:
            assert session.token.so_pin_state is PinState.FINAL_TRY
            await give(session, so_pin=SO_PIN, new_pin=NEW)
            with pytest.raises(PinFinalTry, match="so_pin"):
                await session.unblock(RULES)
            assert shim.calls("C_Login") == 0
            await session.unblock(RULES, confirm_final_try=True)  # with the PINs given before
            await give(session, so_pin=SO_PIN, pin=PIN)
            with pytest.raises(PinFinalTry, match="so_pin"):
                await session.initialise("x", session.token.serial, RULES)
            shim.say("flags 400000")
            await give(session, so_pin=SO_PIN, new_pin=NEW)
            with pytest.raises(PinLocked, match="so_pin"):
                await session.unblock(RULES, confirm_final_try=True)
            assert shim.calls("C_Login") == 1

    asyncio.run(run())


def test_a_pin_to_be_changed_is_changed_before_it_is_used(shim: Bench) -> None:
    async def run() -> None:
        shim.say("tobechanged")
        assert (await shim.token()).pin_to_be_changed
        async with await shim.open() as session:
            await give(session, pin=PIN)
            with pytest.raises(TokenFault, match="pin_to_be_changed"):
                await session.login()
            assert shim.calls("C_Login") == 0
            await give(session, pin=PIN, new_pin=NEW)
            assert not (await session.change_pin(RULES)).pin_to_be_changed
            await give(session, pin=NEW)
            await session.login()
            await session.logout()
            shim.say("fail C_Login a3")  # a token without the flag
            await give(session, pin=NEW)
            with pytest.raises(TokenFault, match="pin_to_be_changed"):
                await session.login()

    asyncio.run(run())


@pytest.mark.parametrize("op", ["change_pin", "unblock", "initialise"])
@pytest.mark.parametrize("how", ["hang", "abort"])
def test_an_end_in_the_middle_may_have_cost_a_try(shim: Bench, op: str, how: str) -> None:
    async def run() -> None:
        async with await shim.open(Deadlines(login=0.3, initialise=0.3)) as session:
            acts: dict[str, tuple[Act, str]] = {
                "change_pin": (lambda s: s.change_pin(), "C_SetPIN"),
                "unblock": (lambda s: s.unblock(), "C_InitPIN"),
                "initialise": (lambda s: s.initialise("x", s.token.serial), "C_InitToken"),
            }
            act, function = acts[op]
            await give(session, pin=PIN, so_pin=SO_PIN, new_pin=NEW)
            shim.say(f"{how} {function}")
            with pytest.raises(TokenError) as caught:
                await act(session)
            assert isinstance(caught.value, ModuleTimeout) == (how == "hang")
            assert (caught.value.facts["during"], caught.value.facts["try_spent"]) == (op, True)

    asyncio.run(run())


@pytest.mark.parametrize("ckr", ["5", "30", "80000001"])
def test_an_answer_that_says_nothing_of_the_pin_may_have_cost_a_try(shim: Bench, ckr: str) -> None:
    async def run() -> None:
        async with await shim.open() as session:
            shim.say(f"fail C_Login {ckr}")
            await give(session, pin=PIN)
            with pytest.raises(TokenFault) as caught:
                await session.login()
            assert caught.value.facts["try_spent"] is True
            with pytest.raises(PinCancelled):
                await session.login()  # never sent again by itself
            assert shim.calls("C_Login") == 1

    asyncio.run(run())


def test_on_a_pad_nothing_is_sent(shim: Bench, keys: dict[KeyType, Key]) -> None:
    async def run() -> None:
        shim.say(f"pad {PIN} {NEW} {SO_PIN}")
        assert (await shim.token()).protected_path
        async with await shim.open() as session:
            await session.login()
            await session.sign(keys[KeyType.P256].cka_id, ECDSA, b"x")
            await session.logout()
            await give(session, pin=PIN)  # somebody sends one all the same
            await session.login()
            await session.logout()
            await session.change_pin(RULES)
            shim.say(f"pad {NEW} {PIN} {SO_PIN}")
            await session.login()
            await session.unblock(RULES)
            shim.say(f"pad {PIN} {NEW} {SO_PIN}")
            await session.login()
            await session.initialise("新", session.token.serial, RULES)
            assert session.token.label == "新"
            shim.say("pad 00000000")
            with pytest.raises(PinIncorrect):
                await session.login()
            shim.say("pad", "fail C_Login 50")
            with pytest.raises(PinCancelled):  # the person pressed Cancel there
                await session.login()
            assert shim.calls("SENT") == 0

    asyncio.run(run())


def test_a_pad_has_the_time_a_person_takes(shim: Bench) -> None:
    async def run() -> None:
        shim.say(f"pad {PIN}", "delay C_Login 400")
        async with await shim.open(Deadlines(login=0.2, pin_pad=60)) as session:
            await session.login()

    asyncio.run(run())


def test_a_read_only_token_signs_and_says_that_it_is_one(shim: Bench, keys: dict[KeyType, Key]) -> None:
    async def run() -> None:
        shim.say("readonly")
        assert (await shim.token()).write_protected
        async with await shim.logged_in() as session:
            await session.sign(keys[KeyType.P256].cka_id, ECDSA, b"x")
            await give(session, pin=PIN, new_pin=NEW, so_pin=SO_PIN)
            with pytest.raises(TokenFault, match="write_protected"):
                await session.change_pin()
            with pytest.raises(TokenFault, match="write_protected"):
                await session.generate(KeyType.P256, "x")
            await session.sign(keys[KeyType.P256].cka_id, ECDSA, b"x")

    asyncio.run(run())


@pytest.mark.parametrize("lines", [["absent"], ["absent", "fail C_Login 5"]])
def test_a_token_pulled_before_the_pin_gets_none(shim: Bench, lines: list[str]) -> None:
    async def run() -> None:
        async with await shim.open() as session:
            await give(session, pin=PIN)
            shim.say(*lines)
            with pytest.raises(TokenRemoved):
                await session.login()
            assert shim.calls("C_Login") == 0

    asyncio.run(run())


def test_a_token_pulled_at_the_pin(shim: Bench) -> None:
    async def run() -> None:
        async with await shim.open() as session:
            await give(session, pin=PIN)
            shim.say("fail C_Login 5", "fail C_GetSessionInfo b3 2")  # the session was well before, and is gone after
            with pytest.raises(TokenRemoved) as caught:
                await session.login()
            assert caught.value.facts["try_spent"] is True
            assert shim.calls("C_Login") == 1

    asyncio.run(run())


def test_a_token_put_back_while_somebody_types_is_logged_in_to(shim: Bench, keys: dict[KeyType, Key]) -> None:
    async def run() -> None:
        async with await shim.open() as session:
            await give(session, pin=PIN, new_pin=NEW)
            shim.say("generation 2", "slot another reader")
            await session.change_pin(RULES)
            await give(session, pin=NEW)
            shim.say("generation 3")
            await session.login()
            await session.sign(keys[KeyType.P256].cka_id, ECDSA, b"x")
            assert (shim.calls("C_Login"), shim.calls("C_SetPIN")) == (1, 1)

    asyncio.run(run())


@pytest.mark.parametrize("swapped", ["serial 99887766", "generation 2"])
def test_a_pin_is_not_sent_to_another_token_put_in_meanwhile(shim: Bench, swapped: str) -> None:
    async def run() -> None:
        acts: tuple[Act, ...] = (lambda s: s.login(), lambda s: s.change_pin(), lambda s: s.unblock())
        for act in acts:
            shim.say()
            async with await shim.open() as session:
                await give(session, pin=PIN, new_pin=NEW, so_pin=SO_PIN)
                shim.say(swapped, "serial 99887766")
                with pytest.raises(TokenAbsent, match="other_token"):
                    await act(session)
        assert (shim.calls("C_Login"), shim.calls("C_SetPIN")) == (0, 0)

    asyncio.run(run())


def test_a_blank_token_gets_good_pins_or_none(empty: Bench, shim_library: Path) -> None:
    async def run() -> None:
        shim = behind_shim(empty, shim_library)
        monitor = Monitor(shim.ref)
        (blank,) = await monitor.list()
        await monitor.close()
        async with await Session.open(shim.ref, blank, shim.run) as session:
            for so_pin, pin, reason in ((SO_PIN, "123456", "simple"), ("12345", NEW, "too_short"), (SO_PIN, "4826", "too_short")):
                await give(session, so_pin=so_pin, pin=pin)
                with pytest.raises(PinUnacceptable, match=reason):
                    await session.initialise("新", None, RULES)
            shim.say("fail C_InitToken a2")
            await give(session, so_pin=SO_PIN, pin=NEW)
            with pytest.raises(PinUnacceptable, match="refused"):  # nothing to be wrong yet: the SO PIN is a new one
                await session.initialise("新", None, RULES)
            assert shim.calls("C_Login") == 0
            shim.say("fail C_InitPIN a2")
            await give(session, so_pin=SO_PIN, pin=NEW)
            with pytest.raises(PinUnacceptable, match="refused_halfway"):
                await session.initialise("新", None, RULES)
        shim.say()
        monitor = Monitor(shim.ref)
        halfway = next(token for token in await monitor.list() if token.label)
        await monitor.close()
        assert (halfway.label, halfway.state) == ("新", TokenState.NOT_INITIALISED)
        async with await Session.open(shim.ref, halfway, shim.run) as session:
            await give(session, so_pin=SO_PIN, pin=NEW)  # it holds no keys: no serial need be named
            assert (await session.initialise("新", None, RULES)).state is TokenState.READY

    asyncio.run(run())
