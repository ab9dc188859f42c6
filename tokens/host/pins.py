"""What is done with PINs on a token: log in, change, unblock, initialise; each one C_ call that spends a try at most.

The flags are looked at first: a locked token is sent nothing, and the last try is not spent unless somebody confirmed that.
Where the token has a pad of its own (CKF_PROTECTED_AUTHENTICATION_PATH), every PIN is NULL and a person types on the reader.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeAlias

from tokens.errors import PinCancelled, PinFinalTry, PinIncorrect, PinLocked, PinUnacceptable, TokenError, TokenFault
from tokens.host import cryptoki as ck
from tokens.host import objects, rules
from tokens.host.cryptoki import Cryptoki, SlotToken

Secrets: TypeAlias = Mapping[str, bytearray]
Rules: TypeAlias = Mapping[str, Any] | None

_REFUSED = frozenset({"CKR_PIN_INVALID", "CKR_PIN_LEN_RANGE", "CKR_PIN_TOO_WEAK"})
"""What a token says of a new PIN that it does not want."""
_TAKES_PIN = frozenset({"C_Login", "C_SetPIN", "C_InitToken"})
_EXPIRED = "CKR_PIN_EXPIRED"
_NOTHING_SPENT = frozenset({
    "CKR_USER_ALREADY_LOGGED_IN", "CKR_USER_ANOTHER_ALREADY_LOGGED_IN", "CKR_USER_TYPE_INVALID", "CKR_USER_TOO_MANY_TYPES",
    "CKR_SESSION_READ_ONLY", "CKR_SESSION_READ_ONLY_EXISTS", "CKR_TOKEN_WRITE_PROTECTED", "CKR_FUNCTION_NOT_SUPPORTED", "CKR_ARGUMENTS_BAD",
    "CKR_USER_PIN_NOT_INITIALIZED", "CKR_OPERATION_NOT_INITIALIZED", _EXPIRED,
})  # fmt: skip
"""Answers to a PIN that tell nothing of it: no try is spent."""


def pad(slot: SlotToken) -> bool:
    """Whether PINs are typed on the token's own reader."""
    return bool(slot.flags & ck.CKF_PROTECTED_PATH)


def guard(slot: SlotToken, confirmed: bool) -> None:
    """Raise `PinLocked` or `PinFinalTry` where the flags forbid to send the user's PIN."""
    if slot.flags & ck.CKF_LOCKED:
        raise PinLocked(during="C_GetTokenInfo")
    if slot.flags & ck.CKF_FINAL_TRY and not confirmed:
        raise PinFinalTry()


def guard_so(slot: SlotToken, confirmed: bool) -> None:
    """Likewise for the SO PIN."""
    if slot.flags & ck.CKF_SO_LOCKED:
        raise PinLocked(reason="so_pin", during="C_GetTokenInfo")
    if slot.flags & ck.CKF_SO_FINAL_TRY and not confirmed:
        raise PinFinalTry(reason="so_pin")


def needed(secrets: Secrets, slot: SlotToken, *names: str) -> list[bytearray | None]:
    """The secrets of these names; none where they are typed on a pad, even if somebody sent some.  Raises `PinCancelled`."""
    if pad(slot):
        return [None for _ in names]
    if any(not secrets.get(name) for name in names):
        raise PinCancelled(reason="no_pin")
    return [secrets[name] for name in names]


def login(module: Cryptoki, session: int, slot: SlotToken, secrets: Secrets) -> None:
    """One C_Login of the user; raises `PinIncorrect` with `pin_state`, what the flags say afterwards."""
    pin = for_login(slot, secrets)
    with tried(module, slot):
        module.login(session, ck.CKU_USER, pin)


def for_login(slot: SlotToken, secrets: Secrets) -> bytearray | None:
    """The PIN to log in with, None on a pad; raises `PinCancelled`, `TokenFault` (reason pin_to_be_changed)."""
    if slot.flags & ck.CKF_TO_BE_CHANGED:
        raise TokenFault(reason="pin_to_be_changed")
    (pin,) = needed(secrets, slot, "pin")
    return pin


