"""The closed sets in the log, looked up without reading all of it."""

from collections.abc import Iterable, Mapping

import sqlalchemy as sa

from agent.ledger import acts, merkle, witness
from agent.ledger.entry import Entry
from agent.ledger.writer import edge_of
from agent.store.tables import acts as drawn


def recent(connection: sa.Connection, most: int, device: str | None = None) -> list[str]:
    """The names of the sets that were begun, or gone on with, last; newest first, out of the last `most` attempts of all devices, or of one."""
    wanted = sa.select(drawn.c.object).where(drawn.c.type == acts.STARTED).order_by(drawn.c.seq.desc()).limit(most)
    if device is not None:
        wanted = wanted.where(drawn.c.device == device)
    return list(dict.fromkeys(name for (name,) in connection.execute(wanted) if name))


def witnesses(connection: sa.Connection, started: Iterable[Entry]) -> Mapping[int, bytes]:
    """What the documents of these attempts carry (DER), by the number of the entry; those of versions before 0.3 carry nothing."""
    out = {}
    for entry in started:
        statement = entry.statement
        salt, org = statement["body"].get("salt"), statement.get("org")
        if entry.cms is None or not isinstance(salt, str) or not isinstance(org, str):
            continue
        root = merkle.root(edge_of(connection, entry.seq + 1))
        out[entry.seq] = witness.Witness(bytes.fromhex(org), witness.blind(bytes.fromhex(salt), entry.seq), root).encode()
    return out
