"""What the command line says to the agent's questions, and in which words."""

import sys
from dataclasses import dataclass, field
from typing import Any

import pytest

from agent.cli import questions
from agent.cli.pins import Pins
from agent.cli.session import Session
from agent.cli.talk import Talk

TOKEN = {"label": "签章 1", "pin_state": "ok"}


@dataclass(eq=False)
class Typist:
    """A terminal with a person who answers in turn."""

    answers: list[str] = field(default_factory=list)
    shown: str = ""

    def say(self, text: str) -> None:
        self.shown += text + "\n"

    def ask(self, prompt: str) -> str:
        self.shown += prompt
        return self.answers.pop(0)

    secret = ask


def talk(terminal: Typist | None, pins: Pins, lang: str = "zh", yes: bool = False) -> Talk:
    return Talk(Session(lang), None, pins, terminal, yes)  # type: ignore[arg-type]


def question(kind: str, **more: Any) -> dict[str, Any]:
    return {"kind": kind, "purpose": "sign", "token": TOKEN, "documents": [{"name": "a.pdf", "pages": 2, "sha256": "ab" * 32}], **more}


@pytest.fixture
def source(monkeypatch: pytest.MonkeyPatch) -> Pins:
    monkeypatch.setenv("YX_ANY", "000000")
    return Pins.of(pin="env:YX_ANY")


def test_a_pad_is_pointed_to_and_no_pin_is_read(source: Pins) -> None:
    for pins, words in ((Pins.of(pin="prompt"), "自己的键盘上输入 PIN 码"), (source, "--pin 给出的来源没有使用")):
        person = Typist()
        assert talk(person, pins).answer(question("pin", secrets=[], pad=True)) == "shown"
        assert words in person.shown
        assert "a.pdf" in person.shown
    person = Typist()
    talk(person, Pins.of(pin="prompt"), "en").answer(question("pin", secrets=[], pad=True, purpose="pin_change"))
    assert "as it asks" in person.shown


def test_a_pad_without_a_terminal_is_told_on_stderr(source: Pins, capsys: pytest.CaptureFixture[str]) -> None:
    assert talk(None, source, "en").answer(question("pin", secrets=[], pad=True)) == "shown"
    assert "keys of the reader" in capsys.readouterr().err


@pytest.mark.promise(2)
@pytest.mark.parametrize(("typed", "answer"), [("y", "yes"), ("是", "yes"), ("", "cancel"), ("n", "cancel")])
def test_a_held_login_still_wants_consent_to_each_set(typed: str, answer: str) -> None:
    person = Typist([typed])
    assert talk(person, Pins.of(pin="prompt")).answer(question("consent", reason="held_login", minutes_left=4.6)) == answer
    assert "a.pdf" in person.shown
    assert "约 5 分钟" in person.shown


def test_a_key_that_asks_each_time_is_told_before_the_batch() -> None:
    person = Typist(["y"])
    assert talk(person, Pins.of(pin="prompt"), "en").answer(question("consent", reason="each_signature", count=50)) == "yes"
    assert "50 signature(s)" in person.shown
    person = Typist(["739146"])
    assert talk(person, Pins.of(pin="prompt")).answer(question("pin", secrets=["pin"], each_signature=True)) == {"pin": "739146"}
    assert "每次签名都要 PIN 码" in person.shown


def test_a_script_consents_by_its_command(source: Pins, monkeypatch: pytest.MonkeyPatch) -> None:
    class Pipe:
        def isatty(self) -> bool:
            return False

    monkeypatch.setattr(sys, "stdin", Pipe())
    for terminal in (None, Typist()):
        assert talk(terminal, source).answer(question("consent", reason="held_login")) == "yes"
    assert talk(None, Pins.of(pin="prompt")).answer(question("consent", reason="held_login")) == "cancel"
    assert talk(None, Pins.of(pin="prompt"), yes=True).answer(question("consent", reason="held_login")) == "yes"


def test_a_new_pin_is_typed_twice_and_its_rules_are_told() -> None:
    person = Typist(["482615", "739146", "739147", "739146", "739146"])
    asked = question("pin", purpose="pin_change", documents=[], secrets=["pin", "new_pin"], rules={"shortest": 8, "letters_and_digits": True})
    assert talk(person, Pins.of(pin="prompt", new_pin="prompt")).answer(asked) == {"pin": "482615", "new_pin": "739146"}
    assert "至少 8 位" in person.shown
    assert "字母和数字都要有" in person.shown
    assert "两次不一样" in person.shown
    assert person.shown.count("新 PIN 码（再输一次）") == 2


def test_the_final_try_of_the_so_pin_is_another_danger() -> None:
    person = Typist(["我确认"])
    assert talk(person, Pins.of(so_pin="prompt")).answer(question("confirm_final_try", secret="so_pin")) == "我确认"
    assert "无法再解锁" in person.shown


def test_an_interrupted_question_is_a_no() -> None:
    class Interrupted(Typist):
        def ask(self, prompt: str) -> str:
            raise KeyboardInterrupt

        secret = ask

    person = Interrupted()
    for asked in (question("pin", secrets=["pin"]), question("consent"), question("confirm_final_try")):
        assert talk(person, Pins.of(pin="prompt")).answer(asked) == "cancel"


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_who_is_waited_for(lang: str) -> None:
    session = Session(lang)
    told = questions.waiting(session, {"for": "token", "token": "签章\n1", "during": "login", "seconds": 5.0})
    assert "签章\\n1" in told
    assert "5" in told
    assert ("登录" if lang == "zh" else "logging in") in told
    assert "签章 1" in questions.waiting(session, {"token": "签章 1", "during": "something", "seconds": 5})
    assert questions.waiting(session, {})


def test_every_purpose_has_words() -> None:
    import re

    from tests.conftest import ROOT

    text = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "agent").rglob("*routes.py"))
    used = set(re.findall(r'(?:unlocked\(job, \w+, |Ask\(|with_new_pin\(job, [\w.]+, )"(\w+)"', text))
    assert {"key_generate", "pin_change", "pin_unblock", "token_init"} <= used
    for purpose in used:
        assert questions.purpose(Session("zh"), {"purpose": purpose}) != purpose
