"""Fixtures of the agent's tests."""

from tests.agent.fakes import desk  # noqa: F401 - an inventory over two modules that do what the test says
