"""softhsm-config/provision.py: idempotent, and what it makes is usable by others."""

import json
import os
import subprocess
import sys
from pathlib import Path

from tests.tokens.conftest import Bench
from tokens import emulated

ROOT = Path(__file__).resolve().parent.parent.parent
SCRIPT = ROOT / "softhsm-config" / "provision.py"


def _run(*arguments: str, **extra: str) -> subprocess.CompletedProcess[str]:
    base = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "LANG": "C.UTF-8", **extra}
    return subprocess.run([sys.executable, str(SCRIPT), *arguments], env=base, capture_output=True, text=True, check=False)


def test_it_may_be_run_again(empty: Bench, tmp_path: Path) -> None:
    (empty.folder / "pin").write_text("24681357\n")
    home = ["--home", str(empty.folder / "h"), "--label", "练习", "--key", "p256", "--pin", f"file:{empty.folder}/pin"]
    first = _run(*home)
    assert first.returncode == 0, first.stderr
    made = json.loads(first.stdout)
    assert made["made"] is True
    assert json.loads(_run(*home).stdout) == {**made, "made": False}
    tool = ["pkcs11-tool", "--module", made["module"], "--login", "--pin", "24681357", "--list-objects", "--type", "privkey"]
    listed = subprocess.run(
        tool, env={"PATH": os.environ["PATH"], "SOFTHSM2_CONF": made["SOFTHSM2_CONF"]}, capture_output=True, text=True, check=True
    )
    assert made["key"] in listed.stdout


def test_what_goes_wrong_is_one_line(empty: Bench) -> None:
    home = ["--home", str(empty.folder / "h"), "--label", "x"]
    for wrong in (["--pin", "env:NO_SUCH"], ["--pin", "123456"], ["--pin", "file:/nonexistent"]):
        done = _run(*home, *wrong)
        assert (done.returncode, done.stdout, done.stderr.count("\n")) == (3, "", 1)
        assert "123456" not in done.stderr
    done = _run("--home", str(empty.folder / "h"), "--label", "x" * 33)
    assert (done.returncode, done.stdout) == (3, "")


def test_the_template_is_what_the_product_writes() -> None:
    assert (SCRIPT.with_name("softhsm2.conf.template")).read_text(encoding="utf-8") == emulated._CONFIGURATION
