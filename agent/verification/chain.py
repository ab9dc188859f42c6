"""Is this certificate to be trusted: its path to a given anchor at a given time, and whether it was revoked (RFC 5280 clauses 6.1 and 6.3)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from asn1crypto import x509
from pyhanko_certvalidator import ValidationContext, find_valid_path
from pyhanko_certvalidator.errors import ExpiredError, NotYetValidError, PathBuildingError, PathError, ValidationError
from pyhanko_certvalidator.path import ValidationPath
from pyhanko_certvalidator.policy_decl import NO_REVOCATION, CertRevTrustPolicy

from agent.verification import revocation
from agent.verification.model import Finding, Signer, clean, found, iso
from agent.verification.policy import certificate_name, check_certificate, name_of
from agent.verification.policy_data import SIGNING_PURPOSES
from agent.verification.trust import CLOCK_TOLERANCE, Evidence, Trust, load_certificates, load_crls

__all__ = ("ChainReport", "Evidence", "Trust", "check_chain", "describe", "load_certificates", "load_crls")

_NO_REVOCATION = CertRevTrustPolicy(NO_REVOCATION)
_SECOND = timedelta(seconds=1)
_PATHS_MAX = 500


@dataclass(frozen=True, slots=True)
class ChainReport:
    """What was found about one certificate."""

    findings: tuple[Finding, ...]
    path: tuple[x509.Certificate, ...] = ()
    """From the anchor down to the certificate; empty without a valid path."""
    revocation: str = "not_offered"
    internal: bool = False
    revoked_at: datetime | None = field(default=None)
    embedded: bool = False
    """The document itself brought revocation data that answers for each certificate of the path that names a source, and for one at least."""


async def check_chain(
    certificate: x509.Certificate,
    trust: Trust,
    evidence: Evidence,
    signed_at: datetime | None,
    *,
    claimed: datetime | None = None,
    stamped: datetime | None = None,
) -> ChainReport:
    """Path and revocation of a signer's certificate.

    `signed_at` is a proved time (a trusted time-stamp) or None: then the certificate has to be good at the time of judgement.  `claimed` is the time
    the signer claims, which proves nothing; `stamped` is the time a time-stamp names, where the certificate is its issuer's.
    """
    issuer = name_of(certificate.issuer)
    if not trust.anchors:
        return ChainReport((found("chain_missing", issuer=issuer),))
    moment = signed_at or trust.moment
    outside: list[Finding] = []
    try:
        path = await _path(certificate, trust, evidence, moment)
    except ExpiredError as exc:
        outside.append(found("expired", name=_blamed(exc, certificate), date=iso(exc.expired_dt)))
        try:  # an expired certificate may have been revoked as well
            path = await _path(certificate, trust, evidence, min(exc.expired_dt, certificate.not_valid_after) - _SECOND)
        except (ValidationError, PathError, PathBuildingError):
            return ChainReport(tuple(outside))
    except NotYetValidError as exc:
        return ChainReport((found("not_yet_valid", name=_blamed(exc, certificate), date=iso(exc.valid_from)),))
    except PathBuildingError:
        return ChainReport((found("chain_missing", issuer=issuer),))
    except (ValidationError, PathError) as exc:
        if certificate.self_signed != "no":
            return ChainReport((found("chain_missing", issuer=issuer),))
        return ChainReport((found("chain_invalid", detail=str(exc)),))
    certificates = tuple(path.iter_certs(include_root=True))
    restricted = _check_purposes(certificates[1:-1], "time_stamping" if stamped else None)
    if certificates[0].not_valid_after < moment:  # RFC 5280 clause 6.1.1 leaves an anchor's term out of it; the reader shall know
        restricted.append(found("anchor_expired", name=certificate_name(certificates[0]), date=iso(certificates[0].not_valid_after)))
    findings = [*outside, *restricted, *(f for n, c in enumerate(certificates) for f in check_certificate(c, n == 0, certificate_name(c)))]
    statuses = await revocation.status_of_path(path, trust, evidence, signed_at)
    judged = revocation.judge(statuses, trust.moment, signed_at, claimed, stamped)
    findings += [f for f in judged if not outside or f.code.startswith("revoked")]  # nobody publishes what became of an expired one
    findings += [] if outside else _check_claim(certificate, claimed, trust)
    internal = bool(certificates) and certificates[0].sha256.hex() in trust.own_anchors
    known = [s for s in statuses if s.state != "not_offered"]
    return ChainReport(
        tuple(_unique(findings)), certificates, revocation.shown(statuses, moment), internal,
        min((s.revoked_at for s in statuses if s.revoked_at is not None), default=None), bool(known) and all(s.embedded for s in known),
    )  # fmt: skip


async def _path(certificate: x509.Certificate, trust: Trust, evidence: Evidence, moment: datetime) -> ValidationPath:
    """The path, valid at `moment`; one found before is valid whenever all its certificates are within their terms."""
    key = (certificate.sha256, frozenset(c.sha256 for c in evidence.certificates))
    known: ValidationPath | None = trust.paths.get(key)
    if known is not None and all(c.not_valid_before <= moment <= c.not_valid_after for c in known.iter_certs(include_root=False)):
        return known
    context = ValidationContext(
        trust_roots=list(trust.anchors), other_certs=list(evidence.certificates), moment=moment, allow_fetching=False,
        algorithm_usage_policy=revocation.ACCEPT_ALL, revinfo_policy=_NO_REVOCATION,
    )  # fmt: skip
    path: ValidationPath = await find_valid_path(certificate, context.path_builder.async_build_paths_lazy(certificate), context)
    if len(trust.paths) >= _PATHS_MAX:
        trust.paths.clear()
    trust.paths[key] = path
    return path


def _check_purposes(authorities: Sequence[x509.Certificate], purpose: str | None) -> list[Finding]:
    """What authorities between anchor and signer may issue for, where their certificates restrict it: `purpose`, or any that signs documents."""
    wanted = SIGNING_PURPOSES if purpose is None else {purpose, "any_extended_key_usage"}
    restricted = [(c, c.extended_key_usage_value) for c in authorities]
    return [
        found("chain_invalid", detail=f"{certificate_name(c)}: {', '.join(purposes.native)}")
        for c, purposes in restricted
        if purposes is not None and not wanted & set(purposes.native)
    ]


def _check_claim(certificate: x509.Certificate, claimed: datetime | None, trust: Trust) -> list[Finding]:
    """A claimed time proves nothing and decides nothing; one that cannot be true is told."""
    if claimed is not None and claimed > trust.latest:
        return [found("claimed_future", claimed=iso(claimed))]
    if claimed is not None and not certificate.not_valid_before - CLOCK_TOLERANCE <= claimed <= certificate.not_valid_after + CLOCK_TOLERANCE:
        return [found("claimed_outside", claimed=iso(claimed), name=certificate_name(certificate))]
    return []


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


def describe(certificate: x509.Certificate, internal: bool) -> Signer:
    """The facts of a signer's certificate, made safe to show."""
    return Signer(
        name=clean(certificate_name(certificate)), subject=clean(certificate.subject.human_friendly), issuer=clean(name_of(certificate.issuer)),
        serial=f"{certificate.serial_number:x}", fingerprint=certificate.sha256.hex(), not_before=iso(certificate.not_valid_before) or "",
        not_after=iso(certificate.not_valid_after) or "", internal=internal,
    )  # fmt: skip
