"""The monitor host: lists a module's tokens and their public objects; it is never logged in and may re-initialise at will."""

import os
import time
from collections.abc import Callable, Mapping

from tokens import platform
from tokens.errors import TokenError
from tokens.host import objects, signing
from tokens.host.cryptoki import CKF_TOKEN_INITIALIZED, SlotToken
from tokens.host.program import Program
from tokens.wire import Link, Message

_SLOW = 0.05
"""Seconds: objects that took longer to read are read anew only when the token changed, or when asked."""
_IDLE = 0.2
"""Seconds between two looks at what may have changed, while somebody watches."""
_SETTLE = 6.0
"""Seconds after something was plugged in in which the module may have to start anew to see it: a card takes its time."""
_SHARE = 9
"""Starting anew may take one part in so many and one of the time: a module must not do nothing else."""


class MonitorProgram(Program):
    """Lists tokens, and says unasked when they may have changed.

    A module sees cards come and go by itself, more or less: where it shows none, fails as a whole, or shows the same after something was
    plugged in at USB, it is started anew.  SoftHSM2 does not see what other processes initialise, so it is started anew whenever its token
    folder has changed, and the list is the old one when nothing there has.  Nobody is logged in here, so that disturbs no one.
    """

    def __init__(self, link: Link | None = None) -> None:
        super().__init__()
        self._link = link
        self._folder: str | None = None
        self._seen: object = None
        self._listed: Message | None = None
        """The last list, where every token could be read."""
        self._known: dict[SlotToken, tuple[float, Message]] = {}
        self._may_restart = True
        self._rest_until = 0.0
        self._slots: tuple[SlotToken, ...] = ()
        self._plugged: frozenset[str] = frozenset()
        self._plugged_at = -_SETTLE
        self._watching = self._ask_module = False
        self._looked: object = None
        self._told: object = None

    def operations(self) -> Mapping[str, Callable[[Message], Message]]:
        """Name to function."""
        return {**super().operations(), "list": self.list, "slots": self.count, "watch": self.watch}

    def load(self, args: Message) -> Message:
        """Load the module, and learn where SoftHSM2 keeps its tokens."""
        folder = _softhsm_folder(os.environ.get("SOFTHSM2_CONF"))
        seen = _fingerprint(folder)  # before the module looks: a change in between shows at the next list
        self._plugged = platform.plugged()
        self._may_restart = bool(args.get("reinitialise", True))
        result = super().load(args)
        if result["manufacturer"].startswith("SoftHSM"):
            self._folder, self._seen = folder, seen
        return result

    def watch(self, args: Message) -> Message:
        """From now on (or no longer) look for changes while idle; `module`: ask it by C_WaitForSlotEvent too."""
        self._watching, self._ask_module = bool(args.get("on")), bool(args.get("module"))
        return {}

    def idle(self) -> float | None:
        """Tell the agent, once for each change, when it has come to rest: SoftHSM2's writers do not like to be read while they write."""
        if not self._watching or self._link is None or self._module is None:
            return None
        now = (platform.plugged(), _fingerprint(self._folder) if self._folder is not None else None)
        changed = now == self._looked and now not in (self._told, (self._plugged, self._seen))
        self._looked = now
        if changed:
            self._told = now
        if self._ask_module:
            event = self.module.slot_event()
            self._ask_module = event is not None  # None: not supported
            changed = changed or bool(event)
        if changed:
            self._link.send({"event": "slots"})
        return _IDLE

    def count(self, _args: Message) -> Message:
        """How many slots have a token: the cheapest question that only a working module answers."""
        return {"tokens": len(self.module.slot_ids())}

    def list(self, args: Message) -> Message:
        """Tokens with keys and certificates that show themselves without login."""
        if self._folder is not None:
            now = _fingerprint(self._folder)
            if self._listed is not None and now == self._seen and not args.get("refresh"):
                return self._listed
            if now != self._seen:
                now = self._at_rest(now)
                self.module.reinitialize()
                self._known.clear()
            self._seen = now
        tokens = []
        known: dict[SlotToken, tuple[float, Message]] = {}
        for slot in self._present():
            old = self._known.get(slot)
            if old is None or old[0] < _SLOW or args.get("refresh"):
                began = time.monotonic()
                public = self._public(slot)
                # What a fault kept from being read is read anew each time: it may have passed.
                old = (0.0 if "fault" in public else time.monotonic() - began, public)
            known[slot] = old
            tokens.append({**objects.describe(slot), **old[1]})
        memory, files = platform.size_of_self()
        self._known, answer = known, {"tokens": tokens, "memory_kb": memory, "files": files}
        self._listed = None if any(token.get("fault") for token in tokens) else answer
        return answer

    def _at_rest(self, now: object) -> object:
        """The token folder's fingerprint when nobody has written there for a moment, or half a second later: SoftHSM2 2.6 may tell a writer
        that its own new object is invalid when another process reads it before it is whole."""
        until = time.monotonic() + 0.5
        while time.monotonic() < until:
            time.sleep(0.03)
            before, now = now, _fingerprint(self._folder)
            if now == before:
                break
        return now

    def _present(self) -> tuple[SlotToken, ...]:
        """The slots, after a new start where they may be out of date and it may be afforded."""
        now, plugged = time.monotonic(), platform.plugged()
        if plugged != self._plugged:
            self._plugged, self._plugged_at = plugged, now
        fault: TokenError | None = None
        slots: tuple[SlotToken, ...] = ()
        try:
            slots = tuple(self.module.slots())
        except TokenError as exc:
            fault = exc
        hidden = slots == self._slots and now - self._plugged_at < _SETTLE
        doubtful = fault is not None or hidden or all(slot.fault for slot in slots)
        if doubtful and self._folder is None and self._may_restart and now >= self._rest_until:
            try:
                self.module.reinitialize()
                self._known.clear()
                slots, fault = tuple(self.module.slots()), None
            except TokenError as exc:
                fault = exc
            finally:
                ended = time.monotonic()
                self._rest_until = ended + _SHARE * (ended - now)
        if fault is not None:
            raise fault
        self._slots = slots
        return slots

    def _public(self, slot: SlotToken) -> Message:
        if objects.state_of(slot)[0] == "unusable" or not slot.flags & CKF_TOKEN_INITIALIZED:
            return {"keys": [], "certificates": []}
        try:
            session = self.module.open_session(slot.slot_id)
        except TokenError as exc:
            return {"keys": [], "certificates": [], "fault": exc.facts.get("ckr")}
        try:
            return {
                "keys": objects.keys(self.module, session),
                "certificates": objects.certificates(self.module, session),
                "schemes": signing.schemes(self.module.mechanisms(slot.slot_id)),
            }
        except TokenError as exc:
            return {"keys": [], "certificates": [], "fault": exc.facts.get("ckr")}
        finally:
            self.module.close_session(session)


def _softhsm_folder(configuration: str | None) -> str | None:
    """directories.tokendir of a SoftHSM2 configuration; None where it cannot be read."""
    try:
        with open(configuration or "/etc/softhsm/softhsm2.conf", encoding="utf-8", errors="surrogateescape") as lines:
            for line in lines:
                name, _, value = line.partition("=")
                if name.strip() == "directories.tokendir":
                    return value.strip()
    except OSError:
        pass
    return None


def _fingerprint(folder: str | None) -> object:
    """Names, sizes and times of everything in a token folder: equal while nothing has been written there."""
    seen = []
    pending = [folder] if folder else []
    while pending:
        try:
            with os.scandir(pending.pop()) as entries:
                for entry in entries:
                    if entry.name == "generation" or entry.name.endswith(".lock"):
                        continue  # written by mere readers
                    status = entry.stat(follow_symlinks=False)
                    seen.append((entry.path, status.st_mtime_ns, status.st_size, status.st_ino))
                    if entry.is_dir(follow_symlinks=False):
                        pending.append(entry.path)
        except OSError:
            continue
    return sorted(seen)
