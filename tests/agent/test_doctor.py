"""The check-up: each trouble that keeps people from their key is named in plain words, with what to do; on machines laid out in a folder."""

import asyncio
import os
import shutil
import struct
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from agent import doctor
from agent.api.checkup import Machine, cards, local, surroundings
from agent.api.checkup.machine import Process
from agent.api.home import locate
from agent.signing import fonts
from tests.conftest import Yinxin
from tokens import emulated, module_file, platform
from tokens.types import ModuleRef, ModuleStatus, PinState, Token, TokenState

READER, CHINESE_KEY = ("076b", "3031"), ("096e", "0309")
PLIST = """<?xml version="1.0" encoding="UTF-8"?>
<plist version="1.0"><dict><key>ifdVendorID</key><array><string>0x076B</string></array>
<key>ifdProductID</key><array><string>0x3031</string></array></dict></plist>"""


def write(root: Path, path: str, text: str = "") -> Path:
    target = root / path.lstrip("/")
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(text, encoding="utf-8")
    return target


def plug(root: Path, numbers: tuple[str, str], interface_class: str, number: int, product: str = "", hidraw: str = "") -> str:
    """Plug a device in as sysfs shows it; its node in /dev/bus/usb."""
    name = f"1-{number}"
    for file, value in {"idVendor": numbers[0], "idProduct": numbers[1], "product": product, "busnum": "1", "devnum": str(number)}.items():
        write(root, f"/sys/bus/usb/devices/{name}/{file}", value + "\n")
    write(root, f"/sys/bus/usb/devices/{name}/{name}:1.0/bInterfaceClass", interface_class + "\n")
    write(root, f"/sys/bus/usb/devices/{name}:1.0/bInterfaceClass", interface_class + "\n")  # the bus lists interfaces beside devices
    if hidraw:
        write(root, f"/sys/bus/usb/devices/{name}/{name}:1.0/0003:X.0001/hidraw/{hidraw}/dev", "240:0")
        write(root, f"/dev/{hidraw}")
    return str(write(root, f"/dev/bus/usb/001/{number:03}").relative_to(root))


def program(root: Path, pid: int, name: str, parent: int = 1, opened: str | None = None, mapped: str | None = None) -> None:
    write(root, f"/proc/{pid}/comm", name + "\n")
    write(root, f"/proc/{pid}/status", f"Name:\t{name}\nPPid:\t{parent}\n")
    write(root, f"/proc/{pid}/maps", f"7f00-7f01 r-xp 00000000 08:01 42    {mapped}\n7f01-7f02 rw-p 00000000 00:00 0\n" if mapped else "")
    (root / f"proc/{pid}/fd").mkdir()
    if opened:
        (root / f"proc/{pid}/fd/3").symlink_to(opened)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "root"


@pytest.fixture
def machine(root: Path) -> Machine:
    root.mkdir()
    return Machine(root, {})


def told(finding: Mapping[str, Any], state: str, *words: str) -> None:
    """The finding says `words` in both languages and, unless all is well, what to do."""
    assert finding["state"] == state, finding
    whole = {lang: finding["message"][lang] + " " + ((finding["hint"] or {}).get(lang) or "") for lang in ("zh", "en")}
    for word in words:
        assert word in whole["zh"], whole["zh"]
        assert word in whole["en"], whole["en"]
    if state != "ok":
        assert finding["hint"]["zh"]
        assert finding["hint"]["en"].isascii()
    assert "令牌" not in whole["zh"]
    assert "代理" not in whole["zh"]


# The card service


def test_no_card_service(machine: Machine) -> None:
    told(cards.card_service(machine), "warn", "apt install pcscd")


def test_a_card_service_that_does_not_run_matters_where_a_reader_is_plugged_in(machine: Machine, root: Path) -> None:
    write(root, "/usr/sbin/pcscd")
    told(cards.card_service(machine), "warn", "systemctl enable --now pcscd.socket")
    plug(root, READER, "0b", 3, "CardMan 3x21")
    told(cards.card_service(machine), "fail", "systemctl enable --now pcscd.socket", "CardMan 3x21")


@pytest.fixture
def short() -> Iterator[Path]:
    """A folder whose sockets have short names."""
    folder = Path(tempfile.mkdtemp(prefix="yx-", dir="/tmp"))
    yield folder
    shutil.rmtree(folder)


def test_a_card_service_that_answers_or_has_stopped(short: Path) -> None:
    machine = Machine(short, {"PCSCLITE_CSOCK_NAME": "/pcscd.comm"})
    listener = platform.listen_private(str(short / "pcscd.comm"))
    told(cards.card_service(machine), "ok", "pcscd")
    listener.close()
    told(cards.card_service(machine), "fail", "systemctl restart pcscd.socket pcscd")


