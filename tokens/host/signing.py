"""Signing with a token key by whatever mechanism the token offers for a scheme.

No mechanism set is common to all tokens: SoftHSM2 has no CKM_ECDSA_SHA256, opencryptoki no CKM_SHA256_RSA_PKCS; the raw
CKM_RSA_PKCS over a DigestInfo and raw CKM_ECDSA over the digest work wherever signing works.  So the combined mechanism where
there is one, else the raw one over our own digest.
"""

import hashlib
from collections.abc import Container
from dataclasses import dataclass

from tokens.errors import MechanismUnsupported
from tokens.host import cryptoki as ck
from tokens.host import objects
from tokens.host.cryptoki import Cryptoki

_RSA_PKCS, _RSA_PKCS_PSS, _ECDSA = 0x1, 0xD, 0x1041

# scheme: combined mechanism, raw mechanism, digest
_SCHEMES = {
    "rsa_pkcs1_sha256": (0x40, _RSA_PKCS, "sha256"),
    "rsa_pkcs1_sha384": (0x41, _RSA_PKCS, "sha384"),
    "rsa_pkcs1_sha512": (0x42, _RSA_PKCS, "sha512"),
    "rsa_pss_sha256": (0x43, _RSA_PKCS_PSS, "sha256"),
    "rsa_pss_sha384": (0x44, _RSA_PKCS_PSS, "sha384"),
    "rsa_pss_sha512": (0x45, _RSA_PKCS_PSS, "sha512"),
    "ecdsa_sha256": (0x1044, _ECDSA, "sha256"),
    "ecdsa_sha384": (0x1045, _ECDSA, "sha384"),
    "ecdsa_sha512": (0x1046, _ECDSA, "sha512"),
}
_CURVES = ("p256", "p384", "p521")
# DigestInfo up to the digest itself (RFC 8017, 9.2 note 1).
_DIGEST_INFO = {
    "sha256": bytes.fromhex("3031300d060960864801650304020105000420"),
    "sha384": bytes.fromhex("3041300d060960864801650304020205000430"),
    "sha512": bytes.fromhex("3051300d060960864801650304020305000440"),
}
# CK_RSA_PKCS_PSS_PARAMS: CKM_ of the digest, CKG_MGF1_ of the same digest, salt as long as the digest.
_PSS = {"sha256": (0x250, 2, 32), "sha384": (0x260, 3, 48), "sha512": (0x270, 4, 64)}


def schemes(mechanisms: Container[int]) -> list[str]:
    """What these mechanisms can sign with, by keys of any type, most widely accepted first."""
    return [word for word, (both, raw, _) in _SCHEMES.items() if both in mechanisms or raw in mechanisms]


def schemes_for(key_type: str, mechanisms: Container[int]) -> tuple[str, ...]:
    """Those of `schemes` that go with a key of this type."""
    family = "rsa" if key_type.startswith("rsa") else "ecdsa" if key_type in _CURVES else "none"
    return tuple(word for word in schemes(mechanisms) if word.startswith(family))


@dataclass(frozen=True, slots=True)
class Signer:
    """A private key of a session, and what its token can do; worth nothing once the module's generation has changed."""

    module: Cryptoki
    session: int
    handle: int
    key_type: str
    asks_each_time: bool
    mechanisms: frozenset[int]
    schemes: tuple[str, ...]
    """What this key can sign with, most widely accepted first: PKCS#1 v1.5 before PSS, the curve's own digest first."""
    generation: int

    @classmethod
    def find(cls, module: Cryptoki, slot_id: int, session: int, cka_id: bytes) -> "Signer":
        """The key with this CKA_ID; raises `KeyNotFound`."""
        handle = objects.private_key(module, session, cka_id)
        kind = ck.as_number(module.attributes(session, handle, (ck.CKA_KEY_TYPE,)).get(ck.CKA_KEY_TYPE))
        name = objects.key_type(module, session, handle, kind)
        if name == "other":
            name = {0: "rsa", 3: "ec"}.get(kind if kind is not None else -1, "other")
        mechanisms = module.mechanisms(slot_id)
        able = schemes_for(name, mechanisms)
        asks = objects.always_authenticate(module, session, handle)
        return cls(module, session, handle, name, asks, mechanisms, able, module.generation)

    def sign(self, scheme: str, tbs: bytes, context: tuple[bytearray | None] | None = None) -> bytes:
        """The token's signature over `tbs`; ECDSA as r || s.  `context` has the PIN (None: typed on the pad) for a key that asks each time."""
        if scheme not in self.schemes:
            raise MechanismUnsupported(scheme=scheme, key_type=self.key_type)
        how, data = self._prepare(scheme, tbs)
        return self.module.sign(self.session, self.handle, how, data, context)

    def _prepare(self, scheme: str, tbs: bytes) -> tuple[ck.Mechanism, bytes]:
        both, raw, digest = _SCHEMES[scheme]
        parameter = b"".join(map(ck.number, _PSS[digest])) if raw == _RSA_PKCS_PSS else b""
        if both in self.mechanisms:
            return ck.mechanism(both, parameter), tbs
        value = hashlib.new(digest, tbs).digest()
        return ck.mechanism(raw, parameter), _DIGEST_INFO[digest] + value if raw == _RSA_PKCS else value
