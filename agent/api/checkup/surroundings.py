"""What else the work leans on: the clock, SoftHSM2's configuration, p11-kit's, a keyring."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from agent.api.checkup.finding import check
from agent.api.checkup.machine import Machine
from agent.api.home import Home
from agent.keyring import BACKENDS
from tokens import discovery, emulated, platform

RELEASED = 1_760_000_000
"""Seconds since 1970 before which this was not written: a clock that says so is wrong."""
_KEYRING_SECONDS = 5.0


def clock(
    last: datetime | None = None, now: Callable[[], float] = time.time, synchronised: Callable[[], bool | None] = platform.clock_synchronised
) -> dict[str, Any]:
    """Whether the time can be right: not before this program was written, nor before the newest entry of the ledger (`last`)."""
    seconds = now()
    shown = datetime.fromtimestamp(seconds, UTC).isoformat(timespec="minutes").replace("+00:00", "Z")
    hint = (
        "请校准电脑时间（timedatectl set-ntp true）：证书有效期和签名时间都靠它。",
        "Set it (timedatectl set-ntp true): certificates and signing times depend on it.",
    )
    if seconds < RELEASED:
        return check("clock", "fail", f"电脑时间 {shown} 早于本程序发布，肯定不对", f"the clock says {shown}, before this program was released", hint)
    if last is not None and seconds < last.timestamp() - 1:
        entered = last.astimezone(UTC).isoformat(timespec="minutes").replace("+00:00", "Z")
        return check(
            "clock",
            "fail",
            f"电脑时间 {shown} 早于台账最后一条记录（{entered}），时间被调回过",
            f"the clock says {shown}, before the ledger's last entry ({entered}): it was set back",
            hint,
        )
    if synchronised() is False:
        return check("clock", "warn", f"电脑时间 {shown}，没有与时间服务器同步", f"the clock says {shown} and is not synchronised", hint)
    return check("clock", "ok", f"电脑时间 {shown}，看起来正常", f"the clock looks right ({shown})")


def softhsm(home: Home, machine: Machine, library: Callable[[], str | None] = emulated.library) -> dict[str, Any]:
    """SoftHSM2, which emulated tokens live on: its library, this home's configuration, and one of the user's that cannot work."""
    found = library()
    if found is None:
        hint = ("只有练习用的 UKey 需要它：apt install softhsm2", "Only emulated tokens need it: apt install softhsm2")
        return check("softhsm2", "warn", "没有安装 SoftHSM2，不能建练习用的 UKey", "SoftHSM2 is not installed: no emulated tokens", hint)
    if home.softhsm_conf.exists() and (trouble := _configured(home.softhsm_conf)):
        zh, en = trouble
        hint = (
            f"移走 {home.softhsm_conf}，再运行 yinxin token list，会重新写一份；练习用的 UKey 存放在 {home.emulated}。",
            f"Move {home.softhsm_conf} away and run `yinxin token list`, which writes it anew; emulated tokens are kept in {home.emulated}.",
        )
        return check(
            "softhsm2", "fail", f"本机练习用 UKey 的 SoftHSM2 配置不能用：{zh}", f"this home's SoftHSM2 configuration does not work: {en}", hint
        )
    theirs = machine.environment.get("SOFTHSM2_CONF")
    if theirs and Path(theirs) != home.softhsm_conf and (trouble := _configured(machine.at(theirs))):
        zh, en = trouble
        hint = (
            f"印信不用它；别的程序（如 pkcs11-tool）要用 {home.softhsm_conf}，或取消 SOFTHSM2_CONF。",
            f"Yinxin does not use it; for other programs (pkcs11-tool) name {home.softhsm_conf}, or unset SOFTHSM2_CONF.",
        )
        return check(
            "softhsm2", "warn", f"SOFTHSM2_CONF 指的配置不能用：{zh}", f"the configuration that SOFTHSM2_CONF names does not work: {en}", hint
        )
    return check("softhsm2", "ok", f"SoftHSM2：{found}", f"SoftHSM2: {found}")


def _configured(path: Path) -> tuple[str, str] | None:
    """What is wrong with a SoftHSM2 configuration, (zh, en); None where nothing is."""
    try:
        lines = path.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError as error:
        return f"读不了 {path}（{error.strerror}）", f"{path} cannot be read ({error.strerror})"
    values = {name.strip(): value.strip() for name, equals, value in (line.partition("=") for line in lines) if equals}
    folder = values.get("directories.tokendir")
    if not folder:
        return f"{path} 里没有 directories.tokendir", f"{path} has no directories.tokendir"
    if not os.path.isdir(folder):
        return f"UKey 文件夹 {folder} 不存在", f"the token folder {folder} does not exist"
    if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
        return f"您不能读写 UKey 文件夹 {folder}", f"you may not read and write the token folder {folder}"
    return None


def registered(machine: Machine) -> dict[str, Any]:
    """Whether each module that p11-kit's files name is there: a package taken out half-way leaves its file behind."""
    lost = []
    folders = [machine.at(str(folder)) for folder in discovery.config_folders()]
    for path in sorted(path for folder in folders if folder.is_dir() for path in folder.glob("*.module")):
        values = discovery.parse(path.read_text(encoding="utf-8", errors="replace"))
        module = values.get("module", "")
        if not module or path.stem in discovery.NOT_TOKENS or not discovery.enabled(values):
            continue
        places = [module] if os.path.isabs(module) else [os.path.join(folder, module) for folder in discovery.module_folders()]
        if not any(machine.at(place).is_file() for place in places):
            lost.append((str(path), module))
    if not lost:
        return check("p11_kit", "ok", "p11-kit 登记的 UKey 驱动都在", "the modules that p11-kit registers are there")
    names = "; ".join(f"{path}: {module}" for path, module in lost)
    hint = (
        "请重新安装该驱动的软件包；不再用就由管理员删除这个登记文件。",
        "Install that module's package again; if it is not wanted any more, have an administrator delete the file that registers it.",
    )
    return check("p11_kit", "warn", f"p11-kit 登记的 UKey 驱动文件不在：{names}", f"p11-kit registers a module that is not there: {names}", hint)