# Readers and rights


def test_no_device_is_no_trouble(machine: Machine) -> None:
    for finding in (cards.readers(machine), cards.rights(machine), cards.holders(machine, modules=())):
        told(finding, "ok")


def test_a_reader_with_and_without_a_driver(machine: Machine, root: Path) -> None:
    plug(root, READER, "0b", 3, "CardMan 3x21")
    told(cards.readers(machine), "warn", "CardMan 3x21", "apt install libccid")
    write(root, "/usr/lib/pcsc/drivers/ifd-ccid.bundle/Contents/Info.plist", PLIST)
    told(cards.readers(machine), "ok", "CardMan 3x21")
    plug(root, ("096e", "ffff"), "0b", 4, "Odd Token")
    told(cards.readers(machine), "fail", "Odd Token", "096e:ffff", "libccid")
    assert "CardMan" not in cards.readers(machine)["message"]["en"]


@pytest.mark.parametrize("text", ["", "<plist", "<plist version='1.0'><string>x</string></plist>"])
def test_a_driver_list_that_cannot_be_read_lists_nothing(machine: Machine, root: Path, text: str) -> None:
    plug(root, READER, "0b", 3, "CardMan")
    write(root, "/usr/lib/pcsc/drivers/x.bundle/Contents/Info.plist", text)
    told(cards.readers(machine), "warn", "CardMan")


def test_a_key_that_the_user_may_not_open(machine: Machine, root: Path) -> None:
    node = plug(root, CHINESE_KEY, "03", 7, hidraw="hidraw2")
    shut = replace(machine, may=lambda path: False)
    told(cards.rights(shut), "fail", "Feitian", "/dev/hidraw2", 'ATTRS{idVendor}=="096e"', "uaccess", "udevadm control --reload")
    for open_node in (root / node, root / "dev/hidraw2"):  # makers' modules take the one or the other
        told(cards.rights(replace(machine, may=lambda path, node=open_node: path == node)), "ok", "Feitian")  # type: ignore[misc]


def test_a_key_is_known_by_its_name_too_and_a_keyboard_is_none(machine: Machine, root: Path) -> None:
    plug(root, ("ffff", "0001"), "ff", 5, "SuperCA USB Key")
    plug(root, ("04d9", "1603"), "03", 6, "USB Keyboard")
    plug(root, ("1050", "0120"), "03", 8, "Security Key by Yubico")
    told(cards.rights(replace(machine, may=lambda path: False)), "warn", "SuperCA USB Key")
    assert [device.name for device in machine.plugged_keys()] == ["SuperCA USB Key"]


# Others at the card


def test_other_programs_at_the_card_are_named(machine: Machine, root: Path) -> None:
    plug(root, CHINESE_KEY, "03", 7, hidraw="hidraw2")
    plug(root, READER, "0b", 3)
    library = str(write(root, "/opt/vendor/libp11.so"))
    program(root, 100, "bank-client", opened="/dev/hidraw2")
    program(root, 101, "firefox", mapped=library)
    program(root, 102, "scdaemon")
    program(root, 103, "pcscd", opened="/dev/bus/usb/001/003")
    program(root, 104, "editor", opened="/etc/passwd")
    program(root, 105, "python3", parent=110, mapped=library)
    program(root, 110, "yinxin agent", parent=1)
    finding = cards.holders(machine, ours=110, modules=[library])
    told(finding, "warn", "bank-client (100)", "firefox (101)", "scdaemon (102)", "gpgconf --kill scdaemon")
    for other in ("pcscd", "editor", "python3"):
        assert other not in finding["message"]["en"]


def test_a_module_loaded_somewhere_is_no_trouble_while_no_key_is_plugged_in(machine: Machine, root: Path) -> None:
    library = str(write(root, "/opt/vendor/libp11.so"))
    program(root, 101, "firefox", mapped=library)
    told(cards.holders(machine, modules=[library]), "ok")


def test_another_agent_of_ours_is_called_so(machine: Machine, root: Path) -> None:
    plug(root, CHINESE_KEY, "03", 7)
    library = str(write(root, "/opt/vendor/libp11.so"))
    program(root, 101, "python3", mapped=library)
    write(root, "/proc/101/cmdline", "python\0-m\0tokens.host\0")
    told(cards.holders(machine, modules=[library]), "warn", "yinxin (101)")


def test_the_library_of_emulated_tokens_holds_nothing(machine: Machine, root: Path) -> None:
    plug(root, CHINESE_KEY, "03", 7)
    library = str(write(root, "/usr/lib/softhsm/libsofthsm2.so"))
    program(root, 101, "python3", mapped=library)
    told(cards.holders(machine, modules=[library]), "ok")


