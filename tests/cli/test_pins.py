"""Where a PIN comes from, and where it never shows."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from agent.api import launch
from agent.api.errors import ApiError, Code
from agent.cli.pins import Pins

MARK = "MARK-739251"


@pytest.mark.parametrize("text", [MARK, "1234", "env:", "file:", "fd:x", "fd:-1", "fd:²", "pass:1234", "prompt:x", "", "ENV:HOME"])
def test_what_is_no_source_is_refused_without_repeating_it(text: str) -> None:
    with pytest.raises(ApiError) as caught:
        Pins.of(pin=text)
    assert (caught.value.code, caught.value.facts) == (Code.USAGE, {"reason": "pin_source", "option": "--pin"})


@pytest.mark.promise(2)
def test_a_pin_in_place_of_its_source_is_never_echoed(run: Callable[..., Any]) -> None:
    for flags in ([], ["--json"]):
        for lang in ("zh", "en"):
            for arguments in (
                ["sign", "x.pdf", "--pin", MARK],
                ["sign", "x.pdf", f"--pin={MARK}"],
                ["token", "list", MARK],
                ["key", "list", "--pin", "env:NO", MARK],
            ):
                ran = run(*flags, *arguments, lang=lang)
                assert ran.code == 2
                assert MARK not in ran.out + ran.err
                assert "Traceback" not in ran.err


def test_a_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("YX_TEST_PIN", "密码 1\n")
    pins = Pins.of(pin="env:YX_TEST_PIN")
    assert pins.source("pin").read() == "密码 1"
    assert pins.variables == {"YX_TEST_PIN"}
    assert not pins.prompted
    monkeypatch.delenv("YX_TEST_PIN")
    with pytest.raises(ApiError) as caught:
        pins.source("pin").read()
    assert caught.value.facts["reason"] == "pin_variable"
    with pytest.raises(ApiError) as caught:
        Pins.of(pin="env:YX_TEST_PIN")
    assert caught.value.facts["name"] == "YX_TEST_PIN"


def test_a_file(tmp_path: Path) -> None:
    path = tmp_path / "pin"
    path.write_bytes(b"4826\r\nsecond line\n")
    path.chmod(0o600)
    pins = Pins.of(pin=f"file:{path}")
    assert pins.source("pin").read() == "4826"
    assert pins.readable_by_others() == []
    path.chmod(0o644)
    assert pins.readable_by_others() == [str(path)]
    path.write_bytes(b"\n")
    with pytest.raises(ApiError) as caught:
        pins.source("pin").read()
    assert caught.value.facts["reason"] == "pin_empty"
    with pytest.raises(ApiError) as caught:
        Pins.of(pin=f"file:{tmp_path}/none")
    assert caught.value.facts["reason"] == "pin_unreadable"


def test_two_pins_from_one_descriptor() -> None:
    reading, writing = os.pipe()
    try:
        os.write(writing, b"so-first\npin-second\n")
        os.close(writing)
        pins = Pins.of(pin=f"fd:{reading}", so_pin=f"fd:{reading}")
        assert pins.source("so_pin").read() == "so-first"
        assert pins.source("pin").read() == "pin-second"
        with pytest.raises(ApiError) as caught:
            pins.source("pin").read()
        assert caught.value.facts["reason"] == "pin_empty"
    finally:
        os.close(reading)


def test_a_closed_descriptor_and_foreign_bytes(tmp_path: Path) -> None:
    with pytest.raises(ApiError) as caught:
        Pins.of(pin="fd:9999").source("pin").read()
    assert caught.value.facts["reason"] == "pin_unreadable"
    path = tmp_path / "pin"
    path.write_bytes(b"\xff\xfe\n")
    with pytest.raises(ApiError) as caught:
        Pins.of(pin=f"file:{path}").source("pin").read()
    assert caught.value.facts["reason"] == "pin_unreadable"


def test_the_source_of_each_secret() -> None:
    pins = Pins.of(pin="prompt", so_pin="fd:3")
    assert pins.source("so_pin").kind == "fd"
    assert pins.source("new_pin").option == "--pin"
    assert pins.source("puk").kind == "prompt"
    assert pins.prompted


@pytest.mark.promise(2)
def test_the_agent_does_not_inherit_pins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("YX_TEST_PIN", MARK)
    monkeypatch.setenv("LC_PIN", MARK)
    assert MARK not in launch.environment(frozenset({"LC_PIN"})).values()
    assert "PATH" in launch.environment()
