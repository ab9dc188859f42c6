"""Verifying, beside pyHanko: `verify_500` for `make bench`; as a program it is the peer, `python -m scripts.bench_verify ROOT.pem PDF…`.

verify_500       500 signed drawings: `yinxin verify` as a whole process, agent warm, beside stock pyHanko as its users call it: one process that
                 opens each file and calls `validate_pdf_signature` for every embedded signature
verify_500_two   the same beside the best pyHanko can do here: two such processes, half of the files each (no goal)
verify_memory    peak memory of agent and workers, 1,000 documents beside 100, in MB
"""

import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from scripts.bench import Bench, Figure

COUNT = 500
_ROUNDS = 3


def rates(bench: "Bench") -> "Iterator[Figure]":
    """`verify_500` and `verify_500_two`; each runs in turns with its peer, and the best time of each counts."""
    from scripts.bench import ROOT, _figure

    files = signed(bench, COUNT)
    root = bench.folder / "root.pem"
    bench.run(*bench.yinxin("--json", "cert", "export", "Bench CA p256", "--out", root))
    ours, one, two = [], [], []
    for _ in range(_ROUNDS):
        bench.run(*bench.yinxin("--json", "verify", files[0], "--offline"))  # the agent and a worker are up
        ours.append(bench.timed(*bench.yinxin("--json", "verify", *files, "--offline")))
        one.append(bench.timed(*_peer(root, files)))
        two.append(_together(bench, [_peer(root, files[::2]), _peer(root, files[1::2])], ROOT))
    yield _figure("verify_500", len(files) / min(ours), len(files) / min(one), "documents/s", goal=3, more=True)
    yield _figure("verify_500_two", len(files) / min(ours), len(files) / min(two), "documents/s")


def memory(bench: "Bench") -> "Iterator[Figure]":
    """`verify_memory`."""
    from scripts.bench import Figure, _stop, _watched

    files = signed(bench, 1000)
    peaks = []
    for some in (files[:100], files):
        _stop(bench)
        with _watched(bench) as peak:
            bench.run(*bench.yinxin("--json", "verify", *some, "--offline"))
        peaks.append(sum(peak.values()) / 1000)
    more = peaks[1] - peaks[0]
    yield Figure("verify_memory", round(peaks[1], 1), round(peaks[0], 1), "MB", round(peaks[1] / peaks[0], 2), 40, more <= 40)


def signed(bench: "Bench", count: int) -> list[Path]:
    """So many drawings, signed with our own signer under one PIN, once for each run."""
    from scripts.bench import _documents

    folder = bench.folder / f"signed-{count}"
    if not folder.exists():
        drawings = _documents(bench.folder / f"unsigned-{count}", count)
        folder.mkdir()
        bench.run(*bench.yinxin("--json", "sign", *drawings, "--token", "p256", "--pin", "env:YX_PIN", "--out-dir", folder))
    return sorted(folder.glob("*.pdf"))


def _peer(root: Path, files: Sequence[Path]) -> tuple[str | Path, ...]:
    return (sys.executable, "-m", "scripts.bench_verify", root, *files)


def _together(bench: "Bench", commands: Sequence[tuple[str | Path, ...]], folder: Path) -> float:
    """Seconds until the last of several processes has ended."""
    import time

    begin = time.perf_counter()
    with ExitStack() as stack:
        running = [
            stack.enter_context(subprocess.Popen(c, cwd=folder, env=bench.env(), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL))
            for c in commands
        ]
        if any(process.wait() for process in running):
            raise RuntimeError("the peer failed")
    return time.perf_counter() - begin


def stock_pyhanko(root: str, *files: str) -> None:
    """Validate every signature of `files` as pyHanko's documentation shows it; raises where one is not valid."""
    import logging

    from pyhanko.keys import load_cert_from_pemder
    from pyhanko.pdf_utils.reader import PdfFileReader
    from pyhanko.sign.validation import validate_pdf_signature
    from pyhanko_certvalidator import ValidationContext

    logging.disable(logging.CRITICAL)
    anchor = load_cert_from_pemder(root)  # type: ignore[no-untyped-call]
    for file in files:
        context = ValidationContext(trust_roots=[anchor])
        with open(file, "rb") as stream:
            for signature in PdfFileReader(stream).embedded_signatures:
                if not validate_pdf_signature(signature, context).bottom_line:
                    raise RuntimeError(file)


if __name__ == "__main__":
    stock_pyhanko(*sys.argv[1:])
