"""A module's file is looked at before anything loads it."""

import os
import struct
from pathlib import Path

import pytest

from tokens import module_file
from tokens.errors import ModuleUnusable


def _elf(path: Path, machine: int, kind: int = 3, bits: int = 2, order: int = 1) -> str:
    layout = ("<" if order == 1 else ">") + "HH"
    path.write_bytes(b"\x7fELF" + bytes([bits, order, 1]) + bytes(9) + struct.pack(layout, kind, machine) + bytes(64))
    return str(path)


def _reason(path: str, recorded: str | None = None) -> ModuleUnusable:
    with pytest.raises(ModuleUnusable) as caught:
        module_file.examine(path, recorded)
    return caught.value


def test_a_real_module(softhsm: str) -> None:
    seen = module_file.examine(softhsm)
    assert (seen.architecture, seen.owner, seen.writable_by_others) == (module_file.machine(), 0, False)
    assert module_file.examine(softhsm, seen.sha256.upper()) == seen
    assert _reason(softhsm, "00" * 32).facts["reason"] == "changed"


def test_another_architecture_names_both(tmp_path: Path) -> None:
    other = 183 if module_file.machine() == "x86_64" else 62
    facts = _reason(_elf(tmp_path / "m.so", other)).facts
    assert facts["reason"] == "architecture"
    assert facts["module_architecture"] != facts["machine_architecture"] == module_file.machine()
    assert _reason(_elf(tmp_path / "l.so", 258)).facts["module_architecture"] == "loongarch64"
    assert _reason(_elf(tmp_path / "x.so", 62, bits=1)).facts["module_architecture"] == "x32"
    assert _reason(_elf(tmp_path / "b.so", 8, order=2)).facts["module_architecture"] == "mips_be"


@pytest.mark.parametrize("content", [b"", b"\x7fELF", b"hello" * 10, b"MZ" + bytes(100), b"\x7fELF" + bytes(60)])
def test_what_is_no_library(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "m.so"
    path.write_bytes(content)
    assert _reason(str(path)).facts["reason"] == "not_a_module"


def test_a_program_is_no_library(tmp_path: Path) -> None:
    assert _reason(_elf(tmp_path / "m", 62, kind=2)).facts["reason"] == "not_a_module"
    assert _reason(str(tmp_path)).facts["reason"] == "not_a_module"


def test_missing(tmp_path: Path) -> None:
    assert _reason(str(tmp_path / "none.so")).facts["reason"] == "missing"
    assert _reason("/etc/passwd/x.so").facts["reason"] == "missing"


def test_who_may_change_it(tmp_path: Path) -> None:
    machine = next(number for number, name in module_file._MACHINES.items() if name == module_file.machine())
    path = _elf(tmp_path / "m.so", machine)
    assert not module_file.examine(path).writable_by_others
    os.chmod(path, 0o664)
    assert module_file.examine(path).writable_by_others
    os.chmod(path, 0o600)
    os.chmod(tmp_path, 0o777)
    assert module_file.examine(path).writable_by_others


@pytest.mark.promise(8)
def test_a_module_changed_under_its_old_time_is_noticed(tmp_path: Path) -> None:
    """Same length, same file, same time of modification: whoever wrote can set that back."""
    path = tmp_path / "m.so"
    machine = struct.unpack("<H", Path("/proc/self/exe").read_bytes()[18:20])[0]
    recorded = module_file.examine(_elf(path, machine)).sha256
    seen = path.stat()
    with path.open("r+b") as file:
        file.seek(70)
        file.write(b"other")
    while path.stat().st_ctime_ns == seen.st_ctime_ns or path.stat().st_mtime_ns != seen.st_mtime_ns:  # the kernel's clock for files is a coarse one
        os.utime(path, ns=(seen.st_atime_ns, seen.st_mtime_ns))
    assert _reason(str(path), recorded).facts["reason"] == "changed"
