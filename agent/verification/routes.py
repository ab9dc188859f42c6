"""The route that verifies."""

import asyncio
import os
import stat
import time
from datetime import datetime
from typing import Any

from asn1crypto import pem
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp
from fastapi import APIRouter, Request, Response
from pydantic import Field

from agent.api.errors import ApiError, Code
from agent.api.home import Home
from agent.api.uris import to_path, to_uri
from agent.authority import anchors
from agent.server.jobs import Job, JobBody, Jobs
from agent.verification.fetch import Fetcher
from agent.verification.service import Checkers, rate_since, verify

_SUPPLIED_MAX = 8 * 1024 * 1024
"""Bytes of one certificate or revocation list file."""


class VerifyBody(JobBody):
    """Files to verify; paths are file URIs.  Without `trust` the anchors of the home count.  `crl` files are revocation lists or OCSP responses."""

    files: list[str] = Field(min_length=1, max_length=100_000)
    signature: str | None = None
    trust: list[str] = Field(default_factory=list, max_length=1000)
    crl: list[str] = Field(default_factory=list, max_length=1000)
    at: str | None = Field(None, max_length=64)
    fetch: bool = False
    """Whether the issuers of the certificates may be asked over the network if they were revoked."""


def router(home: Home, jobs: Jobs, workers: Checkers | None = None, fetcher: Fetcher | None = None) -> APIRouter:
    """The routes; `workers` and `fetcher` are closed by whoever gave them (without, they end with the agent)."""
    api = APIRouter(prefix="/v1")
    checkers, asker = workers or Checkers(), fetcher or Fetcher()

    @api.post("/verifications")
    async def verify_files(body: VerifyBody, request: Request) -> Response:
        """Verify files; streams progress and each document's verdict."""
        files = [_path(uri) for uri in body.files]
        signature = None if body.signature is None else _path(body.signature)
        if signature is not None and len(files) != 1:
            raise ApiError(Code.USAGE, reason="signature_for_one_file")
        at = _moment(body.at)
        given, crl_paths = [_path(uri) for uri in body.trust], [_path(uri) for uri in body.crl]

        async def work(job: Job) -> dict[str, Any]:
            own = await asyncio.to_thread(anchors.by_fingerprint, home)
            trust = [t for path in given for t in await asyncio.to_thread(_certificates, path)] if given else list(own.values())
            ask = asker.ask if body.fetch else None
            crls = [await asyncio.to_thread(_revocation_data, path) for path in crl_paths]
            rate = rate_since(time.monotonic())
            job.emit("progress", stage="verify", done=0, total=len(files), rate=None)

            def told(done: int, total: int, document: dict[str, Any]) -> None:
                job.emit("document", **_on_the_wire(document))
                job.emit("progress", stage="verify", done=done, total=total, rate=rate(done))

            checking = verify(files, signature=signature, trust=trust, crls=crls, at=at, workers=checkers, on_progress=told, own=tuple(own), ask=ask)
            return {"documents": [_on_the_wire(d) for d in await job.unless_cancelled(checking)]}

        return jobs.stream(request, "verify", body, work)

    return api


def _path(uri: str) -> str:
    try:
        return to_path(uri)
    except ValueError as exc:
        raise ApiError(Code.USAGE, reason="path") from exc


def _moment(text: str | None) -> str | None:
    if text is None:
        return None
    try:
        return datetime.fromisoformat(text).isoformat()
    except ValueError as exc:
        raise ApiError(Code.USAGE, reason="time") from exc


def _read(path: str) -> bytes:
    name = os.path.basename(path)
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):  # a FIFO would be waited for, a device read for ever
            raise ApiError(Code.INPUT_UNUSABLE, reason="not_a_file", name=name)
        with open(path, "rb") as file:
            data = file.read(_SUPPLIED_MAX + 1)
    except FileNotFoundError as exc:
        raise ApiError(Code.INPUT_UNUSABLE, reason="not_found", name=name) from exc
    except OSError as exc:
        raise ApiError(Code.INPUT_UNUSABLE, reason="unreadable", name=name) from exc
    if len(data) > _SUPPLIED_MAX:
        raise ApiError(Code.INPUT_UNUSABLE, reason="too_large", name=name)
    return data


def _certificates(path: str) -> list[str]:
    """The certificates of a PEM or DER file as PEM texts."""
    data = _read(path)
    try:
        loaded = x509.load_pem_x509_certificates(data) if pem.detect(data) else [x509.load_der_x509_certificate(data)]
    except ValueError as exc:
        raise ApiError(Code.INPUT_UNUSABLE, reason="not_a_certificate", name=os.path.basename(path)) from exc
    return [c.public_bytes(Encoding.PEM).decode("ascii") for c in loaded]


def _revocation_data(path: str) -> bytes:
    """A revocation list or an OCSP response as DER."""
    data = _read(path)
    try:
        return ocsp.load_der_ocsp_response(data).public_bytes(Encoding.DER)
    except ValueError:
        pass
    try:
        loaded = x509.load_pem_x509_crl(data) if pem.detect(data) else x509.load_der_x509_crl(data)
    except ValueError as exc:
        raise ApiError(Code.INPUT_UNUSABLE, reason="not_a_revocation_list", name=os.path.basename(path)) from exc
    return loaded.public_bytes(Encoding.DER)


def _on_the_wire(document: dict[str, Any]) -> dict[str, Any]:
    """Paths are file URIs on the wire."""
    return {**document, "file": to_uri(document["file"])}
