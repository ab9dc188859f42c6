"""A store as 0.2 left it, and killing whoever brings it to the present form: `python -m tests.store.old WHERE STEP…`.

For each STEP a process opens the store and kills itself at that database command, counted over all of them; then the next one.  At last the
store is opened in peace, and what stands in it printed as JSON: which kills were reached, and the entries.
"""

import json
import os
import signal
import sys
from typing import Any

import rfc8785
import sqlalchemy as sa

from agent.ledger import merkle
from agent.store.tables import entries, head, journal
from tests.store.agent import store_at

OLD = (
    "CREATE TABLE entries (seq {number} NOT NULL PRIMARY KEY, statement {bytes} NOT NULL, leaf {bytes} NOT NULL, edge {bytes} NOT NULL)",
    "CREATE TABLE journal (batch TEXT NOT NULL, n INTEGER NOT NULL, step TEXT NOT NULL, facts {bytes} NOT NULL, PRIMARY KEY (batch, n, step))",
)
SQLITE, POSTGRESQL = {"number": "INTEGER", "bytes": "BLOB"}, {"number": "BIGINT", "bytes": "BYTEA"}


def statements(count: int) -> list[bytes]:
    """Unsigned ones, a set left open among them."""
    at = "2026-01-02T03:04:05.000006Z"
    bodies = [{"n": n, "name": "图纸"} for n in range(count - 1)]
    kinds = [("note", body) for body in bodies] + [("signature.started", {"batch": "b1", "documents": []})]
    return [rfc8785.dumps({"v": 1, "type": kind, "at": at, "body": body}) for kind, body in kinds]


def rows(count: int) -> list[tuple[int, bytes, bytes, bytes]]:
    """As they stood in the table."""
    edge: tuple[bytes, ...] = ()
    out = []
    for seq, raw in enumerate(statements(count)):
        edge = merkle.append(edge, seq, merkle.leaf_hash(raw))
        out.append((seq, raw, merkle.leaf_hash(raw), b"".join(edge)))
    return out


def killed_at(where: str, step: int) -> bool:
    """Open it, and be killed at a command; whether it came so far."""
    child = os.fork()
    if child == 0:
        left = step

        def count(*_: Any) -> None:
            nonlocal left
            left -= 1
            if left < 0:
                os.kill(os.getpid(), signal.SIGKILL)

        for event in ("before_cursor_execute", "commit"):
            sa.event.listen(sa.Engine, event, count)
        store_at(where)
        os._exit(0)
    return os.WIFSIGNALED(os.waitpid(child, 0)[1])


def main(where: str, steps: list[int]) -> None:
    """Kill, kill, and look."""
    reached = [step for step in steps if killed_at(where, step)]
    store = store_at(where)
    with store.read() as connection:
        found = [
            (row.seq, row.statement.hex(), row.signature, row.nodes.hex()) for row in connection.execute(sa.select(entries).order_by(entries.c.seq))
        ]
        size, edge = connection.execute(sa.select(head.c.size, head.c.edge)).one()
        notes = [tuple(row[:3]) for row in connection.execute(sa.select(journal))]
    store.close()
    print(json.dumps({"reached": reached, "entries": found, "size": size, "edge": edge.hex(), "journal": notes}))


if __name__ == "__main__":
    main(sys.argv[1], [int(step) for step in sys.argv[2:]])
