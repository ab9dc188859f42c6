"""Agent, clients and homes: killed, of another version, doubled, in odd places; nothing half done, nothing lost, the next command works."""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from agent.api.home import locate
from tests.conftest import ROOT, PracticeToken, Yinxin, copy_home, short_folder, stop
from tests.e2e.conftest import SIGN, Asked, Desk
from tests.e2e.looks import agent_of, assert_signed, children, sentences, told, tree, until
from tests.e2e.test_inputs import NO_PIN


def _sessions(home: Path) -> list[str]:
    return [line for line in children(home).values() if " session " in line]


def _copies(drawing: Path, folder: Path, count: int) -> list[Path]:
    folder.mkdir(exist_ok=True)
    return [Path(shutil.copy(drawing, folder / f"{n}.pdf")) for n in range(count)]


@pytest.mark.promise(5)
@pytest.mark.promise(6)
def test_an_agent_killed_while_the_pin_is_asked_for(desk: Desk, drawing: Path) -> None:
    before = tree(drawing.parent)
    with Asked(desk.yinxin, drawing) as (process, writing):
        hosts = [pid for pid, line in children(desk.home).items() if " session " in line]
        agent = agent_of(desk.home)
        assert agent
        assert hosts
        os.kill(agent, signal.SIGKILL)
        until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in hosts))  # they hold, or wait for, a PIN: they go with their agent
        os.write(writing, desk.token.pin.encode() + b"\n")
        stdout, _ = process.communicate(timeout=60)
    assert process.returncode == 6
    error = json.loads(stdout)["error"]
    assert (error["code"], error["facts"]["reason"]) == ("agent_unreachable", "died")
    assert tree(drawing.parent) == before
    desk.yinxin("sign", drawing, *SIGN)
    assert not list((desk.home / "run").glob("pin-*"))


@pytest.mark.promise(6)
def test_an_agent_killed_while_it_streams(desk: Desk, drawing: Path, tmp_path: Path) -> None:
    inputs, out = _copies(drawing, tmp_path / "in", 60), tmp_path / "out"
    out.mkdir()
    process = desk.yinxin.start("sign", *inputs, "--out-dir", out, *SIGN)
    until(lambda: len(os.listdir(out)) > 3 or process.poll() is not None)
    agent = agent_of(desk.home)
    assert agent
    os.kill(agent, signal.SIGKILL)
    stdout, stderr = process.communicate(timeout=60)
    assert process.returncode == 6, stdout + stderr
    assert json.loads(stdout)["error"]["facts"]["reason"] == "died"
    for path in out.iterdir():
        assert path.name.endswith(".signed.pdf")
        assert_signed(path)
    # The same command again: what is there is not replaced, the rest is signed
    result = desk.yinxin("sign", *inputs, "--out-dir", out, *SIGN, code=7)
    assert {(d["error"] or {}).get("code") for d in result.json["documents"]} == {None, "output_exists"}
    assert len(os.listdir(out)) == len(inputs)


@pytest.mark.promise(2)
@pytest.mark.promise(6)
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_client_that_ends_in_the_middle(desk: Desk, drawing: Path, tmp_path: Path, how: signal.Signals) -> None:
    """The work stops between two documents, the PIN's process is gone, and nothing half done is left."""
    inputs, out = _copies(drawing, tmp_path / "in", 300), tmp_path / "out"
    out.mkdir()
    process = desk.yinxin.start("sign", *inputs, "--out-dir", out, *SIGN)
    until(lambda: len(os.listdir(out)) > 3 or process.poll() is not None)
    process.send_signal(how)
    stdout, _ = process.communicate(timeout=60)
    until(lambda: desk.yinxin("agent", "status").json["jobs"] == 0)
    until(lambda: not _sessions(desk.home))
    present = sorted(out.iterdir())
    assert 3 < len(present) < len(inputs), "it did not stop"
    assert all(path.name.endswith(".signed.pdf") for path in present)
    for path in (present[0], present[-1]):
        assert_signed(path)
    if how is signal.SIGINT:
        assert process.returncode == 7
        answer = json.loads(stdout)
        assert answer["error"]["code"] == "cancelled"
        published = {Path(d["output"]) for d in answer["documents"] if d["state"] == "published"}
        assert published == set(present)
        assert {d["state"] for d in answer["documents"]} == {"published", "skipped"}
    assert not list((desk.home / "run").glob("pin-*"))


def test_a_client_killed_at_the_pin_leaves_nothing(desk: Desk, drawing: Path) -> None:
    before = tree(drawing.parent)
    for how in (signal.SIGKILL, signal.SIGINT):
        with Asked(desk.yinxin, drawing) as (process, _):
            process.send_signal(how)
            process.communicate(timeout=60)
        until(lambda: not _sessions(desk.home))
        until(lambda: not list((desk.home / "run").glob("pin-*")))
    assert tree(drawing.parent) == before


