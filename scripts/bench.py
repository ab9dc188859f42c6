"""`make bench`: the figures that Yinxin is measured by, each beside its peer in the same run, on the same emulated token.

Prints a table and writes build/bench.json: a list of {name, ours, peer, unit, ratio, goal, met}; `ratio` is ours over peer, so that for
documents a second more is better and for seconds and MB less is.  `met` is null where there is no goal.  ONLY=name runs one of them:

    sign_rsa2048, sign_p256     1,000 one-page drawings: `yinxin sign`, agent start included, beside stock pyHanko, both as whole processes
    raw_rsa2048, raw_p256       the same beside a bare C_Sign loop (no goal)
    pdf_100mb                   one PDF of more than 100,000,000 bytes beside copy + SHA-256 + fsync, both as whole processes, agent warm
    memory_size, memory_count   peak memory of agent and workers: 100 MB beside 1 MB, 1,000 documents beside 100; ours and peer in MB
    token_list                  `yinxin token list`, agent warm, beside `python -c pass`
    host_call, host_sign        a call through the session host beside the same call in process, in turns, medians in µs; the goal is the most they
                                may lie apart (none for the signature, whose own time depends on what ran before it)
    verify_500, verify_memory   verifying beside pyHanko (see scripts/bench_verify.py)
    ledger_proof, ledger_verify a proof among 1,000,000 entries beside 1,000; a full check beside bare signature checks (scripts/bench_ledger.py)
    recorded_set                a signed set of 1,000 drawings, agent warm, beside the same by an agent without a ledger
    recorded_fsyncs             how often agent and workers asked the disk to be sure, a document of that set (no goal; needs strace)
    append_1m, append_1m_postgresql  (see scripts/bench_append.py)
    batch_logins, batch_lookups a batch of 20 beside a batch of one: C_Login and look-ups of a private key that the module saw
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from scripts import bench_append, bench_ledger, bench_recorded, bench_verify

ROOT = Path(__file__).resolve().parent.parent
PIN = "482615"
DOCUMENTS = 1000
ROUNDS = 2
"""Ours and the peer take turns this often; the best time of each counts, so that a neighbour's load falls on neither."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the table."""

    name: str
    ours: float
    peer: float
    unit: str
    ratio: float
    goal: float | None
    met: bool | None