def keyring(backends: Callable[[], Sequence[str]] | None = None) -> dict[str, Any]:
    """Whether the desktop offers a safe place for this computer's own secrets; PINs never go there."""
    try:
        found = list((backends or keyring_backends)())
    except subprocess.TimeoutExpired:
        hint = (
            "请先解锁密码环（登录桌面，或打开“密码和密钥”），再试。",
            "Unlock it (log in to the desktop, or open its passwords program) and try again.",
        )
        return check("keyring", "warn", "系统密码环没有响应，可能在等您解锁", "the keyring does not answer; it may wait to be unlocked", hint)
    good = [name for name in found if name in BACKENDS]
    if good:
        return check("keyring", "ok", f"系统密码环：{good[0].rpartition('.')[2]}", f"keyring: {good[0].rpartition('.')[2]}")
    unsafe = [name for name in found if name.startswith("keyrings.alt")]
    hint = (
        "要用它，请在桌面会话中运行，并安装 gnome-keyring 或 KWallet；否则本机密钥存在文件里（device.key = 'file'）。PIN 码从不保存，不受影响。",
        "For it, run in a desktop session with gnome-keyring or KWallet; else this computer's key is in a file (device.key). PINs are never stored.",
    )
    if unsafe:
        return check(
            "keyring",
            "warn",
            "只有明文保存的密码环，印信不用它：什么也不会被记住",
            "the only keyring stores plain text and is not used: nothing is remembered",
            hint,
        )
    return check(
        "keyring", "warn", "没有系统密码环：本机密钥和数据库密码不能存在那里", "there is no keyring to keep this computer's own secrets in", hint
    )


def keyring_backends(seconds: float = _KEYRING_SECONDS) -> list[str]:
    """Modules of the back ends that `keyring` would use, asked in a process of its own: some block, some load what they like.

    Raises `subprocess.TimeoutExpired`.
    """
    command = [sys.executable, "-P", "-c", _PROBE]
    done = subprocess.run(command, capture_output=True, timeout=seconds, check=False, stdin=subprocess.DEVNULL)
    return [str(name) for name in json.loads(done.stdout)] if done.returncode == 0 else []


_PROBE = """
import json, keyring
found = keyring.get_keyring()
print(json.dumps([type(each).__module__ for each in getattr(found, "backends", [found])]))
"""
