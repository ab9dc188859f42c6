"""Reading a revocation list fast: lists of large issuers have a hundred thousand entries, and an ASN.1 library in Python needs seconds for them.

Only the plain case is decided here (the issuer's own list, whole, for this kind of certificate); for all else pyHanko is asked.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

from asn1crypto import x509
from cryptography.hazmat.primitives import serialization
from cryptography.x509 import (
    CertificateRevocationList,
    CRLReason,
    DistributionPoint,
    ExtensionNotFound,
    IssuingDistributionPoint,
    ReasonFlags,
    load_der_x509_certificate,
    load_der_x509_crl,
)
from cryptography.x509.oid import CRLEntryExtensionOID, ExtensionOID

from tokens.public import UNREADABLE

_UNDERSTOOD = frozenset({ExtensionOID.CRL_NUMBER, ExtensionOID.AUTHORITY_KEY_IDENTIFIER, ExtensionOID.ISSUING_DISTRIBUTION_POINT})


@dataclass(frozen=True, slots=True)
class Reading:
    """What an authentic list of the certificate's own issuer says."""

    since: datetime | None = None
    """When the certificate was revoked or suspended; None: it is not on this list."""
    reason: str | None = None
    complete: bool = False
    """Who is not on it was not revoked."""


@lru_cache(maxsize=4)
def _load(der: bytes) -> CertificateRevocationList:
    return load_der_x509_crl(der)


def read(der: bytes, certificate: x509.Certificate, issuer: x509.Certificate) -> Reading | None:
    """The reading, or None where the list is not signed by `issuer`, or cannot be read here."""
    usage = issuer.key_usage_value
    if usage is not None and "crl_sign" not in usage.native:
        return None
    try:
        revocations = _load(der)
        key: Any = serialization.load_der_public_key(issuer.public_key.dump())
        above, below = load_der_x509_certificate(issuer.dump()), load_der_x509_certificate(certificate.dump())
        if revocations.issuer != above.subject or not revocations.is_signature_valid(key):
            return None
        complete = _is_complete(revocations, below)
        entry = revocations.get_revoked_certificate_by_serial_number(certificate.serial_number)
        if entry is None:
            return Reading(complete=complete)
        if _is_indirect(revocations):  # an entry is of the issuer that one of those before it names
            return Reading()
        if any(e.oid == CRLEntryExtensionOID.CERTIFICATE_ISSUER for e in entry.extensions):
            return Reading()
        reason = next((e.value.reason for e in entry.extensions if isinstance(e.value, CRLReason)), None)
    except UNREADABLE:
        return None
    if reason is ReasonFlags.remove_from_crl:
        return Reading()
    return Reading(entry.revocation_date_utc, reason.name if reason is not None else None)


def _is_indirect(revocations: CertificateRevocationList) -> bool:
    return any(isinstance(e.value, IssuingDistributionPoint) and e.value.indirect_crl for e in revocations.extensions)


def _is_complete(revocations: CertificateRevocationList, certificate: Any) -> bool:
    """Whether the list speaks for the certificate wholly, by RFC 5280 clause 6.3.3 b, without another list beside it."""
    point: IssuingDistributionPoint | None = None
    for extension in revocations.extensions:
        if extension.oid in (ExtensionOID.FRESHEST_CRL, ExtensionOID.DELTA_CRL_INDICATOR):
            return False
        if extension.critical and extension.oid not in _UNDERSTOOD:
            return False
        if isinstance(extension.value, IssuingDistributionPoint):
            point = extension.value
    if point is None:
        return all(p.crl_issuer is None and p.reasons is None for p in _points(certificate))
    authority = _is_authority(certificate)
    if point.indirect_crl or point.only_some_reasons or point.only_contains_attribute_certs or point.relative_name is not None:
        return False
    if (point.only_contains_user_certs and authority) or (point.only_contains_ca_certs and not authority):
        return False
    if point.full_name is None:
        return True
    return any(p.crl_issuer is None and p.reasons is None and set(p.full_name or ()) & set(point.full_name) for p in _points(certificate))


def _points(certificate: Any) -> Iterable[DistributionPoint]:
    try:
        return list(certificate.extensions.get_extension_for_oid(ExtensionOID.CRL_DISTRIBUTION_POINTS).value)
    except ExtensionNotFound:
        return ()


def _is_authority(certificate: Any) -> bool:
    try:
        return bool(certificate.extensions.get_extension_for_oid(ExtensionOID.BASIC_CONSTRAINTS).value.ca)
    except ExtensionNotFound:
        return False
