"""The inspection of a token, judged: from what was seen of it to findings, a verdict with its reasons, and whether it may carry a seal.

Pure: everything looked at stands in `Seen`.  The rule of the verdict (docs/decisions/0015):

    failed          something is proved wrong: a key can leave the token, a signature or certificate does not fit, the PIN is locked
    indeterminate   the proof is missing: a signing key was not born in the token, the token does not say, or it could not be looked at
    passed          every signing key is shown to stay in the token, and its signature was checked

A signing key that fails any of it may carry no seal; neither may an emulated token, whose keys are files.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Literal, TypeAlias

from agent.inventory import inspection_words as words
from agent.inventory.certificates import CertificateView
from agent.inventory.inspection_words import Text
from tokens.module_file import ModuleFile
from tokens.types import Key, KeyType, ModuleStatus, PinState, Token

Verdict: TypeAlias = Literal["passed", "failed", "indeterminate"]
SOON = timedelta(days=30)
"""A certificate that ends within it is worth a word."""
_NO_REFUSAL = frozenset({"CKR_HOST_MEMORY", "CKR_DEVICE_ERROR", "CKR_DEVICE_MEMORY", "CKR_SESSION_HANDLE_INVALID", "CKR_OBJECT_HANDLE_INVALID"})
"""What a token answers that is out of order: no proof that it refuses."""


@dataclass(frozen=True, slots=True)
class SeenKey:
    """A private key after login, and what came of the attempts on it."""

    key: Key
    attributes: Mapping[str, bool | None] = field(default_factory=dict)
    """local, sensitive, always_sensitive, extractable, never_extractable; None where the token does not say."""
    attempts: Mapping[str, str] = field(default_factory=dict)
    """How each attempt to take the key out ended: a CKR_ name, "not_offered", "without_effect" (a flag changed, still nothing came out) or
    "succeeded"; empty where none could be made."""
    signature: str = "not_tried"
    """ "verified", "not_tried" (an encryption key), "wrong_signature", or the code of the error that kept it from being made."""
    scheme: str = ""
    public_key: bytes | None = None
    """DER SubjectPublicKeyInfo by the token's own word."""


@dataclass(frozen=True, slots=True)
class SeenCertificate:
    """A certificate on the token, with its DER SubjectPublicKeyInfo."""

    view: CertificateView
    public_key: bytes | None
    """None where its algorithm is none that we use (SM2)."""


@dataclass(frozen=True, slots=True)
class SecondOpinion:
    """The token by PyKCS11, in a host of its own, without a login: a PIN typed is good for one login, and this is not worth another."""

    mechanisms: frozenset[int]
    vendor_keys: tuple[str, ...] = ()
    """Labels of keys whose type is a vendor's own number (SM2), as far as they show without login."""


@dataclass(frozen=True, slots=True)
class Seen:
    """Everything the inspection looked at."""

    at: datetime
    token: Token
    module: ModuleStatus
    file: ModuleFile | None
    """The module's file; None where it could not be read."""
    software: bool
    """The keys are files on this computer, whatever the module says."""
    logged_in: bool
    keys: tuple[SeenKey, ...] = ()
    certificates: tuple[SeenCertificate, ...] = ()
    mechanisms: tuple[tuple[int, str], ...] = ()
    """Number and name; a vendor's own have an empty name."""
    second: SecondOpinion | None = None
    """What another PKCS#11 binding sees; None where it is not installed or cannot look."""
    failure: str | None = None
    """Code of the error that ended the inspection early."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    name: str
    state: Literal["ok", "warn", "fail"]
    text: Text
    hint: Text | None = None
    key: str = ""
    """Label of the key it is about, or whose certificate; "" for the token itself."""
    key_id: str = ""
    """CKA_ID of that key, hex: labels may be the same."""
    unproved: bool = False
    """Because of it the inspection cannot be passed, though nothing is proved wrong."""
    bars_seal: bool = False

    def entry(self) -> dict[str, Any]:
        """The finding on the wire."""
        return {
            "name": self.name,
            "state": self.state,
            "key": self.key or None,
            "key_id": self.key_id or None,
            "message": words.pair(self.text),
            "hint": words.pair(self.hint) if self.hint else None,
            "bars_seal": self.bars_seal,
        }


@dataclass(frozen=True, slots=True)
class Inspection:
    """What the findings come to."""

    verdict: Verdict
    findings: tuple[Finding, ...]

    @property
    def reasons(self) -> tuple[Finding, ...]:
        """The findings that the verdict rests on; none where it is passed."""
        if self.verdict == "failed":
            return tuple(each for each in self.findings if each.state == "fail")
        return tuple(each for each in self.findings if each.unproved)

    @property
    def obstacles(self) -> tuple[Finding, ...]:
        """Why the token may carry no seal; empty where it may."""
        return tuple(each for each in self.findings if each.bars_seal or each.state == "fail" or each.unproved)

    def key_may_carry_seal(self, key_id: str) -> bool:
        """Whether this key may, for itself and the token it is on, whatever other keys there are."""
        return not any(each.key_id in ("", key_id) for each in self.obstacles)


def judge(seen: Seen) -> Inspection:
    """The findings in the order in which people read them, and the verdict."""
    found = (*_token(seen), *_module(seen), *_keys(seen), *_certificates(seen))
    failed = any(each.state == "fail" for each in found)
    return Inspection("failed" if failed else "indeterminate" if any(each.unproved for each in found) else "passed", found)


def for_encryption(certificates: tuple[SeenCertificate, ...], cka_id: bytes) -> bool:
    """Whether a key is known, by its certificates' key usage, to be for encryption only (the second key of dual-certificate UKeys)."""
    of_key = [each.view for each in certificates if each.view.cka_id == cka_id]
    return bool(of_key) and not any(view.may_sign or view.ca for view in of_key)


