"""A person at a terminal: what is shown before the PIN, what is asked, and Ctrl-C."""

import os
import pty
import re
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.fake import END, HEAD, Asked, FakeAgent, event, library_head
from tests.conftest import PIN, SO_PIN, PracticeToken, Yinxin

# Opening a terminal makes it the controlling one of a session's leader that has none (Linux).
LEADER = "import os, sys; os.open(sys.argv[1], os.O_RDWR); os.execv(sys.executable, [sys.executable, *sys.argv[2:]])"


class Person:
    """A process whose controlling terminal we hold."""

    def __init__(self, yinxin: Yinxin, *arguments: str, at_stdin: bool = False) -> None:
        self._master, self._slave = pty.openpty()  # ours stays open: a terminal that nobody has open reads as an error
        command = [str(part) for part in yinxin.command(*arguments, as_json=False)[1:]]
        self.process = subprocess.Popen(
            [sys.executable, "-c", LEADER, os.ttyname(self._slave), *command],
            env=yinxin.env(),
            stdin=self._slave if at_stdin else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            start_new_session=True,
        )
        self.seen = ""
        self._matched = 0

    def expect(self, pattern: str, seconds: float = 60) -> None:
        """Read what the terminal shows until `pattern` is in what was not matched yet."""
        end = time.monotonic() + seconds
        while not (found := re.compile(pattern).search(self.seen, self._matched)):
            ended = self.process.poll() is not None
            if select.select([self._master], [], [], 0.2)[0]:
                self.seen += os.read(self._master, 4096).decode("utf-8", "replace")
            elif ended or time.monotonic() > end:
                self.process.kill()
                pytest.fail(f"no {pattern!r} in {self.seen!r}; {self.end()}")
        self._matched = found.end()

    def type(self, text: str) -> None:
        """Type a line."""
        os.write(self._master, text.encode() + b"\n")

    def press(self, key: bytes) -> None:
        """Press a key."""
        os.write(self._master, key)

    def end(self) -> tuple[int, str, str]:
        """Exit code, stdout, stderr."""
        out, err = self.process.communicate(timeout=60)
        while select.select([self._master], [], [], 0)[0]:
            self.seen += os.read(self._master, 4096).decode("utf-8", "replace")
        os.close(self._slave)
        os.close(self._master)
        return self.process.returncode, out, err


def test_what_is_signed_is_shown_before_the_pin(yinxin: Yinxin, practice_token: PracticeToken, drawing: Path) -> None:
    odd = drawing.with_name("b\x1b[2Jold.pdf")
    odd.write_bytes(drawing.read_bytes())
    person = Person(yinxin, "--lang", "zh", "sign", str(drawing), str(odd))
    person.expect("PIN 码: ")
    assert f"UKey “{practice_token.label}”：签署文件，共 2 份" in person.seen
    assert re.search(r"图纸 A-01\.pdf +1 页 +文件指纹 [0-9a-f]{16}…", person.seen)
    assert "b\\x1b[2Jold.pdf" in person.seen
    assert "\x1b" not in person.seen
    person.type(PIN)
    code, out, err = person.end()
    assert code == 0, err
    assert out.count("已签署") == 2
    assert PIN not in person.seen + out + err


@pytest.mark.parametrize("key", [b"\n", b"\x03", b"\x04"])
def test_no_pin_is_a_no(yinxin: Yinxin, practice_token: PracticeToken, drawing: Path, key: bytes) -> None:
    person = Person(yinxin, "sign", str(drawing))
    person.expect("PIN: ")
    person.press(key)
    code, _, err = person.end()
    assert code == 3
    assert err.startswith("No PIN was given")
    assert not drawing.with_suffix(".signed.pdf").exists()


