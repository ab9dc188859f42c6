"""Objects on a token as the wire carries them: keys and certificates, read leniently by ctypes."""

from collections.abc import Mapping

from tokens.errors import KeyNotFound
from tokens.host import cryptoki as ck
from tokens.host.cryptoki import Cryptoki, SlotToken
from tokens.wire import Message, to_text

_RSA, _EC = 0, 3
_SIGNS, _VERIFIES = 0x108, 0x10A  # CKA_SIGN, CKA_VERIFY
_CURVES = {
    bytes.fromhex("06082a8648ce3d030107"): "p256",
    bytes.fromhex("06052b81040022"): "p384",
    bytes.fromhex("06052b81040023"): "p521",
}
_SIZES = {2048: "rsa2048", 3072: "rsa3072", 4096: "rsa4096"}
_KEY = (ck.CKA_ID, ck.CKA_LABEL, ck.CKA_KEY_TYPE)


def text(value: bytes | None) -> str:
    """A label for people."""
    return ck.readable(value or b"")


def key_type(module: Cryptoki, session: int, handle: int, kind: int | None) -> str:
    """`tokens.types.KeyType` of a key object; "other" for what we do not use (SM2 under vendors' numbers among them)."""
    if kind == _RSA:
        seen = module.attributes(session, handle, (ck.CKA_MODULUS,))
        bits = int.from_bytes(seen.get(ck.CKA_MODULUS, b""), "big").bit_length()
        return _SIZES.get(bits, "other")
    if kind == _EC:
        return _CURVES.get(module.attributes(session, handle, (ck.CKA_EC_PARAMS,)).get(ck.CKA_EC_PARAMS, b""), "other")
    return "other"


def keys(module: Cryptoki, session: int) -> list[Message]:
    """Keys by CKA_ID, in its order: private key objects that show themselves, and public ones that stand for a hidden private key.

    An unnamed key (empty CKA_ID) cannot be told from another; it is left out.  Where a signing and an encryption key share an ID, the
    signing one is listed.
    """
    found: dict[bytes, Message] = {}
    for private, kind in ((True, ck.CKO_PRIVATE_KEY), (False, ck.CKO_PUBLIC_KEY)):
        wanted = (*_KEY, ck.CKA_SENSITIVE, ck.CKA_EXTRACTABLE, ck.CKA_ALWAYS_AUTHENTICATE, _SIGNS) if private else (*_KEY, _VERIFIES)
        seen = [(module.attributes(session, handle, wanted), handle) for handle in module.find(session, {ck.CKA_CLASS: ck.number(kind)})]
        seen.sort(key=lambda each: (each[0].get(ck.CKA_ID, b""), _other_use(each[0]), each[0].get(ck.CKA_LABEL, b"")))
        for about, handle in seen:
            cka_id = about.get(ck.CKA_ID, b"")
            if not cka_id or cka_id in found:
                continue
            sensitive, extractable = ck.as_bool(about.get(ck.CKA_SENSITIVE)), ck.as_bool(about.get(ck.CKA_EXTRACTABLE))
            found[cka_id] = {
                "id": cka_id.hex(),
                "label": text(about.get(ck.CKA_LABEL)),
                "type": key_type(module, session, handle, ck.as_number(about.get(ck.CKA_KEY_TYPE))),
                "private": private,
                "non_extractable": bool(sensitive) and extractable is False if private else None,
                "always_authenticate": bool(ck.as_bool(about.get(ck.CKA_ALWAYS_AUTHENTICATE))) if private else None,
            }
    return [found[cka_id] for cka_id in sorted(found)]


def _other_use(seen: Mapping[int, bytes]) -> bool:
    """Whether the token says that the key is not for signatures: an encryption key under the same ID must not be taken for it."""
    return ck.as_bool(seen.get(_SIGNS)) is False or ck.as_bool(seen.get(_VERIFIES)) is False


def certificates(module: Cryptoki, session: int) -> list[Message]:
    """X.509 certificates with their bytes, in a stable order; one without CKA_VALUE (a URL only) is left out."""
    found = []
    for handle in module.find(session, {ck.CKA_CLASS: ck.number(ck.CKO_CERTIFICATE)}):
        seen = module.attributes(session, handle, (ck.CKA_ID, ck.CKA_LABEL, ck.CKA_VALUE, ck.CKA_CERTIFICATE_TYPE))
        if seen.get(ck.CKA_VALUE) and not ck.as_number(seen.get(ck.CKA_CERTIFICATE_TYPE)):
            found.append({"id": seen.get(ck.CKA_ID, b"").hex(), "label": text(seen.get(ck.CKA_LABEL)), "der": to_text(seen[ck.CKA_VALUE])})
    return sorted(found, key=lambda each: (each["id"], each["label"], each["der"]))


def state_of(slot: SlotToken) -> tuple[str, str]:
    """`TokenState` and `PinState` words from the token's flags, which are all PKCS#11 says of tries left."""
    if slot.fault:
        return "unusable", "unknown"
    flags = slot.flags
    if not flags & ck.CKF_TOKEN_INITIALIZED:
        return "not_initialised", "not_initialised"
    if flags & ck.CKF_LOCKED:
        pin = "locked"
    elif flags & ck.CKF_FINAL_TRY:
        pin = "final_try"
    elif flags & ck.CKF_COUNT_LOW:
        pin = "low"
    elif not flags & ck.CKF_USER_PIN_INITIALIZED:
        pin = "not_initialised"
    else:
        pin = "ok"
    return ("ready" if pin != "not_initialised" else "not_initialised"), pin


