"""Several agents on one PostgreSQL: connections killed at any time, at a commit too; rights, passwords, certificates on the way."""

import asyncio
import contextlib
import os
import random
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa

from agent.api.errors import ApiError
from agent.ledger import merkle
from agent.ledger.log import Ledger
from agent.store import address, postgres
from tests.conftest import ROOT
from tests.databases import Cluster
from tests.store.say import Counting, say, tree


@pytest.fixture
def database(cluster: Cluster) -> str:
    return cluster.database()


@pytest.fixture
def url(cluster: Cluster, database: str) -> str:
    return cluster.url(database)


def whole(cluster: Cluster, database: str) -> list[tuple[str, int]]:
    """The log read by itself: the tree is that of its statements; whose they are, and which."""
    with cluster.connect(database) as connection:
        rows = connection.execute("SELECT seq, statement, nodes FROM yinxin.entries ORDER BY seq").fetchall()
        ((size, edge),) = connection.execute("SELECT size, edge FROM yinxin.head").fetchall()
        ((drawn,),) = connection.execute("SELECT count(*) FROM yinxin.acts").fetchall()
    nodes, root = tree([row[1] for row in rows])
    assert [row[0] for row in rows] == list(range(size))
    assert tuple(row[2] for row in rows) == nodes
    assert merkle.root([edge[n : n + 32] for n in range(0, len(edge), 32)]) == root
    assert drawn == size
    from agent.ledger.entry import Entry

    return [(told["device"], told["body"]["n"]) for told in (Entry(0, row[1], None).statement for row in rows)]


def end_one(connection: "psycopg.Connection[Any]") -> int:
    """End the connection of some agent, whatever it is at; how many were ended."""
    wanted = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'yinxin'"
    if not (pids := [pid for (pid,) in connection.execute(wanted).fetchall()]):
        return 0
    return sum(ended for (ended,) in connection.execute("SELECT pg_terminate_backend(%s)", [random.choice(pids)]).fetchall())


@pytest.mark.promise(5)
def test_two_agents_with_eight_writers_lose_and_double_nothing_while_their_connections_are_killed(
    cluster: Cluster, database: str, url: str, tmp_path: Path, times: Callable[[int, int], int]
) -> None:
    statements = times(1000, 5000)  # of each
    command = [sys.executable, "-m", "tests.store.agent", url]
    agents = {}
    for name in "AB":
        with (tmp_path / name).open("w") as out:
            agents[name] = subprocess.Popen([*command, name, "4", str(statements)], cwd=ROOT, stdout=out, stderr=subprocess.PIPE, text=True)
    killed = 0
    with cluster.connect(database) as connection:
        grown = 0
        while any(agent.poll() is None for agent in agents.values()):
            now = size_of(connection)
            if now >= grown + 40:  # they come on between two kills
                killed, grown = killed + end_one(connection), now
    assert [(agent.communicate()[1], agent.returncode) for agent in agents.values()] == [("", 0)] * 2
    told = [line.split() for name in agents for line in (tmp_path / name).read_text().splitlines()]
    assert killed >= times(10, 50)
    found = whole(cluster, database)
    assert len(found) == len(set(found)) == 2 * statements
    assert len(told) == 2 * statements
    assert all(found[int(seq)] == (name, int(n)) for name, n, seq, _ in told)
    roots = {int(seq): root for _, _, seq, root in told}
    with cluster.connect(database) as connection:
        said = [raw for (raw,) in connection.execute("SELECT statement FROM yinxin.entries ORDER BY seq").fetchall()]
    for seq in random.sample(sorted(roots), 20):
        assert tree(said[: seq + 1])[1].hex() == roots[seq]


def size_of(connection: "psycopg.Connection[Any]") -> int:
    """How far the log has come; 0 before there is one."""
    with contextlib.suppress(psycopg.errors.UndefinedTable, psycopg.errors.InvalidSchemaName):
        ((size,),) = connection.execute("SELECT size FROM yinxin.head").fetchall()
        return int(size)
    return 0


