"""A card that is really put in and pulled: a virtual PIV card in a reader of its own, OpenSC, and the whole product before it."""

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from agent.api.client import Client
from agent.api.sse import events
from tests.conftest import PIN, SO_PIN, Yinxin, descriptors, short_folder, stop
from tests.e2e.conftest import SIGN
from tests.e2e.looks import agent_of, assert_signed, children, told, tree, until
from tests.e2e.test_resume import sheets, states
from tests.lab import piv, readers

LABEL = "李工"
WRONG = {"WRONG": "000000"}


@dataclass(slots=True)
class CardDesk:
    """A home whose module is OpenSC on a card service of its own, and the card of this test."""

    yinxin: Yinxin
    service: readers.Service
    card: piv.Card
    keys: dict[int, piv.PrivateKey]

    @property
    def slot(self) -> readers.Slot:
        return self.service.slots[0]

    def listed(self) -> list[dict[str, Any]]:
        return list(self.yinxin("token", "list").json["tokens"])

    def sign(self, *paths: Path, always: bool = False, code: int = 0, **more: Any) -> Any:
        """With the key that asks once (9A), or the one that asks each time (9C)."""
        return self.yinxin("sign", *paths, "--cert", self.fingerprint(always), *SIGN, "--yes", code=code, **more)

    def fingerprint(self, always: bool = False) -> str:
        """Of the certificate."""
        wanted = "5fc10a" if always else "5fc105"
        der = piv.values(piv.values(self.card.objects[bytes.fromhex(wanted)])[0x53])[0x70]
        return x509.load_der_x509_certificate(der).fingerprint(hashes.SHA256()).hex()


@pytest.fixture(scope="module")
def place() -> Iterator[tuple[Yinxin, readers.Service, dict[int, piv.PrivateKey]]]:
    """The service, and a home that knows it."""
    why = readers.missing()
    if why is not None:
        pytest.skip(why)
    folder, cards = short_folder(), short_folder()
    keys: dict[int, piv.PrivateKey] = {
        piv.AUTHENTICATION: ec.generate_private_key(ec.SECP256R1()),
        piv.SIGNATURE: rsa.generate_private_key(65537, 2048),
    }
    yinxin = Yinxin(folder / "h")
    try:
        with readers.service(cards) as service:
            env = dict(service.env)
            module = readers.opensc()
            assert module is not None
            yinxin("module", "add", module, "--name", "cards", *(word for name in env for word in ("--env", name)), "--yes", env=env)
            yield yinxin, service, keys
            stop(folder / "h")
    finally:
        stop(folder / "h")
        for made in (folder, cards):
            shutil.rmtree(made, ignore_errors=True)


@pytest.fixture
def desk(place: tuple[Yinxin, readers.Service, dict[int, piv.PrivateKey]]) -> Iterator[CardDesk]:
    """A fresh card of its own in the first slot, and seen."""
    yinxin, service, keys = place
    made = CardDesk(yinxin, service, issue(1, keys), keys)
    for slot in service.slots:
        slot.remove()
    until(lambda: not made.listed())
    made.slot.insert(made.card)
    until(lambda: [token["label"] for token in made.listed()] == [LABEL])
    yield made
    for slot in service.slots:
        slot.remove()


def issue(number: int, keys: dict[int, piv.PrivateKey]) -> piv.Card:
    return piv.issue(LABEL, bytes(range(number, number + 16)), PIN, SO_PIN, keys)


@contextmanager
def watched(home: Path) -> Iterator[Callable[[Callable[[list[str]], bool]], None]]:
    """The live list of the agent; call it to wait until the serials that are there are as wanted."""
    with Client.of(str(home))._open("GET", "/v1/tokens/events", None, 60, repeat=False) as chunks:
        heard = events(chunks)

        def wait_for(wanted: Callable[[list[str]], bool]) -> None:
            for event, data in heard:
                if event == "tokens" and wanted([token["serial"] for token in data["tokens"] if token["state"] == "ready"]):
                    return

        yield wait_for


def footprint(home: Path) -> tuple[int, int]:
    """How many processes the agent has below it, and descriptors open."""
    return len(children(home)), descriptors(agent_of(home))


def test_a_card_comes_and_goes_before_the_eyes_of_whoever_watches(desk: CardDesk, drawing: Path, times: Callable[[int, int], int]) -> None:
    """Seen each time, and nothing is left of it.  How long it takes is measured by `make lab`."""
    desk.sign(drawing)
    with watched(desk.yinxin.home) as wait_for:
        wait_for(lambda seen: len(seen) == 1)
        before = footprint(desk.yinxin.home)
        for _ in range(times(5, 200)):
            desk.slot.remove()
            wait_for(lambda seen: not seen)
            desk.slot.insert(desk.card)
            wait_for(lambda seen: len(seen) == 1)
        until(lambda: all(now <= then for now, then in zip(footprint(desk.yinxin.home), before, strict=True)))


@pytest.mark.promise(2)
def test_another_card_beside_it_disturbs_no_login(desk: CardDesk, drawing: Path, tmp_path: Path) -> None:
    beside = issue(60, desk.keys)

    def second_card() -> None:
        desk.card.on_sign = None
        desk.service.slots[1].insert(beside)

    desk.card.on_sign = second_card
    done = desk.sign(*sheets(drawing, 12), "--token", LABEL)
    assert states(done.json["documents"]) == ["published"] * 12
    until(lambda: len(desk.listed()) == 2)
    assert desk.card.log.count("verify") == 1
    assert beside.log.count("verify") == 0