def test_two_clients_sign_at_once_on_one_token(desk: Desk, drawing: Path, tmp_path: Path) -> None:
    runs = []
    for name in "ab":
        inputs, out = _copies(drawing, tmp_path / name, 20), tmp_path / f"out-{name}"
        out.mkdir()
        runs.append((desk.yinxin.start("sign", *inputs, "--out-dir", out, *SIGN), out))
    with Asked(desk.yinxin, drawing) as (process, writing):  # and one waits for its PIN meanwhile
        for running, out in runs:
            stdout, stderr = running.communicate(timeout=120)
            assert running.returncode == 0, stdout + stderr
            assert len(os.listdir(out)) == 20
            assert_signed(out / "7.signed.pdf")
        os.write(writing, desk.token.pin.encode() + b"\n")
        assert process.wait(60) == 0


def test_two_clients_with_the_same_output(desk: Desk, drawing: Path) -> None:
    """Both pass the first look; only one of them gets the name, and the other is told."""
    with Asked(desk.yinxin, drawing) as (first, writing_first), Asked(desk.yinxin, drawing) as (second, writing_second):
        until(lambda: len(list((desk.home / "run").glob("pin-*"))) == 2)
        for writing in (writing_first, writing_second):
            os.write(writing, desk.token.pin.encode() + b"\n")
        said = [process.communicate(timeout=60)[0] for process in (first, second)]
        codes = sorted(process.returncode for process in (first, second))
    assert codes == [0, 5], said
    assert_signed(drawing.with_suffix(".signed.pdf"))
    assert len(tree(drawing.parent)) == 2


def test_an_agent_started_by_many_at_once_is_one(home: Path) -> None:
    yinxin = Yinxin(home)
    started = [yinxin.start("agent", "start") for _ in range(8)]
    pids = set()
    for process in started:
        stdout, stderr = process.communicate(timeout=120)
        assert process.returncode == 0, stdout + stderr
        pids.add(json.loads(stdout)["pid"])
    assert len(pids) == 1


# Another version


