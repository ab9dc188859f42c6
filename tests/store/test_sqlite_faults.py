"""A SQLite ledger under everything that happens to files: full disks, kills, backups, deletions, second agents, network file systems."""

import asyncio
import contextlib
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from agent.api.errors import ApiError
from agent.api.messages import sentence
from agent.ledger.log import Ledger
from agent.store import sqlite
from tests.conftest import ROOT
from tests.store.say import Counting, say, tree
from tokens import platform


def limit(size: int | str) -> None:
    """No file of ours may become larger: to us, that is a full disk."""
    subprocess.run(["prlimit", f"--pid={os.getpid()}", f"--fsize={size}:unlimited"], check=True)


def whole(path: Path) -> list[int]:
    """The log read by itself: the tree is that of its statements; which ones they are."""
    with contextlib.closing(sqlite3.connect(path)) as store:
        rows = store.execute("SELECT seq, statement, nodes FROM entries ORDER BY seq").fetchall()
        ((size, edge),) = store.execute("SELECT size, edge FROM head").fetchall()
        acts = store.execute("SELECT count(*) FROM acts").fetchone()[0]
    nodes, root = tree([row[1] for row in rows])
    assert [row[0] for row in rows] == list(range(size))
    assert tuple(row[2] for row in rows) == nodes
    assert acts == size
    from agent.ledger import merkle
    from agent.ledger.entry import Entry

    assert merkle.root([edge[n : n + 32] for n in range(0, len(edge), 32)]) == root
    return [Entry(0, row[1], None).statement["body"]["n"] for row in rows]


