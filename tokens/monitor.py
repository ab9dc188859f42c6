"""What tokens a module has, from a host that never logs in."""

import asyncio
from collections.abc import Sequence

from tokens.errors import TokenError
from tokens.hosts import Deadlines, Host
from tokens.types import Certificate, Key, KeyType, ModuleRef, ModuleStatus, PinState, SignatureScheme, Token, TokenState
from tokens.wire import Message, to_bytes


class Monitor:
    """One module under watch.  Its host starts at the first question, and again after it crashed or hung."""

    def __init__(self, ref: ModuleRef, deadlines: Deadlines | None = None) -> None:
        self.ref = ref
        self.host = Host(ref, "monitor", deadlines)
        self._loaded: Message | None = None
        self._turn = asyncio.Lock()

    async def status(self) -> ModuleStatus:
        """What the module says of itself, or why it cannot be used (never raises for that)."""
        try:
            async with self._turn:
                info = await self._ready()
        except TokenError as exc:
            return ModuleStatus(self.ref, usable=False, problem=str(exc.facts.get("reason") or exc.code))
        return ModuleStatus(self.ref, True, None, info["manufacturer"], info["description"], info["library_version"], info["cryptoki_version"])

    async def list(self, refresh: bool = False) -> tuple[Token, ...]:
        """Tokens present, uninitialised ones among them, each with the keys and certificates it shows without login.

        `refresh` reads objects anew even from a slow token that seems unchanged.  Raises `ModuleUnusable`, `ModuleTimeout`, `TokenFault`.
        """
        async with self._turn:
            await self._ready()
            answer = await self.host.call("list", {"refresh": refresh}, deadline=self.host.deadlines.list)
        return tuple(token_from(self.ref, entry) for entry in answer["tokens"])

    async def close(self) -> None:
        """End the host."""
        await self.host.close()
        self._loaded = None

    async def _ready(self) -> Message:
        if self._loaded is None or not self.host.alive:
            self._loaded = await self.host.start()
        return self._loaded


def token_from(ref: ModuleRef, entry: Message) -> Token:
    """A token as a host describes it."""
    return Token(
        module=ref.name,
        slot_id=entry["slot_id"],
        slot_description=entry["slot_description"],
        label=entry["label"],
        serial=entry["serial"],
        manufacturer=entry["manufacturer"],
        model=entry["model"],
        state=TokenState(entry["state"]),
        pin_state=PinState(entry["pin_state"]),
        login_required=entry["login_required"],
        protected_path=entry["protected_path"],
        pin_to_be_changed=entry["pin_to_be_changed"],
        so_pin_state=PinState(entry["so_pin_state"]),
        write_protected=entry["write_protected"],
        firmware_version=entry["firmware_version"],
        hardware_version=entry["hardware_version"],
        emulated=ref.origin == "emulated",
        keys=keys_from(entry.get("keys", ())),
        certificates=certificates_from(entry.get("certificates", ())),
        schemes=tuple(SignatureScheme(word) for word in entry.get("schemes", ())),
    )


def keys_from(entries: Sequence[Message]) -> tuple[Key, ...]:
    """Keys as a host describes them."""
    return tuple(
        Key(bytes.fromhex(e["id"]), e["label"], KeyType(e["type"]), e["private"], e["non_extractable"], e["always_authenticate"]) for e in entries
    )


def certificates_from(entries: Sequence[Message]) -> tuple[Certificate, ...]:
    """Certificates as a host describes them."""
    return tuple(Certificate(bytes.fromhex(e["id"]), e["label"], to_bytes(e["der"])) for e in entries)
