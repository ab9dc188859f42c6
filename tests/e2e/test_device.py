"""This computer's own key, as people meet it: made at the first start, kept as well as the surroundings allow, never weaker without a word."""

import base64
import contextlib
import hashlib
import json
import os
import pty
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_der_private_key

from agent import keyring
from agent.api.home import locate
from agent.device import store
from agent.device.key import Level
from agent.ledger import signed, statement
from tests.conftest import PIN, ROOT, PracticeToken, Yinxin, short_folder
from tests.device.conftest import desktop  # noqa: F401 - a fixture

pytestmark = pytest.mark.promise(9)


def entries(data: Path) -> list[tuple[statement.Statement, signed.Signer]]:
    """What the ledger in a data folder holds: every statement strictly read, every signature checked."""
    with contextlib.closing(sqlite3.connect(f"file:{data}/ledger.db?mode=ro", uri=True)) as db:
        rows = db.execute("SELECT statement, signature FROM entries ORDER BY seq").fetchall()
    return [(statement.parse(raw), signed.check(raw, cms)) for raw, cms in rows]


def test_made_at_the_first_start_and_renewed_by_the_old_key(yinxin: Yinxin, home: Path) -> None:
    first = yinxin("device", "show").json["device"]
    secrets = markers(home)
    second = yinxin("device", "renew").json["device"]
    secrets += markers(home)
    assert (first["level"], second["id"], second["level"]) == ("file", first["id"], "file")
    (founding, founder), (renewed, by) = entries(home / "data")
    assert (founding.type, founding.org, founding.actor, founding.body["device"]["level"]) == ("home.founded", None, None, "file")
    assert base64.b64decode(founding.body["device"]["certificate"]) == founder.certificate
    assert founding.body["device"]["id"] == founding.device == first["id"]
    assert "legacy" not in founding.body
    assert (renewed.type, renewed.org) == ("device.renewed", hashlib.sha256(founding.canonical()).hexdigest())
    assert founder.fingerprint == by.fingerprint == first["fingerprint"]
    assert len(list((home / "data").glob("device-*.key"))) == 1
    assert yinxin("device", "enrol", code=4).error["facts"]["reason"] == "device_enrolled"
    assert yinxin("device", "renew", "--token", "x", code=2).error["facts"]["reason"] == "device_token"
    refused = yinxin("device", "renew", "--key", "keyring", code=4, env={"DBUS_SESSION_BUS_ADDRESS": None})
    assert refused.error["facts"]["reason"] in ("device_keyring_absent", "device_keyring_refused")
    assert yinxin("device", "show").json["device"] == second
    yinxin("agent", "stop")
    for path in home.rglob("*"):  # logs, database and journal, descriptions: the key is in its own file and nowhere else
        if path.is_file() and not path.match("device-*.key"):
            data = path.read_bytes()
            assert not [secret for secret in secrets if secret in data], path


