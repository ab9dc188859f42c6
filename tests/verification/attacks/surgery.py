"""The CMS under the knife: exchanged, cut and patched, with certificates of other people."""

import asyncio
import hashlib
from typing import Any

from asn1crypto import cms, core, x509

from tests.verification.attacks import Attack, attack
from tests.verification.attacks.material import Material, byte_range_text, cms_of, gap, make_cms, put_cms
from tests.verification.conftest import Issued, issue


def _digest(pdf: bytes) -> bytes:
    start, end = gap(pdf)
    return hashlib.sha256(pdf[:start] + pdf[end:]).digest()


def _edited(m: Material, edit: Any) -> bytes:
    content = cms_of(m.signed)
    edit(content["content"])
    return put_cms(m.signed, content.dump(force=True))


def _info(signed_data: cms.SignedData) -> cms.SignerInfo:
    return signed_data["signer_infos"][0]


def _other_document(m: Material) -> bytes:
    """The signature of another file of the same signer."""
    other = m.signing.sign(m.plain.replace(b"Ground", b"Cellar"))
    return put_cms(m.signed, cms_of(other).dump())


def _certificates(*given: Issued) -> Any:
    def edit(signed_data: cms.SignedData) -> None:
        signed_data["certificates"] = [cms.CertificateChoices("certificate", i.asn1) for i in given]

    return edit


def _substituted(m: Material) -> bytes:
    """Another certificate for the same key and of the same name: the signed attribute names the true one."""
    other = m.pki.person("李工", key=m.pki.signer.key)

    def edit(signed_data: cms.SignedData) -> None:
        _certificates(other, m.pki.ca)(signed_data)
        _info(signed_data)["sid"] = _sid(other)

    return _edited(m, edit)


def _sid(issued: Issued) -> cms.SignerIdentifier:
    of = issued.asn1
    return cms.SignerIdentifier("issuer_and_serial_number", cms.IssuerAndSerialNumber({"issuer": of.issuer, "serial_number": of.serial_number}))


def _twin(m: Material) -> bytes:
    """Mallory's key under a certificate with the issuer and serial number of the true one."""
    false_ca = issue("测试签发 CA", ca=True)
    mallory = issue("李工", false_ca)
    der = make_cms(_digest(m.signed), m.pki, mallory)
    content = cms.ContentInfo.load(der)
    _certificates(mallory, m.pki.signer, m.pki.ca)(content["content"])
    _info(content["content"])["sid"] = _sid(m.pki.signer)
    return put_cms(m.signed, content.dump(force=True))


def _self_signed(m: Material) -> bytes:
    """A self-signed certificate that bears the name of the trusted root."""
    false_root = issue("测试根 CA")
    return put_cms(m.signed, make_cms(_digest(m.signed), m.pki, false_root))


def _below_leaf(m: Material) -> bytes:
    """A certificate issued by somebody who is no CA."""
    return put_cms(m.signed, _with_chain(m, issue("王总", m.pki.signer), [m.pki.signer, m.pki.ca]))


def _with_chain(m: Material, signer: Issued, chain: list[Issued]) -> bytes:
    content = cms.ContentInfo.load(make_cms(_digest(m.signed), m.pki, signer))
    _certificates(signer, *chain)(content["content"])
    return content.dump(force=True)


def _drop_attribute(name: str) -> Any:
    def edit(signed_data: cms.SignedData) -> None:
        info = _info(signed_data)
        info["signed_attrs"] = cms.CMSAttributes([a for a in info["signed_attrs"] if a["type"].native != name])

    return edit


def _no_attributes(m: Material) -> bytes:
    """A signature without signed attributes, mathematically right: it would do for any content that is a set of attributes."""
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec

    start, end = gap(m.signed)
    value = m.pki.signer.key.sign(m.signed[:start] + m.signed[end:], ec.ECDSA(hashes.SHA256()))  # type: ignore[call-arg,arg-type]

    def edit(signed_data: cms.SignedData) -> None:
        info = _info(signed_data)
        del info["signed_attrs"]
        info["signature"] = value

    return _edited(m, edit)


def _content_inside(m: Material) -> bytes:
    """The signature brings the content it is good for along."""
    inner = m.plain[:400]
    store = make_cms(hashlib.sha256(inner).digest(), m.pki, m.pki.signer)
    content = cms.ContentInfo.load(store)
    content["content"]["encap_content_info"]["content"] = core.OctetString(inner)
    return put_cms(m.signed, content.dump(force=True))


def _second_signer(m: Material) -> bytes:
    """A second SignerInfo, that of another file."""
    other = cms_of(m.signing.but(signer=m.pki.person("王工")).sign(m.plain))

    def edit(signed_data: cms.SignedData) -> None:
        infos = [_info(signed_data), _info(other["content"])]
        signed_data["signer_infos"] = cms.SignerInfos(infos)

    return _edited(m, edit)


def _digest_name(m: Material) -> bytes:
    def edit(signed_data: cms.SignedData) -> None:
        _info(signed_data)["digest_algorithm"] = cms.DigestAlgorithm({"algorithm": "sha512"})

    return _edited(m, edit)