@pytest.mark.promise(5)
def test_a_disk_full_at_each_write(tmp_path: Path, times: Callable[[int, int], int]) -> None:
    """With room for so many more bytes, at every few bytes of what an append writes: it stands, or it is refused and nothing is left of it."""
    path, steps = tmp_path / "ledger.db", times(16, 400)

    async def run() -> None:
        ledger = Ledger(sqlite.Store(path), fold=Counting())
        stands, refused = [], list[ApiError]()
        for n in range(4):
            stands.append((await ledger.enter(*say(n=n))).seq)
        for n in range(4, 4 + steps):
            limit(os.stat(f"{path}-wal").st_size + (n - 4) * 64 * 1024 // steps)
            try:
                stands.append((await ledger.enter(*say(n=n))).seq)
            except ApiError as error:
                refused.append(error)
            finally:
                limit("unlimited")
            stands.append((await ledger.enter(*say(n=1000 + n))).seq)  # with room again it goes on
        assert {(error.code, error.exit) for error in refused} == {("store_unreachable", 6)}
        assert 3 < len(refused) < steps
        assert stands == list(range(len(stands)))
        assert isinstance(ledger.fold, Counting)
        assert len(ledger.fold.seen) == len(stands)
        await ledger.close()

    asyncio.run(run())
    assert len(whole(path)) == len(set(whole(path)))


@pytest.mark.promise(5)
def test_kill_9_loses_nothing_that_stood(tmp_path: Path, times: Callable[[int, int], int]) -> None:
    path, told = tmp_path / "ledger.db", set[tuple[str, str]]()
    for turn in range(times(3, 60)):
        command = [sys.executable, "-m", "tests.store.agent", str(path), f"A{turn}", "4", "100000"]
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as agent:
            assert agent.stdout is not None
            for _ in range(7 * turn + 1):
                line = agent.stdout.readline().split()
                told.add((line[0], line[1]))
            agent.send_signal(signal.SIGKILL)
            told |= {(line.split()[0], line.split()[1]) for line in agent.stdout if line.endswith("\n")}
    whole(path)
    with contextlib.closing(sqlite3.connect(path)) as store:
        found = store.execute("SELECT json_extract(statement, '$.device'), json_extract(statement, '$.body.n') FROM entries").fetchall()
    assert len(found) == len(set(found))
    assert told <= {(device, str(n)) for device, n in found}


@pytest.mark.promise(5)
def test_its_log_deleted_under_a_running_agent_loses_nothing(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"

    async def run() -> None:
        ledger = Ledger(sqlite.Store(path))
        for n in range(6):
            await ledger.enter(*say(n=n))
        os.unlink(f"{path}-wal")
        await ledger.enter(*say(n=6))
        copy = tmp_path / "as after a power cut"
        copy.mkdir()
        for file in tmp_path.glob("ledger.db*"):
            shutil.copy(file, copy)
        assert whole(copy / "ledger.db") == list(range(7))
        await ledger.enter(*say(n=7))
        assert (await ledger.head()).size == 8
        await ledger.close()

    asyncio.run(run())
    assert whole(path) == list(range(8))


def test_its_log_deleted_after_a_kill_leaves_a_whole_but_shorter_ledger(tmp_path: Path) -> None:
    """What was in it is lost, and nobody can mend that; that it is lost is found by what is remembered elsewhere (checkpoints, witnesses)."""
    path = tmp_path / "ledger.db"

    async def run() -> None:
        ledger = Ledger(sqlite.Store(path))
        for n in range(5):
            await ledger.enter(*say(n=n))
        copy = tmp_path / "copy.db"
        shutil.copy(path, copy)
        await ledger.close()
        again = Ledger(sqlite.Store(copy))
        assert (await again.head()).size < 5
        await again.close()
        whole(copy)

    asyncio.run(run())


@pytest.mark.promise(5)
def test_a_ledger_moved_away_or_replaced_under_the_agent_is_not_written_to_unseen(tmp_path: Path) -> None:
    path, aside = tmp_path / "ledger.db", tmp_path / "aside.db"

    async def run() -> None:
        ledger = Ledger(sqlite.Store(path))
        await ledger.enter(*say(n=0))
        shutil.copy(path, aside)
        os.replace(aside, path)
        with pytest.raises(ApiError) as caught:
            await ledger.enter(*say(n=1))
        assert caught.value.facts["reason"] == "store_replaced"
        await ledger.close()

    asyncio.run(run())


@pytest.mark.promise(5)
def test_a_program_that_locks_the_file_is_waited_for_and_then_named(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"

    async def run(patience: float) -> None:
        ledger = Ledger(sqlite.Store(path, patience))
        await ledger.head()
        backup = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        backup.execute("BEGIN IMMEDIATE")
        if patience > 1:
            waiting = asyncio.create_task(ledger.enter(*say(n=0)))
            timer = threading.Timer(0.3, backup.execute, ["ROLLBACK"])  # the lock goes while the agent waits
            timer.start()
            await waiting
            timer.join()
        else:
            with pytest.raises(ApiError) as caught:
                await ledger.enter(*say(n=0))
            assert caught.value.facts["reason"] == "store_locked"
            assert "backup" in sentence(caught.value.code, caught.value.facts, "en")[0]
            backup.execute("ROLLBACK")
            await ledger.enter(*say(n=0))
        backup.close()
        assert (await ledger.head()).size > 0
        await ledger.close()

    asyncio.run(run(0.1))
    asyncio.run(run(30))


def test_a_copy_made_while_statements_are_appended_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"

    async def run() -> None:
        ledger = Ledger(sqlite.Store(path))
        for turn in range(5):
            writing = asyncio.gather(*(ledger.enter(*say(n=100 * turn + n)) for n in range(20)))
            source, target = sqlite3.connect(path, check_same_thread=False), sqlite3.connect(tmp_path / f"copy{turn}.db", check_same_thread=False)
            await asyncio.to_thread(lambda a=source, b=target: a.backup(b, pages=5))
            source.close()
            target.close()
            await writing
        await ledger.close()

    asyncio.run(run())
    for turn in range(5):
        assert len(whole(tmp_path / f"copy{turn}.db")) <= 20 * (turn + 1)


@pytest.mark.promise(5)
def test_two_agents_on_one_file(tmp_path: Path) -> None:
    path, other = tmp_path / "ledger.db", tmp_path / "other name"
    other.symlink_to(path)
    first = sqlite.Store(path)
    for name in (path, other):
        with pytest.raises(ApiError) as caught:
            sqlite.Store(name)
        assert caught.value.facts["reason"] == "store_in_use"
        assert "PostgreSQL" in sentence(caught.value.code, caught.value.facts, "zh")[1]
    first.close()
    sqlite.Store(other).close()
    with subprocess.Popen([sys.executable, "-m", "tests.store.agent", str(path), "A", "1", "100000"], cwd=ROOT, stdout=subprocess.PIPE) as agent:
        assert agent.stdout is not None
        agent.stdout.readline()
        with pytest.raises(ApiError):
            sqlite.Store(path)
        agent.kill()
    sqlite.Store(path).close()


MOUNTS = b"""22 1 8:1 / / rw - ext4 /dev/sda1 rw
30 22 0:40 / /home rw - nfs4 server:/home rw
31 30 0:41 / /home/li\\040gong/local rw - xfs /dev/sdb1 rw
32 22 0:42 / /mnt/share rw shared:7 - cifs //server/share rw
33 22 0:43 / /mnt/ssh rw - fuse.sshfs host: rw
"""


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("/srv/x", ("ext4", "/")),
        ("/home/wang", ("nfs4", "/home")),
        ("/home/li gong/local/yinxin", ("xfs", "/home/li gong/local")),
        ("/homeless", ("ext4", "/")),
        ("/mnt/share/y/z", ("cifs", "/mnt/share")),
        ("/mnt/ssh", ("fuse.sshfs", "/mnt/ssh")),
    ],
)
def test_the_file_system_is_that_of_the_nearest_mount(tmp_path: Path, path: str, found: tuple[str, str]) -> None:
    (tmp_path / "mountinfo").write_bytes(MOUNTS)
    assert platform.file_system_of(Path(path), str(tmp_path / "mountinfo")) == found
    assert platform.file_system_of(Path(path), str(tmp_path / "nothing")) == ("", "")


@pytest.mark.parametrize("kind", ["nfs4", "cifs", "fuse.sshfs"])
def test_a_home_on_a_network_file_system_is_refused_in_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    monkeypatch.setattr(platform, "file_system_of", lambda _path: (kind, "/home"))
    with pytest.raises(ApiError) as caught:
        sqlite.Store(tmp_path / "ledger.db")
    assert caught.value.facts["reason"] == "store_remote"
    happened, hint = sentence(caught.value.code, caught.value.facts, "en")
    assert kind in happened
    assert "PostgreSQL" in hint
    assert os.listdir(tmp_path) == []


def test_this_machines_own_disk_is_none() -> None:
    kind, place = platform.file_system_of(ROOT)
    assert kind
    assert place.startswith("/")
