"""Second opinions: other programs agree on what is genuine, and what we pass none of them calls broken."""

import asyncio
import io
import random
import shutil
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign import fields
from pyhanko.sign.ades.report import AdESPassed
from pyhanko.sign.validation.ades import ades_basic_validation, ades_with_time_validation
from pyhanko.sign.validation.policy_decl import (
    LocalKnowledge,
    RevinfoOnlineFetchingRule,
    RevocationInfoGatheringSpec,
    SignatureValidationSpec,
)
from pyhanko_certvalidator.context import CertValidationPolicySpec
from pyhanko_certvalidator.policy_decl import CertRevTrustPolicy, RevocationCheckingPolicy
from pyhanko_certvalidator.registry import SimpleTrustManager
from pyhanko_certvalidator.revinfo.archival import CRLContainer

from tests.pki import DAY, EXPIRED, NOW, REVOKED, Site
from tests.verification.conftest import Pki, Signing, Verifier, blank_pdf, rsa_key, stamper
from tests.verification.containers import cades, token
from tests.verification.test_fuzz import flip

KINDS: dict[str, Callable[[Signing, Pki], bytes]] = {
    "plain": lambda s, _: s.sign(blank_pdf()),
    "older kind": lambda s, _: s.but(subfilter=fields.SigSeedSubFilter.ADOBE_PKCS7_DETACHED).sign(blank_pdf()),
    "seen": lambda s, _: s.but(box=(100, 100, 300, 160)).sign(blank_pdf()),
    "certified": lambda s, _: s.but(certify=fields.MDPPerm.NO_CHANGES).sign(blank_pdf()),
    "two": lambda s, _: s.but(field="Sig2", box=(320, 100, 500, 160)).sign(s.but(box=(100, 100, 300, 160)).sign(blank_pdf())),
    "stamped": lambda s, p: s.but(stamper=stamper(p.tsa, [p.ca], datetime.now(UTC))).sign(blank_pdf()),
    "RSA": lambda s, p: s.but(signer=p.person("郑工", key=rsa_key())).sign(blank_pdf()),
    "P-384": lambda s, p: s.but(signer=p.person("何工", key=ec.generate_private_key(ec.SECP384R1())), digest="sha384").sign(blank_pdf()),
}


@pytest.mark.skipif(not (shutil.which("pdfsig") and shutil.which("qpdf")), reason="poppler-utils and qpdf")
@pytest.mark.parametrize("kind", KINDS)
def test_pdfsig_and_qpdf_agree_on_genuine_files_and_on_altered_ones(
    check: Verifier, signing: Signing, pki: Pki, tmp_path: Path, kind: str
) -> None:  # fmt: skip
    data = KINDS[kind](signing, pki)
    path = tmp_path / "a.pdf"
    for altered in (False, True):
        at = data.index(b"Ground floor") if b"Ground floor" in data else data.index(b"stream\n") + 20
        path.write_bytes(flip(data, at, 1) if altered else data)
        told = subprocess.run(["pdfsig", "-nocert", path], capture_output=True, text=True, check=False).stdout
        sound = "Signature is Valid" in told and "Mismatch" not in told and "Invalid" not in told
        assert sound is not altered, told
        assert (check(path)["verdict"] == "passed") is sound
    path.write_bytes(data)
    assert subprocess.run(["qpdf", "--check", path], capture_output=True, check=False).returncode == 0


