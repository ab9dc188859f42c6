"""Every document handed out witnesses for the ledger: what `verify` says of signatures that the ledger allowed, never saw, or has lost."""

import asyncio
import hashlib
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from asn1crypto import cms as reference

from agent.cades import der, oids
from agent.cades.cms import attribute, template
from agent.ledger import witness
from tests.conftest import PIN, PracticeToken, Yinxin
from tests.tokens.conftest import Bench, give, softhsm  # noqa: F401 - a fixture
from tokens import emulated
from tokens.session import Session
from tokens.types import SignatureScheme

SIGN = ("--pin", "env:YX_PIN")


@dataclass(frozen=True)
class OtherSoftware:
    """Signs with the very token and certificate, but not through the agent: it has the PIN, and the ledger never hears of it."""

    bench: Bench

    def sign(self, certificate: bytes, content: bytes, mark: bytes | None) -> bytes:
        """A detached CAdES signature over `content`, with a witness of its choice."""
        made = template(certificate, (), SignatureScheme.ECDSA_SHA256, False)
        if mark is not None:
            made = made.carrying(attribute(der.oid(oids.WITNESS), mark))
        attributes = made.signed_attributes(hashlib.sha256(content).digest(), datetime.now(UTC))

        async def on_the_token() -> bytes:
            token = await self.bench.token()
            cka_id = next(c.cka_id for c in token.certificates if c.der == certificate)
            async with await Session.open(self.bench.ref, token, self.bench.run) as session:
                await give(session, pin=PIN)
                await session.login()
                return await session.sign(cka_id, SignatureScheme.ECDSA_SHA256, attributes)

        return made.assemble(attributes, asyncio.run(on_the_token()))


@pytest.fixture
def other_software(softhsm: str, home: Path, practice_token: PracticeToken, tmp_path: Path) -> OtherSoftware:  # noqa: F811
    run = home / "o"  # a socket lies in it, whose path may not be long
    run.mkdir(mode=0o700)
    ref = emulated.prepare(home / "softhsm2.conf", home / "tokens")
    assert ref is not None
    return OtherSoftware(Bench(home, run, ref, tmp_path / "control", tmp_path / "log"))


def ledger_of(yinxin: Yinxin, path: Path) -> tuple[str, dict[str, Any]]:
    """What verify says of the one signature of a file."""
    document = yinxin("verify", path).json["documents"][0]
    assert document["verdict"] == "passed", document["explanation"]
    signature = document["signatures"][0]
    assert "entered" not in signature
    return signature["ledger"], document


def rewrite(home: Path, kind: str, change: Callable[[bytes], bytes]) -> None:
    """As somebody does who may do everything with the database."""
    with closing(sqlite3.connect(home / "data" / "ledger.db")) as store:
        for (name,) in store.execute("select name from sqlite_master where type = 'trigger'").fetchall():
            store.execute(f'drop trigger "{name}"')
        (seq, raw), *_ = [row for row in store.execute("select seq, statement from entries") if f'"type":"{kind}"'.encode() in row[1]]
        assert change(raw) != raw
        store.execute("update entries set statement = ? where seq = ?", (change(raw), seq))
        store.commit()


def parts(p7s: bytes) -> tuple[bytes, bytes]:
    """Certificate and witness of a detached signature."""
    signed = reference.ContentInfo.load(p7s)["content"]
    (signer,) = signed["signer_infos"]
    serial = signer["sid"].chosen["serial_number"].native
    certificate = next(c.chosen.dump() for c in signed["certificates"] if c.chosen.serial_number == serial)
    return certificate, next(a["values"][0].dump() for a in signer["signed_attrs"] if a["type"].dotted == oids.WITNESS)


@pytest.mark.promise(3)
@pytest.mark.promise(5)
@pytest.mark.obligation("S55")
def test_what_the_ledger_allowed_and_what_other_software_signed(
    yinxin: Yinxin, practice_token: PracticeToken, other_software: OtherSoftware, drawing: Path, tmp_path: Path
) -> None:
    sheet = tmp_path / "模型.dwg"
    sheet.write_bytes(b"a model")
    yinxin("sign", drawing, sheet, *SIGN)
    signed = drawing.with_name(f"{drawing.stem}.signed.pdf")
    for path in (signed, sheet):
        ledger, document = ledger_of(yinxin, path)
        assert ledger == "allowed"
        assert "已入账" in document["explanation"]["zh"]
    certificate, mark = parts((tmp_path / "模型.dwg.p7s").read_bytes())
    assert len(mark) == witness.SIZE
    yinxin("agent", "stop")
    beside = tmp_path / "另一份.dwg"
    beside.write_bytes(b"not what was agreed to")
    # the same key, the same certificate, and no mark at all; then the mark of what the ledger did allow, copied
    for put, ledger, word in ((None, "not_in_ledger", "其他软件"), (mark, "not_allowed", "其他软件")):
        beside.with_name(beside.name + ".p7s").write_bytes(other_software.sign(certificate, beside.read_bytes(), put))
        seen, document = ledger_of(yinxin, beside)
        assert seen == ledger
        assert word in document["explanation"]["zh"]


