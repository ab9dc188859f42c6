"""Modules that are none, that changed, that hang when they are listed: each is named, and the others go on."""

import os
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tests.e2e.conftest import SIGN, Desk
from tests.e2e.looks import assert_signed, children, told, until


def _not_elf(path: Path) -> None:
    path.write_text("#!/bin/sh\n")


def _foreign_architecture(path: Path) -> None:
    import platform

    elf = bytearray(Path("/bin/true").resolve().read_bytes())
    elf[16:20] = b"\x03\x00" + (b"\xb7\x00" if platform.machine() == "x86_64" else b"\x3e\x00")
    path.write_bytes(elf)


def _truncated(path: Path) -> None:
    import ctypes.util

    path.write_bytes(Path("/bin/true").resolve().read_bytes()[:200])
    assert ctypes.util.find_library("c")


def _plain_library(path: Path) -> None:
    library = next(Path("/").glob("lib/*/libm.so.6"), None) or pytest.skip("no libm to borrow")
    shutil.copy(library, path)


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (_not_elf, "not_a_module"),
        (_foreign_architecture, "architecture"),
        (_truncated, "not_a_module"),
        (_plain_library, "not_a_module"),
        (os.mkfifo, "not_a_module"),
        (os.mkdir, "not_a_module"),
        (lambda path: path.symlink_to("/dev/zero"), "not_a_module"),
        (lambda path: path.symlink_to(path.name), "unreadable"),
        (lambda path: None, "missing"),
    ],
)
def test_a_file_that_is_no_module(desk: Desk, tmp_path: Path, make: Callable[[Path], object], reason: str) -> None:
    path = tmp_path / "驱动.so"
    make(path)
    result = desk.yinxin("module", "add", path, "--name", "bad", "--yes", code=None, timeout=30)
    try:
        if result.code:
            error = told(result)
            assert (result.code, error["code"], error["facts"]["reason"]) == (3, "module_unusable", reason)
        else:  # what only loading can show is told in the list, and disturbs nobody
            assert result.json["usable"] is False
            assert result.json["problem"] == reason
    finally:
        names = [m["name"] for m in desk.yinxin("module", "list").json["modules"]]
        if "bad" in names:
            desk.yinxin("module", "remove", "bad")
    assert [t["label"] for t in desk.yinxin("token", "list").json["tokens"]] == [desk.token.label]


def test_a_module_that_others_can_write_is_not_added(desk: Desk, shim_library: Path, tmp_path: Path) -> None:
    module = Path(shutil.copy(shim_library, tmp_path / "m.so"))
    module.chmod(0o777)
    error = told(desk.yinxin("module", "add", module, "--yes", code=3))
    assert (error["code"], error["facts"]["reason"]) == ("module_unusable", "unsafe")


def test_consent_is_asked_for_a_module_and_loader_variables_are_refused(desk: Desk, shim_library: Path) -> None:
    error = told(desk.yinxin("module", "add", shim_library, code=2))
    assert (error["code"], error["facts"]["reason"]) == ("usage", "consent")
    error = told(desk.yinxin("module", "add", shim_library, "--env", "LD_PRELOAD", "--yes", env={"LD_PRELOAD": ""}, code=2))
    assert error["facts"]["reason"] == "module_env"
    assert "LD_PRELOAD" in error["message"]


def test_a_softhsm_without_configuration_says_so(desk: Desk, softhsm: str, tmp_path: Path) -> None:
    conf = {"SOFTHSM2_CONF": str(tmp_path / "absent.conf")}
    try:
        added = desk.yinxin("module", "add", softhsm, "--name", "bare", "--env", "SOFTHSM2_CONF", "--yes", env=conf).json
        assert (added["usable"], added["problem"]) == (False, "configuration")
        doctor = next(c for c in desk.yinxin("doctor", code=None).json["checks"] if c["name"] == "module:bare")
        assert "SOFTHSM2_CONF" in doctor["hint"]["en"]
    finally:
        desk.yinxin("module", "remove", "bare")


