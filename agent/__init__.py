"""The signing agent: everything between the three users and the token."""

__version__ = "0.3.0"
