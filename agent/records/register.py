"""The ledger as verification asks it: which entry a signature names, and what that entry allowed.

The database is not believed: an entry counts only with the signature of a device that the ledger knows, and only if it lies, hash by hash, in
the tree whose root the caller compares with the document's.
"""

import asyncio
import base64
import contextlib
import hashlib
import re
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa

from agent.api.errors import ApiError
from agent.ledger import acts, merkle, proof, signed
from agent.ledger.journal import digest_of, noted
from agent.ledger.log import Entry, Ledger
from agent.ledger.notes import NoteKey
from agent.ledger.writer import read_from
from agent.organisation.fold import Governed
from agent.store.tables import acts as drawn
from agent.store.tables import entries, head
from agent.verification.ledgers import Seen

_KEPT: Final = 16
"""Entries that are over and done, kept for the next documents of the same sets."""
_BESIDE = ".p7s"
_BEGINNING: Final = 1024
_CERTIFICATE = re.compile(rb'"certificate":"([0-9a-f]{64})"')
"""In the beginning of a started set's canonical statement: the members of a body stand in order, and authority and batch are short."""


class Book:
    """One ledger (`agent.verification.ledgers.Register`)."""

    def __init__(self, ledger: Ledger, own: Callable[[], tuple[str, str] | None] = lambda: None) -> None:
        """`own`: id of this home's device and fingerprint of its certificate, as they are known outside the store."""
        self._ledger, self._own = ledger, own
        self._org = b""
        self._kept: OrderedDict[bytes, Seen] = OrderedDict()
        self._certificates: tuple[int, frozenset[str]] = (0, frozenset())
        self._before: tuple[frozenset[str], frozenset[str]] | None = None

    async def org(self) -> bytes:
        """SHA-256 of the founding statement; empty before there is one."""
        if not self._org and (founding := await self._ledger.founding()) is not None:
            self._org = hashlib.sha256(founding.raw).digest()
        return self._org

    async def find(self, blind: bytes) -> Seen | None:
        """The entry with this blinded number, as far as it can be believed; raises `ApiError` where the ledger cannot be read."""
        if blind in self._kept:
            self._kept.move_to_end(blind)
            return self._kept[blind]
        entry = await self._ledger.witnessed(blind)
        if entry is None:
            return None
        batch = str(entry.statement["body"].get("batch", ""))
        name = str(entry.statement["body"].get("resumes", batch))
        ended = [each for each in await self._ledger.about(name, acts.FINISHED) if each.statement["body"].get("batch") == batch]
        believed = await self._believed()
        key = self._ledger.note_key
        seen = await self._ledger.read(lambda connection: _seen(connection, entry, ended, batch, believed, key))
        if ended:
            self._kept[blind] = seen
            if len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
        return seen

    async def knows(self, certificate: str) -> bool:
        """Whether a set was begun with this certificate, or it is registered."""
        if isinstance(fold := self._ledger.fold, Governed) and certificate in fold.state.certificates:
            return True
        size, known = self._certificates

        def read(connection: sa.Connection) -> tuple[int, frozenset[str]]:
            beginning = sa.func.substr(entries.c.statement, 1, _BEGINNING)
            wanted = sa.select(entries.c.seq, beginning).join(drawn, drawn.c.seq == entries.c.seq)
            wanted = wanted.where(drawn.c.type == acts.STARTED, drawn.c.seq >= size).order_by(entries.c.seq)
            last, more = size, set(known)
            for seq, begins in connection.execute(wanted, execution_options={"yield_per": 1000}):
                last = seq + 1
                if named := _CERTIFICATE.search(bytes(begins)):
                    more.add(named[1].decode())
            return last, frozenset(more)

        self._certificates = await self._ledger.read(read)
        return certificate in self._certificates[1]

    async def made_before(self, file: str, attributes: str | None) -> bool:
        """Whether it was recorded by a version that did not sign its records: the output by its digest, or what the token was asked."""
        if self._before is None:
            founding = await self._ledger.founding()
            self._before = await self._ledger.read(lambda connection: _unsigned(connection, founding))
        outputs, asked = self._before
        if attributes in asked or not outputs:
            return attributes in asked
        return await asyncio.to_thread(lambda: any(digest_of(path) in outputs for path in (file, file + _BESIDE)))

    async def ours(self) -> Callable[[Entry], bool]:
        """Whether an entry may be gone on with: a device's word, or this device's before it was authorised, or of before statements were signed."""
        believed, own, founding = await self._believed(), self._own(), await self._ledger.founding()
        first = founding.seq if founding is not None else None

        def ours(entry: Entry) -> bool:
            if entry.cms is None:
                return first is None or entry.seq < first
            return believed(entry) or (own is not None and _signer(entry) == own[1])

        return ours

    async def _believed(self) -> Callable[[Entry], bool]:
        """Whether an entry is the word of a device of this ledger: by its rules, where it has any, else by the keys of the home's own device."""
        if isinstance(self._ledger.fold, Governed):
            with contextlib.suppress(ApiError):  # one that was cut or rewritten is judged as far as it was read
                await self._ledger.read_on()
            fold = self._ledger.fold
            return lambda entry: fold.attest(entry) is None
        keys = await self._keys()
        return lambda entry: _signer(entry) in keys

    async def _keys(self) -> frozenset[str]:
        """Fingerprints of the keys that this home's device has had: the founding names the first one, and each names the next."""
        founding = await self._ledger.founding()
        if founding is None:
            return frozenset()
        device = founding.statement["body"]["device"]
        known = await self._renewed(str(device["id"]), _fingerprint(device))
        own = self._own()
        if own is not None and own[1] not in known:  # it stands in the place of one whose key was lost: nobody else can vouch for it
            known.add(own[1])
            for entry in await self._ledger.about(own[0], "device.enrolled"):
                first = _signer(entry)
                if first is not None and own[1] in (keys := await self._renewed(own[0], first)):
                    known |= keys
        return frozenset(known)

    async def _renewed(self, device: str, first: str) -> set[str]:
        """Fingerprints of a device's certificates, from the first one on: each names the next."""
        known = {first}
        for entry in await self._ledger.about(device, "device.renewed"):
            if _signer(entry) in known:
                known.add(_fingerprint(entry.statement["body"]["device"]))
        return known


