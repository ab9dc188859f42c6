"""The command line's part in a job: it answers the agent's questions, shows progress, and ends the job cleanly on Ctrl-C."""

import os
import signal
import sys
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from agent.api.client import CANCEL, Client
from agent.api.errors import ApiError, Code
from agent.cli import questions
from agent.cli.language import both
from agent.cli.output import padded, printable, width, write
from agent.cli.pins import LONGEST, Pins
from agent.cli.session import Session
from agent.cli.terminal import Terminal

_DISPLAY = ("DISPLAY", "WAYLAND_DISPLAY", "XAUTHORITY", "XDG_RUNTIME_DIR", "QT_QPA_PLATFORM", "LANG", "LC_ALL", "DBUS_SESSION_BUS_ADDRESS")
_STAGES = {
    "look": both("查找文件", "looking for files"),
    "snapshot": both("锁定文件", "reading"),
    "sign": both("签署", "signing"),
    "verify": both("验签", "verifying"),
    "generate": both("生成密钥", "generating"),
    "inspect": both("检测密钥", "inspecting keys"),
    "ledger": both("核验台账", "checking the ledger"),
    "export": both("导出", "exporting"),
    "move": both("搬移台账", "moving the ledger"),
}


def run_job(
    session: Session,
    path: str,
    body: Mapping[str, Any],
    pins: Pins | None = None,
    *,
    confirm_final_try: bool = False,
    yes: bool = False,
    heard: Callable[[str, dict[str, Any]], None] | None = None,
) -> dict[str, Any]:
    """Do a job and return its result; `heard` is called with every event.  Raises `agent.api.client.Told` or `ApiError`."""
    pins = pins or Pins({})
    for name in pins.readable_by_others():
        session.note(f"注意：其他用户也能读 PIN 文件 {printable(name)}。", f"Note: other users can read the PIN file {printable(name)}.")
    terminal = Terminal.find()
    client = session.client(pins.variables)
    talk = Talk(session, client, pins, terminal, yes, heard=heard)
    whole = {**body, "interaction": _interaction(pins, terminal), "confirm_final_try": confirm_final_try}
    with talk.interruptible():
        try:
            return client.job(path, whole, talk)
        finally:
            talk.progress_end()


def _interaction(pins: Pins, terminal: Terminal | None) -> dict[str, Any]:
    """We answer ourselves where we have every PIN or a terminal; otherwise the agent's prompter asks on our display."""
    if terminal or not pins.prompted:
        return {"mode": "caller"}
    return {"mode": "prompter", "display": {name: os.environ[name] for name in _DISPLAY if name in os.environ}}