def markers(home: Path) -> list[bytes]:
    """The device's private key in every form that somebody might have written it down in."""
    (path,) = (home / "data").glob("device-*.key")
    der = path.read_bytes()
    key = load_der_private_key(der, None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    number = key.private_numbers().private_value
    raw = number.to_bytes(32, "big")
    return [der, raw, raw.hex().encode(), base64.b64encode(raw)[:40], base64.b64encode(der)[48:88], str(number).encode()]


def test_a_renewal_that_was_cut_off_is_settled_by_the_ledger(yinxin: Yinxin, home: Path, tmp_path: Path) -> None:
    first = yinxin("device", "show").json["device"]
    yinxin("agent", "stop")
    place = locate(str(home))
    about, _ = store.make(place, Level.FILE, first["id"])
    store.announce(place, about)  # killed before the ledger was told
    for folder in (home / "config", home / "data"):
        shutil.copytree(folder, tmp_path / folder.name)
    second = yinxin("device", "renew").json["device"]
    assert len(entries(home / "data")) == 2
    assert len(list((home / "data").glob("device-*.key"))) == 1
    yinxin("agent", "stop")
    shutil.move(home / "config/device.json", home / "config/device-next.json")  # killed when the ledger knew it, and the files did not
    shutil.copy2(tmp_path / "config/device.json", home / "config/device.json")
    for key in (tmp_path / "data").glob("device-*.key"):
        shutil.copy2(key, home / "data")
    assert yinxin("device", "show").json["device"]["fingerprint"] == second["fingerprint"]
    assert not (home / "config/device-next.json").exists()
    assert not (home / "data" / f"device-{first['fingerprint'][:16]}.key").exists()
    yinxin("agent", "stop")  # and an old backup of the files brings back a key that the ledger has let go
    shutil.copy2(tmp_path / "config/device.json", home / "config/device.json")
    for key in (tmp_path / "data").glob("device-*.key"):
        shutil.copy2(key, home / "data")
    assert yinxin("device", "renew", code=4).error["facts"]["reason"] == "device_key_other"
    assert yinxin("device", "enrol", "--replace").json["device"]["id"] != first["id"]
    yinxin("ledger", "verify")


def test_a_key_that_cannot_be_trusted_stops_what_would_be_recorded(yinxin: Yinxin, home: Path, practice_token: PracticeToken, drawing: Path) -> None:
    """Nothing is signed that could not be recorded; the agent runs on, and says what is to be done."""
    (key,) = (home / "data").glob("device-*.key")
    before = key.read_bytes()

    def refused() -> str:
        error = yinxin("sign", drawing, "--token", practice_token.label, "--pin", "env:YX_PIN", code=4).error
        assert error["code"] == "not_allowed"
        assert not list(drawing.parent.glob("*.signed.pdf"))
        return str(error["facts"]["reason"])

    key.chmod(0o644)
    assert refused() == "device_key_unsafe"
    checks = {each["name"]: each["state"] for each in yinxin("doctor", code=None).json["checks"]}
    assert checks["device_key"] == "fail"
    key.chmod(0o600)
    key.write_bytes(b"junk")
    assert refused() == "device_key_lost"
    key.unlink()
    assert refused() == "device_key_lost"
    key.write_bytes(before)
    key.chmod(0o600)
    yinxin("sign", drawing, "--token", practice_token.label, "--pin", "env:YX_PIN")
    yinxin("agent", "stop")
    key.unlink()
    first = yinxin("device", "show").json["device"]["id"]
    replaced = yinxin("device", "enrol", "--replace").json["device"]["id"]
    assert replaced != first
    yinxin("sign", drawing, "--token", practice_token.label, "--pin", "env:YX_PIN", "--out", drawing.parent / "2.pdf")
    yinxin("ledger", "verify")
    assert {entry.device for entry, _ in entries(home / "data")} == {first, replaced}


def test_on_a_token_it_asks_for_the_pin_once_in_an_agent_s_life(yinxin: Yinxin, home: Path, practice_token: PracticeToken, drawing: Path) -> None:
    token = ("--token", practice_token.label, "--pin", "env:YX_PIN")
    made = yinxin("device", "renew", "--key", "token", *token).json["device"]
    assert made["token"]["label"] == practice_token.label
    assert made["level"] == "file"  # an emulated token is a file, whatever it is called
    assert not list((home / "data").glob("device-*.key"))
    yinxin("agent", "stop")
    assert yinxin("device", "renew", code=3, env={"YX_PIN": "000000"}, stdin="").error["code"] in ("no_prompter", "pin_cancelled")
    yinxin("sign", drawing, *token)
    by = {entry.type: signer.fingerprint for entry, signer in entries(home / "data")}
    assert by["signature.started"] == by["signature.finished"] == made["fingerprint"]
    yinxin("token", "lock")
    yinxin("sign", drawing, *token, "--out", drawing.parent / "2.pdf")
    log = (home / "state/agent.log").read_text()
    assert PIN not in log


@dataclass(frozen=True)
class Bare:
    """The command line without a named home: the XDG folders of a user of its own."""

    top: Path
    env: Mapping[str, str]

    def __call__(self, *arguments: str, code: int = 0, command: Sequence[str] = (), **more: str) -> Any:
        env = {**self.env, "PYTHONPATH": str(ROOT), "YX_PIN": PIN, "YX_SO_PIN": PIN, **more}
        done = subprocess.run(self.line(*arguments), env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=120)
        assert done.returncode == code, done.stdout + done.stderr
        return json.loads(done.stdout)

    def line(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "agent.cli.main", "--lang", "en", "--json", *arguments]

    @property
    def config(self) -> Path:
        return self.top / ".config/yinxin"

    @property
    def data(self) -> Path:
        return self.top / ".local/share/yinxin"


@contextlib.contextmanager
def user(env: Mapping[str, str]) -> Iterator[Bare]:
    """A user with an empty home folder, in the session of `env`."""
    top = short_folder()
    run = top / "run"
    run.mkdir(mode=0o700)
    bare = Bare(top, {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", **env, "HOME": str(top), "XDG_RUNTIME_DIR": str(run)})
    try:
        yield bare
    finally:
        subprocess.run(bare.line("agent", "stop"), env={**bare.env, "PYTHONPATH": str(ROOT)}, capture_output=True, check=False)
        shutil.rmtree(top, ignore_errors=True)


INIT = ("token", "init", "--emulated", "--practice", "--label", "T", "--pin", "env:YX_PIN", "--so-pin", "env:YX_SO_PIN")


def test_without_a_keyring_nothing_weaker_is_done_silently() -> None:
    with user({}) as bare:
        assert bare("device", "show") == {"device": None}
        error = bare(*INIT, code=4)["error"]
        assert (error["code"], error["facts"]["reason"]) == ("not_allowed", "device_key_absent")
        assert "yinxin device enrol --key file" in error["hint"]
        assert not (bare.config / "device.json").exists()
        assert not list(bare.data.glob("device-*.key"))
        assert answered(bare, "n", *INIT) == 4
        assert not (bare.config / "device.json").exists()
        (bare.config / "settings.toml").write_text('[device]\nkey = "token"\n')  # that is done with a token, and never by the way
        assert bare(*INIT, code=4)["error"]["facts"]["reason"] == "device_key_absent"
        (bare.config / "settings.toml").unlink()
        assert answered(bare, "y", *INIT) == 0  # a person who was told what it means
        assert bare("device", "show")["device"]["level"] == "file"
        ((founding, _), *_) = entries(bare.data)
        assert founding.body["device"]["level"] == "file"


def answered(bare: Bare, answer: str, *arguments: str) -> int:
    """The exit code of a command at a terminal, where its question about the key is answered."""
    pid, fd = pty.fork()
    if pid == 0:
        os.execve(sys.executable, bare.line(*arguments), {**bare.env, "PYTHONPATH": str(ROOT), "YX_PIN": PIN, "YX_SO_PIN": PIN, "TERM": "dumb"})
    seen = b""
    signal.alarm(60)
    try:
        while True:
            try:
                more = os.read(fd, 4096)
            except OSError:
                break
            if not more:
                break
            seen += more
            if b"Go on?" in seen:
                assert b"file that only you may read" in seen
                os.write(fd, answer.encode() + b"\n")
                seen = b""
    finally:
        signal.alarm(0)
        os.close(fd)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def test_in_a_desktop_session_the_keyring_seals_it(desktop: Mapping[str, str], monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    with user(desktop) as bare:
        device = bare("device", "show")["device"]
        assert device["level"] == "keyring"
        bare("agent", "stop")
        bare("device", "show")
        assert {signer.fingerprint for _, signer in entries(bare.data)} == {device["fingerprint"]}
        for name in ("HOME", "XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS"):
            monkeypatch.setenv(name, desktop[name])
        secret = keyring.get(json.loads((bare.config / "device.json").read_text())["where"]["secret"])
        assert secret is not None
        for path in bare.top.rglob("*"):
            if path.is_file():
                data = path.read_bytes()
                assert secret.encode() not in data, path
                assert base64.b64decode(secret) not in data, path
        # The same home without that session: the key stays shut, and it is said why.
        bare("agent", "stop")
        outside = Bare(bare.top, {name: value for name, value in bare.env.items() if name != "DBUS_SESSION_BUS_ADDRESS"})
        assert outside("device", "renew", code=4)["error"]["facts"]["reason"] == "device_key_keyring"
        outside("agent", "stop")
