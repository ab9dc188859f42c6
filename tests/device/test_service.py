"""Who is asked about this computer's key, and what happens when nobody, or somebody else, answers."""

import asyncio
import json
from typing import Any

import pytest

from agent.api.errors import ApiError
from agent.api.home import Home
from agent.device import store
from agent.device.key import Level
from agent.device.service import Device
from agent.server.jobs import Interaction, Job
from tokens.platform import Peer

pytestmark = [pytest.mark.promise(9), pytest.mark.usefixtures("no_desktop")]


def job() -> Job:
    return Job("j", "sign", Peer(1, 1, 1), "x", "en", Interaction(), False)


async def question(of: Job) -> dict[str, Any]:
    """The next question that a job puts to its client."""
    while True:
        event = await of._events.get()
        assert event is not None
        kind, data = event.decode().strip().split("\n")
        if kind == "event: question":
            asked: dict[str, Any] = json.loads(data.removeprefix("data: "))
            return asked


def device(home: Home, named: bool = False) -> Device:
    return Device(home, None, named=named)  # type: ignore[arg-type]


async def refused(doing: Any) -> str:
    with pytest.raises(ApiError) as error:
        await doing
    return str(error.value.facts.get("reason", error.value.code))


def test_nobody_to_ask_no_key(place: Home) -> None:
    assert asyncio.run(refused(device(place).key())) == "device_key_absent"
    assert store.current(place) is None
    assert asyncio.run(device(place, named=True).key()).level is Level.FILE


@pytest.mark.parametrize("answer", ["no", "cancel", "", "YES", "true"])
def test_only_a_yes_is_one(answer: str, place: Home) -> None:
    async def run() -> None:
        asked = job()
        waiting = asyncio.create_task(refused(device(place).key(asked)))
        about = await question(asked)
        assert (about["kind"], about["reason"]) == ("consent", "device_key_file")
        asked.answer(about["question"], answer)
        assert await waiting == "device_key_absent"
        assert store.current(place) is None

    asyncio.run(run())


def test_one_answer_serves_all_who_wait_and_whoever_gives_up_is_let_go(place: Home) -> None:
    async def run() -> None:
        one = device(place)
        first, second, third = job(), job(), job()
        asking = asyncio.create_task(one.key(first))
        about = await question(first)
        impatient = asyncio.create_task(refused(one.key(second)))
        patient = asyncio.create_task(one.key(third))
        second.cancel()
        assert await impatient == "cancelled"  # while the first one's person still thinks
        assert not asking.done()
        first.answer(about["question"], "yes")
        assert (await asking).certificate == (await patient).certificate
        assert len(list(place.data.glob("device-*.key"))) == 1

    asyncio.run(run())


def test_when_the_one_who_was_asked_leaves_the_next_one_is(place: Home) -> None:
    async def run() -> None:
        one = device(place)
        first, second = job(), job()
        asking = asyncio.create_task(refused(one.key(first)))
        await question(first)
        waiting = asyncio.create_task(one.key(second))
        first.cancel()
        assert await asking == "cancelled"
        about = await question(second)
        second.answer(about["question"], "yes")
        assert (await waiting).level is Level.FILE

    asyncio.run(run())


@pytest.mark.parametrize(("text", "reason"), [('[device]\nkey = "token"\n', "device_key_absent"), ('[device]\nkey = "plain"\n', "configuration")])
def test_settings_that_choose_a_token_or_nothing_known(text: str, reason: str, place: Home) -> None:
    (place.config / "settings.toml").write_text(text)
    assert asyncio.run(refused(device(place, named=True).key(job()))) == reason
    assert store.current(place) is None


def test_a_chosen_keyring_is_not_replaced_by_a_file(place: Home) -> None:
    """Not even in a home that was named: who chose the keyring is not given less without a yes."""
    (place.config / "settings.toml").write_text('[device]\nkey = "keyring"\n')
    assert asyncio.run(refused(device(place, named=True).key())) == "device_key_absent"
    assert store.current(place) is None
