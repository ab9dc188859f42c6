"""What the ledgers at hand say of a signature: every way a mark can be right, wrong, copied, missing or unknown (promise 3, 7)."""

import asyncio
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from agent.api.errors import ApiError, Code
from agent.ledger.witness import Witness, blind
from agent.records.register import Away
from agent.verification.findings_ledger import LEDGER
from agent.verification.ledgers import Register, Seen, compare

ORG, OTHER_ORG = hashlib.sha256(b"ours").digest(), hashlib.sha256(b"theirs").digest()
ROOT = hashlib.sha256(b"root").digest()
SALT = bytes(32)
ASKED = hashlib.sha256(b"attributes").hexdigest()
CERTIFICATE = hashlib.sha256(b"certificate").hexdigest()
MARK = Witness(ORG, blind(SALT, 12), ROOT)


@dataclass
class Book:
    """A ledger with one entry."""

    founded: bytes = ORG
    entries: Mapping[bytes, Seen] = field(
        default_factory=lambda: {blind(SALT, 12): Seen(12, "2026-11-22T03:00:00.000000Z", "signature.started", CERTIFICATE, ROOT, frozenset({ASKED}))}
    )
    certificates: frozenset[str] = frozenset({CERTIFICATE})
    old: frozenset[str] = frozenset()

    async def org(self) -> bytes:
        return self.founded

    async def find(self, wanted: bytes) -> Seen | None:
        return self.entries.get(wanted)

    async def knows(self, certificate: str) -> bool:
        return certificate in self.certificates

    async def made_before(self, file: str, attributes: str | None) -> bool:
        return file in self.old


class Unreadable(Book):
    async def find(self, wanted: bytes) -> Seen | None:
        raise ApiError(Code.STORE_UNREACHABLE)


class Strange(Book):
    """With an entry that somebody wrote into the database by hand."""

    async def find(self, wanted: bytes) -> Seen | None:
        raise KeyError("body")


def signature(
    mark: "Witness | bytes | None" = MARK, asked: str = ASKED, certificate: str | None = CERTIFICATE, *findings: str, **more: Any
) -> dict[str, Any]:
    told = None if mark is None else (mark.encode() if isinstance(mark, Witness) else mark).hex()
    return {
        "kind": "signature", "ledger": "no_ledger", "explanation": {"zh": "通过。", "en": "Passed."},
        "certificate": certificate and {"fingerprint": certificate},
        "findings": [{"code": code} for code in findings], "entered": {"witness": told, "attributes": asked, "signature": "00"}, **more,
    }  # fmt: skip


def of(*signatures: dict[str, Any]) -> dict[str, Any]:
    return {"file": "/a.pdf", "verdict": "passed", "reason": None, "explanation": {"zh": "通过。", "en": "Passed."}, "signatures": list(signatures)}


def compared(document: dict[str, Any], registers: Sequence[Register]) -> dict[str, Any]:
    return asyncio.run(compare(document, registers))


STRANGE = hashlib.sha256(b"a stranger's").hexdigest()
OTHER = hashlib.sha256(b"another document").hexdigest()
REWRITTEN = Witness(ORG, blind(SALT, 12), hashlib.sha256(b"another root").digest())
CUT = Witness(ORG, blind(SALT, 13), ROOT)
FOREIGN = Witness(OTHER_ORG, blind(SALT, 12), ROOT)


@pytest.mark.promise(3)
@pytest.mark.promise(7)
@pytest.mark.parametrize(
    ("one", "ledger", "code"),
    [
        (signature(), "allowed", "ledger_entered"),
        (signature(asked=OTHER), "not_allowed", "ledger_other_document"),
        (signature(certificate=STRANGE), "not_allowed", "ledger_other_certificate"),
        (signature(MARK, ASKED, CERTIFICATE, "digest_mismatch"), "not_allowed", "ledger_other_content"),
        (signature(REWRITTEN), "not_in_ledger", "ledger_rewritten"),
        (signature(CUT), "not_in_ledger", "ledger_unknown_mark"),
        (signature(CUT, certificate=STRANGE), "not_in_ledger", "ledger_unknown_mark"),
        (signature(None), "not_in_ledger", "ledger_no_mark"),
        (signature(FOREIGN), "not_in_ledger", "ledger_other_mark"),
        (signature(b"\x30\x00"), "not_in_ledger", "ledger_mark_unreadable"),
        (signature(None, certificate=STRANGE), "no_ledger", None),
        (signature(FOREIGN, certificate=STRANGE), "no_ledger", None),
        (signature(b"\x30\x00", certificate=STRANGE), "no_ledger", None),
        # a signature that does not hold says nothing: anybody can have put the mark of a ledger, or a name, into it
        (signature(CUT, ASKED, CERTIFICATE, "signature_invalid"), "no_ledger", None),
        (signature(REWRITTEN, ASKED, CERTIFICATE, "signature_invalid"), "no_ledger", None),
        (signature(None, ASKED, CERTIFICATE, "signature_invalid"), "no_ledger", None),
        (signature(entered=None), "not_in_ledger", "ledger_no_mark"),
        (signature(entered=None, certificate=None), "no_ledger", None),
        (signature(kind="timestamp"), "no_ledger", None),
    ],
)
def test_every_mark_has_its_verdict_and_says_why(one: dict[str, Any], ledger: str, code: str | None) -> None:
    seen = compared(of(one), [Book()])
    told = seen["signatures"][0]
    assert told["ledger"] == ledger
    assert "entered" not in told
    assert seen["verdict"] == "passed", "what a ledger says is a field of its own"
    codes = [finding["code"] for finding in told["findings"] if finding["code"].startswith("ledger")]
    assert codes == ([code] if code else [])
    for said in (told["explanation"], seen["explanation"]):
        assert (len(said["zh"]) > len("通过。")) == (code is not None)
        assert "{" not in said["zh"] + said["en"]