@pytest.mark.parametrize("loaded", [True, False])
def test_a_module_replaced_after_it_was_added_is_not_loaded(desk: Desk, shim_library: Path, softhsm: str, tmp_path: Path, loaded: bool) -> None:
    module = Path(shutil.copy(shim_library, tmp_path / "m.so"))
    desk.yinxin("module", "add", module, "--name", "swapped", "--env", "SHIM_TARGET", "--yes", env={"SHIM_TARGET": softhsm})
    try:
        if not loaded:
            desk.yinxin("agent", "stop")
        Path(shutil.copy(softhsm, tmp_path / "other.so")).replace(module)
        found = next(m for m in desk.yinxin("module", "list").json["modules"] if m["name"] == "swapped")
        assert (found["usable"], found["problem"]) == (False, "changed")
    finally:
        desk.yinxin("module", "remove", "swapped")


SPEAKING = ['speaks {"tokens":[{"label":7}],"memory_kb":1,"files":1}', 'speaks {"tokens":3}', 'speaks "x"']
"""A module is in its host's process, and can answer in its place."""


@pytest.mark.parametrize("fault", ["abort C_Initialize", "fail C_Initialize 5", "abort C_GetSlotList", "noise", *SPEAKING])
@pytest.mark.promise(8)
def test_a_bad_module_beside_a_good_one(desk: Desk, shim_library: Path, softhsm: str, drawing: Path, tmp_path: Path, fault: str) -> None:
    control = tmp_path / "control"
    control.write_text(fault + "\n")
    conf = tmp_path / "softhsm2.conf"
    (tmp_path / "empty").mkdir()
    conf.write_text(f"directories.tokendir = {tmp_path / 'empty'}\nobjectstore.backend = file\n")
    env = {"SHIM_TARGET": softhsm, "SHIM_CONTROL": str(control), "SOFTHSM2_CONF": str(conf)}
    added = desk.yinxin("module", "add", shim_library, "--name", "rogue", *(w for n in env for w in ("--env", n)), "--yes", env=env).json
    try:
        assert added["usable"] == (fault == "noise" or added["problem"] is None)
        assert added["problem"] in (None, "crashed", "failed", "configuration", "nonsense")
        assert desk.yinxin("sign", drawing, *SIGN).json["documents"][0]["state"] == "published"
        assert_signed(drawing.with_suffix(".signed.pdf"))
        assert any(t["label"] == desk.token.label for t in desk.yinxin("token", "list").json["tokens"])
    finally:
        desk.yinxin("module", "remove", "rogue")


@pytest.mark.promise(8)
def test_a_module_that_hangs_when_listed_is_waited_for_once(desk: Desk, shim_library: Path, softhsm: str, drawing: Path, tmp_path: Path) -> None:
    """After its first deadline it is left alone for a while, and nobody else waits."""
    control, log, conf = tmp_path / "control", tmp_path / "log", tmp_path / "softhsm2.conf"
    (tmp_path / "tokens").mkdir()
    conf.write_text(f"directories.tokendir = {tmp_path / 'tokens'}\nobjectstore.backend = file\n")
    control.write_text("hang C_GetSlotList\n")
    env = {"SHIM_TARGET": softhsm, "SHIM_CONTROL": str(control), "SHIM_LOG": str(log), "SOFTHSM2_CONF": str(conf)}
    desk.yinxin("module", "add", shim_library, "--name", "slow", *(word for name in env for word in ("--env", name)), "--yes", env=env)
    try:
        desk.yinxin("token", "list")  # waits for the deadline
        asked = log.read_text().count("C_GetSlotList")
        assert asked == 1
        for _ in range(3):
            assert [t["label"] for t in desk.yinxin("token", "list").json["tokens"]] == [desk.token.label]
        desk.yinxin("sign", drawing, *SIGN)
        assert log.read_text().count("C_GetSlotList") == asked
    finally:
        desk.yinxin("module", "remove", "slow")


def test_a_module_list_for_people_is_a_table(desk: Desk) -> None:
    shown = desk.yinxin("module", "list", as_json=False).out
    assert re.search(r"emulated\s+works", shown)
    assert "可用" in replace(desk.yinxin, lang="zh")("module", "list", as_json=False).out
    until(lambda: not [line for line in children(desk.home).values() if " session " in line])
