"""What can be said of a machine without an agent: each check with its state, and in both languages what it found and what to do."""

import importlib.util
import os
import shutil
import stat
import sys
from collections.abc import Callable, Collection
from datetime import datetime
from typing import Any

from agent.api.checkup import cards, surroundings
from agent.api.checkup.finding import State, check, guarded
from agent.api.checkup.machine import Machine
from agent.api.home import Home

__all__ = ["Machine", "State", "check", "guarded", "local", "terminal"]


def local(
    home: Home, machine: Machine | None = None, last_entry: datetime | None = None, modules: Collection[str] | None = None
) -> list[dict[str, Any]]:
    """Everything that needs no agent; never raises, and may take some seconds.

    Only an agent knows `last_entry`, the time of the ledger's newest entry, and `modules`, the files of all modules of this home.
    """
    machine = machine or Machine()
    checks: tuple[tuple[str, Callable[[], dict[str, Any]]], ...] = (
        ("python", _python),
        ("home", lambda: _home(home)),
        ("clock", lambda: surroundings.clock(last_entry)),
        ("readers", lambda: cards.readers(machine)),
        ("pcscd", lambda: cards.card_service(machine)),
        ("usb_rights", lambda: cards.rights(machine)),
        ("card_users", lambda: cards.holders(machine, modules=modules)),
        ("p11_kit", lambda: surroundings.registered(machine)),
        ("softhsm2", lambda: surroundings.softhsm(home, machine)),
        ("keyring", surroundings.keyring),
        ("poppler", lambda: _program("poppler", "pdfsig", "poppler-utils", "另一套程序核对签名", "a second opinion on signatures")),
        ("qpdf", lambda: _program("qpdf", "qpdf", "qpdf", "核对 PDF 结构", "a check of a PDF's structure")),
    )
    return [*(guarded(name, each) for name, each in checks), *terminal()]


def terminal() -> list[dict[str, Any]]:
    """What is another in a user's terminal than where an agent was started; never raises."""
    return [guarded("display", _display), guarded("pyside6", _pyside)]


def _python() -> dict[str, Any]:
    version = ".".join(map(str, sys.version_info[:3]))  # never too old: an older one would not have come this far
    return check("python", "ok", f"Python {version}", f"Python {version}")


def _home(home: Home) -> dict[str, Any]:
    bad: list[str] = []
    for folder in (home.config, home.data, home.state, home.run, home.emulated):
        try:
            seen = os.lstat(folder)
        except FileNotFoundError:
            above = folder
            while not above.exists() and above != above.parent:
                above = above.parent
            if not os.access(above, os.W_OK):
                bad.append(str(above))
            continue
        except OSError:
            bad.append(str(folder))
            continue
        if not stat.S_ISDIR(seen.st_mode) or seen.st_uid != os.getuid() or stat.S_IMODE(seen.st_mode) & 0o077 or not os.access(folder, os.W_OK):
            bad.append(str(folder))
    if not bad:
        return check("home", "ok", f"数据文件夹只有您能访问：{home.data}", f"the home is private to you: {home.data}")
    names = ", ".join(dict.fromkeys(bad))
    hint = (f"请确认这些文件夹归您所有且权限为 0700：{names}", f"See that these are yours and have mode 0700: {names}")
    return check("home", "fail", "数据文件夹的权限或归属不对", "the home's folders are not yours alone or not writable", hint)


def _program(name: str, program: str, package: str, zh: str, en: str) -> dict[str, Any]:
    if path := shutil.which(program):
        return check(name, "ok", f"{program}：{path}", f"{program}: {path}")
    return check(
        name,
        "warn",
        f"没有 {program}（可选：{zh}）",
        f"no {program} (optional: {en})",
        (f"需要时：apt install {package}", f"If wanted: apt install {package}"),
    )


def _display() -> dict[str, Any]:
    name = os.environ.get("WAYLAND_DISPLAY") or os.environ.get("DISPLAY")
    if name:
        return check("display", "ok", f"有桌面（{name}）", f"there is a display ({name})")
    hint = (
        "命令行不需要它；没有桌面时请用终端或 --pin 提供 PIN 码。",
        "The command line needs none; without it give the PIN on a terminal or by --pin.",
    )
    return check("display", "warn", "没有桌面，不能打开窗口", "there is no display: no windows", hint)


def _pyside() -> dict[str, Any]:
    if importlib.util.find_spec("PySide6") is not None:
        return check("pyside6", "ok", "桌面组件 PySide6 已安装", "PySide6 is installed")
    return check(
        "pyside6",
        "warn",
        "没有 PySide6，桌面程序不能用",
        "PySide6 is missing: no desktop program",
        ("pip install PySide6-Essentials", "pip install PySide6-Essentials"),
    )
