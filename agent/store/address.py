"""Where a shared ledger is: a PostgreSQL URL, without its password, and what may stand in it."""

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from agent.api.errors import ApiError, Code

_FILES = ("sslrootcert", "sslcert", "sslkey", "sslcrl")
_KNOWN = frozenset({"sslmode", "host", "hostaddr", "port", *_FILES})
_LOCAL_NAMES = frozenset({"", "localhost"})


@dataclass(frozen=True, slots=True)
class Address:
    """A checked URL; make it with `parse`."""

    text: str
    """As it is kept: no password in it."""
    url: sa.URL

    @property
    def told(self) -> str:
        """For people."""
        return self.text

    @property
    def local(self) -> bool:
        """Whether the way there stays on this computer."""
        named = [self.url.host, self.url.query.get("host"), self.url.query.get("hostaddr")]
        return all(_is_local(host) for each in named if isinstance(each, str) for host in each.split(","))

    def arguments(self, password: str | None) -> Mapping[str, Any]:
        """For the driver, beside the URL: certificates are checked wherever the way leaves this computer."""
        out: dict[str, Any] = {} if password is None else {"password": password}
        if not self.local:
            out["sslmode"] = "verify-full"
            if "sslrootcert" not in self.url.query:
                out["sslrootcert"] = "system"
        return out


def parse(text: str) -> Address:
    """The address that a person gave; raises `ApiError` (usage: store_url, store_url_password, store_url_option; not_allowed: store_tls)."""
    try:
        url = sa.make_url(text)
    except (sa.exc.ArgumentError, ValueError) as error:
        raise ApiError(Code.USAGE, reason="store_url") from error
    if url.drivername not in {"postgresql", "postgres", "postgresql+psycopg"}:
        raise ApiError(Code.USAGE, reason="store_url")
    if url.password is not None or "password" in url.query or "passfile" in url.query:
        raise ApiError(Code.USAGE, reason="store_url_password")
    if not url.database or (other := sorted(set(url.query) - _KNOWN)) or any(not isinstance(value, str) for value in url.query.values()):
        raise ApiError(Code.USAGE, reason="store_url_option", option=", ".join(other) if url.database else "/DATABASE")
    address = Address(url.set(drivername="postgresql").render_as_string(), url.set(drivername="postgresql+psycopg"))
    mode = url.query.get("sslmode", "verify-full")
    if not address.local and mode != "verify-full":
        raise ApiError(Code.NOT_ALLOWED, reason="store_tls", host=url.host or url.query.get("host"), mode=mode)
    return address


def _is_local(host: str) -> bool:
    if host in _LOCAL_NAMES or host.startswith(("/", "@")):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
