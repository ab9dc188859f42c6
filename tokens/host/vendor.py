"""The vendor host: PyKCS11 in a process of its own, for mechanisms and keys under vendors' numbers (SM2) and as a second opinion.

PyKCS11 is GPL-2.0-or-later and an optional extra; this file alone imports it, and only this process runs it.  It passes any mechanism
number and any parameter bytes to the module and invents nothing, except a phantom 0x1D in its own list of mechanisms, which is why that
list is not used.  It initialises the module itself, without a parameter string (NSS cannot be used here).
"""

from collections.abc import Callable, Mapping
from typing import Any

import PyKCS11

from tokens.errors import KeyNotFound, ModuleUnusable, PinCancelled, TokenAbsent, TokenError, TokenFault
from tokens.host import pins
from tokens.host.cryptoki import SlotToken
from tokens.host.receiving import SecretsProgram
from tokens.host.returns import error_for, name_of
from tokens.identity import Identity, meaningful
from tokens.wire import Link, Message, to_bytes, to_text

_VENDOR = 0x80000000
"""CKM_VENDOR_DEFINED, CKK_VENDOR_DEFINED: this number and all above are vendors' own."""


class VendorProgram(SecretsProgram):
    """Operations on one token by PyKCS11."""

    def __init__(self, link: Link) -> None:
        super().__init__(link)
        self._library = PyKCS11.PyKCS11Lib()
        self._slot: int | None = None
        self._session: Any = None

    def operations(self) -> Mapping[str, Callable[[Message], Message]]:
        """Name to function."""
        return {
            **super().operations(),
            "open": self.open,
            "mechanisms": self.mechanisms,
            "keys": self.keys,
            "login": self.login,
            "sign": self.sign,
        }

    def answer(self, op: str, args: Message) -> Message:
        """Do one operation; PyKCS11's errors become ours."""
        try:
            return super().answer(op, args)
        except PyKCS11.PyKCS11Error as exc:
            raise _error(exc, op) from None

    def load(self, args: Message) -> Message:
        """Load and initialise the module."""
        if args.get("init_args") is not None:
            raise ModuleUnusable(reason="configuration", path=args["path"], during="C_Initialize")
        try:
            self._library.load(args["path"])
        except PyKCS11.PyKCS11Error as exc:
            raise ModuleUnusable(reason="failed", path=args["path"], ckr=name_of(int(exc.value)), during="C_Initialize") from None
        info = self._library.getInfo()
        version, cryptoki = (".".join(map(str, each)) for each in (info.libraryVersion, info.cryptokiVersion))
        words = {"manufacturer": info.manufacturerID, "description": info.libraryDescription}
        return {
            **{name: word.strip("\0 ") for name, word in words.items()},
            "library_version": version,
            "cryptoki_version": cryptoki,
            "confined": self.confined,
        }

    def open(self, args: Message) -> Message:
        """A session on the token with this serial and label; raises `TokenAbsent` where none or several fit."""
        meant = Identity("", meaningful(args["serial"]), args["label"])
        fitting = []
        for slot in self._library.getSlotList(tokenPresent=True):
            info = self._library.getTokenInfo(slot)
            label, serial = info.label.strip("\0 "), info.serialNumber.strip("\0 ")
            if Identity("", meaningful(serial), label).same(meant):
                fitting.append((label == args["label"], slot == args["slot_id"], slot))
        fitting.sort(reverse=True)
        if not fitting or (len(fitting) > 1 and fitting[0][:2] == fitting[1][:2]):
            raise TokenAbsent(label=args["label"], serial=args["serial"], **({"reason": "alike"} if fitting else {}))
        self._slot = fitting[0][2]
        self._session = self._library.openSession(self._slot)
        return {}

    def mechanisms(self, _args: Message) -> Message:
        """Every mechanism by its number, with its name where the standard gives one and the key sizes and flags the token states."""
        numbers = PyKCS11.LowLevel.ckulonglist()
        value = self._library.lib.C_GetMechanismList(self._open_slot, numbers)
        if value:
            raise error_for(name_of(value), "C_GetMechanismList")
        return {"mechanisms": [self._mechanism(int(number)) for number in numbers]}

    def _mechanism(self, number: int) -> Message:
        told = {"number": number, "name": _named(PyKCS11.CKM, number), "vendor": number >= _VENDOR}
        info = PyKCS11.LowLevel.CK_MECHANISM_INFO()
        if self._library.lib.C_GetMechanismInfo(self._open_slot, number, info):  # its own wrapper takes names, which vendors' numbers have not
            return {**told, "flags": None}
        return {**told, "flags": int(info.flags), "least": int(info.ulMinKeySize), "most": int(info.ulMaxKeySize)}

    def keys(self, _args: Message) -> Message:
        """Private keys as they show themselves (after `login`, most of them), public ones as well, each with its type by number and name."""
        found = []
        for private, kind in ((True, PyKCS11.CKO_PRIVATE_KEY), (False, PyKCS11.CKO_PUBLIC_KEY)):
            for key in self._session.findObjects([(PyKCS11.CKA_CLASS, kind)]):
                cka_id, label, number = self._session.getAttributeValue(key, [PyKCS11.CKA_ID, PyKCS11.CKA_LABEL, PyKCS11.CKA_KEY_TYPE])
                number = int(number)
                found.append({
                    "id": bytes(cka_id or ()).hex(),
                    "label": str(label or "").strip("\0 "),
                    "type": number,
                    "name": _named(PyKCS11.CKK, number),
                    "vendor": number >= _VENDOR,
                    "private": private,
                })  # fmt: skip
        return {"keys": sorted(found, key=lambda key: (key["id"], not key["private"], key["label"]))}

    def login(self, args: Message) -> Message:
        """One C_Login with the PIN received, which is then overwritten.  No PIN pads here: PyKCS11 sends no NULL."""
        slot = SlotToken(self._open_slot, "", flags=int(self._library.getTokenInfo(self._open_slot).flags))
        try:
            pins.guard(slot, bool(args.get("confirm_final_try")))
            if (pin := pins.for_login(slot, self._secrets)) is None:
                raise PinCancelled(reason="no_pin")
            self._session.login(bytes(pin))
        except PyKCS11.PyKCS11Error as exc:
            raise _error(exc, "C_Login") from None
        finally:
            self._forget()
        return {}

    def sign(self, args: Message) -> Message:
        """C_SignInit and C_Sign with a mechanism by its number, parameter and data as they are given; the module's own answer, unchecked."""
        template = [(PyKCS11.CKA_CLASS, PyKCS11.CKO_PRIVATE_KEY), (PyKCS11.CKA_ID, bytes.fromhex(args["id"]))]
        found = self._session.findObjects(template)
        if not found:
            raise KeyNotFound(id=args["id"])
        how = PyKCS11.Mechanism(args["mechanism"], to_bytes(args["parameter"]) or None)
        try:
            return {"signature": to_text(bytes(self._session.sign(found[0], to_bytes(args["data"]), how)))}
        except PyKCS11.PyKCS11Error as exc:
            raise _error(exc, "C_Sign") from None

    @property
    def _open_slot(self) -> int:
        if self._slot is None:
            raise TokenFault(reason="not_open")
        return self._slot


def _error(exc: PyKCS11.PyKCS11Error, during: str) -> TokenError:
    return error_for(name_of(int(exc.value) & 0xFFFFFFFFFFFFFFFF), during)


def _named(names: Mapping[Any, Any], number: int) -> str | None:
    """The standard's name; None for a number that has none, vendors' among them."""
    name = names.get(number)
    return name if isinstance(name, str) and number < _VENDOR and "UNKNOWN" not in name else None
