"""What tokens a module has, from a host that never logs in."""

import asyncio
import builtins
from collections.abc import Callable, Sequence
from dataclasses import replace

from tokens.errors import ModuleTimeout, TokenError, TokenFault
from tokens.hosts import Deadlines, Host
from tokens.module_file import examine
from tokens.profiles import network_allowed, profile_of
from tokens.types import Certificate, Key, KeyType, ModuleRef, ModuleStatus, PinState, SignatureScheme, Token, TokenState
from tokens.wire import Message, WireError, to_bytes

GROWN_KB, GROWN_FILES = 64 * 1024, 64
"""A monitor host that has become so much larger than after its first list leaks, or its module does: another takes its place."""


class Monitor:
    """One module under watch.  Its host starts at the first question, and again after it crashed, hung or grew."""

    def __init__(self, ref: ModuleRef, deadlines: Deadlines | None = None) -> None:
        self.ref = ref
        self.host = Host(ref, "monitor", deadlines)
        self.host.on_event = self._heard
        self.renewed = 0
        """How often the host was replaced because it grew."""
        self._loaded: Message | None = None
        self._first_size: tuple[int, int] | None = None
        self._turn = asyncio.Lock()
        self._callbacks: builtins.list[Callable[[], None]] = []
        self._ask_module = profile_of(ref).events is not False

    async def status(self) -> ModuleStatus:
        """What the module says of itself, or why it cannot be used (never raises for that); one whose C_GetSlotList hangs cannot."""
        profile = profile_of(self.ref)
        network = "allowed" if network_allowed(self.ref) else "denied"
        try:
            async with self._turn:
                info = await self._ready()
                await self.host.call("slots", deadline=self.host.deadlines.list)
        except TokenError as exc:
            problem = str(exc.facts.get("reason") or exc.code)
            return ModuleStatus(self.ref, usable=False, problem=problem, profile=profile.name, network=network)
        if network == "denied" and not info["confined"]:
            network = "not_denied"  # this kernel or machine has no filter for it: said, not hidden
        words = (info["manufacturer"], info["description"], info["library_version"], info["cryptoki_version"])
        return ModuleStatus(self.ref, True, None, *words, profile.name, network)

    async def list(self, refresh: bool = False) -> tuple[Token, ...]:
        """Tokens present, uninitialised ones among them, each with the keys and certificates it shows without login.

        `refresh` reads objects anew even from a slow token that seems unchanged.  Raises `ModuleUnusable`, `ModuleTimeout`, `TokenFault`.
        """
        async with self._turn:
            await self._ready()
            try:
                answer = await self.host.call("list", {"refresh": refresh}, deadline=self.host.deadlines.list)
            except ModuleTimeout:
                # It may be C_WaitForSlotEvent that hung, between two questions: this module is not asked for events again.
                self._ask_module = self._ask_module and not self._callbacks
                raise
            try:
                tokens = tuple(token_from(self.ref, entry) for entry in answer["tokens"])
                await self._renew_if_grown(answer["memory_kb"], answer["files"])
            except (KeyError, TypeError, ValueError, AttributeError, WireError) as exc:
                await self.host.close()  # its module has written over it, or in its place: nothing it says counts
                self._loaded = None
                raise TokenFault(reason="nonsense", module=self.ref.name, during="list") from exc
        return tokens

    def on_event(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Call `callback`, in the event loop, when the tokens of this module may have changed; the result ends that.

        It comes within a quarter of a second of the event where the machine or the module tells of it.  Not every one does: it makes a
        list come sooner and replaces none.  It starts no host.
        """
        self._callbacks.append(callback)
        self._watch()

        def end() -> None:
            if callback in self._callbacks:
                self._callbacks.remove(callback)
                self._watch()

        return end

    async def close(self) -> None:
        """End the host."""
        await self.host.close()
        self._loaded = None

    async def _ready(self) -> Message:
        if self._loaded is None or not self.host.alive:
            self._first_size = None
            self._loaded = await self.host.start()
            if self._callbacks:
                self._watch()
        elif self.ref.sha256 is not None:
            try:
                await asyncio.to_thread(examine, self.ref.path, self.ref.sha256)
            except TokenError:  # what is loaded is not what lies there now: it is told at once, and not at the next start
                await self.close()
                raise
        return self._loaded

    def _watch(self) -> None:
        self.host.tell("watch", {"on": bool(self._callbacks), "module": self._ask_module})

    def _heard(self, event: Message) -> None:
        if event.get("event") == "slots":
            for callback in tuple(self._callbacks):
                callback()

    async def _renew_if_grown(self, memory_kb: int, files: int) -> None:
        if self._first_size is None:
            self._first_size = (memory_kb, files)
        elif memory_kb - self._first_size[0] > GROWN_KB or files - self._first_size[1] > GROWN_FILES:
            self.renewed += 1
            await self.host.close()
            self._loaded = None


def token_from(ref: ModuleRef, entry: Message) -> Token:
    """A token as a host describes it; a PIN's state that its make does not tell is unknown, and not well."""
    token = Token(
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
    untold = token.pin_state is PinState.OK and not profile_of(ref, token).sees_pin_counts
    return replace(token, pin_state=PinState.UNKNOWN) if untold else token


def keys_from(entries: Sequence[Message]) -> tuple[Key, ...]:
    """Keys as a host describes them."""
    return tuple(
        Key(bytes.fromhex(e["id"]), e["label"], KeyType(e["type"]), e["private"], e["non_extractable"], e["always_authenticate"]) for e in entries
    )


def certificates_from(entries: Sequence[Message]) -> tuple[Certificate, ...]:
    """Certificates as a host describes them."""
    return tuple(Certificate(bytes.fromhex(e["id"]), e["label"], to_bytes(e["der"])) for e in entries)
