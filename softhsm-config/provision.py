#!/usr/bin/env python3
"""Make a practice token on SoftHSM2 in a Yinxin home, for people who test with pkcs11-tool, openssl or our own code.

    python softhsm-config/provision.py --home DIR --label L [--key p256 --key-label K] [--pin env:NAME|file:PATH] [--so-pin …]

It may be run again: a token with this label, and on it a key with this label, are left as they are.  A PIN is never an argument; without
`--pin` it comes from the variable YX_PIN, else the practice PINs of README.md are used (practice tokens guard nothing).
The agent of the home may be running: it sees the token at its next look.  Prints what other programs need as one JSON object.
"""

import argparse
import asyncio
import json
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from agent.api.home import Home, locate
from tokens import emulated, platform
from tokens.errors import TokenError
from tokens.monitor import Monitor
from tokens.session import Session
from tokens.types import KeyType, ModuleRef, PinOffer, Token, TokenState

PRACTICE_PIN, PRACTICE_SO_PIN = "123456", "12345678"


def secret(source: str | None, variable: str, practice: str) -> str:
    """A PIN from env:NAME or file:PATH, else from `variable`, else the practice one; raises ValueError."""
    if source is None:
        return os.environ.get(variable, practice)
    kind, _, place = source.partition(":")
    if kind == "env" and place in os.environ:
        return os.environ[place]
    if kind == "file" and place:
        return Path(place).read_text(encoding="utf-8").rstrip("\r\n")
    raise ValueError("no PIN there: a source is env:NAME or file:PATH")


def write(offer: PinOffer, secrets: dict[str, str]) -> None:
    """Give the session host its secrets, as a prompter does."""
    with platform.connect(offer.path, 10) as sock:
        sock.sendall(json.dumps({"nonce": offer.nonce, "secrets": secrets}).encode() + b"\n")
        sock.recv(100)


async def give(session: Session, **secrets: str) -> None:
    """Offer, give, wait."""
    offer = await session.offer(tuple(secrets))
    waiting = asyncio.create_task(session.secrets_received(10))
    await asyncio.to_thread(write, offer, secrets)
    await waiting


async def provision(home: Home, label: str, pin: str, so_pin: str, key: KeyType | None, key_label: str) -> dict[str, object]:
    """The token, made where it was not there, and its key; raises `TokenError`, OSError."""
    ref = emulated.prepare(home.softhsm_conf, home.emulated)
    if ref is None:
        raise FileNotFoundError("SoftHSM2 is not installed: apt install softhsm2")
    token, made = await _token(ref, home, label, pin, so_pin)
    key_id = None
    if key is not None:
        found = next((known for known in token.keys if known.label == key_label), None)
        if found is None:
            async with await Session.open(ref, token, home.run) as session:
                await give(session, pin=pin)
                await session.login()
                found = (await session.generate(key, key_label)).key
        key_id = found.cka_id.hex()
    conf = dict(ref.env)["SOFTHSM2_CONF"]
    return {"module": ref.path, "SOFTHSM2_CONF": conf, "token": token.label, "serial": token.serial, "made": made, "key": key_id}


async def _token(ref: ModuleRef, home: Home, label: str, pin: str, so_pin: str) -> tuple[Token, bool]:
    monitor = Monitor(ref)
    try:
        tokens = await monitor.list()
    finally:
        await monitor.close()
    for token in tokens:
        if token.label == label:
            return token, False
    free = next(token for token in tokens if token.state == TokenState.NOT_INITIALISED)
    async with await Session.open(ref, free, home.run) as session:
        await give(session, so_pin=so_pin, pin=pin)
        return await session.initialise(label), True


def main() -> int:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--home", help="the Yinxin home (default: YINXIN_HOME, else the XDG folders)")
    parser.add_argument("--label", required=True, help="label of the token, at most 32 bytes")
    parser.add_argument("--key", type=KeyType, choices=[kind for kind in KeyType if kind != KeyType.OTHER], help="also a key of this type")
    parser.add_argument("--key-label", default="practice", help="its label")
    parser.add_argument("--pin", metavar="SOURCE", help="env:NAME or file:PATH")
    parser.add_argument("--so-pin", metavar="SOURCE", help="env:NAME or file:PATH")
    chosen = parser.parse_args()
    try:
        pin, so_pin = secret(chosen.pin, "YX_PIN", PRACTICE_PIN), secret(chosen.so_pin, "YX_SO_PIN", PRACTICE_SO_PIN)
        home = locate(chosen.home).make()
        done = asyncio.run(provision(home, chosen.label, pin, so_pin, chosen.key, chosen.key_label))
    except (TokenError, OSError, ValueError) as exc:
        print(f"provision: {exc}", file=sys.stderr)
        return 3
    print(json.dumps(done, ensure_ascii=False))
    return 0


if __name__ == "__main__":
    sys.exit(main())
