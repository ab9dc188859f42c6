"""People, devices and certificates for tests of the rules: real certificates, made once, and statements whose signer is only named."""

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from agent.governance.deciding import Command, Draft, decide, evolve, judge, moment, without_effect
from agent.governance.refusal import Refusal
from agent.governance.state import State
from agent.ledger.statement import uuid7

NOON = datetime(2026, 11, 22, 4, 0, tzinfo=UTC)
DEVICE, OTHER_DEVICE = "W00000000000000000001", "W00000000000000000002"


@dataclass(frozen=True, slots=True)
class Cert:
    """A certificate as a statement carries it, and what it is known by."""

    text: str
    fingerprint: str

    @property
    def bound(self) -> dict[str, Any]:
        return {"certificate": self.text, "token": None}


@lru_cache(maxsize=64)
def cert(who: str, key: str | None = None, days: int = 365, ca: bool = False) -> Cert:
    """A certificate for `who`; the same `key` is the same key."""
    private = key_of(key or who)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, who)])
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(private.public_key())
    builder = builder.serial_number(int.from_bytes(hashlib.sha256(who.encode()).digest()[:8], "big"))
    builder = builder.not_valid_before(NOON - timedelta(days=1)).not_valid_after(NOON + timedelta(days=days))
    if ca:
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    der = builder.sign(private, hashes.SHA256()).public_bytes(serialization.Encoding.DER)
    return Cert(base64.b64encode(der).decode(), hashlib.sha256(der).hexdigest())


@lru_cache(maxsize=64)
def key_of(_name: str) -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def person(n: int) -> str:
    """The id of the n-th person."""
    return f"P{n:08d}"


@dataclass(frozen=True, slots=True)
class Said:
    """A statement, without bytes."""

    org: str | None
    type: str
    at: str
    actor: str | None
    device: str
    rules: str | None
    body: Mapping[str, Any]
    id: str

    @property
    def hashed(self) -> str:
        return hashlib.sha256(f"{self.id} {self.type} {self.at}".encode()).hexdigest()


@dataclass
class Book:
    """A ledger of statements that are only named: what was entered, and the state it led to."""

    state: State = field(default_factory=State)
    entries: list[tuple[Said, str]] = field(default_factory=list)
    at: datetime = NOON

    def enter(self, said: Said, signer: str) -> Refusal | None:
        """Put an entry there, whatever the rules say to it."""
        self.entries.append((said, signer))
        self.state, refused = folded(self.state, said, signer)
        return refused

    def tick(self, seconds: float = 1.0) -> datetime:
        self.at += timedelta(seconds=seconds)
        return self.at

    def say(self, draft: Draft, when: datetime, **otherwise: Any) -> Said:
        given = {"org": self.state.org, "type": draft.type, "at": moment(when), "actor": draft.actor, "device": draft.device, "rules": draft.rules}
        return Said(**{**given, "body": draft.body, "id": uuid7(when), **otherwise})

    def do(self, type: str, actor: str | None, signer: str, on: str = DEVICE, **body: Any) -> Said:
        """Decide, state and enter, and have it take effect."""
        at = self.tick()
        drafts = decide(self.state, Command(type, actor, on, body), at)
        assert not isinstance(drafts, Refusal), drafts
        said = self.say(drafts[0], at)
        refused = self.enter(said, signer)
        assert refused is None, refused
        return said

    def refused(self, type: str, actor: str | None, on: str = DEVICE, **body: Any) -> Refusal:
        """Why it is not decided."""
        found = decide(self.state, Command(type, actor, on, body), self.tick())
        assert isinstance(found, Refusal), found
        return found


def folded(state: State, said: Said, signer: str) -> tuple[State, Refusal | None]:
    """One entry more."""
    refused = judge(state, said, said.hashed, signer)
    return (without_effect(state, said, signer), refused) if refused is not None else (evolve(state, said, said.hashed, signer), None)


def founding(founders: int = 1, quorum: int = 1, profile: str = "small", practice: bool = False) -> dict[str, Any]:
    """The body of a founding act."""
    return {
        "name": "云桥建筑设计院", "profile": profile, "quorum": quorum, "practice": practice,
        "founders": [{"person": person(n), "name": f"创建人{n}", "certificates": [cert(f"founder {n}").bound]} for n in range(founders)],
        "device": told(DEVICE),
    }  # fmt: skip


def told(device: str, key: str | None = None) -> dict[str, str]:
    return {"id": device, "certificate": cert(key or device).text, "level": "file", "name": "办公室"}


def founded(founders: int = 1, quorum: int = 1, profile: str = "small", practice: bool = False) -> Book:
    """An organisation that lives."""
    book = Book()
    book.do("org.founded", person(0), cert("founder 0").fingerprint, **founding(founders, quorum, profile, practice))
    for n in range(1, quorum):
        book.do("org.founder_joined", person(n), cert(f"founder {n}").fingerprint, founding=book.state.org)
    assert book.state.status == "active"
    return book


def registered(book: Book, n: int, name: str = "王芳") -> str:
    """Somebody more, with a certificate, by the first founder."""
    book.do("person.registered", person(0), cert("founder 0").fingerprint, person=person(n), name=name, certificates=[cert(f"person {n}").bound])
    return person(n)
