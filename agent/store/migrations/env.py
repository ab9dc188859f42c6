"""Alembic's way in: on the connection, and in the transaction, of `agent.store.migrating`."""

from alembic import context

connection = context.config.attributes["connection"]
context.configure(connection=connection, transactional_ddl=True, transaction_per_migration=False)
context.run_migrations()