@pytest.mark.promise(7)
@pytest.mark.obligation("S55")
def test_an_old_ledger_put_back_is_found_out_by_the_documents(yinxin: Yinxin, practice_token: PracticeToken, drawing: Path, tmp_path: Path) -> None:
    """A backup of the home's data, and of what this computer remembers, from before: only the document still knows better."""
    first, second = tmp_path / "a.pdf", tmp_path / "b.pdf"
    for path in (first, second):
        shutil.copy(drawing, path)
    home = yinxin.home
    yinxin("sign", first, *SIGN)
    yinxin("agent", "stop")
    before = {name: tmp_path / "backup" / name for name in ("data", "state")}
    for name, folder in before.items():
        shutil.copytree(home / name, folder)
    yinxin("sign", second, *SIGN)
    assert ledger_of(yinxin, tmp_path / "b.signed.pdf")[0] == "allowed"
    yinxin("agent", "stop")
    for name, folder in before.items():
        shutil.rmtree(home / name)
        shutil.copytree(folder, home / name)
    assert ledger_of(yinxin, tmp_path / "a.signed.pdf")[0] == "allowed"
    ledger, document = ledger_of(yinxin, tmp_path / "b.signed.pdf")
    assert ledger == "not_in_ledger"
    assert "旧的备份" in document["explanation"]["zh"]
    # and once the ledger has grown again the entry there is another one
    yinxin("sign", shutil.copy(drawing, tmp_path / "c.pdf"), *SIGN)
    assert ledger_of(yinxin, tmp_path / "b.signed.pdf")[0] == "not_in_ledger"


@pytest.mark.promise(7)
def test_an_entry_altered_in_the_database_allows_nothing(yinxin: Yinxin, practice_token: PracticeToken, drawing: Path) -> None:
    yinxin("sign", drawing, *SIGN)
    yinxin("agent", "stop")
    rewrite(yinxin.home, "signature.started", lambda raw: raw.replace(b'"reason":null', b'"reason":"ok"'))
    ledger, document = ledger_of(yinxin, drawing.with_name(f"{drawing.stem}.signed.pdf"))
    assert ledger == "not_in_ledger"
    assert "改写" in document["explanation"]["zh"]


@pytest.mark.promise(7)
def test_an_outcome_that_the_administrator_wrote_allows_nothing(
    yinxin: Yinxin, practice_token: PracticeToken, other_software: OtherSoftware, tmp_path: Path
) -> None:
    """The digest of another document, written into the outcome of a set by whoever has the database, is not the device's word."""
    sheet = tmp_path / "a.dwg"
    sheet.write_bytes(b"agreed to")
    yinxin("sign", sheet, *SIGN)
    certificate, mark = parts((tmp_path / "a.dwg.p7s").read_bytes())
    yinxin("agent", "stop")
    sheet.write_bytes(b"not agreed to")
    p7s = other_software.sign(certificate, sheet.read_bytes(), mark)
    (tmp_path / "a.dwg.p7s").write_bytes(p7s)
    (signer,) = reference.ContentInfo.load(p7s)["content"]["signer_infos"]
    wanted = hashlib.sha256(signer["signed_attrs"].untag().dump()).hexdigest().encode()
    said = b'"attributes":"'
    rewrite(yinxin.home, "signature.finished", lambda raw: raw[: raw.index(said) + len(said)] + wanted + raw[raw.index(said) + len(said) + 64 :])
    assert ledger_of(yinxin, sheet)[0] == "not_allowed"


@pytest.mark.promise(3)
@pytest.mark.promise(7)
def test_a_set_that_the_administrator_wrote_is_not_resumed(yinxin: Yinxin, practice_token: PracticeToken, drawing: Path, tmp_path: Path) -> None:
    """Whoever has the database lets a stopped set point at another output: nobody is asked for a PIN over it, though what it says is plausible."""
    stopped = yinxin("sign", drawing, "--pin", "env:YX_WRONG", env={"YX_WRONG": "000000"}, code=3).json
    assert yinxin("ledger", "verify").json["verdict"] == "passed"
    rewrite(yinxin.home, "signature.started", lambda raw: raw.replace(b".signed.pdf", b".signed.pdx"))
    refused = yinxin("sign", "--resume", stopped["batch"], *SIGN, code=5).error
    assert (refused["code"], refused["facts"]["present"]) == ("not_found", "")
    assert not list(drawing.parent.glob("*.signed.pd*"))
