"""One CMS signer, whatever the document: structure, digest, signature, certificate, time, trust (RFC 5652, RFC 5035, EN 319 122-1).

pyHanko does the cryptography; the gates here refuse what it would let through (see "hostile documents" in the decisions).
"""

from collections.abc import Callable, Container, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from asn1crypto import cms, core, parser, x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from pyhanko.sign.general import (
    CMSStructuralError,
    check_ess_certid,
)
from pyhanko.sign.validation.errors import SignatureValidationError
from pyhanko.sign.validation.generic_cms import extract_self_reported_ts, get_signing_cert_attr, validate_sig_integrity
from pyhanko_certvalidator.sig_validate import DefaultSignatureValidator, SignatureValidationContext

from agent.verification.chain import ChainReport, Evidence, Trust, check_chain, describe
from agent.verification.der import Junk, in_order, irregularities
from agent.verification.digestinfo import signs_without_null
from agent.verification.entered import entered
from agent.verification.model import Finding, SignatureReport, clean, found, iso
from agent.verification.policy import certificate_name, check_signer_algorithms, check_signer_use
from agent.verification.quick import known
from agent.verification.stamps import check_signature_stamps
from agent.verification.trust import CLOCK_TOLERANCE, VALUES, evidence_in

Digester = Callable[[str], bytes]
"""The digest of the signed bytes under an algorithm (asn1crypto's name); raises ValueError for one that is not known."""

_ONCE = ("content_type", "message_digest", "signing_time", "signing_certificate", "signing_certificate_v2", "cms_algorithm_protection")


class NotSignedData(ValueError):
    """The bytes are no CMS SignedData."""


@dataclass(frozen=True, slots=True)
class Manner:
    """What the kind of document demands of its signer."""

    ess_required: bool
    """The format is CAdES or PAdES baseline: the signing-certificate attribute is mandatory (EN 319 122-1 clause 5.2.2)."""


_KEPT_MAX = 128 * 1024


def load_signed_data(data: bytes) -> tuple[cms.SignedData, int]:
    """The SignedData at the beginning of `data` and how many bytes it takes; raises `NotSignedData`."""
    return _loaded_again(data) if len(data) <= _KEPT_MAX else _loaded(data)


@lru_cache(2)
def _loaded_again(data: bytes) -> tuple[cms.SignedData, int]:
    """Of each signature in a PDF it is asked twice: is it one at all, and what does it say."""
    return _loaded(data)


def _loaded(data: bytes) -> tuple[cms.SignedData, int]:
    try:
        length: int = parser.peek(data)
        irregularities(data[:length], levels=2)  # nothing may stand between or behind the elements of the frame
        content = cms.ContentInfo.load(data[:length], strict=True)
        if content["content_type"].native != "signed_data":
            raise NotSignedData(str(content["content_type"].native))
        signed_data: cms.SignedData = content["content"]
        len(signed_data["signer_infos"])
        signed_data.noted = _check_encoding(data[:length])  # kept with it: asn1crypto writes BER anew, and differently, when asked for its bytes
        return signed_data, length
    except NotSignedData:
        raise
    except (ValueError, TypeError, KeyError, IndexError, AttributeError) as exc:
        raise NotSignedData(type(exc).__name__) from exc


def certificates_of(signed_data: cms.SignedData) -> tuple[x509.Certificate, ...]:
    """The X.509 certificates a SignedData brings."""
    entries = signed_data["certificates"]
    if isinstance(entries, core.Void):
        return ()
    return tuple(known(c.chosen) for c in entries if c.name == "certificate")


def check_shape(
    signed_data: cms.SignedData, signer_info: cms.SignerInfo, frame: Sequence[Finding] | None = None, counter: bool = False
) -> list[Finding]:
    """Unsigned outer fields that nothing else would notice: versions and algorithm lists as RFC 5652 clauses 5.1 and 5.3 prescribe.

    `frame` is what `check_frame` found, where it was asked before; a `counter`-signature's digest need not be listed outside.
    """
    out: list[Finding] = []
    by_key = signer_info["sid"].name == "subject_key_identifier"
    if signer_info["version"].native != ("v3" if by_key else "v1"):
        out.append(found("cms_structure", detail="SignerInfo version"))
    out += check_frame(signed_data) if frame is None else frame
    digest = signer_info["digest_algorithm"]["algorithm"].native
    if not counter and digest not in [a["algorithm"].native for a in signed_data["digest_algorithms"]]:
        out.append(found("cms_structure", detail="digestAlgorithms"))
    if not isinstance(signer_info["digest_algorithm"]["parameters"], (core.Null, core.Void)):
        out.append(found("cms_structure", detail="digest parameters"))
    return out