@pytest.fixture(scope="module")
def older(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment in which the command line is of another version."""
    tree_of_older = tmp_path_factory.mktemp("older")
    for package in ("agent", "tokens"):
        shutil.copytree(ROOT / package, tree_of_older / package, ignore=shutil.ignore_patterns("__pycache__"))
    init = tree_of_older / "agent" / "__init__.py"
    text = init.read_text()
    from agent import __version__

    assert __version__ in text
    init.write_text(text.replace(__version__, "0.0.1"))
    return {"PYTHONPATH": str(tree_of_older)}


def test_an_idle_agent_of_another_version_is_replaced_and_a_busy_one_is_not(desk: Desk, older: dict[str, str], drawing: Path) -> None:
    assert desk.yinxin("--version", env=older).json["version"] == "0.0.1"
    first = desk.yinxin("agent", "start").json["pid"]
    assert desk.yinxin("token", "list", env=older).json["tokens"]
    status = desk.yinxin("agent", "status").json
    assert status["version"] == "0.0.1"
    assert status["pid"] != first
    with Asked(desk.yinxin, drawing) as (process, writing):  # replaces the older one, and keeps ours busy
        error = told(desk.yinxin("token", "list", env=older, code=6))
        assert (error["code"], error["facts"]["reason"]) == ("agent_unreachable", "version")
        assert "0.0.1" in error["message"]
        message, _ = sentences(desk.yinxin("sign", drawing, *NO_PIN, env=older, code=6, as_json=False))
        assert "another version" in message
        os.write(writing, desk.token.pin.encode() + b"\n")
        assert process.wait(60) == 0


# Homes in odd places

PLACES = {
    "ordinary words": "设计 院/ 我的 印信 ",
    "deep": "/".join(["很深的文件夹"] * 12) + "/" + "d" * 200,
    "what a shell, a URL or a configuration reads otherwise": '$HOME`x` "q" \'&;| 100%s %25/C#项目 #1/a=b/two\nlines',
    "not utf-8": "\udcb9\udca4\udcb3\udcc4",
}


@pytest.mark.parametrize("kind", PLACES)
def test_a_home_in_an_odd_place(kind: str, drawing: Path) -> None:
    folder = short_folder()
    home = folder / PLACES[kind]
    yinxin = Yinxin(home)
    try:
        home.parent.mkdir(parents=True, exist_ok=True)
        pins = ("--pin", "env:YX_PIN", "--so-pin", "env:YX_SO_PIN")
        made = yinxin("token", "init", "--emulated", "--label", "k", *pins).json["token"]
        assert made["state"] == "ready"
        yinxin("agent", "stop")
        assert [t["label"] for t in yinxin("token", "list").json["tokens"]] == ["k"]
        assert any((home / "tokens").iterdir())
        outside = {path for path in tree(folder) if not path.startswith(os.fsencode(home))}
        parents = {os.fsencode(parent) for parent in home.parents}
        assert outside <= parents | {os.fsencode(home)}
    finally:
        stop(home)
        # What stands elsewhere for a path that a socket or SoftHSM2's configuration cannot hold
        conf = home / "softhsm2.conf"
        lines = os.fsdecode(conf.read_bytes()).split("\n") if conf.exists() else []
        named = next((line for line in lines if line.startswith("directories.tokendir = ")), "")
        for short in (locate(str(home)).run, Path(named.partition(" = ")[2] or home).parent):
            if short.name.startswith("yinxin-"):
                shutil.rmtree(short)
        shutil.rmtree(folder, ignore_errors=True)


def test_two_homes_side_by_side_do_not_touch_each_other(desk: Desk, practice_home: tuple[Path, PracticeToken], home: Path, drawing: Path) -> None:
    copy_home(practice_home[0], home)
    other = Yinxin(home)
    other("key", "generate", "--type", "p256", "--label", "only here", *SIGN)
    assert "only here" in other("key", "list").out
    assert "only here" not in desk.yinxin("key", "list").out
    before = tree(desk.home / "data"), tree(desk.home / "tokens")
    other("sign", drawing, *SIGN)
    assert agent_of(home) != agent_of(desk.home)
    other("agent", "stop")
    assert (tree(desk.home / "data"), tree(desk.home / "tokens")) == before
    assert desk.yinxin("agent", "status").json["running"]


@pytest.mark.parametrize("victim", ["data/ledger.db", "config/modules.json", "data/practice.json", "data/anchors", "softhsm2.conf", "state"])
def test_a_home_with_a_broken_file(practice_home: tuple[Path, PracticeToken], home: Path, drawing: Path, victim: str) -> None:
    copy_home(practice_home[0], home)
    path = home / victim
    if path.is_dir():
        shutil.rmtree(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"\x00garbage {" * 400)
    yinxin = Yinxin(home)
    result = yinxin("sign", drawing, *SIGN, code=None)
    if result.code:
        assert result.code != 70, result.out
        error = told(result)
        assert victim.rpartition("/")[2] in error["message"] + error["hint"], error
        assert not drawing.with_suffix(".signed.pdf").exists()
        assert path.read_bytes().startswith(b"\x00garbage"), "evidence was destroyed"
    else:
        assert_signed(drawing.with_suffix(".signed.pdf"))
    doctor = yinxin("doctor", code=None)
    assert "Traceback" not in doctor.out + doctor.err


def test_inherited_limits_and_a_closed_stdin(desk: Desk, drawing: Path) -> None:
    """As cron or a service starts it: no stdin, few descriptors, the working folder gone."""
    gone = Path(short_folder())
    script = "import os,sys; os.rmdir(os.getcwd()); os.close(0); os.execv(sys.argv[1], sys.argv[1:])"
    command = [sys.executable, "-c", script, *map(os.fspath, desk.yinxin.command("sign", drawing, *SIGN))]
    done = subprocess.run(command, env=desk.yinxin.env(), cwd=gone, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    relative = [sys.executable, "-c", script, *map(os.fspath, desk.yinxin.command("sign", "x.pdf", *NO_PIN))]
    gone = Path(short_folder())
    done = subprocess.run(relative, env=desk.yinxin.env(), cwd=gone, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 5, done.stdout + done.stderr
    assert "Traceback" not in done.stderr


def test_output_to_a_closed_pipe_or_a_full_device_is_no_traceback(desk: Desk, drawing: Path) -> None:
    runs: list[tuple[Callable[[], int], str]] = [(lambda: os.open("/dev/full", os.O_WRONLY), "full"), (_closed_pipe, "pipe")]
    for make, name in runs:
        out = make()
        try:
            for as_json in (True, False):
                done = subprocess.run(
                    desk.yinxin.command("token", "list", as_json=as_json), env=desk.yinxin.env(), stdin=subprocess.DEVNULL,
                    stdout=out, stderr=subprocess.PIPE, text=True, check=False, timeout=60,
                )  # fmt: skip
                assert done.returncode not in (0, 70), (name, done.returncode, done.stderr)
                assert "Traceback" not in done.stderr
                assert "Exception ignored" not in done.stderr
        finally:
            os.close(out)


def _closed_pipe() -> int:
    reading, writing = os.pipe()
    os.close(reading)
    return writing