@pytest.mark.promise(4)
def test_a_person_whose_pin_comes_from_elsewhere_is_asked_for_consent(yinxin: Yinxin, practice_token: PracticeToken, drawing: Path) -> None:
    signed = drawing.with_name(drawing.stem + ".signed.pdf")
    person = Person(yinxin, "sign", str(drawing), "--pin", "env:YX_PIN", at_stdin=True)
    person.expect(r"Go on\? \[y/N\] ")
    assert "图纸 A-01.pdf" in person.seen
    person.type("n")
    code, _, err = person.end()
    assert (code, signed.exists()) == (3, False), err
    person = Person(yinxin, "sign", str(drawing), "--pin", "env:YX_PIN", "--yes", at_stdin=True)
    code, _, err = person.end()
    assert (code, signed.exists()) == (0, True), err
    assert "Go on" not in person.seen


def test_a_new_pin_is_typed_twice(yinxin: Yinxin) -> None:
    person = Person(yinxin, "token", "init", "--emulated", "--label", "typed", "--so-pin", "env:YX_SO_PIN")
    person.expect("PIN: ")
    person.type(PIN)
    person.expect("PIN again: ")
    person.type(PIN + "1")
    person.expect("They differ")
    person.expect("PIN: ")
    person.type(PIN)
    person.expect("PIN again: ")
    person.type(PIN)
    code, out, err = person.end()
    assert code == 0, err
    assert "typed" in out
    for secret in (PIN, SO_PIN):
        assert secret not in person.seen + out + err
    yinxin("key", "generate", "--type", "p256", "--label", "k", "--pin", "env:YX_PIN")


def test_consent_to_a_module(yinxin: Yinxin, tmp_path: Path) -> None:
    path = tmp_path / "vendor.so"
    path.write_bytes(library_head())
    path.chmod(0o644)
    person = Person(yinxin, "module", "add", str(path))
    person.expect(r"Add it\? \[y/N\] ")
    assert re.search(rf"File +{path}.*Owner +.*Mode +-rw-r--r--.*Architecture +\w+.*SHA-256 +[0-9a-f]{{64}}.*Network +denied", person.seen, re.DOTALL)
    person.type("")
    assert person.end()[0] == 7
    assert all(module["name"] != "vendor" for module in yinxin("module", "list").json["modules"])


def test_ctrl_c_ends_the_job_between_two_documents(yinxin: Yinxin) -> None:
    under_way, cancelled = threading.Event(), threading.Event()

    def answer(asked: Asked) -> Iterator[bytes]:
        if asked.method == "DELETE" or asked.path.endswith("/answers"):
            (cancelled if asked.method == "DELETE" else under_way).set()
            yield b"HTTP/1.1 204 No Content\r\n\r\n"
            return
        yield HEAD + event("job", job="j1") + event("question", question="q", kind="unknown")
        assert cancelled.wait(60)
        documents = [
            {"input": "file:///a%FF.pdf", "output": "file:///a.signed.pdf", "state": "published", "error": None},
            {"input": "file:///b.pdf", "output": None, "state": "skipped", "error": None},
        ]
        problem = {"code": "cancelled", "detail": "stopped", "hint": "again", "facts": {"published": 1}}
        yield event("failed", problem=problem, result={"batch": "b", "documents": documents}) + END

    with FakeAgent(yinxin.home, answer) as agent:
        process = yinxin.start("sign", "/a.pdf", "/b.pdf", "--pin", "env:YX_PIN")
        assert under_way.wait(60)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 7
    assert err == ""
    assert '"code": "cancelled"' in out
    assert '"input": "/a\\udcff.pdf"' in out
    assert [asked.path for asked in agent.asked if asked.method == "DELETE"] == ["/v1/jobs/j1"]


def test_ctrl_c_before_anything_began(yinxin: Yinxin) -> None:
    connected, leave = threading.Event(), threading.Event()

    def answer(_: Asked) -> Iterator[bytes]:
        connected.set()
        leave.wait(60)
        yield b""

    with FakeAgent(yinxin.home, answer):
        process = yinxin.start("token", "list")
        assert connected.wait(60)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
        leave.set()
    assert (process.returncode, err) == (7, "")
    assert '"code": "cancelled"' in out