@dataclass(slots=True, eq=False)
class Talk:
    """The conversation of one job; lives as long as it."""

    session: Session
    client: Client
    pins: Pins
    terminal: Terminal | None
    yes: bool = False
    job: str = ""
    heard: Callable[[str, dict[str, Any]], None] | None = None
    """Called with every event, by commands that keep something of them."""
    _asking: bool = False
    _stopping: bool = False
    _shown: int = field(default=0)

    # What the agent asks

    def answer(self, question: dict[str, Any]) -> str | Mapping[str, str]:
        """The answer to one question; an interrupted one is declined."""
        self.progress_end()
        self._asking = True
        try:
            if self._stopping:  # interrupted while the question was on its way
                return CANCEL
            match question.get("kind"):
                case "pin" if question.get("pad"):
                    return self._pad(question)
                case "pin":
                    return self._secrets(question)
                case "confirm_final_try":
                    return self._ask(questions.final_try(self.session, question))
                case "choose_certificate":
                    return self._choose(question)
                case "consent":
                    return self._consent(question)
                case _:
                    return CANCEL
        except (KeyboardInterrupt, EOFError):
            if self.terminal is not None:
                self.terminal.say("")  # what follows does not stand behind the question
            return CANCEL
        finally:
            self._asking = False

    def _secrets(self, question: dict[str, Any]) -> str | Mapping[str, str]:
        wanted = [str(name) for name in question.get("secrets", ["pin"])]
        sources = {name: self.pins.source(name) for name in wanted}
        if any(source.kind == "prompt" for source in sources.values()):
            if self.terminal is None:
                raise ApiError(Code.NO_PROMPTER)
            self.terminal.say(questions.about(self.session, question))
        elif question.get("purpose") == "sign" and not self.yes and self._somebody_is_there() and self._yes_or_no(question) == CANCEL:
            return CANCEL
        found: dict[str, str] = {}
        for name, source in sources.items():
            secret = self._typed(name, question) if source.kind == "prompt" else source.read()
            if not secret:
                return CANCEL
            if len(secret.encode("utf-8", "replace")) > LONGEST:
                raise ApiError(Code.USAGE, reason="pin_too_long", option=source.option, limit=LONGEST)
            found[name] = secret
        return found

    def _typed(self, name: str, question: dict[str, Any]) -> str:
        assert self.terminal is not None
        what = questions.secret(self.session, name, question)
        first = self.terminal.secret(f"{what}: ")
        if not first or (name != "new_pin" and question.get("purpose") != "token_init"):
            return first
        while self.terminal.secret(self.session.say(f"{what}（再输一次）: ", f"{what} again: ")) != first:
            self.terminal.say(self.session.say("两次不一样，请重输。", "They differ; please type it anew."))
            if not (first := self.terminal.secret(f"{what}: ")):
                break
        return first

    def _pad(self, question: dict[str, Any]) -> str:
        """The PIN is typed on the reader's own keys: say so, and what it is for; whatever source was named is not read."""
        lines = [questions.about(self.session, question), questions.on_the_pad(self.session, question)]
        if any(source.kind != "prompt" for source in self.pins.sources.values()):
            lines.append(self.session.say("--pin 给出的来源没有使用。", "The sources named by --pin are not used."))
        text = "\n".join(lines)
        if self.terminal is not None:
            self.terminal.say(text)
        else:
            write(text, sys.stderr)
        return "shown"

    def _choose(self, question: dict[str, Any]) -> str:
        offered = question.get("certificates") or []
        if self.terminal is None or not offered:
            return CANCEL
        for n, certificate in enumerate(offered, 1):
            self.terminal.say(f"{n}. {printable(certificate.get('common_name', '?'))}  {str(certificate.get('fingerprint', ''))[:16]}")
        said = self._ask(self.session.say("用哪一张证书？", "Which certificate? "))
        return str(offered[int(said) - 1]["fingerprint"]) if said.isdecimal() and 0 < int(said) <= len(offered) else CANCEL

    def _consent(self, question: dict[str, Any]) -> str:
        """A yes without a secret: of the person who is there, or of the script whose command names where its PIN comes from."""
        if question.get("reason") == "device_key_file":  # no command, and no --yes, speaks of that: only a person does
            return self._yes_or_no(question)
        if self.yes or not (self._somebody_is_there() or self.pins.prompted):
            return "yes"
        return self._yes_or_no(question)

    def _somebody_is_there(self) -> bool:
        """A person at a terminal who types no PIN is asked for consent; a script, whose stdin is no terminal, has given it by its command."""
        return self.terminal is not None and sys.stdin is not None and sys.stdin.isatty()

    def _yes_or_no(self, question: dict[str, Any]) -> str:
        if self.terminal is None:
            return CANCEL
        self.terminal.say("\n".join(filter(None, (questions.about(self.session, question), questions.consent(self.session, question)))))
        return "yes" if agreed(self.terminal.ask(self.session.say("确认吗？[y/N] ", "Go on? [y/N] "))) else CANCEL

    def _ask(self, prompt: str) -> str:
        return (self.terminal.ask(prompt) if self.terminal else "") or CANCEL

    # What the agent tells

    def tell(self, event: str, data: dict[str, Any]) -> None:
        """Progress on stderr, when that is a terminal."""
        if self.heard is not None:
            self.heard(event, data)
        if event == "job":
            self.job = str(data["job"])
        elif not sys.stderr.isatty():
            return
        elif event == "progress":
            self._line(self._progress(data))
        elif event == "waiting":
            self._line(questions.waiting(self.session, data))

    def _progress(self, data: dict[str, Any]) -> str:
        rate, left, total = data.get("rate"), data.get("left"), data.get("total")
        speed = self.session.say(f"，每秒 {rate:.0f} 份", f", {rate:.0f} a second") if rate else ""
        if left:
            minutes, seconds = divmod(int(left), 60)
            speed += self.session.say(f"，还需约 {minutes} 分 {seconds:02} 秒", f", about {minutes}:{seconds:02} left")
        stage = self.session.pick(_STAGES.get(str(data.get("stage")), str(data.get("stage"))))
        return f"{stage} {data.get('done')}" + (f"/{total}" if total is not None else "") + speed

    def _line(self, text: str) -> None:
        text = printable(text)
        sys.stderr.write("\r" + padded(text, self._shown))
        sys.stderr.flush()
        self._shown = width(text)

    def progress_end(self) -> None:
        """Wipe the progress line."""
        if self._shown:
            sys.stderr.write("\r" + " " * self._shown + "\r")
            sys.stderr.flush()
            self._shown = 0

    # Ctrl-C

    @contextmanager
    def interruptible(self) -> Generator[None]:
        """Within: the first Ctrl-C ends the job between two documents, the second ends this program; at a question it declines."""
        try:
            before = signal.signal(signal.SIGINT, self._interrupted)
        except ValueError:  # not the main thread (tests): nobody presses keys there
            yield
            return
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, before)

    def _interrupted(self, _number: int, _frame: object) -> None:
        if self._asking or self._stopping or not self.job:
            raise KeyboardInterrupt
        self._stopping = True
        self.progress_end()
        if sys.stderr.isatty():
            write(self.session.say("正在停止：做完手头这一份……", "Stopping after the document under way…"), sys.stderr)
        self.client.cancel(self.job)


def agreed(said: str) -> bool:
    """Whether a typed answer is a yes, in either language."""
    return said.strip().lower() in ("y", "yes", "是", "好", "确认", "同意")
