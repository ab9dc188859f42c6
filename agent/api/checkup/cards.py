"""The way to a key: is it plugged in, does the card service run, has the reader a driver, may we, and who else is at it."""

import os
import plistlib
import re
from collections.abc import Collection, Iterable
from typing import Any
from xml.parsers.expat import ExpatError

from agent.api.checkup.finding import State, check
from agent.api.checkup.machine import KEY_MAKERS, Machine, Process, UsbDevice
from tokens import discovery, platform

_SOCKET = "/run/pcscd/pcscd.comm"
_SERVICES = ("/usr/sbin/pcscd", "/usr/local/sbin/pcscd", "/usr/bin/pcscd")
_DRIVERS = ("/usr/lib/pcsc/drivers", "/usr/lib64/pcsc/drivers", "/usr/lib/x86_64-linux-gnu/pcsc/drivers", "/usr/local/lib/pcsc/drivers")
_RULES = "/etc/udev/rules.d/70-ukey.rules"
_EXCLUSIVE = {"scdaemon": ("GnuPG", "gpgconf --kill scdaemon")}
"""Programs known to keep a card to themselves, and how to make them let go."""


def card_service(machine: Machine) -> dict[str, Any]:
    """Whether pcscd runs and hears us; without a card reader plugged in that is only worth a remark."""
    readers = [device for device in machine.plugged_keys() if device.is_card]
    bad: State = "fail" if readers else "warn"
    names = _names(readers)
    plugged = (f"，而读卡设备 {names} 插着", f", and the reader {names} is plugged in") if readers else ("", "")
    needless = ("；厂商自带驱动的 UKey 不需要它。", "; tokens with a driver of their own do not need it.") if not readers else ("。", ".")
    named = machine.environment.get("PCSCLITE_CSOCK_NAME")
    path = machine.at(named or _SOCKET)
    if not os.path.lexists(path):
        if named is None and not any(machine.at(each).exists() for each in _SERVICES):
            hint = (f"智能卡式 UKey 需要它：apt install pcscd{needless[0]}", f"Smart cards need it: apt install pcscd{needless[1]}")
            return check("pcscd", bad, f"没有安装读卡服务 pcscd{plugged[0]}", f"the card service pcscd is not installed{plugged[1]}", hint)
        hint = (
            f"请管理员运行 systemctl enable --now pcscd.socket{needless[0]}",
            f"Have an administrator run: systemctl enable --now pcscd.socket{needless[1]}",
        )
        return check("pcscd", bad, f"读卡服务 pcscd 没有运行{plugged[0]}", f"the card service pcscd is not running{plugged[1]}", hint)
    try:
        platform.connect(str(path), timeout=2.0).close()
    except PermissionError:
        hint = (f"请管理员检查 {path} 的权限和 polkit 规则。", f"Have an administrator see to the permissions of {path} and the polkit rules.")
        return check("pcscd", "fail", "您没有使用读卡服务 pcscd 的权限", "you may not use the card service pcscd", hint)
    except OSError:
        hint = ("请管理员运行 systemctl restart pcscd.socket pcscd。", "Have an administrator run: systemctl restart pcscd.socket pcscd")
        return check("pcscd", "fail", "读卡服务 pcscd 停住了，不接受连接", "the card service pcscd has stopped answering", hint)
    return check("pcscd", "ok", "读卡服务 pcscd 正常", "the card service pcscd answers")


def readers(machine: Machine) -> dict[str, Any]:
    """Whether each plugged-in reader is in the list of one of pcscd's drivers."""
    found = machine.plugged_keys()
    cards = [device for device in found if device.is_card]
    served = _served(machine) if cards else frozenset()
    alone = [device for device in cards if (device.vendor, device.product) not in served]
    if not found:
        return check("readers", "ok", "USB 上没有 UKey 或读卡器", "no key or card reader at USB")
    if not alone:
        names = _names(found)
        return check("readers", "ok", f"USB 上有：{names}", f"at USB: {names}")
    names = _names(alone)
    numbers = ", ".join(f"{device.vendor}:{device.product}" for device in alone)
    if not served:
        hint = ("apt install libccid，再拔插一次。", "apt install libccid, then pull the reader and put it back.")
    else:
        hint = (
            f"请装厂商的驱动或更新的 libccid，再拔插一次（设备编号 {numbers}）。",
            f"Install its maker's driver or a newer libccid, then pull it and put it back (device {numbers}).",
        )
    return check(
        "readers", _grave(alone), f"读卡器没有驱动，里面的 UKey 看不到：{names}", f"a reader without a driver, so its key stays unseen: {names}", hint
    )


