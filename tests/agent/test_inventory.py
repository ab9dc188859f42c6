"""Tokens are listed whatever happens to the hosts that list them; a module that cannot be asked is named (promise 8)."""

import os
import signal

import pytest

from tests.agent.test_kill import command_lines, parent, processes_of
from tests.conftest import PracticeToken, Yinxin


def monitors(yinxin: Yinxin) -> list[int]:
    agents = processes_of(yinxin.home)["agent.main"]
    return [pid for pid, line in command_lines() if "monitor" in line and parent(pid) in agents]


@pytest.mark.promise(8)
def test_a_monitor_host_that_was_killed_is_not_taken_for_an_empty_slot(yinxin: Yinxin, practice_token: PracticeToken) -> None:
    labels = [token["label"] for token in yinxin("token", "list").json["tokens"]]
    assert labels == [practice_token.label]
    killed = monitors(yinxin)
    assert killed
    for pid in killed:
        os.kill(pid, signal.SIGKILL)
    for _ in range(100):  # a list of a moment ago may still be given; sooner or later one is asked of the hosts again
        found = yinxin("token", "list").json
        assert [token["label"] for token in found["tokens"]] == labels
        assert found["troubles"] == []
        if monitors(yinxin):
            return
    pytest.fail("the hosts were never asked again")


@pytest.mark.promise(8)
def test_a_module_that_cannot_be_loaded_is_named_beside_the_tokens(yinxin: Yinxin, practice_token: PracticeToken) -> None:
    conf = yinxin.home / "softhsm2.conf"
    yinxin("agent", "stop")
    conf.unlink()
    conf.mkdir()  # it cannot be written anew, and cannot be read
    try:
        done = yinxin("token", "list", as_json=False, code=None)
    finally:
        yinxin("agent", "stop", code=None)
        conf.rmdir()
    assert done.err.strip()
    assert "Traceback" not in done.err
