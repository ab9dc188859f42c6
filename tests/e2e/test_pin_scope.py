"""How far a PIN goes: one closed set, or one signature; and keys that want it at every signature, of which a person hears before the first."""

import json
import os
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from agent.api.client import Client, Told
from agent.api.uris import to_uri
from tests.conftest import PIN
from tests.e2e.conftest import SIGN, Faulty
from tests.e2e.looks import assert_signed, told
from tests.e2e.test_resume import sheets, states

pytestmark = pytest.mark.promise(2)


@pytest.fixture
def settings(faulty: Faulty) -> Iterator[Path]:
    """The home's settings file, gone afterwards."""
    path = faulty.yinxin.home / "config" / "settings.toml"
    yield path
    path.unlink(missing_ok=True)


class Person:
    """Answers a job's questions, and keeps them."""

    def __init__(self, consent: str = "yes") -> None:
        self.asked: list[dict[str, Any]] = []
        self.consent = consent

    def answer(self, question: dict[str, Any]) -> str | Mapping[str, str]:
        self.asked.append(question)
        return {"pin": PIN} if question["kind"] == "pin" else self.consent

    def tell(self, event: str, data: dict[str, Any]) -> None:
        """Nothing is of interest."""


def client(faulty: Faulty) -> Client:
    return Client.of(str(faulty.yinxin.home))


def test_one_pin_for_each_signature(faulty: Faulty, settings: Path, drawing: Path) -> None:
    inputs = sheets(drawing, 3)
    settings.write_text('[pin]\nscope = "signature"\n')
    person = Person()
    done = client(faulty).job("/v1/signatures", {"inputs": [to_uri(path) for path in inputs]}, person)
    assert states(done["documents"]) == ["published"] * 3
    assert faulty.calls("C_Login") == 3
    assert [question["kind"] for question in person.asked] == ["pin"] * 3
    assert [len(question["documents"]) for question in person.asked] == [3, 1, 1]  # the set is consented to as a whole, then each
    for path in inputs:
        assert_signed(path.with_suffix(".signed.pdf"))


def test_a_wrong_pin_in_the_middle_tells_what_was_done(faulty: Faulty, settings: Path, drawing: Path, tmp_path: Path) -> None:
    inputs = sheets(drawing, 5)
    settings.write_text('[pin]\nscope = "signature"\n')
    reading, writing = os.pipe()
    os.write(writing, f"{PIN}\n{PIN}\n0000000000\n{PIN}\n".encode())
    os.close(writing)
    signing = faulty.yinxin.command("sign", *inputs, "--pin", f"fd:{reading}")
    done = subprocess.run(
        signing, env=faulty.yinxin.env(), pass_fds=(reading,), stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    os.close(reading)
    assert done.returncode == 7, done.stdout
    result = json.loads(done.stdout)
    assert (result["error"]["code"], result["error"]["facts"]["reason"]) == ("pin_incorrect", "midway")
    assert "no file was signed" not in result["error"]["message"]
    assert states(result["documents"]).count("published") == 2
    assert states(result["documents"]).count("skipped") == 3
    assert faulty.calls("C_Login") == 3
    settings.unlink()
    assert states(faulty.yinxin("sign", "--resume", result["batch"], *SIGN).json["documents"]) == ["published"] * 3


def test_a_key_that_asks_each_time_is_told_before_the_first_signature(faulty: Faulty, drawing: Path) -> None:
    inputs = sheets(drawing, 4)
    faulty.say("always")
    person = Person()
    done = client(faulty).job("/v1/signatures", {"inputs": [to_uri(path) for path in inputs]}, person)
    assert states(done["documents"]) == ["published"] * 4
    assert [question["kind"] for question in person.asked] == ["pin", "consent"]
    assert person.asked[1]["reason"] == "each_signature"
    assert person.asked[1]["count"] == 4
    assert (faulty.calls("C_Login"), faulty.calls("C_Login.context")) == (1, 4)
    for path in inputs:
        assert_signed(path.with_suffix(".signed.pdf"))
        path.with_suffix(".signed.pdf").unlink()
    # Who says no has signed nothing
    refusing = Person("cancel")
    with pytest.raises(Told) as caught:
        client(faulty).job("/v1/signatures", {"inputs": [to_uri(path) for path in inputs]}, refusing)
    assert caught.value.code == "pin_cancelled"
    assert caught.value.result
    assert states(caught.value.result["documents"]) == ["skipped"] * 4
    assert faulty.calls("C_Sign") == 4
    # One document is one PIN: nothing more is asked; a script has consented by its command
    single = Person()
    client(faulty).job("/v1/signatures", {"inputs": [to_uri(inputs[0])]}, single)
    assert [question["kind"] for question in single.asked] == ["pin"]
    faulty.yinxin("sign", *inputs[1:], *SIGN)


def test_a_module_that_hangs_in_a_signature_stops_the_set(faulty: Faulty, settings: Path, drawing: Path) -> None:
    inputs = sheets(drawing, 10)
    settings.write_text("[deadlines]\nsign = 1\n")
    faulty.say("hang C_Sign 4")
    result = faulty.yinxin("sign", *inputs, *SIGN, code=7)
    error = told(result)
    assert (error["code"], error["facts"]["module"], error["facts"]["during"]) == ("module_timeout", "vendor", "sign")
    assert error["facts"]["try_spent"] is False
    assert set(states(result.json["documents"])) == {"published", "skipped"}
    left = states(result.json["documents"]).count("skipped")
    assert error["facts"]["remaining"] == left
    faulty.say()
    assert states(faulty.yinxin("sign", "--resume", result.json["batch"], *SIGN).json["documents"]) == ["published"] * left


@pytest.mark.promise(8)
def test_a_wrong_signature_in_the_middle_is_not_published_and_stops_the_set(faulty: Faulty, drawing: Path) -> None:
    inputs = sheets(drawing, 10)
    faulty.say("wrong C_Sign 4")
    result = faulty.yinxin("sign", *inputs, *SIGN, code=7)
    error = told(result)
    assert (error["code"], error["facts"]["reason"]) == ("token_fault", "wrong_signature")
    published = [document["output"] for document in result.json["documents"] if document["state"] == "published"]
    assert len(published) <= 3
    assert sorted(published) == sorted(map(str, inputs[0].parent.glob("*.signed.pdf")))
    for path in published:
        assert_signed(path)
    faulty.say()
    done = faulty.yinxin("sign", "--resume", result.json["batch"], *SIGN).json
    assert states(done["documents"]) == ["published"] * (10 - len(published))