def _content_type(m: Material) -> bytes:
    def edit(signed_data: cms.SignedData) -> None:
        signed_data["encap_content_info"]["content_type"] = "enveloped_data"

    return _edited(m, edit)


def _signature_value(m: Material) -> bytes:
    def edit(signed_data: cms.SignedData) -> None:
        value = bytearray(_info(signed_data)["signature"].native)
        value[-1] ^= 1
        _info(signed_data)["signature"] = bytes(value)

    return _edited(m, edit)


def _zero_signature(m: Material) -> bytes:
    """r = s = 0 (as in the psychic signatures of CVE-2022-21449)."""

    def edit(signed_data: cms.SignedData) -> None:
        _info(signed_data)["signature"] = bytes.fromhex("3006020100020100")

    return _edited(m, edit)


def _stranger(m: Material) -> bytes:
    stranger = issue("李工", issue("测试签发 CA", issue("测试根 CA", ca=True), ca=True))
    return put_cms(m.signed, make_cms(_digest(m.signed), m.pki, stranger))


def _stamp_as_signature(m: Material) -> bytes:
    """A time-stamp over the digest put where a signature stands."""
    from pyhanko.sign.timestamps import DummyTimeStamper

    from tests.verification.conftest import NOW

    stamper = DummyTimeStamper(m.pki.tsa.asn1, m.pki.tsa.asn1_key, fixed_dt=NOW)
    token = asyncio.run(stamper.async_timestamp(_digest(m.signed), "sha256"))
    return put_cms(m.signed, token.dump())


def _signature_as_stamp(m: Material) -> bytes:
    text = m.signed.replace(b"/ETSI.CAdES.detached", b"/ETSI.RFC3161       ")
    return put_cms(text, make_cms(_digest(text), m.pki, m.pki.signer))


def _range_and_resign(m: Material) -> bytes:
    """Altered and signed anew by somebody who is not trusted."""
    data = m.signed.replace(b"Ground", b"Cellar").replace(byte_range_text(m.signed), byte_range_text(m.signed))
    return put_cms(data, make_cms(_digest(data), m.pki, issue("李工")))


def _indefinite(m: Material) -> bytes:
    """BER of indefinite length, which ISO 32000 and EN 319 142-1 forbid here: harmless, but never silently more than DER says."""
    der = cms_of(m.signed).dump()
    inner = der[2 + (der[1] & 0x7F if der[1] & 0x80 else 0) :]
    return put_cms(m.signed, b"\x30\x80" + inner + b"\0\0" + b"\x30\x03\x02\x01\x07")


def _not_signed_data(m: Material) -> bytes:
    return put_cms(m.signed, cms.ContentInfo({"content_type": "data", "content": b"x"}).dump())


def _certificate_only(m: Material) -> bytes:
    return put_cms(m.signed, x509.Certificate.load(m.pki.signer.asn1.dump()).dump())


def _no_signer(m: Material) -> bytes:
    def edit(signed_data: cms.SignedData) -> None:
        signed_data["signer_infos"] = cms.SignerInfos([])

    return _edited(m, edit)


ATTACKS: list[Attack] = [
    attack("cms-other-document", _other_document, "digest_mismatch", verdict="failed"),
    attack("cms-substituted-certificate", _substituted, "ess_mismatch", verdict="failed"),
    attack("cms-same-issuer-and-serial", _twin, "ess_mismatch", "signature_invalid"),
    attack("cms-stranger-of-the-same-name", _stranger, "chain_missing", "chain_invalid"),
    attack("cms-self-signed-root-name", _self_signed, "chain_missing"),
    attack("cms-issued-by-a-leaf", _below_leaf, "chain_invalid", "chain_missing"),
    attack("cms-no-certificate", lambda m: _edited(m, _certificates(m.pki.ca)), "signer_missing"),
    attack("cms-no-attributes", _no_attributes, "attributes_missing"),
    attack("cms-without-digest", lambda m: _edited(m, _drop_attribute("message_digest")), "attributes_missing"),
    attack("cms-without-type", lambda m: _edited(m, _drop_attribute("content_type"))),
    attack("cms-without-ess", lambda m: _edited(m, _drop_attribute("signing_certificate_v2")), verdict="failed"),
    attack("cms-content-inside", _content_inside, "content_inside", verdict="failed"),
    attack("cms-second-signer", _second_signer, "signers_many"),
    attack("cms-no-signer", _no_signer),
    attack("cms-digest-renamed", _digest_name),
    attack("cms-content-type", _content_type),
    attack("cms-signature-bit", _signature_value, "signature_invalid", verdict="failed"),
    attack("cms-signature-zero", _zero_signature, "signature_invalid", verdict="failed"),
    attack("cms-timestamp-as-signature", _stamp_as_signature),
    attack("cms-signature-as-timestamp", _signature_as_stamp),
    attack("cms-resigned-by-a-stranger", _range_and_resign, "chain_missing"),
    attack("cms-indefinite-with-tail", _indefinite),
    attack("cms-data", _not_signed_data, "cms_damaged"),
    attack("cms-certificate", _certificate_only, "cms_damaged"),
]
