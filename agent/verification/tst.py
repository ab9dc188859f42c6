"""Time-stamp tokens that stand alone (RFC 3161; `.tst`, or `.tsr` with the service's whole answer) over a file beside them or in a container."""

from collections.abc import Sequence
from datetime import datetime

from asn1crypto import cms, tsp

from agent.verification.beside import STAMPS as EXTENSIONS
from agent.verification.chain import Evidence, Trust, describe
from agent.verification.cms import trailing
from agent.verification.model import Finding, SignatureReport, found
from agent.verification.signer import Digester, NotSignedData, check_shape, check_unused, load_signed_data
from agent.verification.stamps import check_stamp

__all__ = ("EXTENSIONS", "check_token", "is_token", "load_token")

_GRANTED = ("granted", "granted_with_mods")


def load_token(data: bytes) -> tuple[cms.SignedData, list[Finding]]:
    """The token, out of a service's answer where it is one, and what is said of the bytes around it; raises `NotSignedData`."""
    try:
        signed_data, length = load_signed_data(data)
    except NotSignedData as exc:
        token = _out_of_answer(data)
        if token is None:
            raise exc from None
        return load_signed_data(token)[0], [found("unsigned_part", detail="TimeStampResp")]
    return signed_data, trailing(data[length:])


def _out_of_answer(data: bytes) -> bytes | None:
    """The token in a TimeStampResp (RFC 3161 clause 2.4.2), if the answer grants one."""
    try:
        answer = tsp.TimeStampResp.load(data, strict=True)
        if answer["status"]["status"].native not in _GRANTED:
            return None
        return bytes(answer["time_stamp_token"].dump())
    except (ValueError, TypeError, KeyError, AttributeError):
        return None


def is_token(signed_data: cms.SignedData) -> bool:
    """Whether a SignedData is a time-stamp token and not a signature."""
    return bool(signed_data["encap_content_info"]["content_type"].native == "tst_info")


async def check_token(
    token: cms.SignedData, around: Sequence[Finding], imprint: Digester, trust: Trust, evidence: Evidence, proved_at: datetime | None = None
) -> SignatureReport:
    """The report over one token; `around` is what `load_token` found, `imprint` digests the bytes it has to be for."""
    findings = [*around]
    stamp, wrong = await check_stamp(token, imprint, trust, evidence, proved_at)
    if [f.code for f in wrong] == ["timestamp_invalid"] and await _is_sound(token, trust, evidence, proved_at):
        wrong = [found("digest_mismatch")]  # it is a good one, of other bytes
    findings += wrong
    infos = list(token["signer_infos"])
    if len(infos) == 1:
        findings += check_shape(token, infos[0])
    if stamp is None:
        return SignatureReport((*findings, *(() if wrong else (found("timestamp_invalid"),))), kind="timestamp")
    findings += check_unused(token, infos[0], stamp.path, trust)
    return SignatureReport(
        tuple(findings), signer=describe(stamp.issuer, False), signing_time=stamp.time, time_source="timestamp", revocation=stamp.revocation,
        kind="timestamp", revision=1, covers_whole_file=True,
    )  # fmt: skip


async def _is_sound(token: cms.SignedData, trust: Trust, evidence: Evidence, proved_at: datetime | None) -> bool:
    """Whether the token is good but for the bytes it is over."""
    try:
        imprint = tsp.TSTInfo.load(bytes(token["encap_content_info"]["content"]))["message_imprint"]["hashed_message"].native
    except (ValueError, TypeError, KeyError, AttributeError):
        return False
    stamp, wrong = await check_stamp(token, lambda _: imprint, trust, evidence, proved_at)
    return stamp is not None or all(f.code != "timestamp_invalid" for f in wrong)
