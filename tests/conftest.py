"""Fixtures that every test may use; each area adds its own in `tests/<area>/conftest.py`.

    corpus           folder of real drawings and hostile files beside the checkout; the test skips where it is absent
    soak             whether the long runs go in full counts (`make soak`); `times(short, long)` picks by it
    home             an own, empty home for this test, at a short path; its agent is stopped and everything removed at the end
    yinxin           the real command line on that home, as a process: `yinxin("sign", path, "--pin", "env:YX_PIN").json`
    practice_token   an emulated token in `home` with a P-256 key, the home's own CA and an internal certificate, ready to sign
    cluster          a private PostgreSQL server for the whole run; tests that want it are skipped where its programs are not installed
    opens            opens the store of this test, again and again the same one: every test that takes it runs on SQLite and on PostgreSQL
    drawing          a small real PDF, one A4 page with text, made new for this test

PINs travel as the contract says: `--pin env:YX_PIN`, `--so-pin env:YX_SO_PIN`; both variables are set for every command that `yinxin` runs.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import hypothesis
import pytest

from tests import databases

if TYPE_CHECKING:
    from agent.store.store import Store

# A busy machine is no fault of a test.
hypothesis.settings.register_profile("yinxin", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.load_profile("yinxin")

ROOT = Path(__file__).resolve().parent.parent
PIN = "482615"
SO_PIN = "99713355"
TOKEN = "练习 UKey"


def descriptors(pid: int | str) -> int:
    """How many descriptors a process has open; 0 where this user may not look into a hardened process (root may, and does)."""
    try:
        return len(os.listdir(f"/proc/{pid}/fd"))
    except PermissionError:
        return 0


SUBJECT = "CN=李工,O=云桥建筑设计院,C=CN"


def pytest_configure() -> None:
    """Have Ctrl-C reach the programs under test where the run itself was started in the background, which makes the shell ignore it."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@dataclass(frozen=True, slots=True)
class Result:
    """How one command ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The one JSON document on stdout."""
        return json.loads(self.out)

    @property
    def error(self) -> dict[str, Any]:
        """The error object that `--json` printed."""
        found: dict[str, Any] = self.json["error"]
        return found


@dataclass(frozen=True, slots=True)
class Yinxin:
    """The command line on one home.  Call it with the arguments after `yinxin --home DIR --json`; it fails the test when `code` is not met."""

    home: Path
    lang: str = "en"
    environment: Mapping[str, str] = field(default_factory=dict)

    def __call__(
        self,
        *arguments: "str | os.PathLike[str] | bytes",
        code: int | None = 0,
        as_json: bool = True,
        env: Mapping[str, str | None] | None = None,
        stdin: str | None = None,
        cwd: Path | None = None,
        timeout: float = 180,
    ) -> Result:
        """Run it; `code=None` accepts every exit, `env` adds to (None: removes from) the environment."""
        done = subprocess.run(
            self.command(*arguments, as_json=as_json),
            env=self.env(env),
            cwd=cwd or self.home.parent,
            input=stdin if stdin is not None else "",
            capture_output=True,
            encoding="utf-8",
            errors="surrogateescape",
            timeout=timeout,
            check=False,
        )
        result = Result(done.returncode, done.stdout, done.stderr)
        if code is not None:
            assert result.code == code, f"yinxin {arguments}: exit {result.code} instead of {code}\n{result.out}\n{result.err}"
        return result

    def start(self, *arguments: "str | os.PathLike[str] | bytes", env: Mapping[str, str | None] | None = None) -> "subprocess.Popen[str]":
        """Start it and return at once, for tests that interfere; the caller waits for it."""
        return subprocess.Popen(
            self.command(*arguments),
            env=self.env(env),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            errors="surrogateescape",
        )

    def command(self, *arguments: "str | os.PathLike[str] | bytes", as_json: bool = True) -> "list[str | os.PathLike[str] | bytes]":
        """The argument vector."""
        flags = ["--json"] if as_json else []
        return [sys.executable, "-m", "agent.cli.main", "--home", str(self.home), "--lang", self.lang, *flags, *arguments]

    def env(self, extra: Mapping[str, str | None] | None = None) -> dict[str, str]:
        """A small clean environment: no display, no settings of the developer's, the PINs."""
        base: dict[str, str | None] = {
            "PATH": os.environ.get("PATH", os.defpath),
            "HOME": str(self.home),
            "LANG": "C.UTF-8",
            "PYTHONPATH": str(ROOT),
            "PYTHONDONTWRITEBYTECODE": os.environ.get("PYTHONDONTWRITEBYTECODE"),
            "YX_PIN": PIN,
            "YX_SO_PIN": SO_PIN,
            **self.environment,
            **(extra or {}),
        }
        return {name: value for name, value in base.items() if value is not None}


@dataclass(frozen=True, slots=True)
class PracticeToken:
    """What `practice_token` made; `pin` is also in the variable YX_PIN of every command."""

    label: str
    pin: str
    key: str
    common_name: str
    ca: Path
    """The home's own CA certificate, PEM."""


