"""`make obligations` counts what the tests claim, and a claim on a row that does not exist is an error."""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_the_table_ends_with_its_count() -> None:
    done = subprocess.run([sys.executable, "-m", "scripts.obligations"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    met = [line for line in lines if re.match(r"✓ S\d\d ", line)]
    assert len(met) + sum(bool(re.match(r"· S\d\d ", line)) for line in lines) == 91
    assert lines[-1] == f"{len(met)} of 91"
    assert "tests/house/test_demo.py::test_the_drawing_is_signed_in_its_title_block_and_independent_programs_agree" in done.stdout
