"""CKR_* return values by name (PKCS#11 v2.40 and v3.0, section 11.1) and what each means to a person."""

import re

from tokens.errors import (
    KeyNotFound,
    MechanismUnsupported,
    PinCancelled,
    PinIncorrect,
    PinLocked,
    TokenError,
    TokenFault,
    TokenNotInitialised,
    TokenRemoved,
)

_NAMES = {
    0x001: "CANCEL", 0x002: "HOST_MEMORY", 0x003: "SLOT_ID_INVALID", 0x005: "GENERAL_ERROR", 0x006: "FUNCTION_FAILED",
    0x007: "ARGUMENTS_BAD", 0x008: "NO_EVENT", 0x009: "NEED_TO_CREATE_THREADS", 0x00A: "CANT_LOCK", 0x010: "ATTRIBUTE_READ_ONLY",
    0x011: "ATTRIBUTE_SENSITIVE", 0x012: "ATTRIBUTE_TYPE_INVALID", 0x013: "ATTRIBUTE_VALUE_INVALID", 0x01B: "ACTION_PROHIBITED",
    0x020: "DATA_INVALID", 0x021: "DATA_LEN_RANGE", 0x030: "DEVICE_ERROR", 0x031: "DEVICE_MEMORY", 0x032: "DEVICE_REMOVED",
    0x050: "FUNCTION_CANCELED", 0x051: "FUNCTION_NOT_PARALLEL", 0x054: "FUNCTION_NOT_SUPPORTED", 0x060: "KEY_HANDLE_INVALID",
    0x062: "KEY_SIZE_RANGE", 0x063: "KEY_TYPE_INCONSISTENT", 0x068: "KEY_FUNCTION_NOT_PERMITTED", 0x069: "KEY_NOT_WRAPPABLE",
    0x06A: "KEY_UNEXTRACTABLE", 0x070: "MECHANISM_INVALID", 0x071: "MECHANISM_PARAM_INVALID", 0x082: "OBJECT_HANDLE_INVALID",
    0x090: "OPERATION_ACTIVE", 0x091: "OPERATION_NOT_INITIALIZED", 0x0A0: "PIN_INCORRECT", 0x0A1: "PIN_INVALID", 0x0A2: "PIN_LEN_RANGE",
    0x0A3: "PIN_EXPIRED", 0x0A4: "PIN_LOCKED", 0x0B0: "SESSION_CLOSED", 0x0B1: "SESSION_COUNT", 0x0B3: "SESSION_HANDLE_INVALID",
    0x0B4: "SESSION_PARALLEL_NOT_SUPPORTED", 0x0B5: "SESSION_READ_ONLY", 0x0B6: "SESSION_EXISTS", 0x0B7: "SESSION_READ_ONLY_EXISTS",
    0x0B8: "SESSION_READ_WRITE_SO_EXISTS", 0x0C0: "SIGNATURE_INVALID", 0x0C1: "SIGNATURE_LEN_RANGE", 0x0D0: "TEMPLATE_INCOMPLETE",
    0x0D1: "TEMPLATE_INCONSISTENT", 0x0E0: "TOKEN_NOT_PRESENT", 0x0E1: "TOKEN_NOT_RECOGNIZED", 0x0E2: "TOKEN_WRITE_PROTECTED",
    0x100: "USER_ALREADY_LOGGED_IN", 0x101: "USER_NOT_LOGGED_IN", 0x102: "USER_PIN_NOT_INITIALIZED", 0x103: "USER_TYPE_INVALID",
    0x104: "USER_ANOTHER_ALREADY_LOGGED_IN", 0x105: "USER_TOO_MANY_TYPES", 0x113: "WRAPPING_KEY_HANDLE_INVALID",
    0x114: "WRAPPING_KEY_SIZE_RANGE", 0x115: "WRAPPING_KEY_TYPE_INCONSISTENT", 0x121: "RANDOM_NO_RNG", 0x130: "DOMAIN_PARAMS_INVALID",
    0x140: "CURVE_NOT_SUPPORTED", 0x150: "BUFFER_TOO_SMALL", 0x190: "CRYPTOKI_NOT_INITIALIZED", 0x191: "CRYPTOKI_ALREADY_INITIALIZED",
    0x1B0: "NEW_PIN_MODE", 0x1C1: "FIPS_SELF_TEST_FAILED", 0x1C2: "LIBRARY_LOAD_FAILED", 0x1C3: "PIN_TOO_WEAK", 0x1C4: "PUBLIC_KEY_INVALID",
    0x200: "FUNCTION_REJECTED",
}  # fmt: skip

_MEANING: dict[str, type[TokenError]] = {
    "CKR_PIN_INCORRECT": PinIncorrect,
    "CKR_PIN_INVALID": PinIncorrect,
    "CKR_PIN_LEN_RANGE": PinIncorrect,
    "CKR_PIN_LOCKED": PinLocked,
    "CKR_FUNCTION_CANCELED": PinCancelled,
    "CKR_FUNCTION_REJECTED": PinCancelled,
    "CKR_DEVICE_REMOVED": TokenRemoved,
    "CKR_TOKEN_NOT_PRESENT": TokenRemoved,
    "CKR_SLOT_ID_INVALID": TokenRemoved,
    "CKR_TOKEN_NOT_RECOGNIZED": TokenNotInitialised,
    "CKR_USER_PIN_NOT_INITIALIZED": TokenNotInitialised,
    "CKR_MECHANISM_INVALID": MechanismUnsupported,
    "CKR_MECHANISM_PARAM_INVALID": MechanismUnsupported,
    "CKR_KEY_SIZE_RANGE": MechanismUnsupported,
    "CKR_CURVE_NOT_SUPPORTED": MechanismUnsupported,
    "CKR_KEY_HANDLE_INVALID": KeyNotFound,
}

_RESPELT = {
    "TOKEN_NOT_RECOGNISED": "TOKEN_NOT_RECOGNIZED",
    "ANOTHER_USER_ALREADY_LOGGED_IN": "USER_ANOTHER_ALREADY_LOGGED_IN",
    "FUNCTION_CANCELLED": "FUNCTION_CANCELED",
}


def name_of(value: int) -> str:
    """The CKR_ name of a return value; vendors' own as CKR_0x… ."""
    return f"CKR_{_NAMES[value]}" if value in _NAMES else f"CKR_0x{value:08X}"


def error_for(ckr: str, during: str) -> TokenError:
    """The error that a CKR_ name means to a person, when `during` (a C_ function) returned it."""
    return _MEANING.get(ckr, TokenFault)(ckr=ckr, during=during)


def name_of_exception(exc: Exception) -> str:
    """The CKR_ name behind an exception of python-pkcs11: its classes are the names in another spelling, or the text has the number."""
    if (number := re.search(r"0x([0-9a-fA-F]+)", str(exc))) is not None:
        return name_of(int(number[1], 16))
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", type(exc).__name__).upper()
    return "CKR_" + _RESPELT.get(words, words)
