"""Which slot holds the token that is meant, and whether it, its session and its login are still there."""

import ctypes
import time
from collections.abc import Iterator
from contextlib import contextmanager
from ctypes import byref, c_ulong

from tokens.errors import KeyNotFound, TokenAbsent, TokenError, TokenFault, TokenNotInitialised, TokenRemoved
from tokens.host import cryptoki as ck
from tokens.host import objects
from tokens.host.cryptoki import Cryptoki, SlotToken
from tokens.host.returns import name_of
from tokens.identity import Identity, fingerprints, meaningful
from tokens.wire import Message, to_bytes

_DEAD_SESSION = frozenset({"CKR_SESSION_HANDLE_INVALID", "CKR_SESSION_CLOSED", "CKR_DEVICE_REMOVED", "CKR_TOKEN_NOT_PRESENT", "CKR_SLOT_ID_INVALID"})
_OK = name_of(0)
_PUBLIC_STATES = (0, 2)
"""CKS_RO_PUBLIC_SESSION, CKS_RW_PUBLIC_SESSION: nobody is logged in."""
_UNSETTLED = frozenset({"CKR_GENERAL_ERROR", "CKR_DEVICE_ERROR", "CKR_FUNCTION_FAILED"})
SETTLES = 1.0
"""Seconds within which a card service has noticed a pulled card (pcscd looks every 0.4 s); a command that met the gap says GENERAL_ERROR."""
_READ_ONLY = frozenset({"CKR_TOKEN_WRITE_PROTECTED", "CKR_SESSION_READ_ONLY"})


class _SessionInfo(ctypes.Structure):
    _fields_ = (("slot", c_ulong), ("state", c_ulong), ("flags", c_ulong), ("device_error", c_ulong))


def session_on(module: Cryptoki, slot_id: int) -> int:
    """A session, read-write unless the token is write-protected."""
    try:
        return module.open_session(slot_id, writing=True)
    except TokenFault as exc:
        if exc.facts.get("ckr") != "CKR_TOKEN_WRITE_PROTECTED":
            raise
        return module.open_session(slot_id)


@contextmanager
def writing() -> Iterator[None]:
    """Around what changes a token: a token that lets nobody write says so."""
    try:
        yield
    except TokenFault as exc:
        if exc.facts.get("ckr") in _READ_ONLY:
            raise TokenFault(**{**exc.facts, "reason": "write_protected"}) from None
        raise


def find(module: Cryptoki, wanted: Message) -> tuple[SlotToken, int]:
    """The slot with the token that `wanted` describes (serial, label, certificates; slot_description, slot_id break ties), and a session on it.

    An uninitialised token gets no session (0).  Raises `TokenAbsent`: reason "other_token" where another token is in that reader, "alike"
    where several tokens cannot be told from one another.
    """
    slots = module.slots()
    meant = Identity("", meaningful(wanted["serial"]), wanted["label"], frozenset(wanted.get("certificates", ())))
    likely = [slot for slot in slots if Identity("", meaningful(slot.serial), slot.label).same(meant)]
    likely.sort(key=lambda slot: _closeness(slot, wanted), reverse=True)
    fitting = [(slot, session) for slot in likely if (session := _session_if(module, slot, meant)) is not None]
    alike = len(fitting) > 1 and _closeness(fitting[0][0], wanted) == _closeness(fitting[1][0], wanted)
    for _, session in fitting if alike else fitting[1:]:
        module.close_session(session)
    facts = {"label": wanted["label"], "serial": wanted["serial"]}
    if alike:
        raise TokenAbsent(**facts, reason="alike")
    if fitting:
        return fitting[0]
    if any(slot.slot_description == wanted["slot_description"] and (slot.label or slot.serial) for slot in slots):
        raise TokenAbsent(**facts, reason="other_token")
    raise TokenAbsent(**facts)


def _closeness(slot: SlotToken, wanted: Message) -> tuple[bool, bool, bool]:
    """Some cards show themselves in two slots that differ by the label; the slot as it was last seen is preferred, and never a condition."""
    return slot.label == wanted["label"], slot.slot_description == wanted["slot_description"], slot.slot_id == wanted["slot_id"]


def _session_if(module: Cryptoki, slot: SlotToken, meant: Identity) -> int | None:
    """A session, if the certificates agree; None where they are another token's."""
    if not slot.flags & ck.CKF_TOKEN_INITIALIZED:
        return 0
    session = session_on(module, slot.slot_id)
    if meant.certificates:
        seen = fingerprints(to_bytes(entry["der"]) for entry in objects.certificates(module, session))
        if seen and not seen & meant.certificates:
            module.close_session(session)
            return None
    return session


def doubtful(exc: TokenError, logged_in: bool) -> bool:
    """Whether a pulled card may be behind an error: cards that are gone give GENERAL_ERROR, no keys, or whatever comes to the module's mind."""
    return (isinstance(exc, TokenFault | TokenNotInitialised) and "ckr" in exc.facts) or (isinstance(exc, KeyNotFound) and logged_in)


def trouble(
    module: Cryptoki, slot: SlotToken, session: int, logged_in: bool, exc: TokenError | None = None, seconds: float = SETTLES
) -> TokenRemoved | None:
    """`TokenRemoved` if the token is no longer in its slot, or (reason "login_lost") is there again and session or login did not survive that.

    After an error that a card leaves behind when it is pulled inside a command, the card service gets `seconds` to notice.
    """
    until = time.monotonic() + seconds
    while True:
        found = _trouble(module, slot, session, logged_in, exc)
        if found is not None or exc is None or exc.facts.get("ckr") not in _UNSETTLED or time.monotonic() >= until:
            return found
        time.sleep(0.1)


def _trouble(module: Cryptoki, slot: SlotToken, session: int, logged_in: bool, exc: TokenError | None) -> TokenRemoved | None:
    facts = {name: exc.facts[name] for name in ("ckr", "during", "try_spent") if name in exc.facts} if exc is not None else {}
    now = module.slot(slot.slot_id)
    if now is None or (now.serial, now.label) != (slot.serial, slot.label):
        return TokenRemoved(**facts)
    if not session:
        return None
    value, state = _state(module, session)
    lost = value in _DEAD_SESSION or (logged_in and value == _OK and state in _PUBLIC_STATES)
    return TokenRemoved(**facts, reason="login_lost") if lost else None


def shows_login(module: Cryptoki, session: int) -> bool:
    """Whether the session says that somebody is logged in; what a module does not say, its silence later does not take back."""
    value, state = _state(module, session)
    return value == _OK and state not in _PUBLIC_STATES


def _state(module: Cryptoki, session: int) -> tuple[str, int]:
    info = _SessionInfo()
    return name_of(module.returns("C_GetSessionInfo", c_ulong(session), byref(info))), info.state