def check_frame(signed_data: cms.SignedData) -> list[Finding]:
    """The same of what all signers have in common, once for a whole SignedData."""
    out: list[Finding] = []
    if signed_data["version"].native not in ("v1", "v3", "v4", "v5"):
        out.append(found("cms_structure", detail="SignedData version"))
    elif signed_data["version"].native != _due_version(signed_data):  # producers differ, nothing depends on it, but it is not protected
        out.append(found("unsigned_part", detail="SignedData version"))
    out += getattr(signed_data, "noted", ())
    if any(not isinstance(a["parameters"], (core.Null, core.Void)) for a in signed_data["digest_algorithms"]):
        out.append(found("cms_structure", detail="digest parameters"))
    return out


def _check_encoding(data: bytes) -> list[Finding]:
    try:
        odd = irregularities(data)
    except Junk as exc:
        return [found("cms_structure", detail=str(exc))]
    return [found("unsigned_part", detail=f"BER: {', '.join(sorted(odd))}")] if odd else []


def _due_version(signed_data: cms.SignedData) -> str:
    """The version RFC 5652 clause 5.1 prescribes for what is inside."""
    kinds = {e.name for part in ("certificates", "crls") if not isinstance(signed_data[part], core.Void) for e in signed_data[part]}
    if "other" in kinds:
        return "v5"
    if "v2_attr_cert" in kinds:
        return "v4"
    plain = signed_data["encap_content_info"]["content_type"].native == "data" and "v1_attr_cert" not in kinds
    return "v1" if plain and all(i["version"].native == "v1" for i in signed_data["signer_infos"]) else "v3"


def check_attributes(signer_info: cms.SignerInfo, counter: bool = False) -> list[Finding]:
    """Signed attributes must be there, and those that mean one thing must have one value (RFC 5652 clause 11).

    A `counter`-signature must not name a content type (clause 11.4).
    """
    attributes = signer_info["signed_attrs"]
    if isinstance(attributes, core.Void) or len(attributes) == 0:
        return [found("attributes_missing")]
    out: list[Finding] = []
    seen: dict[str, int] = {}
    for attribute in attributes:
        name = attribute["type"].native
        seen[name] = seen.get(name, 0) + len(attribute["values"])
    for name in _ONCE:
        if seen.get(name, 0) > 1:
            out.append(found("attributes_repeated", name=name))
    if not seen.get("message_digest") or (not counter and not seen.get("content_type")):
        out.append(found("attributes_missing"))
    if counter and "content_type" in seen:
        out.append(found("cms_structure", detail="content-type in a counter-signature"))
    return out


def looks_like_attributes(head: bytes) -> bool:
    """Whether signed content is itself a set of CMS attributes, which lets one signature be shown over another content."""
    if head[:1] != b"\x31":
        return False
    try:
        attributes = cms.CMSAttributes.load(head, strict=True)
        names = {a["type"].native for a in attributes}
    except (ValueError, TypeError, KeyError):
        return False
    return bool(names & {"message_digest", "content_type"})


def choose_certificate(signer_info: cms.SignerInfo, certificates: Sequence[x509.Certificate]) -> x509.Certificate | None:
    """The certificate the SignerInfo names; of several with that name the one its signing-certificate attribute means."""
    sid = signer_info["sid"]
    if sid.name == "issuer_and_serial_number":
        wanted = sid.chosen
        serial, issuer = wanted["serial_number"].native, wanted["issuer"]
        named = [c for c in certificates if c.serial_number == serial and c.issuer == issuer]
    else:
        named = [c for c in certificates if c.key_identifier == sid.chosen.native]
    if len(named) > 1:
        named = [c for c in named if not check_ess(signer_info, c, required=False)] or named
    return named[0] if named else None


def check_ess(signer_info: cms.SignerInfo, certificate: x509.Certificate, required: bool) -> list[Finding]:
    """The signing-certificate attribute names exactly this certificate (RFC 5035)."""
    attributes = signer_info["signed_attrs"]
    if isinstance(attributes, core.Void):
        return [found("ess_missing")] if required else []
    attribute = get_signing_cert_attr(attributes)
    if attribute is None:
        return [found("ess_missing")] if required else []
    if not check_ess_certid(certificate, attribute["certs"][0]):
        return [found("ess_mismatch")]
    return []


