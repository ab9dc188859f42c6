"""The session host: one token, one login, its keys.  It alone holds PINs, and only until the login is done or the process ends."""

from collections.abc import Callable, Mapping

from tokens.errors import PinCancelled, PinFinalTry, PinIncorrect, PinLocked, TokenAbsent, TokenError, TokenFault, TokenRemoved
from tokens.host import cryptoki as ck
from tokens.host import objects, signing
from tokens.host.cryptoki import SlotToken
from tokens.host.pin import Offer, wipe
from tokens.host.program import Program
from tokens.wire import Link, Message, to_bytes, to_text

_UNSURE = frozenset({
    "CKR_GENERAL_ERROR", "CKR_FUNCTION_FAILED", "CKR_DEVICE_ERROR", "CKR_SESSION_HANDLE_INVALID", "CKR_SESSION_CLOSED", "CKR_USER_NOT_LOGGED_IN",
    "CKR_OBJECT_HANDLE_INVALID", "CKR_KEY_HANDLE_INVALID",
})  # fmt: skip
"""Errors that a pulled card gives as well as a real fault."""


class SessionProgram(Program):
    """Operations on one token.  `link` is the agent's channel: a wait for a PIN ends when the agent says something."""

    def __init__(self, link: Link) -> None:
        super().__init__()
        self._link = link
        self._slot: SlotToken | None = None
        self._session = 0
        self._offer: Offer | None = None
        self._secrets: dict[str, bytearray] = {}
        self._logged_in = False
        self._signers: dict[str, signing.Signer] = {}

    def operations(self) -> Mapping[str, Callable[[Message], Message]]:
        """Name to function."""
        return {
            **super().operations(),
            "open": self.open,
            "offer": self.offer,
            "await_secrets": self.await_secrets,
            "cancel": self.cancel,
            "login": self.login,
            "logout": self.logout,
            "keys": lambda _: {"keys": objects.keys(self.module, self._session)},
            "certificates": lambda _: {"certificates": objects.certificates(self.module, self._session)},
            "schemes": lambda args: {"schemes": signing.schemes_for(args["type"], self.module.mechanisms(self._slot_id))},
            "public_key": lambda args: {
                name: to_text(value) for name, value in objects.public_parts(self.module, self._session, bytes.fromhex(args["id"])).items()
            },
            "attributes": lambda args: {"attributes": objects.protection(self.module, self._session, self._signer(args).handle)},
            "sign": self.sign,
            "generate": self.generate,
            "write_certificate": self.write_certificate,
            "initialise": self.initialise,
        }

    def answer(self, op: str, args: Message) -> Message:
        """Do one operation; an error that a pulled card may have caused is looked into (facts.md: GENERAL_ERROR after removal)."""
        try:
            return super().answer(op, args)
        except TokenError as exc:
            if self._slot is not None and exc.facts.get("ckr") in _UNSURE and op not in ("open", "initialise"):
                now = self.module.slot(self._slot.slot_id)
                if now is None or (now.serial, now.label) != (self._slot.serial, self._slot.label):
                    raise TokenRemoved(ckr=exc.facts["ckr"], during=exc.facts.get("during")) from None
            raise

    @property
    def _slot_id(self) -> int:
        if self._slot is None:
            raise TokenFault(reason="not_open")
        return self._slot.slot_id

    def open(self, args: Message) -> Message:
        """A read-write session on the token that was meant; slot numbers may have changed since it was listed."""
        wanted = (args["serial"], args["label"])
        same = [slot for slot in self.module.slots() if (slot.serial, slot.label) == wanted]
        same = [slot for slot in same if slot.slot_description == args["slot_description"]] or same
        same = [slot for slot in same if slot.slot_id == args["slot_id"]] or same
        if len(same) != 1:
            raise TokenAbsent(label=args["label"], serial=args["serial"])
        self._slot = same[0]
        if self._slot.flags & ck.CKF_TOKEN_INITIALIZED:
            self._session = self.module.open_session(self._slot.slot_id, writing=True)
        return objects.describe(self._slot)

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
        """One C_Login with the PIN received, which is then overwritten, except where a key asks for it at every signature."""
        if self._logged_in:
            return {}
        slot = self.module.slot(self._slot_id)
        if slot is None:
            raise TokenRemoved(during="C_GetTokenInfo")
        if slot.flags & ck.CKF_LOCKED:
            self._forget()
            raise PinLocked(during="C_GetTokenInfo")
        if slot.flags & ck.CKF_FINAL_TRY and not args.get("confirm_final_try"):
            raise PinFinalTry()
        pad = bool(slot.flags & ck.CKF_PROTECTED_PATH)
        pin = self._secrets.get("pin")
        if pin is None and not pad:
            raise PinCancelled(reason="no_pin")
        try:
            self.module.login(self._session, ck.CKU_USER, pin)
            self._logged_in = True
        except PinIncorrect as exc:
            self._forget()
            now = self.module.slot(self._slot_id)
            raise PinIncorrect(**exc.facts, pin_state=objects.state_of(now)[1] if now else "unknown") from None
        except BaseException:
            self._forget()
            raise
        if not objects.any_always_authenticate(self.module, self._session):
            self._forget()
        return {}

    def logout(self, _args: Message) -> Message:
        """C_Logout; key handles mean nothing after it."""
        self._forget()
        self._signers.clear()
        self.module.logout(self._session)
        self._logged_in = False
        return {}

    def sign(self, args: Message) -> Message:
        """One signature in the token's own form."""
        signer, tbs = self._signer(args), to_bytes(args["tbs"])
        try:
            return {"signature": to_text(signer.sign(args["scheme"], tbs, self._secrets.get("pin")))}
        except TokenError as exc:
            if isinstance(exc, PinIncorrect | PinLocked):  # a key that asks each time: what waits behind must not spend another try
                self._forget()
            self._renew()
            raise

    def _renew(self) -> None:
        """Another session, since a failed signature may have left this one inside an operation; the login stays, as one is always open."""
        self._signers.clear()
        try:
            fresh = self.module.open_session(self._slot_id, writing=True)
        except TokenError:
            return
        self.module.close_session(self._session)
        self._session = fresh

    def generate(self, args: Message) -> Message:
        """A key pair on the token."""
        from tokens.host import writing  # python-pkcs11: loaded only where it is needed

        return writing.generate(self.module, self._slot_id, self._session, args["type"], args["label"])

    def write_certificate(self, args: Message) -> Message:
        """A certificate object beside its key."""
        from tokens.host import writing

        return writing.write_certificate(self.module, self._slot_id, self._session, args)

    def initialise(self, args: Message) -> Message:
        """C_InitToken, SO login, C_InitPIN; the module then starts anew, since slots are renumbered."""
        slot_id, slot = self._slot_id, self._slot
        assert slot is not None
        try:
            so_pin, pin = self._secrets["so_pin"], self._secrets["pin"]
        except KeyError:
            raise PinCancelled(reason="no_pin") from None
        try:
            self._may_initialise(slot, args.get("erase"))
            for secret in (so_pin, pin):
                if not slot.pin_shortest <= len(secret) <= (slot.pin_longest or len(secret)):
                    raise TokenFault(reason="pin_length", shortest=slot.pin_shortest, longest=slot.pin_longest)
            if self._session:
                self.module.close_session(self._session)
            mark = args["label"].encode("utf-8")
            self.module.init_token(slot_id, so_pin, mark)
            self._session = self.module.open_session(slot_id, writing=True)
            self.module.login(self._session, ck.CKU_SO, so_pin)
            self.module.init_pin(self._session, pin)
            self.module.logout(self._session)
        finally:
            self._forget()
        done = self.module.slot(slot_id)
        self.module.reinitialize()
        self._session, self._logged_in = 0, False
        self._signers.clear()
        wanted = {"slot_id": slot_id, "slot_description": slot.slot_description, "label": args["label"], "serial": done.serial if done else ""}
        return self.open(wanted)

    def _may_initialise(self, slot: SlotToken, erase: str | None) -> None:
        """C_InitToken destroys every object: only on a token that has none, or one that the user named by its serial."""
        if not slot.flags & ck.CKF_TOKEN_INITIALIZED or (erase is not None and erase == slot.serial and slot.serial):
            return
        if slot.flags & ck.CKF_USER_PIN_INITIALIZED or self.module.find(self._session, {}):
            raise TokenFault(reason="holds_keys", serial=slot.serial, label=slot.label)

    def _signer(self, args: Message) -> signing.Signer:
        """The private key with this CKA_ID, looked up once (facts.md: a look-up among 500 objects takes 9 ms)."""
        signer = self._signers.get(args["id"])
        if signer is None or signer.generation != self.module.generation:
            signer = self._signers[args["id"]] = signing.Signer.find(self.module, self._slot_id, self._session, bytes.fromhex(args["id"]))
        return signer

    def _forget(self) -> None:
        for secret in self._secrets.values():
            wipe(secret)
        self._secrets = {}
