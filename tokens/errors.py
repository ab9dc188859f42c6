"""What can go wrong with a token, in words a person can act on.

    TokenError
    ├── PinIncorrect · PinLocked · PinFinalTry · PinCancelled · PinUnacceptable
    ├── TokenAbsent · TokenRemoved · TokenNotInitialised
    ├── KeyNotFound · CertificateMismatch · MechanismUnsupported
    └── ModuleUnusable · ModuleTimeout · TokenFault

The code is the word of the wire and of the command line; the raw ``CKR_*`` stands in `facts["ckr"]`
for the log.  A host sends an error as ``{"code", "facts"}`` and `from_wire` makes it whole again.
"""

from collections.abc import Mapping
from typing import TypeAlias

Fact: TypeAlias = str | int | bool | None


class TokenError(Exception):
    """A token, a module or a PIN did not do what was asked; `facts` hold plain values, never a PIN."""

    code = "token_fault"

    def __init__(self, **facts: Fact) -> None:
        super().__init__(self.code, facts)
        self.facts: Mapping[str, Fact] = facts


class PinIncorrect(TokenError):
    """The token refused the PIN; one try is spent (CKR_PIN_INCORRECT)."""

    code = "pin_incorrect"


class PinLocked(TokenError):
    """The token accepts no PIN any more (CKR_PIN_LOCKED)."""

    code = "pin_locked"


class PinFinalTry(TokenError):
    """One wrong PIN more locks the token, and nobody confirmed to risk it; no try was spent."""

    code = "pin_final_try"


class PinCancelled(TokenError):
    """Nobody gave a PIN: declined, prompter gone, or time over; no try was spent."""

    code = "pin_cancelled"


class PinUnacceptable(TokenError):
    """A new PIN breaks a rule and nothing was changed: `reason` too_short, too_long (facts shortest, longest), simple, one_kind, same, refused."""

    code = "pin_unacceptable"


class TokenAbsent(TokenError):
    """The token asked for is in no slot."""

    code = "token_absent"


class TokenRemoved(TokenError):
    """The token was there and is gone (CKR_DEVICE_REMOVED, CKR_TOKEN_NOT_PRESENT)."""

    code = "token_removed"


class TokenNotInitialised(TokenError):
    """The slot holds a token without label and user PIN."""

    code = "token_not_initialised"


class KeyNotFound(TokenError):
    """No private key with this CKA_ID or label on the token."""

    code = "key_not_found"


class CertificateMismatch(TokenError):
    """The certificate's public key is not the token key's."""

    code = "certificate_mismatch"


class MechanismUnsupported(TokenError):
    """The token offers no mechanism for what was asked."""

    code = "mechanism_unsupported"


class ModuleUnusable(TokenError):
    """The module cannot be loaded or initialised; `reason` says why (missing, not_a_module, architecture, configuration, failed, crashed)."""

    code = "module_unusable"


class ModuleTimeout(TokenError):
    """The module did not answer in time and its host was ended; `during` names the call, `try_spent` says a PIN try may be lost."""

    code = "module_timeout"


class TokenFault(TokenError):
    """Anything else the module reports; `ckr` has its name."""

    code = "token_fault"


_BY_CODE: Mapping[str, type[TokenError]] = {
    cls.code: cls
    for cls in (
        PinIncorrect, PinLocked, PinFinalTry, PinCancelled, PinUnacceptable, TokenAbsent, TokenRemoved, TokenNotInitialised, KeyNotFound,
        CertificateMismatch, MechanismUnsupported, ModuleUnusable, ModuleTimeout, TokenFault,
    )
}  # fmt: skip


def from_wire(code: str, facts: Mapping[str, Fact]) -> TokenError:
    """The exception a host reported; an unknown code is a `TokenFault` that carries it as a fact."""
    cls = _BY_CODE.get(code)
    return cls(**facts) if cls else TokenFault(unknown_code=code, **facts)
