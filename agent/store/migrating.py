"""Bringing a store to the present form, in one transaction: a kill in the middle leaves it as it was."""

from pathlib import Path

import sqlalchemy as sa

from agent.api.errors import ApiError, Code

PRESENT = "0002"
"""The newest step in `migrations/versions`."""
_FIRST = "0001"
_KNOWN = (_FIRST, PRESENT)


def migrate(connection: sa.Connection) -> None:
    """Do the steps that are missing, in the transaction of this connection; raises `ApiError` (store_unreachable: store_newer)."""
    if not wanting(connection):
        return
    from alembic import command  # here: only a store of an older form pays for it
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    config.attributes["connection"] = connection
    if _form(connection) == _FIRST and not _has(connection, "alembic_version"):
        command.stamp(config, _FIRST)
    command.upgrade(config, "head")


def wanting(connection: sa.Connection) -> bool:
    """Whether steps are missing; raises `ApiError` (store_unreachable: store_newer)."""
    found = _form(connection)
    if found not in (None, *_KNOWN):
        raise ApiError(Code.STORE_UNREACHABLE, reason="store_newer", form=found)
    return found != PRESENT


def _form(connection: sa.Connection) -> str | None:
    """The step it stands at; None where there is nothing yet.  Stores of 0.1 and 0.2 did not write theirs down."""
    if _has(connection, "alembic_version"):
        found: str | None = connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar()
        return found
    return _FIRST if _has(connection, "entries") else None


def _has(connection: sa.Connection, table: str) -> bool:
    return sa.inspect(connection).has_table(table)
