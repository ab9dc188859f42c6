"""CKR_ names: python-pkcs11's exceptions and raw numbers lead to the same word, and to the right error."""

import inspect

import pytest

from tokens.errors import MechanismUnsupported, PinIncorrect, PinLocked, TokenError, TokenFault, TokenRemoved, from_wire
from tokens.host import binding, returns

_OWN = {"PKCS11Error", "MultipleObjectsReturned", "MultipleTokensReturned", "NoSuchKey", "NoSuchToken"}
"""Exceptions of the binding itself, without a CKR_ value."""


def test_every_exception_of_the_binding_has_its_ckr_name() -> None:
    import pkcs11.exceptions

    names = {f"CKR_{name}" for name in returns._NAMES.values()}
    rare = {
        "CKR_ENCRYPTED_DATA_INVALID", "CKR_ENCRYPTED_DATA_LEN_RANGE", "CKR_EXCEEDED_MAX_ITERATIONS", "CKR_KEY_INDIGESTIBLE", "CKR_KEY_NEEDED",
        "CKR_KEY_NOT_NEEDED", "CKR_RANDOM_SEED_NOT_SUPPORTED", "CKR_UNWRAPPING_KEY_HANDLE_INVALID", "CKR_UNWRAPPING_KEY_SIZE_RANGE",
        "CKR_UNWRAPPING_KEY_TYPE_INCONSISTENT", "CKR_WRAPPED_KEY_INVALID", "CKR_WRAPPED_KEY_LEN_RANGE",
    }  # fmt: skip
    for name, kind in inspect.getmembers(pkcs11.exceptions, inspect.isclass):
        if issubclass(kind, pkcs11.exceptions.PKCS11Error) and name not in _OWN:
            assert returns.name_of_exception(kind()) in names | rare, name
    assert returns.name_of_exception(binding.PKCS11Error("Unmapped error code 0x68")) == "CKR_KEY_FUNCTION_NOT_PERMITTED"


@pytest.mark.parametrize(
    ("value", "kind"),
    [(0xA0, PinIncorrect), (0xA2, PinIncorrect), (0xA4, PinLocked), (0x32, TokenRemoved), (0x70, MechanismUnsupported), (0x80000000, TokenFault)],
)
def test_meaning(value: int, kind: type[TokenError]) -> None:
    error = returns.error_for(returns.name_of(value), "C_Login")
    assert type(error) is kind
    again = from_wire(error.code, error.facts)
    assert (type(again), again.facts) == (kind, error.facts)
