"""The desktop's keyring, for this computer's own secrets (never a PIN): only back ends that keep them from others, and never without a time limit."""

import json
import os
import subprocess
import sys
from typing import Any, Final, Literal, TypeAlias

BACKENDS: Final = ("keyring.backends.SecretService", "keyring.backends.kwallet", "keyring.backends.libsecret")
"""Back ends of `keyring` that keep a secret from other users and from a copied disk; anything else (plain text, none) is not used."""
SERVICE: Final = "Yinxin"
SECONDS: Final = 5.0
"""For a keyring that is open."""
SECONDS_WITH_PERSON: Final = 60.0
"""For one that its owner may have to unlock in a window of its own."""
_SECRET_MAX: Final = 4096
_ENVIRONMENT: Final = (
    "PATH", "HOME", "USER", "LANG", "TZ", "PYTHONPATH", "DISPLAY", "WAYLAND_DISPLAY", "XAUTHORITY", "DBUS_SESSION_BUS_ADDRESS", "DESKTOP_SESSION",
)  # fmt: skip

Reason: TypeAlias = Literal["absent", "locked", "silent", "failed"]


class KeyringError(Exception):
    """No secret to be had or kept.  `reason`: absent (no safe keyring here), locked (its owner did not open it), silent (no answer in time),
    failed."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason)
        self.reason: Reason = reason


def available(seconds: float = SECONDS) -> str | None:
    """The back end that would be used, None where there is no safe one; raises `KeyringError` (silent, failed).  Blocks."""
    try:
        return str(_ask({"op": "look"}, seconds)["backend"])
    except KeyringError as error:
        if error.reason == "absent":
            return None
        raise


def get(name: str, seconds: float = SECONDS) -> str | None:
    """The secret kept under `name`; None where there is none.  Raises `KeyringError`.  Blocks."""
    found = _ask({"op": "get", "name": name}, seconds)["secret"]
    return None if found is None else str(found)


def put(name: str, secret: str, seconds: float = SECONDS) -> str:
    """Keep a secret under `name`; it was read back the same.  The back end's name.  Raises `KeyringError`.  Blocks."""
    if len(secret) > _SECRET_MAX:
        raise ValueError("secret")
    return str(_ask({"op": "put", "name": name, "secret": secret}, seconds)["backend"])


def forget(name: str, seconds: float = SECONDS) -> None:
    """Keep nothing under `name` any more; raises `KeyringError`.  Blocks."""
    _ask({"op": "forget", "name": name}, seconds)


def _ask(request: dict[str, Any], seconds: float) -> dict[str, Any]:
    """One question to a process of its own: back ends block, load what they like, and may crash.  Secrets go through its pipes alone."""
    env = {k: v for k, v in os.environ.items() if k in _ENVIRONMENT or k.startswith(("LC_", "XDG_"))}
    command = [sys.executable, "-P", "-m", "agent.keyring.program"]
    try:
        done = subprocess.run(command, input=json.dumps(request).encode(), capture_output=True, timeout=seconds, check=False, env=env)
    except subprocess.TimeoutExpired:
        raise KeyringError("silent") from None  # the exception would carry what was sent
    except OSError as error:
        raise KeyringError("failed") from error
    try:
        answer: dict[str, Any] = json.loads(done.stdout)
        problem = answer.get("problem")
    except (ValueError, AttributeError):
        raise KeyringError("failed") from None
    if problem is not None:
        raise KeyringError(problem if problem in ("absent", "locked") else "failed")
    return answer
