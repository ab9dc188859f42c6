"""The session host: one token, one login, its keys.  It alone holds PINs, and only until the login is done or the process ends."""

from collections.abc import Callable, Mapping

from tokens.errors import PinCancelled, PinFinalTry, TokenError, TokenFault, TokenRemoved
from tokens.host import cryptoki as ck
from tokens.host import objects, pins, presence, protection, signing
from tokens.host.cryptoki import SlotToken
from tokens.host.pin import Offer, wipe
from tokens.host.program import Program
from tokens.wire import Link, Message, to_bytes, to_text


class SessionProgram(Program):
    """Operations on one token.  `link` is the agent's channel: a wait for a PIN ends when the agent says something."""

    def __init__(self, link: Link) -> None:
        super().__init__()
        self._link = link
        self._token: SlotToken | None = None
        self._session = 0
        self._offer: Offer | None = None
        self._secrets: dict[str, bytearray] = {}
        self._logged_in = False
        self._shown = False
        """The module says of its session that it is logged in: if it ever does not, the login is lost."""
        self._confirmed = False
        """Somebody said that the last try may be spent."""
        self._stopped: TokenError | None = None
        """What ended the signing: a PIN refused within it, or the token pulled.  Nothing that waits behind reaches the token any more."""
        self._signers: dict[str, signing.Signer] = {}

    def operations(self) -> Mapping[str, Callable[[Message], Message]]:
        """Name to function."""
        return {
            **super().operations(),
            "open": self.open,
            "present": lambda _: {"present": presence.trouble(self.module, self._slot, self._session, self._shown) is None},
            "offer": self.offer,
            "await_secrets": self.await_secrets,
            "cancel": self.cancel,
            "login": self.login,
            "settle": self.settle,
            "logout": self.logout,
            "change_pin": self.change_pin,
            "unblock": self.unblock,
            "initialise": self.initialise,
            "keys": lambda _: {"keys": objects.keys(self.module, self._session)},
            "certificates": lambda _: {"certificates": objects.certificates(self.module, self._session)},
            "schemes": lambda args: {"schemes": signing.schemes_for(args["type"], self.module.mechanisms(self._slot.slot_id))},
            "mechanisms": lambda _: {"mechanisms": self._mechanisms()},
            "public_key": lambda args: {
                name: to_text(value) for name, value in objects.public_parts(self.module, self._session, bytes.fromhex(args["id"])).items()
            },
            "attributes": lambda args: {"attributes": objects.protection(self.module, self._session, self._signer(args).handle)},
            "protection": self.protection,
            "signer": self.signer,
            "sign": self.sign,
            "generate": self.generate,
            "write_certificate": self.write_certificate,
        }

    def answer(self, op: str, args: Message) -> Message:
        """Do one operation.  An error that a pulled card may have caused is looked into; after a removal no PIN is kept."""
        try:
            return super().answer(op, args)
        except TokenRemoved as exc:
            self._end(exc)
            raise
        except TokenError as exc:
            doubtful = self._token is not None and op not in ("open", "initialise") and presence.doubtful(exc, self._logged_in)
            gone = presence.trouble(self.module, self._slot, self._session, self._shown, exc) if doubtful else None
            if gone is None:
                raise
            self._end(gone)
            raise gone from None

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
        if slot is None:
            raise TokenRemoved(during="C_GetTokenInfo")
        return slot

    def _described(self) -> Message:
        """The token after something was done to its PINs: the agent's picture of it is to be the new one."""
        self._token = self._now()
        return objects.describe(self._token)

    def open(self, args: Message) -> Message:
        """A session on the token that was meant, in whatever slot it is now; read-write where the token lets us."""
        self._token, self._session = presence.find(self.module, args)
        return objects.describe(self._token)

    # Secrets

    def offer(self, args: Message) -> Message:
        """Open the PIN socket; what was received before is forgotten."""
        self._forget()
        if self._offer is not None:
            self._offer.close()
        self._offer = Offer.open(args["run_dir"], tuple(args["secrets"]), args.get("expect_pid"))
        return {"path": self._offer.path, "nonce": self._offer.nonce}

    def await_secrets(self, args: Message) -> Message:
        """Wait for the secrets of the offer."""
        offer, self._offer = self._offer, None
        if offer is None:
            raise PinCancelled(reason="no_pin")
        self._secrets = offer.wait(self._link, args["seconds"])
        return {}

    def cancel(self, _args: Message) -> Message:
        """Withdraw an offer nobody waits for; a wait under way has ended by the arrival of this very message."""
        if self._offer is not None:
            self._offer.close()
            self._offer = None
        return {}

    def login(self, args: Message) -> Message:
        """One C_Login with the PIN received; `settle` must follow, since the PIN is there still."""
        if isinstance(self._stopped, TokenRemoved):
            raise self._stopped  # another session may be opened on it, with another login
        if self._logged_in:
            return {}
        self._confirmed = bool(args.get("confirm_final_try"))
        slot = self._now()
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
        self._signers.clear()
        self.module.logout(self._session)
        self._logged_in = self._shown = False
        return {}

    def change_pin(self, args: Message) -> Message:
        """C_SetPIN from the old PIN to the new one."""
        slot = self._now()
        self._guard(lambda: pins.guard(slot, bool(args.get("confirm_final_try"))))
        try:
            with presence.writing():
                pins.change(self.module, self._session, slot, self._secrets, args.get("rules"))
        finally:
            self._forget()
        return self._described()

    def unblock(self, args: Message) -> Message:
        """A new user PIN by the SO's; whoever was logged in is logged out first, since SO and user cannot both be."""
        slot = self._now()
        self._guard(lambda: pins.guard_so(slot, bool(args.get("confirm_final_try"))))
        if self._logged_in:
            self.module.logout(self._session)
            self._logged_in = self._shown = False
            self._signers.clear()
        try:
            with presence.writing():
                pins.unblock(self.module, self._session, slot, self._secrets, args.get("rules"))
        finally:
            self._forget()
        return self._described()

    def initialise(self, args: Message) -> Message:
        """C_InitToken, SO login, C_InitPIN; the module then starts anew, since slots are renumbered."""
        slot = self._slot
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
        self._signers.clear()
        serial = done.serial if done else ""
        return self.open({"slot_id": slot.slot_id, "slot_description": slot.slot_description, "label": args["label"], "serial": serial})

    def _may_initialise(self, slot: SlotToken, erase: str | None) -> None:
        """C_InitToken destroys every object: only on a token that has none, or one that the user named by its serial."""
        if not slot.flags & ck.CKF_TOKEN_INITIALIZED or (erase is not None and erase == slot.serial and slot.serial):
            return
        if slot.flags & ck.CKF_USER_PIN_INITIALIZED or self.module.find(self._session, {}):
            raise TokenFault(reason="holds_keys", serial=slot.serial, label=slot.label)

    def _forget(self) -> None:
        for secret in self._secrets.values():
            wipe(secret)
        self._secrets = {}

    # Keys

    def signer(self, args: Message) -> Message:
        """What the private key is and can."""
        found = self._signer(args)
        return {"type": found.key_type, "schemes": found.schemes, "always_authenticate": found.asks_each_time}

    def protection(self, args: Message) -> Message:
        """The key's attributes, and real attempts to get it out."""
        handle, slot = self._signer(args).handle, self._slot
        attributes = objects.protection(self.module, self._session, handle)
        tried = protection.attempts(self.module, slot.slot_id, self._session, handle)
        if gone := presence.trouble(self.module, slot, self._session, self._shown):
            raise gone
        return {"attributes": attributes, "attempts": tried}

    def sign(self, args: Message) -> Message:
        """One signature in the token's own form."""
        if self._stopped is not None:
            raise self._stopped
        signer, tbs = self._signer(args), to_bytes(args["tbs"])
        try:
            if not signer.asks_each_time:
                return {"signature": to_text(signer.sign(args["scheme"], tbs))}
            slot = self._now()
            self._guard(lambda: pins.guard(slot, self._confirmed))
            (pin,) = pins.needed(self._secrets, slot, "pin")
            with pins.tried(self.module, slot):
                return {"signature": to_text(signer.sign(args["scheme"], tbs, (pin,)))}
        except TokenError as exc:
            if exc.facts.get("during") == "C_Login":  # what waits behind must not spend another try
                self._forget()
                self._stopped = exc
            self._renew()
            raise

    def _renew(self) -> None:
        """Another session, since a failed signature may have left this one inside an operation; the login stays, as one is always open."""
        self._signers.clear()
        try:
            fresh = presence.session_on(self.module, self._slot.slot_id)
        except TokenError:
            return
        self.module.close_session(self._session)
        self._session = fresh

    def _mechanisms(self) -> list[tuple[int, str]]:
        """Number and name of each mechanism, by python-pkcs11's list of names."""
        from tokens.host import binding  # loaded only where it is needed

        return [(number, binding.mechanism_name(number)) for number in sorted(self.module.mechanisms(self._slot.slot_id))]

    def generate(self, args: Message) -> Message:
        """A key pair on the token."""
        from tokens.host import writing  # python-pkcs11: loaded only where it is needed

        with presence.writing():
            return writing.generate(self.module, self._slot.slot_id, self._session, args["type"], args["label"])

    def write_certificate(self, args: Message) -> Message:
        """A certificate object beside its key."""
        from tokens.host import writing

        with presence.writing():
            return writing.write_certificate(self.module, self._slot.slot_id, self._session, args)

    def _signer(self, args: Message) -> signing.Signer:
        """The private key with this CKA_ID, looked up once (facts.md: a look-up among 500 objects takes 9 ms)."""
        signer = self._signers.get(args["id"])
        if signer is None or signer.generation != self.module.generation:
            signer = self._signers[args["id"]] = signing.Signer.find(self.module, self._slot.slot_id, self._session, bytes.fromhex(args["id"]))
        return signer