@dataclass(frozen=True, slots=True)
class Away:
    """An organisation's ledger that cannot be reached: what bears its mark is left open."""

    founded: str
    """SHA-256 (hex) of its founding statement, which this home has pinned."""
    why: ApiError

    async def org(self) -> bytes:
        return bytes.fromhex(self.founded)

    async def find(self, _blind: bytes) -> Seen | None:
        raise self.why

    async def knows(self, _certificate: str) -> bool:
        raise self.why

    async def made_before(self, _file: str, _attributes: str | None) -> bool:
        raise self.why


def _seen(
    connection: sa.Connection, entry: Entry, ended: Sequence[Entry], batch: str, believed: Callable[[Entry], bool], key: NoteKey | None
) -> Seen:
    statement = entry.statement
    body: Mapping[str, Any] = statement["body"]
    asked = {str(d["attributes"]) for each in ended if believed(each) for d in each.statement["body"]["documents"] if "attributes" in d}
    if not ended:  # under way: what it was asked stands in the journal
        asked = {hashlib.sha256(facts).hexdigest() for facts in noted(connection, batch, "attributes", key).values()} if key else set()
    certificate = str(body.get("certificate", "")).lower()
    return Seen(entry.seq, str(statement["at"]), str(statement["type"]), certificate, _root(connection, entry), frozenset(asked), believed(entry))


def _root(connection: sa.Connection, entry: Entry) -> bytes:
    """The root right after an entry as it follows from its own bytes and what is stored of those before; empty where that cannot be had."""
    covers = proof.inclusion(entry.seq, entry.seq + 1)
    rows = {node.row for node in proof.needed(covers)}
    wanted = sa.select(entries.c.seq, entries.c.nodes).where(entries.c.seq.in_(rows))
    try:
        stored = {node: hashed for row in connection.execute(wanted) for node, hashed in proof.of_row(row.seq, bytes(row.nodes))}
        return proof.root_by_inclusion(entry.seq, entry.seq + 1, merkle.leaf_hash(entry.raw), proof.hashes(covers, stored))
    except (proof.ProofError, KeyError):
        return b""


def _fingerprint(device: Mapping[str, Any]) -> str:
    return hashlib.sha256(base64.b64decode(device["certificate"])).hexdigest()


def _signer(entry: Entry) -> str | None:
    """Fingerprint of the certificate that signed an entry; None where nothing valid did."""
    if entry.cms is None:
        return None
    try:
        return signed.check(entry.raw, entry.cms).fingerprint
    except signed.CheckFailed:
        return None


def _unsigned(connection: sa.Connection, founding: Entry | None) -> tuple[frozenset[str], frozenset[str]]:
    """Digests of the outputs, and of what tokens were asked, in records of versions before 0.3, as far as the founding statement vouches for them.

    Nobody signed those records: they count where they are, byte for byte, the ones that stood there when the ledger was founded.
    """
    size: int = connection.execute(sa.select(head.c.size)).scalar_one() if founding is None else founding.seq
    edge: tuple[bytes, ...] = ()
    outputs, asked, seq = set[str](), set[str](), 0
    for entry, _ in read_from(connection, 0, size):
        edge = merkle.append(edge, seq, merkle.leaf_hash(entry.raw))
        seq += 1
        statement = acts.parsed(entry)
        documents = statement["body"].get("documents") if isinstance(statement.get("body"), dict) else None
        if entry.cms is None and statement.get("type") == acts.FINISHED and isinstance(documents, list):
            outputs |= _texts(documents, "sha256")
            asked |= _texts(documents, "attributes")
    if founding is not None and founding.statement["body"].get("legacy") != {"size": seq, "root": merkle.root(edge).hex()}:
        return frozenset(), frozenset()
    return frozenset(outputs), frozenset(asked)


def _texts(documents: Sequence[Any], name: str) -> set[str]:
    values = (document.get(name) for document in documents if isinstance(document, dict))
    return {value for value in values if isinstance(value, str) and value}
