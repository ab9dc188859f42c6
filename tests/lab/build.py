"""Builds the fault-injecting module from shim.c."""

import shutil
import subprocess
from pathlib import Path


def shim(library: Path) -> None:
    """Compile it to `library`; gcc must be there."""
    compiler = shutil.which("gcc")
    assert compiler is not None
    source = Path(__file__).with_name("shim.c")
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-Wall", "-Wextra", "-Werror", "-o", library, source, "-ldl"], check=True)
