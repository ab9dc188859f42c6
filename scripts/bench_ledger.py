"""What a large ledger costs: a proof among a million entries, and the check of every signature.

    ledger_proof    making and checking an inclusion proof at 1,000,000 entries beside one at 1,000, on SQLite, medians in µs
    ledger_verify   `yinxin ledger verify` as a whole process, agent warm, every signature really checked, beside nothing but P-256
                    verifications on all processors; entries and signatures a second

`python -m scripts.bench_ledger fill HOME COUNT` enters so many signed statements in a home's ledger; `… raw SECONDS` prints how many P-256
signatures one process verifies a second.
"""

import asyncio
import hashlib
import json
import os
import random
import sqlite3
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

ENTRIES = 20_000
SIZES = (1000, 1_000_000)
_PROOFS = 300
_RAW_SECONDS = 2.0
ROUNDS = 3


def figures(bench: Any, figure: Callable[..., Any]) -> Iterator[Any]:
    """Both figures."""
    small, large = (_proofs(bench.folder / f"tree-{size}.db", size) for size in SIZES)
    yield figure("ledger_proof", large, small, "µs", 3.0)
    home = bench.folder / "ledger-home"
    ours = [bench.yinxin()[0], "--home", home]
    bench.run(*ours, "agent", "start")
    bench.run(*ours, "agent", "stop")
    bench.run(sys.executable, "-m", "scripts.bench_ledger", "fill", home, str(ENTRIES))
    bench.run(*ours, "agent", "start")
    try:
        best, raw = 0.0, 0.0
        for _ in range(ROUNDS):
            raw = max(raw, _raw_on_all())
            begin = time.perf_counter()
            told = json.loads(bench.run(*ours, "--json", "ledger", "verify"))
            best = max(best, told["signatures"] / (time.perf_counter() - begin))
        yield figure("ledger_verify", best, raw, "signatures/s", 0.2, more=True)
    finally:
        bench.run(*ours, "agent", "stop")


def _proofs(path: Path, size: int) -> float:
    """Median time, in µs, of a proof of any entry in a ledger of this size."""
    from agent.records import view
    from agent.store.sqlite import Store

    Store(path).close()
    _grow(path, size)
    store, chance, taken = Store(path), random.Random(size), []
    try:
        with store.read() as connection:
            for _ in range(_PROOFS):
                row = view.find(connection, str(chance.randrange(size)))
                begin = time.perf_counter()
                told = view.inclusion(connection, row, size)
                taken.append(time.perf_counter() - begin)
                assert told["ok"]
    finally:
        store.close()
    return statistics.median(taken) * 1e6


def _grow(path: Path, size: int) -> None:
    """Enter so many rows as the log itself would, without signatures: a proof does not look at them."""
    from agent.ledger import merkle

    edge: tuple[bytes, ...] = ()

    def rows() -> Iterator[tuple[int, str, bytes, bytes, bytes]]:
        nonlocal edge
        for seq in range(size):
            raw = b'{"body":{"n":%d},"type":"bench.entry"}' % seq
            edge, nodes = merkle.grow(edge, seq, merkle.leaf_hash(raw))
            yield seq, f"bench-{seq}", raw, b"", b"".join(nodes)

    connection = sqlite3.connect(path)
    with connection:
        connection.executemany("INSERT INTO entries (seq, id, statement, signature, nodes) VALUES (?, ?, ?, ?, ?)", rows())
        connection.execute("UPDATE head SET size = ?, edge = ?", (size, b"".join(edge)))
    connection.close()


def _raw_on_all() -> float:
    """P-256 verifications a second on all processors at once."""
    command = (sys.executable, "-m", "scripts.bench_ledger", "raw", str(_RAW_SECONDS))
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(os.cpu_count() or 1)]
    return sum(float(each.communicate()[0]) for each in running)


def _raw(seconds: float) -> float:
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec

    key, how = ec.generate_private_key(ec.SECP256R1()), ec.ECDSA(hashes.SHA256())
    signature, public, count = key.sign(b"x" * 200, how), key.public_key(), 0
    begin = time.perf_counter()
    while time.perf_counter() - begin < seconds:
        for _ in range(100):
            public.verify(signature, b"x" * 200, how)
        count += 100
    return count / (time.perf_counter() - begin)


async def _fill(home: str, count: int) -> None:
    from agent.api.home import locate
    from agent.device import store as devices
    from agent.ledger import signed, statement
    from agent.ledger.log import Ledger
    from agent.store.sqlite import Store

    found = locate(home)
    about = devices.current(found)
    assert about is not None
    key = devices.load(found, about, 5.0)
    ledger = Ledger(Store(found.data / "ledger.db"))
    founding = await ledger.founding()
    assert founding is not None
    org = hashlib.sha256(founding.raw).hexdigest()
    group: list[tuple[bytes, bytes]] = []
    for n in range(count):
        hashes = {name: hashlib.sha256(f"{name} {n}".encode()).hexdigest() for name in ("before", "sha256", "signature")}
        body = {"batch": f"{n:032x}", "level": "b-b", "time_source": "claimed", "documents": [{"n": 0, "state": "published", **hashes}]}
        raw = statement.make("signature.finished", body, org=org, device=key.id).canonical()
        prepared = signed.prepare(raw, key.certificate, key.scheme)
        group.append((raw, prepared.finish(await key.sign(prepared.to_sign))))
        if len(group) == 1000 or n == count - 1:
            await ledger.enter_all(group)
            group = []
    await ledger.close()


if __name__ == "__main__":
    if sys.argv[1] == "fill":
        asyncio.run(_fill(sys.argv[2], int(sys.argv[3])))
    else:
        print(_raw(float(sys.argv[2])))