@pytest.fixture(scope="session")
def soak() -> bool:
    """Whether this is `make soak`."""
    return bool(os.environ.get("YINXIN_SOAK"))


@pytest.fixture(scope="session")
def times(soak: bool) -> Callable[[int, int], int]:
    """How often to repeat: `times(30, 300)` is 30 in `make test` and 300 in `make soak`."""
    return lambda short, long: long if soak else short


@pytest.fixture(scope="session")
def corpus() -> Path:
    """The folder of real files, beside the checkout; never a part of it (their licences forbid that)."""
    folder = ROOT.parent / "shared" / "corpus"
    if not (folder / "manifest.json").is_file():
        pytest.skip("the corpus of real drawings lies beside the project, and is not here")
    return folder


def short_folder() -> Path:
    """A private folder at a path short enough for a socket: pytest's own folders can be too deep."""
    return Path(tempfile.mkdtemp(prefix="yx-", dir="/tmp"))


def stop(home: Path) -> None:
    """Stop the agent of `home`, if there is one."""
    Yinxin(home)("agent", "stop", code=None, timeout=60)


@pytest.fixture
def home() -> Iterator[Path]:
    """An empty home; nothing of it is left afterwards, its agent included."""
    folder = short_folder()
    try:
        yield folder / "h"
    finally:
        if (folder / "h").exists():
            stop(folder / "h")
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def yinxin(home: Path) -> Yinxin:
    """The command line on `home`."""
    return Yinxin(home)


@pytest.fixture(scope="session")
def practice_home() -> Iterator[tuple[Path, PracticeToken]]:
    """A home with a practice token, made once a session with the agent at rest; tests get copies of it."""
    folder = short_folder()
    home = folder / "h"
    run = Yinxin(home)
    token = PracticeToken(TOKEN, PIN, "签名", "李工", folder / "ca.pem")
    pin = ("--token", TOKEN, "--pin", "env:YX_PIN")
    try:
        run("token", "init", "--emulated", "--practice", "--label", TOKEN, "--pin", "env:YX_PIN", "--so-pin", "env:YX_SO_PIN")
        run("ca", "create", "--subject", "CN=云桥内部 CA,O=云桥建筑设计院,C=CN", "--type", "p256", "--out", token.ca, *pin)
        run("key", "generate", "--type", "p256", "--label", token.key, *pin)
        run("cert", "request", "--key", token.key, "--subject", SUBJECT, "--out", folder / "r.csr", *pin)
        run("cert", "issue", folder / "r.csr", "--ca", TOKEN, "--profile", "signer", "--out", folder / "r.crt", "--pin", "env:YX_PIN")
        run("cert", "import", folder / "r.crt", *pin)
        run("agent", "stop")
        yield home, token
    finally:
        stop(home)
        shutil.rmtree(folder, ignore_errors=True)


def copy_home(template: Path, home: Path) -> None:
    """A copy of a home at rest, its configuration told of its new place."""
    shutil.copytree(template, home, ignore=shutil.ignore_patterns("*.sock", "pin-*"), dirs_exist_ok=True, symlinks=True)
    for path in (home / "softhsm2.conf", *(home / "config").glob("*")):
        if path.is_file():
            path.write_text(path.read_text(encoding="utf-8").replace(str(template), str(home)), encoding="utf-8")


@pytest.fixture
def practice_token(practice_home: tuple[Path, PracticeToken], home: Path) -> PracticeToken:
    """A token ready to sign, in `home`."""
    template, token = practice_home
    copy_home(template, home)
    return token


@pytest.fixture(scope="session")
def cluster() -> "Iterator[databases.Cluster]":
    """A private PostgreSQL server."""
    made = databases.cluster()
    if made is None:
        pytest.skip("PostgreSQL's programs are not installed (scripts/bootstrap test gets them)")
    yield made
    databases.end(made)


@pytest.fixture(params=["sqlite", "postgresql"])
def opens(request: pytest.FixtureRequest, tmp_path: Path) -> "Callable[[], Store]":
    """Opens this test's store; with PostgreSQL several at once, as several agents do."""
    if request.param == "sqlite":
        from agent.store import sqlite

        return lambda: sqlite.Store(tmp_path / "ledger.db")
    from agent.store import address, postgres

    server = request.getfixturevalue("cluster")
    url = address.parse(server.url(server.database()))
    return lambda: postgres.Store(url)


@pytest.fixture
def drawing(tmp_path: Path) -> Path:
    """One A4 page with a few lines of text."""
    from reportlab.pdfgen.canvas import Canvas

    path = tmp_path / "图纸 A-01.pdf"
    canvas = Canvas(str(path), invariant=1)
    canvas.setFont("Helvetica", 14)
    for line in range(10):
        canvas.drawString(72, 760 - 24 * line, f"Ground floor plan, line {line}")
    canvas.rect(72, 72, 200, 100)
    canvas.save()
    return path
