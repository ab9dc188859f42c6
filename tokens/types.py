"""The nouns of this floor, frozen: what a module, a token, a key and a certificate are to everybody above."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal, TypeAlias

from tokens import identity as identities

ModuleOrigin: TypeAlias = Literal["p11-kit", "known", "added", "emulated"]


class TokenState(StrEnum):
    """Whether a token can be worked with."""

    READY = "ready"
    NOT_INITIALISED = "not_initialised"
    REMOVED = "removed"
    UNUSABLE = "unusable"


class PinState(StrEnum):
    """What the token's flags say of its user PIN; never a number, since PKCS#11 gives none."""

    OK = "ok"
    LOW = "low"
    FINAL_TRY = "final_try"
    LOCKED = "locked"
    NOT_INITIALISED = "not_initialised"
    UNKNOWN = "unknown"


class KeyType(StrEnum):
    """Key types we generate and name; a key of any other kind is listed as `OTHER` and not used."""

    RSA2048 = "rsa2048"
    RSA3072 = "rsa3072"
    RSA4096 = "rsa4096"
    P256 = "p256"
    P384 = "p384"
    P521 = "p521"
    OTHER = "other"


class SignatureScheme(StrEnum):
    """A signature algorithm with its digest (RFC 8017, FIPS 186-5), whatever mechanism the token reaches it by."""

    RSA_PKCS1_SHA256 = "rsa_pkcs1_sha256"
    RSA_PKCS1_SHA384 = "rsa_pkcs1_sha384"
    RSA_PKCS1_SHA512 = "rsa_pkcs1_sha512"
    RSA_PSS_SHA256 = "rsa_pss_sha256"
    RSA_PSS_SHA384 = "rsa_pss_sha384"
    RSA_PSS_SHA512 = "rsa_pss_sha512"
    ECDSA_SHA256 = "ecdsa_sha256"
    ECDSA_SHA384 = "ecdsa_sha384"
    ECDSA_SHA512 = "ecdsa_sha512"


_OWN_DIGEST = {"p256": SignatureScheme.ECDSA_SHA256, "p384": SignatureScheme.ECDSA_SHA384, "p521": SignatureScheme.ECDSA_SHA512}


@dataclass(frozen=True, slots=True)
class ModuleRef:
    """A PKCS#11 module as it is configured: enough to start a host for it."""

    name: str
    path: str
    origin: ModuleOrigin
    init_args: str | None = None
    """Reserved string of C_Initialize (NSS softokn); None for all others."""
    env: tuple[tuple[str, str], ...] = ()
    """Variables its hosts get beyond the allow-list (for example SOFTHSM2_CONF)."""
    sha256: str | None = None
    """Digest recorded when the user added it; None for modules the system brought."""


@dataclass(frozen=True, slots=True)
class ModuleStatus:
    """What a module said of itself (C_GetInfo), or why it cannot be used."""

    ref: ModuleRef
    usable: bool
    problem: str | None = None
    """`reason` of `ModuleUnusable`, or the code of another error, when not usable."""
    manufacturer: str = ""
    description: str = ""
    library_version: str = ""
    cryptoki_version: str = ""
    profile: str = ""
    """Name of the row of `tokens.profiles` that it goes by."""
    network: str = ""
    """Whether its hosts may open internet sockets: allowed (profile or user), denied, not_denied (this machine has no means to deny it)."""


@dataclass(frozen=True, slots=True)
class Key:
    """A key pair on a token, known by its CKA_ID."""

    cka_id: bytes
    label: str
    type: KeyType
    private: bool
    """A private key object was seen (before login many tokens hide it: then the public key or certificate stands for it)."""
    non_extractable: bool | None = None
    """SENSITIVE and not EXTRACTABLE as read back; None while the private key is hidden."""
    always_authenticate: bool | None = None
    """CKA_ALWAYS_AUTHENTICATE: the key wants the PIN at every signature (PIV 9C); None while the private key is hidden."""


@dataclass(frozen=True, slots=True)
class Certificate:
    """An X.509 certificate object on a token; `der` are its very bytes."""

    cka_id: bytes
    label: str
    der: bytes


