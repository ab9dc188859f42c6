"""Ledgers made for tests: really signed statements in a tree, as rows, and as the lines of an export."""

import base64
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from agent.device.certificate import device_id, self_signed
from agent.ledger import checkpoint, dump, merkle, signed, statement
from agent.ledger.checking import Claim, Report, Row, Run, examine
from agent.ledger.entry import Head
from tokens.types import SignatureScheme

START = datetime(2026, 11, 22, 3, tzinfo=UTC)


@dataclass
class Device:
    """A device with its key in memory."""

    key: ec.EllipticCurvePrivateKey

    @property
    def id(self) -> str:
        return device_id(self.key.public_key())

    @property
    def certificate(self) -> bytes:
        return self_signed(self.id, self.key, START)

    @property
    def spki(self) -> bytes:
        return self.key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)

    def signs(self, data: bytes) -> bytes:
        return self.key.sign(data, ec.ECDSA(hashes.SHA256()))


def device() -> Device:
    return Device(ec.generate_private_key(ec.SECP256R1()))


class Book:
    """A ledger in memory, written by one device."""

    def __init__(self, by: Device | None = None, legacy: Sequence[bytes] = ()) -> None:
        self.by = by or device()
        self.certificate = self.by.certificate
        self.rows: list[Row] = []
        self.org: str | None = None
        self.edge: tuple[bytes, ...] = ()
        for raw in legacy:
            self.put(raw, None)
        before = {"legacy": {"size": len(legacy), "root": merkle.root(self.edge).hex()}} if legacy else {}
        self.org = hashlib.sha256(self.say("home.founded", {"device": self.named(), **before}).raw).hexdigest()

    def named(self) -> dict[str, str]:
        """The device as founding statements have it."""
        return {"id": self.by.id, "certificate": base64.b64encode(self.certificate).decode(), "level": "file", "name": "office"}

    def written(self, kind: str, body: dict[str, Any], org: str | None, at: datetime) -> tuple[bytes, bytes]:
        raw = statement.make(kind, body, org=org, device=self.by.id, at=at).canonical()
        prepared = signed.prepare(raw, self.certificate, SignatureScheme.ECDSA_SHA256, at)
        return raw, prepared.finish(self.by.signs(prepared.to_sign))

    def say(self, kind: str, body: dict[str, Any], at: datetime | None = None) -> Row:
        return self.put(*self.written(kind, body, self.org, at or START + timedelta(seconds=len(self.rows))))

    def put(self, raw: bytes, cms: bytes | None) -> Row:
        size = len(self.rows)
        self.edge, completed = merkle.grow(self.edge, size, merkle.leaf_hash(raw))
        self.rows.append(Row(size, raw, cms, b"".join(completed)))
        return self.rows[-1]

    @property
    def head(self) -> Head:
        return Head(len(self.rows), merkle.root(self.edge))

    def note(self) -> checkpoint.Note:
        assert self.org
        what = checkpoint.Checkpoint(self.org, self.head.size, self.head.root)
        return checkpoint.signed(what, self.by.spki, self.by.signs(what.text().encode()))

    def dump(self) -> bytes:
        return b"".join((dump.opening(self.org, self.head), *map(dump.entry, self.rows), dump.closing(str(self.note()))))


def book(count: int, by: Device | None = None) -> Book:
    """A ledger of `count` entries."""
    made = Book(by)
    for n in range(1, count):
        made.say("signature.started", {"batch": f"b{n}", "documents": [{"n": 0, "input": {"text": f"图纸-{n}.pdf"}}], "salt": f"{n:032x}"})
    return made


def rebuilt(rows: Sequence[Row]) -> list[Row]:
    """The rows as somebody with full access to the database would leave them: numbered anew, every stored hash recomputed."""
    edge: tuple[bytes, ...] = ()
    out = []
    for seq, row in enumerate(rows):
        edge, completed = merkle.grow(edge, seq, merkle.leaf_hash(row.raw))
        out.append(replace(row, seq=seq, nodes=b"".join(completed)))
    return out


def head_of(rows: Sequence[Row]) -> Head:
    edge: tuple[bytes, ...] = ()
    for seq, row in enumerate(rows):
        edge = merkle.append(edge, seq, merkle.leaf_hash(row.raw))
    return Head(len(rows), merkle.root(edge))


def check(rows: Sequence[Row], claims: Sequence[Claim] = (), head: Head | None = None, judge: Callable[[Row], None] | None = None) -> Report:
    run = Run(claims)
    for row in rows:
        run.take(row, examine(row.raw, row.cms))
    return run.finish(head)
