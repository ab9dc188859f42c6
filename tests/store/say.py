"""Statements to append, and rules that count them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from agent.ledger import merkle
from agent.ledger.entry import Entry
from agent.ledger.statement import make

ORG = "ab" * 32
DEVICE = "W0123456789"
CMS = b"a signature; whoever judges looks at it"


def say(kind: str = "test.said", device: str = DEVICE, **body: Any) -> tuple[bytes, bytes]:
    """A statement and what stands for its signature."""
    return make(kind, body, org=ORG, device=device).canonical(), CMS


def started(batch: str, device: str = DEVICE, **more: Any) -> tuple[bytes, bytes]:
    """The start of a closed set of two files."""
    documents = [{"n": n, "input": f"file:///%E5%9B%BE%20{batch}-{n}.pdf", "output": f"file:///{batch}-{n}.out.pdf"} for n in range(2)]
    return say("signature.started", device, batch=batch, documents=documents, **more)


def finished(batch: str, device: str = DEVICE, **more: Any) -> tuple[bytes, bytes]:
    """Its outcome."""
    return say("signature.finished", device, batch=batch, documents=[], **more)


def tree(statements: list[bytes]) -> tuple[tuple[bytes, ...], bytes]:
    """The nodes of each leaf, and the root: worked out from nothing but the statements."""
    edge: tuple[bytes, ...] = ()
    out = []
    for size, raw in enumerate(statements):
        edge, nodes = merkle.grow(edge, size, merkle.leaf_hash(raw))
        out.append(b"".join(nodes))
    return tuple(out), merkle.root(edge)


@dataclass(frozen=True, slots=True)
class No:
    """Why not."""

    rule: str = "T1"
    reason: str = "certificate_usage"
    facts: tuple[tuple[str, str], ...] = (("certificate", "c"),)


@dataclass(frozen=True, slots=True)
class Counting:
    """Rules that refuse bodies with `bad`, and more than `most` of a kind; they remember what they saw."""

    seen: tuple[str, ...] = ()
    without_effect: int = 0
    most: int = 10**9
    kinds: Mapping[str, int] | None = None

    def step(self, entry: Entry) -> "tuple[Counting, No | None]":
        statement = entry.statement
        kinds = dict(self.kinds or {})
        if statement["body"].get("bad") or kinds.get(statement["type"], 0) >= self.most:
            return Counting(self.seen, self.without_effect + 1, self.most, kinds), No()
        kinds[statement["type"]] = kinds.get(statement["type"], 0) + 1
        return Counting((*self.seen, statement.get("id", "")), self.without_effect, self.most, kinds), None
