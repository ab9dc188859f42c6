"""A device key on a token or TPM: made there, never out of it, and usable while its login lasts.  The PIN is asked for once in an agent's life."""

import asyncio
import hashlib
from contextlib import AsyncExitStack

from agent.device import certificate
from agent.device.key import DeviceKey, Level
from agent.device.store import About
from agent.inventory.service import Inventory
from agent.server.jobs import Job
from tokens.errors import KeyNotFound, MechanismUnsupported, TokenError
from tokens.keys import token_key
from tokens.session import Session
from tokens.types import KeyType, SignatureScheme, Token

_LABEL = "Yinxin device"


class TokenKey:
    """The open session with the token that holds the device's key."""

    def __init__(self, inventory: Inventory) -> None:
        self._inventory = inventory
        self._stack: AsyncExitStack | None = None
        self._session: Session | None = None

    @property
    def is_open(self) -> bool:
        """Whether the key can sign without asking anybody."""
        return self._session is not None and self._session.host.alive

    async def close(self) -> None:
        """Log out."""
        stack, self._stack, self._session = self._stack, None, None
        if stack is not None:
            await stack.aclose()

    async def make(self, job: Job, selector: str | None, id: str | None = None) -> tuple[About, DeviceKey]:
        """A key pair on the token and its certificate, which is not written there: nobody is to take it for a person's.

        Raises what `Inventory.unlocked` and `Session.generate` raise.
        """
        token = await self._inventory.pick(selector)
        session = await self._login(job, token)
        try:
            return await self._made(session, token, id)
        except BaseException:
            await self.close()  # nobody has use for this login
            raise

    async def _made(self, session: Session, token: Token, id: str | None) -> tuple[About, DeviceKey]:
        kind = KeyType.P256 if token.schemes_for("p256") else KeyType.RSA2048
        made = await session.generate(kind, _LABEL)
        scheme = next(iter((await session.signer(made.key.cka_id)).schemes), None)
        if scheme is None:
            raise MechanismUnsupported(token=token.label)
        loop = asyncio.get_running_loop()

        def sign(scheme: SignatureScheme, tbs: bytes) -> bytes:
            return asyncio.run_coroutine_threadsafe(session.sign(made.key.cka_id, scheme, tbs), loop).result()

        private = token_key(made.public_key, sign)
        name = id or certificate.device_id(private.public_key())
        written = await asyncio.to_thread(certificate.self_signed, name, private)
        where = {
            "module": token.module,
            "serial": token.serial,
            "label": token.label,
            "key": made.key.cka_id.hex(),
            "scheme": scheme.value,
            "public": hashlib.sha256(made.public_key).hexdigest(),
        }
        about = About(name, Level.FILE if token.emulated else Level.TOKEN, written, where)
        self._inventory.stale()
        return about, self._key(session, about)

    async def open(self, job: Job, about: About) -> DeviceKey:
        """Ask for the PIN and log in; raises what the inventory raises, `KeyNotFound` where the token has not that key."""
        token = await self._inventory.pick(about.where["serial"] or about.where["label"])
        session = await self._login(job, token, bytes.fromhex(about.where["key"]))
        try:
            public = await session.public_key(bytes.fromhex(about.where["key"]))
        except BaseException:
            await self.close()
            raise
        if hashlib.sha256(public).hexdigest() != about.where["public"]:
            await self.close()
            raise KeyNotFound(token=token.label, key=_LABEL)
        return self._key(session, about)

    async def _login(self, job: Job, token: Token, cka_id: bytes | None = None) -> Session:
        await self.close()
        stack = AsyncExitStack()
        try:
            session = await stack.enter_async_context(self._inventory.session(token, job, fresh=True))
            await self._inventory.unlock(job, session, token, "device_key", cka_id=cka_id)
        except BaseException as error:
            await stack.__aexit__(type(error), error, error.__traceback__)
            raise
        session.host.on_silence = None  # it outlives its job
        self._stack, self._session = stack, session
        return session

    def _key(self, session: Session, about: About) -> DeviceKey:
        cka_id, scheme = bytes.fromhex(about.where["key"]), SignatureScheme(about.where["scheme"])

        async def sign(data: bytes) -> bytes:
            try:
                return await session.sign(cka_id, scheme, data)
            except TokenError:
                if self._session is session:
                    await self.close()  # the next one who needs it is asked anew
                raise

        return DeviceKey(about.id, about.level, about.certificate, scheme, sign)
