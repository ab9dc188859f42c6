"""Which algorithms and which certificates may carry a signature: the functions that apply the rows of `policy_data`."""

from collections.abc import Iterable, Mapping
from typing import Any

from asn1crypto import algos, cms, x509

from agent.verification.model import Finding, found
from agent.verification.policy_data import CURVES, DIGESTS, FAMILIES, KEYS, OTHER_PURPOSES, RSA_EXPONENTS, RSA_SIZES, SIGNING_PURPOSES, Rule

_CODES: Mapping[str, str] = {"weak": "algorithm_weak", "broken": "algorithm_broken", "unsupported": "algorithm_unknown"}


def _apply(rule: Rule | None, where: str, otherwise: str) -> list[Finding]:
    """What a rule finds; without one the algorithm is unknown and shown as `otherwise`."""
    if rule is None:
        return [found("algorithm_unknown", name=otherwise, where=where)]
    if rule.state == "sound":
        return []
    facts = {"why": rule.why} if rule.why else {}
    return [found(_CODES[rule.state], name=rule.name, where=where, **facts)]


def check_digest(name: str, where: str) -> list[Finding]:
    """Findings about a digest algorithm by its asn1crypto name."""
    return _apply(DIGESTS.get(name), where, name)


def check_key(public_key: Any, where: str) -> list[Finding]:
    """Findings about a public key (asn1crypto `PublicKeyInfo`): its size, exponent or curve."""
    kind = public_key.algorithm
    if kind in ("rsa", "rsassa_pss"):
        return _check_rsa(public_key, where)
    if kind == "ec":
        form, curve = public_key.curve
        if form != "named":  # parameters of one's own: with them a key can be made to fit any signature (CVE-2020-0601)
            return [found("algorithm_unknown", name="EC", where=where)]
        return _apply(CURVES.get(curve), where, curve)
    return _apply(KEYS.get(kind), where, FAMILIES[kind].name if kind in FAMILIES else kind)


def _check_rsa(public_key: Any, where: str) -> list[Finding]:
    key = public_key["public_key"].parsed
    bits, exponent = key["modulus"].native.bit_length(), key["public_exponent"].native
    out = _by_size(RSA_SIZES, bits, where, f"RSA-{bits}")
    even = exponent > 1 and exponent % 2 == 0
    return out + _by_size(RSA_EXPONENTS, 1 if even else exponent, where, f"RSA e={exponent if exponent < 2**64 else '…'}")


def _by_size(rows: Iterable[tuple[int, Rule]], size: int, where: str, name: str) -> list[Finding]:
    rule = next((rule for limit, rule in rows if size < limit), None)
    return _apply(rule and Rule(name, rule.state, rule.why, rule.source), where, name)


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
        family, implied = algorithm["algorithm"].native, None
    out = _apply(FAMILIES.get(family), where, family)
    if family in ("ed25519", "ed448") or any(f.code == "algorithm_unknown" for f in out):
        return out
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
        try:
            family, digest = _family_and_digest(algorithm)
        except ValueError:
            return [*out, found("algorithm_unknown", name=algorithm["algorithm"].native, where=where)]
        out += _apply(FAMILIES.get(family), where, family)
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
