"""What the session host costs: `python -m scripts.bench_host CONF LABEL COUNT` prints {"call": [host, in process, difference], "sign": […]} in µs.

Each call is made once through a session host and once in this process, in turns, on the same token; the medians are printed, the third
being the median of the differences of the pairs.  `call` asks for the token's mechanisms (two C_ calls that read no file), `sign` is a P-256
signature with the check that each signature passes; both are what the agent does, asyncio included.  PIN in YX_PIN.
"""

import asyncio
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from tokens import emulated, platform, public
from tokens.host import cryptoki as ck
from tokens.host import signing
from tokens.monitor import Monitor
from tokens.session import Session
from tokens.types import ModuleRef, PinOffer, SignatureScheme

_SCHEME = SignatureScheme.ECDSA_SHA256
_TBS = b"The signed attributes of a CMS are some two hundred bytes; these stand for them." * 3


async def measure(conf: str, label: str, count: int) -> dict[str, list[float]]:
    """Both pairs."""
    path = emulated.library()
    if path is None:
        raise SystemExit("SoftHSM2 is not installed")
    pin = os.environ["YX_PIN"]
    ref = ModuleRef("emulated", path, "emulated", env=(("SOFTHSM2_CONF", conf),))
    monitor = Monitor(ref)
    token = next(token for token in await monitor.list() if token.label == label)
    await monitor.close()
    os.environ["SOFTHSM2_CONF"] = conf  # before the module is loaded here
    module = ck.Cryptoki.load(path)
    slot = next(slot for slot in module.slots() if slot.label == label)
    handle = module.open_session(slot.slot_id, writing=True)
    module.login(handle, ck.CKU_USER, bytearray(pin.encode()))
    with tempfile.TemporaryDirectory(prefix="yx-", dir="/tmp") as run:
        async with await Session.open(ref, token, Path(run)) as session:
            offer = await session.offer()
            waiting = asyncio.create_task(session.secrets_received(10))
            await asyncio.to_thread(_give, offer, pin)
            await waiting
            await session.login()
            key = next(key for key in await session.keys() if key.type == "p256" and key.label == "bench")
            der = await session.public_key(key.cka_id)
            signer = signing.Signer.find(module, slot.slot_id, handle, key.cka_id)
            limit = session.host.deadlines.list
            return {
                "call": await _pairs(
                    count,
                    lambda: session.host.call("schemes", {"type": "p256"}, deadline=limit),
                    lambda: signing.schemes_for("p256", module.mechanisms(slot.slot_id)),
                ),
                "sign": await _pairs(
                    count,
                    lambda: session.sign(key.cka_id, _SCHEME, _TBS, der),
                    lambda: public.checked(der, _SCHEME, signer.sign(_SCHEME.value, _TBS), _TBS),
                ),
            }


async def _pairs(count: int, through: Callable[[], Awaitable[object]], here: Callable[[], object]) -> list[float]:
    host, inside = [], []
    for _ in range(count):
        began = time.perf_counter_ns()
        await through()
        between = time.perf_counter_ns()
        here()
        host.append((between - began) / 1000)
        inside.append((time.perf_counter_ns() - between) / 1000)
    apart = [ours - theirs for ours, theirs in zip(host, inside, strict=True)]
    return [round(statistics.median(each), 1) for each in (host, inside, apart)]


def _give(offer: PinOffer, pin: str) -> None:
    with platform.connect(offer.path, 10) as sock:
        sock.sendall(json.dumps({"nonce": offer.nonce, "secrets": {"pin": pin}}).encode() + b"\n")
        sock.recv(100)


if __name__ == "__main__":
    print(json.dumps(asyncio.run(measure(sys.argv[1], sys.argv[2], int(sys.argv[3])))))
