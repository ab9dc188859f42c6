"""The algorithm policy as data: every digest, signature scheme, key and curve with its verdict, the reason in words, and the source of the rule.

Sources: ETSI TS 119 312 V1.5.1 (recommended digests, schemes and key sizes), FIPS 186-5 (RSA exponents, DSA withdrawn), NIST SP 800-131A Rev. 2,
RFC 6151 (MD5), RFC 6150 (MD4), RFC 6149 (MD2).  What stands in no row is unknown, and never passes.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from agent.verification.model import Say


@dataclass(frozen=True, slots=True)
class Rule:
    """What is thought of one algorithm or size."""

    name: str
    """As it is shown, the same in both languages."""
    state: str
    """sound, weak (leaves doubt), broken (fails) or unsupported (this program cannot compute it; leaves doubt)."""
    why: str = ""
    """A key of `WHY`; empty for what is sound."""
    source: str = ""


WHY: Mapping[str, Say] = {
    "collisions": Say("可以造出指纹相同而内容不同的文件", "different contents with the same digest can be made"),
    "short_digest": Say("指纹太短", "its digest is too short"),
    "short_key": Say("密钥太短", "the key is too short"),
    "factored": Say("这样的密钥已被破解过", "keys of that size have been factored"),
    "small_exponent": Say("公钥指数小于 65537", "the public exponent is below 65537"),
    "no_exponent": Say("公钥指数不合规，任何人都能伪造", "with such a public exponent anybody can sign"),
    "small_curve": Say("曲线小于 256 位", "the curve has less than 256 bits"),
    "withdrawn": Say("该算法已被标准废止", "the algorithm was withdrawn by its standard"),
}
"""Why a rule is as it is; a finding names the key, the reader gets the words."""

_SOUND = "ETSI TS 119 312"

DIGESTS: Mapping[str, Rule] = {
    "sha256": Rule("SHA-256", "sound", source=_SOUND),
    "sha384": Rule("SHA-384", "sound", source=_SOUND),
    "sha512": Rule("SHA-512", "sound", source=_SOUND),
    "sha1": Rule("SHA-1", "weak", "collisions", "ETSI TS 119 312 clause 5; NIST SP 800-131A"),
    "sha224": Rule("SHA-224", "weak", "short_digest", "ETSI TS 119 312 clause 5"),
    "sha512_224": Rule("SHA-512/224", "weak", "short_digest", "ETSI TS 119 312 clause 5"),
    "1.3.36.3.2.1": Rule("RIPEMD-160", "weak", "short_digest", "ETSI TS 119 312 clause 5"),
    "md2": Rule("MD2", "broken", "collisions", "RFC 6149"),
    "1.2.840.113549.2.4": Rule("MD4", "broken", "collisions", "RFC 6150"),
    "md5": Rule("MD5", "broken", "collisions", "RFC 6151"),
    "1.3.36.3.2.2": Rule("RIPEMD-128", "broken", "collisions", "ETSI TS 119 312 clause 5"),
    "sha512_256": Rule("SHA-512/256", "unsupported"),
    "sha3_224": Rule("SHA3-224", "unsupported"),
    "sha3_256": Rule("SHA3-256", "unsupported"),
    "sha3_384": Rule("SHA3-384", "unsupported"),
    "sha3_512": Rule("SHA3-512", "unsupported"),
    "shake128": Rule("SHAKE128", "unsupported"),
    "shake256": Rule("SHAKE256", "unsupported"),
    "shake256_len": Rule("SHAKE256", "unsupported"),
    "1.2.156.10197.1.401": Rule("SM3", "unsupported"),
    "1.2.156.10197.1.401.1": Rule("SM3", "unsupported"),
    "1.2.643.7.1.1.2.2": Rule("Streebog-256", "unsupported"),
    "1.2.643.7.1.1.2.3": Rule("Streebog-512", "unsupported"),
}
"""By asn1crypto's name, or by OID where it has none."""

FAMILIES: Mapping[str, Rule] = {
    "rsassa_pkcs1v15": Rule("RSA", "sound", source=_SOUND),
    "rsassa_pss": Rule("RSA-PSS", "sound", source=_SOUND),
    "ecdsa": Rule("ECDSA", "sound", source=_SOUND),
    "ed25519": Rule("Ed25519", "sound", source="RFC 8419"),
    "ed448": Rule("Ed448", "sound", source="RFC 8419"),
    "dsa": Rule("DSA", "weak", "withdrawn", "FIPS 186-5 section 4"),
    "1.2.156.10197.1.501": Rule("SM2-SM3", "unsupported"),
    "1.2.156.10197.1.301": Rule("SM2", "unsupported"),
    "1.2.156.10197.1.301.1": Rule("SM2", "unsupported"),
    "1.2.840.113549.1.1.15": Rule("RSA SHA-512/224", "unsupported"),
    "1.2.840.113549.1.1.16": Rule("RSA SHA-512/256", "unsupported"),
    "2.16.840.1.101.3.4.3.13": Rule("RSA SHA3-224", "unsupported"),
    "2.16.840.1.101.3.4.3.14": Rule("RSA SHA3-256", "unsupported"),
    "2.16.840.1.101.3.4.3.15": Rule("RSA SHA3-384", "unsupported"),
    "2.16.840.1.101.3.4.3.16": Rule("RSA SHA3-512", "unsupported"),
    "1.2.643.7.1.1.3.2": Rule("GOST R 34.10-2012", "unsupported"),
    "1.2.643.7.1.1.3.3": Rule("GOST R 34.10-2012", "unsupported"),
    "mldsa44": Rule("ML-DSA-44", "unsupported"),
    "mldsa65": Rule("ML-DSA-65", "unsupported"),
    "mldsa87": Rule("ML-DSA-87", "unsupported"),
}
"""Signature schemes, by asn1crypto's name of the family, or by OID."""

