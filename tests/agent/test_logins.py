"""How long a login lives and what ends it, on a real token through a real agent (promise 2)."""

import asyncio
import os
import shlex
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from agent.api.client import Told
from agent.api.errors import Code
from agent.inventory.logins import Login, Logins
from tests.agent.caller import Caller, Waiting
from tests.agent.fakes import FakeSession, token
from tests.conftest import PIN, SO_PIN, PracticeToken, Yinxin
from tokens import platform

pytestmark = pytest.mark.promise(2)
LIST = "/v1/keys/list"


def minutes(home: Path, many: float = 5) -> None:
    (home / "config" / "settings.toml").write_text(f'[pin]\nscope = "minutes"\nminutes = {many}\n')


@pytest.fixture
def caller(home: Path, practice_token: PracticeToken) -> Caller:
    return Caller(home)


def failed(caller: Caller, path: str, **body: Any) -> Told:
    with pytest.raises(Told) as caught:
        caller.job(path, **body)
    return caught.value


def test_by_itself_a_pin_serves_one_set(caller: Caller, practice_token: PracticeToken) -> None:
    for _ in range(2):
        assert caller.job(LIST)["keys"]
        assert caller.token(practice_token.label)["login"] is None
    assert caller.kinds() == ["pin", "pin"]


def test_for_some_minutes_the_same_caller_is_asked_for_consent_alone(caller: Caller, practice_token: PracticeToken, yinxin: Yinxin) -> None:
    minutes(caller.home)
    first = caller.job(LIST)
    login = caller.token(practice_token.label)["login"]
    assert login["scope"] == "minutes"
    assert login["until"].endswith("Z")
    assert caller.job(LIST) == first
    question = caller.questions[1]
    assert (question["kind"], question["reason"], question["purpose"], question["minutes_left"]) == ("consent", "held_login", "key_list", 5)
    assert question["token"]["label"] == practice_token.label
    assert "socket" not in question
    # The time counts from the PIN: a further set does not make it longer.
    assert caller.token(practice_token.label)["login"] == login
    # Another program has no part in it.
    told = yinxin("key", "list", "--pin", "env:WRONG", env={"WRONG": "0000000000"}, code=3).error
    assert told["code"] == "pin_incorrect"
    caller.job(LIST)
    assert caller.kinds() == ["pin", "consent", "consent"]


def test_who_does_not_agree_ends_the_login(caller: Caller, practice_token: PracticeToken) -> None:
    minutes(caller.home)
    caller.job(LIST)
    caller.say = lambda question: "no"
    error = failed(caller, LIST)
    assert (error.code, error.facts["reason"]) == (Code.PIN_CANCELLED, "no_consent")
    assert caller.token(practice_token.label)["login"] is None
    caller.say = None
    caller.job(LIST)
    assert caller.kinds() == ["pin", "consent", "pin"]


def test_signing_under_a_held_login_shows_the_set_and_a_failed_job_ends_it(caller: Caller, practice_token: PracticeToken, drawing: Path) -> None:
    minutes(caller.home)
    caller.job("/v1/signatures", inputs=[drawing.as_uri()], out=(drawing.parent / "1.pdf").as_uri())
    caller.job("/v1/signatures", inputs=[drawing.as_uri()], out=(drawing.parent / "2.pdf").as_uri())
    question = caller.questions[-1]
    assert (question["kind"], question["reason"]) == ("consent", "held_login")
    assert [document["name"] for document in question["documents"]] == [drawing.name]
    assert failed(caller, "/v1/certificates/request", key="no such key", subject="CN=x").code is Code.KEY_NOT_FOUND
    caller.job(LIST)
    assert caller.kinds() == ["pin", "consent", "consent", "pin"]


def test_settings_changed_meanwhile_count_for_the_next_set(caller: Caller, practice_token: PracticeToken) -> None:
    minutes(caller.home)
    caller.job(LIST)
    (caller.home / "config" / "settings.toml").unlink()
    caller.job(LIST)
    assert caller.kinds() == ["pin", "pin"]


@pytest.mark.parametrize("by_name", [True, False])
def test_lock_ends_what_is_held(caller: Caller, practice_token: PracticeToken, by_name: bool) -> None:
    minutes(caller.home)
    caller.job(LIST)
    body = {"token": practice_token.label} if by_name else {"reason": "screen_lock"}
    assert caller.client.post("/v1/tokens/lock", body) == {"locked": [practice_token.label]}
    assert caller.token(practice_token.label)["login"] is None
    assert caller.client.post("/v1/tokens/lock", body) == {"locked": []}
    caller.job(LIST)
    assert caller.kinds() == ["pin", "pin"]
    with pytest.raises(Told) as caught:
        caller.client.post("/v1/tokens/lock", {"token": "nobody's"})
    assert caught.value.code is Code.TOKEN_ABSENT


