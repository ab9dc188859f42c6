"""XAdES signatures of a container (EN 319 132-1, EN 319 162-1): each reference held against its file, the properties read as they were signed.

`xmldsig` does the XML; certificates, revocation, time-stamps and algorithms are judged by the same gates as those of any other signature.
"""

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from asn1crypto import x509

from agent.verification.chain import Evidence, Trust, check_chain, describe
from agent.verification.container import Damaged
from agent.verification.manifest import DIGEST_URIS, BadManifest, entry_of
from agent.verification.model import Finding, SignatureReport, found, iso
from agent.verification.policy import certificate_name, check_digest, check_key, check_signature_algorithm, check_signer_use
from agent.verification.signer import NotSignedData, load_signed_data
from agent.verification.stamps import Stamp, check_stamp
from agent.verification.trust import CLOCK_TOLERANCE, load_fetched
from agent.verification.xmldsig import (
    DS,
    BadXml,
    Element,
    Reference,
    SignedInfo,
    algorithm_of,
    canonical,
    canonicalization,
    elements,
    is_signed_by,
    needed,
    octets,
    only,
    parse,
    signed_info,
    text_of,
    with_id,
)

_ROOTS = frozenset(
    f"{{http://uri.etsi.org/{version}#}}XAdESSignatures" for version in ("02918/v1.2.1", "2918/v1.2.1", "2918/v1.1.1")
)  # fmt: skip
_XADES = "{http://uri.etsi.org/01903/v1.3.2#}"
_XADES141 = "{http://uri.etsi.org/01903/v1.4.1#}"
_SIGNATURES_MAX = 100
_STAMPS_MAX = 20
_INSIDE_MAX = 16
_DIGESTS = frozenset({"sha1", "sha256", "sha384", "sha512"})
"""Digests by which a certificate may be named: nobody can find a second certificate for any of them."""


@dataclass(frozen=True, slots=True)
class Files:
    """The container around the signatures."""

    names: Mapping[str, object]
    """All entries."""
    data: frozenset[str]
    """Those that are content."""
    digest: Callable[[str, str], bytes]
    """Of an entry, by the algorithm's name; raises `Damaged`, ValueError."""


@dataclass(slots=True)
class _Parts:
    """One signature taken apart."""

    info: SignedInfo
    value: bytes
    value_element: Element
    certificates: list[x509.Certificate] = field(default_factory=list)
    properties: Element | None = None
    """SignedProperties where they stand in the file."""
    unsigned: Element | None = None
    own: list[Element] = field(default_factory=list)
    """KeyInfo and objects of its own, which a signature may be over as well; they say nothing for the verdict."""


@dataclass(frozen=True, slots=True)
class _Claims:
    """What the signed properties say, as they were signed."""

    time: datetime | None = None
    names: tuple[tuple[str, bytes, int | None], ...] = ()
    """The signing certificate by digest algorithm, digest and serial number."""


async def check_file(
    data: bytes, files: Files, trust: Trust, proved_at: datetime | None
) -> list[tuple[SignatureReport, list[str]]]:  # fmt: skip
    """A report for each signature of one signature file, and the files it covers; raises `BadXml` where the file is no such thing.

    `proved_at` is a time at which the file is proved to have existed by something outside it.
    """
    root = parse(data)
    if root.tag == f"{DS}Signature":
        signatures = [root]
    elif root.tag in _ROOTS:
        signatures = elements(root)
    else:
        return [(SignatureReport((found("kind_unknown", name=_kind(root)),)), [])]
    if not signatures or any(s.tag != f"{DS}Signature" for s in signatures):
        raise BadXml("Signature")
    if len(signatures) > _SIGNATURES_MAX:
        raise BadXml(f"Signature ×{len(signatures)}")
    return [await _check_one(root, s, files, trust, proved_at) for s in signatures]


def _kind(root: Element) -> str:
    return "OpenDocument" if str(root.tag).startswith("{urn:oasis:names:tc:opendocument:") else "XAdES"


async def _check_one(
    root: Element, signature: Element, files: Files, trust: Trust, proved_at: datetime | None
) -> tuple[SignatureReport, list[str]]:  # fmt: skip
    covers: dict[str, None] = {}
    try:
        return await _judge(root, signature, files, trust, proved_at, covers), list(covers)
    except MemoryError:
        raise
    except BadXml as exc:
        return SignatureReport((found("cms_structure", detail=exc),)), list(covers)
    except Exception as exc:  # noqa: BLE001 - one bad signature never hides another; what could not be checked never passes
        return SignatureReport((found("not_checked", detail=type(exc).__name__),)), list(covers)


