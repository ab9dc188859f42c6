"""Initialising a vendor's token: it is there at once, and one that holds keys only goes by its serial."""

import pytest

from tests.e2e.conftest import SIGN, Faulty
from tests.e2e.looks import told

PINS = (*SIGN, "--so-pin", "env:YX_SO_PIN")


def test_a_token_just_initialised_is_seen_at_once(faulty: Faulty) -> None:
    """The module does not notice by itself what another process did to its slot."""
    faulty.yinxin("token", "list")
    made = faulty.yinxin("token", "init", "--module", "vendor", "--label", "neu", *PINS).json["token"]
    assert (made["label"], made["state"], made["pin_state"]) == ("neu", "ready", "ok")
    assert {token["label"] for token in faulty.yinxin("token", "list").json["tokens"]} == {faulty.token.label, "neu", ""}
    faulty.yinxin("key", "generate", "--token", "neu", "--type", "p256", "--label", "k", *SIGN)


@pytest.mark.promise(1)
def test_a_token_that_holds_keys_is_erased_by_its_serial_alone(faulty: Faulty) -> None:
    serial = faulty.yinxin("token", "show", faulty.token.label).json["serial"]
    for wrong in (faulty.token.label, serial[:-1], "0"):
        told(faulty.yinxin("token", "init", "--module", "vendor", "--label", "x", "--erase", wrong, *PINS, code=3))
    assert faulty.calls("C_InitToken") == 0
    made = faulty.yinxin("token", "init", "--module", "vendor", "--label", "leer", "--erase", serial, *PINS).json["token"]
    assert (made["label"], made["keys"]) == ("leer", [])
    listed = {token["label"]: token for token in faulty.yinxin("token", "list").json["tokens"]}
    assert faulty.token.label not in listed
    assert listed["leer"]["keys"] == []
