"""The way to a database on another computer: only to the server whose certificate says that it is the one."""

import os
import socket
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from agent.api.errors import ApiError
from agent.store import address, postgres
from tests import databases

NAME = "db.yinxin.test"


def issued(folder: Path, name: str, ca: str) -> None:
    """A CA of its own (`ca`.pem), and a certificate of its for a server of this name (server.pem, server.key)."""
    keys = [ec.generate_private_key(ec.SECP256R1()) for _ in range(2)]
    issuer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, ca)])
    now = datetime.now(UTC)

    def certificate(subject: x509.Name, key: int) -> x509.CertificateBuilder:
        made = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(keys[key].public_key())
        return made.serial_number(x509.random_serial_number()).not_valid_before(now - timedelta(1)).not_valid_after(now + timedelta(9))

    root = certificate(issuer, 0).add_extension(x509.BasicConstraints(True, None), True).sign(keys[0], hashes.SHA256())
    server = certificate(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]), 1)
    leaf = server.add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), False).sign(keys[0], hashes.SHA256())
    (folder / f"{ca}.pem").write_bytes(root.public_bytes(Encoding.PEM))
    (folder / "server.pem").write_bytes(leaf.public_bytes(Encoding.PEM))
    (folder / "server.key").write_bytes(keys[1].private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))


@pytest.fixture(scope="module")
def server() -> Iterator[tuple[databases.Cluster, int]]:
    """A server that is reached through TCP, by the name of another computer."""
    made = databases.cluster()
    if made is None:
        pytest.skip("PostgreSQL's programs are not installed (scripts/bootstrap test gets them)")
    try:
        issued(made.data, NAME, "ca")
        for file in ("server.pem", "server.key"):
            (made.data / file).chmod(0o600)
            if "user" in made.account:
                os.chown(made.data / file, made.account["user"], made.account["group"])
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        made.stop()
        with (made.data / "postgresql.conf").open("a") as file:
            file.write(f"listen_addresses = '127.0.0.1'\nport = {port}\nssl = on\nssl_cert_file = 'server.pem'\nssl_key_file = 'server.key'\n")
        made.start()
        yield made, port
    finally:
        databases.end(made)


def at(port: int, root: Path, host: str = NAME) -> address.Address:
    return address.parse(f"postgresql://owner@{host}:{port}/postgres?hostaddr=127.0.0.1&sslrootcert={root}")


def test_only_the_server_that_its_certificate_names_gets_the_ledger(server: tuple[databases.Cluster, int], tmp_path: Path) -> None:
    made, port = server
    store = postgres.Store(at(port, made.data / "ca.pem"))
    with store.read() as connection:
        driver: Any = connection.connection.driver_connection
        assert driver.pgconn.ssl_in_use
    store.close()
    issued(tmp_path, NAME, "other")
    for wrong in (at(port, tmp_path / "other.pem"), at(port, made.data / "ca.pem", "elsewhere.yinxin.test"), at(port, tmp_path / "none.pem")):
        with pytest.raises(ApiError) as caught:
            postgres.Store(wrong)
        assert caught.value.code == "store_unreachable"
        assert "certificate" in caught.value.facts["detail"]


def test_a_server_without_a_certificate_gets_nothing(server: tuple[databases.Cluster, int]) -> None:
    made, port = server
    with made.connect_at(port) as connection:
        connection.execute("ALTER SYSTEM SET ssl = off")
        connection.execute("SELECT pg_reload_conf()")
    try:
        with pytest.raises(ApiError) as caught:
            postgres.Store(at(port, made.data / "ca.pem"), password="geheim")
        assert "SSL" in caught.value.facts["detail"]
    finally:
        with made.connect_at(port) as connection:
            connection.execute("ALTER SYSTEM RESET ssl")
            connection.execute("SELECT pg_reload_conf()")
