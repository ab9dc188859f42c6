"""Detached CMS and CAdES signatures (`.p7s`, DER or PEM) beside the file they sign; every signer gets a report of its own."""

import base64
import binascii
import hashlib
import io
import os
import re
from dataclasses import replace
from typing import BinaryIO

from asn1crypto import cms, core
from asn1crypto import crl as asn1_crl

from agent.verification.chain import Evidence, Trust
from agent.verification.model import Finding, SignatureReport, found
from agent.verification.signer import Digester, Manner, NotSignedData, check_signer, load_signed_data, looks_like_attributes

SIGNATURE_MAX = 64 * 1024 * 1024
"""Bytes of a signature file that are read at most."""
_PLAIN = Manner(ess_required=False)
"""Plain CMS need not name its certificate; where it does not, the level is null."""
_CHUNK = 1024 * 1024
_ATTRIBUTES_MAX = 64 * 1024
_PEM = re.compile(rb"-----BEGIN (PKCS7|CMS|PKCS #7 SIGNED DATA)-----\s+([A-Za-z0-9+/=\s]+?)-----END \1-----\s*")


class NotASignatureFile(ValueError):
    """Neither DER nor PEM of a SignedData."""


def file_digester(stream: BinaryIO) -> Digester:
    """Digests of a whole open file, read in pieces, one pass for each algorithm."""

    def digest(algorithm: str) -> bytes:
        state = hashlib.new(algorithm)
        stream.seek(0)
        while chunk := stream.read(_CHUNK):
            state.update(chunk)
        return state.digest()

    return digest


def content_beside(signature: str) -> str | None:
    """The file a signature file's name speaks of: `A.p7s` → `A`."""
    stem, ext = os.path.splitext(signature)
    return stem if ext.lower() in (".p7s", ".p7m", ".sig") and os.path.basename(stem) else None


def load(path: str) -> tuple[cms.SignedData, bytes]:
    """The SignedData in a file and what follows it; raises `NotASignatureFile` or OSError."""
    if os.path.exists(path) and not os.path.isfile(path):  # a FIFO would be waited for
        raise NotASignatureFile("not a regular file")
    with open(path, "rb") as stream:
        data = stream.read(SIGNATURE_MAX)
    armoured = _PEM.fullmatch(data.strip() + b"\n") if data.lstrip()[:5] == b"-----" else None
    if armoured is not None:
        try:
            data = base64.b64decode(b"".join(armoured[2].split()), validate=True)
        except binascii.Error as exc:
            raise NotASignatureFile("PEM") from exc
        if base64.b64encode(data) != b"".join(armoured[2].split()):
            raise NotASignatureFile("PEM")
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


async def check_detached(signed_data: cms.SignedData, rest: bytes, content: str | None, trust: Trust) -> list[SignatureReport]:
    """A report for each signer over `content`, or over the content inside where there is no file."""
    general = [found("cms_structure", detail=f"{len(rest)} bytes after the end")] if rest.strip(b"\r\n") else []
    inner = bytes(signed_data["encap_content_info"]["content"]) if has_content(signed_data) else None
    if content is None:
        return await _check_signers(signed_data, io.BytesIO(inner or b""), general, trust)
    with open(content, "rb") as stream:
        if inner is not None and hashlib.sha256(inner).digest() != file_digester(stream)("sha256"):
            general.append(found("content_inside"))
        return await _check_signers(signed_data, stream, general, trust)


async def _check_signers(signed_data: cms.SignedData, stream: BinaryIO, general: list[Finding], trust: Trust) -> list[SignatureReport]:
    infos: list[cms.SignerInfo] = list(signed_data["signer_infos"])
    if not infos:
        return [SignatureReport((*general, found("cms_damaged", detail="no signer")))]
    stream.seek(0)
    if looks_like_attributes(stream.read(_ATTRIBUTES_MAX)):
        general = [*general, found("attributes_as_content")]
    kind, evidence, digest = signed_data["encap_content_info"]["content_type"].native, Evidence(crls=_lists(signed_data)), file_digester(stream)
    reports = []
    for info in infos:
        try:
            report = await check_signer(signed_data, info, digest_of=digest, content_type=kind, manner=_PLAIN, trust=trust, evidence=evidence)
        except MemoryError:
            raise
        except Exception as exc:  # noqa: BLE001 - one bad signer never hides another; what could not be checked never passes
            report = SignatureReport((found("not_checked", detail=type(exc).__name__),))
        reports.append(_complete(report, general))
    return reports


def _complete(report: SignatureReport, general: list[Finding]) -> SignatureReport:
    covered = not any(f.code in ("digest_mismatch", "content_inside") for f in report.findings)
    return replace(report, findings=(*general, *report.findings), revision=1, covers_whole_file=covered)


def _lists(signed_data: cms.SignedData) -> tuple[asn1_crl.CertificateList, ...]:
    entries = signed_data["crls"]
    if isinstance(entries, core.Void):
        return ()
    return tuple(e.chosen for e in entries if e.name == "certificate_list")
