"""Whether the ledger at hand is the one that this computer remembers, and what it is to remember next."""

import asyncio
import hashlib

import sqlalchemy as sa
import structlog

from agent.api.errors import ApiError, Code
from agent.ledger.checking import Claim
from agent.ledger.checkpoint import Checkpoint
from agent.ledger.entry import Head
from agent.ledger.log import Ledger
from agent.ledger.memory import Broken, Memory, compare
from agent.records import view
from agent.store.tables import entries

log = structlog.get_logger()


class Watch:
    """The memory of one ledger, known by a name ("personal" for a home's own)."""

    def __init__(self, memory: Memory, name: str = "personal") -> None:
        self.memory, self.name = memory, name
        self._ledger: Ledger | None = None
        self._org: str | None = None
        self.trouble: ApiError | None = None
        """Why nothing may be recorded or signed; reading, checking and exporting go on."""

    async def look(self, ledger: Ledger) -> ApiError | None:
        """At the start: hold the ledger against the memory, and have it tell of what is entered from now on; the trouble, if there is any."""
        self._ledger = ledger
        ledger.pinned = lambda: self.memory.org(self.name)
        try:
            self.trouble = await ledger.read(self._judge)
        except ApiError as error:
            if error.facts.get("reason") not in ("ledger_smaller", "ledger_forked"):
                raise
            self.trouble = error
        ledger.trouble = self.trouble
        if self.trouble is not None:
            log.error("ledger_not_the_one_remembered", **self.trouble.facts)
        else:
            ledger.on_head = self.seen
            head = await ledger.read(view.head_of)
            if head.size:
                await asyncio.to_thread(self.seen, head)
        return self.trouble

    def _judge(self, connection: sa.Connection) -> ApiError | None:
        org, head = org_of(connection), view.head_of(connection)
        known = self.memory.org(self.name)
        if known is None:
            return None
        points = self.memory.points(known)
        if org != known:
            return _told(Broken("ledger_other", points[-1].size if points else 0, head.size, 0))
        broken = compare(points, head.size, lambda size: view.root_at(connection, size))
        return None if broken is None else _told(broken)

    def seen(self, head: Head) -> None:
        """Remember that the ledger has come to this; called in the thread that writes, after each commit that entered something."""
        if self._org is None and self._ledger is not None:
            with self._ledger.store.read() as connection:
                self._org = org_of(connection)
        if self._org is not None:
            self.memory.remember(self.name, Checkpoint(self._org, head.size, head.root))

    def claims(self) -> list[Claim]:
        """What is remembered, for a check."""
        org = self.memory.org(self.name)
        return [] if org is None else [Claim("memory", point.size, point.root) for point in self.memory.points(org)]


def org_of(connection: sa.Connection) -> str | None:
    """SHA-256 (hex) of the statement that founded a ledger; None where none did."""
    wanted = sa.select(entries.c.statement).where(entries.c.signature.is_not(None), entries.c.seq >= 0).order_by(entries.c.seq).limit(1)
    raw = connection.execute(wanted).scalar()
    return None if raw is None else hashlib.sha256(raw).hexdigest()


def _told(broken: Broken) -> ApiError:
    return ApiError(Code.STORE_UNREACHABLE, reason=broken.reason, known=broken.remembered, size=broken.found, entry=broken.good)
