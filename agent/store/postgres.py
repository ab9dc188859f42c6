"""A PostgreSQL database that several agents share: one connection that writes, readers beside it, certificates checked on the way."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa
from sqlalchemy.pool import NullPool, QueuePool

from agent.api.errors import ApiError, Code
from agent.store import store
from agent.store.address import Address
from agent.store.migrating import migrate, wanting

SCHEMA = "yinxin"
ROLE = "yinxin_agent"
"""Members may append to the log, and not change or remove what stands in it; the owner of the tables makes others members of it."""
_PATIENCE_SECONDS = 10
"""How long to wait for another agent that holds the head."""
_CONNECT_SECONDS = 5
_SETTINGS = {
    "search_path": SCHEMA,
    "synchronous_commit": "on",  # a commit that is answered is on the server's disk
    "lock_timeout": f"{_PATIENCE_SECONDS}s",
    "idle_in_transaction_session_timeout": "60s",  # a computer that is put to sleep does not hold the head
    "client_min_messages": "error",
    "timezone": "UTC",
}
_BE_MEMBER = """SELECT set_config('role', %s, false) FROM pg_roles
  WHERE rolname = %s AND rolname <> current_user AND pg_has_role(current_user, oid, 'MEMBER') AND to_regclass('entries') IS NOT NULL"""


class Store(store.Store):
    """The open database of an organisation."""

    kind = "postgresql"

    def __init__(self, address: Address, password: str | None = None) -> None:
        self._address, self._password = address, password
        super().__init__(address.told, self._engine("write"), self._engine("read"))
        try:
            self._open()
        except BaseException:
            self.close()
            raise

    def _open(self) -> None:
        for tries_left in (2, 1, 0):
            try:
                with self._told(), self._reading.begin() as connection:
                    behind = wanting(connection)
                if behind:
                    self._migrate()
                return
            except store.Lost as error:  # broken, not away: whoever starts the agent waits for this
                if isinstance(error, store.Away) or not tries_left:
                    raise

    def _migrate(self) -> None:
        """As the user that the address names, not as a mere member of the role: the tables will be that user's."""
        owner = self._engine("own")
        with self._told(), owner.begin() as connection:
            connection.execute(sa.text("SELECT pg_advisory_xact_lock(hashtext('yinxin store'))"))
            connection.execute(sa.text(f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}"))
            migrate(connection)
        self._reading.dispose()
        self._writing.dispose()

    def _engine(self, use: str) -> sa.Engine:
        reading = use == "read"
        settings = {**_SETTINGS, "default_transaction_read_only": "on" if reading else "off"}
        options = " ".join(f"-c {name}={value}" for name, value in settings.items())
        engine = sa.create_engine(
            self._address.url,
            connect_args={
                **self._address.arguments(self._password),
                "connect_timeout": _CONNECT_SECONDS,
                "application_name": "yinxin",
                "options": options,
            },
            isolation_level="REPEATABLE READ" if reading else "READ COMMITTED",
            hide_parameters=True,  # no statement's bytes in any message
            **(
                {"poolclass": QueuePool, "pool_size": 2, "max_overflow": 6, "pool_pre_ping": True}
                if reading
                else {"poolclass": NullPool}
                if use == "own"
                else {"poolclass": QueuePool, "pool_size": 1, "max_overflow": 0}
            ),
        )

        def prepare(connection: Any, _record: object) -> None:
            connection.execute(_BE_MEMBER, [ROLE, ROLE])
            connection.commit()

        if use != "own":
            sa.event.listen(engine, "connect", prepare)
        return engine

    def rights(self) -> dict[str, bool]:
        """Whether the user of the address could change or remove what stands in the log: so can its owner, and a superuser."""
        with self._told(), self._engine("own").begin() as connection:
            row = connection.execute(
                sa.text(
                    "SELECT pg_has_role(session_user, relowner, 'MEMBER') AS owns, has_table_privilege(session_user, oid, 'UPDATE') AS changes,"
                    " has_table_privilege(session_user, oid, 'DELETE') AS removes FROM pg_class WHERE oid = to_regclass('entries')"
                )
            ).one()
        return {"owns": row.owns, "changes": row.changes, "removes": row.removes}

    def _facts(self, error: sa.exc.DBAPIError) -> dict[str, Any]:
        facts, state = super()._facts(error), getattr(error.orig, "sqlstate", None)
        reason = {"55P03": "store_locked", "42501": "store_rights", "28P01": "store_password", "28000": "store_password"}.get(state or "")
        if reason is None and state is None and "password" in facts["detail"].lower():
            reason = "store_password"  # a login that is refused has no state, only words
        return {**facts, **({"reason": reason} if reason else {})}

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            with super()._told():
                yield
        except ApiError as error:
            cause = error.__cause__
            state = getattr(cause.orig, "sqlstate", None) if isinstance(cause, sa.exc.DBAPIError) else None
            if not isinstance(error, store.Lost) and "reason" not in error.facts and isinstance(cause, sa.exc.OperationalError):
                if state is None:
                    raise store.Away(Code.STORE_UNREACHABLE, reason="store_connect", **error.facts) from cause
                if state[:2] in {"08", "57"}:  # ended by the server
                    raise store.Lost(Code.STORE_UNREACHABLE, **error.facts) from cause
            raise
