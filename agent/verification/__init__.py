"""Verification: is a signed document good, and why.  Parsing and judging run in limited worker processes; the agent only carries their reports."""
