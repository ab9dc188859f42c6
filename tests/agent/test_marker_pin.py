"""A marker PIN sent through the whole path stays nowhere but in the caller's own environment (promise 2, S46)."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.agent.test_kill import command_lines, processes_of
from tests.conftest import Yinxin

PIN = "MARK-7f3a91c4-PIN"
SO_PIN = "MARK-SO-55e0b2d8-PIN"
WRONG = "MARK-WRONG-6d21aa-PIN"
NEW = "MARK-NEW-0c94e7-PIN"
UNBLOCKED = "MARK-UNBLOCKED-b7710f-PIN"
REFUSED = "MARKMARKMARKMARKMARKMARK"
_FORMS = (lambda w: w.encode(), lambda w: w.encode("utf-16-le"), lambda w: w.encode("utf-32-le"), lambda w: w.encode().hex().encode())
NEEDLES = [form(word) for word in (PIN, SO_PIN, WRONG, NEW, UNBLOCKED, REFUSED) for form in _FORMS]


def holding(data: bytes) -> list[bytes]:
    return [needle for needle in NEEDLES if needle in data]


@pytest.mark.obligation("S46")
@pytest.mark.promise(2)
def test_the_pin_is_found_in_no_log_file_argv_environment_memory_or_error(yinxin: Yinxin, drawing: Path, tmp_path: Path) -> None:
    env = {"M_PIN": PIN, "M_SO": SO_PIN, "M_WRONG": WRONG, "M_NEW": NEW, "M_UNBLOCKED": UNBLOCKED, "M_REFUSED": REFUSED}
    told = []

    def run(*arguments: str | os.PathLike[str], code: int = 0) -> None:
        done = yinxin(*arguments, code=code, env=env)
        told.append(done.out + done.err)

    pin = ("--token", "标记", "--pin", "env:M_PIN")
    run("token", "init", "--emulated", "--practice", "--label", "标记", "--pin", "env:M_PIN", "--so-pin", "env:M_SO")
    run("ca", "create", "--subject", "CN=标记 CA,C=CN", "--type", "p256", *pin)
    run("key", "generate", "--type", "p256", "--label", "k", *pin)
    run("cert", "request", "--key", "k", "--subject", "CN=标记,C=CN", "--out", tmp_path / "r.csr", *pin)
    run("cert", "issue", tmp_path / "r.csr", "--ca", "标记", "--profile", "signer", "--out", tmp_path / "r.crt", "--pin", "env:M_PIN")
    run("cert", "import", tmp_path / "r.crt", *pin)
    run("sign", drawing, "--out", tmp_path / "1.pdf", *pin)
    run("sign", drawing, "--out", tmp_path / "2.pdf", "--token", "标记", "--pin", "env:M_WRONG", code=3)
    run("sign", drawing, "--out", tmp_path / "2.pdf", "--token", "标记", "--pin", PIN, code=2)  # the classic mistake: as an argument
    run("token", "inspect", "标记", "--pin", "env:M_PIN", "--report", tmp_path / "report.html")
    run("token", "pin", "change", "标记", "--pin", "env:M_PIN", "--new-pin", "env:M_REFUSED", code=4)
    run("token", "pin", "change", "标记", "--pin", "env:M_WRONG", "--new-pin", "env:M_NEW", code=3)
    run("token", "pin", "change", "标记", "--pin", "env:M_PIN", "--new-pin", "env:M_NEW")
    run("token", "pin", "unblock", "标记", "--so-pin", "env:M_WRONG", "--new-pin", "env:M_UNBLOCKED", code=3)
    run("token", "pin", "unblock", "标记", "--so-pin", "env:M_SO", "--new-pin", "env:M_UNBLOCKED")
    run("sign", drawing, "--out", tmp_path / "3.pdf", "--token", "标记", "--pin", "env:M_UNBLOCKED")

    for text in told:
        assert not holding(text.encode()), text
    agents = processes_of(yinxin.home)["agent.main"]
    assert len(agents) == 1
    for pid, line in command_lines():
        assert not holding(line.encode()), f"argv of {pid}"
    for pid in [pid for pids in processes_of(yinxin.home).values() for pid in pids]:
        try:
            environment = Path(f"/proc/{pid}/environ").read_bytes()
        except PermissionError:
            continue  # not dumpable: only root may look
        assert not holding(environment), f"environment of {pid}"  # the agent too: whoever starts it keeps the `env:` source to itself
    if shutil.which("gdb") and os.getuid() == 0:
        core = tmp_path / "core"
        subprocess.run(
            ["gdb", "-q", "-batch", "-p", str(agents[0]), "-ex", f"generate-core-file {core}"], capture_output=True, timeout=120, check=False
        )
        memory = core.read_bytes()
        assert len(memory) > 1_000_000
        assert not holding(memory), "agent memory"
        core.unlink()
    yinxin("agent", "stop", env=env)
    for path in [p for top in (yinxin.home, tmp_path) for p in top.rglob("*") if p.is_file()]:
        assert not holding(path.read_bytes()), path
