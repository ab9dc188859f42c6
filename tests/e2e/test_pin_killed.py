"""The agent killed inside a change of a PIN: nobody is told that nothing happened, and one PIN of the two is good."""

import os
import signal

import pytest

from tests.conftest import Result
from tests.e2e.conftest import SIGN, Faulty
from tests.e2e.looks import agent_of, told, until

NEW = {"YX_NEW": "593817"}


@pytest.mark.promise(2)
@pytest.mark.promise(8)
def test_an_agent_killed_while_a_pin_is_changed(faulty: Faulty) -> None:
    label = faulty.token.label
    faulty.say("hang C_SetPIN")
    changing = faulty.yinxin.start("token", "pin", "change", label, *SIGN, "--new-pin", "env:YX_NEW", env=NEW)
    until(lambda: faulty.calls("C_SetPIN") == 1)
    agent = agent_of(faulty.yinxin.home)
    assert agent is not None
    os.kill(agent, signal.SIGKILL)
    stdout, stderr = changing.communicate(timeout=60)
    error = told(Result(changing.returncode, stdout, stderr))
    assert (changing.returncode, error["code"], error["facts"]["reason"]) == (6, "agent_unreachable", "died_pin")
    assert "new PIN" in error["hint"]
    assert "run it again" not in error["hint"]
    faulty.say()
    faulty.yinxin("key", "list", "--token", label, *SIGN)
    assert (faulty.calls("C_SetPIN"), faulty.calls("C_Login")) == (1, 1)


@pytest.mark.promise(2)
@pytest.mark.promise(8)
def test_a_module_that_dies_while_a_pin_is_changed(faulty: Faulty) -> None:
    """The agent lives on; which of the two PINs is good is left open all the same."""
    label = faulty.token.label
    faulty.say("crash C_SetPIN")
    error = told(faulty.yinxin("token", "pin", "change", label, *SIGN, "--new-pin", "env:YX_NEW", env=NEW, code=3))
    assert (error["code"], error["facts"]["reason"], error["facts"]["pin_unsure"]) == ("module_unusable", "crashed", True)
    assert "new PIN" in error["hint"]
    faulty.say("crash C_Login")
    error = told(faulty.yinxin("key", "list", "--token", label, *SIGN, code=3))
    assert "pin_unsure" not in error["facts"]
    assert "new PIN" not in error["hint"]
    faulty.say()
    assert (faulty.calls("C_SetPIN"), faulty.calls("C_Login")) == (1, 1)
