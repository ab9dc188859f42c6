"""Tokens as they come, go, change and ask, seen through a real agent and a module that does what the test says (promises 2 and 8)."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from agent.api.client import Told
from agent.api.errors import Code
from agent.api.sse import events
from tests.agent.caller import Caller, Waiting
from tests.agent.test_kill import processes_of
from tests.conftest import PIN, SO_PIN, PracticeToken, Yinxin, descriptors
from tests.e2e.conftest import Faulty, faulty, faulty_home  # noqa: F401 - fixtures
from tests.e2e.looks import until
from tests.tokens.conftest import shim_library, softhsm  # noqa: F401 - fixtures

LIST = "/v1/keys/list"
OTHER = "the other token"


@pytest.fixture
def caller(faulty: Faulty) -> Iterator[Caller]:  # noqa: F811
    settings = faulty.yinxin.home / "config" / "settings.toml"
    settings.unlink(missing_ok=True)
    made = Caller(faulty.yinxin.home)
    made.client.post("/v1/tokens/lock")
    # What another test did is over when its token is seen again.
    until(lambda: any(t["label"] == faulty.token.label and t["pin_state"] == "ok" for t in made.client.get("/v1/tokens")["tokens"]))
    yield made
    settings.unlink(missing_ok=True)


@pytest.fixture
def other(caller: Caller) -> str:
    """An emulated token beside the one behind the vendor's module."""
    if OTHER not in labels(caller.client.get("/v1/tokens")):
        asker = Caller(caller.home, lambda question: {"so_pin": SO_PIN, "pin": PIN})
        asker.job("/v1/tokens/init", emulated=True, label=OTHER)
    return OTHER


