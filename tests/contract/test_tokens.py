"""What every token must do that offers it, whatever its make: the same tests for software, a card, NSS and a TPM."""

import asyncio
import time

import pytest
from cryptography import x509

from tests.contract.conftest import Witness, of
from tests.contract.kinds import PIN, SO_PIN, Bench, Capability, Kind, in_lab
from tests.tokens.conftest import give
from tokens.errors import KeyNotFound, MechanismUnsupported, PinFinalTry, PinIncorrect, PinLocked, TokenAbsent, TokenError, TokenFault, TokenRemoved
from tokens.monitor import Monitor
from tokens.session import Session
from tokens.types import KeyType, PinState, SignatureScheme, TokenState

WRONG, NEW = "000000", "915372"
WITHIN = 2.0
"""Seconds in which a token that came or went is to be known."""
RSA_SCHEME, EC_SCHEME = SignatureScheme.RSA_PKCS1_SHA256, SignatureScheme.ECDSA_SHA256


@of(Capability.DETECT)
def test_it_is_detected(kind: Kind, bench: Bench, witness: Witness) -> None:
    async def run() -> None:
        monitor = Monitor(bench.ref)
        try:
            status = await monitor.status()
        finally:
            await monitor.close()
        token = await bench.token()
        assert status.usable
        assert token.state is TokenState.READY
        assert token.pin_state in (PinState.OK, PinState.UNKNOWN)  # unknown where the make does not tell
        found = {certificate.cka_id: certificate.der for certificate in token.certificates}
        assert set(bench.keys.values()) <= set(found)
        for der in found.values():
            x509.load_der_x509_certificate(der)
        witness(f"{status.description} {status.library_version}")

    asyncio.run(run())


@of(Capability.LOGIN)
@pytest.mark.promise(2)
def test_a_pin_is_one_login(kind: Kind, bench: Bench) -> None:
    async def run() -> None:
        session = await bench.session(PIN)
        try:
            keys = {key.cka_id: key for key in await session.keys() if key.private}
            assert set(bench.keys.values()) <= set(keys)
            assert bench.logins is None or bench.logins() == 1
        finally:
            await session.close()

    asyncio.run(run())


@of(Capability.GENERATE)
@pytest.mark.promise(1)
def test_keys_are_made_in_it(kind: Kind, bench: Bench) -> None:
    async def run() -> None:
        session = await bench.session(PIN)
        try:
            for key_type, scheme in ((KeyType.RSA2048, RSA_SCHEME), (KeyType.P256, EC_SCHEME)):
                made = await session.generate(key_type, "neu")
                assert made.attributes["sensitive"] is True
                assert made.attributes["extractable"] is False
                assert "succeeded" not in made.export_attempts.values()
                await session.sign(made.key.cka_id, scheme, b"drawing", made.public_key)
        finally:
            await session.close()

    asyncio.run(run())


@of(Capability.GENERATE, offered=False)
@pytest.mark.promise(1)
def test_no_key_is_made_in_it(kind: Kind, bench: Bench) -> None:
    async def run() -> None:
        session = await bench.session(PIN)
        try:
            before = {key.cka_id for key in await session.keys()}
            with pytest.raises((MechanismUnsupported, TokenFault)):
                await session.generate(KeyType.P256, "neu")
            assert {key.cka_id for key in await session.keys()} == before
        finally:
            await session.close()

    asyncio.run(run())


@of(Capability.PROTECTED)
@pytest.mark.promise(1)
def test_its_keys_cannot_be_taken_out(kind: Kind, bench: Bench, witness: Witness) -> None:
    attempts = asyncio.run(_attempts(bench))
    assert "succeeded" not in {outcome for outcomes in attempts for outcome in outcomes.values()}


@of(Capability.PROTECTED, offered=False)
@pytest.mark.promise(1)
def test_that_its_keys_can_be_taken_out_is_seen(kind: Kind, bench: Bench) -> None:
    attempts = asyncio.run(_attempts(bench))
    assert any("succeeded" in outcomes.values() for outcomes in attempts)


