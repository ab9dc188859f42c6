"""Files that cannot be signed: each has its own clear error, nothing appears in its folder, it stays as it was, and nobody is asked for a PIN."""

import json
import os
import shutil
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import Result
from tests.e2e.conftest import SIGN, Asked, Desk
from tests.e2e.looks import assert_signed, sentences, told, tree

NO_PIN = ("--pin", "file:/proc/self/mem")
"""A source that cannot be read: a run that gets as far as the PIN says so."""

pytestmark = pytest.mark.promise(6)


def _empty(path: Path) -> None:
    path.write_bytes(b"")


def _text(path: Path) -> None:
    path.write_text("not a PDF at all\n" * 9)


def _header_only(path: Path) -> None:
    path.write_bytes(b"%PDF-1.7\n")


def _binary(path: Path) -> None:
    path.write_bytes(b"%PDF-1.7\n" + bytes(range(256)) * 64 + b"\n%%EOF\n")


def _folder(path: Path) -> None:
    path.mkdir()


def _fifo(path: Path) -> None:
    os.mkfifo(path)


def _device(path: Path) -> None:
    path.symlink_to("/dev/zero")


def _terminal(path: Path) -> None:
    path.symlink_to("/dev/tty")


def _loop(path: Path) -> None:
    path.symlink_to(path.name)


def _dangling(path: Path) -> None:
    path.symlink_to("nowhere")


def _absent(path: Path) -> None:
    assert not path.exists()


def _below_a_file(path: Path) -> None:
    path.write_bytes(b"x")


def _socket(path: Path) -> None:
    bound = socket.socket(socket.AF_UNIX)  # noqa: TID251 - a file of that kind is the input
    here = os.getcwd()
    os.chdir(path.parent)  # its name may be longer than a socket's address
    try:
        bound.bind(path.name)
    finally:
        os.chdir(here)
        bound.close()


BAD: dict[str, tuple[Callable[[Path], None], str]] = {
    "empty": (_empty, "empty"),
    "text": (_text, "not_pdf"),
    "header only": (_header_only, "damaged"),
    "binary": (_binary, "damaged"),
    "folder": (_folder, "not_a_file"),
    "fifo": (_fifo, "not_a_file"),
    "device": (_device, "not_a_file"),
    "terminal": (_terminal, "not_a_file"),
    "socket": (_socket, "not_a_file"),
    "loop": (_loop, "not_found"),
    "dangling": (_dangling, "not_found"),
    "absent": (_absent, "not_found"),
}


def test_a_batch_of_none_usable_names_each_reason_asks_no_pin_and_leaves_the_folder_alone(desk: Desk, tmp_path: Path) -> None:
    names = {kind: tmp_path / f"{kind}.pdf" for kind in BAD}
    for kind, path in names.items():
        BAD[kind][0](path)
    before = tree(tmp_path)
    result = desk.yinxin("sign", *names.values(), names["empty"] / "below.pdf", *NO_PIN, code=5)
    error = told(result)
    assert (error["code"], error["facts"]["reason"]) == ("input_unusable", "none")
    documents = {Path(d["input"]).stem: d for d in result.json["documents"]}
    assert {k: d["error"]["facts"]["reason"] for k, d in documents.items()} == {**{k: BAD[k][1] for k in BAD}, "below": "not_found"}
    assert all(d["state"] == "failed" and d["output"] is None and d["error"]["message"] and d["error"]["hint"] for d in documents.values())
    assert tree(tmp_path) == before


@pytest.mark.parametrize("kind", ["empty", "fifo", "absent"])
def test_one_unusable_file_has_its_own_two_sentences(desk: Desk, tmp_path: Path, kind: str) -> None:
    make, reason = BAD[kind]
    path = tmp_path / "图.pdf"
    make(path)
    before = tree(tmp_path)
    told_json = told(desk.yinxin("sign", path, *NO_PIN, code=5))
    assert (told_json["code"], told_json["facts"]["reason"]) == ("input_unusable", reason)
    message, hint = sentences(desk.yinxin("sign", path, *NO_PIN, code=5, as_json=False))
    assert (message, hint) == (told_json["message"], told_json["hint"])
    assert "图.pdf" in message
    assert tree(tmp_path) == before


