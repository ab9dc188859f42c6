"""A token one can log in to and sign with: one host process, one token, one login; it ends with its session.

The agent never sees a PIN: `offer` has the host open a one-shot socket, whoever has the PIN writes it there, and `login` makes
the host use it, once.  Signatures come back checked against the public key, in the form certificates and CMS carry.
"""

import secrets as randomness
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from cryptography import x509

from tokens import public
from tokens.errors import CertificateMismatch, MechanismUnsupported, TokenError, TokenFault
from tokens.hosts import Deadlines, Host
from tokens.monitor import certificates_from, keys_from, token_from
from tokens.types import Certificate, Key, KeyFacts, KeyType, ModuleRef, PinOffer, PinRules, Protection, SignatureScheme, Token
from tokens.wire import to_bytes, to_text

_LABEL_MAX = 32
_SELF_TEST = "Yinxin self-test: no declaration of intent, no document.  印信自检：不是任何文件，不表示任何意思。"


@dataclass(frozen=True, slots=True)
class GeneratedKey:
    """A key pair made on the token, with what the token says of it and how its export was refused."""

    key: Key
    public_key: bytes
    """DER SubjectPublicKeyInfo."""
    attributes: Mapping[str, bool | None]
    """local, sensitive, always_sensitive, extractable, never_extractable as read back; None where the token does not say."""
    export_attempts: Mapping[str, str]
    """read, wrap, copy, make_extractable, make_readable: the CKR_ name each attempt was refused with, or "not_offered" (no such mechanism)."""

    @property
    def export_attempt(self) -> str:
        """Always "refused": a key whose export succeeds is destroyed and reported as `TokenFault` (reason "extractable")."""
        return "refused"


