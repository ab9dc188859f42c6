"""A person's decision offered as the signature of a document: genuine, and of no document."""

from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding
from cryptography.hazmat.primitives.serialization import Encoding

from agent.ledger import signed, statement
from tests.verification.conftest import Pki, Verifier, codes
from tokens.types import SignatureScheme


@pytest.mark.promise(3)
@pytest.mark.parametrize("name", ["图纸.pdf", "合同.dwg", "a.json"])
def test_a_decision_is_never_a_document_s_signature(name: str, check: Verifier, pki: Pki, tmp_path: Path) -> None:
    """Not even where the decision's bytes look like a drawing: a text in it may hold anything."""
    body = {"name": "%PDF-1.7 1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj trailer<</Root 1 0 R>>startxref 0 %%EOF"}
    raw = statement.make("use.approved", body, org="a" * 64, device="W1", actor="P1").canonical()
    key, certificate = pki.signer.key, pki.signer.certificate.public_bytes(Encoding.DER)
    if isinstance(key, ec.EllipticCurvePrivateKey):
        prepared = signed.prepare(raw, certificate, SignatureScheme.ECDSA_SHA256)
        value = key.sign(prepared.to_sign, ec.ECDSA(hashes.SHA256()))
    else:
        prepared = signed.prepare(raw, certificate, SignatureScheme.RSA_PKCS1_SHA256)
        value = key.sign(prepared.to_sign, padding.PKCS1v15(), hashes.SHA256())
    made = prepared.finish(value)
    assert signed.check(raw, made).certificate == certificate
    content = tmp_path / name
    content.write_bytes(raw)
    p7s = tmp_path / f"{name}.p7s"
    p7s.write_bytes(made)
    for document in (check(p7s), check(content, signature=p7s)):
        assert document["verdict"] != "passed"
        assert "content_type_wrong" in codes(document)