@pytest.mark.promise(5)
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_connection_lost_at_a_commit(cluster: Cluster, database: str, url: str, when: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether the server did it or not cannot be told from here: it is looked for, and entered once."""
    store = postgres.Store(address.parse(url))
    losses: list[str] = []
    dialect = type(store._writing.dialect)
    commit = dialect.do_commit

    def lost(self: Any, connection: Any) -> None:
        if losses:
            return commit(self, connection)
        mine = connection.driver_connection
        losses.append(when)
        if when == "after":
            commit(self, connection)
        with cluster.connect(database) as other:
            other.execute("SELECT pg_terminate_backend(%s)", [mine.info.backend_pid])
        mine.execute("SELECT 1")  # the answer never comes
        raise AssertionError("the connection lives")

    async def run() -> None:
        ledger = Ledger(store, fold=Counting())
        await ledger.enter(*say(n=0))
        monkeypatch.setattr(dialect, "do_commit", lost)
        receipts = await asyncio.gather(ledger.enter(*say(n=1)), ledger.enter(*say(n=2)), ledger.note("b", 0, "staged", b"x"))
        assert [receipt.seq for receipt in receipts[:2] if receipt] == [1, 2]
        assert isinstance(ledger.fold, Counting)
        assert len(ledger.fold.seen) == 3
        assert await ledger.staged() == [("b", b"x")]
        await ledger.close()

    asyncio.run(run())
    assert losses == [when]
    assert [n for _, n in whole(cluster, database)] == [0, 1, 2]


@pytest.mark.promise(5)
def test_a_server_that_ends_and_is_started_anew(cluster: Cluster, database: str, url: str) -> None:
    async def run() -> None:
        ledger = Ledger(postgres.Store(address.parse(url)))
        await ledger.enter(*say(n=0))
        await asyncio.to_thread(cluster.stop)
        waiting = asyncio.gather(*(ledger.enter(*say(n=n)) for n in (1, 2, 3)))
        await asyncio.to_thread(cluster.start)
        assert [receipt.seq for receipt in await waiting] == [1, 2, 3]
        assert (await ledger.newest()) is not None
        await ledger.close()

    asyncio.run(run())
    assert len(whole(cluster, database)) == 4


def test_a_server_that_stays_away_is_named_without_a_secret(tmp_path: Path) -> None:
    with pytest.raises(ApiError) as caught:
        postgres.Store(address.parse(f"postgresql://li@/d?host={tmp_path}"), password="geheim-482615")
    assert caught.value.code == "store_unreachable"
    assert "geheim" not in repr(caught.value.facts)


@pytest.mark.promise(5)
def test_agents_read_on_what_others_append_and_judge_it(url: str) -> None:
    async def run() -> None:
        one, two = (Ledger(postgres.Store(address.parse(url)), fold=Counting(most=3)) for _ in range(2))
        await one.enter(*say(n=0))
        await two.enter(*say(n=1))
        await one.enter(*say(n=2))
        outcomes = await asyncio.gather(one.enter(*say(n=3)), two.enter(*say(n=4)), return_exceptions=True)
        assert [isinstance(outcome, ApiError) for outcome in outcomes] == [True, True]  # the fourth of its kind, whoever asks
        assert (await one.head()) == (await two.head())
        assert one.fold == two.fold
        await one.close()
        await two.close()

    asyncio.run(run())


@pytest.mark.promise(5)
def test_a_member_of_the_role_appends_and_can_change_nothing(cluster: Cluster, database: str, url: str) -> None:
    postgres.Store(address.parse(url)).close()
    clerk = f"clerk_{database}"
    with cluster.connect() as connection:
        connection.execute(f"CREATE ROLE {clerk} LOGIN IN ROLE yinxin_agent")

    async def run() -> None:
        store = postgres.Store(address.parse(cluster.url(database, clerk)))
        assert store.rights() == {"owns": False, "changes": False, "removes": False}
        ledger = Ledger(store)
        for n in range(3):
            await ledger.enter(*say(n=n))
        await ledger.note("b", 0, "staged", b"x")
        await ledger.swept("b")
        await ledger.rebuild()
        await ledger.close()

    asyncio.run(run())
    with cluster.connect(database, clerk) as connection:
        for command in (
            "UPDATE yinxin.entries SET statement = ''",
            "DELETE FROM yinxin.entries",
            "TRUNCATE yinxin.entries",
            "DROP TABLE yinxin.entries",
            "ALTER TABLE yinxin.entries DISABLE TRIGGER ALL",
            "DELETE FROM yinxin.head",
            "CREATE OR REPLACE FUNCTION yinxin.entries_append_only() RETURNS trigger LANGUAGE sql AS 'SELECT NULL'",
            "UPDATE yinxin.alembic_version SET version_num = '9999'",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(command)
    assert len(whole(cluster, database)) == 3


def test_somebody_without_the_role_is_told_what_is_missing(cluster: Cluster, database: str, url: str) -> None:
    postgres.Store(address.parse(url)).close()
    with cluster.connect() as connection:
        connection.execute(f"CREATE ROLE stranger_{database} LOGIN")
    with pytest.raises(ApiError) as caught:
        postgres.Store(address.parse(cluster.url(database, f"stranger_{database}")))
    assert caught.value.facts["reason"] == "store_rights"


@pytest.mark.promise(5)
def test_a_transaction_that_holds_the_head_too_long_is_named(cluster: Cluster, database: str, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(postgres._SETTINGS, "lock_timeout", "100ms")

    async def run() -> None:
        ledger = Ledger(postgres.Store(address.parse(url)))
        await ledger.enter(*say(n=0))
        with cluster.connect(database) as other, other.transaction():
            other.execute("SELECT * FROM yinxin.head FOR UPDATE")
            with pytest.raises(ApiError) as caught:
                await ledger.enter(*say(n=1))
            assert caught.value.facts["reason"] == "store_locked"
        assert (await ledger.enter(*say(n=2))).seq == 1
        await ledger.close()

    asyncio.run(run())


def test_commits_are_on_the_servers_disk_whatever_its_own_settings_say(cluster: Cluster, database: str, url: str) -> None:
    with cluster.connect() as connection:
        connection.execute(f"ALTER DATABASE {database} SET synchronous_commit = off")
    store = postgres.Store(address.parse(url))
    with store.begin() as connection:
        assert connection.execute(sa.text("SHOW synchronous_commit")).scalar() == "on"
        assert connection.execute(sa.text("SELECT current_user")).scalar() == postgres.ROLE
    store.close()


@pytest.fixture
def guarded(cluster: Cluster, database: str, url: str) -> Iterator[str]:
    """A user of the database who needs a password."""
    user = f"li_{database}"
    postgres.Store(address.parse(url)).close()
    rules = cluster.data / "pg_hba.conf"
    before = rules.read_text()
    with cluster.connect() as connection:
        connection.execute(f"CREATE ROLE {user} LOGIN PASSWORD 'ge heim:482615' IN ROLE yinxin_agent")
        rules.write_text(f"local all {user} scram-sha-256\n{before}")
        connection.execute("SELECT pg_reload_conf()")
        yield cluster.url(database, user)
        rules.write_text(before)
        connection.execute("SELECT pg_reload_conf()")


def test_passwords_are_given_apart_and_wrong_ones_told_without_them(guarded: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGPASSFILE", str(tmp_path / "pass"))
    for wrong in (None, "geheim-482615"):
        with pytest.raises(ApiError) as caught:
            postgres.Store(address.parse(guarded), password=wrong)
        assert caught.value.facts["reason"] == "store_password"
        assert "geheim" not in repr(caught.value.facts)
    postgres.Store(address.parse(guarded), password="ge heim:482615").close()
    (tmp_path / "pass").write_text("*:*:*:*:ge heim\\:482615\n")
    (tmp_path / "pass").chmod(0o600)
    postgres.Store(address.parse(guarded)).close()


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "store_url"),
        ("sqlite:///x", "store_url"),
        ("mysql://a@b/c", "store_url"),
        ("postgresql+asyncpg://a@b/c", "store_url"),
        ("postgresql://a:secret@b/c", "store_url_password"),
        ("postgresql://a@b/c?password=secret", "store_url_password"),
        ("postgresql://a@b/c?passfile=/x", "store_url_password"),
        ("postgresql://a@b", "store_url_option"),
        ("postgresql://a@b/c?options=-csearch_path%3Dx", "store_url_option"),
        ("postgresql://a@b/c?sslmode=require", "store_tls"),
        ("postgresql://a@b/c?sslmode=disable", "store_tls"),
        ("postgresql://a@localhost/c?host=db.example.com&sslmode=prefer", "store_tls"),
        ("postgresql://a@localhost/c?hostaddr=10.0.0.7&sslmode=prefer", "store_tls"),
        ("postgresql://a@/c?host=/run/postgresql,db.example.com&sslmode=prefer", "store_tls"),
    ],
)
def test_addresses_that_are_refused(text: str, reason: str) -> None:
    with pytest.raises(ApiError) as caught:
        address.parse(text)
    assert caught.value.facts["reason"] == reason
    assert "secret" not in repr(caught.value.facts)


@pytest.mark.parametrize(
    "text", ["postgresql://a@localhost/c", "postgresql://a@127.0.0.1:5433/c", "postgres://a@[::1]/c", "postgresql://a@/c?host=/run/postgresql"]
)
def test_addresses_on_this_computer_need_no_certificate(text: str) -> None:
    assert "sslmode" not in address.parse(text).arguments(None)


@pytest.mark.parametrize(
    "text", ["postgresql://a@db.example.com/c", "postgresql://a@10.1.2.3/c?sslmode=verify-full", "postgresql://a@localhost.example.com/c"]
)
def test_certificates_are_checked_on_the_way_to_others(text: str) -> None:
    found = address.parse(text)
    assert dict(found.arguments("p")) == {"password": "p", "sslmode": "verify-full", "sslrootcert": "system"}
    assert os.path.exists("/etc/ssl/certs") or found