KEYS: Mapping[str, Rule] = {
    "ed25519": FAMILIES["ed25519"],
    "ed448": FAMILIES["ed448"],
    "dsa": FAMILIES["dsa"],
}
"""Kinds of keys without sizes to look at."""

RSA_SIZES: tuple[tuple[int, Rule], ...] = (
    (1024, Rule("RSA-{bits}", "broken", "factored", "ETSI TS 119 312 clause 6; RSA-829 was factored in 2020")),
    (2048, Rule("RSA-{bits}", "weak", "short_key", "ETSI TS 119 312 clause 6")),
    (16385, Rule("RSA-{bits}", "sound", source=_SOUND)),
)
"""The first row whose limit (bits) is above the size; a larger key is unsupported, for it costs seconds to try."""

RSA_EXPONENTS: tuple[tuple[int, Rule], ...] = (
    (2, Rule("RSA e={exponent}", "broken", "no_exponent", "FIPS 186-5 appendix A.1")),
    (65537, Rule("RSA e={exponent}", "weak", "small_exponent", "FIPS 186-5 appendix A.1; ETSI TS 119 312 clause 6")),
    (2**64, Rule("RSA e={exponent}", "sound", source="FIPS 186-5 appendix A.1")),
)

_EC = "ETSI TS 119 312 clause 6"
_SOUND_CURVES = {
    "secp256r1": "P-256", "secp384r1": "P-384", "secp521r1": "P-521", "secp256k1": "secp256k1",
    "1.3.36.3.3.2.8.1.1.7": "brainpoolP256r1", "1.3.36.3.3.2.8.1.1.11": "brainpoolP384r1", "1.3.36.3.3.2.8.1.1.13": "brainpoolP512r1",
    "brainpoolp256r1": "brainpoolP256r1", "brainpoolp384r1": "brainpoolP384r1", "brainpoolp512r1": "brainpoolP512r1",
}  # fmt: skip
_SMALL_CURVES = {
    "secp192r1": "P-192", "1.2.840.10045.3.1.1": "P-192", "secp224r1": "P-224", "1.3.132.0.33": "P-224",
    "prime192v2": "prime192v2", "prime192v3": "prime192v3", "prime239v1": "prime239v1", "prime239v2": "prime239v2", "prime239v3": "prime239v3",
    "secp112r1": "secp112r1", "secp112r2": "secp112r2", "secp128r1": "secp128r1", "secp128r2": "secp128r2", "secp160r1": "secp160r1",
    "secp160k1": "secp160k1", "secp160r2": "secp160r2", "secp192k1": "secp192k1", "secp224k1": "secp224k1",
    "sect113r1": "sect113r1", "sect113r2": "sect113r2", "sect131r1": "sect131r1", "sect131r2": "sect131r2", "sect163k1": "K-163",
    "sect163r1": "sect163r1", "sect163r2": "B-163", "sect193r1": "sect193r1", "sect193r2": "sect193r2", "sect233k1": "K-233", "sect233r1": "B-233",
    "sect239k1": "sect239k1",
    "brainpoolp160r1": "brainpoolP160r1", "brainpoolp160t1": "brainpoolP160t1", "brainpoolp192r1": "brainpoolP192r1",
    "brainpoolp192t1": "brainpoolP192t1", "brainpoolp224r1": "brainpoolP224r1", "brainpoolp224t1": "brainpoolP224t1",
}  # fmt: skip
_OTHER_CURVES = {
    "1.2.156.10197.1.301": "SM2", "sect283k1": "K-283", "sect283r1": "B-283", "sect409k1": "K-409", "sect409r1": "B-409", "sect571k1": "K-571",
    "sect571r1": "B-571", "brainpoolp256t1": "brainpoolP256t1", "brainpoolp320r1": "brainpoolP320r1", "brainpoolp384t1": "brainpoolP384t1",
    "brainpoolp512t1": "brainpoolP512t1",
}  # fmt: skip
CURVES: Mapping[str, Rule] = {
    **{key: Rule(name, "sound", source=_EC) for key, name in _SOUND_CURVES.items()},
    **{key: Rule(name, "weak", "small_curve", _EC) for key, name in _SMALL_CURVES.items()},
    **{key: Rule(name, "unsupported") for key, name in _OTHER_CURVES.items()},
}
"""By asn1crypto's name, or by OID where it has none."""

SIGNING_PURPOSES = frozenset(
    {
        "any_extended_key_usage", "email_protection", "client_auth", "microsoft_document_signing", "adobe_authentic_documents_trust",
        "1.3.6.1.5.5.7.3.36",  # id-kp-documentSigning, RFC 9336
        "1.3.6.1.4.1.311.10.3.12", "1.2.840.113583.1.1.5", "microsoft_smart_card_logon",
    }
)  # fmt: skip
"""Extended key usages of which one is enough to sign documents."""
OTHER_PURPOSES = frozenset({"server_auth", "code_signing", "time_stamping", "ocsp_signing", "ipsec_end_system", "ipsec_tunnel", "ipsec_user"})
"""Extended key usages that are plainly for something else."""
