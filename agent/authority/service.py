"""Certificates from and onto tokens: the CA's acts, requests, imports.  Keys sign on the token; only the signature leaves it."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.types import CertificateIssuerPrivateKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding, load_der_public_key

from agent.api.errors import ApiError, Code
from agent.api.home import Home
from agent.authority import anchors
from agent.authority.x509 import Digest, Issuer, Profile, issue, self_signed, subject
from agent.inventory.certificates import view, views
from agent.inventory.entries import token_told
from agent.inventory.service import Inventory
from agent.records.recorder import Records
from agent.server.jobs import Job
from tokens.keys import token_key
from tokens.public import UNREADABLE
from tokens.session import Session
from tokens.types import Certificate, Key, KeyType, SignatureScheme, Token

_SUBJECT_MAX = 8192
"""UTF-8 bytes of a subject as text (RFC 4514)."""
_SHOWN = 200


def name_of(text: str) -> x509.Name:
    """The distinguished name in `text`; raises `ApiError` (usage)."""
    try:
        name = subject(text)
        _recordable(name)
        return name
    except ValueError as error:  # SubjectUnusable among them
        raise ApiError(Code.USAGE, reason="subject", subject=text[:_SHOWN], detail=str(error)[:_SHOWN]) from error


def read_certificate(text: str) -> x509.Certificate:
    """A certificate from PEM text; raises `ApiError` (usage)."""
    try:
        certificate = x509.load_pem_x509_certificate(text.encode())
        _recordable(certificate.subject)
        return certificate
    except UNREADABLE as error:
        raise ApiError(Code.USAGE, reason="certificate") from error


def read_request(text: str) -> x509.CertificateSigningRequest:
    """A PKCS#10 request whose own signature holds (proof of possession, RFC 2986); raises `ApiError` (usage)."""
    try:
        request = x509.load_pem_x509_csr(text.encode())
        if not request.is_signature_valid:
            raise InvalidSignature
        _recordable(request.subject)
        return request
    except (InvalidSignature, *UNREADABLE) as error:
        raise ApiError(Code.USAGE, reason="csr") from error


def _recordable(name: x509.Name) -> None:
    """Raise ValueError for a name that is no text or longer than a statement takes: nothing is signed that cannot be recorded afterwards."""
    if len(name.rfc4514_string().encode()) > _SUBJECT_MAX:
        raise ValueError("too long")


async def builder_key(session: Session, cka_id: bytes) -> CertificateIssuerPrivateKeyTypes:
    """A token key as `cryptography`'s builders take it; they must run in another thread than the event loop's."""
    loop = asyncio.get_running_loop()
    public = await session.public_key(cka_id)

    def sign(scheme: SignatureScheme, tbs: bytes) -> bytes:
        return asyncio.run_coroutine_threadsafe(session.sign(cka_id, scheme, tbs), loop).result()

    return token_key(public, sign)


def digest_for(key: CertificateIssuerPrivateKeyTypes) -> Digest:
    """The digest that goes with a key: SHA-384 and SHA-512 for the larger curves, SHA-256 otherwise."""
    size = key.curve.key_size if isinstance(key, ec.EllipticCurvePrivateKey) else 0
    return hashes.SHA512() if size > 384 else hashes.SHA384() if size > 256 else hashes.SHA256()


def find_key(keys: tuple[Key, ...], selector: str, token: Token) -> Key:
    """The private key meant by label or id (hex); raises `ApiError` (key_not_found)."""
    fitting = [key for key in keys if key.private and selector in (key.label, key.cka_id.hex())]
    if len(fitting) != 1:
        there = ", ".join(f"{key.label} ({key.cka_id.hex()[:12]})" for key in keys if key.private)
        raise ApiError(Code.KEY_NOT_FOUND, token=token.label, key=selector, available=there, **({"reason": "ambiguous"} if fitting else {}))
    return fitting[0]


async def create_ca(
    job: Job, home: Home, inventory: Inventory, records: Records, selector: str | None, name: x509.Name, kind: KeyType
) -> dict[str, Any]:
    """A key on the token and its self-signed certificate, written to the token and trusted by this home."""
    await records.ready()
    token = await inventory.pick(selector)
    async with inventory.unlocked(job, token, "ca_create") as session:
        job.emit("progress", stage="generate", done=0, total=1)
        made = await session.generate(kind, common_name(name))
        key = await builder_key(session, made.key.cka_id)
        certificate = await asyncio.to_thread(self_signed, name, key, digest_for(key), datetime.now(UTC))
        await session.write_certificate(made.key.cka_id, certificate.public_bytes(Encoding.DER), made.key.label)
    anchors.add(home, certificate)
    inventory.stale()
    await _record(records, "ca.created", certificate, token)
    return {**described(certificate, token), "non_extractable": made.key.non_extractable}


