"""This machine as the checks see it: files below a root, the environment, USB devices by sysfs, programs by /proc.

Everything is read below `root`, so that a test can lay out a machine of its own.
"""

import os
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

SMART_CARD = 0x0B
"""USB interface class of card readers, and of keys that are reader and card in one (CCID)."""

KEY_MAKERS: Mapping[str, str] = {
    "055c": "Longmai 龙脉",
    "096e": "Feitian 飞天诚信",
    "163c": "WatchData 握奇",
    "1677": "CEC Huada 华大",
    "0529": "SafeNet",
    "08e6": "Gemalto",
    "0a89": "Aktiv Rutoken",
    "0dc3": "Athena",
    "1050": "Yubico",
    "20a0": "Nitrokey, CanoKey",
    "234b": "Gnuk",
    "25dd": "Bit4id",
    "2ccf": "Hypersecu",
}
"""USB vendor numbers of makers of keys (usb.ids and libccid's list; Longmai's by users' reports)."""
_KEY_NAME = re.compile(r"u-?key|usb ?key\b|e-?key\b|token|epass|smart ?card", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class UsbDevice:
    """A plugged-in device."""

    vendor: str
    product: str
    name: str
    """What it says of itself, else its maker, else its numbers."""
    classes: frozenset[int]
    """Its interfaces' classes: 3 HID, 8 storage, 11 smart card, 255 the maker's own."""
    nodes: tuple[str, ...]
    """Files in /dev by which a program reaches it."""

    @property
    def is_card(self) -> bool:
        """Whether pcscd serves it, given a driver."""
        return SMART_CARD in self.classes

    @property
    def is_key(self) -> bool:
        """Whether it is, or probably is, a key or a card reader."""
        # A key of Yubico's without a smart card part does FIDO and no PKCS#11.
        return self.is_card or (self.vendor in KEY_MAKERS and self.vendor != "1050") or bool(_KEY_NAME.search(self.name))


@dataclass(frozen=True, slots=True)
class Process:
    """A program that runs now; what the kernel does not let us see is empty."""

    pid: int
    parent: int
    name: str
    open_files: frozenset[str]
    mapped: frozenset[str]

    def __str__(self) -> str:
        return f"{self.name} ({self.pid})"


@dataclass(frozen=True, slots=True)
class Machine:
    """Where to look."""

    root: Path = Path("/")
    environment: Mapping[str, str] = field(default_factory=lambda: os.environ)
    may: Callable[[Path], bool] = lambda path: os.access(path, os.R_OK | os.W_OK)
    """Whether this user may read and write a file (with ACLs, as udev's uaccess sets them)."""

    def at(self, path: str) -> Path:
        """An absolute path, below the root."""
        return self.root / path.lstrip("/")

    def plugged_keys(self) -> tuple[UsbDevice, ...]:
        """Keys and card readers at USB."""
        return tuple(device for device in self._usb() if device.is_key)

    def _usb(self) -> Iterator[UsbDevice]:
        for folder in sorted(_entries(self.at("/sys/bus/usb/devices"))):
            vendor, product = _text(folder / "idVendor").lower(), _text(folder / "idProduct").lower()
            if ":" in folder.name or not vendor:
                continue
            interfaces = sorted(path for path in _entries(folder) if path.name.startswith(folder.name + ":"))
            classes = frozenset(int(_text(path / "bInterfaceClass") or "0", 16) for path in interfaces)
            said = " ".join(filter(None, (_text(folder / "manufacturer"), _text(folder / "product"))))
            name = said or KEY_MAKERS.get(vendor) or f"{vendor}:{product}"
            yield UsbDevice(vendor, product, name, classes, tuple(_nodes(folder, interfaces)))

    def processes(self) -> Iterator[Process]:
        """Every program whose entry can be read."""
        for folder in sorted(_entries(self.at("/proc"))):
            if folder.name.isdecimal() and (name := _text(folder / "comm")):
                if "tokens.host" in _text(folder / "cmdline"):
                    name = "yinxin"  # another home's agent
                parent = re.search(r"(?m)^PPid:\s*(\d+)", _text(folder / "status"))
                opened = frozenset(_link(path) for path in _entries(folder / "fd"))
                mapped = frozenset(words[5] for words in (line.split(None, 5) for line in _text(folder / "maps").splitlines()) if len(words) == 6)
                yield Process(int(folder.name), int(parent[1]) if parent else 0, name, opened, mapped)


def _nodes(folder: Path, interfaces: list[Path]) -> Iterator[str]:
    bus, number = _text(folder / "busnum"), _text(folder / "devnum")
    if bus.isdecimal() and number.isdecimal():
        yield f"/dev/bus/usb/{int(bus):03}/{int(number):03}"
    for interface in interfaces:
        for found in (*interface.glob("*/hidraw/hidraw*"), *interface.glob("host*/target*/*/scsi_generic/sg*")):
            yield f"/dev/{found.name}"


def _entries(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError:
        return []


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""


def _link(path: Path) -> str:
    try:
        return os.readlink(path)
    except OSError:
        return ""