@pytest.mark.promise(2)
def test_a_key_that_asks_each_time_signs_a_set_with_one_pin_typed(desk: CardDesk, drawing: Path) -> None:
    done = desk.sign(*sheets(drawing, 4), always=True).json
    assert states(done["documents"]) == ["published"] * 4
    for document in done["documents"]:
        assert_signed(document["output"])
    assert desk.card.log.count("sign") >= 4
    assert desk.card.log.count("verify") == desk.card.log.count("sign") + 1
    assert desk.card.pin.left == desk.card.pin.most


@pytest.mark.promise(2)
def test_wrong_pins_reach_the_card_once_each_and_the_last_one_only_when_confirmed(desk: CardDesk, drawing: Path) -> None:
    inputs, wrong = sheets(drawing, 5), ("--pin", "env:WRONG")
    chosen = ("--cert", desk.fingerprint(), "--yes")
    for left in (2, 1):
        result = desk.yinxin("sign", *inputs, *chosen, *wrong, env=WRONG, code=3)
        assert told(result)["code"] == "pin_incorrect"
        assert states(result.json["documents"]) == ["skipped"] * 5
        assert desk.card.pin.left == left
    assert desk.listed()[0]["pin_state"] == "final_try"
    assert told(desk.yinxin("sign", *inputs, *chosen, *SIGN, code=3))["code"] == "pin_final_try"
    assert (desk.card.pin.left, desk.card.log.count("verify")) == (1, 2)
    assert told(desk.yinxin("sign", *inputs, *chosen, *wrong, "--confirm-final-try", env=WRONG, code=3))["code"] == "pin_locked"
    assert desk.listed()[0]["pin_state"] == "locked"
    assert told(desk.yinxin("sign", *inputs, *chosen, *SIGN, code=3))["code"] == "pin_locked"
    assert desk.card.log.count("verify") == 3


@pytest.mark.promise(5)
@pytest.mark.promise(6)
def test_a_card_pulled_inside_a_signature_is_gone_on_with_in_another_reader(desk: CardDesk, drawing: Path, tmp_path: Path) -> None:
    inputs, out = sheets(drawing, 8), tmp_path / "out"
    out.mkdir()
    pulled = iter(range(4))

    def pull() -> None:
        if next(pulled, None) is None:
            desk.card.on_sign = None
            desk.slot.remove()

    desk.sign(*inputs[:1])  # what is new here is tried beforehand: not part of what is counted
    Path(inputs[0].with_suffix(".signed.pdf")).unlink()
    desk.card.on_sign = pull
    result = desk.sign(*inputs, "--out-dir", out, code=7)
    error = told(result)
    assert error["code"] == "token_removed", error
    assert set(states(result.json["documents"])) == {"published", "skipped"}
    assert sorted(map(str, out.iterdir())) == sorted(d["output"] for d in result.json["documents"] if d["state"] == "published")
    before = tree(out)
    # Another card in its reader is not the one
    desk.slot.insert(issue(90, {**desk.keys, piv.AUTHENTICATION: ec.generate_private_key(ec.SECP256R1())}))
    until(lambda: len(desk.listed()) == 1)
    refused = told(desk.yinxin("sign", "--resume", result.json["batch"], *SIGN, "--yes", code=3))
    assert refused["code"] == "token_absent"
    desk.slot.remove()
    desk.service.slots[1].insert(desk.card)
    until(lambda: any(token["slot_description"].endswith("01") for token in desk.listed()))
    done = desk.yinxin("sign", "--resume", result.json["batch"], *SIGN, "--yes").json
    assert set(states(done["documents"])) == {"published"}
    assert len(list(out.iterdir())) == len(inputs)
    assert before.items() <= tree(out).items()
    for path in out.iterdir():
        assert_signed(path)


def test_the_card_service_is_restarted(desk: CardDesk, drawing: Path) -> None:
    with watched(desk.yinxin.home) as wait_for:
        wait_for(lambda seen: len(seen) == 1)
        desk.service.stop()
        wait_for(lambda seen: not seen)
        desk.service.start()
        desk.slot.insert(desk.card)
        wait_for(lambda seen: len(seen) == 1)
    desk.sign(drawing)
    assert_signed(drawing.with_suffix(".signed.pdf"))


@pytest.mark.promise(8)
def test_a_card_that_falls_silent(desk: CardDesk, drawing: Path, tmp_path: Path) -> None:
    """As after the machine's sleep: the module hangs in the call, others are answered meanwhile, and the set ends when the card is pulled."""
    before = tree(drawing.parent)
    desk.card.on_sign = desk.slot.answering.clear
    signing = desk.yinxin.start("sign", drawing, "--cert", desk.fingerprint(), *SIGN, "--yes")
    until(lambda: not desk.slot.answering.is_set())
    for _ in range(3):
        assert desk.yinxin("agent", "status").json["jobs"] == 1
    assert signing.poll() is None
    desk.card.on_sign = None
    desk.slot.remove()
    stdout, stderr = signing.communicate(timeout=120)
    assert signing.returncode == 3, stdout + stderr
    assert json.loads(stdout)["error"]["code"] in ("token_removed", "module_timeout")
    assert tree(drawing.parent) == before
    desk.slot.insert(desk.card)
    until(lambda: len(desk.listed()) == 1)
    desk.sign(drawing)
