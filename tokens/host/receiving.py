"""What every host that gets PINs has in common: they come past the agent by a one-shot socket, and are overwritten when they are forgotten."""

from collections.abc import Callable, Mapping

from tokens.errors import PinCancelled
from tokens.host.pin import Offer, wipe
from tokens.host.program import Program
from tokens.wire import Link, Message


class SecretsProgram(Program):
    """A host with secrets.  `link` is the agent's channel: a wait for a PIN ends when the agent says something."""

    def __init__(self, link: Link) -> None:
        super().__init__()
        self._link = link
        self._offer: Offer | None = None
        self._secrets: dict[str, bytearray] = {}

    def operations(self) -> Mapping[str, Callable[[Message], Message]]:
        """Name to function."""
        return {**super().operations(), "offer": self.offer, "await_secrets": self.await_secrets, "cancel": self.cancel}

    def offer(self, args: Message) -> Message:
        """Open the PIN socket; what was received before is forgotten."""
        self._forget()
        self.cancel({})
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

    def _forget(self) -> None:
        for secret in self._secrets.values():
            wipe(secret)
        self._secrets = {}
