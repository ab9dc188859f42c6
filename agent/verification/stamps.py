"""Time-stamps (RFC 3161) on a signature: whether they are for this signature, and whether their issuer is trusted."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from asn1crypto import cms, core, x509
from pyhanko.sign.validation.generic_cms import message_imprint_checker, validate_tst_signed_data

from agent.verification.chain import Evidence, Trust, check_chain, timestamp_context
from agent.verification.model import Finding, found
from agent.verification.policy import certificate_name, check_signer_algorithms


@dataclass(frozen=True, slots=True)
class Stamp:
    """A time-stamp that holds: its time is proved by a trusted issuer."""

    time: datetime
    issuer: x509.Certificate
    revocation: str


def _embedded(signed_data: cms.SignedData) -> tuple[x509.Certificate, ...]:
    entries = signed_data["certificates"]
    return () if isinstance(entries, core.Void) else tuple(c.chosen for c in entries if c.name == "certificate")


async def check_stamp(token: cms.SignedData, imprint: Any, trust: Trust, evidence: Evidence) -> tuple[Stamp | None, list[Finding]]:
    """Judge one time-stamp token; `imprint(algorithm)` gives the digest it has to carry."""
    own = replace(evidence, certificates=(*evidence.certificates, *_embedded(token)))
    try:
        status = await validate_tst_signed_data(token, timestamp_context(trust, own), imprint)
    except Exception:  # noqa: BLE001 - whatever a forged token makes the library raise: it proves nothing
        return None, [found("timestamp_invalid")]
    issuer: x509.Certificate = status["signing_cert"]
    if not (status["intact"] and status["valid"]):
        return None, [found("timestamp_invalid")]
    if status["trust_problem_indic"] is not None:
        return None, [found("timestamp_untrusted", name=certificate_name(issuer), detail=status["trust_problem_indic"].name)]
    chain = await check_chain(issuer, trust, own, None)
    findings = [*chain.findings, *check_signer_algorithms(token["signer_infos"][0], issuer)]
    if findings:
        return None, findings
    return Stamp(status["timestamp"], issuer, chain.revocation), []


async def check_signature_stamps(signer_info: cms.SignerInfo, trust: Trust, evidence: Evidence) -> tuple[Stamp | None, list[Finding]]:
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
            stamp, wrong = await check_stamp(token["content"], message_imprint_checker(signer_info), trust, evidence)
            findings += wrong
            if stamp is not None:
                stamps.append(stamp)
    return min(stamps, key=lambda s: s.time, default=None), findings