def test_in_a_mixed_batch_the_good_ones_are_signed_and_the_bad_ones_named(desk: Desk, drawing: Path, tmp_path: Path) -> None:
    folder = tmp_path / "套图"
    folder.mkdir()
    good = [Path(shutil.copy(drawing, folder / f"good{n}.pdf")) for n in range(2)]
    bad = []
    for kind in ("empty", "text", "folder", "loop"):
        bad.append(folder / f"{kind}.pdf")
        BAD[kind][0](bad[-1])
    before = tree(folder)
    result = desk.yinxin("sign", bad[0], good[0], bad[1], bad[2], good[1], bad[3], *SIGN, code=7)
    documents = result.json["documents"]
    assert [d["state"] for d in documents] == ["failed", "published", "failed", "failed", "published", "failed"]
    assert [d["error"]["facts"]["reason"] for d in documents if d["error"]] == ["empty", "not_pdf", "not_a_file", "not_found"]
    after = tree(folder)
    outputs = {os.fsencode(folder / f"good{n}.signed.pdf") for n in range(2)}
    assert after.keys() - before.keys() == outputs
    assert {k: v for k, v in after.items() if k not in outputs} == before
    for n in range(2):
        assert_signed(folder / f"good{n}.signed.pdf")
    shown = desk.yinxin("sign", bad[0], good[0], "--force", *SIGN, code=7, as_json=False)
    assert shown.out.startswith("signed: ")
    assert "0 bytes" in shown.err


def test_encrypted_and_certified_files_are_refused_each_by_its_name(desk: Desk, drawing: Path, tmp_path: Path) -> None:
    locked, user_locked, certified = (tmp_path / name for name in ("locked.pdf", "user.pdf", "certified.pdf"))
    subprocess.run(["qpdf", "--encrypt", "", "owner", "256", "--", drawing, locked], check=True)
    subprocess.run(["qpdf", "--encrypt", "user", "owner", "256", "--", drawing, user_locked], check=True)
    _certify(drawing, certified)
    before = tree(tmp_path)
    result = desk.yinxin("sign", locked, user_locked, certified, *NO_PIN, code=5)
    assert [d["error"]["facts"]["reason"] for d in result.json["documents"]] == ["encrypted", "encrypted", "certified"]
    assert tree(tmp_path) == before


def _certify(source: Path, target: Path) -> None:
    """A certification that allows no change (DocMDP 1), by pyHanko with a key of its own."""
    from datetime import UTC, datetime, timedelta

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
    from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
    from pyhanko.sign import fields, signers

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "certifier")])
    now = datetime.now(UTC)
    cert = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), now - timedelta(1), now + timedelta(9))
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    files = source.parent / "k.pem", source.parent / "c.pem"
    files[0].write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    files[1].write_bytes(cert.public_bytes(Encoding.PEM))
    signer = signers.SimpleSigner.load(*map(str, files))
    meta = signers.PdfSignatureMetadata(field_name="C", certify=True, docmdp_permissions=fields.MDPPerm.NO_CHANGES, md_algorithm="sha256")
    with source.open("rb") as data, target.open("wb") as out:
        signers.sign_pdf(IncrementalPdfFileWriter(data), meta, signer, output=out)


HOSTILE_NAMES = {
    "chinese": "总平面图 ①—②（终稿）.pdf".encode(),
    "newline": b"two\nlines.pdf",
    "escape": b"\x1b[31mred\x1b]0;title\x07.pdf",
    "bidi": "invoice\u202efdp.exe.pdf".encode(),
    "not utf-8": b"\xb9\xa4\xb3\xcc\xcd\xbc.pdf",  # 工程图 in GBK
    "dash": b"-force.pdf",
    "spaces": b"  a  b .pdf",
    "percent": b"100%25 #1?x.pdf",
    "quotes": b'it\'s "so" $(touch x) `y`.pdf',
    "emoji": "🏗️图\u200d.PDF".encode(),
    "dots": b"...pdf",
    "ending only": b".pdf",
    "backslash": b"a\\nb.pdf",
}


