"""Lines that fit the terminal, in a script that is two columns wide as well."""

import os
import shutil

import pytest

from agent.cli import output


@pytest.fixture
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "get_terminal_size", lambda: os.terminal_size((40, 24)))
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)


@pytest.mark.parametrize("text", ["apt install pcscd " * 6, "请管理员运行 systemctl enable --now pcscd.socket；厂商自带驱动的 UKey 不需要它。" * 2])
def test_lines_fit_and_lose_nothing(narrow: None, text: str) -> None:
    lines = output.wrapped(text, 8).split("\n")
    assert len(lines) > 2
    assert all(output.width(line.strip()) <= 32 for line in lines)
    assert all(line.startswith(" " * 8) for line in lines[1:])
    assert "".join("".join(lines).split()) == "".join(text.split())
    assert "systemctl" not in text or any("systemctl" in line for line in lines)


def test_a_pipe_gets_one_line() -> None:
    assert output.wrapped("a " * 200, 8) == "a " * 200


def test_times_of_day() -> None:
    assert len(output.clock_time("2026-11-22T07:06:00Z")) == 5
    assert output.clock_time(None) == ""