@dataclass(frozen=True, slots=True)
class Bench:
    """A scratch folder with a home, a token per key type in it, and documents to sign."""

    folder: Path
    count: int

    @property
    def home(self) -> Path:
        """The home of the agent under test."""
        return self.folder / "home"

    def env(self) -> dict[str, str]:
        """The environment of every process, peers too."""
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
        return {"LANG": "C.UTF-8", **kept, "YX_PIN": PIN}

    def yinxin(self, *words: str | Path) -> tuple[str | Path, ...]:
        """A command of ours; the home is named in it, so that the agent's own command line names it too."""
        return (ROOT / ".venv/bin/yinxin", "--home", self.home, *words)

    def run(self, *command: str | Path) -> str:
        """Run to the end; raises on failure."""
        done = subprocess.run(command, cwd=ROOT, env=self.env(), stdin=subprocess.DEVNULL, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"{' '.join(map(str, command[:6]))}: exit {done.returncode}\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
        return done.stdout

    def timed(self, *command: str | Path) -> float:
        """Seconds of the whole process."""
        begin = time.perf_counter()
        self.run(*command)
        return time.perf_counter() - begin

    def out(self) -> Path:
        """An empty folder for outputs, on the same file system for all; the one before is removed first."""
        folder = self.folder / "out"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        os.sync()  # nobody pays for another's dirty pages
        return folder

    def sign(self, kind: str, files: Sequence[Path]) -> float:
        """Seconds of one `yinxin sign` over `files`."""
        return self.timed(*self.yinxin("--json", "sign", *files, "--token", kind, "--pin", "env:YX_PIN", "--out-dir", self.out()))


def _peer(*words: str | Path) -> tuple[str | Path, ...]:
    return (sys.executable, "-m", "scripts.bench_peers", *words)


def _documents(folder: Path, count: int) -> list[Path]:
    """One-page drawings, each a little different."""
    from reportlab.lib.pagesizes import A3, landscape
    from reportlab.pdfgen.canvas import Canvas

    folder.mkdir()
    files = []
    for number in range(count):
        path = folder / f"drawing-{number:04}.pdf"
        canvas = Canvas(str(path), pagesize=landscape(A3), pageCompression=1)
        canvas.drawString(800, 40, f"Sheet {number:04}")
        for line in range(60):
            canvas.line(40, 40 + 12 * line, 1100, 40 + (12 * line + number) % 760)
        canvas.save()
        files.append(path)
    return files


def _big_pdf(path: Path, megabytes: int) -> Path:
    """A one-page PDF with one incompressible picture of so many million bytes and a bit."""
    import pikepdf

    width, height = 2000, megabytes * 500 + 10
    pdf = pikepdf.new()
    picture = pikepdf.Stream(pdf, os.urandom(width * height))
    picture.update(
        pikepdf.Dictionary(
            Type=pikepdf.Name.XObject, Subtype=pikepdf.Name.Image, Width=width, Height=height, ColorSpace=pikepdf.Name.DeviceGray, BitsPerComponent=8
        )
    )
    page = pdf.add_blank_page(page_size=(1684, 1191))
    page.Resources = pikepdf.Dictionary(XObject=pikepdf.Dictionary(Im0=picture))
    page.Contents = pikepdf.Stream(pdf, b"q 1600 0 0 1100 40 40 cm /Im0 Do Q")
    pdf.save(path, compress_streams=False)
    return path


def _make_tokens(bench: Bench) -> None:
    """A token per key type, each with a certificate of the bench's own CA."""
    for kind in ("rsa2048", "p256"):
        pin = ("--token", kind, "--pin", "env:YX_PIN")
        csr, crt = bench.folder / f"{kind}.csr", bench.folder / f"{kind}.pem"
        steps: tuple[tuple[str | Path, ...], ...] = (
            ("token", "init", "--emulated", "--label", kind, "--pin", "env:YX_PIN", "--so-pin", "env:YX_PIN"),
            ("ca", "create", "--subject", f"CN=Bench CA {kind},C=CN", "--type", "p256", *pin),
            ("key", "generate", "--type", kind, "--label", "bench", *pin),
            ("cert", "request", "--key", "bench", "--subject", f"CN=Bench {kind},C=CN", "--out", csr, *pin),
            ("cert", "issue", csr, "--ca", kind, "--profile", "signer", "--out", crt, "--pin", "env:YX_PIN"),
            ("cert", "import", crt, *pin),
        )
        for step in steps:
            bench.run(*bench.yinxin("--json", *step))


def _stop(bench: Bench) -> None:
    """Stop the agent and wait until it and its children are gone: they would count in the next figure."""
    bench.run(*bench.yinxin("agent", "stop"))
    while _tree(bench.home):
        time.sleep(0.02)


def _rates(bench: Bench, kind: str) -> Iterator[Figure]:
    """`sign_KIND` and `raw_KIND`."""
    files = sorted((bench.folder / "in").glob("*.pdf"))
    conf = bench.home / "softhsm2.conf"
    seconds: dict[str, list[float]] = {"ours": [], "stock": []}
    for _ in range(ROUNDS):
        _stop(bench)
        seconds["ours"].append(bench.sign(kind, files))
        seconds["stock"].append(bench.timed(*_peer("pyhanko", conf, kind, "bench", bench.folder / f"{kind}.pem", bench.out(), *files)))
    ours, stock = (len(files) / min(seconds[who]) for who in ("ours", "stock"))
    yield _figure(f"sign_{kind}", ours, stock, "documents/s", goal=5, more=True)
    loops = len(files) * (1 if kind == "rsa2048" else 10)
    raw = loops / float(bench.run(*_peer("raw", conf, kind, "bench", str(loops))))
    yield _figure(f"raw_{kind}", ours, raw, "signatures/s")


def _copy(bench: Bench) -> Iterator[Figure]:
    big = _big_pdf(bench.folder / "big.pdf", 100)
    bench.run(*bench.yinxin("--json", "token", "list"))  # the agent is up
    ours, floor = [], []
    for _ in range(5):
        ours.append(bench.sign("rsa2048", [big]))
        floor.append(bench.timed(*_peer("copy", big, bench.out() / "copy.pdf")))
    yield _figure("pdf_100mb", min(ours), min(floor), "s", goal=2)


def _token_list(bench: Bench) -> Iterator[Figure]:
    bench.run(*bench.yinxin("--json", "token", "list"))
    ours, floor = [], []
    for _ in range(15):
        ours.append(bench.timed(*bench.yinxin("token", "list")))
        floor.append(bench.timed(sys.executable, "-c", "pass"))
    yield _figure("token_list", statistics.median(ours), statistics.median(floor), "s", goal=15)


def _host(bench: Bench) -> Iterator[Figure]:
    """`host_call` and `host_sign`."""
    seen = json.loads(bench.run(sys.executable, "-m", "scripts.bench_host", bench.home / "softhsm2.conf", "p256", "3000"))
    for name, goal in (("call", 80.0), ("sign", None)):
        host, inside, apart = seen[name]
        yield Figure(f"host_{name}", host, inside, "µs", round(host / inside, 2), goal, None if goal is None else apart <= goal)


def _lookups(bench: Bench) -> Iterator[Figure]:
    """`batch_logins` and `batch_lookups`, in a home whose token stands behind the module of tests/lab that notes every call."""
    from tokens import emulated

    folder = bench.folder / "counted"
    folder.mkdir()
    module, log = folder / "counting.so", folder / "log"
    bench.run("gcc", "-shared", "-fPIC", "-O1", "-o", module, ROOT / "tests/lab/shim.c", "-ldl")
    told = {"SHIM_TARGET": str(emulated.library()), "SHIM_LOG": str(log), "SHIM_NAME": "Bench", "SOFTHSM2_CONF": str(bench.home / "softhsm2.conf")}
    yinxin = (ROOT / ".venv/bin/yinxin", "--home", folder / "home", "--json")
    names = [word for name in told for word in ("--env", name)]
    subprocess.run(
        [*yinxin, "module", "add", module, "--name", "counting", *names, "--yes"], env={**bench.env(), **told}, check=True, capture_output=True
    )
    files = _documents(folder / "in", 20)
    counts = []
    try:
        for batch in (files, files[:1]):
            bench.run(*yinxin, "token", "list")
            log.unlink()
            bench.run(*yinxin, "sign", *batch, "--token", "p256", "--pin", "env:YX_PIN", "--out-dir", bench.out())
            counts.append(log.read_text().splitlines())
    finally:
        bench.run(*yinxin, "agent", "stop")
    for name, call in (("logins", "C_Login"), ("lookups", "LOOKUP")):
        ours, one = (seen.count(call) for seen in counts)
        yield Figure(f"batch_{name}", ours, one, "calls", round(ours / max(one, 1), 2), 1, ours == 1)


def _memory(bench: Bench, name: str, small: Sequence[Path], large: Sequence[Path]) -> Iterator[Figure]:
    peaks = []
    for files in (small, large):
        _stop(bench)
        with _watched(bench) as peak:
            bench.sign("p256", files)
        peaks.append(sum(peak.values()) / 1000)
    figure = _figure(name, peaks[1], peaks[0], "MB")
    yield Figure(figure.name, figure.ours, figure.peer, "MB", figure.ratio, 40, figure.ours - figure.peer <= 40)


@contextmanager
def _watched(bench: Bench) -> Iterator[dict[int, int]]:
    """Peak resident kB (VmHWM) of the home's agent and each of its children by pid, followed while the body runs."""
    peak: dict[int, int] = {}
    done = threading.Event()

    def follow() -> None:
        while not done.wait(0.02):
            for pid in _tree(bench.home):
                peak[pid] = max(peak.get(pid, 0), _high_water(pid))

    thread = threading.Thread(target=follow)
    thread.start()
    try:
        yield peak
    finally:
        done.set()
        thread.join()


def _tree(home: Path) -> set[int]:
    """The agent of `home` and everything below it."""
    parents: dict[int, int] = {}
    found: set[int] = set()
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
                words = (entry / "cmdline").read_bytes().split(b"\0")
                if b"agent.main" in words and os.fsencode(home) in words:
                    found.add(int(entry.name))
            except OSError:
                continue  # it ended while we looked
    grown = True
    while grown:
        more = {pid for pid, parent in parents.items() if parent in found} - found
        found |= more
        grown = bool(more)
    return found


def _high_water(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("VmHWM")), 0)


