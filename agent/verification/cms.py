"""Detached and enveloping CMS and CAdES signatures (`.p7s`, `.p7m`, DER, BER or PEM): every signer and counter-signer gets a report of its own."""

import base64
import binascii
import hashlib
import io
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import BinaryIO

from asn1crypto import cms, core

from agent.verification.chain import Evidence, Trust
from agent.verification.model import Finding, SignatureReport, found
from agent.verification.signer import Digester, Manner, NotSignedData, check_frame, check_signer, load_signed_data, looks_like_attributes

SIGNATURE_MAX = 64 * 1024 * 1024
"""Bytes of a signature file that are read at most."""
PLAIN = Manner(ess_required=False)
"""Plain CMS need not name its certificate; where it does not, the level is null."""
BASELINE = Manner(ess_required=True)
"""CAdES inside a container (EN 319 162-1)."""
_EXTENSIONS = (".p7s", ".p7m", ".sig")
_CHUNK = 1024 * 1024
_ATTRIBUTES_MAX = 64 * 1024
_TEXT_MAX = 16 * 1024 * 1024
_COUNTERS_DEEP = 3
_COUNTER = "counter_signature"
_PEM = re.compile(rb"-----BEGIN (PKCS7|CMS|PKCS #7 SIGNED DATA)-----\s+([A-Za-z0-9+/=\s]+?)-----END \1-----\s*")
_SIGNED_DATA = b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02"


class NotASignatureFile(ValueError):
    """Neither DER nor PEM of a SignedData."""


@dataclass(frozen=True, slots=True)
class Signed:
    """What the signers of one SignedData are judged against."""

    digest: Digester
    """Of the content."""
    general: tuple[Finding, ...] = ()
    """What is already known and holds for every signer."""
    manner: Manner = PLAIN
    proved_at: datetime | None = None
    """A time at which the signature is proved to have existed by something outside it."""
    archived: bool = False
    evidence: Evidence = field(default_factory=Evidence)


def file_digester(stream: BinaryIO) -> Digester:
    """Digests of a whole open file, read in pieces, one pass for each algorithm."""
    known: dict[str, bytes] = {}

    def digest(algorithm: str) -> bytes:
        if algorithm not in known:
            state = hashlib.new(algorithm)
            stream.seek(0)
            while chunk := stream.read(_CHUNK):
                state.update(chunk)
            known[algorithm] = state.digest()
        return known[algorithm]

    return digest


def content_beside(signature: str) -> str | None:
    """The file a signature file's name speaks of: `A.p7s` → `A`."""
    stem, ext = os.path.splitext(signature)
    return stem if ext.lower() in _EXTENSIONS and os.path.basename(stem) else None


def looks_like_signature(head: bytes) -> bool:
    """Whether the first bytes of a file are those of a SignedData, whatever its name."""
    return (head[:1] == b"\x30" and _SIGNED_DATA in head[:24]) or _PEM_START.match(head.lstrip()[:40]) is not None


_PEM_START = re.compile(rb"-----BEGIN (PKCS7|CMS|PKCS #7 SIGNED DATA)-----")


def read_file(path: str) -> bytes:
    """The DER (or BER) of a signature file, out of PEM where it is that; raises `NotASignatureFile` or OSError."""
    if os.path.exists(path) and not os.path.isfile(path):  # a FIFO would be waited for
        raise NotASignatureFile("not a regular file")
    with open(path, "rb") as stream:
        data = stream.read(SIGNATURE_MAX + 1)
    if len(data) > SIGNATURE_MAX:
        raise NotASignatureFile(f"more than {SIGNATURE_MAX >> 20} MB")
    return unarmored(data)


def unarmored(data: bytes) -> bytes:
    """DER out of PEM, where it is that; raises `NotASignatureFile`."""
    armoured = _PEM.fullmatch(data.strip() + b"\n") if data.lstrip()[:5] == b"-----" else None
    if armoured is None:
        return data
    text = b"".join(armoured[2].split())
    try:
        out = base64.b64decode(text, validate=True)
    except binascii.Error as exc:
        raise NotASignatureFile("PEM") from exc
    if base64.b64encode(out) != text:
        raise NotASignatureFile("PEM")
    return out


def load(path: str) -> tuple[cms.SignedData, bytes]:
    """The SignedData in a file and what follows it; raises `NotASignatureFile` or OSError."""
    data = read_file(path)
    try:
        signed_data, length = load_signed_data(data)
    except NotSignedData as exc:
        raise NotASignatureFile(str(exc)) from exc
    return signed_data, data[length:]


def is_signature_file(path: str) -> bool:
    """Whether the file can be read as CMS SignedData."""
    try:
        load(path)
    except (NotASignatureFile, OSError):
        return False
    return True


def has_content(signed_data: cms.SignedData) -> bool:
    """Whether the signed content is inside (enveloping) and not beside."""
    return not isinstance(signed_data["encap_content_info"]["content"], core.Void)


def trailing(rest: bytes) -> list[Finding]:
    """What is said of bytes after the end of a signature."""
    return [found("cms_structure", detail=f"{len(rest)} bytes after the end")] if rest.strip(b"\r\n") else []


