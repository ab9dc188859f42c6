"""`make lab`: every kind of token through the contract suite, which writes docs/tokens.md; then the PKCS#11 modules registered on this machine.

NSS, a TPM and a card service run privately, in folders of their own.  Of the machine's own modules each that our discovery calls usable
is opened by pkcs11-tool too, and the two must see the same token labels; no PIN is sent to them.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
TABLE = "tests/contract/test_table.py"


def yinxin(home: str, *words: str) -> dict[str, Any]:
    """The JSON of one of our commands on a home of its own."""
    done = subprocess.run([ROOT / ".venv/bin/yinxin", "--home", home, "--json", *words], capture_output=True, text=True, stdin=subprocess.DEVNULL)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def labels_by_pkcs11_tool(module: str) -> set[str] | None:
    """Token labels as OpenSC's tool lists them; None when it cannot open the module."""
    done = subprocess.run(["pkcs11-tool", "--module", module, "-L"], capture_output=True, text=True, errors="replace", timeout=60)
    if "No slots" in done.stdout + done.stderr:
        return set()
    if done.returncode:
        return None
    return {line.partition(":")[2].strip() for line in done.stdout.splitlines() if line.strip().startswith("token label")}


def contract() -> int:
    """The suite, whose success writes docs/tokens.md; its exit code."""
    told = {**os.environ, "YINXIN_LAB": "1", "YINXIN_LAB_TABLE": "1", "QT_QPA_PLATFORM": "offscreen"}
    code = subprocess.run([sys.executable, "-m", "pytest", "-q", "--deselect", TABLE, "tests/contract"], cwd=ROOT, env=told).returncode
    print("docs/tokens.md: " + ("已写出 / written" if code == 0 else "没有改动 / left as it was"))
    return code


def main() -> int:
    """1 when a token does not do what it must, or we and pkcs11-tool disagree on a module."""
    kept = contract() == 0
    print(f"p11-kit: {shutil.which('p11-kit') or '没有安装 / not installed'} · pcscd: {shutil.which('pcscd') or '没有安装 / not installed'}")
    agreed = True
    with tempfile.TemporaryDirectory(prefix="yx-lab-") as folder:
        try:
            modules = yinxin(folder, "module", "list")["modules"]
            tokens = yinxin(folder, "token", "list")["tokens"]
        finally:
            yinxin(folder, "agent", "stop")
    for module in modules:
        path = os.path.realpath(module["path"])
        if not module["usable"]:
            print(f"  - {module['name']}: {module['problem']} ({path})")
            continue
        if module["origin"] == "emulated":
            continue  # the same file as softhsm2 with a configuration of our own
        ours = {token["label"] for token in tokens if token["module"] == module["name"] and token["label"]}
        theirs = labels_by_pkcs11_tool(path)
        same = theirs is None or ours == theirs
        agreed = agreed and same
        verdict = (
            "pkcs11-tool 打不开 / pkcs11-tool cannot open it"
            if theirs is None
            else "一致 / agreed"
            if same
            else f"不一致 / differ: pkcs11-tool {sorted(theirs)}"
        )
        print(f"  {'✓' if same else '✗'} {module['name']}: {sorted(ours)} · {verdict} ({path})")
    return 0 if agreed and kept else 1


if __name__ == "__main__":
    sys.exit(main())