async def _judge(
    root: Element, signature: Element, files: Files, trust: Trust, proved_at: datetime | None, covers: dict[str, None]
) -> SignatureReport:
    parts = _take_apart(signature)
    findings, signed_properties = _follow(root, parts, files, covers)
    claims = _read_claims(signed_properties)
    certificate, said = _choose(parts, claims)
    findings += said
    source = "claimed" if claims.time else None
    if certificate is None:
        return SignatureReport((*findings, found("signer_missing")), signing_time=claims.time, time_source=source)
    findings += _check_value(parts, certificate)
    own = Evidence(tuple(parts.certificates)).and_also(_evidence(parts.unsigned))
    stamp, wrong = await _check_stamps(parts, trust, own, proved_at)
    findings += [*wrong, *_unused(parts)]
    proved = min((t for t in (stamp.time if stamp else None, proved_at) if t is not None), default=None)
    if proved is not None and claims.time is not None and proved < claims.time - CLOCK_TOLERANCE:
        findings.append(found("timestamp_early", stamped=iso(proved), claimed=iso(claims.time)))
    chain = await check_chain(certificate, trust, own, proved, claimed=claims.time)
    findings += [*chain.findings, *check_signer_use(certificate)]
    report = SignatureReport(
        signer=describe(certificate, chain.internal), signing_time=proved or claims.time, time_source="timestamp" if proved else source,
        level=_level(claims, proved is not None, chain.embedded, proved_at is not None), revocation=chain.revocation,
    )  # fmt: skip
    return replace(report, findings=tuple(findings))


def _level(claims: _Claims, proved: bool, embedded: bool, archived: bool) -> str | None:
    if not claims.names:
        return None
    if not proved:
        return "b-b"
    if not embedded:
        return "b-t"
    return "b-lta" if archived else "b-lt"


def _take_apart(signature: Element) -> _Parts:
    """The parts by their places; raises `BadXml` for any that stands elsewhere or twice."""
    for child in elements(signature):
        if child.tag not in (f"{DS}SignedInfo", f"{DS}SignatureValue", f"{DS}KeyInfo", f"{DS}Object"):
            raise BadXml(str(child.tag).rpartition("}")[2])
    value = needed(signature, f"{DS}SignatureValue")
    parts = _Parts(signed_info(signature), octets(value), value)
    key_info = only(signature, f"{DS}KeyInfo")
    parts.certificates = list(_certificates(key_info))
    parts.own = [*([] if key_info is None else [key_info]), *signature.findall(f"{DS}Object")]
    held = [(o, p) for o in signature.findall(f"{DS}Object") for p in o if p.tag == f"{_XADES}QualifyingProperties"]
    if len(held) > 1 or signature.find(f".//{_XADES}QualifyingPropertiesReference") is not None:
        raise BadXml("QualifyingProperties")
    for _, properties in held:
        target = properties.get("Target", "")
        if target not in ("", f"#{signature.get('Id')}"):
            raise BadXml(f"Target {target}")
        parts.properties = only(properties, f"{_XADES}SignedProperties")
        unsigned = only(properties, f"{_XADES}UnsignedProperties")
        parts.unsigned = None if unsigned is None else only(unsigned, f"{_XADES}UnsignedSignatureProperties")
    return parts


def _certificates(key_info: Element | None) -> Iterable[x509.Certificate]:
    if key_info is None:
        return
    for each in key_info.iterfind(f"{DS}X509Data/{DS}X509Certificate"):
        yield _certificate(octets(each))


def _certificate(der: bytes) -> x509.Certificate:
    try:
        out = x509.Certificate.load(der, strict=True)
        out.native  # noqa: B018  asn1crypto parses lazily; a damaged one shall fail here
    except (ValueError, TypeError, KeyError) as exc:
        raise BadXml("X509Certificate") from exc
    return out


