"""Every attack made by ourselves: none passes, and the words name what was done."""

from functools import cache

import pytest

from tests.verification.attacks import Attack, every
from tests.verification.attacks.material import Material
from tests.verification.conftest import Pki, Signing, Verifier, codes


@cache
def _material(pki: Pki) -> Material:
    return Material(pki, Signing(pki, pki.signer))


@pytest.fixture
def material(pki: Pki) -> Material:
    """What the attacks start from, signed once."""
    return _material(pki)


def test_the_files_that_are_attacked_pass(check: Verifier, material: Material) -> None:
    assert check(material.signed)["verdict"] == "passed"


@pytest.mark.promise(10)
@pytest.mark.parametrize("attack", every(), ids=lambda a: a.name)
def test_no_attack_passes(check: Verifier, material: Material, attack: Attack) -> None:
    document = check(attack.make(material))
    assert document["verdict"] in attack.verdicts, document["explanation"]
    assert not attack.codes or attack.codes & codes(document), (codes(document), document["reason"], document["explanation"]["en"])
    assert document["reason"] is not None
    for language in ("zh", "en"):
        assert document["explanation"][language]