def rights(machine: Machine) -> dict[str, Any]:
    """Whether this user may reach the keys that their makers' modules open by themselves, past pcscd."""
    direct = [device for device in machine.plugged_keys() if not device.is_card]
    shut = [device for device in direct if device.nodes and not any(machine.may(machine.at(node)) for node in device.nodes)]
    if not shut:
        if direct:
            return check("usb_rights", "ok", f"您可以使用 {_names(direct)}", f"you may use {_names(direct)}")
        return check("usb_rights", "ok", "没有需要 USB 权限的 UKey", "no key here needs rights at USB")
    vendors = sorted({device.vendor for device in shut})
    rules = "; ".join(f'SUBSYSTEMS=="usb", ATTRS{{idVendor}}=="{vendor}", TAG+="uaccess"' for vendor in vendors)
    hint = (
        f"请管理员在 {_RULES} 写入：{rules}；再运行 udevadm control --reload，拔插一次 UKey。",
        f"Have an administrator write to {_RULES}: {rules}; then run udevadm control --reload, pull the key and put it back.",
    )
    nodes = ", ".join(device.nodes[-1] for device in shut)
    return check(
        "usb_rights",
        _grave(shut),
        f"您没有读写 {_names(shut)} 的权限（{nodes}），UKey 驱动看不到它",
        f"you may not read and write {_names(shut)} ({nodes}), so its module does not see it",
        hint,
    )


def holders(machine: Machine, ours: int | None = None, modules: Collection[str] | None = None) -> dict[str, Any]:
    """Which other programs are at the cards, as far as /proc shows.

    `ours` is the process whose children are our own token hosts (this one, where None); `modules` are the token modules' files (those of the
    system, where None).
    """
    keys = machine.plugged_keys()
    users: list[Process] = []
    if keys:  # else nobody holds anything: a module that somebody has loaded is no trouble
        nodes = frozenset(node for device in keys for node in device.nodes)
        paths = [ref.path for ref in discovery.discover(None)] if modules is None else modules
        loaded = frozenset(os.path.realpath(path) for path in paths if "softhsm" not in path)  # SoftHSM2 holds no device
        others = (each for each in _not_ours(machine.processes(), ours or os.getpid()) if each.name != "pcscd")
        users = [each for each in others if each.open_files & nodes or each.mapped & loaded or each.name in _EXCLUSIVE]
    if not users:
        return check("card_users", "ok", "没有看到别的程序在用 UKey", "no other program is seen to use a key")
    names = ", ".join(str(process) for process in users[:6])
    known = [f"{maker}: {command}" for name, (maker, command) in _EXCLUSIVE.items() if any(process.name == name for process in users)]
    extra = (f" {'; '.join(known)}" if known else "").rstrip()
    hint = (
        f"UKey 找不到或登录失败时，请先关闭这些程序。{extra}",
        f"If a key is not found or a login fails, close these programs first.{extra}",
    )
    return check("card_users", "warn", f"别的程序也在用 UKey：{names}", f"other programs use a key as well: {names}", hint)


def _not_ours(processes: Iterable[Process], ours: int) -> list[Process]:
    every = {process.pid: process for process in processes}

    def is_ours(process: Process | None) -> bool:
        for _ in range(64):
            if process is None or process.pid == ours:
                break
            process = every.get(process.parent)
        return process is not None and process.pid == ours

    return [process for process in every.values() if not is_ours(process)]


def _served(machine: Machine) -> frozenset[tuple[str, str]]:
    """Vendor and product numbers that pcscd's drivers list (their bundles' Info.plist)."""
    found: set[tuple[str, str]] = set()
    for folder in _DRIVERS:
        for path in machine.at(folder).glob("*.bundle/Contents/Info.plist"):
            try:
                listed = plistlib.loads(path.read_bytes())
                vendors, products = (_numbers(listed.get(name, [])) for name in ("ifdVendorID", "ifdProductID"))
            except (OSError, plistlib.InvalidFileException, ExpatError, ValueError, TypeError, AttributeError):
                continue
            found |= set(zip(vendors, products, strict=False))
    return frozenset(found)


def _numbers(words: Iterable[str] | str) -> list[str]:
    return [f"{int(word, 16):04x}" for word in ([words] if isinstance(words, str) else words) if re.fullmatch(r"0[xX][0-9A-Fa-f]{1,4}", word)]


def _names(devices: Iterable[UsbDevice]) -> str:
    return ", ".join(device.name for device in devices)


def _grave(devices: Iterable[UsbDevice]) -> State:
    """A key that does not work has to be mended; a reader built into a computer may be of no use to anybody."""
    return "fail" if any(device.vendor in KEY_MAKERS for device in devices) else "warn"