def check_unused(
    signed_data: cms.SignedData, signer_info: cms.SignerInfo, used: Iterable[x509.Certificate], trust: Trust, judged: Container[str] = ()
) -> list[Finding]:
    """Say which parts are neither protected by the signature nor used for the verdict, so that nobody takes them for signed.

    `judged` are unsigned attributes that the caller judges by themselves.
    """
    out: list[Finding] = []
    sid, signer = signer_info["sid"], [*used][-1:]
    if sid.name == "issuer_and_serial_number" and signer and sid.chosen["issuer"].dump() != signer[0].issuer.dump():
        out.append(found("unsigned_part", detail="issuer"))
    known = {c.dump() for c in (*used, *trust.anchors)}
    for certificate in certificates_of(signed_data):
        if certificate.dump() not in known:
            out.append(found("unsigned_part", detail=f"certificate {clean(certificate_name(certificate))}"))
    unsigned = signer_info["unsigned_attrs"]
    if not isinstance(unsigned, core.Void):
        for attribute in unsigned:
            if attribute["type"].native not in ("signature_time_stamp_token", *VALUES) and attribute["type"].native not in judged:
                out.append(found("unsigned_part", detail=str(attribute["type"].native)))
    return out


def check_mathematics(signer_info: cms.SignerInfo, certificate: x509.Certificate, content_type: str | None, digest_of: Digester) -> list[Finding]:
    """Digest over the content and signature over the attributes; without `content_type` it is a counter-signature over what `digest_of` digests."""
    try:
        digest = digest_of(signer_info["digest_algorithm"]["algorithm"].native)
        if content_type is None:
            intact, valid = _message_digest(signer_info) == digest, _signed(signer_info, certificate, _attributes(signer_info))
        else:
            intact, valid = validate_sig_integrity(signer_info, certificate, expected_content_type=content_type, actual_digest=digest)
        valid = valid or _signed_without_null(signer_info, certificate) or _signed_with_content_digest(signer_info, certificate)
        reordered = not valid and (ordered := in_order(_attributes(signer_info))) is not None and _signed(signer_info, certificate, ordered)
    except (SignatureValidationError, CMSStructuralError) as exc:
        return [found("cms_structure", detail=exc.failure_message)]
    except MemoryError:
        raise
    except Exception as exc:  # noqa: BLE001 - libraries refuse odd algorithms in many ways; what else is known of the signer still counts
        return [found("not_checked", detail=type(exc).__name__)]
    out: list[Finding] = []
    if not intact:
        out.append(found("digest_mismatch"))
    if reordered:  # signed in DER, written down in another order: RFC 5652 clause 5.4
        out.append(found("unsigned_part", detail="BER: SET OF"))
    elif not valid:
        out.append(found("signature_invalid"))
    return out


def _attributes(signer_info: cms.SignerInfo) -> bytes:
    """The signed attributes as they are signed: with the tag of a set."""
    attributes = signer_info["signed_attrs"]
    return b"" if isinstance(attributes, core.Void) else bytes(attributes.untag().dump())


def _message_digest(signer_info: cms.SignerInfo) -> bytes | None:
    """The message-digest attribute."""
    for attribute in signer_info["signed_attrs"]:
        if attribute["type"].native == "message_digest":
            return bytes(attribute["values"][0].native)
    return None


def _signed(signer_info: cms.SignerInfo, certificate: x509.Certificate, attributes: bytes) -> bool:
    context = SignatureValidationContext(contextual_md_algorithm=signer_info["digest_algorithm"]["algorithm"].native, prehashed=False)
    try:
        DefaultSignatureValidator().validate_signature(
            signer_info["signature"].native, attributes, certificate.public_key, signer_info["signature_algorithm"], context=context
        )
    except InvalidSignature:
        return False
    return True


def _signed_with_content_digest(signer_info: cms.SignerInfo, certificate: x509.Certificate) -> bool:
    """Whether it was signed with the digest of the content, though its algorithm names another: `check_signature_algorithm` says so, too."""
    family = {"rsassa_pkcs1v15": "rsa", "ecdsa": "ecdsa"}.get(signer_info["signature_algorithm"].signature_algo)
    digest = signer_info["digest_algorithm"]["algorithm"].native
    if family is None or signer_info["signature_algorithm"]["algorithm"].native in (f"{digest}_{family}", f"rsassa_{family}", family):
        return False
    other = signer_info.copy()
    other["signature_algorithm"] = {"algorithm": f"{digest}_{family}"}
    return _signed(other, certificate, _attributes(signer_info))