def so_state_of(slot: SlotToken) -> str:
    """`PinState` word of the SO PIN, which unblocks the user's."""
    if slot.fault:
        return "unknown"
    if not slot.flags & ck.CKF_TOKEN_INITIALIZED:
        return "not_initialised"
    states = ((ck.CKF_SO_LOCKED, "locked"), (ck.CKF_SO_FINAL_TRY, "final_try"), (ck.CKF_SO_COUNT_LOW, "low"))
    return next((word for flag, word in states if slot.flags & flag), "ok")


def describe(slot: SlotToken) -> Message:
    """A slot's token as the wire carries it, without its objects."""
    state, pin_state = state_of(slot)
    return {
        "slot_id": slot.slot_id,
        "slot_description": slot.slot_description,
        "label": slot.label,
        "serial": slot.serial,
        "manufacturer": slot.manufacturer,
        "model": slot.model,
        "state": state,
        "pin_state": pin_state,
        "login_required": bool(slot.flags & ck.CKF_LOGIN_REQUIRED),
        "protected_path": bool(slot.flags & ck.CKF_PROTECTED_PATH),
        "pin_to_be_changed": bool(slot.flags & ck.CKF_TO_BE_CHANGED),
        "so_pin_state": so_state_of(slot),
        "write_protected": bool(slot.flags & ck.CKF_WRITE_PROTECTED),
        "firmware_version": slot.firmware_version,
        "hardware_version": slot.hardware_version,
        "fault": slot.fault,
    }


def private_key(module: Cryptoki, session: int, cka_id: bytes) -> int:
    """Handle of the private key with this CKA_ID, the one for signatures where there are several; raises `KeyNotFound`."""
    found = _of(module, session, ck.CKO_PRIVATE_KEY, cka_id)
    if not found:
        raise KeyNotFound(id=cka_id.hex())
    return found[0]


def _of(module: Cryptoki, session: int, kind: int, cka_id: bytes) -> list[int]:
    found = module.find(session, {ck.CKA_CLASS: ck.number(kind), ck.CKA_ID: cka_id})
    if len(found) > 1 and kind != ck.CKO_CERTIFICATE:
        found.sort(key=lambda handle: _other_use(module.attributes(session, handle, (_SIGNS, _VERIFIES))))
    return found


def public_parts(module: Cryptoki, session: int, cka_id: bytes) -> dict[str, bytes]:
    """What the public key can be made of: from the public object, the private one (RSA) or the certificate; raises `KeyNotFound`."""
    for kind in (ck.CKO_PUBLIC_KEY, ck.CKO_PRIVATE_KEY, ck.CKO_CERTIFICATE):
        for handle in _of(module, session, kind, cka_id):
            if kind == ck.CKO_CERTIFICATE:
                seen = module.attributes(session, handle, (ck.CKA_VALUE,))
                if seen.get(ck.CKA_VALUE):
                    return {"certificate": seen[ck.CKA_VALUE]}
                continue
            if parts := public_parts_of(module, session, handle):
                return parts
    raise KeyNotFound(id=cka_id.hex(), part="public")


def public_parts_of(module: Cryptoki, session: int, handle: int) -> dict[str, bytes]:
    """What one key object shows of the public key; empty where it shows none."""
    seen = module.attributes(session, handle, (ck.CKA_MODULUS, ck.CKA_PUBLIC_EXPONENT, ck.CKA_EC_PARAMS, ck.CKA_EC_POINT))
    if seen.get(ck.CKA_MODULUS) and seen.get(ck.CKA_PUBLIC_EXPONENT):
        return {"modulus": seen[ck.CKA_MODULUS], "exponent": seen[ck.CKA_PUBLIC_EXPONENT]}
    if seen.get(ck.CKA_EC_PARAMS) and seen.get(ck.CKA_EC_POINT):
        return {"curve": seen[ck.CKA_EC_PARAMS], "point": seen[ck.CKA_EC_POINT]}
    return {}


_PROTECTION = {
    "local": ck.CKA_LOCAL,
    "sensitive": ck.CKA_SENSITIVE,
    "always_sensitive": ck.CKA_ALWAYS_SENSITIVE,
    "extractable": ck.CKA_EXTRACTABLE,
    "never_extractable": ck.CKA_NEVER_EXTRACTABLE,
}


def protection(module: Cryptoki, session: int, handle: int) -> dict[str, bool | None]:
    """How a private key is kept, as the token states it; None where it does not say."""
    seen = module.attributes(session, handle, _PROTECTION.values())
    return {name: ck.as_bool(seen.get(kind)) for name, kind in _PROTECTION.items()}


def always_authenticate(module: Cryptoki, session: int, handle: int) -> bool:
    """Whether the key wants the PIN at every signature (PIV 9C)."""
    return bool(ck.as_bool(module.attributes(session, handle, (ck.CKA_ALWAYS_AUTHENTICATE,)).get(ck.CKA_ALWAYS_AUTHENTICATE)))


def any_always_authenticate(module: Cryptoki, session: int) -> bool:
    """Whether any private key on the token does."""
    handles = module.find(session, {ck.CKA_CLASS: ck.number(ck.CKO_PRIVATE_KEY)})
    return any(always_authenticate(module, session, handle) for handle in handles)
