"""`make demo` and `make test` on a machine where something is missing: with rights it is installed, without them the exact command is printed."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """A checkout with nothing but the bootstrap, and a `bin` that has every program but pdfsig, for a user who is not root and has no sudo."""
    shutil.copytree(ROOT / "scripts", tmp_path / "scripts", ignore=shutil.ignore_patterns("__pycache__"))
    programs = tmp_path / "bin"
    programs.mkdir()
    for folder in ("/usr/bin", "/bin"):
        for name in os.listdir(folder):
            if name not in {"pdfsig", "sudo", "id", "apt-get"} and not (programs / name).exists():
                (programs / name).symlink_to(f"{folder}/{name}")
    program(programs / "id", "echo 1000")
    program(programs / "apt-get", 'echo "$*" >> "$(dirname "$0")/../apt-calls"')
    return tmp_path


def program(path: Path, body: str) -> None:
    path.write_text(f"#!/bin/bash\n{body}\n")
    path.chmod(0o755)


def bootstrap(machine: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        ["/bin/bash", machine / "scripts/bootstrap", "demo"],
        env={"PATH": str(machine / "bin"), "HOME": str(machine)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


def test_without_rights_the_exact_command_is_printed_and_nothing_is_begun(machine: Path) -> None:
    done = bootstrap(machine)
    assert done.returncode != 0
    assert "sudo apt-get update && sudo apt-get install -y --no-install-recommends poppler-utils\n" in done.stderr
    assert "make demo" in done.stderr
    assert not (machine / "apt-calls").exists()
    assert not (machine / ".venv").exists()


def test_with_sudo_what_is_missing_is_installed_and_looked_for_again(machine: Path) -> None:
    program(machine / "bin/sudo", '[ "$1" = -n ] && shift; "$@"')
    done = bootstrap(machine)
    calls = (machine / "apt-calls").read_text().splitlines()
    assert len(calls) == 2
    assert calls[0].endswith("update")
    assert calls[1].endswith("install -y --no-install-recommends poppler-utils")
    assert done.returncode != 0  # this apt-get installs nothing: said plainly, not met later in the middle of the demo
    assert "Still missing after the installation of poppler-utils: poppler-utils" in done.stderr


def test_scripts_name_no_index_and_download_nothing_but_packages() -> None:
    for path in (ROOT / "scripts/bootstrap", ROOT / "scripts/pins", ROOT / "Makefile", ROOT / ".ci/run"):
        text = path.read_text(encoding="utf-8")
        for word in ("http://", "https://", "--index-url", "--trusted-host", "curl ", "wget "):
            assert word not in text, f"{path.name}: {word}"


def test_what_would_change_the_machine_is_laid_open_and_not_installed() -> None:
    """A reader that listens on the network, a daemon that takes the TPM, a module for every p11-kit user: docs/decisions/0019."""
    lines = (ROOT / "scripts/bootstrap").read_text(encoding="utf-8").splitlines()
    for package in ("vsmartcard-vpcd", "tpm2-abrmd", "libtpm2-pkcs11-1"):
        assert any(f"unpack {package} " in line for line in lines)
        assert not [line for line in lines if package in line.split("#")[0] and ("_or " in line or "need " in line)]
