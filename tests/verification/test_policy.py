"""The algorithm policy: every row says what it is, and what stands in no row never passes."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from asn1crypto import algos, keys
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from agent.verification.findings import TABLE
from agent.verification.model import Finding, SignatureReport, Verdict, found
from agent.verification.policy import check_digest, check_key, check_signature_algorithm
from agent.verification.policy_data import CURVES, DIGESTS, FAMILIES, KEYS, RSA_EXPONENTS, RSA_SIZES, WHY, Rule
from agent.verification.verdict import explain, judge
from tests.verification.conftest import Pki, Verifier, issue
from tests.verification.test_cms import openssl

PSS_SHA1 = ("-keyopt", "rsa_padding_mode:pss", "-keyopt", "rsa_mgf1_md:sha1")
RULES: list[Rule] = [*DIGESTS.values(), *FAMILIES.values(), *KEYS.values(), *CURVES.values(), *(r for _, r in (*RSA_SIZES, *RSA_EXPONENTS))]


def public(key: object) -> keys.PublicKeyInfo:
    """As asn1crypto has it."""
    return keys.PublicKeyInfo.load(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))  # type: ignore[attr-defined]


def rsa_public(bits: int, exponent: int = 65537) -> keys.PublicKeyInfo:
    """An RSA public key of that size; nobody has to know its factors."""
    return keys.PublicKeyInfo.wrap(keys.RSAPublicKey({"modulus": (1 << (bits - 1)) + 1, "public_exponent": exponent}), "rsa")


def verdict(findings: list[Finding]) -> Verdict:
    return judge(findings)[0]


def test_every_rule_has_a_state_and_every_doubt_a_reason_and_a_source() -> None:
    for rule in RULES:
        assert rule.name
        assert rule.state in ("sound", "weak", "broken", "unsupported")
        if rule.state in ("weak", "broken"):
            assert rule.why in WHY
            assert rule.source
    assert {r.why for r in RULES if r.why} == set(WHY)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("sha256", Verdict.PASSED), ("sha384", Verdict.PASSED), ("sha512", Verdict.PASSED), ("sha1", Verdict.INDETERMINATE),
        ("sha224", Verdict.INDETERMINATE), ("md5", Verdict.FAILED), ("sha3_256", Verdict.INDETERMINATE), ("1.2.3.4", Verdict.INDETERMINATE),
        ("1.2.156.10197.1.401", Verdict.INDETERMINATE),
    ],
)  # fmt: skip
def test_digests(name: str, expected: Verdict) -> None:
    assert verdict(check_digest(name, "CMS")) is expected


@pytest.mark.parametrize(
    ("bits", "exponent", "expected"),
    [
        (2048, 65537, Verdict.PASSED), (4096, 65537, Verdict.PASSED), (2047, 65537, Verdict.INDETERMINATE), (1024, 65537, Verdict.INDETERMINATE),
        (1023, 65537, Verdict.FAILED), (2048, 3, Verdict.INDETERMINATE), (2048, 65535, Verdict.INDETERMINATE), (2048, 1, Verdict.FAILED),
        (2048, 65538, Verdict.FAILED), (16384, 65537, Verdict.PASSED), (32768, 65537, Verdict.INDETERMINATE),
        (2048, 2**70 + 1, Verdict.INDETERMINATE),
    ],
)  # fmt: skip
def test_rsa(bits: int, exponent: int, expected: Verdict) -> None:
    assert verdict(check_key(rsa_public(bits, exponent), "x")) is expected


def test_curves_and_other_keys() -> None:
    assert check_key(public(ec.generate_private_key(ec.SECP256R1()).public_key()), "x") == []
    assert check_key(public(ed25519.Ed25519PrivateKey.generate().public_key()), "x") == []
    (small,) = check_key(public(ec.generate_private_key(ec.SECP224R1()).public_key()), "x")
    assert (small.code, small.facts["name"]) == ("algorithm_weak", "P-224")
    (old,) = check_key(public(dsa.generate_private_key(2048).public_key()), "x")
    assert (old.code, old.facts["name"]) == ("algorithm_weak", "DSA")
    for curve in (*(c for c in keys.NamedCurve._map.values()), "1.2.3.4"):
        info = keys.PublicKeyInfo({"algorithm": {"algorithm": "ec", "parameters": ("named", curve)}, "public_key": b"\4" + b"\1" * 64})
        assert verdict(check_key(info, "x")) is (Verdict.PASSED if CURVES.get(curve, Rule("", "")).state == "sound" else Verdict.INDETERMINATE)


def test_curve_parameters_of_ones_own_are_never_believed() -> None:
    info = keys.PublicKeyInfo({"algorithm": {"algorithm": "ec", "parameters": ("implicit_ca", None)}, "public_key": b"\4" + b"\1" * 64})
    assert verdict(check_key(info, "x")) is Verdict.INDETERMINATE


def test_signature_schemes() -> None:
    def scheme(name: str) -> list[Finding]:
        return check_signature_algorithm(algos.SignedDigestAlgorithm({"algorithm": name}), "sha256", "CMS")

    assert scheme("sha256_rsa") == scheme("sha256_ecdsa") == scheme("ed25519") == []
    assert verdict(scheme("sha256_dsa")) is Verdict.INDETERMINATE
    assert scheme("sha384_rsa")[0].code == "cms_structure"
    assert scheme("1.2.156.10197.1.501")[0].facts["name"] == "SM2-SM3"
    assert scheme("1.2.3.4")[0].code == "algorithm_unknown"


def test_the_reason_is_said_in_both_languages() -> None:
    said = explain(SignatureReport((found("algorithm_weak", name="SHA-1", where="CMS", why="collisions"),)))
    assert "SHA-1" in said.zh
    assert WHY["collisions"].zh in said.zh
    assert WHY["collisions"].en in said.en
    assert "collisions" not in said.en
    assert TABLE["algorithm_broken"].verdict is Verdict.FAILED


SIGNED_WITH: list[tuple[str, Callable[[], Any], tuple[str, ...], Verdict, str]] = [
    ("SHA-1", lambda: None, ("-md", "sha1"), Verdict.INDETERMINATE, "SHA-1"),
    ("SHA-224", lambda: None, ("-md", "sha224"), Verdict.INDETERMINATE, "SHA-224"),
    ("MD5", lambda: rsa.generate_private_key(65537, 2048), ("-md", "md5"), Verdict.FAILED, "MD5"),
    ("SHA-3", lambda: rsa.generate_private_key(65537, 2048), ("-md", "sha3-256"), Verdict.INDETERMINATE, "SHA3-256"),
    ("RSA-1024", lambda: rsa.generate_private_key(65537, 1024), (), Verdict.INDETERMINATE, "RSA-1024"),
    ("e=3", lambda: rsa.generate_private_key(3, 2048), (), Verdict.INDETERMINATE, "RSA e=3"),
    ("P-224", lambda: ec.generate_private_key(ec.SECP224R1()), (), Verdict.INDETERMINATE, "P-224"),
    ("DSA", lambda: dsa.generate_private_key(2048), (), Verdict.INDETERMINATE, "DSA"),
    ("PSS with another MGF digest", lambda: rsa.generate_private_key(65537, 2048), PSS_SHA1, Verdict.INDETERMINATE, "MGF1"),
]


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl")
@pytest.mark.parametrize(("key", "options", "expected", "named"), [row[1:] for row in SIGNED_WITH], ids=[row[0] for row in SIGNED_WITH])
def test_what_openssl_signs_with_them(
    check: Verifier, pki: Pki, tmp_path: Path, key: Callable[[], Any], options: tuple[str, ...], expected: Verdict, named: str
) -> None:
    content = tmp_path / "a.txt"
    content.write_bytes(b"content")
    p7s = openssl(pki, content, *options, signer=issue("李工", pki.ca, key=key()))
    document = check(p7s)
    assert document["verdict"] == expected
    assert named in document["explanation"]["zh"]
    assert named in document["explanation"]["en"]
    content.write_bytes(b"other")
    assert check(p7s)["verdict"] == ("indeterminate" if named in {"SHA3-256", "MGF1"} else "failed")