async def check_detached(signed_data: cms.SignedData, rest: bytes, content: str | None, trust: Trust) -> list[SignatureReport]:
    """A report for each signer over `content`, or over the content inside where there is no file."""
    general = trailing(rest)
    if signed_data["encap_content_info"]["content_type"].native != "data":
        return await check_signers(signed_data, Signed(lambda _: b"", tuple(general)), trust)
    inner = bytes(signed_data["encap_content_info"]["content"]) if has_content(signed_data) else None
    if content is None:
        return await _check_stream(signed_data, io.BytesIO(inner or b""), general, trust)
    with open(content, "rb") as stream:
        if inner is not None and hashlib.sha256(inner).digest() != file_digester(stream)("sha256"):
            general.append(found("content_inside"))
        return await _check_stream(signed_data, stream, general, trust)


async def _check_stream(signed_data: cms.SignedData, stream: BinaryIO, general: list[Finding], trust: Trust) -> list[SignatureReport]:
    stream.seek(0)
    if looks_like_attributes(stream.read(_ATTRIBUTES_MAX)):
        general = [*general, found("attributes_as_content")]
    reports = await check_signers(signed_data, Signed(file_digester(stream), tuple(general)), trust)
    if not any(f.code == "digest_mismatch" for r in reports for f in r.findings):
        return reports
    return [_as_text(report, info, stream) for report, info in zip(reports, _infos_of(reports, signed_data), strict=True)]


def _infos_of(reports: Sequence[SignatureReport], signed_data: cms.SignedData) -> list[cms.SignerInfo | None]:
    """The SignerInfo of each report; None for counter-signatures, which are over no file."""
    infos = iter(signed_data["signer_infos"])
    return [next(infos, None) if r.counter_signs is None else None for r in reports]


def _as_text(report: SignatureReport, info: cms.SignerInfo | None, stream: BinaryIO) -> SignatureReport:
    """Where the signature is over the same text with the line ends of mail (RFC 8551 clause 3.1.1), nobody altered the content."""
    if info is None or not any(f.code == "digest_mismatch" for f in report.findings):
        return report
    stream.seek(0)
    text = stream.read(_TEXT_MAX + 1)
    if len(text) > _TEXT_MAX or b"\0" in text:
        return report
    plain = text.replace(b"\r\n", b"\n")
    signed = next((a["values"][0].native for a in info["signed_attrs"] if a["type"].native == "message_digest"), None)
    name = info["digest_algorithm"]["algorithm"].native
    if signed not in [hashlib.new(name, t).digest() for t in (plain, plain.replace(b"\n", b"\r\n"))]:
        return report
    return replace(report, findings=tuple(found("line_ends") if f.code == "digest_mismatch" else f for f in report.findings))


async def check_signers(signed_data: cms.SignedData, signed: Signed, trust: Trust) -> list[SignatureReport]:
    """A report for each signer, and after it one for each of its counter-signers; one bad one never hides another."""
    infos: list[cms.SignerInfo] = list(signed_data["signer_infos"])
    if not infos:
        return [SignatureReport((*signed.general, found("cms_damaged", detail="no signer")))]
    frame = [*signed.general, *check_frame(signed_data)]
    kind = signed_data["encap_content_info"]["content_type"].native
    reports: list[SignatureReport] = []
    for info in infos:
        if kind != "data":
            reports.append(SignatureReport((*frame, found("content_type_wrong", name=kind)), revision=1))
            continue
        report = await _one(signed_data, info, signed, frame, trust, kind)
        covered = not any(f.code in ("digest_mismatch", "content_inside") for f in report.findings)
        reports.append(replace(report, revision=1, covers_whole_file=covered))
        await _counters(signed_data, info, signed, frame, trust, reports, 1)
    return reports


async def _one(
    signed_data: cms.SignedData, info: cms.SignerInfo, signed: Signed, frame: Sequence[Finding], trust: Trust, kind: str | None
) -> SignatureReport:
    try:
        return await check_signer(
            signed_data, info, digest_of=signed.digest, content_type=kind, manner=signed.manner, trust=trust, evidence=signed.evidence,
            proved_at=signed.proved_at, archived=signed.archived, frame=frame, judged=(_COUNTER,),
        )  # fmt: skip
    except MemoryError:
        raise
    except Exception as exc:  # noqa: BLE001 - one bad signer never hides another; what could not be checked never passes
        return SignatureReport((*frame, found("not_checked", detail=type(exc).__name__)))


async def _counters(
    signed_data: cms.SignedData,
    info: cms.SignerInfo,
    signed: Signed,
    frame: Sequence[Finding],
    trust: Trust,
    reports: list[SignatureReport],
    depth: int,
) -> None:
    """Append the reports of those who signed the value of this signature (RFC 5652 clause 11.4), and of those who signed theirs."""
    place = len(reports)
    try:
        counters = _counter_signers(info)
        value = bytes(info["signature"].native)
    except (ValueError, TypeError, KeyError, AttributeError) as exc:
        reports.append(SignatureReport((*frame, found("cms_damaged", detail=type(exc).__name__)), kind="countersignature", counter_signs=place))
        return
    if counters and depth > _COUNTERS_DEEP:
        reports.append(SignatureReport((*frame, found("not_checked", detail="depth")), kind="countersignature", counter_signs=place))
        return
    over = replace(signed, digest=file_digester(io.BytesIO(value)))
    for counter in counters:
        report = await _one(signed_data, counter, over, frame, trust, None)
        reports.append(replace(report, kind="countersignature", counter_signs=place))
        await _counters(signed_data, counter, signed, frame, trust, reports, depth + 1)


def _counter_signers(info: cms.SignerInfo) -> list[cms.SignerInfo]:
    unsigned = info["unsigned_attrs"]
    if isinstance(unsigned, core.Void):
        return []
    return [value for attribute in unsigned if attribute["type"].native == _COUNTER for value in attribute["values"]]
