"""Builds the lab's libraries from C: shim.c, the module that misbehaves, and pcscd_folder.c."""

import shutil
import subprocess
from pathlib import Path


def library(name: str, target: Path) -> None:
    """Compile `name`.c of this folder to `target`; gcc must be there."""
    compiler = shutil.which("gcc")
    assert compiler is not None
    source = Path(__file__).with_name(f"{name}.c")
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-Wall", "-Wextra", "-Werror", "-o", target, source, "-ldl"], check=True)
