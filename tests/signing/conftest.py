"""Signers and pens for the signing tests."""

import pytest

from agent.signing.worker import Bench
from tests.signing.pen import Pen, Person, person
from tokens.types import SignatureScheme


@pytest.fixture(scope="session")
def rsa_person() -> Person:
    return person("rsa")


@pytest.fixture(scope="session")
def people(rsa_person: Person) -> dict[str, Person]:
    return {"rsa": rsa_person, "p256": person("SECP256R1"), "p384": person("SECP384R1"), "p521": person("SECP521R1")}


@pytest.fixture
def pen(rsa_person: Person) -> Pen:
    """A pen with a text appearance, in this process."""
    made = Pen(Bench(100, 0o022).answer, rsa_person, SignatureScheme.RSA_PKCS1_SHA256)
    made.set_up()
    return made