@pytest.mark.parametrize("held", [False, True], ids=["at the PIN", "at the consent"])
def test_lock_ends_a_running_job(caller: Caller, practice_token: PracticeToken, held: bool) -> None:
    if held:
        minutes(caller.home)
        caller.job(LIST)
        caller.asked.clear()
    with Waiting(caller, LIST, {}) as job:
        assert Caller(caller.home).client.post("/v1/tokens/lock") == {"locked": [practice_token.label]}
        job.go("yes" if held else {"pin": PIN})
    assert isinstance(job.error, Told)
    assert (job.error.code, job.error.facts["reason"]) == (Code.PIN_CANCELLED, "locked")
    assert job.error.message
    assert job.error.hint


def test_pulling_the_token_out_ends_everything_on_it_and_putting_it_in_brings_it_back(caller: Caller, practice_token: PracticeToken) -> None:
    minutes(caller.home)
    caller.job(LIST)
    caller.asked.clear()
    before = caller.token(practice_token.label)
    with Waiting(caller, LIST, {}) as job:
        away = Caller(caller.home).client.post("/v1/tokens/pull", {"token": practice_token.label})["token"]
        assert (away["state"], away["serial"], away["practice"], away["login"]) == ("removed", before["serial"], True, None)
        job.go("yes")
    assert isinstance(job.error, Told)
    assert job.error.code is Code.TOKEN_REMOVED
    caller.say = None
    assert failed(caller, LIST, token=practice_token.label).code is Code.TOKEN_ABSENT
    assert caller.token(practice_token.label)["state"] == "removed"
    with pytest.raises(Told):
        caller.client.post("/v1/tokens/pull", {"token": practice_token.label})
    assert caller.client.post("/v1/tokens/insert", {"token": before["serial"]})["token"]["state"] == "ready"
    after = caller.token(practice_token.label)
    assert after | {"login": None, "slot_description": ""} == before | {"login": None, "slot_description": ""}
    caller.job(LIST)
    assert caller.kinds()[-1] == "pin"
    with pytest.raises(Told):
        caller.client.post("/v1/tokens/insert", {"token": practice_token.label})


def test_the_agents_end_ends_the_login(caller: Caller, practice_token: PracticeToken) -> None:
    minutes(caller.home)
    caller.job(LIST)
    assert caller.client.stop()
    caller.job(LIST)
    assert caller.kinds() == ["pin", "pin"]


# New PINs


def secrets(**given: str) -> Any:
    return lambda question: given if set(question["secrets"]) == set(given) else "cancel"


def test_change_of_the_pin_by_the_rules_ends_held_logins(caller: Caller, practice_token: PracticeToken) -> None:
    minutes(caller.home)
    caller.job(LIST)
    for new, reason in (("4711", "too_short"), ("123456", "simple")):
        caller.say = secrets(pin=PIN, new_pin=new)
        error = failed(caller, "/v1/tokens/pin/change", token=practice_token.label)
        assert (error.code, error.facts["reason"]) == (Code.PIN_UNACCEPTABLE, reason)
    assert caller.questions[-1]["purpose"] == "pin_change"
    assert caller.questions[-1]["rules"] == {"shortest": 6, "simple": False, "letters_and_digits": False}
    caller.say = secrets(pin="0000000000", new_pin="730251")
    assert failed(caller, "/v1/tokens/pin/change").code is Code.PIN_INCORRECT
    caller.say = secrets(pin=PIN, new_pin="730251")
    assert caller.job("/v1/tokens/pin/change")["token"]["label"] == practice_token.label
    caller.say = secrets(pin="730251")
    assert caller.job(LIST)["keys"]
    assert caller.kinds()[-1] == "pin"


@pytest.mark.parametrize("held", [False, True])
def test_unblock_gives_a_new_pin_by_the_so_pin(caller: Caller, held: bool) -> None:
    if held:
        minutes(caller.home)
        caller.job(LIST)
    caller.say = secrets(so_pin="00000000", new_pin="730251")
    error = failed(caller, "/v1/tokens/pin/unblock")
    assert (error.code, error.facts["reason"]) == (Code.PIN_INCORRECT, "so_pin")
    caller.say = secrets(so_pin=SO_PIN, new_pin="730251")
    caller.job("/v1/tokens/pin/unblock")
    caller.say = secrets(pin="730251")
    assert caller.job(LIST)["keys"]
    assert caller.kinds()[-1] == "pin"


