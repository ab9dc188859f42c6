"""The routes over trust anchors: which issuers this home trusts, beyond its own CA."""

import asyncio
import os
from typing import Any, Final

from asn1crypto import pem
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from fastapi import APIRouter
from pydantic import BaseModel, Field

from agent.api.errors import ApiError, Code
from agent.api.home import Home
from agent.api.uris import to_path
from agent.authority import anchors
from agent.records.recorder import Records
from tokens.public import UNREADABLE

_MAX: Final = 8 * 1024 * 1024
"""Bytes of a certificate file."""


class FileBody(BaseModel):
    """A PEM or DER file (a file URI) with certificates."""

    file: str


class TrustBody(FileBody):
    """Which certificate of the file is to be trusted: its SHA-256 (hex), as a person has compared it."""

    fingerprint: str = Field(max_length=64)


def router(home: Home, records: Records) -> APIRouter:
    """The routes."""
    api = APIRouter(prefix="/anchors")

    @api.get("")
    async def show() -> dict[str, Any]:
        """{anchors}: each {subject, common_name, issuer, fingerprint, not_before, not_after, own}."""
        own, others = await asyncio.to_thread(lambda: (anchors.own(home), anchors.others(home)))
        return {"anchors": [*(_told(each, True) for each in own), *(_told(each, False) for each in others)]}

    @api.post("/look")
    async def look(body: FileBody) -> dict[str, Any]:
        """What the issuers' certificates in a file are, before anybody trusts them; nothing is changed."""
        return {"certificates": [_told(each, False) for each in await asyncio.to_thread(_authorities, body.file)]}

    @api.post("")
    async def trust(body: TrustBody) -> dict[str, Any]:
        """Trust one certificate of a file from now on; it is recorded."""
        found = await asyncio.to_thread(_authorities, body.file)
        chosen = next((each for each in found if _fingerprint(each) == body.fingerprint.lower()), None)
        if chosen is None:
            raise ApiError(Code.NOT_FOUND, reason="anchor", wanted=body.fingerprint[:64])
        await records.ready()
        await asyncio.to_thread(anchors.add, home, chosen, False)
        await records.record("anchor.trusted", {"fingerprint": _fingerprint(chosen), "subject": chosen.subject.rfc4514_string()})
        return _told(chosen, False)

    @api.delete("/{fingerprint}")
    async def forget(fingerprint: str) -> dict[str, Any]:
        """Trust an issuer no more; an own CA stays."""
        own, others = await asyncio.to_thread(lambda: (anchors.own(home), anchors.others(home)))
        chosen = next((each for each in others if _fingerprint(each) == fingerprint.lower()), None)
        if chosen is None:
            if any(_fingerprint(each) == fingerprint.lower() for each in own):
                raise ApiError(Code.NOT_ALLOWED, reason="own_anchor")
            raise ApiError(Code.NOT_FOUND, reason="anchor", wanted=fingerprint[:64])
        await records.ready()
        await asyncio.to_thread(anchors.forget, home, _fingerprint(chosen))
        await records.record("anchor.forgotten", {"fingerprint": _fingerprint(chosen), "subject": chosen.subject.rfc4514_string()})
        return _told(chosen, False)

    return api


def _authorities(uri: str) -> list[x509.Certificate]:
    """The certificates of issuers in a file; raises `ApiError` (input_unusable, usage)."""
    try:
        path = to_path(uri)
    except ValueError as exc:
        raise ApiError(Code.USAGE, reason="path") from exc
    name = os.path.basename(path)
    try:
        with open(path, "rb", opener=lambda p, flags: os.open(p, flags | os.O_NONBLOCK)) as file:
            data = file.read(_MAX + 1)
    except FileNotFoundError as exc:
        raise ApiError(Code.INPUT_UNUSABLE, reason="not_found", name=name) from exc
    except OSError as exc:
        raise ApiError(Code.INPUT_UNUSABLE, reason="unreadable", name=name) from exc
    if len(data) > _MAX:
        raise ApiError(Code.INPUT_UNUSABLE, reason="too_large", name=name)
    try:
        loaded = x509.load_pem_x509_certificates(data) if pem.detect(data) else [x509.load_der_x509_certificate(data)]
        found = [each for each in loaded if _issues(each) and _told(each, False)]  # told now: names too may be unreadable
    except UNREADABLE as exc:
        raise ApiError(Code.INPUT_UNUSABLE, reason="not_a_certificate", name=name) from exc
    if not found:
        raise ApiError(Code.INPUT_UNUSABLE, reason="not_an_authority", name=name)
    return found


def _issues(certificate: x509.Certificate) -> bool:
    """Whether it is that of a CA (RFC 5280, 4.2.1.9)."""
    try:
        return bool(certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca)
    except x509.ExtensionNotFound:
        return False


def _fingerprint(certificate: x509.Certificate) -> str:
    return certificate.fingerprint(hashes.SHA256()).hex()


def _told(certificate: x509.Certificate, own: bool) -> dict[str, Any]:
    names = certificate.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
    subject = certificate.subject.rfc4514_string()
    return {
        "subject": subject,
        "common_name": str(names[0].value) if names else subject,
        "issuer": certificate.issuer.rfc4514_string(),
        "fingerprint": _fingerprint(certificate),
        "not_before": certificate.not_valid_before_utc.isoformat().replace("+00:00", "Z"),
        "not_after": certificate.not_valid_after_utc.isoformat().replace("+00:00", "Z"),
        "own": own,
    }
