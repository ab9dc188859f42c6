"""What a ledger answers verification with, on either store: entries count as far as a device of this ledger signed them, and lie in its tree."""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from agent.device.certificate import self_signed
from agent.device.key import DeviceKey, Level, in_memory
from agent.device.scribe import write
from agent.ledger.log import Ledger, Receipt
from agent.ledger.notes import NoteKey
from agent.ledger.sets import recent, witnesses
from agent.ledger.witness import Witness, blind, new_salt
from agent.records.register import Book
from agent.signing.recovery import close_open_sets
from agent.store.store import Store

CERTIFICATE = hashlib.sha256(b"a certificate").hexdigest()
ASKED = b"the attributes of a document"
DIGEST = hashlib.sha256(ASKED).hexdigest()


def new_key(id: str = "Wdesk") -> DeviceKey:
    private = ec.generate_private_key(ec.SECP256R1())
    return in_memory(id, Level.FILE, self_signed(id, private), private)


@dataclass
class Desk:
    """A home's ledger with its device."""

    ledger: Ledger
    key: DeviceKey
    founded: str | None = None

    async def found(self) -> None:
        before = await self.ledger.head()
        legacy = {"legacy": {"size": before.size, "root": before.root.hex()}} if before.size else {}
        raw, cms = await write(self.key, "home.founded", {"device": self.key.told(), **legacy}, org=None)
        await self.ledger.enter(raw, cms)
        self.founded = hashlib.sha256(raw).hexdigest()

    async def say(self, kind: str, body: Mapping[str, Any], key: DeviceKey | None = None) -> Receipt:
        return await self.ledger.enter(*await write(key or self.key, kind, body, org=self.founded))

    async def start(self, batch: str, key: DeviceKey | None = None) -> tuple[Receipt, bytes]:
        """A set begun; its receipt and its blinded number."""
        salt = new_salt()
        documents = [{"n": 0, "input": "file:///a.pdf", "output": "file:///b.pdf", "sha256": "00", "format": "pades"}]
        body = {"authority": "personal", "batch": batch, "certificate": CERTIFICATE, "documents": documents, "salt": salt.hex(), "signing_time": "x"}
        receipt = await self.say("signature.started", body, key)
        return receipt, blind(salt, receipt.seq)

    async def finish(self, batch: str, key: DeviceKey | None = None) -> None:
        documents = [{"n": 0, "state": "published", "sha256": "00", "attributes": DIGEST}]
        await self.say("signature.finished", {"batch": batch, "documents": documents}, key)

    @property
    def book(self) -> Book:
        return Book(self.ledger)


def at_a_desk(opens: Callable[[], Store], work: Callable[[Desk], Awaitable[None]]) -> None:
    async def run() -> None:
        desk = Desk(Ledger(opens()), new_key())
        try:
            await work(desk)
        finally:
            await desk.ledger.close()

    asyncio.run(run())


@pytest.mark.promise(5)
@pytest.mark.promise(7)
def test_a_set_under_way_and_one_that_is_over(opens: Callable[[], Store]) -> None:
    async def work(desk: Desk) -> None:
        assert await desk.book.org() == b""
        await desk.found()
        for n in range(5):
            await desk.say("attempt.denied", {"n": n})
        receipt, blinded = await desk.start("b1")
        book = desk.book
        seen = await book.find(blinded)
        assert seen
        assert (seen.seq, seen.type, seen.certificate, seen.effect, seen.asked) == (receipt.seq, "signature.started", CERTIFICATE, True, frozenset())
        assert seen.root == receipt.root
        await desk.ledger.note("b1", 0, "attributes", ASKED)  # as whoever has the database writes it
        seen = await book.find(blinded)
        assert seen
        assert seen.asked == frozenset()
        desk.ledger.note_key = NoteKey(bytes(32))
        await desk.ledger.note("b1", 0, "attributes", ASKED)
        seen = await book.find(blinded)
        assert seen
        assert seen.asked == {DIGEST}
        await desk.finish("b1")
        await desk.say("attempt.denied", {"n": 9})  # what comes after changes nothing of it
        for asked in (book, book, desk.book):
            seen = await asked.find(blinded)
            assert seen
            assert (seen.root, seen.asked, seen.effect) == (receipt.root, frozenset({DIGEST}), True)
        assert await book.find(bytes(32)) is None
        assert await book.knows(CERTIFICATE)
        assert not await book.knows("0" * 64)
        entry = await desk.ledger.witnessed(blinded)
        assert entry
        carried = await desk.ledger.read(lambda connection: witnesses(connection, [entry]))
        assert carried[receipt.seq] == Witness(await book.org(), blinded, receipt.root).encode()
        assert await desk.ledger.read(lambda connection: recent(connection, 10)) == ["b1"]

    at_a_desk(opens, work)


@pytest.mark.promise(7)
def test_what_somebody_else_signed_into_the_database_allows_nothing(opens: Callable[[], Store]) -> None:
    async def work(desk: Desk) -> None:
        await desk.found()
        stranger = new_key()  # calls itself the same device
        _, blinded = await desk.start("b1", stranger)
        await desk.finish("b1")
        seen = await desk.book.find(blinded)
        assert seen
        assert not seen.effect
        _, blinded = await desk.start("b2")
        await desk.finish("b2", stranger)
        seen = await desk.book.find(blinded)
        assert seen
        assert (seen.effect, seen.asked) == (True, frozenset())

    at_a_desk(opens, work)