def _token(seen: Seen) -> Iterator[Finding]:
    token = seen.token
    yield Finding("presence", "ok", words.present(token))
    yield Finding("pin", *words.PIN[token.pin_state], unproved=token.pin_state is PinState.FINAL_TRY and not seen.logged_in)
    if token.pin_to_be_changed:
        yield Finding("pin_to_be_changed", "warn", words.TO_BE_CHANGED, words.CHANGE_IT, unproved=not seen.logged_in)
    if token.so_pin_state in words.SO_PIN:
        yield Finding("so_pin", *words.SO_PIN[token.so_pin_state])
    if seen.software:
        yield Finding("software", "warn", words.SOFTWARE, words.SOFTWARE_HINT, bars_seal=True)
    if not seen.logged_in and token.pin_state is not PinState.LOCKED:
        yield Finding("login", "warn", words.not_logged_in(seen.failure), words.AGAIN, unproved=True)


def _module(seen: Seen) -> Iterator[Finding]:
    if seen.file is None:
        yield Finding("module", "warn", words.MODULE_UNREAD, words.MODULE_HINT, unproved=True)
    elif seen.file.writable_by_others:
        yield Finding("module", "warn", words.module_open(seen.file.path), words.MODULE_HINT, bars_seal=True)
    else:
        yield Finding("module", "ok", words.module(seen.module, seen.file))
    if seen.mechanisms:
        vendors = sum(not name for _, name in seen.mechanisms)
        if seen.token.schemes:
            yield Finding("mechanisms", "ok", words.mechanisms(seen.token.schemes, len(seen.mechanisms), vendors))
        else:
            yield Finding("mechanisms", "fail", words.NO_SCHEME, words.ANOTHER_TOKEN)
    if seen.second is not None:
        yield _second_opinion(seen.second, frozenset(number for number, _ in seen.mechanisms))


def _second_opinion(second: SecondOpinion, ours: frozenset[int]) -> Finding:
    """Whether another binding sees the same token."""
    if ours and second.mechanisms != ours:
        return Finding("second_opinion", "warn", words.second_differs(len(second.mechanisms), len(ours)), words.ANOTHER_TOKEN)
    return Finding("second_opinion", "ok", words.second(len(second.mechanisms), second.vendor_keys))


def _keys(seen: Seen) -> Iterator[Finding]:
    if not seen.logged_in:
        return
    if not any(not for_encryption(seen.certificates, each.key.cka_id) for each in seen.keys):
        yield Finding("keys", "warn", words.NO_KEYS, words.MAKE_KEY, unproved=True)
    for each in seen.keys:
        aside = for_encryption(seen.certificates, each.key.cka_id)
        for finding in (_kept(each, aside), _born(each, aside), _export(each, aside), *_signs(each, aside)):
            yield replace(finding, key_id=each.key.cka_id.hex())


def _kept(seen: SeenKey, aside: bool) -> Finding:
    """Whether the token says that the key cannot be read: SENSITIVE, and not EXTRACTABLE."""
    sensitive, extractable = seen.attributes.get("sensitive"), seen.attributes.get("extractable")
    label = words.name_of(seen.key)
    if sensitive is False or extractable is True:
        return Finding("key_protection", "warn" if aside else "fail", words.unprotected(label, sensitive, extractable), words.NEW_KEY, label)
    if sensitive is None or extractable is None:
        return Finding("key_protection", "warn", words.untold(label, "SENSITIVE, EXTRACTABLE"), words.NEW_KEY, label, unproved=not aside)
    return Finding("key_protection", "ok", words.protected(label), key=label)


