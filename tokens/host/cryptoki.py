"""The part of PKCS#11 that python-pkcs11 lacks or does in a way we cannot use, by ctypes on the module's own function list.

Loading and C_Initialize (with CKF_OS_LOCKING_OK, and the parameter string NSS wants), slots and tokens read leniently (one
broken slot must not hide the others), C_Login from a buffer that can be wiped, C_InitToken.  It imports in 10 ms, which lets
the monitor host do without python-pkcs11 (70 ms).  One thread calls a module, ever.
"""

import ctypes
from collections.abc import Iterable, Iterator, Mapping
from ctypes import POINTER, byref, c_char, c_ubyte, c_ulong, c_void_p, cast, sizeof
from dataclasses import dataclass
from typing import Any

from tokens.errors import ModuleUnusable, TokenFault
from tokens.host.returns import error_for, name_of
from tokens.profiles import profile_of
from tokens.types import ModuleRef

# Flags, classes and attributes (PKCS#11 v2.40): only those that are used.
CKF_WRITE_PROTECTED, CKF_LOGIN_REQUIRED, CKF_USER_PIN_INITIALIZED, CKF_PROTECTED_PATH, CKF_TOKEN_INITIALIZED = 0x2, 0x4, 0x8, 0x100, 0x400
CKF_COUNT_LOW, CKF_FINAL_TRY, CKF_LOCKED, CKF_TO_BE_CHANGED = 0x10000, 0x20000, 0x40000, 0x80000
CKF_SO_COUNT_LOW, CKF_SO_FINAL_TRY, CKF_SO_LOCKED = 0x100000, 0x200000, 0x400000
CKF_RW_SESSION, CKF_SERIAL_SESSION = 0x2, 0x4
CKU_SO, CKU_USER, CKU_CONTEXT_SPECIFIC = 0, 1, 2
CKO_CERTIFICATE, CKO_PUBLIC_KEY, CKO_PRIVATE_KEY = 1, 2, 3
CKA_CLASS, CKA_LABEL, CKA_VALUE, CKA_CERTIFICATE_TYPE, CKA_KEY_TYPE, CKA_ID = 0x0, 0x3, 0x11, 0x80, 0x100, 0x102
CKA_SENSITIVE, CKA_MODULUS, CKA_MODULUS_BITS, CKA_PUBLIC_EXPONENT, CKA_EXTRACTABLE = 0x103, 0x120, 0x121, 0x122, 0x162
CKA_LOCAL, CKA_NEVER_EXTRACTABLE, CKA_ALWAYS_SENSITIVE = 0x163, 0x164, 0x165
CKA_EC_PARAMS, CKA_EC_POINT, CKA_ALWAYS_AUTHENTICATE = 0x180, 0x181, 0x202

_OS_LOCKING_OK = 0x2
_DONT_BLOCK = 0x1
_OK, _NO_EVENT, _CANT_LOCK, _ARGUMENTS_BAD, _ALREADY_INITIALIZED = 0x00, 0x08, 0x0A, 0x07, 0x191
_SIGNATURE_MAX = 2048
_SLOTS_MAX, _MECHANISMS_MAX, _OBJECTS_MAX, _VALUE_MAX = 1024, 8192, 20_000, 1 << 20
"""More than any real token has; a module that claims more is answering nonsense, and is not followed into it."""
_FUNCTIONS = (
    "C_Initialize", "C_Finalize", "C_GetInfo", "C_GetFunctionList", "C_GetSlotList", "C_GetSlotInfo", "C_GetTokenInfo",
    "C_GetMechanismList", "C_GetMechanismInfo", "C_InitToken", "C_InitPIN", "C_SetPIN", "C_OpenSession", "C_CloseSession",
    "C_CloseAllSessions", "C_GetSessionInfo", "C_GetOperationState", "C_SetOperationState", "C_Login", "C_Logout", "C_CreateObject",
    "C_CopyObject", "C_DestroyObject", "C_GetObjectSize", "C_GetAttributeValue", "C_SetAttributeValue", "C_FindObjectsInit",
    "C_FindObjects", "C_FindObjectsFinal",
    "C_EncryptInit", "C_Encrypt", "C_EncryptUpdate", "C_EncryptFinal", "C_DecryptInit", "C_Decrypt", "C_DecryptUpdate",
    "C_DecryptFinal", "C_DigestInit", "C_Digest", "C_DigestUpdate", "C_DigestKey", "C_DigestFinal", "C_SignInit", "C_Sign",
    "C_SignUpdate", "C_SignFinal", "C_SignRecoverInit", "C_SignRecover", "C_VerifyInit", "C_Verify", "C_VerifyUpdate", "C_VerifyFinal",
    "C_VerifyRecoverInit", "C_VerifyRecover", "C_DigestEncryptUpdate", "C_DecryptDigestUpdate", "C_SignEncryptUpdate",
    "C_DecryptVerifyUpdate", "C_GenerateKey", "C_GenerateKeyPair", "C_WrapKey", "C_UnwrapKey", "C_DeriveKey", "C_SeedRandom",
    "C_GenerateRandom", "C_GetFunctionStatus", "C_CancelFunction", "C_WaitForSlotEvent",
)  # fmt: skip