def test_an_entry_that_nobody_was_allowed_to_make_allows_nothing() -> None:
    entry = Book().entries[blind(SALT, 12)]
    for wrong in ({"effect": False}, {"type": "person.registered"}):
        book = Book(entries={blind(SALT, 12): Seen(**{**{n: getattr(entry, n) for n in Seen.__slots__}, **wrong})})
        told = (compared(of(signature()), [book]))["signatures"][0]
        assert (told["ledger"], told["findings"][-1]["code"]) == ("not_allowed", "ledger_without_effect")
        assert told["ledger_entry"] == 12


def test_a_home_without_a_ledger_of_its_own_knows_nobody_and_hinders_nothing() -> None:
    for registers in ([], [Book(founded=b"", entries={}, certificates=frozenset())]):
        assert (compared(of(signature()), registers))["signatures"][0]["ledger"] == "no_ledger"


def test_the_ledger_that_the_mark_names_is_asked_and_no_other() -> None:
    organisation = Book(founded=OTHER_ORG, entries={}, certificates=frozenset())
    told = (compared(of(signature()), [organisation, Book()]))["signatures"][0]
    assert told["ledger"] == "allowed"


def test_a_file_of_an_earlier_version_is_known_by_its_digest() -> None:
    told = (compared(of(signature(None)), [Book(old=frozenset({"/a.pdf"}))]))["signatures"][0]
    assert (told["ledger"], told["findings"][-1]["code"]) == ("allowed", "ledger_entered_before")


@pytest.mark.parametrize("book", [Unreadable(), Strange()])
def test_a_ledger_that_cannot_be_read_leaves_the_verdict_over_the_signature_as_it_is(book: Book) -> None:
    seen = compared(of(signature(), signature(None, certificate=STRANGE)), [book])
    assert [s["ledger"] for s in seen["signatures"]] == ["no_ledger", "no_ledger"]
    assert "读不出来" in seen["signatures"][0]["explanation"]["zh"]
    assert "读不出来" in seen["explanation"]["zh"]


def test_of_several_signatures_the_document_tells_what_weighs_most() -> None:
    seen = compared(of(signature(), signature(CUT), signature(asked=OTHER)), [Book()])
    assert [s["ledger"] for s in seen["signatures"]] == ["allowed", "not_in_ledger", "not_allowed"]
    assert "其他软件" in seen["explanation"]["zh"]
    assert "已入账" not in seen["explanation"]["zh"]


def test_every_code_is_said_in_both_languages_with_the_same_facts() -> None:
    for ledger, say in LEDGER.values():
        assert ledger in ("allowed", "not_allowed", "not_in_ledger", "no_ledger")
        assert ("{entry}" in say.zh, "{at}" in say.zh) == ("{entry}" in say.en, "{at}" in say.en)


def test_an_organisations_ledger_that_cannot_be_reached_leaves_it_open(tmp_path: Path) -> None:
    away = Away(OTHER_ORG.hex(), ApiError(Code.STORE_UNREACHABLE, path=str(tmp_path)))
    stranger = Book(entries={}, certificates=frozenset())
    for one in (signature(FOREIGN), signature(None)):
        told = compared(of(one), [stranger, away])["signatures"][0]
        assert (told["ledger"], told["findings"][-1]["code"]) == ("no_ledger", "ledger_unread")
    assert compared(of(signature()), [Book(), away])["signatures"][0]["ledger"] == "allowed"
