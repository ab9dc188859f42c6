"""Stores of older versions are brought to the present form: all of it or nothing, whenever the power goes."""

import asyncio
import contextlib
import json
import random
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from agent.api.errors import ApiError
from agent.ledger import merkle
from agent.ledger.log import Ledger
from agent.store import address, migrating, postgres, sqlite, tables
from agent.store.store import Store
from tests.conftest import ROOT
from tests.databases import Cluster
from tests.store import old
from tests.store.say import tree

COUNT = 37


def old_sqlite(path: Path) -> None:
    with contextlib.closing(sqlite3.connect(path)) as store:
        for command in old.OLD:
            store.execute(command.format(**old.SQLITE))
        store.executemany("INSERT INTO entries VALUES (?, ?, ?, ?)", old.rows(COUNT))
        store.execute("INSERT INTO journal VALUES ('b1', 0, 'publishing', ?)", (b"00",))
        store.commit()


def looked(where: str, steps: list[int]) -> dict[str, Any]:
    done = subprocess.run([sys.executable, "-m", "tests.store.old", where, *map(str, steps)], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def assert_same(found: dict[str, Any]) -> None:
    """What stood there stands there, byte for byte, and the tree over it is the same tree."""
    said = old.statements(COUNT)
    nodes, root = tree(said)
    assert found["entries"] == [[n, said[n].hex(), None, nodes[n].hex()] for n in range(COUNT)]
    edge = bytes.fromhex(found["edge"])
    assert (found["size"], edge) == (COUNT, old.rows(COUNT)[-1][3])
    assert merkle.root([edge[n : n + 32] for n in range(0, len(edge), 32)]) == root
    assert found["journal"] == [["b1", 0, "publishing"]]


@pytest.mark.promise(5)
def test_a_home_of_0_2_killed_at_each_step_of_its_migration(tmp_path: Path, soak: bool) -> None:
    old_sqlite(tmp_path / "ledger.db")
    every = range(130)
    found = looked(str(tmp_path / "ledger.db"), [*every] if soak else sorted({*every[:4], *random.sample(every[4:], 10)}))
    assert len(found["reached"]) > 4
    assert_same(found)


@pytest.mark.promise(5)
def test_a_shared_store_killed_at_each_step_of_its_migration(cluster: Cluster, soak: bool) -> None:
    """Nobody shared a ledger before 0.3; later steps will find one."""
    database = cluster.database()
    with cluster.connect(database) as connection:
        connection.execute("CREATE SCHEMA yinxin")
        connection.execute("SET search_path TO yinxin")
        for command in old.OLD:
            connection.execute(command.format(**old.POSTGRESQL))  # type: ignore[arg-type]
        with connection.cursor() as cursor:
            cursor.executemany("INSERT INTO entries VALUES (%s, %s, %s, %s)", old.rows(COUNT))
        connection.execute("INSERT INTO journal VALUES ('b1', 0, 'publishing', '00')")
    every = range(130)
    found = looked(cluster.url(database), [*every] if soak else [0, *sorted(random.sample(every[1:60], 5))])
    assert found["reached"]
    assert_same(found)


@pytest.mark.promise(5)
def test_what_was_open_in_0_2_is_found_open_and_the_log_goes_on(tmp_path: Path) -> None:
    old_sqlite(tmp_path / "ledger.db")

    async def run() -> None:
        ledger = Ledger(sqlite.Store(tmp_path / "ledger.db"))
        (left,) = await ledger.open_sets()
        assert (left.statement["body"]["batch"], left.seq, dict(left.publishing)) == ("b1", COUNT - 1, {0: "00"})
        before = await ledger.head()
        assert before.root == tree(old.statements(COUNT))[1]
        receipt = await ledger.append("signature.finished", {"batch": "b1", "documents": []}, forget="b1")
        assert receipt.seq == COUNT
        assert await ledger.open_sets() == []
        assert await ledger.founding() is None
        await ledger.close()

    asyncio.run(run())


def test_the_tables_that_are_made_are_those_that_are_named(opens: Callable[[], Store]) -> None:
    store = opens()
    with store.read() as connection:
        looking = sa.inspect(connection)
        assert set(looking.get_table_names()) == {*tables.metadata.tables, "alembic_version"}
        for name, table in tables.metadata.tables.items():
            found = {column["name"]: (bool(column["nullable"]), isinstance(column["type"], sa.LargeBinary)) for column in looking.get_columns(name)}
            assert found == {column.name: (bool(column.nullable), _is_bytes(column.type)) for column in table.columns}
            assert set(looking.get_pk_constraint(name)["constrained_columns"]) == {column.name for column in table.primary_key}
    store.close()


def test_a_store_of_a_newer_version_is_left_alone(opens: Callable[[], Store]) -> None:
    store = opens()
    with store.begin() as connection:
        if store.kind == "postgresql":
            connection.exec_driver_sql("RESET ROLE")
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    store.close()
    with pytest.raises(ApiError) as caught:
        opens()
    assert (caught.value.code, caught.value.facts["reason"]) == ("store_unreachable", "store_newer")


def test_the_newest_step_is_the_one_that_is_asked_for() -> None:
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", str(Path(migrating.__file__).parent / "migrations"))
    script = ScriptDirectory.from_config(config)
    assert script.get_heads() == [migrating.PRESENT]
    assert {step.revision for step in script.walk_revisions()} == set(migrating._KNOWN)


def test_agents_that_come_at_once_make_the_tables_once(cluster: Cluster) -> None:
    url = address.parse(cluster.url(cluster.database()))

    async def run() -> None:
        stores = await asyncio.gather(*(asyncio.to_thread(postgres.Store, url) for _ in range(5)))
        for store in stores:
            store.close()

    asyncio.run(run())


def _is_bytes(kind: Any) -> bool:
    """Whether a column of ours holds bytes, whatever else is made of what is read from it."""
    return isinstance(kind.impl if isinstance(kind, sa.types.TypeDecorator) else kind, sa.LargeBinary)