class _Version(ctypes.Structure):
    _fields_ = (("major", c_ubyte), ("minor", c_ubyte))

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}"


class _Info(ctypes.Structure):
    _fields_ = (("cryptoki", _Version), ("manufacturer", c_char * 32), ("flags", c_ulong), ("description", c_char * 32), ("library", _Version))


class _SlotInfo(ctypes.Structure):
    _fields_ = (("description", c_char * 64), ("manufacturer", c_char * 32), ("flags", c_ulong), ("hardware", _Version), ("firmware", _Version))


class _TokenInfo(ctypes.Structure):
    _fields_ = (
        *(("label", c_char * 32), ("manufacturer", c_char * 32), ("model", c_char * 16), ("serial", c_char * 16), ("flags", c_ulong)),
        *(("max_sessions", c_ulong), ("sessions", c_ulong), ("max_rw", c_ulong), ("rw", c_ulong)),
        *(
            ("pin_longest", c_ulong),
            ("pin_shortest", c_ulong),
            ("public_total", c_ulong),
            ("public_free", c_ulong),
            ("private_total", c_ulong),
            ("private_free", c_ulong),
        ),
        *(("hardware", _Version), ("firmware", _Version), ("time", c_char * 16)),
    )


class _InitArgs(ctypes.Structure):
    _fields_ = (("create", c_void_p), ("destroy", c_void_p), ("lock", c_void_p), ("unlock", c_void_p), ("flags", c_ulong), ("reserved", c_void_p))


class _Attribute(ctypes.Structure):
    _fields_ = (("type", c_ulong), ("value", c_void_p), ("length", c_ulong))


class Mechanism(ctypes.Structure):
    """CK_MECHANISM; make it with `mechanism`."""

    _fields_ = (("type", c_ulong), ("parameter", c_void_p), ("length", c_ulong))


def mechanism(number: int, parameter: bytes = b"") -> Mechanism:
    """A mechanism with its parameter's bytes, which it keeps alive."""
    if not parameter:
        return Mechanism(number, None, 0)
    buffer = ctypes.create_string_buffer(parameter, len(parameter))
    made = Mechanism(number, cast(buffer, c_void_p), len(parameter))
    made.keep = buffer
    return made


class _FunctionList(ctypes.Structure):
    _fields_ = (("version", _Version), ("functions", c_void_p * len(_FUNCTIONS)))


@dataclass(frozen=True, slots=True)
class Info:
    """C_GetInfo."""

    manufacturer: str
    description: str
    library_version: str
    cryptoki_version: str


@dataclass(frozen=True, slots=True)
class SlotToken:
    """A slot and the token in it (C_GetSlotInfo, C_GetTokenInfo); `fault` has the CKR_ name when the token would not be read."""

    slot_id: int
    slot_description: str
    label: str = ""
    manufacturer: str = ""
    model: str = ""
    serial: str = ""
    flags: int = 0
    pin_shortest: int = 0
    pin_longest: int = 0
    hardware_version: str = ""
    firmware_version: str = ""
    fault: str | None = None


def _text(structure: ctypes.Structure, field: str) -> str:
    """A padded field as text: NULs and spaces stripped, decoded with replacement (labels may be cut inside a character)."""
    place = getattr(type(structure), field)
    return readable(ctypes.string_at(ctypes.addressof(structure) + place.offset, place.size))


def readable(raw: bytes) -> str:
    """A module's text for people: padding stripped, decoded with replacement, nothing in it that commands a terminal."""
    text = raw.strip(b"\0 ").decode("utf-8", errors="replace")
    return text if text.isprintable() else "".join(char if char.isprintable() else "\ufffd" for char in text)


