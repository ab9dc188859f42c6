"""What a home remembers of its tokens when its disk is full or its agent is killed: never less strict, and no token that hides what it is for."""

import json

import pytest

from tests.conftest import PracticeToken, Yinxin
from tests.e2e.conftest import SIGN, Faulty
from tests.e2e.looks import agent_of, told, until
from tests.e2e.test_full_store import limit

PINS = (*SIGN, "--so-pin", "env:YX_SO_PIN")
pytestmark = pytest.mark.promise(9)


def tokens(yinxin: Yinxin) -> dict[str, bool]:
    return {token["label"]: token["practice"] for token in yinxin("token", "list").json["tokens"] if token["state"] == "ready"}


def test_on_a_full_disk_no_token_is_initialised(yinxin: Yinxin, practice_token: PracticeToken) -> None:
    assert tokens(yinxin) == {practice_token.label: True}
    agent = agent_of(yinxin.home)
    assert agent is not None
    limit(agent, 0)
    error = told(yinxin("token", "init", "--emulated", "--practice", "--label", "neu", *PINS, code=None))
    assert error["code"] == "output_unwritable"
    error = told(yinxin("token", "pull", practice_token.label, code=None))
    assert error["code"] == "output_unwritable"
    limit(agent, "unlimited")
    assert tokens(yinxin) == {practice_token.label: True}


def test_a_vendors_token_that_could_not_be_remembered_is_left_alone(faulty: Faulty) -> None:
    """Our rules for new PINs hold on what we initialised; on a full disk that would be forgotten."""
    faulty.yinxin("token", "list")
    agent = agent_of(faulty.yinxin.home)
    assert agent is not None
    limit(agent, 0)
    try:
        error = told(faulty.yinxin("token", "init", "--module", "vendor", "--label", "neu", *PINS, code=None))
    finally:
        limit(agent, "unlimited")
    assert error["code"] == "output_unwritable"
    assert faulty.calls("C_InitToken") == 0


def test_an_agent_killed_before_it_could_note_that_a_token_is_for_practice(yinxin: Yinxin, practice_token: PracticeToken) -> None:
    """As it is left by a kill between the token and the note: it is there, and its signatures must say what it is."""
    made = yinxin("token", "init", "--emulated", "--practice", "--label", "neu", *PINS).json["token"]
    listed = yinxin.home / "data" / "practice.json"
    known = [serial for serial in json.loads(listed.read_text()) if serial != made["serial"]]
    listed.write_text(json.dumps(known))
    until(lambda: tokens(yinxin) == {practice_token.label: True, "neu": False})  # what was seen a moment ago may be told
    begun = yinxin.home / "data" / "practice-begun.json"
    begun.write_text(json.dumps(known))
    until(lambda: tokens(yinxin) == {practice_token.label: True, "neu": True})
    yinxin("token", "init", "--emulated", "--label", "echt", *PINS)  # one that is not for practice, beside it
    assert tokens(yinxin) == {practice_token.label: True, "neu": True, "echt": False}
    assert not begun.exists()
