"""A private PostgreSQL cluster for the tests: Debian's programs on a folder and a socket of our own, as an ordinary user, gone afterwards."""

import glob
import os
import pwd
import secrets
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

ROOT = Path(__file__).resolve().parent.parent
_PLACES = ("/usr/lib/postgresql/*/bin", f"{ROOT}/build/lab/postgresql-*/usr/lib/postgresql/*/bin", "/usr/local/bin", "/usr/bin")
SETTINGS = {
    "listen_addresses": "",
    "fsync": "off",  # the machine does not lose its power in a test
    "max_connections": "60",
    "shared_buffers": "32MB",
    "log_min_messages": "fatal",
    "timezone": "UTC",
}


def programs() -> Path | None:
    """The newest PostgreSQL server's programs; None where there is none."""
    found = [Path(place) for pattern in _PLACES for place in glob.glob(pattern) if (Path(place) / "initdb").exists()]
    return max(found, key=lambda place: [int(part) for part in place.parts if part.isdigit()], default=None)


@dataclass(frozen=True, slots=True)
class Cluster:
    """A running server; `user` owns everything in it."""

    folder: Path
    bin: Path
    account: Mapping[str, Any]
    user: str = "owner"

    @property
    def data(self) -> Path:
        """Its files."""
        return self.folder / "data"

    def url(self, database: str, user: str | None = None) -> str:
        """For `store set`."""
        return f"postgresql://{user or self.user}@/{database}?host={self.folder}"

    def connect(self, database: str = "postgres", user: str | None = None) -> "psycopg.Connection[Any]":
        """A connection beside the product's, each command committed by itself."""
        return psycopg.connect(host=str(self.folder), dbname=database, user=user or self.user, autocommit=True)

    def connect_at(self, port: int) -> "psycopg.Connection[Any]":
        """A connection where the server has another port than its own."""
        return psycopg.connect(host=str(self.folder), port=port, dbname="postgres", user=self.user, autocommit=True)

    def database(self) -> str:
        """A new, empty database."""
        name = f"d{secrets.token_hex(6)}"
        with self.connect() as connection:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE template0")
        return name

    def run(self, *arguments: str) -> None:
        """One of its programs, as the account that owns the files."""
        program, *rest = arguments
        done = subprocess.run([self.bin / program, *rest], env=_environment(), capture_output=True, text=True, cwd=self.folder, **self.account)
        assert done.returncode == 0, done.stdout + done.stderr

    def start(self) -> None:
        """Start the server, and return when it answers."""
        self.run("pg_ctl", "-D", str(self.data), "-w", "-s", "-l", str(self.folder / "log"), "-o", f"-k {self.folder}", "start")

    def stop(self, mode: str = "immediate") -> None:
        """Stop it, as by a power cut where nothing else is asked for."""
        if (self.data / "postmaster.pid").exists():
            self.run("pg_ctl", "-D", str(self.data), "-w", "-s", "-m", mode, "stop")

    def kill(self) -> None:
        """The server and all its processes, at once."""
        pid = int((self.data / "postmaster.pid").read_text().split()[0])
        os.kill(pid, signal.SIGKILL)


def cluster() -> Cluster | None:
    """A new one, running; None without the programs.  Whoever asked calls `end`."""
    place = programs()
    if place is None:
        return None
    folder = Path(tempfile.mkdtemp(prefix="yx-", dir="/tmp"))  # short enough for a socket
    account: dict[str, Any] = {}
    if os.getuid() == 0:  # PostgreSQL refuses to run as root
        nobody = pwd.getpwnam("nobody")
        account = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
        os.chown(folder, nobody.pw_uid, nobody.pw_gid)
    made = Cluster(folder, place, account)
    try:
        made.run("initdb", "-D", str(made.data), "-U", made.user, "-A", "trust", "-E", "UTF8", "--locale", "C", "--no-sync", "--no-instructions")
        with (made.data / "postgresql.conf").open("a", encoding="utf-8") as file:
            file.writelines(f"{name} = '{value}'\n" for name, value in SETTINGS.items())
        made.start()
    except BaseException:
        end(made)
        raise
    return made


def end(made: Cluster) -> None:
    """Stop it and remove its files."""
    try:
        made.stop()
    finally:
        shutil.rmtree(made.folder, ignore_errors=True)


def _environment() -> dict[str, str]:
    return {**{name: os.environ[name] for name in ("PATH", "TMPDIR") if name in os.environ}, "LC_ALL": "C"}
