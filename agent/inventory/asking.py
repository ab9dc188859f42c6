"""Asking a person for consent and secrets, in one question; the secrets go from the asker's process to the session host."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from agent.api.errors import ApiError, Code
from agent.server.jobs import Job
from agent.server.prompts import CANCEL, Asker
from tokens.errors import PinCancelled, PinLocked, TokenFault
from tokens.session import Session
from tokens.types import PinRules, PinState, Token

T = TypeVar("T")
PIN_SECONDS = 300
"""How long a person has for the PIN."""
_FINAL_TRY_WORDS = ("我确认", "CONFIRM")
_WITHOUT_OWN_PIN = ("pin_change", "pin_unblock", "token_init")
"""Purposes for which a PIN that is still the issuer's is no hindrance."""
_WRITING = ("key_generate", "cert_import", "ca_create", "token_init", "pin_change", "pin_unblock")
"""Purposes that store something on the token: no PIN is asked for, and no try spent, where it takes nothing."""


@dataclass(frozen=True, slots=True)
class Ask:
    """What a person is asked for."""

    purpose: str
    documents: Sequence[Mapping[str, Any]] = ()
    secrets: tuple[str, ...] = ("pin",)
    each_signature: bool = False
    """The key wants the PIN at every signature."""
    rules: PinRules | None = None
    """What a new PIN must be like, told beforehand."""

    @property
    def as_officer(self) -> bool:
        """Whether the SO PIN is the one that is tried."""
        return "so_pin" in self.secrets

    def question(self, about: Mapping[str, Any]) -> dict[str, Any]:
        """What every question of this says."""
        told: dict[str, Any] = {"purpose": self.purpose, "documents": list(self.documents), "token": dict(about)}
        if self.each_signature:
            told["each_signature"] = True
        if "new_pin" in self.secrets or self.purpose == "token_init":
            rules = self.rules
            told["rules"] = None if rules is None else {name: getattr(rules, name) for name in ("shortest", "simple", "letters_and_digits")}
        return told


def refuse_unready(token: Token, ask: Ask) -> None:
    """Raise what hinders before anybody is asked: `PinLocked`, `TokenFault` (reason pin_to_be_changed, write_protected)."""
    if token.write_protected and ask.purpose in _WRITING:
        raise TokenFault(reason="write_protected", token=token.label)
    if ask.as_officer:
        if token.so_pin_state is PinState.LOCKED:
            raise PinLocked(reason="so_pin", token=token.label)
    elif token.pin_state is PinState.LOCKED:
        raise PinLocked(token=token.label)  # nobody is asked for a PIN that cannot be used
    elif token.pin_to_be_changed and ask.purpose not in _WITHOUT_OWN_PIN:
        raise TokenFault(reason="pin_to_be_changed", token=token.label)


async def with_secrets(
    job: Job, session: Session, token: Token, about: Mapping[str, Any], ask: Ask, act: Callable[[bool], Coroutine[Any, Any, T]]
) -> T:
    """Ask, and then `act(confirmed)`, where `confirmed` says that the last try may be spent.

    The secrets are with the session host when `act` begins; where the PIN is typed on the reader, the question stands on the screen while
    it runs.  Raises `PinCancelled`, `PinLocked`, `ApiError` (pin_final_try, no_prompter, cancelled), and what `act` raises.
    """
    refuse_unready(token, ask)
    final = (token.so_pin_state if ask.as_officer else token.pin_state) is PinState.FINAL_TRY
    confirmed = job.confirm_final_try
    async with job.asker() as asker:
        if final and not confirmed:
            await _confirm_final_try(job, asker, token, about, ask)
            confirmed = True
        question = {"kind": "pin", **ask.question(about)}
        if token.protected_path:
            asking = asker.ask(question | {"secrets": [], "pad": True, "deadline_seconds": session.host.deadlines.pin_pad})
            return await job.unless_cancelled(_on_pad(act(confirmed), asking))
        offer = await session.offer(ask.secrets, asker.pid)
        where = {"secrets": list(ask.secrets), "socket": offer.path, "nonce": offer.nonce, "deadline_seconds": PIN_SECONDS}
        await job.unless_cancelled(_secrets_or_no(session, asker.ask(question | where)))
    return await job.unless_cancelled(act(confirmed))


async def consent(job: Job, about: Mapping[str, Any], ask: Ask, reason: str, over: "asyncio.Future[Any] | None" = None, **facts: Any) -> None:
    """Ask for a yes to `ask` without a secret; raises `PinCancelled` (no_consent) and what ended the login meanwhile (`over`)."""
    async with job.asker() as asker:
        asking = asyncio.ensure_future(asker.ask({"kind": "consent", "reason": reason, **ask.question(about), **facts}))
        try:
            await job.unless_cancelled(_first(asking, *(() if over is None else (over,))))
            if over is not None and over.done():
                raise over.result()
            if asking.result() != "yes":
                raise PinCancelled(reason="no_consent")
        finally:
            asking.cancel()
            await asyncio.gather(asking, return_exceptions=True)


async def _first(*futures: "asyncio.Future[Any]") -> None:
    await asyncio.wait(futures, return_when=asyncio.FIRST_COMPLETED)


async def _confirm_final_try(job: Job, asker: Asker, token: Token, about: Mapping[str, Any], ask: Ask) -> None:
    question = {"kind": "confirm_final_try", "secret": "so_pin" if ask.as_officer else "pin", **ask.question(about)}
    if await job.unless_cancelled(asker.ask(question)) not in _FINAL_TRY_WORDS:
        raise ApiError(Code.PIN_FINAL_TRY, token=token.label, **({"reason": "so_pin"} if ask.as_officer else {}))


async def _on_pad(doing: Coroutine[Any, Any, T], asking: Awaitable[str]) -> T:
    """What came of the call that waits for the reader's pad; `PinCancelled` when the person says no on the screen first.

    Any other answer only says that the question was shown.
    """
    done, said = asyncio.ensure_future(doing), asyncio.ensure_future(asking)
    try:
        await asyncio.wait({done, said}, return_when=asyncio.FIRST_COMPLETED)
        if not done.done() and said.result() == CANCEL:
            raise PinCancelled(reason="declined")
        return await done
    finally:
        for each in (done, said):
            each.cancel()
        await asyncio.gather(done, said, return_exceptions=True)


async def _secrets_or_no(session: Session, asking: Awaitable[str]) -> None:
    """Return when the host has the secrets; raise `PinCancelled` when the person says no first."""
    received, said = asyncio.ensure_future(session.secrets_received(PIN_SECONDS)), asyncio.ensure_future(asking)
    try:
        await asyncio.wait({received, said}, return_when=asyncio.FIRST_COMPLETED)
        if not received.done():
            if said.result() == CANCEL:
                raise PinCancelled()
            await received
        received.result()
    finally:
        for each in (received, said):
            each.cancel()
        await asyncio.gather(received, said, return_exceptions=True)
