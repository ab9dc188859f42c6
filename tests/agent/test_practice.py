"""What a practice token signs says so in the file itself, seen on the page or not (promise 9)."""

import subprocess
from pathlib import Path

import pikepdf
import pytest

from tests.conftest import PracticeToken, Yinxin

WORDS = "Practice, no legal effect"


def reason_of(path: Path) -> str:
    with pikepdf.open(path) as pdf:
        return str(pdf.Root.AcroForm.Fields[0].V.get("/Reason", ""))


@pytest.mark.promise(9)
def test_a_practice_signature_says_so_in_the_file(yinxin: Yinxin, practice_token: PracticeToken, drawing: Path, tmp_path: Path) -> None:
    unseen, seen = tmp_path / "unseen.pdf", tmp_path / "seen.pdf"
    pin = ("--token", practice_token.label, "--pin", "env:YX_PIN")
    assert yinxin("sign", drawing, "--out", unseen, *pin).json["practice"]
    yinxin("sign", drawing, "--out", seen, "--appearance", "text", "--reason", "checked", *pin)
    assert reason_of(unseen) == WORDS
    assert reason_of(seen) == f"{WORDS}; checked"
    assert WORDS in subprocess.run(["pdftotext", seen, "-"], capture_output=True, text=True, check=True).stdout


@pytest.mark.promise(9)
def test_a_damaged_list_of_practice_tokens_makes_no_token_a_real_one(yinxin: Yinxin, practice_token: PracticeToken, drawing: Path) -> None:
    (yinxin.home / "data" / "practice.json").write_text("{damaged")
    assert yinxin("token", "list").json["tokens"][0]["practice"] is True
    signed = yinxin("sign", drawing, "--token", practice_token.label, "--pin", "env:YX_PIN").json
    assert signed["practice"]
    made = yinxin("token", "init", "--emulated", "--practice", "--label", "x", "--pin", "env:YX_PIN", "--so-pin", "env:YX_SO_PIN", code=2)
    assert made.error["facts"]["reason"] == "configuration"


def test_rules_for_pins_spare_the_first_pin_of_a_practice_token_alone(yinxin: Yinxin) -> None:
    """It guards nothing; changing it is practised by the rules."""
    new, easy = ("token", "init", "--emulated", "--pin", "env:YX_EASY", "--so-pin", "env:YX_SO_PIN"), {"YX_EASY": "123456"}
    refused = yinxin(*new, "--label", "real", env=easy, code=4).error
    assert (refused["code"], refused["facts"]["reason"]) == ("pin_unacceptable", "simple")
    assert yinxin(*new, "--practice", "--label", "class", env=easy).json["token"]["practice"]
    change = ("token", "pin", "change", "class", "--pin", "env:YX_EASY", "--new-pin", "env:YX_NEW")
    assert yinxin(*change, env=easy | {"YX_NEW": "222222"}, code=4).error["code"] == "pin_unacceptable"
    yinxin(*change, env=easy | {"YX_NEW": "739146"})
