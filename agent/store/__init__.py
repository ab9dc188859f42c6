"""SQL: the append-only table that is the truth, and the journal of what is under way."""
