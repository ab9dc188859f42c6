"""Is this certificate to be trusted: its path to a given anchor at a given time, and whether it was revoked (RFC 5280 clauses 6.1 and 6.3)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from asn1crypto import crl as asn1_crl
from asn1crypto import ocsp as asn1_ocsp
from asn1crypto import pem, x509
from pyhanko_certvalidator import ValidationContext, find_valid_path
from pyhanko_certvalidator.errors import (
    ExpiredError,
    InsufficientRevinfoError,
    NotYetValidError,
    PathBuildingError,
    PathError,
    RevokedError,
    ValidationError,
)
from pyhanko_certvalidator.path import ValidationPath
from pyhanko_certvalidator.policy_decl import (
    NO_REVOCATION,
    CertRevTrustPolicy,
    DisallowWeakAlgorithmsPolicy,
    RevocationCheckingPolicy,
    RevocationCheckingRule,
)
from pyhanko_certvalidator.validate import async_validate_path

from agent.verification.model import Finding, Signer, clean, found, iso
from agent.verification.policy import certificate_name, check_certificate, name_of

_ACCEPT_ALL: Any = DisallowWeakAlgorithmsPolicy(weak_hash_algos=frozenset(), rsa_key_size_threshold=0, dsa_key_size_threshold=0)  # type: ignore[no-untyped-call]
"""Algorithms are judged by our own policy, which names them."""
_REQUIRE_LEAF = CertRevTrustPolicy(
    RevocationCheckingPolicy(
        ee_certificate_rule=RevocationCheckingRule.CRL_OR_OCSP_REQUIRED, intermediate_ca_cert_rule=RevocationCheckingRule.NO_CHECK
    )
)
_NO_REVOCATION = CertRevTrustPolicy(NO_REVOCATION)
_ORDER = {"revoked": 0, "unknown": 1, "good": 2, "not_offered": 3}


@dataclass(frozen=True, slots=True)
class Trust:
    """What the verdict may rely on: anchors, supplied revocation lists, the time, and which anchors are our own CA's (SHA-256, hex)."""

    anchors: tuple[x509.Certificate, ...] = ()
    crls: tuple[asn1_crl.CertificateList, ...] = ()
    at: datetime | None = None
    own_anchors: frozenset[str] = frozenset()

    @property
    def moment(self) -> datetime:
        """The time to judge at: the one chosen, else now."""
        return self.at or datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a document brings along for its own judgement; never trusted by itself."""

    certificates: tuple[x509.Certificate, ...] = ()
    crls: tuple[asn1_crl.CertificateList, ...] = ()
    ocsps: tuple[asn1_ocsp.OCSPResponse, ...] = ()


@dataclass(frozen=True, slots=True)
class ChainReport:
    """What was found about one certificate."""

    findings: tuple[Finding, ...]
    path: tuple[x509.Certificate, ...] = ()
    """From the anchor down to the certificate; empty without a valid path."""
    revocation: str = "not_offered"
    internal: bool = False
    revoked_at: datetime | None = field(default=None)


def load_certificates(data: bytes) -> list[x509.Certificate]:
    """Certificates of a PEM (any number) or DER file; raises ValueError."""
    return [_whole(x509.Certificate, der) for der in _unarmor(data, "CERTIFICATE")]


def load_crls(data: bytes) -> list[asn1_crl.CertificateList]:
    """Revocation lists of a PEM or DER file; raises ValueError."""
    return [_whole(asn1_crl.CertificateList, der) for der in _unarmor(data, "X509 CRL")]


def _unarmor(data: bytes, kind: str) -> list[bytes]:
    if not pem.detect(data):
        return [data]
    return [der for name, _, der in pem.unarmor(data, multiple=True) if name == kind]


def _whole(cls: Any, der: bytes) -> Any:
    value = cls.load(der, strict=True)
    value.native  # noqa: B018  asn1crypto parses lazily; a damaged one shall fail here
    return value


def _context(trust: Trust, evidence: Evidence, moment: datetime, **options: Any) -> ValidationContext:
    return ValidationContext(
        trust_roots=list(trust.anchors), other_certs=list(evidence.certificates), moment=moment, allow_fetching=False,
        algorithm_usage_policy=_ACCEPT_ALL, **options,
    )  # fmt: skip


def timestamp_context(trust: Trust, evidence: Evidence) -> ValidationContext:
    """The context in which pyHanko judges a time-stamp's own signature; revocation is looked at apart."""
    return _context(trust, evidence, trust.moment, revinfo_policy=_NO_REVOCATION)


async def check_chain(certificate: x509.Certificate, trust: Trust, evidence: Evidence, signed_at: datetime | None) -> ChainReport:
    """Path and revocation of a signer's certificate.

    `signed_at` is a proved time (a trusted time-stamp) or None: then the certificate has to be good at the time of judgement.
    """
    issuer = name_of(certificate.issuer)
    if not trust.anchors:
        return ChainReport((found("chain_missing", issuer=issuer),))
    moment = signed_at or trust.moment
    context = _context(trust, evidence, moment, revinfo_policy=_NO_REVOCATION)
    try:
        path: ValidationPath = await find_valid_path(certificate, context.path_builder.async_build_paths_lazy(certificate), context)
    except ExpiredError as exc:
        return ChainReport((found("expired", name=_blamed(exc, certificate), date=iso(exc.expired_dt)),))
    except NotYetValidError as exc:
        return ChainReport((found("not_yet_valid", name=_blamed(exc, certificate), date=iso(exc.valid_from)),))
    except PathBuildingError:
        return ChainReport((found("chain_missing", issuer=issuer),))
    except (ValidationError, PathError) as exc:
        if certificate.self_signed != "no":
            return ChainReport((found("chain_missing", issuer=issuer),))
        return ChainReport((found("chain_invalid", detail=str(exc)),))
    certificates = tuple(path.iter_certs(include_root=True))
    findings = [f for n, c in enumerate(certificates) for f in check_certificate(c, n == 0, certificate_name(c))]
    status = await _revocation_of_path(path, trust, evidence)
    findings += _judge_revocation(status, signed_at)
    worst = min(status, key=lambda s: _ORDER[s.state], default=None)
    internal = bool(certificates) and certificates[0].sha256.hex() in trust.own_anchors
    state = _shown_state(status, signed_at)
    return ChainReport(tuple(_unique(findings)), certificates, state, internal, worst.revoked_at if worst else None)


