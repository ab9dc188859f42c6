"""Documents that attack whoever reads them: the agent lives, the worker's trouble is that document's, the others are signed."""

import os
import shutil
import subprocess
import sys
import zlib
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from tests.e2e.conftest import SIGN, Desk
from tests.e2e.looks import assert_signed, told, tree
from tests.e2e.test_inputs import NO_PIN

LIMIT = 100_000_000


def pdf(*objects: bytes, trailer: bytes = b"", size: int | None = None, prev: bytes = b"") -> bytes:
    """A PDF of these objects, numbered from 1; the first is the catalogue."""
    out = bytearray(b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n")
    offsets = []
    for number, body in enumerate(objects, 1):
        offsets.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    start = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    for offset in offsets:
        out += b"%010d 00000 n \n" % offset
    out += b"trailer\n<</Size %d/Root 1 0 R%s%s>>\nstartxref\n%d\n%%%%EOF\n" % (size or len(objects) + 1, trailer, prev, start)
    return bytes(out)


def stream(data: bytes, extra: bytes = b"") -> bytes:
    return b"<</Length %d%s>>\nstream\n%s\nendstream" % (len(data), extra, data)


CATALOGUE = b"<</Type/Catalog/Pages 2 0 R>>"
PAGES = b"<</Type/Pages/Kids[3 0 R]/Count 1>>"
PAGE = b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]>>"


@cache
def gigabyte() -> bytes:
    """A gigabyte of nothing, packed: whole deflate blocks of it can be repeated (RFC 1951, a full flush ends at a byte)."""
    packer = zlib.compressobj(1, zlib.DEFLATED, -15)
    block = packer.compress(bytes(1 << 20)) + packer.flush(zlib.Z_FULL_FLUSH)
    return b"\x78\x01" + block * 1024 + b"\x03\x00" + b"\0\0\0\0"  # the checksum comes after the damage


def bomb() -> bytes:
    """Flate in flate: a page's content of a gigabyte."""
    twice = zlib.compress(gigabyte(), 9)
    return pdf(CATALOGUE, PAGES, PAGE[:-2] + b"/Contents 4 0 R/Resources<<>>>>", stream(twice, b"/Filter[/FlateDecode/FlateDecode]"))


def object_stream_bomb() -> bytes:
    """The catalogue itself lies in a stream that unpacks to a gigabyte."""
    once = gigabyte()
    body = b"%PDF-1.7\n"
    first = len(body)
    body += b"1 0 obj\n" + stream(once, b"/Type/ObjStm/N 1/First 4/Filter/FlateDecode") + b"\nendobj\n"
    second = len(body)
    rows = b"".join(
        kind.to_bytes(1, "big") + a.to_bytes(4, "big") + b.to_bytes(2, "big")
        for kind, a, b in [(0, 0, 65535), (1, first, 0), (1, second, 0), (2, 1, 0)]
    )
    table = b"/Type/XRef/Size 4/W[1 4 2]/Root 3 0 R"
    return body + b"2 0 obj\n" + stream(rows, table) + b"\nendobj\nstartxref\n%d\n%%%%EOF\n" % second


HOSTILE: dict[str, Callable[[], bytes]] = {
    "bomb": bomb,
    "object stream bomb": object_stream_bomb,
    "cyclic pages": lambda: pdf(CATALOGUE, b"<</Type/Pages/Kids[2 0 R 3 0 R]/Count 2>>", PAGE),
    "page its own parent": lambda: pdf(CATALOGUE, PAGES, b"<</Type/Page/Parent 3 0 R>>"),
    "catalogue as pages": lambda: pdf(b"<</Type/Catalog/Pages 1 0 R>>"),
    "reference to itself": lambda: pdf(CATALOGUE, b"2 0 R"),
    "references in a ring": lambda: pdf(CATALOGUE, b"3 0 R", b"4 0 R", b"2 0 R"),
    "huge count": lambda: pdf(CATALOGUE, b"<</Type/Pages/Kids[3 0 R]/Count 2147483647>>", PAGE),
    "negative count": lambda: pdf(CATALOGUE, b"<</Type/Pages/Kids[3 0 R]/Count -1>>", PAGE),
    "no pages": lambda: pdf(CATALOGUE, b"<</Type/Pages/Kids[]/Count 0>>"),
    "deep array": lambda: pdf(CATALOGUE, PAGES, PAGE[:-2] + b"/X " + b"[" * 50_000 + b"]" * 50_000 + b">>"),
    "deep dictionary": lambda: pdf(CATALOGUE, PAGES, PAGE[:-2] + b"/X " + b"<</X " * 50_000 + b"1" + b">>" * 50_000 + b">>"),
    "deep pages": lambda: pdf(
        CATALOGUE, *(b"<</Type/Pages/Kids[%d 0 R]/Count 1>>" % (n + 3) for n in range(5000)), b"<</Type/Page/Parent 5001 0 R>>"
    ),
    "huge size": lambda: pdf(CATALOGUE, PAGES, PAGE, size=2_000_000_000),
    "previous is itself": lambda: pdf(CATALOGUE, PAGES, PAGE, prev=b"/Prev 150"),
    "huge box": lambda: pdf(CATALOGUE, PAGES, b"<</Type/Page/Parent 2 0 R/MediaBox[-1e38 -1e38 1e38 1e38]>>"),
    "box of words": lambda: pdf(CATALOGUE, PAGES, b"<</Type/Page/Parent 2 0 R/MediaBox[/a (b) null true]>>"),
    "empty box": lambda: pdf(CATALOGUE, PAGES, b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 0 0]>>"),
    "odd rotation": lambda: pdf(CATALOGUE, PAGES, PAGE[:-2] + b"/Rotate 45>>"),
    "user unit": lambda: pdf(CATALOGUE, PAGES, PAGE[:-2] + b"/UserUnit 1e30>>"),
    "form in a ring": lambda: pdf(CATALOGUE[:-2] + b"/AcroForm<</Fields[4 0 R]>>>>", PAGES, PAGE, b"<</T(a)/Kids[4 0 R]>>"),
    "form is a number": lambda: pdf(CATALOGUE[:-2] + b"/AcroForm 7>>", PAGES, PAGE),
    "annotations are a name": lambda: pdf(CATALOGUE, PAGES, PAGE[:-2] + b"/Annots/None>>"),
    "many fields": lambda: pdf(CATALOGUE[:-2] + b"/AcroForm<</Fields[" + b"4 0 R " * 200_000 + b"]>>>>", PAGES, PAGE, b"<</T(a)/FT/Tx>>"),
    "nothing after the head": lambda: b"%PDF-1.7\n" + b"\0" * 100_000,
    "startxref beyond": lambda: pdf(CATALOGUE, PAGES, PAGE).replace(b"startxref\n", b"startxref\n99999999"),
    "a million objects of nothing": lambda: b"%PDF-1.7\n" + b"1 0 obj\n" * 1_000_000 + b"%%EOF\n",
}


