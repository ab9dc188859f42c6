"""Attempts to get a private key out of its token, each of which a token worth its name refuses.

Whatever succeeds is undone at once: a copy is destroyed, a flag set back.  The key's bytes, should a token give them, are
counted and dropped in this process; only the outcome's name leaves it.
"""

import os
from collections.abc import Callable
from ctypes import byref, c_ubyte, c_ulong
from typing import Any

from tokens.errors import TokenRemoved
from tokens.host import cryptoki as ck
from tokens.host.cryptoki import Cryptoki
from tokens.host.returns import error_for, name_of

_TRUE, _FALSE = b"\x01", b"\x00"
_CKO_SECRET_KEY, _CKK_AES, _CKA_TOKEN, _CKA_VALUE_LEN, _CKA_WRAP, _CKA_PRIVATE_EXPONENT = 4, 0x1F, 0x1, 0x161, 0x106, 0x123
_SECRETS = (_CKA_PRIVATE_EXPONENT, ck.CKA_VALUE, 0x124)  # RSA; EC and vendors' curves; a prime of RSA
_AES_KEY_GEN = 0x1080
_WRAPS = ((0x210A, b""), (0x2109, b""), (0x1085, bytes(16)))  # CKM_AES_KEY_WRAP_PAD, CKM_AES_KEY_WRAP, CKM_AES_CBC_PAD with its vector
_NOT_OFFERED = frozenset({"CKR_FUNCTION_NOT_SUPPORTED"})
_UNAVAILABLE = c_ulong(-1).value
_WRAPPED_MAX = 16384
_MANY = 1 << 20


def attempts(module: Cryptoki, slot_id: int, session: int, handle: int) -> dict[str, str]:
    """read, wrap, copy, make_extractable, make_readable: the CKR_ name it was refused with, "not_offered", or "succeeded".

    "without_effect": the flags were changed, and still nothing came out (a TPM keeps them beside the key and does not go by them).
    """
    ways: dict[str, Callable[[], str]] = {
        "read": lambda: _read(module, session, handle),
        "wrap": lambda: _wrap(module, slot_id, session, handle),
        "copy": lambda: _copy(module, session, handle),
        "make_extractable": lambda: _reflag(module, session, handle, ck.CKA_EXTRACTABLE, _TRUE),
        "make_readable": lambda: _reflag(module, session, handle, ck.CKA_SENSITIVE, _FALSE),
    }
    outcomes = {name: way() for name, way in ways.items()}
    changed = [name for name in ("make_extractable", "make_readable") if outcomes[name] == "succeeded"]
    if changed and not _weakened(module, slot_id, session, handle):
        outcomes.update(dict.fromkeys(changed, "without_effect"))
    return outcomes


def _weakened(module: Cryptoki, slot_id: int, session: int, handle: int) -> bool:
    """Whether the key comes out, read or wrapped or copied, with all its flags changed that can be; they are set back to what they were."""
    weaker = {ck.CKA_EXTRACTABLE: _TRUE, ck.CKA_SENSITIVE: _FALSE}
    before = module.attributes(session, handle, weaker)
    changed = [kind for kind, value in weaker.items() if not _set(module, session, handle, kind, value)]
    try:
        return "succeeded" in (_read(module, session, handle), _wrap(module, slot_id, session, handle), _copy(module, session, handle))
    finally:
        for kind in changed:
            if before.get(kind, weaker[kind]) != weaker[kind]:
                _set(module, session, handle, kind, before[kind])


def _outcome(value: int) -> str:
    """A word for the report; raises where the token has gone, since an answer of nobody refuses nothing."""
    name = name_of(value)
    if isinstance(error := error_for(name, "export"), TokenRemoved):
        raise error
    return "succeeded" if not value else "not_offered" if name in _NOT_OFFERED else name