def _nonsense(during: str) -> TokenFault:
    return TokenFault(reason="nonsense", during=during)


def number(value: int) -> bytes:
    """A CK_ULONG for a template."""
    return bytes(c_ulong(value))


def as_number(value: bytes | None) -> int | None:
    """A CK_ULONG attribute's value; None where it is absent or of another size."""
    return c_ulong.from_buffer_copy(value).value if value is not None and len(value) == sizeof(c_ulong) else None


def as_bool(value: bytes | None) -> bool | None:
    """A CK_BBOOL attribute's value; None where it is absent."""
    return value != b"\0" if value else None


def template(attributes: Mapping[int, bytes]) -> Any:
    """A CK_ATTRIBUTE array with its values, which it keeps alive."""
    made: Any = (_Attribute * max(len(attributes), 1))()
    made.keep = []
    for place, (kind, value) in zip(made, attributes.items(), strict=False):
        made.keep.append(buffer := ctypes.create_string_buffer(value, len(value)))
        place.type, place.value, place.length = kind, cast(buffer, c_void_p), len(value)
    return made


def _secret(pin: bytearray | None) -> tuple[Any, c_ulong]:
    """A PIN's own memory and its length, without a copy; NULL leaves it to the reader's pad (v2.40 5.6.6)."""
    return ((c_ubyte * len(pin)).from_buffer(pin), c_ulong(len(pin))) if pin else (None, c_ulong(0))