@pytest.fixture
def roots(pki: Pki, tmp_path: Path) -> tuple[Path, Path]:
    """The anchor, and what stands between."""
    (tmp_path / "root.pem").write_text(pki.root.pem)
    (tmp_path / "ca.pem").write_text(pki.ca.pem)
    return tmp_path / "root.pem", tmp_path / "ca.pem"


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl")
@pytest.mark.promise(10)
def test_openssl_verifies_every_signature_we_pass(
    check: Verifier, pki: Pki, tmp_path: Path, roots: tuple[Path, Path], times: Callable[[int, int], int]
) -> None:  # fmt: skip
    content, p7s = tmp_path / "a.txt", tmp_path / "a.txt.p7s"
    content.write_bytes(b"content")
    command = ["openssl", "cms", "-verify", "-cades", "-binary", "-inform", "DER", "-in", p7s, "-content", content, "-CAfile", roots[0]]
    command += ["-certfile", roots[1], "-purpose", "any", "-out", "/dev/null"]
    good = cades(pki, b"content")
    chance = random.Random(7)
    passed = 0
    for turn in range(times(60, 2000)):
        p7s.write_bytes(good if not turn else flip(good, chance.randrange(len(good)), 1 << chance.randrange(8)))
        if check(p7s)["verdict"] == "passed":
            passed += 1
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stderr
    assert passed


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl")
def test_openssl_verifies_every_time_stamp_we_pass(
    check: Verifier, pki: Pki, tmp_path: Path, roots: tuple[Path, Path], times: Callable[[int, int], int]
) -> None:  # fmt: skip
    content, tst = tmp_path / "a.txt", tmp_path / "a.txt.tst"
    content.write_bytes(b"content")
    command = ["openssl", "ts", "-verify", "-data", content, "-in", tst, "-token_in", "-CAfile", roots[0], "-untrusted", roots[1]]
    good = token(pki, b"content")
    chance = random.Random(8)
    passed = 0
    for turn in range(times(40, 2000)):
        tst.write_bytes(good if not turn else flip(good, chance.randrange(len(good)), 1 << chance.randrange(8)))
        if check(tst)["verdict"] == "passed":
            passed += 1
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stderr
    assert passed


CHAINS = {"weakly-issued": ("weak-ca",), "by-web-ca": ("web-ca",), "by-server-ca": ("server-ca",)}
STRICTER = {
    "revoked-bare": "a list that was supplied is heard, though the certificate names none",
    "expired": "the list of today says nothing of who expired before, and a time-stamp after the end proves nothing",
    "server": "extended key usage for web servers only",
    "encrypts": "key usage for encryption only",
    "by-server-ca": "an authority that may issue for web servers only",
}
"""Where pyHanko's AdES validation passes what we do not, and why."""


def ades(site: Site, pdf: bytes, stamped: bool) -> bool:
    """pyHanko's word by EN 319 102-1 clauses 5.3 and 5.5, with the same lists."""
    revocation = CertRevTrustPolicy(RevocationCheckingPolicy.from_legacy("soft-fail"), retroactive_revinfo=True)
    spec = SignatureValidationSpec(
        CertValidationPolicySpec(trust_manager=SimpleTrustManager.build([site.certificate("root")]), revinfo_policy=revocation),
        RevocationInfoGatheringSpec(RevinfoOnlineFetchingRule.LOCAL_ONLY),
        local_knowledge=LocalKnowledge(known_crls=[CRLContainer(site.crl()), CRLContainer(site.crl("root"))]),
    )
    signature = PdfFileReader(io.BytesIO(pdf)).embedded_regular_signatures[0]
    judge = ades_with_time_validation if stamped else ades_basic_validation
    said = asyncio.run(judge(signature.signed_data, spec, raw_digest=signature.compute_digest()))
    return said.ades_subindic is AdESPassed.OK


@pytest.mark.parametrize("at", [None, REVOKED - 5 * DAY, REVOKED + 1 * DAY, EXPIRED + 1 * DAY])
def test_what_we_pass_passes_by_the_european_standard(tmp_path: Path, site: Site, at: datetime | None, soak: bool) -> None:
    judge = Verifier(tmp_path, (site.pem(),))
    crls = (site.crl().dump(), site.crl("root").dump())
    differ = set()
    every = ("good", "listed", "bare", "revoked", "revoked-bare", "held", "expired", "server", "encrypts", *CHAINS)
    for name in every if soak else ("good", "revoked", "expired"):
        pdf = site.sign(blank_pdf(), name, at=at or NOW, stamper=site.stamper(at=at) if at else None, embed=("ca", *CHAINS.get(name, ())))
        ours, theirs = judge(pdf, crls=crls)["verdict"] == "passed", ades(site, pdf, at is not None)
        assert theirs or not ours, name
        if theirs and not ours:
            differ.add(name)
    assert differ <= set(STRICTER)
