"""The monitor host: lists a module's tokens and their public objects; it is never logged in and may re-initialise at will."""

import os
import time
from collections.abc import Callable, Mapping

from tokens.errors import TokenError
from tokens.host import objects, signing
from tokens.host.cryptoki import CKF_TOKEN_INITIALIZED, SlotToken
from tokens.host.program import Program
from tokens.wire import Message

_SLOW = 0.05
"""Seconds: objects that took longer to read are read anew only when the token changed, or when asked."""


class MonitorProgram(Program):
    """Lists tokens.

    A module sees cards come and go by itself; SoftHSM2 does not see what other processes initialise, so it is re-initialised
    whenever its token folder has changed, and the list is the old one when nothing there has.
    """

    def __init__(self) -> None:
        super().__init__()
        self._folder: str | None = None
        self._seen: object = None
        self._listed: Message | None = None
        """The last list, where every token could be read."""
        self._known: dict[SlotToken, tuple[float, Message]] = {}

    def operations(self) -> Mapping[str, Callable[[Message], Message]]:
        """Name to function."""
        return {**super().operations(), "list": self.list}

    def load(self, args: Message) -> Message:
        """Load the module, and learn where SoftHSM2 keeps its tokens."""
        folder = _softhsm_folder(os.environ.get("SOFTHSM2_CONF"))
        seen = _fingerprint(folder)  # before the module looks: a change in between shows at the next list
        result = super().load(args)
        if result["manufacturer"].startswith("SoftHSM"):
            self._folder, self._seen = folder, seen
        return result

    def list(self, args: Message) -> Message:
        """Tokens with keys and certificates that show themselves without login."""
        if self._folder is not None:
            now = _fingerprint(self._folder)
            if self._listed is not None and now == self._seen and not args.get("refresh"):
                return self._listed
            if now != self._seen:
                self.module.reinitialize()
                self._known.clear()
            self._seen = now
        tokens = []
        known: dict[SlotToken, tuple[float, Message]] = {}
        for slot in self.module.slots():
            old = self._known.get(slot)
            if old is None or old[0] < _SLOW or args.get("refresh"):
                began = time.monotonic()
                public = self._public(slot)
                # What a fault kept from being read is read anew each time: it may have passed.
                old = (0.0 if "fault" in public else time.monotonic() - began, public)
            known[slot] = old
            tokens.append({**objects.describe(slot), **old[1]})
        self._known, answer = known, {"tokens": tokens}
        self._listed = None if any(token.get("fault") for token in tokens) else answer
        return answer

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
