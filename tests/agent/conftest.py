"""Fixtures of the agent's tests."""

from tests.agent.fakes import desk as desk  # an inventory over two modules that do what the test says
