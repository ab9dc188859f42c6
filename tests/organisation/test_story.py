"""An organisation from its founding on, through the command line: real agents, real (emulated) tokens, both stores."""

import asyncio
import hashlib
import json
import os
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest

from agent.api.home import locate
from agent.device import store as devices
from agent.ledger import signed, statement
from agent.ledger.log import Ledger
from agent.store import address, postgres, sqlite
from agent.store.store import Store
from tests.governance.cast import Cert, cert
from tests.organisation.conftest import K0, Desk, found


@pytest.fixture(params=["postgresql", "sqlite"] if os.environ.get("YINXIN_SOAK") else ["postgresql"])
def shared(request: pytest.FixtureRequest) -> "str | None":
    """The database to move to; None stays with the file."""
    if request.param == "sqlite":
        return None
    server = request.getfixturevalue("cluster")
    return str(server.url(server.database()))


def opened(url: str) -> Store:
    """The store as the database's administrator opens it."""
    return postgres.Store(address.parse(url)) if "://" in url else sqlite.Store(Path(url))


class Office:
    """Two computers that share a ledger: with a file, one agent at a time has it."""

    def __init__(self, desks: Callable[[], Desk], url: str | None) -> None:
        self.first, self.second = desks(), desks()
        self.org = found(self.first)
        self.url = url or str(self.first.home / "data" / f"org-{self.org[:16]}.db")
        if url is not None:
            moved = self.first("store", "set", url)
            assert moved["size"] == 1
        self._files = url is None

    def at(self, desk: Desk) -> Desk:
        """That computer, with the ledger at hand."""
        if self._files:
            (self.second if desk is self.first else self.first).rest()
        return desk


@pytest.mark.obligation("S42")
@pytest.mark.obligation("S50")
@pytest.mark.promise(3)
@pytest.mark.promise(7)
def test_two_workstations_and_a_database_administrator(desks: Callable[[], Desk], shared: str | None, drawing: Path) -> None:
    office = Office(desks, shared)
    first, second = office.first, office.second
    wang = office.at(first).by(K0, "person", "register", "王芳", "--holder", "K1")["person"]
    # Another ledger than the one that was told of is not joined.
    assert office.at(second)("org", "join", "--hash", "0" * 64, "--store", office.url, code=4)["error"]["facts"]["reason"] == "other_founding"
    joined = second("org", "join", "--hash", " ".join(office.org[n : n + 4] for n in range(0, 64, 4)), "--store", office.url)
    assert (joined["org"], joined["state"]) == (office.org, "enrolled")
    waits = second.refused(K0, "role", "grant", "王芳", "custodian")
    assert (waits["facts"]["reason"], waits["facts"]["rule"]) == ("device_waits", "S42")
    second.by(K0, "device", "authorise", "--name", "二楼")
    second.by(K0, "role", "grant", "王芳", "custodian")
    signed_there = second.by("K1", "sign", str(drawing))["documents"][0]["output"]
    there = office.at(first)("person", "show", wang)
    assert [each["role"] for each in there["roles"]] == ["custodian"]
    assert {each["name"]: each["state"] for each in first("device", "list")["devices"]}["二楼"] == "authorised"
    [verdict] = first("verify", signed_there)["documents"]
    assert [each["ledger"] for each in verdict["signatures"]] == ["allowed"]
    # Withdrawn on one, refused on the other.
    first.by(K0, "device", "withdraw", "二楼", "--reason", "报废")
    assert office.at(second).refused(K0, "role", "grant", "王芳", "registrar")["facts"]["reason"] == "device_withdrawn"

    office.at(first)
    intruded(first, office.org, office.url, wang, [second])
    first.by(K0, "role", "revoke", "王芳", "custodian")  # and the organisation goes on


def intruded(desk: Desk, org: str, url: str, wang: str, others: Sequence[Desk] = ()) -> None:
    """What an administrator of the database enters stays there, without effect."""
    before, size = desk("person", "show", wang), desk("org", "show")["entries"]
    boss = desk("org", "show")["founders"][0]["person"]
    for each in (desk, *others):
        each.rest()
    asyncio.run(_intrude(desk, org, url, boss, wang))
    seen = desk("org", "show")
    assert (seen["entries"], seen["without_effect"]) == (size + 4, 4)
    checked = desk("ledger", "verify", code=1)
    assert [each["seq"] for each in checked["findings"]] == [size, size + 1, size + 2, size + 3]
    assert desk("person", "show", wang) == before


async def _intrude(desk: Desk, org: str, url: str, boss: str, wang: str) -> None:
    """Enter things as somebody does who has the database's password and a computer's key: past the agent, and past its rules."""
    home = locate(str(desk.home))
    about = devices.current(home)
    assert about is not None
    key = devices.load(home, about)
    ledger = Ledger(opened(url))  # no rules
    grant = {"person": wang, "role": "approver", "department": None, "reason": None}
    for kind, body, actor in (
        ("role.granted", grant, boss),  # in the founder's name
        ("role.granted", grant, None),  # in the computer's own
        ("person.left", {"person": boss, "reason": None}, wang),
    ):
        raw = statement.make(kind, body, org=org, device=key.id, actor=actor, rules="small.1").canonical()
        await ledger.enter(raw, await signed.sign_with(key, raw))
    (genuine,) = await ledger.about(wang, "person.registered")
    told = {**json.loads(genuine.raw), "id": statement.uuid7(datetime.now(UTC))}  # a founder's own act once more, under another number
    again = statement.Statement(**{**told, "place": statement.Place(**told["place"])}).canonical()
    await ledger.enter(again, genuine.cms or b"")
    await ledger.close()


