"""Attempts to get a private key out of its token, each of which a token worth its name refuses.

Whatever succeeds is undone at once: a copy is destroyed, a flag set back.  The key's bytes, should a token give them, are
counted and dropped in this process; only the outcome's name leaves it.
"""

import ctypes
import os
from collections.abc import Callable, Container, Mapping
from ctypes import byref, c_ubyte, c_ulong
from typing import Any

from tokens.errors import TokenRemoved
from tokens.host import cryptoki as ck
from tokens.host.cryptoki import Cryptoki
from tokens.host.returns import error_for, name_of

_TRUE, _FALSE = b"\x01", b"\x00"
_CKO_SECRET_KEY, _CKK_AES, _CKK_DES3, _CKK_RSA, _CKA_TOKEN, _CKA_VALUE_LEN, _CKA_WRAP, _CKA_PRIVATE_EXPONENT = (
    4,
    0x1F,
    0x15,
    0,
    0x1,
    0x161,
    0x106,
    0x123,
)
_SECRETS = (_CKA_PRIVATE_EXPONENT, ck.CKA_VALUE, 0x124)  # RSA; EC and vendors' curves; a prime of RSA
_AES_KEY_GEN, _DES3_KEY_GEN = 0x1080, 0x131
_AES = ((0x210A, b""), (0x2109, b""), (0x210B, b""), (0x1085, bytes(16)), (0x1082, bytes(16)))
"""CKM_AES_KEY_WRAP_PAD, CKM_AES_KEY_WRAP, CKM_AES_KEY_WRAP_KWP, CKM_AES_CBC_PAD and CKM_AES_CBC with their vectors."""
_DES3 = ((0x136, bytes(8)), (0x133, bytes(8)), (0x132, b""))
"""CKM_DES3_CBC_PAD and CKM_DES3_CBC with their vectors, CKM_DES3_ECB."""
_OAEP = ctypes.create_string_buffer(b"".join(map(ck.number, (0x220, 1, 1, 0, 0))))
"""CK_RSA_PKCS_OAEP_PARAMS: CKM_SHA_1, CKG_MGF1_SHA1, CKZ_DATA_SPECIFIED, no data."""
_RSA = ((0x1, b""), (0x9, _OAEP.raw[:-1]), (0x1054, ck.number(256) + ck.number(ctypes.addressof(_OAEP))))
"""CKM_RSA_PKCS, CKM_RSA_PKCS_OAEP (both for what is short, an EC key), CKM_RSA_AES_KEY_WRAP."""
_MODULUS_BYTES = 512
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
            _set_back(module, session, handle, kind, before.get(kind), weaker[kind])


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
    try:
        after = module.attributes(session, handle, (kind,)).get(kind)
    finally:
        _set_back(module, session, handle, kind, before, weaker)
    # Some modules say yes and leave it as it was: what counts is what the key then is.
    return "succeeded" if after is None or ck.as_bool(after) == ck.as_bool(weaker) else "CKR_ATTRIBUTE_READ_ONLY"


def _set_back(module: Cryptoki, session: int, handle: int, kind: int, before: bytes | None, weaker: bytes) -> None:
    """Have the attribute as it was; what a token did not tell is taken to have protected."""
    was = ck.as_bool(before)
    if was != ck.as_bool(weaker):
        _set(module, session, handle, kind, _TRUE if (was if was is not None else weaker == _FALSE) else _FALSE)


def _set(module: Cryptoki, session: int, handle: int, kind: int, value: bytes) -> int:
    return module.returns("C_SetAttributeValue", c_ulong(session), c_ulong(handle), ck.template({kind: value}), c_ulong(1))


def _wrap(module: Cryptoki, slot_id: int, session: int, handle: int) -> str:
    """Encrypted under a key of ours, which would give it away as well, by whatever mechanism the token may wrap with."""
    offered = module.mechanisms(slot_id)
    outcomes: list[str] = []
    for family, wrapper_of in ((_AES, _aes_key), (_DES3, _des3_key), (_RSA, _rsa_key)):
        ways = [(number, parameter) for number, parameter in family if number in offered]
        wrapper = wrapper_of(module, session, offered) if ways else None
        if wrapper is None:
            continue
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
    return (telling or outcomes or ["not_offered"])[0]


def _aes_key(module: Cryptoki, session: int, offered: Container[int]) -> c_ulong | None:
    return _secret_key(module, session, _CKK_AES, 32, _AES_KEY_GEN if _AES_KEY_GEN in offered else None)


def _des3_key(module: Cryptoki, session: int, offered: Container[int]) -> c_ulong | None:
    return _secret_key(module, session, _CKK_DES3, 24, _DES3_KEY_GEN if _DES3_KEY_GEN in offered else None)


def _secret_key(module: Cryptoki, session: int, kind: int, size: int, generation: int | None) -> c_ulong | None:
    """A key of the session alone, made on the token or brought along; None where the token takes none."""
    made = c_ulong()
    common = {ck.CKA_CLASS: ck.number(_CKO_SECRET_KEY), ck.CKA_KEY_TYPE: ck.number(kind), _CKA_TOKEN: _FALSE, _CKA_WRAP: _TRUE}
    if generation is not None:
        wanted, how = {**common, **({_CKA_VALUE_LEN: ck.number(size)} if kind == _CKK_AES else {})}, ck.mechanism(generation)
        if not module.returns("C_GenerateKey", c_ulong(session), byref(how), ck.template(wanted), c_ulong(len(wanted)), byref(made)):
            return made
    return _created(module, session, {**common, ck.CKA_VALUE: bytes(_odd_parity(each) for each in os.urandom(size))})


def _odd_parity(byte: int) -> int:
    """The byte with the parity that DES demands (FIPS 46-3); harmless elsewhere."""
    return byte ^ (byte.bit_count() + 1) % 2


def _rsa_key(module: Cryptoki, session: int, _offered: Container[int]) -> c_ulong | None:
    """A public key of the session alone whose private half nobody has: its modulus is a random number."""
    modulus = bytearray(os.urandom(_MODULUS_BYTES))
    modulus[0] |= 0x80
    modulus[-1] |= 1
    common = {ck.CKA_CLASS: ck.number(ck.CKO_PUBLIC_KEY), ck.CKA_KEY_TYPE: ck.number(_CKK_RSA), _CKA_TOKEN: _FALSE, _CKA_WRAP: _TRUE}
    return _created(module, session, {**common, ck.CKA_MODULUS: bytes(modulus), ck.CKA_PUBLIC_EXPONENT: b"\x01\x00\x01"})


def _created(module: Cryptoki, session: int, wanted: Mapping[int, bytes]) -> c_ulong | None:
    made = c_ulong()
    refused = module.returns("C_CreateObject", c_ulong(session), ck.template(wanted), c_ulong(len(wanted)), byref(made))
    return None if refused else made
