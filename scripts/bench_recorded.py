"""What recording costs: a signed set of 1,000 drawings beside the same by an agent without a ledger, and how often each asks the disk to be sure."""

import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from agent.api.home import locate
from tokens import platform

if TYPE_CHECKING:
    from scripts.bench import Bench, Figure

ROUNDS = 3
GOAL = 1.15
_SYNCS = re.compile(rb"\b(?:fsync|fdatasync|syncfs|sync_file_range)\(")
RECORDED, UNRECORDED = "agent.main", "scripts.bench_unrecorded"


def figures(bench: "Bench", figure: "Callable[..., Figure]", stop: "Callable[[Bench], None]") -> "Iterator[Figure]":
    """`recorded_set` in seconds, and `recorded_fsyncs` a document where strace is installed."""
    files = sorted((bench.folder / "in").glob("*.pdf"))
    stop(bench)
    seconds: dict[str, list[float]] = {RECORDED: [], UNRECORDED: []}
    for turn in range(ROUNDS):
        for program in (RECORDED, UNRECORDED)[:: 1 if turn % 2 else -1]:
            with _agent(bench, program):
                seconds[program].append(bench.sign("p256", files))
    yield figure("recorded_set", min(seconds[RECORDED]), min(seconds[UNRECORDED]), "s", goal=GOAL)
    if shutil.which("strace") is None:
        print("recorded_fsyncs: strace is not installed", file=sys.stderr)
        return
    counts = [_syncs(bench, program, files) / len(files) for program in (RECORDED, UNRECORDED)]
    yield figure("recorded_fsyncs", *counts, "a document")


def _syncs(bench: "Bench", program: str, files: Sequence[Path]) -> int:
    """How often the agent and its workers asked the disk to be sure, over one set."""
    trace = bench.folder / "trace"
    with _agent(bench, program, "strace", "-f", "-qq", "-e", "trace=fsync,fdatasync,syncfs,sync_file_range", "-o", str(trace)):
        before = len(_SYNCS.findall(trace.read_bytes()))
        bench.sign("p256", files)
        return len(_SYNCS.findall(trace.read_bytes())) - before


@contextmanager
def _agent(bench: "Bench", program: str, *around: str) -> Iterator[None]:
    """An agent that runs and has looked at its tokens."""
    process = subprocess.Popen(
        [*around, sys.executable, "-m", program, "--home", str(bench.home)], env=bench.env(), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL
    )
    try:
        while process.poll() is None and not _answers(bench.home):
            time.sleep(0.02)
        bench.run(*bench.yinxin("--json", "token", "list"))
        yield
    finally:
        bench.run(*bench.yinxin("agent", "stop"))
        process.wait()


def _answers(home: Path) -> bool:
    try:
        platform.connect(str(locate(str(home)).socket), 1).close()
    except OSError:
        return False
    return True