@pytest.mark.obligation("S02")
@pytest.mark.obligation("S16")
@pytest.mark.obligation("S21")
@pytest.mark.obligation("S32")
@pytest.mark.promise(3)
def test_people_duties_and_rules(desk: Desk, tmp_path: Path) -> None:
    org = found(desk, profile="standard")
    stranger = desk.refused("K1", "person", "register", "王芳", "--holder", "K1")
    assert stranger["code"] == "not_registered"
    wang = desk.by(K0, "person", "register", "王芳", "--holder", "K1")["person"]
    desk.by(K0, "person", "register", "李工", "--holder", "K2")
    refused = desk.refused("K1", "role", "grant", "李工", "approver")
    assert (refused["facts"]["rule"], refused["facts"]["allowed_if"]["needs_role"]) == ("S21", "founder")
    assert "赵主任" in refused["hint"]
    assert desk.refused(K0, "role", "grant", "王芳", "custodian")["facts"]["reason"] == "identity_unchecked"
    desk.by(K0, "person", "verify", "王芳", "--number", "330106199001011234")
    desk.by(K0, "role", "grant", "王芳", "custodian")
    separated = desk.refused(K0, "role", "grant", "王芳", "approver")
    assert separated["facts"]["reason"] == "separation"
    assert desk.refused(K0, "person", "register", "别人", "--holder", "K1")["facts"]["reason"] == "certificate_known"
    assert len(desk("ledger", "list", "--type", "attempt.denied")["entries"]) >= 3

    policy = tmp_path / "制度.txt"
    policy.write_text("第一条 印章由专人保管。\n", encoding="utf-8")
    desk.by(K0, "policy", "publish", str(policy), "--version", "2026-1", "--title", "电子印章管理办法")
    desk.by("K1", "policy", "accept")
    [version] = desk("policy", "list")["policies"]
    assert (version["accepted"], version["sha256"]) == (1, hashlib.sha256(policy.read_bytes()).hexdigest())

    assert desk("rules", "diff", "small")["two_people"]
    assert desk.by(K0, "policy", "profile", "strict", "--reason", "上市")["statements"][0]["in_effect"]
    waiting = desk.by(K0, "policy", "profile", "small", "--reason", "太繁")["statements"][0]
    assert not waiting["in_effect"]
    assert desk.refused("K2", "org", "second")["facts"]["reason"] == "no_duty"
    desk.by("K1", "org", "second")
    rules = desk("rules", "show")
    assert (rules["profile"], [(each["from"], each["to"]) for each in rules["loosened"]]) == ("small", [("strict", "small")])

    intruded(desk, org, str(desk.home / "data" / f"org-{org[:16]}.db"), wang)

    desk.by(K0, "person", "leave", "王芳", "--reason", "离职")
    assert desk.refused("K1", "policy", "accept")["code"] == "not_registered"
    left = desk("person", "show", wang)
    assert (left["state"], left["roles"], [each["state"] for each in left["certificates"]]) == ("left", [], ["withdrawn"])


@pytest.mark.promise(3)
def test_founded_by_two_of_three_a_lost_key_replaced_and_the_store_away(desk: Desk, drawing: Path, tmp_path: Path) -> None:
    machines = {each["machine"]: each for each in desk("states")["machines"]}
    assert {"organisation", "person", "device", "act", "certificate", "policy"} <= set(machines)
    assert desk("schema")["$defs"]["role.granted"]["properties"]["role"]["enum"]
    assert desk("org", "show", code=4)["error"]["facts"]["reason"] == "no_organisation"

    found(desk, "--founders", "2/3", "--founder", "李工=K2", "--founder", "钱总=K1")
    assert desk.refused(K0, "person", "register", "王芳")["facts"]["reason"] == "founding"
    desk.by("K2", "org", "second")
    assert desk("org", "show")["status"] == "active"
    new = tmp_path / "new.pem"
    new.write_text(pem_of(cert("钱总, a new key", days=20_000)))
    proposed = desk.by(K0, "org", "recover", "钱总", "--certificate", str(new), "--reason", "UKey 丢失")["statements"][0]
    assert (proposed["in_effect"], proposed["needs"]) == (False, 2)
    assert [each["act"] for each in desk("org", "show")["pending"]] == [proposed["id"]]
    assert desk.refused("K1", "org", "second")["facts"]["reason"] == "own_matter"
    assert desk.by("K2", "org", "second")["act_state"] == "done"
    assert desk.refused("K1", "org", "second", proposed["id"])["code"] == "not_registered"
    states = {each["fingerprint"]: each["state"] for each in desk("person", "show", "钱总")["certificates"]}
    assert states.pop(cert("钱总, a new key", days=20_000).fingerprint) == "active"
    assert list(states.values()) == ["withdrawn"]

    desk.rest()
    settings = desk.home / "config" / "store.json"
    told = json.loads(settings.read_text())
    settings.write_text(json.dumps({**told, "url": f"postgresql://nobody@/none?host={desk.home}"}))
    assert desk("org", "show", code=6)["error"]["code"] == "store_unreachable"
    assert desk.by(K0, "sign", str(drawing), code=6)["error"]["code"] == "store_unreachable"
    assert not drawing.with_suffix(".signed.pdf").exists()


def pem_of(certificate: Cert) -> str:
    return f"-----BEGIN CERTIFICATE-----\n{certificate.text}\n-----END CERTIFICATE-----\n"