class Session:
    """A session host on one token.  Make it with `open`; `close` ends the process and with it the login and every copy of the PIN."""

    def __init__(self, host: Host, token: Token, run_dir: Path) -> None:
        self.host = host
        self.token = token
        self._run_dir = run_dir
        self._public: dict[bytes, bytes] = {}
        self._facts: dict[bytes, KeyFacts] = {}
        self._offered: str | None = None

    @classmethod
    async def open(cls, ref: ModuleRef, token: Token, run_dir: Path, deadlines: Deadlines | None = None) -> "Session":
        """Start a host and open a session on `token`, in whatever slot it is now (found by `Token.same`, never by slot number).

        Raises `TokenAbsent` (reason "other_token" where another one is in its reader), `ModuleUnusable`, `ModuleTimeout`, `TokenFault`.
        """
        host = Host(ref, "session", deadlines)
        await host.start()
        try:
            seen = {"slot_id": token.slot_id, "slot_description": token.slot_description, "serial": token.serial, "label": token.label}
            entry = await host.call("open", {**seen, "certificates": sorted(token.identity.certificates)}, deadline=host.deadlines.list)
        except BaseException:
            await host.close()
            raise
        return cls(host, token_from(ref, entry), run_dir)

    async def __aenter__(self) -> "Session":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def offer(self, secrets: tuple[str, ...] = ("pin",), expect_pid: int | None = None) -> PinOffer:
        """Have the host open its one-shot PIN socket for `secrets`; only our own user, and the process `expect_pid` if given, is heard."""
        args = {"run_dir": str(self._run_dir), "secrets": secrets, "expect_pid": expect_pid}
        answer = await self.host.call("offer", args, deadline=self.host.deadlines.list)
        self._offered = answer["path"]
        return PinOffer(answer["path"], answer["nonce"], secrets)

    async def secrets_received(self, timeout: float) -> None:
        """Wait until the secrets of the last offer have come; raises `PinCancelled` (reason: time, agent, declined).

        Any other call of this session ends the wait, and a cancelled caller withdraws the offer.
        """
        try:
            await self.host.call("await_secrets", {"seconds": timeout}, deadline=timeout + 10)
        except BaseException:
            await self.cancel_offer()
            raise

    async def cancel_offer(self) -> None:
        """Withdraw the offer: the socket vanishes and `secrets_received` raises `PinCancelled`."""
        self.host.tell("cancel")

    async def login(self, confirm_final_try: bool = False) -> None:
        """Exactly one C_Login with the PIN received (on a PIN pad: none received, a person types there); nothing when logged in already.

        Raises `PinIncorrect` (fact `pin_state`: what the flags say afterwards), `PinLocked` and, without C_Login, `PinFinalTry` where the
        flags say that one more wrong PIN locks the token and nobody confirmed that (the PIN is kept, so login can be repeated with the
        confirmation), and `TokenFault` (reason "pin_to_be_changed": `change_pin` first).  `ModuleTimeout` says `try_spent`.
        """
        await self._with_pin("login", {"confirm_final_try": confirm_final_try}, self.host.deadlines.login)
        await self.host.call("settle", deadline=self.host.deadlines.list)

    async def change_pin(self, rules: PinRules | None = None, confirm_final_try: bool = False) -> Token:
        """One C_SetPIN with the secrets "pin" and "new_pin" received (on a PIN pad none); no login is needed.  The token as it then is.

        `rules` and the token's limits are judged before anything is sent: `PinUnacceptable`, also (reason "refused") where the token does not
        want the new PIN.  Else raises as `login` does, and `TokenFault` (reason "write_protected").
        """
        return self._seen(await self._with_pin("change_pin", _about(rules, confirm_final_try), self.host.deadlines.login))

    async def unblock(self, rules: PinRules | None = None, confirm_final_try: bool = False) -> Token:
        """One C_Login of the SO and C_InitPIN with the secrets "so_pin" and "new_pin" received (on a PIN pad none), and C_Logout.

        The token as it then is; nobody is logged in afterwards.  Raises as `change_pin` does; `PinIncorrect`, `PinLocked` and `PinFinalTry`
        have the reason "so_pin" where the SO PIN is meant.
        """
        self._facts.clear()
        return self._seen(await self._with_pin("unblock", _about(rules, confirm_final_try), self.host.deadlines.login))

    async def _with_pin(self, op: str, args: Mapping[str, object], limit: float) -> Mapping[str, object]:
        """A call in which a PIN reaches the module: on a pad it takes as long as a person does, and its end in the middle may cost a try."""
        typed = 1 if op in ("login", "sign") else 3  # the old one, the new one, and that again
        pad = typed * self.host.deadlines.pin_pad if self.token.protected_path else 0.0
        return await self.host.call(op, dict(args), deadline=max(limit, pad), spends_try=True)

    def _seen(self, entry: Mapping[str, object]) -> Token:
        self.token = token_from(self.host.ref, dict(entry))
        return self.token

    async def present(self) -> bool:
        """Whether the token is there still, with its session and login: for modules that let nobody else look meanwhile."""
        return bool((await self.host.call("present", deadline=self.host.deadlines.list))["present"])

    async def keys(self) -> tuple[Key, ...]:
        """Private keys, and public ones without a private partner, as seen now."""
        return keys_from((await self.host.call("keys", deadline=self.host.deadlines.list))["keys"])

    async def certificates(self) -> tuple[Certificate, ...]:
        """Certificates, private objects included after login."""
        return certificates_from((await self.host.call("certificates", deadline=self.host.deadlines.list))["certificates"])

    async def schemes(self, cka_id: bytes) -> tuple[SignatureScheme, ...]:
        """What this key can sign with by the token's mechanisms, most widely accepted first; raises `KeyNotFound`.

        It goes by the public key, so that it can be told before login, when most tokens hide the private one.
        """
        try:
            kind = public.type_of(await self.public_key(cka_id))
        except MechanismUnsupported:
            return ()
        answer = await self.host.call("schemes", {"type": kind}, deadline=self.host.deadlines.list)
        return tuple(SignatureScheme(word) for word in answer["schemes"])

    async def public_key(self, cka_id: bytes) -> bytes:
        """The key's DER SubjectPublicKeyInfo, from its public or private object or its certificate; raises `KeyNotFound`."""
        if cka_id not in self._public:
            parts = await self.host.call("public_key", {"id": cka_id.hex()}, deadline=self.host.deadlines.list)
            self._public[cka_id] = _public_key(parts)
        return self._public[cka_id]

    async def attributes(self, cka_id: bytes) -> Mapping[str, bool | None]:
        """The private key's protection as the token states it: the names of `GeneratedKey.attributes`; raises `KeyNotFound`."""
        answer = await self.host.call("attributes", {"id": cka_id.hex()}, deadline=self.host.deadlines.list)
        return dict(answer["attributes"])

    async def protection(self, cka_id: bytes) -> Protection:
        """The attributes, and real attempts to read, wrap, copy and re-flag the private key, each of which must be refused.

        What succeeds is undone at once, and the key's bytes never leave the host.  Raises `KeyNotFound`, `TokenRemoved`.
        """
        answer = await self.host.call("protection", {"id": cka_id.hex()}, deadline=self.host.deadlines.write)
        return Protection(dict(answer["attributes"]), dict(answer["attempts"]))

    async def signer(self, cka_id: bytes) -> KeyFacts:
        """What the private key is and can, told after login; looked up once.  Raises `KeyNotFound`."""
        if cka_id not in self._facts:
            seen = await self.host.call("signer", {"id": cka_id.hex()}, deadline=self.host.deadlines.list)
            self._facts[cka_id] = KeyFacts(seen["type"], tuple(SignatureScheme(word) for word in seen["schemes"]), seen["always_authenticate"])
        return self._facts[cka_id]

    async def mechanisms(self) -> tuple[tuple[int, str], ...]:
        """What the token offers, number and name (CKM_…), in order; a mechanism of the vendor's own has an empty name."""
        answer = await self.host.call("mechanisms", deadline=self.host.deadlines.list)
        return tuple((int(number), str(name)) for number, name in answer["mechanisms"])

    async def sign(self, cka_id: bytes, scheme: SignatureScheme, tbs: bytes, public_key_der: bytes | None = None) -> bytes:
        """The signature over `tbs` (hashed in the host or by the token): PKCS#1/PSS octets, or a DER Ecdsa-Sig-Value (RFC 3279 2.2.3).

        It is checked at once with `public_key_der` (SubjectPublicKeyInfo; the token's own public key where None): a signature that does not
        verify is `TokenFault` (reason "wrong_signature") and is not returned.  Several may be under way; the token serves them in order.
        A key that asks each time gets the PIN of the login again; the first one refused (`PinIncorrect`) or the token pulled (`TokenRemoved`)
        ends them all, and none reaches the token any more (after a PIN until `logout` and another `login`, after a removal for good).
        Raises `KeyNotFound`, `MechanismUnsupported`, `TokenRemoved`, `ModuleTimeout`, `ModuleUnusable`.
        """
        expected = public_key_der if public_key_der is not None else await self.public_key(cka_id)
        request = {"id": cka_id.hex(), "scheme": scheme.value, "tbs": to_text(tbs)}
        if (self._facts.get(cka_id) or await self.signer(cka_id)).always_authenticate:
            answer = await self._with_pin("sign", request, self.host.deadlines.sign)
        else:
            answer = await self.host.call("sign", request, deadline=self.host.deadlines.sign)
        return public.checked(expected, scheme, to_bytes(str(answer["signature"])), tbs)

    async def self_test(self, cka_id: bytes, scheme: SignatureScheme, public_key_der: bytes | None = None) -> None:
        """Sign a text that says it is none, with random in it, and check that; raises as `sign` does."""
        await self.sign(cka_id, scheme, f"{_SELF_TEST} {randomness.token_hex(16)}".encode(), public_key_der)

    async def generate(self, key_type: KeyType, label: str) -> GeneratedKey:
        """A key pair made on the token, sensitive and not extractable, under a random CKA_ID; its export is attempted and must be refused.

        Two keys may bear one label: the CKA_ID tells them apart.  Raises `MechanismUnsupported`, `TokenFault` (reason "extractable" when
        the key could be taken out; it is then destroyed).
        """
        answer = await self.host.call("generate", {"type": key_type.value, "label": label}, deadline=self.host.deadlines.generate)
        cka_id = bytes.fromhex(answer["id"])
        self._public[cka_id] = _public_key(answer["public"])
        key = Key(cka_id, label, key_type, private=True, non_extractable=True, always_authenticate=answer["always_authenticate"])
        return GeneratedKey(key, self._public[cka_id], dict(answer["attributes"]), dict(answer["export_attempts"]))

    async def write_certificate(self, cka_id: bytes, der: bytes, label: str) -> None:
        """Store a certificate beside its key; the same certificate twice is stored once.

        Raises `CertificateMismatch` (its public key is not the key's, or it cannot be read), `KeyNotFound`.
        """
        try:
            certificate = x509.load_der_x509_certificate(der)
            theirs = public.to_der(certificate.public_key())
        except public.UNREADABLE as exc:
            raise CertificateMismatch(reason="unreadable") from exc
        if theirs != await self.public_key(cka_id):
            raise CertificateMismatch(id=cka_id.hex())
        request = {
            "id": cka_id.hex(),
            "label": label,
            "der": to_text(der),
            "subject": to_text(certificate.subject.public_bytes()),
            "issuer": to_text(certificate.issuer.public_bytes()),
            "serial": to_text(_integer(certificate.serial_number)),
        }
        await self.host.call("write_certificate", request, deadline=self.host.deadlines.write)

    async def initialise(self, label: str, erase: str | None = None, rules: PinRules | None = None, confirm_final_try: bool = False) -> Token:
        """C_InitToken, SO login, C_InitPIN with the secrets "so_pin" and "pin" received (on a PIN pad none); the token as it then is.

        A token that is initialised already may hold keys we cannot see: `TokenFault` (reason "holds_keys") unless `erase` is its serial.
        Raises `PinUnacceptable` before anything is sent (`rules`, the token's limits; reason "refused_halfway" where the token is initialised
        and then wants no such user PIN), `PinIncorrect` (reason "so_pin"), `TokenFault` (reason "label_too_long", "write_protected").
        """
        if not label.strip() or len(label.encode("utf-8")) > _LABEL_MAX:
            raise TokenFault(reason="label_too_long", longest=_LABEL_MAX)
        args = {"label": label, "erase": erase, **_about(rules, confirm_final_try)}
        self._facts.clear()
        self._public.clear()
        return self._seen(await self._with_pin("initialise", args, self.host.deadlines.initialise))

    async def logout(self) -> None:
        """C_Logout; the PIN the host may have kept for keys that ask each time is overwritten.  `login` with another PIN may follow."""
        self._facts.clear()
        await self.host.call("logout", deadline=self.host.deadlines.list)

    async def end(self, why: TokenError) -> None:
        """End the host under those who use the session: what they asked and will ask raises `why`."""
        await self.host.end(why)
        self._unlink()

    async def close(self) -> None:
        """End the host at once; its PIN socket, should it stand there still, goes with it."""
        await self.host.close()
        self._unlink()

    def _unlink(self) -> None:
        if self._offered is not None:
            Path(self._offered).unlink(missing_ok=True)


def _about(rules: PinRules | None, confirm_final_try: bool) -> dict[str, object]:
    return {"rules": asdict(rules) if rules is not None else None, "confirm_final_try": confirm_final_try}


def _public_key(parts: Mapping[str, str]) -> bytes:
    return public.from_parts({name: to_bytes(value) for name, value in parts.items()})


def _integer(value: int) -> bytes:
    """DER INTEGER content and header of a serial number, as CKA_SERIAL_NUMBER wants it."""
    body = value.to_bytes(value.bit_length() // 8 + 1, "big")
    return b"\x02" + bytes([len(body)]) + body
