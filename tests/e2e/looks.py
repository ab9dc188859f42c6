"""What a test looks at from outside: what was told, what lies in a folder, what other programs say of an output, who still runs."""

import hashlib
import os
import stat
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.conftest import Result


def told(result: Result) -> dict[str, Any]:
    """The error object of a `--json` run: two sentences, and no traceback anywhere."""
    assert "Traceback" not in result.out + result.err
    error = result.error
    assert error["message"]
    assert error["hint"]
    assert "(unknown)" not in error["message"] + error["hint"], error
    assert ": None" not in error["message"] + error["hint"], error
    return error


def sentences(result: Result) -> list[str]:
    """The two sentences of a run for people: nothing on stdout, two lines on stderr."""
    assert "Traceback" not in result.out + result.err
    assert not result.out
    lines = result.err.splitlines()
    assert len(lines) == 2, result.err
    return lines


def tree(folder: Path) -> dict[bytes, str]:
    """Everything below a folder: name, kind, digest of the content."""
    found = {}
    for top, folders, files in os.walk(os.fsencode(folder)):
        for name in folders:
            found[os.path.join(top, name)] = "folder"
        for name in files:
            path = os.path.join(top, name)
            seen = os.lstat(path)
            found[path] = hashlib.sha256(Path(os.fsdecode(path)).read_bytes()).hexdigest() if stat.S_ISREG(seen.st_mode) else f"{seen.st_mode:o}"
    return found


def assert_signed(path: "str | os.PathLike[str]") -> None:
    """pdfsig and qpdf accept it: valid, the whole document, no damage."""
    said = subprocess.run(["pdfsig", "-nocert", path], capture_output=True, text=True, errors="replace", check=False).stdout
    assert "Signature is Valid" in said, said
    assert "Total document signed" in said, said
    checked = subprocess.run(["qpdf", "--check", path], capture_output=True, text=True, errors="replace", check=False)
    assert checked.returncode == 0, checked.stderr


def until(reached: Callable[[], bool], seconds: float = 30.0) -> None:
    """Wait for an event of another process; fails when it does not come."""
    end = time.monotonic() + seconds
    while not reached():
        assert time.monotonic() < end, "it did not come"
        time.sleep(0.005)  # how finely we look, not how long it takes


def children(home: Path) -> dict[int, str]:
    """The processes below the agent of a home, by pid."""
    agent = agent_of(home)
    return {pid: line for pid, line, parent in processes() if agent is not None and parent == agent}


def agent_of(home: Path) -> int | None:
    """The pid of the home's agent."""
    return next((pid for pid, line, _ in processes() if "agent.main" in line and f"--home {home}" in line + " "), None)


def processes() -> list[tuple[int, str, int]]:
    """Pid, command line and parent of every process."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="surrogateescape")
                found.append((int(entry.name), line, int((entry / "stat").read_text().rsplit(")", 1)[1].split()[1])))
            except (OSError, IndexError):
                continue
    return found