async def request_certificate(
    job: Job, inventory: Inventory, records: Records, selector: str | None, key_selector: str, name: x509.Name
) -> dict[str, Any]:
    """A PKCS#10 request signed by a key on the token."""
    await records.ready()
    token = await inventory.pick(selector)
    async with inventory.unlocked(job, token, "cert_request") as session:
        chosen = find_key(await session.keys(), key_selector, token)
        key = await builder_key(session, chosen.cka_id)
        request = await asyncio.to_thread(x509.CertificateSigningRequestBuilder().subject_name(name).sign, key, digest_for(key))
    await records.record("certificate.requested", {"subject": name.rfc4514_string(), "key": chosen.cka_id.hex(), **token_told(token)})
    return {"csr": request.public_bytes(Encoding.PEM).decode(), "subject": name.rfc4514_string(), "key": chosen.cka_id.hex(), "token": token.label}


async def issue_certificate(
    job: Job, inventory: Inventory, records: Records, request: x509.CertificateSigningRequest, ca: str | None, profile: Profile, days: int | None
) -> dict[str, Any]:
    """A certificate by the CA on a token."""
    await records.ready()
    token = await inventory.pick(ca)
    cas = [view for view in views(token) if view.ca]
    if len(cas) != 1:
        code = Code.CERTIFICATE_AMBIGUOUS if cas else Code.CERTIFICATE_NOT_FOUND
        raise ApiError(
            code, reason="ca", token=token.label, certificate=None, available="; ".join(f"{v.common_name} ({v.fingerprint[:12]})" for v in cas)
        )
    async with inventory.unlocked(job, token, "cert_issue") as session:
        key = await builder_key(session, cas[0].cka_id)
        issuer = Issuer(x509.load_der_x509_certificate(cas[0].der), key, digest_for(key))
        certificate = await asyncio.to_thread(issue, request, issuer, profile, days, datetime.now(UTC))
    await _record(records, "certificate.issued", certificate, token, profile=str(profile))
    return described(certificate, token)


async def import_certificate(
    job: Job, inventory: Inventory, records: Records, selector: str | None, key_selector: str | None, certificate: x509.Certificate
) -> dict[str, Any]:
    """Write a certificate to the token, beside the key it belongs to; raises `CertificateMismatch` where it is another key's."""
    await records.ready()
    token = await inventory.pick(selector)
    async with inventory.unlocked(job, token, "cert_import") as session:
        keys = await session.keys()
        chosen = await _own_key(session, keys, certificate) if key_selector is None else find_key(keys, key_selector, token)
        if chosen is None:
            raise ApiError(Code.CERTIFICATE_MISMATCH, token=token.label, certificate=common_name(certificate.subject))
        await session.write_certificate(chosen.cka_id, certificate.public_bytes(Encoding.DER), common_name(certificate.subject))
    inventory.stale()
    await _record(records, "certificate.imported", certificate, token, key=chosen.cka_id.hex())
    return described(certificate, token)


async def _own_key(session: Session, keys: tuple[Key, ...], certificate: x509.Certificate) -> Key | None:
    for key in keys:
        if key.private and load_der_public_key(await session.public_key(key.cka_id)) == certificate.public_key():
            return key
    return None


async def all_certificates(inventory: Inventory, selector: str | None, own: Callable[[], list[str]]) -> list[dict[str, Any]]:
    """The certificates on all tokens, or on one; each with its token and PEM."""
    tokens = (await inventory.pick(selector),) if selector else await inventory.tokens()
    at = datetime.now(UTC)
    return [
        {
            **view.entry(at, own()),
            "token": token.label,
            "token_serial": token.serial,
            "pem": x509.load_der_x509_certificate(view.der).public_bytes(Encoding.PEM).decode(),
        }
        for token in tokens
        for view in views(token)
    ]


def described(certificate: x509.Certificate, token: Token) -> dict[str, Any]:
    """What is told of a certificate just made or written."""
    der = Certificate(b"", "", certificate.public_bytes(Encoding.DER))
    seen = view(der, True)
    assert seen is not None
    told = seen.entry(datetime.now(UTC), (seen.issuer,))
    return {
        **{k: v for k, v in told.items() if k not in ("id", "label", "usable", "problem", "internal")},
        "token": token.label,
        "certificate": certificate.public_bytes(Encoding.PEM).decode(),
    }


def common_name(name: x509.Name) -> str:
    """The CN, or the whole name where there is none."""
    names = name.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
    return str(names[0].value) if names else name.rfc4514_string()


async def _record(records: Records, kind: str, certificate: x509.Certificate, token: Token, **more: str) -> None:
    facts = {"fingerprint": certificate.fingerprint(hashes.SHA256()).hex(), "subject": certificate.subject.rfc4514_string(), **token_told(token)}
    await records.record(kind, {**facts, **more})