def _figure(name: str, ours: float, peer: float, unit: str, goal: float | None = None, more: bool = False) -> Figure:
    ratio = ours / peer
    met = None if goal is None else ratio >= goal if more else ratio <= goal
    return Figure(name, round(ours, 4), round(peer, 4), unit, round(ratio, 2), goal, met)


def _all(bench: Bench) -> dict[tuple[str, ...], Callable[[], Iterator[Figure]]]:
    files = _documents(bench.folder / "in", bench.count)
    return {
        ("sign_rsa2048", "raw_rsa2048"): lambda: _rates(bench, "rsa2048"),
        ("sign_p256", "raw_p256"): lambda: _rates(bench, "p256"),
        ("pdf_100mb",): lambda: _copy(bench),
        ("memory_size",): lambda: _memory(
            bench, "memory_size", [_big_pdf(bench.folder / "small.pdf", 1)], [_big_pdf(bench.folder / "large.pdf", 100)]
        ),
        ("memory_count",): lambda: _memory(bench, "memory_count", files[: max(1, bench.count // 10)], files),
        ("token_list",): lambda: _token_list(bench),
        ("host_call", "host_sign"): lambda: _host(bench),
        ("batch_logins", "batch_lookups"): lambda: _lookups(bench),
        ("verify_500", "verify_500_two"): lambda: bench_verify.rates(bench),
        ("verify_memory",): lambda: bench_verify.memory(bench),
        ("ledger_proof", "ledger_verify"): lambda: bench_ledger.figures(bench, _figure),
        ("append_1m", "append_1m_postgresql"): lambda: bench_append.figures(bench.folder, _figure),
        ("recorded_set", "recorded_fsyncs"): lambda: bench_recorded.figures(bench, _figure, _stop),
    }


def main() -> int:
    """Run, print, write build/bench.json; 1 when a goal was missed."""
    options = argparse.ArgumentParser(prog="make bench")
    options.add_argument("--only", metavar="NAME")
    options.add_argument("--documents", type=int, default=DOCUMENTS)
    given = options.parse_args()
    (ROOT / "build").mkdir(exist_ok=True)
    figures: list[Figure] = []
    with tempfile.TemporaryDirectory(prefix="bench-", dir=ROOT / "build") as folder:
        bench = Bench(Path(folder), given.documents)
        parts = _all(bench)
        if given.only and not any(given.only in names for names in parts):
            print(f"ONLY is one of: {' '.join(name for names in parts for name in names)}", file=sys.stderr)
            return 2
        _make_tokens(bench)
        if os.getloadavg()[0] > 0.7:
            print(f"这台机器正忙，数字会偏差 / this machine is busy (load {os.getloadavg()[0]:.1f}): take the figures with care", file=sys.stderr)
        print(f"{'name':<14}{'ours':>12}{'peer':>12}  {'unit':<14}{'ratio':>8}{'goal':>7}  met", flush=True)
        try:
            for names, measure in parts.items():
                if given.only is None or given.only in names:
                    for figure in measure():
                        figures.append(figure)
                        met = {True: "yes", False: "NO", None: "-"}[figure.met]
                        print(
                            f"{figure.name:<14}{figure.ours:>12}{figure.peer:>12}  {figure.unit:<14}{figure.ratio:>8}{figure.goal or '-':>7}  {met}",
                            flush=True,
                        )
        finally:
            _stop(bench)
    (ROOT / "build/bench.json").write_text(json.dumps([asdict(figure) for figure in figures], indent=1) + "\n")
    return 0 if all(figure.met is not False for figure in figures) else 1


if __name__ == "__main__":
    sys.exit(main())
