"""The witness is one encoding and no other, tells nothing of the sequence to outsiders, and is read by asn1crypto as it is written."""

import hashlib
import subprocess
from pathlib import Path

import pytest
from asn1crypto import cms as reference
from asn1crypto import core
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given
from hypothesis import strategies as st

from agent.cades import oids
from agent.ledger.witness import SIZE, NotAWitness, Witness, blind, new_salt, parse
from tests.signing.pen import Pen, accepted, make_pdf, qpdf_check
from tokens.wire import to_text

HASHES = st.binary(min_size=32, max_size=32)


class LedgerWitness(core.Sequence):  # type: ignore[misc]
    _fields = [("version", core.Integer), ("org", core.OctetString), ("blind", core.OctetString), ("root", core.OctetString)]  # noqa: RUF012


def _bent(at: int, byte: int) -> bytes:
    good = Witness(bytes(32), bytes(32), bytes(32)).encode()
    return good[:at] + bytes((byte,)) + good[at + 1 :]


@pytest.mark.promise(5)
@given(HASHES, HASHES, HASHES)
def test_what_is_written_is_read_by_others_and_by_us(org: bytes, blinded: bytes, root: bytes) -> None:
    witness = Witness(org, blinded, root)
    encoded = witness.encode()
    assert len(encoded) == SIZE
    assert parse(encoded) == witness
    seen = LedgerWitness.load(encoded, strict=True).native
    assert (seen["version"], seen["org"], seen["blind"], seen["root"]) == (1, org, blinded, root)
    assert LedgerWitness({"version": 1, "org": org, "blind": blinded, "root": root}).dump() == encoded


@given(st.one_of(st.binary(max_size=200), st.builds(_bent, st.integers(0, SIZE - 1), st.integers(0, 255))))
def test_nothing_else_is_a_witness_and_what_is_one_is_its_own_encoding(value: bytes) -> None:
    try:
        seen = parse(value)
    except NotAWitness:
        return
    assert seen.encode() == value


@pytest.mark.parametrize(
    "value", [b"", Witness(bytes(32), bytes(32), bytes(32)).encode() + b"\0", Witness(bytes(32), bytes(32), bytes(32)).encode()[:-1]]
)
def test_trailing_and_missing_bytes_are_refused(value: bytes) -> None:
    with pytest.raises(NotAWitness):
        parse(value)


@given(st.integers(0, 2**64 - 1), st.binary(min_size=32, max_size=32))
def test_the_blind_is_the_documented_hash(seq: int, salt: bytes) -> None:
    assert blind(salt, seq) == hashlib.sha256(salt + seq.to_bytes(8, "big")).digest()


def test_an_entry_without_a_salt_has_no_blind() -> None:
    with pytest.raises(ValueError, match="salt"):
        blind(b"", 1)
    with pytest.raises(OverflowError):
        blind(new_salt(), 2**64)


def signed_attributes(cms: bytes) -> "dict[str, list[bytes]]":
    (signer,) = reference.ContentInfo.load(cms.rstrip(b"\0"), strict=True)["content"]["signer_infos"]
    return {a["type"].dotted: [value.dump() for value in a["values"]] for a in signer["signed_attrs"]}


def cms_of(path: Path) -> bytes:
    if path.suffix == ".p7s":
        return path.read_bytes()
    return bytes.fromhex(path.read_bytes().rsplit(b"/Contents", 1)[1].split(b"<", 1)[1].split(b">", 1)[0].decode())


@pytest.mark.parametrize(("name", "form"), [("a.pdf", "pades"), ("a.dwg", "cades")])
def test_every_signature_of_a_set_carries_it_and_others_accept_that(pen: Pen, tmp_path: Path, name: str, form: str) -> None:
    witness = Witness(bytes(range(32)), blind(new_salt(), 7), hashlib.sha256(b"root").digest()).encode()
    source, target = tmp_path / name, tmp_path / ("out.pdf" if form == "pades" else f"{name}.p7s")
    source.write_bytes(make_pdf() if form == "pades" else b"lines")
    pen.snapshot(source, target, format=form)
    pen.complete(witness=witness)
    assert signed_attributes(cms_of(target))[oids.WITNESS] == [witness]
    if form == "pades":
        accepted(target)
        assert qpdf_check(target) == 0
    else:
        (tmp_path / "root.pem").write_bytes(pen.who.root.public_bytes(Encoding.PEM))
        command: list[str | Path] = ["openssl", "cms", "-verify", "-cades", "-binary", "-inform", "DER", "-in", target, "-content", source]
        command += ["-CAfile", "root.pem", "-purpose", "any", "-out", "out"]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr


def test_the_same_witness_makes_the_same_bytes_to_sign_and_another_makes_others(pen: Pen, tmp_path: Path) -> None:
    (tmp_path / "a.pdf").write_bytes(make_pdf())
    asked = []
    for witness in (bytes(107), bytes(107), b"\1" * 107, None):
        pen.snapshot(tmp_path / "a.pdf", tmp_path / "out.pdf")
        asked.append(pen.answer("prepare", {"n": 0, "identifier": to_text(bytes(16)), "witness": witness and to_text(witness)})["tbs"])
    assert asked[0] == asked[1]
    assert len(set(asked)) == 3
