"""Which algorithms and which certificates may carry a signature: data first, then the functions that apply it.

Sources: ETSI TS 119 312 (SHA-1, SHA-224, RSA below 2048 bits, curves below 256 bits), FIPS 186-5 (e >= 65537), RFC 6151 (MD5).
"""

from collections.abc import Iterable, Mapping
from typing import Any

from asn1crypto import algos, cms, x509

from agent.verification.model import Finding, found

SOUND_DIGESTS = frozenset({"sha256", "sha384", "sha512"})
WEAK_DIGESTS: Mapping[str, str] = {"sha1": "SHA-1", "sha224": "SHA-224", "sha512_224": "SHA-512/224"}
BROKEN_DIGESTS: Mapping[str, str] = {"md2": "MD2", "md4": "MD4", "md5": "MD5", "ripemd128": "RIPEMD-128"}
RSA_BITS_SOUND, RSA_BITS_BROKEN = 2048, 1024
RSA_EXPONENT_SOUND = 65537
SOUND_CURVES: Mapping[str, int] = {
    "secp256r1": 256, "secp384r1": 384, "secp521r1": 521, "brainpoolp256r1": 256, "brainpoolp384r1": 384, "brainpoolp512r1": 512,
    "1.3.36.3.3.2.8.1.1.7": 256, "1.3.36.3.3.2.8.1.1.11": 384, "1.3.36.3.3.2.8.1.1.13": 512, "secp256k1": 256,
}  # fmt: skip
WEAK_CURVES: Mapping[str, str] = {"secp192r1": "P-192", "secp224r1": "P-224", "1.3.132.0.33": "P-224", "1.2.840.10045.3.1.1": "P-192"}
SIGNATURE_FAMILIES = frozenset({"rsassa_pkcs1v15", "rsassa_pss", "ecdsa", "ed25519", "ed448"})

SIGNING_PURPOSES = frozenset(
    {
        "any_extended_key_usage", "email_protection", "client_auth", "microsoft_document_signing", "adobe_authentic_documents_trust",
        "1.3.6.1.5.5.7.3.36",  # id-kp-documentSigning, RFC 9336
        "1.3.6.1.4.1.311.10.3.12", "1.2.840.113583.1.1.5", "microsoft_smart_card_logon",
    }
)  # fmt: skip
OTHER_PURPOSES = frozenset({"server_auth", "code_signing", "time_stamping", "ocsp_signing", "ipsec_end_system", "ipsec_tunnel", "ipsec_user"})


def check_digest(name: str, where: str) -> list[Finding]:
    """Findings about a digest algorithm by its asn1crypto name."""
    if name in SOUND_DIGESTS:
        return []
    if name in BROKEN_DIGESTS:
        return [found("algorithm_broken", name=BROKEN_DIGESTS[name], where=where)]
    if name in WEAK_DIGESTS:
        return [found("algorithm_weak", name=WEAK_DIGESTS[name], where=where)]
    return [found("algorithm_unknown", name=name, where=where)]


def check_key(public_key: Any, where: str) -> list[Finding]:
    """Findings about a public key (asn1crypto `PublicKeyInfo`): its size, exponent or curve."""
    kind = public_key.algorithm
    if kind in ("rsa", "rsassa_pss"):
        return _check_rsa(public_key, where)
    if kind == "ec":
        form, curve = public_key.curve
        if form == "named" and curve in SOUND_CURVES:
            return []
        if form == "named" and curve in WEAK_CURVES:
            return [found("algorithm_weak", name=WEAK_CURVES[curve], where=where)]
        return [found("algorithm_unknown", name=curve if form == "named" else "EC", where=where)]
    if kind in ("ed25519", "ed448"):
        return []
    return [found("algorithm_unknown", name=kind, where=where)]


def _check_rsa(public_key: Any, where: str) -> list[Finding]:
    bits = public_key.bit_size
    exponent = public_key["public_key"].parsed["public_exponent"].native
    out: list[Finding] = []
    if bits < RSA_BITS_SOUND:
        out.append(found("algorithm_broken" if bits < RSA_BITS_BROKEN else "algorithm_weak", name=f"RSA-{bits}", where=where))
    if exponent < RSA_EXPONENT_SOUND:
        out.append(found("algorithm_weak", name=f"RSA e={exponent}", where=where))
    return out


