"""The floors of ARCHITECTURE.md, and the one module that knows the operating system."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCES = [path for package in ("agent", "desktop", "tokens") for path in sorted((ROOT / package).rglob("*.py"))]
PLATFORM = ROOT / "tokens" / "platform.py"
LONGEST = 400


def test_nobody_imports_upwards() -> None:
    lint = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([lint, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("path", [path for path in SOURCES if path != PLATFORM], ids=lambda path: str(path.relative_to(ROOT)))
def test_the_operating_system_stays_behind_one_module(path: Path) -> None:
    """ruff's banned-api sees imports; this sees the rest: attributes, names, functions of libc called by their name."""
    for node in ast.walk(ast.parse(path.read_bytes())):
        found = {
            ast.Import: lambda node: {alias.name for alias in node.names},
            ast.ImportFrom: lambda node: {node.module, *(alias.name for alias in node.names)},
            ast.Attribute: lambda node: {node.attr},
            ast.Name: lambda node: {node.id},
        }.get(type(node), lambda node: set())(node)
        forbidden = found & {"fcntl", "resource", "AF_UNIX", "SO_PEERCRED", "prctl", "flock", "setrlimit", "memfd_create"}
        assert not forbidden, f"{path.relative_to(ROOT)}:{getattr(node, 'lineno', 0)} uses {forbidden}: that belongs in tokens/platform.py"


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_file_grew_a_second_thing(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= LONGEST


def test_packages_say_that_they_are_typed() -> None:
    for package in ("agent", "desktop", "tokens"):
        assert (ROOT / package / "py.typed").exists()