class Cryptoki:
    """A loaded, initialised module."""

    def __init__(self, path: str, functions: Mapping[str, Any], init_args: str | None, library: ctypes.CDLL) -> None:
        self.path = path
        self._functions = functions
        self._init_args = init_args
        self._locking = profile_of(ModuleRef("", path, "added")).locking
        self._library = library  # keeps it loaded
        self.generation = 0
        """Counts C_Initialize; a handle of another generation means nothing."""

    @classmethod
    def load(cls, path: str, init_args: str | None = None) -> "Cryptoki":
        """dlopen and C_Initialize; raises `ModuleUnusable` (not_a_module, configuration, failed)."""
        try:
            library = ctypes.CDLL(path)
        except OSError as exc:
            raise ModuleUnusable(reason="not_a_module", path=path, detail=str(exc)) from None
        if not hasattr(library, "C_GetFunctionList"):
            raise ModuleUnusable(reason="not_a_module", path=path, detail="no C_GetFunctionList")
        pointer = POINTER(_FunctionList)()
        library.C_GetFunctionList.restype = c_ulong
        value = library.C_GetFunctionList(byref(pointer))
        if value or cast(pointer, c_void_p).value is None:
            raise ModuleUnusable(reason="failed", path=path, ckr=name_of(value), during="C_GetFunctionList")
        prototype = ctypes.CFUNCTYPE(c_ulong)  # no argument types: each caller passes typed values
        functions = {name: prototype(address) for name, address in zip(_FUNCTIONS, pointer.contents.functions, strict=True) if address}
        module = cls(path, functions, init_args, library)
        module.initialize()
        return module

    def call(self, name: str, *args: Any) -> None:
        """Call a C_ function; raises the error its return value means (`facts` ckr, during)."""
        value = self.returns(name, *args)
        if value:
            raise error_for(name_of(value), name)

    def returns(self, name: str, *args: Any) -> int:
        """Call a C_ function; its return value (CKR_FUNCTION_NOT_SUPPORTED where the module has none)."""
        function = self._functions.get(name)
        return int(function(*args)) if function else 0x54

    def initialize(self) -> None:
        """C_Initialize, asking for OS locking (some modules start threads of their own); without, where the module cannot or its profile says so."""
        reserved = ctypes.create_string_buffer(self._init_args.encode()) if self._init_args is not None else None
        args = _InitArgs(flags=_OS_LOCKING_OK, reserved=cast(reserved, c_void_p) if reserved else None)
        value = self.returns("C_Initialize", byref(args) if self._locking or reserved else None)
        if value in (_CANT_LOCK, _ARGUMENTS_BAD) and reserved is None:
            value = self.returns("C_Initialize", None)
        if value and value != _ALREADY_INITIALIZED:
            raise ModuleUnusable(reason=self._why(value), path=self.path, ckr=name_of(value), during="C_Initialize")
        self.generation += 1

    def _why(self, value: int) -> str:
        """SoftHSM2 says GENERAL_ERROR when its configuration or token folder cannot be read, NSS ARGUMENTS_BAD without its string."""
        ckr = name_of(value)
        unconfigured = ckr == "CKR_GENERAL_ERROR" and "softhsm" in self.path.lower()
        return "configuration" if unconfigured or (ckr == "CKR_ARGUMENTS_BAD" and self._init_args is None) else "failed"

    def reinitialize(self) -> None:
        """C_Finalize and C_Initialize: every session and handle is gone, tokens that came meanwhile are seen."""
        self.returns("C_Finalize", None)
        self.initialize()

    def info(self) -> Info:
        """C_GetInfo."""
        seen = _Info()
        self.call("C_GetInfo", byref(seen))
        return Info(_text(seen, "manufacturer"), _text(seen, "description"), str(seen.library), str(seen.cryptoki))

    def slots(self) -> list[SlotToken]:
        """Every slot with a token in it.  A slot or token that answers with an error is listed with `fault`, or left out when empty."""
        return [found for slot_id in self.slot_ids() if (found := self.slot(slot_id)) is not None]

    def slot_ids(self) -> list[int]:
        """Numbers of the slots with a token in them."""
        return self._numbers("C_GetSlotList", _SLOTS_MAX, c_ubyte(1))

    def slot_event(self) -> bool | None:
        """Whether a slot changed since the last question (C_WaitForSlotEvent, not waiting); None where the module does not tell."""
        slot = c_ulong()
        return {_OK: True, _NO_EVENT: False}.get(self.returns("C_WaitForSlotEvent", c_ulong(_DONT_BLOCK), byref(slot), None))

    def _numbers(self, name: str, most: int, *args: Any) -> list[int]:
        """A list by the two-call convention (v2.40 5.2); raises `TokenFault` (reason "nonsense") for one that no token has."""
        count, value = c_ulong(), 0
        for _ in range(3):  # the number may grow between the two calls
            self.call(name, *args, None, byref(count))
            room = count.value
            if room > most:
                raise _nonsense(name)
            seen = (c_ulong * max(room, 1))()
            value = self.returns(name, *args, seen, byref(count))
            if name_of(value) != "CKR_BUFFER_TOO_SMALL":
                break
        if value:
            raise error_for(name_of(value), name)
        if count.value > room:
            raise _nonsense(name)
        return list(seen[: count.value])

    def slot(self, slot_id: int) -> SlotToken | None:
        """One slot with its token; None when it is empty."""
        slot, token = _SlotInfo(), _TokenInfo()
        value = self.returns("C_GetSlotInfo", c_ulong(slot_id), byref(slot))
        description = _text(slot, "description")
        value = value or self.returns("C_GetTokenInfo", c_ulong(slot_id), byref(token))
        if value:
            ckr = name_of(value)
            gone = ckr in ("CKR_TOKEN_NOT_PRESENT", "CKR_DEVICE_REMOVED", "CKR_SLOT_ID_INVALID")
            return None if gone else SlotToken(slot_id, description, fault=ckr)
        words = {field: _text(token, field) for field in ("label", "manufacturer", "model", "serial")}
        words |= {"hardware_version": str(token.hardware), "firmware_version": str(token.firmware)}
        return SlotToken(slot_id, description, flags=token.flags, pin_shortest=token.pin_shortest, pin_longest=token.pin_longest, **words)

    def mechanisms(self, slot_id: int) -> frozenset[int]:
        """CKM_ numbers the token offers."""
        return frozenset(self._numbers("C_GetMechanismList", _MECHANISMS_MAX, c_ulong(slot_id)))

    def open_session(self, slot_id: int, writing: bool = False) -> int:
        """C_OpenSession; the handle."""
        handle = c_ulong()
        flags = CKF_SERIAL_SESSION | (CKF_RW_SESSION if writing else 0)
        self.call("C_OpenSession", c_ulong(slot_id), c_ulong(flags), None, None, byref(handle))
        return handle.value

    def close_session(self, session: int) -> None:
        """C_CloseSession; an error is of no interest, the handle is not used again."""
        self.returns("C_CloseSession", c_ulong(session))

    def login(self, session: int, user: int, pin: bytearray | None) -> None:
        """One C_Login straight from `pin`'s own memory; None leaves it to the reader's pad."""
        self.call("C_Login", c_ulong(session), c_ulong(user), *_secret(pin))

    def init_token(self, slot_id: int, so_pin: bytearray | None, label: bytes) -> None:
        """C_InitToken; `label` at most 32 bytes, padded with blanks as the standard wants."""
        self.call("C_InitToken", c_ulong(slot_id), *_secret(so_pin), ctypes.c_char_p(label.ljust(32, b" ")))

    def init_pin(self, session: int, pin: bytearray | None) -> None:
        """C_InitPIN, in a session the SO is logged in to."""
        self.call("C_InitPIN", c_ulong(session), *_secret(pin))

    def set_pin(self, session: int, pin: bytearray | None, new_pin: bytearray | None) -> None:
        """C_SetPIN: the user's where nobody is logged in or the user is (v2.40 5.5)."""
        self.call("C_SetPIN", c_ulong(session), *_secret(pin), *_secret(new_pin))

    def logout(self, session: int) -> None:
        """C_Logout; an error is of no interest."""
        self.returns("C_Logout", c_ulong(session))

    def sign(self, session: int, key: int, how: Mechanism, data: bytes, context: tuple[bytearray | None] | None = None) -> bytes:
        """C_SignInit, the context login where `context` has its PIN (CKA_ALWAYS_AUTHENTICATE), and one C_Sign into a buffer that holds any signature.

        Asking for the length first, as python-pkcs11 does, would be one call more, and some cards sign at that call already.
        """
        self.call("C_SignInit", c_ulong(session), byref(how), c_ulong(key))
        if context is not None:
            self.login(session, CKU_CONTEXT_SPECIFIC, context[0])
        signature, length = (c_char * _SIGNATURE_MAX)(), c_ulong(_SIGNATURE_MAX)
        self.call("C_Sign", c_ulong(session), ctypes.c_char_p(data), c_ulong(len(data)), signature, byref(length))
        if length.value > _SIGNATURE_MAX:
            raise _nonsense("C_Sign")
        return signature.raw[: length.value]

    def find(self, session: int, wanted: Mapping[int, bytes]) -> list[int]:
        """Handles of the objects that match."""
        self.call("C_FindObjectsInit", c_ulong(session), template(wanted), c_ulong(len(wanted)))
        try:
            return list(self._found(session))
        finally:
            self.returns("C_FindObjectsFinal", c_ulong(session))

    def _found(self, session: int) -> Iterator[int]:
        batch = (c_ulong * 64)()
        count = c_ulong()
        for _ in range(_OBJECTS_MAX // len(batch)):
            self.call("C_FindObjects", c_ulong(session), batch, c_ulong(len(batch)), byref(count))
            if not count.value:
                return
            if count.value > len(batch):
                break
            yield from batch[: count.value]
        raise _nonsense("C_FindObjects")

    def attributes(self, session: int, handle: int, wanted: Iterable[int]) -> dict[int, bytes]:
        """Values of the attributes that the object has and shows.  One call for the sizes, one for the values, as 5.7.5 allows."""
        kinds = tuple(wanted)
        template = (_Attribute * len(kinds))()
        for place, kind in zip(template, kinds, strict=True):
            place.type, place.length = kind, 0
        value = self.returns("C_GetAttributeValue", c_ulong(session), c_ulong(handle), template, c_ulong(len(kinds)))
        if value and name_of(value) not in ("CKR_ATTRIBUTE_SENSITIVE", "CKR_ATTRIBUTE_TYPE_INVALID", "CKR_BUFFER_TOO_SMALL"):
            raise error_for(name_of(value), "C_GetAttributeValue")
        shown = [(place.type, int(place.length)) for place in template if 0 < place.length <= _VALUE_MAX]
        if not shown:
            return {}
        template = (_Attribute * len(shown))()
        buffers = [ctypes.create_string_buffer(length) for _, length in shown]
        for place, (kind, length), buffer in zip(template, shown, buffers, strict=True):
            place.type, place.value, place.length = kind, cast(buffer, c_void_p), length
        self.call("C_GetAttributeValue", c_ulong(session), c_ulong(handle), template, c_ulong(len(shown)))
        return {place.type: buffer.raw[: place.length] for place, buffer in zip(template, buffers, strict=True) if place.length <= len(buffer)}