def test_this_very_process_is_seen_as_it_is() -> None:
    me = next(process for process in Machine().processes() if process.pid == os.getpid())
    assert isinstance(me, Process)
    assert any("libc" in path for path in me.mapped)
    assert me.parent == os.getppid()


# Clock


def test_a_clock_that_cannot_be_right() -> None:
    past = surroundings.RELEASED - 86400
    told(surroundings.clock(now=lambda: past), "fail", "timedatectl set-ntp true", "2025-10-08")
    now = datetime(2026, 11, 1, 8, 0, tzinfo=UTC)
    told(surroundings.clock(now + timedelta(hours=2), now.timestamp), "fail", "2026-11-01T08:00Z", "2026-11-01T10:00Z")
    told(surroundings.clock(now - timedelta(hours=2), now.timestamp, lambda: False), "warn", "timedatectl")
    for known in (True, None):
        told(surroundings.clock(now - timedelta(hours=2), now.timestamp, lambda known=known: known), "ok", "2026-11-01T08:00Z")  # type: ignore[misc]


def test_the_kernel_is_asked_without_error() -> None:
    assert platform.clock_synchronised() in (True, False, None)


# Modules, SoftHSM2, p11-kit, fonts, keyring


def test_a_module_for_another_processor_is_named_with_both(tmp_path: Path) -> None:
    path = tmp_path / "libold_p11.so"
    path.write_bytes(b"\x7fELF" + bytes([1, 1, 1]) + bytes(9) + struct.pack("<HH", 3, 3) + bytes(64))  # a shared object, i386
    found = doctor.modules((ModuleStatus(ModuleRef("old", str(path), "added"), False, "architecture"),))
    told(found[0], "warn", "old", "x86", module_file.machine(), str(path))


def test_a_missing_and_a_changed_module_and_none_at_all(tmp_path: Path) -> None:
    gone = ModuleRef("gone", str(tmp_path / "gone.so"), "added")
    told(doctor.modules((ModuleStatus(gone, False, "missing"),))[0], "warn", str(tmp_path / "gone.so"), "yinxin module add")
    if library := emulated.library():
        changed = ModuleRef("m", library, "added", sha256="0" * 64)
        told(doctor.modules((ModuleStatus(changed, True),))[0], "warn", library, "yinxin module remove")
        told(doctor.modules((ModuleStatus(ModuleRef("m", library, "added"), False, "module_timeout"),))[0], "warn")
        told(doctor.modules((ModuleStatus(ModuleRef("m", library, "added"), True),))[0], "ok", library)
    told(doctor.modules(())[0], "fail", "yinxin module add")


def test_settings_that_cannot_be_followed(tmp_path: Path) -> None:
    home = locate(str(tmp_path / "h"))
    told(doctor.configuration(home), "ok")
    home.config.mkdir(parents=True)
    (home.config / "settings.toml").write_text('[pin]\nscope = "ever"\n')
    told(doctor.configuration(home), "fail", "settings.toml", "pin.scope")
    (home.config / "settings.toml").write_text('[pin]\nscope = "signature"\n')
    told(doctor.configuration(home), "ok", "settings.toml")


def test_a_module_that_cannot_be_kept_from_the_network() -> None:
    if library := emulated.library():
        status = ModuleStatus(ModuleRef("m", library, "added"), True, network="not_denied")
        told(doctor.modules((status,))[0], "warn", library)


def test_softhsm_configurations(tmp_path: Path, machine: Machine) -> None:
    home = locate(str(tmp_path / "h"))
    told(surroundings.softhsm(home, machine, lambda: None), "warn", "apt install softhsm2")
    told(surroundings.softhsm(home, machine, lambda: "/x.so"), "ok", "/x.so")
    home.softhsm_conf.parent.mkdir()
    home.softhsm_conf.write_text("log.level = INFO\n")
    told(surroundings.softhsm(home, machine, lambda: "/x.so"), "fail", str(home.softhsm_conf), "directories.tokendir")
    home.softhsm_conf.write_text(f"directories.tokendir = {tmp_path}/nowhere\n")
    told(surroundings.softhsm(home, machine, lambda: "/x.so"), "fail", f"{tmp_path}/nowhere")
    home.softhsm_conf.write_text(f"directories.tokendir = {tmp_path}\n")
    told(surroundings.softhsm(home, machine, lambda: "/x.so"), "ok")
    theirs = replace(machine, environment={"SOFTHSM2_CONF": "/etc/softhsm/softhsm2.conf"})
    told(surroundings.softhsm(home, theirs, lambda: "/x.so"), "warn", "SOFTHSM2_CONF", str(home.softhsm_conf))
    write(machine.root, "/etc/softhsm/softhsm2.conf", f"directories.tokendir = {tmp_path}\n")
    told(surroundings.softhsm(home, theirs, lambda: "/x.so"), "ok")


