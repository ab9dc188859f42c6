"""python-pkcs11 on a module that `tokens.host.cryptoki` has loaded and initialised, for what writes to a token: keys and objects.

It would call C_Initialize(NULL) itself, which denies the module its locks and cannot pass NSS its string; so it is attached to
the initialised library instead.  Its ASN.1 conveniences (asn1crypto, 40 ms of import) are not used here and not loaded.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType

for _name in ("dh", "dsa", "ec", "rsa", "x509"):
    sys.modules.setdefault(f"pkcs11.util.{_name}", ModuleType(f"pkcs11.util.{_name}"))

from pkcs11 import Attribute, CertificateType, KeyType, Mechanism, MechanismFlag, ObjectClass, _pkcs11, types  # noqa: E402
from pkcs11.exceptions import PKCS11Error  # noqa: E402

from tokens.errors import TokenRemoved  # noqa: E402
from tokens.host.cryptoki import Cryptoki  # noqa: E402
from tokens.host.returns import error_for, name_of_exception  # noqa: E402

__all__ = ("Attribute", "CertificateType", "KeyType", "MechanismFlag", "ObjectClass", "PKCS11Error", "mechanism_name", "opened", "reported", "types")


def mechanism_name(number: int) -> str:
    """The standard's name of a mechanism ("CKM_ECDSA"), "" for one that it does not list: a vendor's own, or newer than the list."""
    try:
        return "" if number >= 0x80000000 else f"CKM_{Mechanism(number).name.lstrip('_')}"
    except ValueError:
        return ""


class _Attached(_pkcs11.lib):
    """The library as python-pkcs11 sees it, already initialised by someone else."""

    def initialize(self) -> None:
        """Nothing: `Cryptoki.initialize` has done it."""


@contextmanager
def reported(during: str) -> Iterator[None]:
    """Turns python-pkcs11's exceptions into ours, with the CKR_ name."""
    try:
        yield
    except PKCS11Error as exc:
        raise error_for(name_of_exception(exc), during) from None


@contextmanager
def opened(module: Cryptoki, slot_id: int) -> Iterator[types.Session]:
    """A read-write session of python-pkcs11 beside ours on the same token: the login holds for both, and closing it does not log out."""
    with reported("C_OpenSession"):
        slot = next((slot for slot in _Attached(module.path).get_slots(token_present=True) if slot.slot_id == slot_id), None)
        if slot is None:
            raise TokenRemoved(during="C_OpenSession")
        session: types.Session = slot.get_token().open(rw=True)
    try:
        yield session
    finally:
        with reported("C_CloseSession"):
            session.close()