def _follow(root: Element, parts: _Parts, files: Files, covers: dict[str, None]) -> tuple[list[Finding], Element | None]:
    """Hold every reference against what it names; the signed properties as they were signed, where they are."""
    out: list[Finding] = []
    properties: Element | None = None
    inside = [r for r in parts.info.references if r.uri.startswith("#") or not r.uri]
    if len(inside) > _INSIDE_MAX:
        raise BadXml(f"Reference ×{len(inside)}")
    for reference in parts.info.references:
        doubts = check_digest(reference.digest, "XML")
        out += [d for d in doubts if d not in out]
        known = not any(d.code == "algorithm_unknown" for d in doubts)
        if reference not in inside:
            out += _check_entry(reference, files, covers, known)
        elif known:
            element, data = _inside(root, reference)
            same = hashlib.new(reference.digest, data).digest() == reference.value
            if not same:
                out.append(found("digest_mismatch"))
            if element is parts.properties:
                if properties is not None:
                    raise BadXml("SignedProperties ×2")
                properties = parse(data)
            elif element not in parts.own:
                out.append(found("cms_structure", detail=f"Reference {reference.uri}"))
    return out, properties


def _inside(root: Element, reference: Reference) -> tuple[Element, bytes]:
    """The element a reference within the file means, and its canonical form; raises `BadXml`."""
    if not reference.uri or reference.uri.startswith("#xpointer(") or len(reference.transforms) > 1:
        raise BadXml(f"Reference {reference.uri or 'URI'}")
    element = with_id(root, reference.uri[1:])
    return element, canonical(element, *(reference.transforms or (canonicalization(None),))[0])


def _check_entry(reference: Reference, files: Files, covers: dict[str, None], known: bool) -> list[Finding]:
    try:
        name = entry_of(reference.uri, files.names)
        if name is None:
            return [found("container_file_missing", name=reference.uri)]
        if reference.transforms:
            return [found("cms_structure", detail=f"Transform {reference.transforms[0][0]}")]
        if name in files.data:
            covers[name] = None
        if known and files.digest(name, reference.digest) != reference.value:
            return [found("container_file_changed", name=name)]
    except Damaged as exc:
        return [found("container_entry_damaged", name=reference.uri, detail=exc)]
    except (BadManifest, ValueError) as exc:
        return [found("cms_structure", detail=exc)]
    return []


def _read_claims(properties: Element | None) -> _Claims:
    """Signing time and signing certificate (EN 319 132-1 clauses 5.2.1 and 5.2.2); nothing where no verified reference covers them."""
    signature = None if properties is None else only(properties, f"{_XADES}SignedSignatureProperties")
    if signature is None:
        return _Claims()
    there = [e for e in (only(signature, f"{_XADES}SigningCertificateV2"), only(signature, f"{_XADES}SigningCertificate")) if e is not None]
    names = [_name(c) for e in there for c in e.findall(f"{_XADES}Cert")[:1]]
    return _Claims(_time(only(signature, f"{_XADES}SigningTime")), tuple(names))


def _name(cert: Element) -> tuple[str, bytes, int | None]:
    digest = needed(cert, f"{_XADES}CertDigest")
    method = needed(digest, f"{DS}DigestMethod").get("Algorithm") or ""
    issuer = only(cert, f"{_XADES}IssuerSerial")
    number = None if issuer is None else text_of(needed(issuer, f"{DS}X509SerialNumber")).strip()
    if number is not None and not number.removeprefix("-").isdigit():
        raise BadXml("X509SerialNumber")
    return DIGEST_URIS.get(method, method), octets(needed(digest, f"{DS}DigestValue")), None if number is None else int(number[:200])


def _time(element: Element | None) -> datetime | None:
    if element is None:
        return None
    try:
        moment = datetime.fromisoformat(text_of(element).strip())
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _choose(parts: _Parts, claims: _Claims) -> tuple[x509.Certificate | None, list[Finding]]:
    """The signer's certificate: the one that the signed properties name."""
    first = parts.certificates[0] if parts.certificates else None
    if not claims.names:
        return first, [found("ess_missing")]
    unknown = [name for name, _, _ in claims.names if name not in _DIGESTS]
    if unknown:
        return first, check_digest(unknown[0], "SigningCertificate") or [found("algorithm_unknown", name=unknown[0], where="SigningCertificate")]
    for certificate in (*parts.certificates, *_evidence(parts.unsigned).certificates):
        if all(_is_named(certificate, name) for name in claims.names):
            return certificate, []
    return first, [found("ess_mismatch")] if first is not None else []