@contextmanager
def watching(caller: Caller) -> Iterator[Callable[[Callable[[dict[str, Any]], bool]], dict[str, Any]]]:
    """The live list; call it with what to wait for."""
    with caller.client._open("GET", "/v1/tokens/events", None, 60, repeat=False) as chunks:
        heard = events(chunks)

        def wait_for(wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
            return next(data for event, data in heard if event == "tokens" and wanted(data))

        yield wait_for


def labels(listing: dict[str, Any]) -> list[str]:
    return [token["label"] for token in listing["tokens"] if token["state"] == "ready"]


def failed(caller: Caller, path: str, **body: Any) -> Told:
    with pytest.raises(Told) as caught:
        caller.job(path, **body)
    return caught.value


def test_a_token_comes_and_goes_before_the_eyes_of_whoever_watches(caller: Caller, faulty: Faulty) -> None:  # noqa: F811
    label = faulty.token.label
    with watching(caller) as wait_for:
        before = next(t for t in wait_for(lambda seen: label in labels(seen))["tokens"] if t["label"] == label)
        for gone in (("absent",), ("absent", "events")):
            faulty.say(*gone)
            wait_for(lambda seen: label not in labels(seen))
            faulty.say("slot another reader", "generation 3")
            after = next(t for t in wait_for(lambda seen: label in labels(seen))["tokens"] if t["label"] == label)
            assert (after["serial"], after["certificates"]) == (before["serial"], before["certificates"])
            assert after["slot_description"] == "another reader"
        faulty.say("flags 10000")
        wait_for(lambda seen: any(t["label"] == label and t["pin_state"] == "low" for t in seen["tokens"]))


@pytest.mark.promise(8)
def test_a_module_that_hangs_is_told_live_and_the_others_are_listed(caller: Caller, faulty: Faulty, other: str) -> None:  # noqa: F811
    (caller.home / "config" / "settings.toml").write_text("[deadlines]\nlist = 2\n")
    with watching(caller) as wait_for:
        wait_for(lambda seen: faulty.token.label in labels(seen))
        faulty.say("hang C_GetSlotList")
        slow = wait_for(lambda seen: any(t["module"] == "vendor" and t["facts"].get("reason") == "slow" for t in seen["troubles"]))
        assert labels(slow) == [other, faulty.token.label]
        told = wait_for(lambda seen: any(t["module"] == "vendor" and t["facts"].get("reason") != "slow" for t in seen["troubles"]))
        assert labels(told) == [other]
        assert told["troubles"][0]["code"] == "module_timeout"
        faulty.say()
        caller.client.get("/v1/modules")  # somebody looks after it: no rest any more
        wait_for(lambda seen: faulty.token.label in labels(seen) and not seen["troubles"])


@pytest.mark.promise(2)
@pytest.mark.parametrize("fault", ["absent", "serial 7777777777"], ids=["pulled", "another in its slot"])
def test_a_token_that_goes_ends_its_login_and_no_other(caller: Caller, faulty: Faulty, other: str, fault: str) -> None:  # noqa: F811
    (caller.home / "config" / "settings.toml").write_text('[pin]\nscope = "minutes"\n')
    for token in (faulty.token.label, other):
        caller.job(LIST, token=token)
    caller.asked.clear()
    with Waiting(caller, LIST, {"token": faulty.token.label}) as job:
        faulty.say(fault)
        until(lambda: not caller.client.get("/v1/jobs")["jobs"])
        job.go("yes")
    assert isinstance(job.error, Told)
    assert job.error.code is Code.TOKEN_REMOVED
    caller.say = None
    caller.job(LIST, token=other)
    faulty.say()
    until(lambda: faulty.token.label in labels(listing := caller.client.get("/v1/tokens")) and "7777777777" not in str(listing))
    caller.job(LIST, token=faulty.token.label)
    assert caller.kinds() == ["pin", "pin", "consent", "consent", "pin"]


@pytest.mark.promise(2)
def test_on_a_pin_pad_nothing_is_asked_on_the_screen(caller: Caller, faulty: Faulty) -> None:  # noqa: F811
    faulty.say(f"pad {PIN}")
    until(lambda: caller.token(faulty.token.label)["protected_path"])
    assert caller.job(LIST, token=faulty.token.label)["keys"]
    question = caller.questions[-1]
    assert (question["kind"], question["secrets"], question["pad"]) == ("pin", [], True)
    assert "socket" not in question
    log = faulty.log.read_text().split("\n")
    assert log.count("C_Login") == 1
    assert not [line for line in log if "SENT" in line]
    faulty.say(f"pad {PIN}", "hang C_Login")  # nobody types; who says no on the screen is not kept waiting
    caller.say = lambda question: "cancel"
    assert failed(caller, LIST, token=faulty.token.label).code is Code.PIN_CANCELLED


@pytest.mark.promise(2)
def test_a_pin_that_is_still_the_issuers_must_be_changed_first(caller: Caller, faulty: Faulty) -> None:  # noqa: F811
    faulty.say("tobechanged")
    until(lambda: caller.token(faulty.token.label)["pin_to_be_changed"])
    faulty.log.unlink(missing_ok=True)
    error = failed(caller, LIST, token=faulty.token.label)
    assert (error.code, error.facts["reason"]) == (Code.TOKEN_FAULT, "pin_to_be_changed")
    assert "pin change" in error.hint
    assert faulty.calls("C_Login") == 0
    assert caller.questions == []
    caller.say = lambda question: {"pin": PIN, "new_pin": "4711"}  # a token of somebody else's making: our rules are not its
    changed = caller.job("/v1/tokens/pin/change", token=faulty.token.label)["token"]
    assert caller.questions[-1]["rules"] is None
    assert changed["pin_to_be_changed"] is False
    caller.say = lambda question: {"pin": "4711", "new_pin": PIN}
    caller.job("/v1/tokens/pin/change", token=faulty.token.label)


@pytest.mark.promise(2)
def test_the_last_try_of_the_so_pin_wants_the_typed_word_too(caller: Caller, faulty: Faulty) -> None:  # noqa: F811
    faulty.say("flags 200000")
    until(lambda: caller.token(faulty.token.label)["so_pin_state"] == "final_try")
    caller.say = lambda question: "no" if question["kind"] == "confirm_final_try" else {"so_pin": SO_PIN, "new_pin": PIN}
    error = failed(caller, "/v1/tokens/pin/unblock", token=faulty.token.label)
    assert (error.code, error.facts["reason"]) == (Code.PIN_FINAL_TRY, "so_pin")
    assert caller.questions[-1]["secret"] == "so_pin"
    assert faulty.calls("C_Login") == 0
    assert failed(caller, LIST, token="nobody's").code is Code.TOKEN_ABSENT
    caller.say = lambda question: "我确认" if question["kind"] == "confirm_final_try" else {"so_pin": SO_PIN, "new_pin": PIN}
    caller.job("/v1/tokens/pin/unblock", token=faulty.token.label)
    assert faulty.calls("C_Login") == 1
    faulty.say("flags 400000")
    until(lambda: caller.token(faulty.token.label)["so_pin_state"] == "locked")
    error = failed(caller, "/v1/tokens/pin/unblock", token=faulty.token.label)
    assert (error.code, error.facts["reason"]) == (Code.PIN_LOCKED, "so_pin")


def test_a_token_that_cannot_be_written_says_so(caller: Caller, faulty: Faulty) -> None:  # noqa: F811
    faulty.say("readonly")
    until(lambda: caller.token(faulty.token.label)["write_protected"])
    caller.say = lambda question: {"pin": PIN, "new_pin": "730251"}
    error = failed(caller, "/v1/tokens/pin/change", token=faulty.token.label)
    assert (error.code, error.facts["reason"]) == (Code.TOKEN_FAULT, "write_protected")
    caller.say = None
    assert caller.job(LIST, token=faulty.token.label)["keys"]


def test_a_real_token_is_not_pulled_by_a_command_nor_erased_without_its_serial(caller: Caller, faulty: Faulty) -> None:  # noqa: F811
    with pytest.raises(Told) as caught:
        caller.client.post("/v1/tokens/pull", {"token": faulty.token.label})
    assert (caught.value.code, caught.value.facts["reason"]) == (Code.NOT_ALLOWED, "not_practice")
    with pytest.raises(Told):
        caller.client.post("/v1/tokens/insert", {"token": faulty.token.label})
    faulty.say("hide 0", "maxtries 9")
    error = failed(caller, "/v1/tokens/init", module="emulated", emulated=False, label="x")
    assert error.code is Code.TOKEN_ABSENT
    assert caller.token(faulty.token.label)["certificates"]
    assert faulty.calls("C_InitToken") == 0


def test_who_waits_for_a_silent_token_is_told(caller: Caller, faulty: Faulty) -> None:  # noqa: F811
    faulty.say("delay C_Login 5200")
    caller.job(LIST, token=faulty.token.label)
    told = [data for event, data in caller.events if event == "waiting"]
    assert told == [{"for": "token", "token": faulty.token.label, "during": "login", "seconds": 5.0}]


def test_a_kind_of_key_is_tried_once_before_its_first_signature(caller: Caller, faulty: Faulty, drawing: Path) -> None:  # noqa: F811
    known = caller.home / "data" / "selftests.json"
    known.unlink(missing_ok=True)

    def sign() -> None:
        caller.job("/v1/signatures", inputs=[drawing.as_uri()], token=faulty.token.label, force=True)

    faulty.say("wrong C_Sign")
    with pytest.raises(Told, match="token_fault"):
        sign()
    assert not known.exists()
    assert faulty.calls("C_Sign") == 1
    assert not drawing.with_suffix(".signed.pdf").exists()
    faulty.say()
    sign()
    assert faulty.calls("C_Sign") == 3
    assert len(json.loads(known.read_text())) == 1
    sign()
    assert faulty.calls("C_Sign") == 4


@pytest.mark.promise(2)
def test_a_key_that_wants_the_pin_each_time_is_never_held(caller: Caller, faulty: Faulty, drawing: Path) -> None:  # noqa: F811
    (caller.home / "config" / "settings.toml").write_text('[pin]\nscope = "minutes"\n')
    faulty.say("always")
    for _ in range(2):
        caller.job("/v1/signatures", inputs=[drawing.as_uri()], token=faulty.token.label, force=True)
        assert caller.token(faulty.token.label)["login"] is None
    assert caller.kinds().count("pin") == 2
    assert "held_login" not in [question.get("reason") for question in caller.questions]


@pytest.mark.promise(8)
def test_pulled_and_put_in_again_and_again_nothing_grows(
    yinxin: Yinxin, home: Path, practice_token: PracticeToken, times: Callable[[int, int], int]
) -> None:
    caller = Caller(home)
    (home / "config").mkdir(parents=True, exist_ok=True)
    (home / "config" / "settings.toml").write_text('[pin]\nscope = "minutes"\n')

    def cycle() -> None:
        caller.job(LIST)
        caller.client.post("/v1/tokens/pull", {"token": practice_token.label})
        caller.client.post("/v1/tokens/insert", {"token": practice_token.label})

    def size() -> tuple[int, int]:
        (pid,) = processes_of(home)["agent.main"]
        hosts = sum(len(pids) for pids in processes_of(home).values())
        return descriptors(pid), hosts

    with watching(caller) as wait_for:
        for _ in range(3):
            cycle()
        wait_for(lambda seen: all(token["login"] is None for token in seen["tokens"]))
        before = size()
        for _ in range(times(5, 100)):
            cycle()
        until(lambda: size()[0] <= before[0] + 2 and size()[1] <= before[1])
    assert set(caller.kinds()) == {"pin"}
