"""Tokens behind a vendor's module that are not as they should be: the inspection finds it, and risks no PIN for it."""

import pytest

from tests.e2e.conftest import SIGN, Faulty
from tests.e2e.looks import told, until

LOCKED, FINAL_TRY, TO_BE_CHANGED = "flags 40000", "flags 20000", "tobechanged"


def become(faulty: Faulty, fault: str, pin_state: str = "ok", first_pin: bool = False) -> None:
    """Have the shim do it, and wait until the agent's looks show the token's PIN so: one look may serve for a quarter of a second."""
    faulty.say(fault)

    def shown() -> bool:
        token = faulty.yinxin("token", "show", faulty.token.label).json
        return bool(token["pin_state"] == pin_state and token["pin_to_be_changed"] is first_pin)

    until(shown)
    faulty.log.unlink(missing_ok=True)


def states(faulty: Faulty, code: int) -> dict[str, str]:
    done = faulty.yinxin("token", "inspect", faulty.token.label, *SIGN, code=code).json
    return {"verdict": done["verdict"], **{finding["name"]: finding["state"] for finding in done["findings"]}}


def test_a_vendors_token_is_inspected(faulty: Faulty) -> None:
    become(faulty, "")
    done = faulty.yinxin("token", "inspect", faulty.token.label, *SIGN).json
    assert done["verdict"] == "passed"
    assert done["module"]["sha256"] == done["module"]["sha256_recorded"]
    assert "software" in {each["name"] for each in done["seal_reasons"]}  # by what the token says of itself
    assert faulty.calls("C_Login") == 1


@pytest.mark.promise(2)
def test_a_locked_token_is_inspected_from_outside(faulty: Faulty) -> None:
    become(faulty, LOCKED, "locked")
    seen = states(faulty, code=1)
    assert (seen["verdict"], seen["pin"]) == ("failed", "fail")
    assert faulty.calls("C_Login") == 0


@pytest.mark.promise(2)
def test_the_final_try_is_not_spent_on_an_inspection_unasked(faulty: Faulty) -> None:
    become(faulty, FINAL_TRY, "final_try")
    assert told(faulty.yinxin("token", "inspect", faulty.token.label, *SIGN, code=3))["code"] == "pin_final_try"
    assert faulty.calls("C_Login") == 0
    done = faulty.yinxin("token", "inspect", faulty.token.label, *SIGN, "--confirm-final-try").json
    assert {finding["state"] for finding in done["findings"] if finding["name"] == "pin"} == {"warn"}
    assert faulty.calls("C_Login") == 1


def test_a_pin_that_was_never_changed_is_not_sent(faulty: Faulty) -> None:
    become(faulty, TO_BE_CHANGED, first_pin=True)
    error = told(faulty.yinxin("token", "inspect", faulty.token.label, *SIGN, code=3))
    assert error["facts"]["reason"] == "pin_to_be_changed"
    assert faulty.calls("C_Login") == 0


@pytest.mark.promise(8)
def test_a_signature_that_does_not_hold_fails_the_inspection(faulty: Faulty) -> None:
    become(faulty, "wrong C_Sign")
    seen = states(faulty, code=1)
    assert (seen["verdict"], seen["key_signature"]) == ("failed", "fail")


def test_a_token_that_cannot_sign_today_is_not_confirmed(faulty: Faulty) -> None:
    become(faulty, "fail C_Sign 6")  # CKR_FUNCTION_FAILED
    seen = states(faulty, code=1)
    assert (seen["verdict"], seen["key_signature"]) == ("indeterminate", "warn")


def test_a_key_that_asks_each_time_says_so(faulty: Faulty) -> None:
    become(faulty, "always")
    done = faulty.yinxin("token", "inspect", faulty.token.label, *SIGN).json
    assert all(key["always_authenticate"] for key in done["keys"])
    assert faulty.calls("C_Login") == 1
    assert faulty.calls("C_Login.context") == len(done["keys"])


def test_a_token_pulled_during_its_inspection(faulty: Faulty) -> None:
    become(faulty, "pulled 1")
    assert told(faulty.yinxin("token", "inspect", faulty.token.label, *SIGN, code=3))["code"] == "token_removed"