def test_a_module_that_p11_kit_names_in_vain(machine: Machine, root: Path) -> None:
    write(root, "/usr/share/p11-kit/modules/good.module", "module: /usr/lib/good.so\n")
    write(root, "/usr/lib/good.so")
    write(root, "/usr/share/p11-kit/modules/p11-kit-trust.module", "module: p11-kit-trust.so\n")
    told(surroundings.registered(machine), "ok")
    write(root, "/usr/share/p11-kit/modules/lost.module", "module: lost-pkcs11.so\n")
    told(surroundings.registered(machine), "warn", "lost.module", "lost-pkcs11.so")


def test_no_chinese_font(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(fonts, "_FOLDERS", (str(tmp_path),))
    told(doctor.chinese_font(), "warn", "apt install fonts-noto-cjk")
    (tmp_path / "NotoSansCJK-Regular.ttc").touch()
    told(doctor.chinese_font(), "ok", "NotoSansCJK-Regular.ttc")


def test_keyrings() -> None:
    told(surroundings.keyring(lambda: ["keyring.backends.SecretService"]), "ok", "SecretService")
    told(surroundings.keyring(lambda: ["keyring.backends.fail"]), "warn", "gnome-keyring")
    told(surroundings.keyring(lambda: ["keyrings.alt.file"]), "warn", "gnome-keyring")
    assert "plain text" in surroundings.keyring(lambda: ["keyrings.alt.file"])["message"]["en"]

    def blocked() -> list[str]:
        raise subprocess.TimeoutExpired("keyring", 5)

    assert "Unlock" in surroundings.keyring(blocked)["hint"]["en"]


def test_the_keyring_is_asked_in_a_process_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.null.Keyring")
    assert surroundings.keyring_backends(120) == ["keyring.backends.null"]
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "no.such.Backend")
    assert surroundings.keyring_backends(120) == []


# Tokens, and the whole


def token(**more: Any) -> Token:
    return replace(Token("m", 0, "slot", "签名 1", "0123456789", "maker", "model", TokenState.READY, PinState.OK), **more)


def test_tokens_whose_pin_is_in_danger() -> None:
    told(doctor.tokens(())[0], "warn", "yinxin token init --emulated")
    assert [each["state"] for each in doctor.tokens((token(),))] == ["ok"]
    told(doctor.tokens((token(pin_state=PinState.LOCKED),))[1], "fail", "签名 1", "yinxin token pin unblock")
    told(doctor.tokens((token(pin_state=PinState.FINAL_TRY),))[1], "warn", "签名 1")
    told(doctor.tokens((token(pin_state=PinState.LOW),))[1], "warn", "签名 1")
    told(doctor.tokens((token(pin_to_be_changed=True),))[1], "warn", "签名 1", "yinxin token pin change")


def test_one_broken_check_hides_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> dict[str, Any]:
        raise RuntimeError("4711")

    monkeypatch.setattr(cards, "readers", broken)
    found = {each["name"]: each for each in local(locate(str(tmp_path / "h")))}
    assert "RuntimeError" in found["readers"]["message"]["en"]
    assert "4711" not in str(found)
    assert {"python", "home", "clock", "pcscd", "usb_rights", "card_users", "p11_kit", "softhsm2", "keyring", "display", "pyside6"} <= set(found)


def test_an_inventory_that_fails_is_a_finding(tmp_path: Path) -> None:
    class Broken:
        async def module_statuses(self) -> None:
            raise ZeroDivisionError

        tokens = module_statuses

    async def last() -> None:
        raise ZeroDivisionError

    found = {each["name"]: each for each in asyncio.run(doctor.checks(locate(str(tmp_path / "h")), Broken(), last))}  # type: ignore[arg-type]
    assert {found[name]["state"] for name in ("modules", "tokens")} == {"warn"}
    assert "fonts" in found


def test_the_ledgers_last_entry_is_looked_at(yinxin: Yinxin) -> None:
    import sqlite3

    yinxin("token", "list")
    yinxin("agent", "stop")
    late = b'{"at":"2199-01-01T00:00:00.000000Z","body":{},"type":"test","v":1}'
    with sqlite3.connect(yinxin.home / "data" / "ledger.db") as store:
        store.execute("INSERT INTO entries (seq, id, statement, nodes) VALUES (1000, 'x', ?, ?)", (late, b"0" * 32))
    store.close()
    clock = next(each for each in yinxin("doctor", code=1).json["checks"] if each["name"] == "clock")
    told(clock, "fail", "2199-01-01")
