"""What is done to tokens, keys and certificates, and what is denied, stands in the ledger as statements that the device signed."""

import platform
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from agent.ledger import signed, statement
from tests.conftest import TOKEN, PracticeToken, Yinxin


def statements(home: Path) -> list[statement.Statement]:
    """Every entry, its signature checked."""
    with closing(sqlite3.connect(f"file:{home / 'data' / 'ledger.db'}?mode=ro", uri=True)) as store:
        rows = store.execute("select statement, signature from entries order by seq").fetchall()
    out = []
    for raw, cms in rows:
        signed.check(raw, cms)
        out.append(statement.parse(raw))
    return out


def last(home: Path, kind: str) -> dict[str, Any]:
    return dict(next(each.body for each in reversed(statements(home)) if each.type == kind))


@pytest.mark.promise(5)
@pytest.mark.obligation("S53")
@pytest.mark.obligation("S54")
def test_acts_and_denials_stand_in_the_ledger(yinxin: Yinxin, practice_token: PracticeToken, drawing: Path) -> None:
    made = statements(yinxin.home)
    kinds = [each.type for each in made]
    assert kinds == [
        "home.founded", "token.initialised", "ca.created", "key.generated", "certificate.requested", "certificate.issued", "certificate.imported",
    ]  # fmt: skip
    assert {each.device for each in made} == {made[0].body["device"]["id"]}
    assert made[1].body["practice"] is True
    assert made[3].body["key"]["non_extractable"] is True
    assert all(each.body["label"] == TOKEN for each in made[1:])
    wrong = {"YX_PIN": "000000", "NEW": "917364"}
    error = yinxin("sign", drawing, "--pin", "env:YX_PIN", env=wrong, code=3).error
    assert error["code"] == "pin_incorrect"
    denied = last(yinxin.home, "attempt.denied")
    assert (denied["purpose"], denied["code"], denied["times"]) == ("sign", "pin_incorrect", 1)
    assert denied["facts"]["token"] == TOKEN
    assert denied["caller"]["pid"] > 0
    finished = last(yinxin.home, "signature.finished")
    assert (finished["stopped"], [d["state"] for d in finished["documents"]]) == ("pin_incorrect", ["skipped"])
    done = yinxin("sign", drawing, "--pin", "env:YX_PIN").json["documents"][0]
    started, ended = (
        next(each for each in reversed(statements(yinxin.home)) if each.type == kind) for kind in ("signature.started", "signature.finished")
    )
    document, became = started.body["documents"][0], ended.body["documents"][0]
    assert (started.place.host, started.body["signer"], started.body["label"]) == (platform.node(), practice_token.common_name, TOKEN)
    assert (document["input"], document["sha256"]) == (drawing.as_uri(), done["sha256_before"])
    assert (became["before"], became["sha256"], became["state"]) == (done["sha256_before"], done["sha256_after"], "published")
    assert {"attributes", "signature"} <= became.keys()
    assert (ended.body["level"], ended.body["time_source"]) == ("b-b", "claimed")
    assert made[-1].at < started.at < ended.at
    yinxin("token", "pin", "change", "--pin", "env:YX_PIN", "--new-pin", "env:NEW", env={"NEW": "917364"})
    assert (last(yinxin.home, "pin.changed")["by"], last(yinxin.home, "pin.changed")["label"]) == ("pin", TOKEN)
    yinxin("token", "inspect", "--pin", "env:NEW", env={"NEW": "917364"}, code=None)
    inspected = last(yinxin.home, "token.inspected")
    assert (inspected["label"], inspected["may_carry_seal"]) == (TOKEN, False)
    assert {key["test_signature"] for key in inspected["keys"]} == {"verified"}
    everything = b"".join(path.read_bytes() for path in (yinxin.home / "data").glob("ledger.db*"))
    assert not [pin for pin in (practice_token.pin, "000000", "917364") if f'"{pin}"'.encode() in everything]