async def _attempts(bench: Bench) -> "list[dict[str, str]]":
    session = await bench.session(PIN)
    try:
        return [dict((await session.protection(cka_id)).attempts) for cka_id in bench.keys.values()]
    finally:
        await session.close()


@of(Capability.SIGN_RSA)
def test_it_signs_with_rsa(kind: Kind, bench: Bench, witness: Witness) -> None:
    asyncio.run(_signs(bench, "rsa", witness))


@of(Capability.SIGN_EC)
def test_it_signs_with_ec(kind: Kind, bench: Bench, witness: Witness) -> None:
    asyncio.run(_signs(bench, "ec", witness))


async def _signs(bench: Bench, family: str, witness: Witness) -> None:
    session = await bench.session(PIN)
    try:
        schemes = await session.schemes(bench.keys[family])
        assert schemes
        for scheme in schemes:  # `sign` checks each with the public key
            await session.sign(bench.keys[family], scheme, b"drawing")
        with pytest.raises(KeyNotFound):
            await session.sign(b"nobody's", schemes[0], b"drawing")
    finally:
        await session.close()
    witness(", ".join(scheme.removeprefix("rsa_").removeprefix("ecdsa_") for scheme in schemes))


@of(Capability.EACH_TIME)
@pytest.mark.promise(2)
def test_a_key_that_asks_each_time(kind: Kind, bench: Bench) -> None:
    """One PIN typed serves the signatures of the session by context logins; the key says beforehand that it will ask."""
    assert bench.each_time is not None
    bench.each_time()

    async def run() -> None:
        session = await bench.session(PIN)
        try:
            key = next(key for key in await session.keys() if key.cka_id == bench.keys["rsa"])
            assert key.always_authenticate is True
            for _ in range(3):
                await session.sign(bench.keys["rsa"], RSA_SCHEME, b"drawing")
        finally:
            await session.close()

    asyncio.run(run())


@of(Capability.LADDER)
@pytest.mark.promise(2)
def test_wrong_pins_lock_it_and_the_last_try_is_announced(kind: Kind, bench: Bench, witness: Witness) -> None:
    async def attempt(pin: str, confirm: bool = False) -> TokenError | None:
        session = await bench.session()
        try:
            await give(session, pin=pin)
            await session.login(confirm_final_try=confirm)
        except TokenError as exc:
            return exc
        finally:
            await session.close()
        return None

    async def run() -> None:
        seen = [(await bench.token()).pin_state]
        spent = 0
        while seen[-1] is not PinState.LOCKED:
            if seen[-1] is PinState.FINAL_TRY:
                before = bench.logins() if bench.logins else 0
                assert isinstance(await attempt(PIN), PinFinalTry)  # even the right one
                assert bench.logins is None or bench.logins() == before
            failed = await attempt(WRONG, confirm=True)
            spent += 1
            if isinstance(failed, PinLocked):
                seen.append(PinState.LOCKED)
            else:
                assert isinstance(failed, PinIncorrect), failed
                assert spent <= (kind.locks_after or 0), seen
                seen.append((await bench.token()).pin_state)
        assert spent <= (kind.locks_after or 0)
        assert (PinState.FINAL_TRY in seen) == kind.warns
        assert isinstance(await attempt(PIN, confirm=True), PinLocked)
        witness(" → ".join(dict.fromkeys(str(state) for state in seen)))

    asyncio.run(run())


@of(Capability.LADDER, offered=False)
def test_wrong_pins_never_lock_it(kind: Kind, bench: Bench) -> None:
    async def run() -> None:
        for _ in range(12):
            with pytest.raises(PinIncorrect):
                await bench.session(WRONG)
        await (await bench.session(PIN)).close()

    asyncio.run(run())