def _read(module: Cryptoki, session: int, handle: int) -> str:
    """The private exponent, the value, a prime: any that comes out is too much.  CKR_ATTRIBUTE_TYPE_INVALID is what the other kinds of key say."""
    refusals = []
    for kind in _SECRETS:
        asked: Any = ck.template({kind: b""})
        asked[0].value = None
        value = module.returns("C_GetAttributeValue", c_ulong(session), c_ulong(handle), asked, c_ulong(1))
        if value or asked[0].length in (0, _UNAVAILABLE) or asked[0].length > _MANY:
            refusals.append(_outcome(value or 0x11))
            continue
        seen = ck.template({kind: bytes(asked[0].length)})
        value = module.returns("C_GetAttributeValue", c_ulong(session), c_ulong(handle), seen, c_ulong(1))
        if not value and seen[0].length not in (0, _UNAVAILABLE):
            return "succeeded"
        refusals.append(_outcome(value or 0x11))
    return next((word for word in refusals if word != "CKR_ATTRIBUTE_TYPE_INVALID"), refusals[0])


def _copy(module: Cryptoki, session: int, handle: int) -> str:
    """A copy with the protection taken off, for the session only."""
    made = c_ulong()
    wanted = {_CKA_TOKEN: _FALSE, ck.CKA_EXTRACTABLE: _TRUE, ck.CKA_SENSITIVE: _FALSE}
    value = module.returns("C_CopyObject", c_ulong(session), c_ulong(handle), ck.template(wanted), c_ulong(len(wanted)), byref(made))
    if not value:
        module.returns("C_DestroyObject", c_ulong(session), made)
    return _outcome(value)


def _reflag(module: Cryptoki, session: int, handle: int, kind: int, weaker: bytes) -> str:
    """Set a protecting attribute to what protects no more; back at once where that goes through."""
    before = module.attributes(session, handle, (kind,)).get(kind)
    value = _set(module, session, handle, kind, weaker)
    if value:
        return _outcome(value)
    after = module.attributes(session, handle, (kind,)).get(kind)
    if before is not None and before != weaker:
        _set(module, session, handle, kind, before)
    # Some modules say yes and leave it as it was: what counts is what the key then is.
    return "succeeded" if after is None or ck.as_bool(after) == ck.as_bool(weaker) else "CKR_ATTRIBUTE_READ_ONLY"


def _set(module: Cryptoki, session: int, handle: int, kind: int, value: bytes) -> int:
    return module.returns("C_SetAttributeValue", c_ulong(session), c_ulong(handle), ck.template({kind: value}), c_ulong(1))


def _wrap(module: Cryptoki, slot_id: int, session: int, handle: int) -> str:
    """Encrypted under an AES key of ours, which would give the key away as well."""
    offered = module.mechanisms(slot_id)
    ways = [(number, parameter) for number, parameter in _WRAPS if number in offered]
    if not ways or (wrapper := _wrapper(module, session, _AES_KEY_GEN in offered)) is None:
        return "not_offered"
    outcomes = []
    try:
        for number, parameter in ways:
            wrapped, length = (c_ubyte * _WRAPPED_MAX)(), c_ulong(_WRAPPED_MAX)
            how = ck.mechanism(number, parameter)
            value = module.returns("C_WrapKey", c_ulong(session), byref(how), wrapper, c_ulong(handle), wrapped, byref(length))
            outcomes.append(_outcome(value))
    finally:
        module.returns("C_DestroyObject", c_ulong(session), wrapper)
    if "succeeded" in outcomes:
        return "succeeded"
    telling = [word for word in outcomes if word not in ("not_offered", "CKR_MECHANISM_INVALID")]
    return telling[0] if telling else outcomes[0]


def _wrapper(module: Cryptoki, session: int, generates: bool) -> c_ulong | None:
    """An AES key of the session alone, made on the token or brought along; None where the token takes none."""
    made = c_ulong()
    common = {ck.CKA_CLASS: ck.number(_CKO_SECRET_KEY), ck.CKA_KEY_TYPE: ck.number(_CKK_AES), _CKA_TOKEN: _FALSE, _CKA_WRAP: _TRUE}
    if generates:
        wanted, how = {**common, _CKA_VALUE_LEN: ck.number(32)}, ck.mechanism(_AES_KEY_GEN)
        if not module.returns("C_GenerateKey", c_ulong(session), byref(how), ck.template(wanted), c_ulong(len(wanted)), byref(made)):
            return made
    wanted = {**common, ck.CKA_VALUE: os.urandom(32)}
    refused = module.returns("C_CreateObject", c_ulong(session), ck.template(wanted), c_ulong(len(wanted)), byref(made))
    return None if refused else made
