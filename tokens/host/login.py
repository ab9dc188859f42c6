"""What a session host does with PINs: it sends each once, and overwrites it."""

import math
import time
from collections.abc import Callable, Mapping

from tokens.errors import PinFinalTry, TokenAbsent, TokenError, TokenFault, TokenRemoved
from tokens.host import cryptoki as ck
from tokens.host import objects, pins, presence
from tokens.host.cryptoki import SlotToken
from tokens.host.receiving import SecretsProgram
from tokens.wire import Link, Message


class LoginProgram(SecretsProgram):
    """One token, its session and its login."""

    def __init__(self, link: Link) -> None:
        super().__init__(link)
        self._token: SlotToken | None = None
        self._wanted: Message = {}
        self._session = 0
        self._logged_in = False
        self._shown = False
        """The module says of its session that it is logged in: if it ever does not, the login is lost."""
        self._confirmed = False
        """Somebody said that the last try may be spent."""
        self._stopped: TokenError | None = None
        """What ended the signing: a PIN refused within it, or the token pulled.  Nothing that waits behind reaches the token any more."""
        self._looked = -math.inf
        """When an unclear error was last looked into (time.monotonic)."""

    def operations(self) -> Mapping[str, Callable[[Message], Message]]:
        """Name to function."""
        return {
            **super().operations(),
            "open": self.open,
            "present": lambda _: {"present": presence.trouble(self.module, self._slot, self._session, self._shown) is None},
            "login": self.login,
            "settle": self.settle,
            "logout": self.logout,
            "change_pin": self.change_pin,
            "unblock": self.unblock,
            "initialise": self.initialise,
        }

    def answer(self, op: str, args: Message) -> Message:
        """Do one operation.  An error that a pulled card may have caused is looked into; after a removal no PIN is kept."""
        stopped = self._stopped
        try:
            return super().answer(op, args)
        except (TokenRemoved, TokenAbsent) as exc:
            self._end(exc)
            raise
        except TokenError as exc:
            doubtful = self._token is not None and op not in ("open", "initialise") and presence.doubtful(exc, self._logged_in)
            if not doubtful or exc is stopped:  # what waits behind a call that was looked into says the same
                raise
            waited = time.monotonic() - self._looked < 2 * presence.SETTLES  # a queue that fails one by one waits once
            gone = presence.trouble(self.module, self._slot, self._session, self._shown, exc, 0.0 if waited else presence.SETTLES)
            self._looked = time.monotonic()
            if gone is None:
                raise
            self._end(gone)
            raise gone from None

    def _drop_handles(self) -> None:
        """Handles of objects mean nothing any more."""

    def _end(self, why: TokenError) -> None:
        self._forget()
        self._stopped = why

    @property
    def _slot(self) -> SlotToken:
        if self._token is None:
            raise TokenFault(reason="not_open")
        return self._token

    def _now(self) -> SlotToken:
        """The token with its flags of this moment; raises `TokenRemoved`."""
        slot = self.module.slot(self._slot.slot_id)
        if slot is None or (slot.serial, slot.label) != (self._slot.serial, self._slot.label):
            raise TokenRemoved(during="C_GetTokenInfo")
        return slot

    def _ready(self) -> SlotToken:
        """As `_now`, for a PIN that is about to be sent.

        It may have been pulled and put back while somebody typed: then with another session, and never another token.
        """
        gone = presence.trouble(self.module, self._slot, self._session, self._shown)
        if gone is not None and self._logged_in:
            raise gone
        if gone is not None:
            try:
                self.open(self._wanted)
            except TokenAbsent as exc:
                raise exc if exc.facts.get("reason") else gone from None
        return self._now()

    def _described(self) -> Message:
        """The token after something was done to its PINs: the agent's picture of it is to be the new one."""
        self._token = self._now()
        return objects.describe(self._token)

    def open(self, args: Message) -> Message:
        """A session on the token that was meant, in whatever slot it is now; read-write where the token lets us."""
        self._wanted = args
        self._token, self._session = presence.find(self.module, args)
        return objects.describe(self._token)

    def login(self, args: Message) -> Message:
        """One C_Login with the PIN received; `settle` must follow, since the PIN is there still."""
        if isinstance(self._stopped, TokenRemoved):
            raise self._stopped  # another session may be opened on it, with another login
        if self._logged_in:
            return {}
        self._confirmed = bool(args.get("confirm_final_try"))
        slot = self._ready()
        self._guard(lambda: pins.guard(slot, self._confirmed))
        try:
            pins.login(self.module, self._session, slot, self._secrets)
        except BaseException:
            self._forget()
            raise
        self._logged_in, self._stopped = True, None
        return {}

    def settle(self, _args: Message) -> Message:
        """After a login: overwrite the PIN, except where a key asks for it at every signature.  A hang here costs no try any more."""
        kept = False
        try:
            self._shown = presence.shows_login(self.module, self._session)
            kept = not pins.pad(self._slot) and objects.any_always_authenticate(self.module, self._session)
        finally:
            if not kept:
                self._forget()
        return {}

    def _guard(self, check: Callable[[], None]) -> None:
        """What the flags forbid; a PIN that waits for a confirmation is kept, one that cannot be used is not."""
        try:
            check()
        except PinFinalTry:
            raise
        except BaseException:
            self._forget()
            raise

    def logout(self, _args: Message | None = None) -> Message:
        """C_Logout; key handles mean nothing after it."""
        self._forget()
        self._drop_handles()
        self.module.logout(self._session)
        self._logged_in = self._shown = False
        return {}

    def change_pin(self, args: Message) -> Message:
        """C_SetPIN from the old PIN to the new one."""
        slot = self._ready()
        self._guard(lambda: pins.guard(slot, bool(args.get("confirm_final_try"))))
        try:
            with presence.writing():
                pins.change(self.module, self._session, slot, self._secrets, args.get("rules"))
        finally:
            self._forget()
        return self._described()

    def unblock(self, args: Message) -> Message:
        """A new user PIN by the SO's; whoever was logged in is logged out first, since SO and user cannot both be."""
        slot = self._ready()
        self._guard(lambda: pins.guard_so(slot, bool(args.get("confirm_final_try"))))
        if self._logged_in:
            self.module.logout(self._session)
            self._logged_in = self._shown = False
            self._drop_handles()
        try:
            with presence.writing():
                pins.unblock(self.module, self._session, slot, self._secrets, args.get("rules"))
        finally:
            self._forget()
        return self._described()

    def initialise(self, args: Message) -> Message:
        """C_InitToken, SO login, C_InitPIN; the module then starts anew, since slots are renumbered."""
        slot = self._ready()  # what is there now is erased, not what was there when the PINs were asked for
        if slot.flags & ck.CKF_TOKEN_INITIALIZED:  # SoftHSM2 calls a blank token's PINs locked
            self._guard(lambda: pins.guard_so(slot, bool(args.get("confirm_final_try"))))
        try:
            self._may_initialise(slot, args.get("erase"))
            with presence.writing():
                self._session = pins.initialise(
                    self.module, self._session, slot, self._secrets, args["label"].encode("utf-8"), args.get("rules")
                )  # fmt: skip
        finally:
            self._forget()
        done = self.module.slot(slot.slot_id)
        self.module.reinitialize()
        self._session, self._logged_in, self._shown = 0, False, False
        self._drop_handles()
        serial = done.serial if done else ""
        return self.open({"slot_id": slot.slot_id, "slot_description": slot.slot_description, "label": args["label"], "serial": serial})

    def _may_initialise(self, slot: SlotToken, erase: str | None) -> None:
        """C_InitToken destroys every object: only on a token that has none, or one that the user named by its serial."""
        if not slot.flags & ck.CKF_TOKEN_INITIALIZED or (erase is not None and erase == slot.serial and slot.serial):
            return
        if slot.flags & ck.CKF_USER_PIN_INITIALIZED or self.module.find(self._session, {}):
            raise TokenFault(reason="holds_keys", serial=slot.serial, label=slot.label)
