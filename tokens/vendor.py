"""A token as PyKCS11 sees it: mechanisms and keys under vendors' numbers (SM2), and a second opinion of what another binding said.

PyKCS11 (GPL) is an optional extra and runs in a host process of its own, `tokens.host.vendor`; nothing here imports it.
"""

import importlib.util
from dataclasses import dataclass
from pathlib import Path

from tokens.errors import ModuleUnusable
from tokens.hosts import Deadlines, Host
from tokens.types import ModuleRef, PinOffer, Token
from tokens.wire import to_bytes, to_text


def available() -> bool:
    """Whether the extra is installed (``pip install 'yinxin[pykcs11]'``)."""
    return importlib.util.find_spec("PyKCS11") is not None


@dataclass(frozen=True, slots=True)
class VendorMechanism:
    """A mechanism as C_GetMechanismList and C_GetMechanismInfo state it."""

    number: int
    name: str | None
    """CKM_…; None where the standard has no name for the number."""
    vendor: bool
    flags: int | None
    """CKF_SIGN and others; None where the token gives no information."""


@dataclass(frozen=True, slots=True)
class VendorKey:
    """A key as the token states it."""

    cka_id: bytes
    label: str
    type: int
    """CKK_ number."""
    name: str | None
    vendor: bool
    private: bool


class VendorSession:
    """A vendor host with one token open.  Make it with `open`; `close` ends the process and with it login and PIN."""

    def __init__(self, host: Host, run_dir: Path) -> None:
        self.host = host
        self._run_dir = run_dir

    @classmethod
    async def open(cls, ref: ModuleRef, token: Token, run_dir: Path, deadlines: Deadlines | None = None) -> "VendorSession":
        """Start the host and open `token`.

        Raises `ModuleUnusable` (reason "no_pykcs11" where the extra is not installed), `ModuleTimeout`, `TokenAbsent`, `TokenFault`.
        """
        if not available():
            raise ModuleUnusable(reason="no_pykcs11", module=ref.name)
        host = Host(ref, "vendor", deadlines)
        await host.start()
        try:
            wanted = {"slot_id": token.slot_id, "serial": token.serial, "label": token.label}
            await host.call("open", wanted, deadline=host.deadlines.list)
        except BaseException:
            await host.close()
            raise
        return cls(host, run_dir)

    async def __aenter__(self) -> "VendorSession":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def mechanisms(self) -> tuple[VendorMechanism, ...]:
        """All of them, as the token lists them."""
        answer = await self.host.call("mechanisms", deadline=self.host.deadlines.list)
        return tuple(VendorMechanism(each["number"], each["name"], each["vendor"], each["flags"]) for each in answer["mechanisms"])

    async def keys(self) -> tuple[VendorKey, ...]:
        """What shows itself now; private keys after `login`, with most tokens."""
        answer = await self.host.call("keys", deadline=self.host.deadlines.list)
        return tuple(
            VendorKey(bytes.fromhex(each["id"]), each["label"], each["type"], each["name"], each["vendor"], each["private"])
            for each in answer["keys"]
        )

    async def offer(self, expect_pid: int | None = None) -> PinOffer:
        """A one-shot PIN socket of this host; see `tokens.session.Session.offer`."""
        args = {"run_dir": str(self._run_dir), "secrets": ("pin",), "expect_pid": expect_pid}
        answer = await self.host.call("offer", args, deadline=self.host.deadlines.list)
        return PinOffer(answer["path"], answer["nonce"], ("pin",))

    async def secrets_received(self, timeout: float) -> None:
        """Wait for the PIN; raises `PinCancelled`."""
        try:
            await self.host.call("await_secrets", {"seconds": timeout}, deadline=timeout + 10)
        except BaseException:
            self.host.tell("cancel")
            raise

    async def login(self, confirm_final_try: bool = False) -> None:
        """Exactly one C_Login with the PIN received; raises as `tokens.session.Session.login` does.  Not for tokens with a PIN pad."""
        await self.host.call("login", {"confirm_final_try": confirm_final_try}, deadline=self.host.deadlines.login, spends_try=True)

    async def sign(self, cka_id: bytes, mechanism: int, data: bytes, parameter: bytes = b"") -> bytes:
        """What the module answers to C_Sign with this mechanism number; nobody has checked it.  Raises `KeyNotFound`, `MechanismUnsupported`."""
        request = {"id": cka_id.hex(), "mechanism": mechanism, "data": to_text(data), "parameter": to_text(parameter)}
        answer = await self.host.call("sign", request, deadline=self.host.deadlines.sign)
        return to_bytes(answer["signature"])

    async def close(self) -> None:
        """End the host at once."""
        await self.host.close()