@dataclass(frozen=True, slots=True)
class Token:
    """A token in a slot as last seen.  Slot numbers and descriptions change on re-plug: `same` tells whether two sightings are of one token."""

    module: str
    slot_id: int
    slot_description: str
    label: str
    serial: str
    manufacturer: str
    model: str
    state: TokenState
    pin_state: PinState
    login_required: bool = True
    protected_path: bool = False
    """The PIN is typed on the reader's own pad (CKF_PROTECTED_AUTHENTICATION_PATH)."""
    emulated: bool = False
    """Made by us on SoftHSM2: for practice and tests, never for a real seal."""
    practice: bool = False
    """Marked as a practice token by whoever made it: its signatures say so."""
    keys: tuple[Key, ...] = ()
    certificates: tuple[Certificate, ...] = ()
    pin_to_be_changed: bool = False
    """The PIN was given by whoever issued the token and must be changed before use (CKF_USER_PIN_TO_BE_CHANGED)."""
    so_pin_state: PinState = PinState.UNKNOWN
    """What the flags say of the SO PIN, which unblocks the user's."""
    write_protected: bool = False
    """Nothing can be stored on it (CKF_WRITE_PROTECTED)."""
    firmware_version: str = ""
    hardware_version: str = ""
    schemes: tuple[SignatureScheme, ...] = ()
    """What its mechanisms can sign with, by key of any type; told before login, most widely accepted first."""

    def schemes_for(self, key_type: str) -> tuple[SignatureScheme, ...]:
        """What a key of this type ("rsa3072", "p384") can sign with on this token: PKCS#1 v1.5 before PSS, a curve's own digest first."""
        family, own = ("rsa", None) if key_type.startswith("rsa") else ("ecdsa", _OWN_DIGEST.get(key_type))
        able = [scheme for scheme in self.schemes if scheme.startswith(family) and (family == "rsa" or own is not None)]
        return tuple(sorted(able, key=lambda scheme: scheme is not own))

    @property
    def identity(self) -> identities.Identity:
        """What the token is known by in whatever reader it is."""
        marks = identities.fingerprints(certificate.der for certificate in self.certificates)
        return identities.Identity(self.module, identities.meaningful(self.serial), self.label, marks)

    def same(self, other: "Token") -> bool:
        """Whether both are one token, perhaps seen at different times in different readers (`tokens.identity.Identity.same`)."""
        return self.identity.same(other.identity)


@dataclass(frozen=True, slots=True)
class KeyFacts:
    """What a private key is and can, read after login."""

    type: str
    """In the words of `KeyType`; other RSA sizes and curves as "rsa" and "ec", "other" for what we do not sign with."""
    schemes: tuple[SignatureScheme, ...]
    """What it can sign with, most widely accepted first."""
    always_authenticate: bool
    """It wants the PIN at every signature: say so before a batch begins."""


@dataclass(frozen=True, slots=True)
class Protection:
    """How a private key is kept, by the token's own words and by attempts to get it out."""

    attributes: Mapping[str, bool | None]
    """local, sensitive, always_sensitive, extractable, never_extractable; None where the token does not say."""
    attempts: Mapping[str, str]
    """read, wrap, copy, make_extractable, make_readable: the CKR_ name of the refusal, "not_offered" (no such function), or "succeeded"."""

    @property
    def leaks(self) -> tuple[str, ...]:
        """The attempts that succeeded: the key does not stay in this token."""
        return tuple(name for name, outcome in self.attempts.items() if outcome == "succeeded")


@dataclass(frozen=True, slots=True)
class PinOffer:
    """Where the one who has the PIN may write it, once: a 0600 socket of the session host, and the word that opens it."""

    path: str
    nonce: str
    secrets: tuple[str, ...]
    """Names the host wants, for example ("pin",) or ("so_pin", "new_pin")."""


@dataclass(frozen=True, slots=True)
class PinRules:
    """What a new PIN must be like on tokens that we initialise; judged in the session host, which alone sees it."""

    shortest: int = 6
    """Characters at least."""
    simple: bool = False
    """Whether repetitions and runs are let through (111111, 123456, 654321, abcdef)."""
    letters_and_digits: bool = False
    """Whether both kinds are demanded."""