def test_names_of_every_kind_are_signed_and_shown_harmlessly(desk: Desk, drawing: Path, tmp_path: Path) -> None:
    folder = tmp_path / "names"
    folder.mkdir()
    inputs = []
    for name in HOSTILE_NAMES.values():
        path = os.path.join(os.fsencode(folder), name)
        shutil.copy(drawing, path)
        inputs.append(path)
    result = desk.yinxin("sign", *inputs, *SIGN)
    documents = result.json["documents"]
    assert [os.fsencode(d["input"]) for d in documents] == inputs
    assert all(d["state"] == "published" and os.path.isfile(os.fsencode(d["output"])) for d in documents)
    assert len(tree(folder)) == 2 * len(inputs)
    for document in documents:
        assert_signed(document["output"])
    # `printf` of the JSON by another program: still one document, of plain UTF-8
    result.out.encode("utf-8")
    shown = desk.yinxin("sign", *inputs, *SIGN, "--force", as_json=False)
    assert_harmless(shown, len(inputs))
    checked = desk.yinxin("verify", *(d["output"] for d in documents), as_json=False)
    assert "\x1b" not in checked.out + checked.err
    assert "\u202e" not in checked.out + checked.err


def assert_harmless(shown: Result, lines: int) -> None:
    """One line a document; no control or direction character of a name reaches the terminal."""
    assert len(shown.out.splitlines()) == lines
    for char in ("\x1b", "\x07", "\u202e", "\udcb9"):
        assert char not in shown.out + shown.err
    for escaped in ("two\\nlines", "\\x1b[31mred", "\\u202e", "\\xb9\\xa4"):
        assert escaped in shown.out


@pytest.mark.parametrize("kind", ["newline", "escape", "bidi", "not utf-8"])
def test_a_hostile_name_in_an_error_is_escaped(desk: Desk, tmp_path: Path, kind: str) -> None:
    path = os.path.join(os.fsencode(tmp_path), HOSTILE_NAMES[kind])
    with open(path, "wb"):
        pass
    sentences(desk.yinxin("sign", path, *NO_PIN, code=5, as_json=False))
    result = desk.yinxin("sign", path, *NO_PIN, code=5)
    for char in ("\x1b", "\u202e"):
        assert char not in told(result)["message"]
    assert os.fsencode(result.json["documents"][0]["input"]) == path


def test_a_name_too_long_for_its_output_is_told_before_the_pin(desk: Desk, drawing: Path, tmp_path: Path) -> None:
    path = tmp_path / ("长" * 82 + ".pdf")  # 250 bytes: `.signed.pdf` no longer fits in 255
    shutil.copy(drawing, path)
    before = tree(tmp_path)
    error = told(desk.yinxin("sign", path, *NO_PIN, code=5))
    assert (error["code"], error["facts"]["reason"]) == ("output_unwritable", "name_too_long")
    assert tree(tmp_path) == before


def test_a_path_longer_than_the_system_takes_is_not_found(desk: Desk, tmp_path: Path) -> None:
    error = told(desk.yinxin("sign", "/" + "a/" * 3000 + "b.pdf", *NO_PIN, code=5))
    assert (error["code"], error["facts"]["reason"]) == ("input_unusable", "not_found")


