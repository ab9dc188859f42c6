"""What the operating system says of others, as text that can be shown and recorded."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from agent.ledger import statement
from tokens import platform


@pytest.mark.promise(5)
def test_a_program_cannot_be_called_what_no_record_can_hold(tmp_path: Path) -> None:
    """Whoever tries PINs from a program whose name is no UTF-8 is recorded all the same."""
    evil = os.path.join(os.fsencode(tmp_path), b"tries\xff\xed\xa0\x80PINs")
    found = shutil.which("sleep")
    assert found
    shutil.copy(found, evil)
    with subprocess.Popen([evil, b"60"]) as running:
        try:
            name = platform.program_of(running.pid)
        finally:
            running.kill()
    assert name.startswith("tries\ufffd")
    assert name.endswith("PINs")
    statement.make("attempt.denied", {"program": name, "user": platform.user_of(os.getuid())}, org=None, device="W").canonical()
    assert platform.program_of(running.pid) == ""
