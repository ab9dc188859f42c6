"""What is resumed is the very same to the token, whatever became known between the attempts."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from tests.e2e.conftest import SIGN, Faulty
from tests.e2e.looks import assert_signed
from tests.e2e.test_resume import ended, sheets, states


def another_certificate_of(authority: x509.Certificate) -> bytes:
    """A certificate of the same authority, its name and key, by somebody else: it comes first in the chain from now on, and has another length."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "A root that was imported meanwhile, with a name of some length")])
    now = datetime.now(UTC)
    made = x509.CertificateBuilder().subject_name(authority.subject).issuer_name(name).public_key(authority.public_key()).serial_number(1)
    made = made.not_valid_before(now - timedelta(1)).not_valid_after(now + timedelta(900))
    made = made.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    return made.sign(ec.generate_private_key(ec.SECP256R1()), hashes.SHA256()).public_bytes(Encoding.PEM)


@pytest.mark.promise(5)
def test_a_certificate_imported_between_two_attempts_changes_nothing_of_what_is_signed(faulty: Faulty, drawing: Path) -> None:
    inputs, home = sheets(drawing, 3), faulty.yinxin.home
    faulty.yinxin("sign", drawing, *SIGN)  # so that the kind of key is not tried first
    faulty.say("fail C_Sign 5")
    result = faulty.yinxin("sign", *inputs, *SIGN, code=3).json
    assert states(result["documents"]) == ["skipped"] * 3
    asked = {document["attributes"] for document in ended(home)[-1]["documents"] if "attributes" in document}
    assert asked
    authority = x509.load_pem_x509_certificate(faulty.token.ca.read_bytes())
    anchor = home / "data" / "anchors" / "meanwhile.pem"
    anchor.parent.mkdir(exist_ok=True)
    anchor.write_bytes(another_certificate_of(authority))
    faulty.say()
    try:
        done = faulty.yinxin("sign", "--resume", result["batch"], *SIGN).json
    finally:
        anchor.unlink()
    assert [document["reissued"] for document in done["documents"]].count(True) == len(asked)
    assert asked <= {document["attributes"] for document in ended(home)[-1]["documents"]}
    outputs = [path.with_suffix(".signed.pdf") for path in inputs]
    for path in outputs:
        assert_signed(path)
    # what was asked for twice bears the mark of the first attempt, the rest that of the second: the ledger knows both
    checked = faulty.yinxin("verify", *outputs, "--trust", faulty.token.ca).json["documents"]
    assert {signature["ledger"] for document in checked for signature in document["signatures"]} == {"allowed"}
    entries = [signature["ledger_entry"] for document in checked for signature in document["signatures"]]
    assert len(set(entries)) == (2 if len(asked) < 3 else 1)