@pytest.mark.promise(6)
@pytest.mark.promise(8)
def test_hostile_documents_harm_themselves_alone(desk: Desk, drawing: Path, tmp_path: Path) -> None:
    """Each is signed so that pdfsig accepts it, or refused by a clear word; a good drawing among them is signed; the agent is the same after it."""
    folder, out = tmp_path / "in", tmp_path / "out"
    for each in (folder, out):
        each.mkdir()
    inputs = []
    for name, make in HOSTILE.items():
        inputs.append(folder / f"{name}.pdf")
        inputs[-1].write_bytes(make())
    good = Path(shutil.copy(drawing, folder / "good.pdf"))
    before, pid = tree(folder), desk.yinxin("agent", "start").json["pid"]
    result = desk.yinxin("sign", *inputs, good, "--out-dir", out, "--appearance", "text", "--at", "1:20,20", *SIGN, code=7, timeout=300)
    assert tree(folder) == before
    assert desk.yinxin("agent", "status").json["pid"] == pid
    documents = {Path(d["input"]).stem: d for d in result.json["documents"]}
    assert documents["good"]["state"] == "published"
    for name, document in documents.items():
        if document["state"] == "published":
            said = subprocess.run(["pdfsig", "-nocert", document["output"]], capture_output=True, text=True, errors="replace", check=False).stdout
            assert "Signature is Valid" in said, name
        else:
            assert document["error"]["code"] == "input_unusable", (name, document["error"])
            assert document["error"]["hint"]
    assert sorted(os.listdir(out)) == sorted(Path(d["output"]).name for d in documents.values() if d["output"])
    checked = desk.yinxin("verify", *inputs, code=1, timeout=300).json["documents"]
    assert {d["verdict"] for d in checked} == {"indeterminate"}
    assert desk.yinxin("agent", "status").json["pid"] == pid


@pytest.mark.promise(6)
def test_a_pdf_beyond_a_hundred_million_bytes(desk: Desk, drawing: Path, tmp_path: Path) -> None:
    """The size at which another program's output was once corrupt while it returned success; a second engine looks."""
    large = tmp_path / "大图.pdf"
    source = drawing.read_bytes()
    pages = pdf(CATALOGUE, PAGES, PAGE[:-2] + b"/Contents 4 0 R/Resources<<>>>>", stream(b"q Q"), stream(os.urandom(LIMIT + 123)))
    assert len(pages) > LIMIT
    assert source
    large.write_bytes(pages)
    output = large.with_suffix(".signed.pdf")
    desk.yinxin("sign", large, "--appearance", "text", "--at", "1:20,20", *SIGN)
    assert output.stat().st_size > LIMIT
    with output.open("rb") as signed:
        assert signed.read(len(pages)) == pages
    assert_signed(output)
    assert desk.yinxin("verify", output).json["documents"][0]["verdict"] == "passed"
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted([drawing.name, large.name, output.name])
    output.unlink()
    large.unlink()


def test_a_file_that_grows_while_it_is_read(desk: Desk, tmp_path: Path) -> None:
    """A program goes on writing: the file is not signed, or what is signed is exactly what was read."""
    script = """
import os, sys
fd = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
os.write(fd, bytes(40_000_000))
print("begun", flush=True)
while not os.path.exists(sys.argv[2]):
    os.write(fd, b"more")
"""
    growing, stop = tmp_path / "growing.bin", tmp_path / "stop"
    with subprocess.Popen([sys.executable, "-c", script, growing, stop], stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout
        writer.stdout.readline()
        try:
            error = told(desk.yinxin("sign", growing, *NO_PIN, code=None))
        finally:
            stop.touch()
    # Usually noticed while it is read; where the disk held the writer up just then, the (unreadable) PIN ends it.
    assert error["code"] == "input_changed" or error["facts"]["reason"] == "pin_unreadable"
    assert not (tmp_path / "growing.bin.p7s").exists()