def test_a_renewed_key_speaks_for_the_same_device_and_one_that_named_itself_does_not(opens: Callable[[], Store]) -> None:
    async def work(desk: Desk) -> None:
        await desk.found()
        _, blinded = await desk.start("b1")
        renewed, self_made = new_key(), new_key()
        await desk.say("device.renewed", {"device": self_made.told()}, self_made)
        await desk.say("device.renewed", {"device": renewed.told()})
        await desk.finish("b1", renewed)
        seen = await desk.book.find(blinded)
        assert seen
        assert seen.asked == {DIGEST}
        _, other = await desk.start("b2", self_made)
        seen = await desk.book.find(other)
        assert seen
        assert not seen.effect

    at_a_desk(opens, work)


def test_a_device_in_the_place_of_one_whose_key_was_lost_is_believed_where_this_home_knows_it(opens: Callable[[], Store]) -> None:
    async def work(desk: Desk) -> None:
        await desk.found()
        first, second, stranger = new_key("Wnext"), new_key("Wnext"), new_key("Wnext")
        for key in (stranger, first):
            await desk.say("device.enrolled", {"device": key.told()}, key)
        await desk.say("device.renewed", {"device": second.told()}, first)
        own = hashlib.sha256(second.certificate).hexdigest()
        believed = []
        for n, key in enumerate((desk.key, first, second, stranger)):
            _, blinded = await desk.start(f"b{n}", key)
            seen = await Book(desk.ledger, lambda: ("Wnext", own)).find(blinded)
            assert seen
            believed.append(seen.effect)
        assert believed == [True, True, True, False]

    at_a_desk(opens, work)


def test_records_of_before_are_known_by_the_output_or_by_what_was_asked(opens: Callable[[], Store], tmp_path: Path) -> None:
    output, other, sheet = tmp_path / "a.signed.pdf", tmp_path / "b.pdf", tmp_path / "c.dwg"
    for path in (output, other, sheet, tmp_path / "c.dwg.p7s"):
        path.write_bytes(path.name.encode())

    async def work(desk: Desk) -> None:
        digests = [hashlib.sha256(name).hexdigest() for name in (b"a.signed.pdf", b"c.dwg.p7s")]
        await desk.ledger.append("signature.started", {"batch": "b0", "certificate": CERTIFICATE, "documents": []})
        documents = [{"n": n, "state": "published", "sha256": digest} for n, digest in enumerate(digests)]
        documents.append({"n": 2, "state": "failed", "sha256": None, "attributes": DIGEST})
        await desk.ledger.append("signature.finished", {"batch": "b0", "documents": documents})
        await desk.found()
        book = desk.book
        assert await book.knows(CERTIFICATE)
        assert await book.made_before(str(output), None)
        assert await book.made_before(str(sheet), None)
        assert not await book.made_before(str(other), "00")
        assert await book.made_before(str(other), DIGEST)  # what was asked for then was signed later
        await desk.finish("b1")
        assert not await desk.book.made_before(str(other), "00")

    at_a_desk(opens, work)


@pytest.mark.promise(7)
def test_a_recovery_says_nothing_that_was_written_into_its_journal(opens: Callable[[], Store], tmp_path: Path) -> None:
    """Whoever has the database makes a set look open, and notes what the token was asked: the device must not put its name to it."""
    output = tmp_path / "b.pdf"
    output.write_bytes(b"signed")

    async def work(desk: Desk) -> None:
        await desk.found()
        desk.ledger.note_key = NoteKey(b"\1" * 32)
        documents = [{"n": n, "input": "file:///a.pdf", "output": output.as_uri(), "sha256": "00", "format": "pades"} for n in range(3)]
        await desk.say("signature.started", {"batch": "b1", "documents": documents, "salt": new_salt().hex()})
        after = hashlib.sha256(b"signed").hexdigest().encode()
        await desk.ledger.note("b1", 0, "attributes", ASKED)
        await desk.ledger.note("b1", 0, "publishing", after + b" " + DIGEST.encode())
        own, desk.ledger.note_key = desk.ledger.note_key, NoteKey(b"\2" * 32)
        await desk.ledger.note("b1", 1, "attributes", ASKED)
        await desk.ledger.note("b1", 1, "publishing", after)
        desk.ledger.note_key = None
        await desk.ledger.note("b1", 2, "attributes", own.close("b1", 0, "attributes", ASKED))  # a true one, of another document
        await desk.ledger.note("b1", 2, "publishing", after)
        desk.ledger.note_key = own
        desk.ledger.pen = lambda kind, body: write(desk.key, kind, body, org=desk.founded)
        await close_open_sets(desk.ledger)
        (ended,) = await desk.ledger.about("b1", "signature.finished")
        first, *others = ended.statement["body"]["documents"]
        assert (first["state"], first["attributes"], first["signature"]) == ("published", DIGEST, DIGEST)
        assert [(d["state"], d["sha256"], "attributes" in d) for d in others] == [("failed", None, False)] * 2

    at_a_desk(opens, work)
