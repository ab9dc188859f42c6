"""Keys whose signatures are never taken are not registered either: said at once, and not when a first decision takes no effect."""

import base64
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding

from tests.governance.cast import NOON, founded, person

KEYS: Mapping[str, Callable[[], Any]] = {
    "rsa1024": lambda: rsa.generate_private_key(65537, 1024),
    "rsa2048 with e = 3": lambda: rsa.generate_private_key(3, 2048),
    "p224": lambda: ec.generate_private_key(ec.SECP224R1()),
    "secp256k1": lambda: ec.generate_private_key(ec.SECP256K1()),
    "ed25519": ed25519.Ed25519PrivateKey.generate,
}


@pytest.mark.promise(3)
@pytest.mark.parametrize("kind", KEYS)
def test_a_weak_or_unknown_kind_of_key_stands_for_nobody(kind: str) -> None:
    key = KEYS[kind]()
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, kind)])
    builder = x509.CertificateBuilder(name, name, key.public_key(), 7, NOON - timedelta(days=1), NOON + timedelta(days=365))
    der = builder.sign(key, None if kind == "ed25519" else hashes.SHA256()).public_bytes(Encoding.DER)
    bound = {"certificate": base64.b64encode(der).decode(), "token": None}
    said = founded().refused("person.registered", person(0), person=person(6), name="李工", certificates=[bound])
    assert (said.rule, said.reason) == ("S25", "certificate_weak")
