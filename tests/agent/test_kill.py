"""kill -9 of the agent, its session host or a signing worker at random points while signing (promises 5, 6, 8)."""

import json
import os
import random
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import PracticeToken, Yinxin

DOCUMENTS = 40
VICTIMS = ("agent.main", "tokens/host", "agent.signing.worker")


def processes_of(home: Path) -> dict[str, list[int]]:
    """The pids of a home's agent and of its children, by what they run."""
    found: dict[str, list[int]] = {name: [] for name in VICTIMS}
    agents = [pid for pid, line in command_lines() if "agent.main" in line and str(home) in line]
    found["agent.main"] = agents
    for pid, line in command_lines():
        for name in VICTIMS[1:]:
            if name in line and parent(pid) in agents and "monitor" not in line:
                found[name].append(pid)
    return found


def command_lines() -> list[tuple[int, str]]:
    out = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                out.append((int(entry.name), (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")))
            except OSError:
                continue
    return out


def parent(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[1])
    except (OSError, IndexError):
        return 0


def wait_until(reached: Callable[[], bool], process: "subprocess.Popen[str]", seconds: float) -> None:
    """Return as soon as `reached`, when the process ended, or after `seconds`."""
    until = time.monotonic() + seconds
    while not reached() and time.monotonic() < until:
        try:
            process.wait(0.002)
            return
        except subprocess.TimeoutExpired:
            continue


def assert_valid(path: Path) -> None:
    said = subprocess.run(["pdfsig", "-nocert", path], capture_output=True, text=True, check=False).stdout
    assert "Signature is Valid" in said, f"{path}: {said}"
    assert "Total document signed" in said, f"{path}: {said}"


@pytest.mark.promise(5)
@pytest.mark.promise(6)
@pytest.mark.obligation("S41")
def test_killed_anywhere_an_output_is_absent_or_whole_and_the_next_command_works(
    yinxin: Yinxin, practice_token: PracticeToken, drawing: Path, tmp_path: Path, times: Callable[[int, int], int]
) -> None:
    chance = random.Random(20261122)
    inputs = [shutil.copy(drawing, tmp_path / f"图 {n}.pdf") for n in range(DOCUMENTS)]
    interrupted = partial = 0
    for turn in range(times(30, 300)):
        out = tmp_path / f"out{turn}"
        out.mkdir()
        victim = chance.choice(VICTIMS)
        signing = yinxin.start("sign", *inputs, "--out-dir", out, "--token", practice_token.label, "--pin", "env:YX_PIN")
        # The moment of the kill is the fault that is injected: after so many outputs appeared, or at any time before the first.
        after = chance.choice([0, chance.randrange(1, DOCUMENTS)])
        patience = chance.uniform(0.05, 1.2) if after == 0 else 60.0
        wait_until(lambda wanted=after, folder=out: wanted > 0 and len(os.listdir(folder)) >= wanted, signing, patience)
        for pid in processes_of(yinxin.home)[victim]:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        stdout, stderr = signing.communicate(timeout=120)
        assert "Traceback" not in stdout + stderr
        answer = json.loads(stdout)
        assert signing.returncode in (0, 3, 5, 6, 7), (victim, stdout, stderr)
        present = sorted(out.iterdir())
        assert all(path.name.endswith(".signed.pdf") for path in present), present
        for path in present:
            assert_valid(path)
        if "documents" in answer:
            published = {Path(d["output"]) for d in answer["documents"] if d["state"] == "published"}
            assert published <= set(present), "told as published and not there"
        interrupted += signing.returncode != 0
        partial += 0 < len(present) < DOCUMENTS
        shutil.rmtree(out)
        assert yinxin("token", "list").json["tokens"][0]["label"] == practice_token.label
    assert interrupted, "no kill met a set under way: the test proves nothing"
    assert partial, "no kill met a set between two documents: the test proves little"
    print(f"{interrupted} interrupted, {partial} of them with some documents published")
    final = tmp_path / "final"
    final.mkdir()
    done = yinxin("sign", *inputs, "--out-dir", final, "--token", practice_token.label, "--pin", "env:YX_PIN").json
    assert [d["state"] for d in done["documents"]] == ["published"] * DOCUMENTS
    assert all(Path(p).read_bytes() == drawing.read_bytes() for p in inputs), "an input was touched"
