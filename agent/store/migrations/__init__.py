"""The steps from each older form of the store to the present one (Alembic)."""
