"""The one process that talks to the desktop's keyring: ``python -m agent.keyring.program``, one JSON request on stdin, one answer on stdout.

look    {} → {backend}
get     {name} → {backend, secret}: the secret, or null
put     {name, secret} → {backend}: kept, and read back the same
forget  {name} → {backend}
where it fails: {problem}: absent, locked, failed
"""

import importlib
import json
import logging
import sys
import warnings
from typing import Any

from agent.keyring import BACKENDS, SERVICE
from tokens import platform


class _Absent(Exception):
    """No back end of the list works here."""


def backend() -> tuple[str, Any]:
    """Name and object of the best back end of the list that works here; no other one is even loaded."""
    found = []
    for name in BACKENDS:
        try:
            kind = importlib.import_module(name)
            for each in (getattr(kind, word, None) for word in ("Keyring", "DBusKeyring")):
                if each is not None:
                    found.append((float(each.priority), name, each))
        except Exception:  # noqa: BLE001, S112 - whatever it says, it cannot be used
            continue
    if not found:
        raise _Absent
    _, name, kind = max(found, key=lambda each: each[0])
    return name, kind()


def answer(request: dict[str, Any]) -> dict[str, Any]:
    """Do what is asked; raises what the back end raises."""
    name, keyring = backend()
    told = {"backend": name}
    match request["op"]:
        case "look":
            return told
        case "get":
            return {**told, "secret": keyring.get_password(SERVICE, request["name"])}
        case "put":
            keyring.set_password(SERVICE, request["name"], request["secret"])
            if keyring.get_password(SERVICE, request["name"]) != request["secret"]:
                raise ValueError("not kept")
            return told
        case "forget":
            if keyring.get_password(SERVICE, request["name"]) is not None:
                keyring.delete_password(SERVICE, request["name"])
            return told
    raise ValueError("op")


def main() -> int:
    """Answer one request.  Nothing of it is ever written elsewhere than to stdout, which is a pipe of the agent's."""
    platform.harden(die_with_parent=True)
    platform.limit(files=64)
    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore")
    try:
        told = answer(json.loads(sys.stdin.buffer.read()))
    except _Absent:
        told = {"problem": "absent"}
    except Exception as error:  # noqa: BLE001 - its words may hold what nobody is to read
        told = {"problem": "locked" if type(error).__name__ in ("KeyringLocked", "PromptDismissedException", "LockedException") else "failed"}
    sys.stdout.write(json.dumps(told))
    return 0


if __name__ == "__main__":
    sys.exit(main())