def change(module: Cryptoki, session: int, slot: SlotToken, secrets: Secrets, wanted: Rules) -> None:
    """One C_SetPIN of the user's PIN; no login is needed, except by NSS, which says so before it looks at the PIN."""
    pin, new_pin = needed(secrets, slot, "pin", "new_pin")
    if new_pin is not None:
        if new_pin == pin:
            raise PinUnacceptable(reason="same")
        rules.judge(new_pin, slot, wanted)
    with tried(module, slot, new=True):
        try:
            module.set_pin(session, pin, new_pin)
        except TokenError as exc:
            if exc.facts.get("ckr") != "CKR_USER_NOT_LOGGED_IN":
                raise
            module.login(session, ck.CKU_USER, pin)
            try:
                module.set_pin(session, pin, new_pin)
            finally:
                module.logout(session)


def unblock(module: Cryptoki, session: int, slot: SlotToken, secrets: Secrets, wanted: Rules) -> None:
    """One C_Login of the SO, C_InitPIN, C_Logout."""
    so_pin, new_pin = needed(secrets, slot, "so_pin", "new_pin")
    if new_pin is not None:
        rules.judge(new_pin, slot, wanted)
    with tried(module, slot, officer=True):
        module.login(session, ck.CKU_SO, so_pin)
    try:
        with _set_new("refused"):
            module.init_pin(session, new_pin)
    finally:
        module.logout(session)


def initialise(module: Cryptoki, session: int, slot: SlotToken, secrets: Secrets, label: bytes, wanted: Rules) -> int:
    """C_InitToken, one C_Login of the SO, C_InitPIN, C_Logout; the session it was done in.  `session` is closed first: none may be open."""
    so_pin, pin = needed(secrets, slot, "so_pin", "pin")
    blank = not slot.flags & ck.CKF_TOKEN_INITIALIZED
    if so_pin is not None and blank:  # an initialised token has its SO PIN already, whatever it is like
        rules.judge(so_pin, slot, wanted, security_officer=True)
    if pin is not None:
        rules.judge(pin, slot, wanted)
    if session:
        module.close_session(session)
    with tried(module, slot, officer=True, new=blank):
        module.init_token(slot.slot_id, so_pin, label)
    session = module.open_session(slot.slot_id, writing=True)
    with tried(module, slot, officer=True):
        module.login(session, ck.CKU_SO, so_pin)
    try:
        with _set_new("refused_halfway"):
            module.init_pin(session, pin)
    finally:
        module.logout(session)
    return session


@contextmanager
def tried(module: Cryptoki, slot: SlotToken, *, officer: bool = False, new: bool = False) -> Iterator[None]:
    """Around the call that sends a PIN: what its errors mean, what the flags say after a wrong one, and whether a try may be spent."""
    try:
        yield
    except TokenError as exc:
        if exc.facts.get("during") not in _TAKES_PIN:
            raise
        ckr, facts = str(exc.facts.get("ckr")), {**exc.facts, **({"reason": "so_pin"} if officer else {})}
        if new and ckr in _REFUSED:
            raise PinUnacceptable(**{**exc.facts, "reason": "refused"}) from None
        if isinstance(exc, PinIncorrect):
            now = module.slot(slot.slot_id)
            state = "unknown" if now is None else objects.so_state_of(now) if officer else objects.state_of(now)[1]
            raise PinIncorrect(**facts, pin_state=state) from None
        if isinstance(exc, PinLocked):
            raise PinLocked(**facts) from None
        if isinstance(exc, PinCancelled):  # on the pad
            raise
        if ckr == _EXPIRED and not officer:
            raise TokenFault(**{**exc.facts, "reason": "pin_to_be_changed"}) from None
        raise type(exc)(**{**exc.facts, "try_spent": ckr not in _NOTHING_SPENT}) from None


@contextmanager
def _set_new(reason: str) -> Iterator[None]:
    try:
        yield
    except (PinIncorrect, TokenFault) as exc:
        if exc.facts.get("ckr") in _REFUSED:
            raise PinUnacceptable(**{**exc.facts, "reason": reason}) from None
        raise