@of(Capability.CHANGE_PIN)
def test_its_pin_is_changed(kind: Kind, bench: Bench) -> None:
    async def run() -> None:
        session = await bench.session()
        try:
            await give(session, pin=PIN, new_pin=NEW)
            await session.change_pin()
        finally:
            await session.close()
        await (await bench.session(NEW)).close()
        with pytest.raises(PinIncorrect):
            await bench.session(PIN)

    asyncio.run(run())


@of(Capability.UNBLOCK)
def test_it_is_unblocked(kind: Kind, bench: Bench) -> None:
    async def run() -> None:
        with pytest.raises(PinIncorrect):
            await bench.session(WRONG)
        session = await bench.session()
        try:
            await give(session, so_pin=SO_PIN, new_pin=NEW)
            await session.unblock()
        finally:
            await session.close()
        await (await bench.session(NEW)).close()

    asyncio.run(run())


@of(Capability.UNBLOCK, offered=False)
def test_it_cannot_be_unblocked_and_says_so(kind: Kind, bench: Bench) -> None:
    async def run() -> None:
        session = await bench.session()
        try:
            await give(session, so_pin=SO_PIN, new_pin=NEW)
            with pytest.raises(TokenError):
                await session.unblock()
        finally:
            await session.close()
        await (await bench.session(PIN)).close()

    asyncio.run(run())


@of(Capability.REMOVAL)
def test_it_comes_and_goes(kind: Kind, bench: Bench, witness: Witness) -> None:
    """Seen by one and the same monitor, five times; `make lab` tells how long it took, and holds it to its limit."""
    assert bench.remove is not None
    assert bench.insert is not None

    async def until(monitor: Monitor, there: bool) -> float:
        began = time.monotonic()
        while any(token.label == bench.label for token in await monitor.list()) != there:
            assert time.monotonic() - began < 30, "it did not come"
            await asyncio.sleep(0.05)  # how finely we look
        return time.monotonic() - began

    async def run() -> None:
        monitor = Monitor(bench.ref)
        gone, back = [], []
        try:
            await until(monitor, True)
            for _ in range(5):
                bench.remove()
                gone.append(await until(monitor, False))
                bench.insert()
                back.append(await until(monitor, True))
        finally:
            await monitor.close()
        witness(f"{max(gone):.1f} s, {max(back):.1f} s")
        assert not in_lab() or max(*gone, *back) < WITHIN

    asyncio.run(run())


@of(Capability.PULLED)
def test_it_is_pulled_inside_a_signature(kind: Kind, bench: Bench, witness: Witness) -> None:
    assert bench.pull_inside is not None

    async def run() -> None:
        session = await bench.session(PIN)
        try:
            await session.sign(bench.keys["rsa"], RSA_SCHEME, b"looked up")
            bench.pull_inside()
            tasks = [asyncio.create_task(session.sign(bench.keys["rsa"], RSA_SCHEME, b"drawing %d" % number)) for number in range(3)]
            for task in tasks:
                with pytest.raises(TokenRemoved) as caught:
                    await task
            witness(str(caught.value.facts.get("ckr")))
        finally:
            await session.close()

    asyncio.run(run())


@of(Capability.RETURN)
def test_it_is_known_in_another_reader_and_another_token_is_refused(kind: Kind, bench: Bench) -> None:
    assert bench.remove is not None
    assert bench.elsewhere is not None
    assert bench.swap is not None

    async def run() -> None:
        before = await bench.token()
        bench.remove()
        bench.elsewhere()
        moved = await bench.token()
        assert moved.slot_description != before.slot_description
        assert moved.same(before)
        async with await Session.open(bench.ref, before, bench.run) as session:  # as it was known before
            await give(session, pin=PIN)
            await session.login()
        bench.swap()
        other = await bench.token()
        assert not other.same(before)
        with pytest.raises(TokenAbsent) as caught:
            await Session.open(bench.ref, before, bench.run)
        assert caught.value.facts["reason"] == "other_token"

    asyncio.run(run())