def _family_and_digest(algorithm: Any) -> tuple[str, str | None]:
    """What a SignedDigestAlgorithm is and which digest it implies (None where it says none)."""
    family = algorithm.signature_algo
    try:
        return family, algorithm.hash_algo
    except ValueError:
        return family, None


def check_signature_algorithm(algorithm: algos.SignedDigestAlgorithm, digest: str, where: str) -> list[Finding]:
    """Findings about a signature algorithm beside the digest it is used with."""
    try:
        family, implied = _family_and_digest(algorithm)
    except ValueError:
        return [found("algorithm_unknown", name=algorithm["algorithm"].native, where=where)]
    if family not in SIGNATURE_FAMILIES:
        return [found("algorithm_unknown", name=family, where=where)]
    if family in ("ed25519", "ed448"):
        return []
    out: list[Finding] = []
    if implied is not None and implied != digest:
        out.append(found("cms_structure", detail=f"{digest} / {implied}"))
    if family == "rsassa_pss":
        mask = algorithm["parameters"]["mask_gen_algorithm"]["parameters"]["algorithm"].native
        if mask != implied:
            out.append(found("algorithm_unknown", name=f"RSA-PSS {implied} / MGF1 {mask}", where=where))
    return out


def check_certificate(certificate: x509.Certificate, is_anchor: bool, where: str) -> list[Finding]:
    """Findings about how a certificate of the chain was signed, and its key; an anchor's own signature is not relied on."""
    out = check_key(certificate.public_key, where)
    if not is_anchor:
        algorithm = certificate["signature_algorithm"]
        family, digest = _family_and_digest(algorithm)
        if family in ("ed25519", "ed448"):
            return out
        out += check_digest(digest or "?", where)
        if certificate["signature_value"].contents[:1] != b"\0":  # a signature is whole bytes; parsers drop what is said to be unused
            out.append(found("chain_invalid", detail="signatureValue"))
    return out


def check_signer_use(certificate: x509.Certificate) -> list[Finding]:
    """Findings about what the signer's certificate allows: key usage, extended key usage, no CA (RFC 5280 4.2.1.3, 4.2.1.12; RFC 9336)."""
    out: list[Finding] = []
    constraints = certificate.basic_constraints_value
    if constraints is not None and constraints["ca"].native:
        out.append(found("ca_signer"))
    usage = certificate.key_usage_value
    if usage is None:
        out.append(found("key_usage_missing"))
    elif not usage.native & {"digital_signature", "non_repudiation"}:
        out.append(found("key_usage_wrong", usage=", ".join(sorted(usage.native))))
    extended = certificate.extended_key_usage_value
    if extended is not None:
        out += _check_purposes(extended.native)
    return out


def _check_purposes(purposes: Iterable[str]) -> list[Finding]:
    names = set(purposes)
    if names & SIGNING_PURPOSES:
        return []
    code = "purpose_wrong" if names <= OTHER_PURPOSES else "purpose_unknown"
    return [found(code, usage=", ".join(sorted(names)))]


def check_signer_algorithms(signer_info: cms.SignerInfo, certificate: x509.Certificate) -> list[Finding]:
    """Findings about the digest, the signature algorithm and the key of one SignerInfo."""
    digest = signer_info["digest_algorithm"]["algorithm"].native
    return [
        *check_digest(digest, "CMS"),
        *check_signature_algorithm(signer_info["signature_algorithm"], digest, "CMS"),
        *check_key(certificate.public_key, certificate_name(certificate)),
    ]


def certificate_name(certificate: x509.Certificate) -> str:
    """The name to show for a certificate: CN, else O, else the whole subject."""
    return name_of(certificate.subject)


def name_of(name: x509.Name) -> str:
    """CN, else O, else the whole name."""
    native = name.native
    for part in ("common_name", "organization_name"):
        value = native.get(part)
        if value:
            return value if isinstance(value, str) else str(value[0])
    return str(name.human_friendly)