def _signed_without_null(signer_info: cms.SignerInfo, certificate: x509.Certificate) -> bool:
    """Whether it is an RSA signature in the form that the libraries do not know."""
    if signer_info["signature_algorithm"].signature_algo != "rsassa_pkcs1v15":
        return False
    key = serialization.load_der_public_key(certificate.public_key.dump())
    digest = signer_info["digest_algorithm"]["algorithm"].native
    return signs_without_null(key, digest, _attributes(signer_info), signer_info["signature"].native)


def claimed_time(signer_info: cms.SignerInfo) -> datetime | None:
    """The signing-time attribute, if there is one that can be read."""
    try:
        return extract_self_reported_ts(signer_info)
    except (ValueError, TypeError):
        return None


async def check_signer(
    signed_data: cms.SignedData, signer_info: cms.SignerInfo, *, digest_of: Digester, content_type: str | None, manner: Manner, trust: Trust,
    evidence: Evidence, fallback_time: datetime | None = None, proved_at: datetime | None = None, archived: bool = False,
    frame: Sequence[Finding] | None = None, judged: Container[str] = (),
) -> SignatureReport:  # fmt: skip
    """Everything that can be said of one signer; the caller adds what only the document's format knows.

    `proved_at` is a time at which the signature is proved to have existed by something outside it (a document time-stamp that covers it); `archived`
    says that such a time-stamp covers the revocation data of the document, too.  `content_type` is None for a counter-signature, whose digest is that
    of the value it signs.  `frame` is what `check_frame` found, where it was asked before; `judged` are unsigned attributes the caller judges.
    """
    counter = content_type is None
    certificates = certificates_of(signed_data)
    findings = [*check_shape(signed_data, signer_info, frame, counter), *check_attributes(signer_info, counter)]
    certificate = choose_certificate(signer_info, certificates)
    claimed = claimed_time(signer_info) or fallback_time
    source = "claimed" if claimed else None
    if certificate is None:
        return SignatureReport((*findings, found("signer_missing")), signing_time=claimed, time_source=source)
    findings += check_signer_algorithms(signer_info, certificate)
    blocked = any(f.code in ("algorithm_unknown", "attributes_missing", "attributes_repeated") for f in findings)
    ess = [] if any(f.code == "attributes_repeated" for f in findings) else check_ess(signer_info, certificate, manner.ess_required)
    findings += ess
    if not blocked and not any(f.code == "ess_mismatch" for f in ess):
        findings += check_mathematics(signer_info, certificate, content_type, digest_of)
    own = evidence.and_also(evidence_in(signed_data, signer_info))
    stamp, stamp_findings = await check_signature_stamps(signer_info, trust, own, proved_at)
    findings += stamp_findings
    proved = min((t for t in (stamp.time if stamp else None, proved_at) if t is not None), default=None)
    if proved is not None and claimed is not None and proved < claimed - CLOCK_TOLERANCE:
        findings.append(found("timestamp_early", stamped=iso(proved), claimed=iso(claimed)))
    chain: ChainReport = await check_chain(certificate, trust, own, proved, claimed=claimed)
    findings += [*chain.findings, *check_signer_use(certificate)]
    if chain.path:
        findings += check_unused(signed_data, signer_info, chain.path, trust, judged)
    return SignatureReport(
        findings=tuple(findings), signer=describe(certificate, chain.internal), signing_time=proved or claimed,
        time_source="timestamp" if proved else source, level=_level(signer_info, proved is not None, chain.embedded, archived),
        revocation=chain.revocation, entered=entered(signer_info),
    )  # fmt: skip


def _level(signer_info: cms.SignerInfo, proved: bool, embedded: bool, archived: bool) -> str | None:
    """Baseline level by what is inside (EN 319 122-1 and 142-1 clause 6): b-b wants the signing-certificate attribute, b-t a time-stamp that holds,

    b-lt the revocation data for its whole chain as well, and b-lta a time-stamp over that data.
    """
    names = {a["type"].native for a in signer_info["signed_attrs"]} if not isinstance(signer_info["signed_attrs"], core.Void) else set()
    if not names & {"signing_certificate", "signing_certificate_v2"}:
        return None
    if not proved:
        return "b-b"
    if not embedded:
        return "b-t"
    return "b-lta" if archived else "b-lt"
