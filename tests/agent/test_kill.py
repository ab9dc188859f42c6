"""kill -9 of the agent, its session host or a signing worker at random points while signing (promises 5, 6, 8)."""

import functools
import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import PracticeToken, Yinxin

DOCUMENTS = 40
SAMPLED = 4
"""Outputs of each turn that poppler looks at."""
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


def appeared(folder: Path, wanted: int) -> bool:
    return wanted > 0 and len(os.listdir(folder)) >= wanted


def assert_valid(path: Path) -> None:
    said = subprocess.run(["pdfsig", "-nocert", path], capture_output=True, text=True, check=False).stdout
    assert "Signature is Valid" in said, f"{path}: {said}"
    assert "Total document signed" in said, f"{path}: {said}"


@pytest.fixture(params=["sqlite", "postgresql"])
def kept_in(request: pytest.FixtureRequest, yinxin: Yinxin, practice_token: PracticeToken) -> str:
    """Where the ledger is: the home's own file, or the database of an organisation."""
    if request.param == "postgresql":
        server = request.getfixturevalue("cluster")
        yinxin("org", "found", "--name", "云桥", "--person", "李工", "--token", practice_token.label, "--pin", "env:YX_PIN")
        yinxin("store", "set", server.url(server.database()))
    return str(request.param)


@pytest.mark.promise(5)
@pytest.mark.promise(6)
@pytest.mark.obligation("S41")
def test_killed_anywhere_an_output_is_absent_or_whole_and_the_next_command_works(
    yinxin: Yinxin, practice_token: PracticeToken, kept_in: str, drawing: Path, tmp_path: Path, times: Callable[[int, int], int]
) -> None:
    chance = random.Random(f"20261122 {kept_in}")
    inputs = [shutil.copy(drawing, tmp_path / f"图 {n}.pdf") for n in range(DOCUMENTS)]
    interrupted = partial = 0
    for turn in range(times(30, 300)):  # on either store
        out = tmp_path / f"out{turn}"
        out.mkdir()
        victim = chance.choice(VICTIMS)
        signing = yinxin.start("sign", *inputs, "--out-dir", out, "--token", practice_token.label, "--pin", "env:YX_PIN")
        # The moment of the kill is the fault that is injected: after so many outputs appeared, or at any time before the first.
        after = chance.choice([0, chance.randrange(1, DOCUMENTS)])
        patience = chance.uniform(0.05, 1.2) if after == 0 else 60.0
        wait_until(functools.partial(appeared, out, after), signing, patience)
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
        for path in chance.sample(present, min(len(present), SAMPLED)):
            assert_valid(path)
        if "documents" in answer:
            published = {Path(d["output"]) for d in answer["documents"] if d["state"] == "published"}
            assert published <= set(present), "told as published and not there"
        interrupted += signing.returncode != 0
        partial += 0 < len(present) < DOCUMENTS
    assert interrupted, "no kill met a set under way: the test proves nothing"
    assert partial, "no kill met a set between two documents: the test proves little"
    print(f"{kept_in}: {interrupted} interrupted, {partial} of them with some documents published")
    final = tmp_path / "final"
    final.mkdir()
    done = yinxin("sign", *inputs, "--out-dir", final, "--token", practice_token.label, "--pin", "env:YX_PIN").json
    assert [d["state"] for d in done["documents"]] == ["published"] * DOCUMENTS
    assert all(Path(p).read_bytes() == drawing.read_bytes() for p in inputs), "an input was touched"
    assert_all_recorded(yinxin, tmp_path)


def assert_all_recorded(yinxin: Yinxin, folder: Path) -> None:
    """The ledger is whole; every set has one beginning and one end; every document there is was allowed by it, and none is in it twice."""
    assert yinxin("ledger", "verify").json["verdict"] == "passed"
    file = folder / "ledger.jsonl"
    yinxin("ledger", "export", "--format", "jsonl", "--out", file)
    bodies: dict[str, list[dict[str, Any]]] = {"signature.started": [], "signature.finished": []}
    for line in file.read_text(encoding="utf-8").splitlines():
        said = json.loads(line)
        statement = said.get("statement", said)
        if isinstance(statement, str):
            statement = json.loads(statement)
        if statement.get("type") in bodies:
            bodies[statement["type"]].append(statement["body"])
    started, finished = ([body["batch"] for body in each] for each in bodies.values())
    assert sorted(started) == sorted(finished)
    assert len(set(started)) == len(started)
    recorded = [d["sha256"] for body in bodies["signature.finished"] for d in body["documents"] if d["state"] == "published"]
    assert len(set(recorded)) == len(recorded)
    outputs = sorted(folder.glob("*/*.signed.pdf"))
    assert sorted(recorded) == sorted(hashlib.sha256(path.read_bytes()).hexdigest() for path in outputs)
    sample = random.Random(5).sample(outputs, min(len(outputs), 20))
    checked = yinxin("verify", "--offline", *sample).json["documents"]
    assert {signature["ledger"] for document in checked for signature in document["signatures"]} == {"allowed"}
