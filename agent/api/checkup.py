"""What can be said of a machine without an agent: each check with its state, and in both languages what it found and what to do."""

import importlib.util
import os
import shutil
import stat
import sys
import time
from collections.abc import Callable
from typing import Any, Literal

from agent.api.home import Home
from tokens import emulated, platform

State = Literal["ok", "warn", "fail"]
_PCSCD = "/run/pcscd/pcscd.comm"
_BUILT = 1_760_000_000
"""Seconds since 1970 at which this was written: a clock before it is wrong."""


def check(name: str, state: State, zh: str, en: str, hint: tuple[str, str] | None = None) -> dict[str, Any]:
    """One finding, as the wire and `--json` show it."""
    return {"name": name, "state": state, "message": {"zh": zh, "en": en}, "hint": {"zh": hint[0], "en": hint[1]} if hint else None}


def local(home: Home) -> list[dict[str, Any]]:
    """Everything that needs no agent; never raises."""
    checks: tuple[tuple[str, Callable[[], dict[str, Any]]], ...] = (
        ("python", _python),
        ("home", lambda: _home(home)),
        ("clock", _clock),
        ("softhsm2", _softhsm),
        ("poppler", lambda: _program("poppler", "pdfsig", "poppler-utils", "另一套程序核对签名", "a second opinion on signatures")),
        ("qpdf", lambda: _program("qpdf", "qpdf", "qpdf", "核对 PDF 结构", "a check of a PDF's structure")),
        ("pcscd", _pcscd),
        ("display", _display),
        ("pyside6", _pyside),
    )
    return [guarded(name, each) for name, each in checks]


def guarded(name: str, each: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """The finding of one check; a check that itself fails is a finding too."""
    try:
        return each()
    except Exception as error:  # noqa: BLE001 — one broken check must not hide the others
        return check(name, "warn", f"无法检查（{type(error).__name__}）", f"could not be checked ({type(error).__name__})")


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


def _clock() -> dict[str, Any]:
    if time.time() >= _BUILT:
        return check("clock", "ok", "电脑时间看起来正常", "the clock looks right")
    return check(
        "clock",
        "fail",
        "电脑时间明显不对",
        "the clock is plainly wrong",
        ("请校准电脑时间：证书有效期和签名时间都靠它。", "Set it: certificates and signing times depend on it."),
    )


def _softhsm() -> dict[str, Any]:
    if found := emulated.library():
        return check("softhsm2", "ok", f"SoftHSM2：{found}", f"SoftHSM2: {found}")
    hint = ("只有练习用的 UKey 需要它：apt install softhsm2", "Only emulated tokens need it: apt install softhsm2")
    return check("softhsm2", "warn", "没有安装 SoftHSM2，不能建练习用的 UKey", "SoftHSM2 is not installed: no emulated tokens", hint)


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


def _pcscd() -> dict[str, Any]:
    path = os.environ.get("PCSCLITE_CSOCK_NAME", _PCSCD)
    if not os.path.exists(path):
        hint = (
            "智能卡式 UKey 需要它：apt install pcscd；厂商自带驱动的 UKey 可不装。",
            "Smart cards need it: apt install pcscd; tokens with their own driver do not.",
        )
        return check("pcscd", "warn", "读卡服务 pcscd 没有运行", "the card service pcscd is not running", hint)
    try:
        platform.connect(path, timeout=2.0).close()
    except OSError:
        hint = ("请检查您是否有权使用它（polkit 规则或所属的组）。", "See whether you may use it (polkit rule, group).")
        return check("pcscd", "warn", "读卡服务 pcscd 不接受连接", "the card service pcscd takes no connection", hint)
    return check("pcscd", "ok", "读卡服务 pcscd 正常", "the card service pcscd answers")


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