def _born(seen: SeenKey, aside: bool) -> Finding:
    """Whether the key was never outside: LOCAL, NEVER_EXTRACTABLE, ALWAYS_SENSITIVE."""
    label = words.name_of(seen.key)
    lacking = [name.upper() for name in ("local", "never_extractable", "always_sensitive") if seen.attributes.get(name) is not True]
    if not lacking:
        return Finding("key_origin", "ok", words.born_here(label), key=label)
    if aside:
        return Finding("key_origin", "ok", words.escrowed(label), key=label)
    return Finding("key_origin", "warn", words.not_born_here(label, ", ".join(lacking)), words.NEW_KEY, label, unproved=True)


def _export(seen: SeenKey, aside: bool) -> Finding:
    """Whether every attempt to take the key out was refused."""
    label = words.name_of(seen.key)
    leaks = [name for name, outcome in seen.attempts.items() if outcome == "succeeded"]
    if leaks:
        return Finding("key_export", "warn" if aside else "fail", words.leaked(label, leaks), words.STOP_USING, label)
    odd = [f"{name}: {outcome}" for name, outcome in seen.attempts.items() if outcome in _NO_REFUSAL]
    if not seen.attempts or odd:
        return Finding("key_export", "warn", words.untried(label, odd), words.AGAIN, label, unproved=not aside)
    if "without_effect" in seen.attempts.values():
        return Finding("key_export", "warn", words.without_effect(label), words.UNREFUSED, label, unproved=not aside)
    return Finding("key_export", "ok", words.refused(label, len(seen.attempts)), key=label)


def _signs(seen: SeenKey, aside: bool) -> Iterator[Finding]:
    """Whether the key signs, by our own check and by a second opinion."""
    label = words.name_of(seen.key)
    if aside:
        yield Finding("key_signature", "ok", words.not_for_signing(label), key=label)
    elif seen.signature == "verified":
        yield Finding("key_signature", "ok", words.signed(label, seen.scheme, bool(seen.key.always_authenticate)), key=label)
    elif seen.key.type is KeyType.OTHER and seen.signature == "mechanism_unsupported":
        yield Finding("key_signature", "warn", words.other_algorithm(label), words.OTHER_ALGORITHM, label)
    elif seen.signature == "wrong_signature":
        yield Finding("key_signature", "fail", words.signed_wrong(label), words.STOP_USING, label)
    else:
        yield Finding("key_signature", "warn", words.not_signed(label, seen.signature), words.AGAIN, label, unproved=True)


def _certificates(seen: Seen) -> Iterator[Finding]:
    public = {each.key.cka_id: each.public_key for each in seen.keys}
    usable = [each for each in seen.certificates if each.view.may_sign and not each.view.ca and each.view.cka_id in public]
    in_term = any(each.view.not_before <= seen.at <= each.view.not_after for each in usable)
    if seen.logged_in and public and not usable:
        yield Finding("certificate", "warn", words.NO_CERTIFICATE, words.GET_CERTIFICATE)
    for each in seen.certificates:
        if each.view.cka_id in public:
            yield replace(_certificate(seen.at, each, public[each.view.cka_id], in_term), key_id=each.view.cka_id.hex())
        elif seen.logged_in and not each.view.ca:
            yield Finding("certificate_key", "warn", words.no_key(words.holder(each.view)), key=words.holder(each.view))


def _certificate(at: datetime, seen: SeenCertificate, key: bytes | None, in_term: bool) -> Finding:
    """Whether it belongs to its key, and its term; `in_term` says that some signing certificate of the token is valid now."""
    view, label = seen.view, words.holder(seen.view)
    if key is not None and seen.public_key is not None and key != seen.public_key:
        return Finding("certificate_key", "fail", words.mismatch(label), words.GET_CERTIFICATE, label)
    if at > view.not_after or at < view.not_before:
        # An old certificate beside a valid one is no trouble; without a valid one the token signs nothing.
        state: Literal["warn", "fail"] = "warn" if in_term or view.ca or not view.may_sign else "fail"
        return Finding("certificate_validity", state, words.out_of_term(view, at), words.RENEW, label)
    if view.not_after - at < SOON:
        return Finding("certificate_validity", "warn", words.ends_soon(view, at), words.RENEW, label)
    return Finding("certificate_validity", "ok", words.certificate(view), key=label)
