"""The session host: one token, one login, its keys.  It alone holds PINs, and only until the login is done or the process ends."""

from collections.abc import Callable, Mapping

from tokens.errors import TokenError
from tokens.host import objects, pins, presence, protection, signing
from tokens.host.login import LoginProgram
from tokens.wire import Link, Message, to_bytes, to_text


class SessionProgram(LoginProgram):
    """Operations on the keys of one token."""

    def __init__(self, link: Link) -> None:
        super().__init__(link)
        self._signers: dict[str, signing.Signer] = {}

    def operations(self) -> Mapping[str, Callable[[Message], Message]]:
        """Name to function."""
        return {
            **super().operations(),
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

    def _drop_handles(self) -> None:
        self._signers.clear()

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
