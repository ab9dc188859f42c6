"""Signing while the organisation's ledger is in a shared database: its connections are killed, it goes away, it comes back."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import PracticeToken, Yinxin
from tests.databases import Cluster
from tests.e2e.looks import assert_signed, told, until
from tests.e2e.test_resume import sheets, states
from tests.organisation.conftest import K0, Desk, found
from tests.store.test_postgres import end_one

PIN = ("--token", K0, "--pin", "env:YX_PIN")


@pytest.fixture
def desk(yinxin: Yinxin, practice_token: PracticeToken) -> Desk:
    """A computer with one token."""
    return Desk(yinxin)


@pytest.fixture
def shared(desk: Desk, cluster: Cluster) -> tuple[Desk, str]:
    """A computer whose organisation keeps its ledger in a database."""
    database = cluster.database()
    found(desk)
    assert desk("store", "set", cluster.url(database))["size"] == 1
    return desk, database


def recorded(cluster: Cluster, database: str, kind: str) -> list[dict[str, Any]]:
    with cluster.connect(database) as connection:
        rows = connection.execute("SELECT statement FROM yinxin.entries ORDER BY seq").fetchall()
    return [told["body"] for told in (json.loads(raw) for (raw,) in rows) if told["type"] == kind]


@pytest.mark.promise(5)
def test_a_set_is_signed_and_recorded_once_while_its_connections_are_killed(
    shared: tuple[Desk, str], cluster: Cluster, drawing: Path, times: Callable[[int, int], int]
) -> None:
    desk, database = shared
    inputs = sheets(drawing, times(30, 300))
    signing = desk.yinxin.start("sign", *inputs, *PIN)
    killed, done = 0, 0
    with cluster.connect(database) as connection:
        while signing.poll() is None:
            now = len(list(drawing.parent.glob("**/*.signed.pdf")))
            if now > done or not killed:
                killed, done = killed + end_one(connection), now
    result = json.loads(signing.communicate()[0])
    assert signing.returncode == 0, (result["error"], (desk.home / "state" / "agent.log").read_text()[-3000:])
    assert states(result["documents"]) == ["published"] * len(inputs)
    assert killed > 2
    (started,), (finished,) = recorded(cluster, database, "signature.started"), recorded(cluster, database, "signature.finished")
    assert len(started["documents"]) == len(finished["documents"]) == len(inputs)
    with cluster.connect(database) as connection:
        assert connection.execute("SELECT count(*) FROM yinxin.journal").fetchall() == [(0,)]
    assert desk("ledger", "verify")["verdict"] == "passed"


@pytest.mark.promise(5)
@pytest.mark.promise(6)
def test_a_database_that_goes_away_in_the_middle_of_a_set_and_comes_back(shared: tuple[Desk, str], cluster: Cluster, drawing: Path) -> None:
    desk, database = shared
    inputs = sheets(drawing, 200)
    folder = inputs[0].parent
    signing = desk.yinxin.start("sign", *inputs, *PIN)
    until(lambda: len(list(folder.glob("*.signed.pdf"))) >= 2)
    cluster.stop()
    try:
        result = json.loads(signing.communicate()[0])
        published = states(result["documents"]).count("published")
        assert (signing.returncode, result["error"]["code"]) == (7, "store_unreachable")
        assert len(list(folder.glob("*.signed.pdf"))) == published < len(inputs)
        assert told(desk.yinxin("sign", "--resume", result["batch"], *PIN, code=6))["code"] == "store_unreachable"
    finally:
        cluster.start()
    done = desk.yinxin("sign", "--resume", result["batch"], *PIN).json
    assert states(done["documents"]) == ["published"] * (len(inputs) - published)
    for path in folder.glob("*.signed.pdf"):
        assert_signed(path)
    assert len(recorded(cluster, database, "signature.started")) == len(recorded(cluster, database, "signature.finished"))


def test_a_database_that_is_away_at_the_start_is_told_and_nothing_recorded_elsewhere(
    shared: tuple[Desk, str], cluster: Cluster, drawing: Path
) -> None:
    desk, database = shared
    desk.rest()
    cluster.stop()
    try:
        error = told(desk.yinxin("sign", drawing, *PIN, code=6))
        assert error["code"] == "store_unreachable"
        assert not drawing.with_suffix(".signed.pdf").exists()
        desk.rest()
    finally:
        cluster.start()
    desk.yinxin("sign", drawing, *PIN)
    assert len(recorded(cluster, database, "signature.finished")) == 1


def test_what_cannot_be_a_shared_store_is_refused_in_words(desk: Desk, tmp_path: Path) -> None:
    assert told(desk.yinxin("store", "set", "postgresql://li@/d", code=4))["facts"]["reason"] == "store_personal"
    found(desk)
    shown = desk("store", "show")
    assert (shown["organisation"]["kind"], shown["organisation"]["size"]) == ("sqlite", 1)
    result = desk.yinxin("store", "set", "postgresql://li:geheim-482615@db.example.com/d", code=2)
    assert told(result)["facts"]["reason"] == "store_url_password"
    assert "geheim" not in result.out + result.err
    assert told(desk.yinxin("store", "set", "postgresql://li@db.example.com/d?sslmode=require", code=4))["facts"]["reason"] == "store_tls"
    result = desk.yinxin("store", "set", f"postgresql://li@/d?host={tmp_path}", "--password", "env:SECRET", env={"SECRET": "geheim-482615"}, code=6)
    assert told(result)["code"] == "store_unreachable"
    assert "geheim" not in result.out + result.err
    assert "geheim" not in "".join(
        path.read_text(errors="replace") for path in desk.home.glob("**/*") if path.is_file() and path.suffix in {".log", ".json"}
    )
    assert desk("store", "show")["organisation"]["kind"] == "sqlite"
