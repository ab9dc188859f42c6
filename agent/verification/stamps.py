"""Time-stamps (RFC 3161, RFC 5816): whether they are for these bytes, whether their issuer is trusted, and whether the time they name can be true."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from asn1crypto import cms, core, tsp, x509
from pyhanko.sign.validation.generic_cms import message_imprint_checker

from agent.verification.chain import Evidence, Trust, check_chain
from agent.verification.model import Finding, found, iso
from agent.verification.policy import certificate_name, check_digest, check_signer_algorithms
from agent.verification.trust import CLOCK_TOLERANCE, evidence_in


@dataclass(frozen=True, slots=True)
class Stamp:
    """A time-stamp that holds: its time is proved by a trusted issuer."""

    time: datetime
    issuer: x509.Certificate
    revocation: str
    path: tuple[x509.Certificate, ...] = ()
    """From the anchor down to the issuer."""


@dataclass(slots=True)
class Proofs:
    """What document time-stamps that hold prove: each covers every revision before its own (EN 319 142-1 clause 5.4.3)."""

    _known: list[tuple[int, datetime, bool]] = field(default_factory=list)

    def add(self, revision: int, time: datetime, covers_store: bool) -> None:
        """A time-stamp in `revision`; `covers_store`: the revocation data of the document stood there already."""
        self._known.append((revision, time, covers_store))

    def of(self, revision: int) -> datetime | None:
        """The earliest proved time at which `revision` existed."""
        return min((time for number, time, _ in self._known if number > revision), default=None)

    def cover_store(self, revision: int) -> bool:
        """Whether one of them covers the revocation data as well."""
        return any(covers for number, _, covers in self._known if number > revision)


async def check_stamp(
    token: cms.SignedData, imprint: Callable[[str], bytes], trust: Trust, evidence: Evidence, proved_at: datetime | None = None
) -> tuple[Stamp | None, list[Finding]]:
    """Judge one time-stamp token; `imprint(algorithm)` gives the digest it has to carry.

    `proved_at` is a time at which the token itself is proved to have existed (a later time-stamp covers it): then its issuer's certificate has to be
    good at that time, else now.
    """
    try:
        said = _read(token)
        if said is None or imprint(said.algorithm) != said.digest:
            return None, [found("timestamp_invalid")]
        issuer, findings = _check_token(token, evidence)
    except MemoryError:
        raise
    except Exception:  # noqa: BLE001 - whatever a forged token makes the libraries raise: it proves nothing
        return None, [found("timestamp_invalid")]
    if issuer is None:
        return None, [found("timestamp_invalid")]
    findings += [*check_digest(said.algorithm, "TSTInfo"), *check_signer_algorithms(token["signer_infos"][0], issuer)]
    findings += [*_check_purpose(issuer), *_check_time(said.time, issuer, trust, proved_at)]
    own = evidence.and_also(evidence_in(token, token["signer_infos"][0]))
    chain = await check_chain(issuer, trust, own, proved_at, stamped=said.time)
    name = certificate_name(issuer)
    findings += [
        found("timestamp_untrusted", name=name, detail=f.facts["issuer"]) if f.code == "chain_missing" else f
        for f in chain.findings
        if f.code not in ("revoked_later", "suspended_later")
    ]
    if findings:
        return None, findings
    return Stamp(said.time, issuer, chain.revocation, chain.path), []


@dataclass(frozen=True, slots=True)
class _Said:
    """What a token says."""

    time: datetime
    algorithm: str
    digest: bytes


def _read(token: cms.SignedData) -> _Said | None:
    content = token["encap_content_info"]
    if content["content_type"].native != "tst_info" or not isinstance(content["content"], core.ParsableOctetString):
        return None
    info = tsp.TSTInfo.load(bytes(content["content"]), strict=True)
    if info["version"].native != "v1":
        return None
    imprint = info["message_imprint"]
    return _Said(info["gen_time"].native, imprint["hash_algorithm"]["algorithm"].native, imprint["hashed_message"].native)


def _check_token(token: cms.SignedData, evidence: Evidence) -> tuple[x509.Certificate | None, list[Finding]]:
    """The issuer's certificate and what is wrong with the token as CMS; None where it is not by whom it names.  One signer only (RFC 3161 2.4.2)."""
    from agent.verification import signer  # it imports this module

    infos = list(token["signer_infos"])
    if len(infos) != 1:
        return None, []
    certificate = signer.choose_certificate(infos[0], (*signer.certificates_of(token), *evidence.certificates))
    if certificate is None:
        return None, []
    content = bytes(token["encap_content_info"]["content"])
    wrong = [*signer.check_attributes(infos[0]), *signer.check_ess(infos[0], certificate, required=True)]
    wrong += signer.check_mathematics(infos[0], certificate, "tst_info", digest_of=lambda name: _digest(name, content))
    return (None if wrong else certificate), []


def _digest(algorithm: str, content: bytes) -> bytes:
    import hashlib

    return hashlib.new(algorithm, content).digest()


def _check_purpose(issuer: x509.Certificate) -> list[Finding]:
    """Extended key usage: time-stamping, critical, and nothing else (RFC 3161 clause 2.3); key usage: signing only."""
    purposes = issuer.extended_key_usage_value
    usage = issuer.key_usage_value
    critical = "extended_key_usage" in issuer.critical_extensions
    signs = usage is None or bool(usage.native & {"digital_signature", "non_repudiation"})
    if purposes is not None and purposes.native == ["time_stamping"] and critical and signs:
        return []
    return [found("timestamp_purpose", name=certificate_name(issuer))]


def _check_time(time: datetime, issuer: x509.Certificate, trust: Trust, proved_at: datetime | None) -> list[Finding]:
    out: list[Finding] = []
    if time > trust.latest:
        out.append(found("timestamp_future", stamped=iso(time)))
    if not issuer.not_valid_before <= time <= issuer.not_valid_after:
        out.append(found("timestamp_outside", name=certificate_name(issuer), stamped=iso(time)))
    if proved_at is not None and time > proved_at + CLOCK_TOLERANCE:
        out.append(found("timestamp_order", later=iso(proved_at), earlier=iso(time)))
    return out


async def check_signature_stamps(
    signer_info: cms.SignerInfo, trust: Trust, evidence: Evidence, proved_at: datetime | None = None
) -> tuple[Stamp | None, list[Finding]]:
    """The earliest time-stamp over the signature value that holds, and what is wrong with those that do not.

    A stamp that does not hold is never passed over in silence: without it the signature would be weaker than it claims to be.
    """
    unsigned = signer_info["unsigned_attrs"]
    if isinstance(unsigned, core.Void):
        return None, []
    stamps: list[Stamp] = []
    findings: list[Finding] = []
    for attribute in unsigned:
        if attribute["type"].native != "signature_time_stamp_token":
            continue
        for token in attribute["values"]:
            stamp, wrong = await check_stamp(token["content"], message_imprint_checker(signer_info), trust, evidence, proved_at)
            findings += wrong
            if stamp is not None:
                stamps.append(stamp)
    return min(stamps, key=lambda s: s.time, default=None), findings
