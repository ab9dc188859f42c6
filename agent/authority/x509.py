"""What our own CA writes into certificates (RFC 5280), by profile; pure but for the signature, which the given key makes.

Every certificate carries a policy of ours with a notice that it is *internal*: no licensed authority vouches for it.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TypeAlias

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.types import CertificateIssuerPrivateKeyTypes, CertificatePublicKeyTypes
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

Digest: TypeAlias = hashes.SHA256 | hashes.SHA384 | hashes.SHA512

INTERNAL_POLICY = x509.ObjectIdentifier("2.25.298486266993014512165013326450658253650.1")
"""Certificate policy "internal": issued by an organisation for itself, without a licensed authority."""
_NOTICE = "内部证书，非第三方电子认证服务机构签发 / internal certificate, not issued by a licensed authority"
_CA_YEARS, _LEAF_YEARS = 10, 3
_BACKDATE = timedelta(minutes=5)
"""Clocks of two machines differ a little; a certificate is valid from shortly before it was made."""


class Profile(StrEnum):
    """What a certificate is for."""

    SIGNER = "signer"
    SEAL = "seal"
    TSA = "tsa"
    OCSP = "ocsp"
    CA = "ca"


class SubjectUnusable(ValueError):
    """A distinguished name that cannot be written: not RFC 4514, or an attribute too long."""


@dataclass(frozen=True, slots=True)
class Issuer:
    """A CA: its certificate and the key (on a token) that signs for it."""

    certificate: x509.Certificate
    key: CertificateIssuerPrivateKeyTypes
    digest: Digest


def subject(text: str) -> x509.Name:
    """The name meant by "CN=…,O=…,C=CN" (RFC 4514); raises `SubjectUnusable` for a name without CN or one that X.520 bounds refuse."""
    try:
        name = x509.Name.from_rfc4514_string(text)
    except ValueError as error:
        raise SubjectUnusable(str(error)) from error
    if not name.get_attributes_for_oid(NameOID.COMMON_NAME):
        raise SubjectUnusable("CN")
    return name


def self_signed(name: x509.Name, issuer_key: CertificateIssuerPrivateKeyTypes, digest: Digest, at: datetime) -> x509.Certificate:
    """A root certificate for `issuer_key`; valid for ten years."""
    public = issuer_key.public_key()
    builder = _builder(name, name, public, at, at + timedelta(days=365 * _CA_YEARS))
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True).add_extension(_usage(Profile.CA), critical=True)
    return builder.add_extension(_internal(), critical=False).sign(issuer_key, digest)


def issue(request: x509.CertificateSigningRequest, issuer: Issuer, profile: Profile, days: int | None, at: datetime) -> x509.Certificate:
    """A certificate for a request whose own signature was checked; never valid beyond its issuer.

    Only the subject and the key are taken from the request: usages and constraints are the profile's.
    """
    wanted = at + timedelta(days=days if days is not None else 365 * (_CA_YEARS if profile is Profile.CA else _LEAF_YEARS))
    until = min(wanted, issuer.certificate.not_valid_after_utc)
    builder = _builder(request.subject, issuer.certificate.subject, request.public_key(), at, until)
    is_ca = profile is Profile.CA
    builder = builder.add_extension(x509.BasicConstraints(ca=is_ca, path_length=0 if is_ca else None), critical=True)
    builder = builder.add_extension(_usage(profile), critical=True).add_extension(_internal(), critical=False)
    builder = builder.add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.certificate.public_key()), critical=False)  # type: ignore[arg-type]
    if profile is Profile.TSA:  # RFC 3161 2.3: critical, and nothing else
        builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING]), critical=True)
    elif profile is Profile.OCSP:
        builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.OCSP_SIGNING]), critical=False).add_extension(
            x509.OCSPNoCheck(), critical=False
        )
    return builder.sign(issuer.key, issuer.digest)


def _builder(name: x509.Name, issuer: x509.Name, public: CertificatePublicKeyTypes, at: datetime, until: datetime) -> x509.CertificateBuilder:
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(issuer).public_key(public).serial_number(x509.random_serial_number())
    builder = builder.not_valid_before(at - _BACKDATE).not_valid_after(until)
    return builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)


def _usage(profile: Profile) -> x509.KeyUsage:
    ca, commits = profile is Profile.CA, profile in (Profile.SIGNER, Profile.SEAL)
    return x509.KeyUsage(
        digital_signature=not ca,
        content_commitment=commits,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=ca,
        crl_sign=ca,
        encipher_only=False,
        decipher_only=False,
    )


def _internal() -> x509.CertificatePolicies:
    return x509.CertificatePolicies([x509.PolicyInformation(INTERNAL_POLICY, [x509.UserNotice(None, _NOTICE)])])
