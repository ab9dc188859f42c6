"""The wire: events however they are cut, problems, an agent that is absent, dies, is of another version."""

import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PySide6.QtCore import QEvent
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from agent import __version__
from desktop.wire import Agent, EventParser, Problem
from desktop.words import Words
from tests.desktop.fake import FakeAgent, problem, token

RAW = (
    ': alive\n\nevent: tokens\ndata: {"tokens": [],\ndata:  "x": "图"}\n\ndata: 1\n\n'
    'event: bad\ndata: {\n\nevent: done\r\ndata: {"a": 2}\r\n\r\nevent: cut\ndata: 1'
).encode()


@given(st.lists(st.integers(0, len(RAW)), max_size=12))
def test_events_do_not_depend_on_how_the_stream_is_cut(cuts: list[int]) -> None:
    parser, edges = EventParser(), [0, *sorted(cuts), len(RAW)]
    seen = [event for a, b in itertools.pairwise(edges) for event in parser.feed(RAW[a:b])]
    assert seen == [("tokens", {"tokens": [], "x": "图"}), ("message", 1), ("done", {"a": 2})]


@pytest.fixture
def agent(fake: FakeAgent, qtbot: QtBot):  # type: ignore[no-untyped-def]
    made = Agent(fake.socket, "zh", lambda: None)
    yield made
    made.close()


def test_tokens_are_followed_live(agent: Agent, fake: FakeAgent, qtbot: QtBot) -> None:
    with qtbot.waitSignal(agent.tokens) as first:
        agent.live()
    assert first.args[0][0]["label"] == "王芳的UKey"
    with qtbot.waitSignal(agent.tokens) as second:
        fake.show(token("二号"))
    assert [t["label"] for t in second.args[0]] == ["二号"]
    assert {h["Yinxin-Client"] for h in fake.headers} == {__version__}
    assert fake.headers[0]["Accept-Language"] == "zh"


def test_an_absent_agent_is_started_once_and_found_when_it_comes(qtbot: QtBot, tmp_path: Any) -> None:
    started: list[FakeAgent] = []
    agent = Agent(str(tmp_path / "run" / "agent.sock"), "zh", lambda: started.append(FakeAgent(tmp_path / "run")))
    states: list[str] = []
    agent.state.connect(states.append)
    with qtbot.waitSignal(agent.tokens, timeout=10_000):
        agent.live()
    assert len(started) == 1
    assert states[-1] == "up"
    agent.close()
    started[0].close()


def test_an_agent_that_takes_its_time_is_found(qtbot: QtBot, tmp_path: Any) -> None:
    """More failures than Qt has connections to a host: it does not take them back by itself."""
    agent, tries, started = Agent(str(tmp_path / "run" / "agent.sock"), "zh", lambda: None), [], []
    agent._retry.setInterval(1)

    def one_more() -> None:
        tries.append(1)
        if len(tries) == 20:
            started.append(FakeAgent(tmp_path / "run"))

    agent._retry.timeout.connect(one_more)
    with qtbot.waitSignal(agent.tokens, timeout=10_000):
        agent.live()
    agent.close()
    started[0].close()


def test_an_agent_that_goes_away_is_started_again(agent: Agent, fake: FakeAgent, qtbot: QtBot, tmp_path: Any) -> None:
    with qtbot.waitSignal(agent.tokens):
        agent.live()
    again: list[FakeAgent] = []
    agent._start = lambda: again.append(FakeAgent(tmp_path / "run"))  # type: ignore[method-assign]
    with qtbot.waitSignal(agent.tokens, timeout=10_000):
        fake.close()
    assert len(again) == 1
    again[0].close()


def test_another_version_is_told_apart_from_no_agent(agent: Agent, fake: FakeAgent, qtbot: QtBot) -> None:
    fake.refuse = problem("agent_unreachable", 503, reason="version")
    states: list[str] = []
    agent.state.connect(states.append)
    with qtbot.waitSignal(agent.state, check_params_cb=lambda state: state == "version"):
        agent.live()


def test_a_problem_reaches_the_one_who_asked(agent: Agent, fake: FakeAgent, qtbot: QtBot) -> None:
    fake.refuse = problem("not_found", 404, reason="route")
    told: list[Problem] = []
    agent.call("GET", "/v1/nowhere", failed=told.append)
    qtbot.waitUntil(lambda: bool(told))
    assert (told[0].code, told[0].status, told[0].facts) == ("not_found", 404, {"reason": "route"})


def test_a_job_on_a_dead_socket_fails_once(qtbot: QtBot, tmp_path: Any) -> None:
    agent = Agent(str(tmp_path / "nobody.sock"), "zh", lambda: None)
    job = agent.job("/v1/signatures", {"inputs": []})
    with qtbot.waitSignal(job.failed) as failed:
        pass
    assert failed.args[0].code == "agent_unreachable"
    agent.close()


@pytest.mark.promise(2)
@pytest.mark.parametrize(("path", "reason"), [("/v1/tokens/pin/change", "died_pin"), ("/v1/tokens/inspect", "died")])
def test_an_agent_that_dies_while_a_pin_is_changed_leaves_two_that_may_be_good(
    agent: Agent, fake: FakeAgent, qtbot: QtBot, path: str, reason: str
) -> None:
    fake.stories[path] = lambda *_: None  # its stream ends without a last word
    with qtbot.waitSignal(agent.job(path, {"token": None}).failed) as failed:
        pass
    assert failed.args[0].facts == {"reason": reason}
    said = Words("zh").error("agent_unreachable", {"reason": reason})
    assert ("新 PIN 码" in said[1]) == (reason == "died_pin")


def test_anything_that_is_no_problem_object_is_internal() -> None:
    for body in (None, [], {"code": 3}, "x"):
        assert Problem.from_wire(body, 500).code == "internal"


def test_closing_with_everything_open_is_silent(fake: FakeAgent, qapp: QApplication) -> None:
    agent = Agent(fake.socket, "zh", lambda: None)
    heard: list[Any] = []
    agent.state.connect(heard.append)
    agent.live()
    job = agent.job("/v1/signatures", {"inputs": ["file:///a.pdf"]})
    job.failed.connect(lambda *args: heard.append(args))
    agent.call("GET", "/v1/status", None, heard.append, heard.append)
    agent.close()
    before = list(heard)
    agent.deleteLater()
    qapp.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)
    qapp.processEvents()
    assert heard == before