def _unique(findings: Iterable[Finding]) -> list[Finding]:
    out: list[Finding] = []
    for finding in findings:
        if finding not in out:
            out.append(finding)
    return out


def _blamed(exc: Any, certificate: x509.Certificate) -> str:
    """The name of the certificate at fault: the message has it only in prose, so look along the path for the dates."""
    path: ValidationPath = exc.original_path
    when = getattr(exc, "expired_dt", None) or getattr(exc, "valid_from", None)
    for each in path.iter_certs(include_root=True):
        if when in (each.not_valid_after, each.not_valid_before):
            return certificate_name(each)
    return certificate_name(certificate)


@dataclass(frozen=True, slots=True)
class Status:
    """Revocation of one certificate of the path."""

    certificate: x509.Certificate
    state: str
    revoked_at: datetime | None = None


async def _revocation_of_path(path: ValidationPath, trust: Trust, evidence: Evidence) -> list[Status]:
    """One status for each certificate below the anchor, the signer's last."""
    out = []
    for certificate in path.iter_certs(include_root=False):
        part = path.truncate_to_issuer_and_append(certificate)
        out.append(await _revocation_of(certificate, part, trust, evidence))
    return out


async def _revocation_of(certificate: x509.Certificate, part: ValidationPath, trust: Trust, evidence: Evidence) -> Status:
    """Ask every list and response that speaks of `certificate`.  pyHanko consults a supplied list only where revocation is *required*, so it is."""
    lists = [c for c in (*trust.crls, *evidence.crls) if c.issuer == certificate.issuer]
    responses = [r for r in evidence.ocsps if _speaks_of(r, certificate)]
    offered = bool(lists or responses or certificate.crl_distribution_points or certificate.ocsp_urls)
    if not lists and not responses:
        return Status(certificate, "unknown" if offered else "not_offered")
    status = await _ask(certificate, part, trust, evidence, lists, responses, trust.moment)
    if status.state == "unknown":
        for stale in lists:  # an old list that names the certificate still tells that it was revoked
            until = stale["tbs_cert_list"]["next_update"].native
            if until is not None and until <= trust.moment:
                then = await _ask(certificate, part, trust, evidence, [stale], [], until - timedelta(seconds=1))
                if then.state == "revoked":
                    return then
    return status


async def _ask(
    certificate: x509.Certificate, part: ValidationPath, trust: Trust, evidence: Evidence,
    lists: Sequence[asn1_crl.CertificateList], responses: Sequence[asn1_ocsp.OCSPResponse], moment: datetime,
) -> Status:  # fmt: skip
    context = _context(trust, evidence, moment, revinfo_policy=_REQUIRE_LEAF, crls=list(lists), ocsps=list(responses))
    try:
        await async_validate_path(context, part)
    except RevokedError as exc:
        return Status(certificate, "revoked", exc.revocation_dt)
    except InsufficientRevinfoError:
        return Status(certificate, "unknown")
    except ValidationError:
        return Status(certificate, "unknown")
    return Status(certificate, "good")


def _speaks_of(response: asn1_ocsp.OCSPResponse, certificate: x509.Certificate) -> bool:
    try:
        answers = response.response_data["responses"]
        return any(a["cert_id"]["serial_number"].native == certificate.serial_number for a in answers)
    except (ValueError, TypeError, AttributeError):
        return False


def _judge_revocation(status: Sequence[Status], signed_at: datetime | None) -> list[Finding]:
    out: list[Finding] = []
    for each in status:
        name = certificate_name(each.certificate)
        if each.state == "unknown":
            out.append(found("revocation_unknown", name=name))
        elif each.state == "revoked":
            date = iso(each.revoked_at)
            if signed_at is None:
                out.append(found("revoked_no_poe", name=name, date=date))
            elif each.revoked_at is not None and each.revoked_at > signed_at:
                out.append(found("revoked_later", name=name, date=date))
            else:
                out.append(found("revoked", name=name, date=date))
    return out


def _shown_state(status: Sequence[Status], signed_at: datetime | None) -> str:
    """The state to show for the chain: the worst that matters; a later revocation left the certificate good at signing."""
    states = {"good" if s.state == "revoked" and signed_at and s.revoked_at and s.revoked_at > signed_at else s.state for s in status}
    if not states:
        return "not_offered"
    leaf = status[-1].state
    for state in ("revoked", "unknown"):
        if state in states:
            return state
    return "good" if "good" in states and leaf != "not_offered" else "not_offered"


def describe(certificate: x509.Certificate, internal: bool) -> Signer:
    """The facts of a signer's certificate, made safe to show."""
    return Signer(
        name=clean(certificate_name(certificate)), subject=clean(certificate.subject.human_friendly), issuer=clean(name_of(certificate.issuer)),
        serial=f"{certificate.serial_number:x}", fingerprint=certificate.sha256.hex(), not_before=iso(certificate.not_valid_before) or "",
        not_after=iso(certificate.not_valid_after) or "", internal=internal,
    )  # fmt: skip