def test_the_rules_of_the_settings_hold_at_init_and_a_token_with_keys_is_erased_only_by_its_serial(
    caller: Caller, practice_token: PracticeToken
) -> None:
    (caller.home / "config" / "settings.toml").write_text("[pin.rules]\nletters_and_digits = true\n")
    caller.say = secrets(so_pin=SO_PIN, pin=PIN)
    error = failed(caller, "/v1/tokens/init", emulated=True, label="new")
    assert (error.code, error.facts["reason"]) == (Code.PIN_UNACCEPTABLE, "one_kind")
    caller.say = secrets(so_pin=SO_PIN, pin="7a3b5c")
    serial = caller.token(practice_token.label)["serial"]
    assert failed(caller, "/v1/tokens/init", emulated=True, label="new", erase=practice_token.label).code is Code.TOKEN_ABSENT
    done = caller.job("/v1/tokens/init", emulated=True, label="new", erase=serial)["token"]
    assert (done["label"], done["keys"], done["certificates"]) == ("new", [], [])
    assert [token["label"] for token in caller.client.get("/v1/tokens")["tokens"]] == ["new"]


@pytest.mark.promise(9)
def test_settings_that_cannot_be_followed_are_told_and_nothing_is_done(caller: Caller) -> None:
    (caller.home / "config" / "settings.toml").write_text('[pin]\nscope = "sett"\n')
    error = failed(caller, LIST)
    assert (error.code, error.facts["reason"]) == (Code.USAGE, "configuration")
    assert "settings.toml" in error.message
    assert "pin.scope" in error.message
    assert caller.questions == []


# Whose login it is


def test_processes_of_one_terminal_belong_together_and_others_stand_alone() -> None:
    script = "import os, sys; from tokens import platform; print(platform.session_of(os.getpid()).kind, platform.session_of(os.getpid()).pid)"
    command = f"{sys.executable} -c {script!r}; {sys.executable} -c {script!r}"
    at_a_terminal = ["script", "-qec", command, "/dev/null"]
    said = subprocess.run(at_a_terminal, capture_output=True, text=True, cwd=Path(__file__).parents[2], timeout=60, check=True).stdout.split()
    assert said[0] == said[2] == "terminal"
    assert said[1] == said[3]
    alone = platform.session_of(os.getpid())
    with subprocess.Popen(["sleep", "60"], start_new_session=True) as child:
        other = platform.session_of(child.pid)
        child.kill()
    assert other is not None
    assert (other.kind, other.pid) == ("process", child.pid)
    assert alone != other
    assert platform.session_of(child.pid) is None


def test_two_commands_at_one_terminal_are_one_person_and_each_set_is_agreed_to(
    yinxin: Yinxin, practice_token: PracticeToken, drawing: Path, tmp_path: Path
) -> None:
    minutes(yinxin.home)

    def sign(n: int, pin: str) -> str:
        command = yinxin.command("sign", drawing, "--out", tmp_path / f"{n}.pdf", "--pin", f"env:{pin}", "--yes", as_json=False)
        return shlex.join(os.fspath(word) for word in command if not isinstance(word, bytes))

    both = f"{sign(1, 'YX_PIN')} && {sign(2, 'WRONG')}"
    done = subprocess.run(
        ["script", "-qec", both, "/dev/null"],
        env=yinxin.env({"WRONG": "0000000000"}), stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    assert (tmp_path / "2.pdf").exists()
    # At another terminal it is another person.
    elsewhere = subprocess.run(
        ["script", "-qec", sign(3, "WRONG"), "/dev/null"],
        env=yinxin.env({"WRONG": "0000000000"}), stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert elsewhere.returncode == 3, elsewhere.stdout
    assert not (tmp_path / "3.pdf").exists()


@pytest.mark.parametrize("thinking", [False, True], ids=["at rest", "while a person thinks"])
def test_the_minutes_end_by_themselves(thinking: bool) -> None:
    async def run() -> None:
        logins = Logins(lambda: None)
        session: Any = FakeSession()
        login = logins.add(Login(token("a", "x"), session, None, platform.session_of(os.getpid()), logged_in=True, scope="minutes"))
        login.until = time.monotonic() + 0.05
        logins.keep(login)
        assert logins.entry(login.token) is not None
        if thinking:
            job: Any = object()
            assert logins.take(token("a", "another"), job, login.origin) is None
            assert logins.take(login.token, job, None) is None
            assert logins.take(login.token, job, login.origin) is login
            assert logins.take(login.token, job, login.origin) is None  # it is one job's alone
            with logins.while_it_lasts(login):
                why = await asyncio.wait_for(login.over, 30)
        else:
            why = await asyncio.wait_for(login.over, 30)
        assert (why.code, why.facts["reason"]) == ("pin_cancelled", "time")
        await logins.end_all()
        assert session.why is why
        assert logins.every == ()
        assert logins.entry(login.token) is None

    asyncio.run(run())