def test_the_same_file_twice_and_two_inputs_of_one_output_name(desk: Desk, drawing: Path, tmp_path: Path) -> None:
    a, b, out = tmp_path / "a", tmp_path / "b", tmp_path / "out"
    for folder in (a, b, out):
        folder.mkdir()
    first, second = (Path(shutil.copy(drawing, folder / "图.pdf")) for folder in (a, b))
    upper = Path(shutil.copy(drawing, a / "图.PDF"))
    before = tree(tmp_path)
    assert told(desk.yinxin("sign", first, f"{a}/./图.pdf", *NO_PIN, code=2))["facts"]["reason"] == "twice"
    assert told(desk.yinxin("sign", first, second, "--out-dir", out, *NO_PIN, code=5))["code"] == "output_exists"
    assert told(desk.yinxin("sign", first, upper, *NO_PIN, code=5))["code"] == "output_exists"
    assert tree(tmp_path) == before


@pytest.mark.parametrize(
    "command",
    [
        ("key", "generate", "--type", "p256", "--label", b"\xb9\xa4"),
        ("key", "generate", "--type", "p256", "--label", "x" * 300),
        ("key", "generate", "--type", "p256", "--label", ""),
        ("token", "init", "--emulated", "--label", b"\xb9\xa4", "--so-pin", "env:YX_SO_PIN"),
        ("token", "init", "--emulated", "--label", "", "--so-pin", "env:YX_SO_PIN"),
        ("token", "init", "--emulated", "--label", "图" * 11, "--so-pin", "env:YX_SO_PIN"),
        ("ca", "create", "--subject", b"CN=\xb9\xa4"),
        ("ca", "create", "--subject", "CN=" + "长" * 22),
        ("ca", "create", "--subject", "no name"),
        ("ca", "create", "--subject", ""),
        ("ca", "create", "--subject", "CN=x,C=China"),
        ("cert", "request", "--key", b"\xff", "--subject", "CN=x", "--out", "x.csr"),
        ("sign", "x.txt", "--appearance", "text", "--reason", b"\xb9\xa4"),
        ("sign", "x.txt", "--token", b"\xb9\xa4"),
        ("sign", "x.txt", "--cert", b"\xb9\xa4"),
    ],
    ids=lambda command: ascii(command)[-60:],
)
def test_words_that_cannot_be_used(desk: Desk, tmp_path: Path, command: tuple[str | bytes, ...]) -> None:
    """Labels, subjects and reasons that are empty, too long or no text: an error of the user's, on whatever it is."""
    (tmp_path / "x.txt").write_text("x")
    before = tree(tmp_path)
    result = desk.yinxin(*command, *SIGN, code=None, cwd=tmp_path)
    if result.code == 0:
        assert command[:2] == ("sign", "x.txt"), result.out  # a reason is no part of a detached signature
        return
    assert result.code in (2, 3), result.out
    told(result)
    assert tree(tmp_path) == before


def test_a_file_that_vanishes_or_changes_while_the_pin_is_asked_for(desk: Desk, drawing: Path, tmp_path: Path) -> None:
    """A detached signature is for a file that is there and is what was shown; of a PDF the snapshot is signed, which was shown."""
    for act, code, reason in ((Path.unlink, "input_unusable", "vanished"), (lambda path: path.write_bytes(b"other"), "input_changed", None)):
        data = tmp_path / "data.bin"
        data.write_bytes(b"first")
        with Asked(desk.yinxin, data) as (process, writing):
            act(data)
            os.write(writing, desk.token.pin.encode() + b"\n")
            stdout, _ = process.communicate(timeout=60)
        assert process.returncode == 5, stdout
        error = json.loads(stdout)["error"]
        assert (error["code"], error["facts"].get("reason")) == (code, reason)
        assert not (tmp_path / "data.bin.p7s").exists()
    shown = drawing.read_bytes()
    with Asked(desk.yinxin, drawing) as (process, writing):
        drawing.write_bytes(b"%PDF-1.7 something else")
        os.write(writing, desk.token.pin.encode() + b"\n")
        stdout, _ = process.communicate(timeout=60)
    assert process.returncode == 0, stdout
    assert drawing.with_suffix(".signed.pdf").read_bytes().startswith(shown)
    assert_signed(drawing.with_suffix(".signed.pdf"))