def _is_named(certificate: x509.Certificate, name: tuple[str, bytes, int | None]) -> bool:
    algorithm, digest, serial = name
    return hashlib.new(algorithm, certificate.dump()).digest() == digest and serial in (None, certificate.serial_number)


def _check_value(parts: _Parts, certificate: x509.Certificate) -> list[Finding]:
    """The signature value over the references, by an algorithm that is good enough."""
    named = algorithm_of(parts.info.method)
    if named is None:
        return [found("algorithm_unknown", name=parts.info.method, where="XML")]
    algorithm, digest = named
    out = [*check_digest(digest, "XML"), *check_signature_algorithm(algorithm, digest, "XML")]
    out += check_key(certificate.public_key, certificate_name(certificate))
    if any(f.code == "algorithm_unknown" for f in out):
        return out
    try:
        good = is_signed_by(certificate, parts.info.method, parts.info.canonical, parts.value)
    except MemoryError:
        raise
    except Exception as exc:  # noqa: BLE001 - libraries refuse odd keys in many ways
        return [*out, found("not_checked", detail=type(exc).__name__)]
    return out if good else [*out, found("signature_invalid")]


async def _check_stamps(parts: _Parts, trust: Trust, evidence: Evidence, proved_at: datetime | None) -> tuple[Stamp | None, list[Finding]]:
    """The earliest time-stamp over the signature value that holds, and what is wrong with those that do not (clause 5.3)."""
    stamps: list[Stamp] = []
    out: list[Finding] = []
    holders = [] if parts.unsigned is None else parts.unsigned.findall(f"{_XADES}SignatureTimeStamp")
    for holder in holders[:_STAMPS_MAX]:
        try:
            form = canonicalization(only(holder, f"{DS}CanonicalizationMethod"))
            covered = canonical(parts.value_element, *form)
            tokens = [e for e in elements(holder) if e.tag != f"{DS}CanonicalizationMethod"]
            if not tokens or any(e.tag != f"{_XADES}EncapsulatedTimeStamp" for e in tokens):
                raise BadXml("SignatureTimeStamp")
            for each in tokens[:_STAMPS_MAX]:
                token, length = load_signed_data(der := octets(each))
                if der[length:]:
                    raise BadXml("EncapsulatedTimeStamp")
                stamp, wrong = await check_stamp(token, lambda name: hashlib.new(name, covered).digest(), trust, evidence, proved_at)  # noqa: B023
                out += wrong
                stamps += [stamp] if stamp is not None else []
        except (BadXml, NotSignedData):
            out.append(found("timestamp_invalid"))
    return min(stamps, key=lambda s: s.time, default=None), out


def _evidence(unsigned: Element | None) -> Evidence:
    """Certificates and revocation data among the unsigned properties; what cannot be read is left out: it could only have helped."""
    if unsigned is None:
        return Evidence()
    certificates: list[x509.Certificate] = []
    holders = [unsigned, *unsigned.findall(f"{_XADES141}TimeStampValidationData")]
    for holder in holders:
        for each in holder.iterfind(f"{_XADES}CertificateValues/{_XADES}EncapsulatedX509Certificate"):
            try:
                certificates.append(_certificate(octets(each)))
            except BadXml:
                continue
    crls, ocsps = load_fetched(_revocations(holders))
    return Evidence(tuple(certificates), tuple(crls), tuple(ocsps))


def _revocations(holders: Sequence[Element]) -> Iterable[bytes]:
    for holder in holders:
        for kind in ("CRL", "OCSP"):
            for each in holder.iterfind(f"{_XADES}RevocationValues/{_XADES}{kind}Values/{_XADES}Encapsulated{kind}Value"):
                try:
                    yield octets(each)
                except BadXml:
                    continue


_USED = frozenset(
    {f"{_XADES}SignatureTimeStamp", f"{_XADES}CertificateValues", f"{_XADES}RevocationValues", f"{_XADES141}TimeStampValidationData"}
)  # fmt: skip


def _unused(parts: _Parts) -> list[Finding]:
    """Unsigned properties that say nothing for the verdict, each once; and that nothing around the signed parts is protected."""
    names = [] if parts.unsigned is None else [str(e.tag).rpartition("}")[2] for e in elements(parts.unsigned) if e.tag not in _USED]
    return [*(found("unsigned_part", detail=name) for name in dict.fromkeys(names)), found("xml_unprotected")]
