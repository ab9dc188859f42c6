"""The worker's operations, in this process and as the process it really is."""

import base64
import hashlib
import os
import subprocess
import sys
import threading
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pikepdf
import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from agent.api.errors import ApiError, Code
from agent.signing.worker import Bench
from tests.signing.pen import NOW, Pen, Person, accepted, make_pdf
from tokens import platform
from tokens.types import SignatureScheme
from tokens.wire import Link, Message


class Process:
    """A worker process; `answer` is its door."""

    def __init__(self, **environment: str) -> None:
        ours, theirs = platform.socket_pair()
        self.link = Link(ours)
        with theirs:
            self.popen = subprocess.Popen(
                [sys.executable, "-m", "agent.signing.worker", str(theirs.fileno())], pass_fds=(theirs.fileno(),), env={**os.environ, **environment}
            )

    def answer(self, op: str, args: Message) -> Message:
        self.link.send({"id": 1, "op": op, "args": args})
        reply = self.link.receive()
        assert reply is not None
        if error := reply.get("error"):
            raise ApiError(Code(error["code"]), **error["facts"])
        result: Message = reply["result"]
        return result

    def close(self) -> int:
        self.link.sock.close()
        return self.popen.wait(timeout=30)


@pytest.fixture
def process() -> Iterator[Process]:
    worker = Process(PYTHONPATH=str(Path(__file__).parents[2]))
    yield worker
    assert worker.close() == 0


@pytest.fixture
def far(process: Process, rsa_person: Person) -> Pen:
    """A pen whose worker is a process."""
    pen = Pen(process.answer, rsa_person, SignatureScheme.RSA_PKCS1_SHA256)
    pen.set_up()
    return pen


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "a.pdf"
    path.write_bytes(make_pdf())
    return path


def refusal(pen: Pen, source: Path, target: Path, **more: Any) -> ApiError:
    with pytest.raises(ApiError) as caught:
        pen.snapshot(source, target, **more)
    return caught.value


@pytest.mark.promise(6)
def test_a_set_of_documents_through_the_process(far: Pen, source: Path, tmp_path: Path) -> None:
    names = ["图纸 A-01", "a\nb", os.fsdecode(b"\xff\xfe"), "plain"]
    targets = [tmp_path / f"{name}.signed.pdf" for name in names]
    for n, target in enumerate(targets):
        seen = far.snapshot(source, target, n)
        assert seen["sha256"] == hashlib.sha256(source.read_bytes()).hexdigest()
        assert (seen["pages"], seen["size"], seen["warnings"]) == (1, source.stat().st_size, [])
    assert list(tmp_path.iterdir()) == [source]
    for n, target in enumerate(targets):
        done = far.complete(n)
        assert done["output"] == str(target)
        assert done["sha256_after"] == hashlib.sha256(target.read_bytes()).hexdigest()
        accepted(target)


@pytest.mark.promise(5)
@pytest.mark.parametrize("appearance", ["none", "text"])
def test_another_worker_comes_to_the_same_bytes_to_sign(rsa_person: Person, source: Path, tmp_path: Path, appearance: str) -> None:
    """So that a document whose worker died needs no second signature of the token; hashes differ between processes, and must not matter."""
    asked = []
    for seed in ("1", "2", "3"):
        worker = Process(PYTHONPATH=str(Path(__file__).parents[2]), PYTHONHASHSEED=seed)
        pen = Pen(worker.answer, rsa_person, SignatureScheme.RSA_PKCS1_SHA256)
        pen.set_up(appearance=appearance)
        pen.snapshot(source, tmp_path / "b.pdf")
        asked.append(worker.answer("prepare", {"n": 0, "identifier": base64.b64encode(bytes(16)).decode()})["tbs"])
        assert worker.close() == 0
    assert len(set(asked)) == 1


@pytest.mark.promise(6)
def test_a_killed_worker_leaves_nothing(far: Pen, process: Process, source: Path, tmp_path: Path) -> None:
    far.snapshot(source, tmp_path / "b.pdf")
    far.answer("prepare", {"n": 0})
    process.popen.kill()
    process.popen.wait()
    assert list(tmp_path.iterdir()) == [source]
    process.popen.returncode = 0


def test_detached_signatures(far: Pen, rsa_person: Person, tmp_path: Path) -> None:
    source, target = tmp_path / "零件 1.dwg", tmp_path / "零件 1.dwg.p7s"
    source.write_bytes(b"AC1027" + os.urandom(3_000_000))
    source.chmod(0o600)
    done = far.sign(source, target, format="cades")
    assert done["pages"] is None
    assert done["sha256_after"] == hashlib.sha256(target.read_bytes()).hexdigest()
    assert target.stat().st_mode & 0o777 == 0o600
    (tmp_path / "root.pem").write_bytes(rsa_person.root.public_bytes(Encoding.PEM))
    command: list[str | Path] = [
        "openssl",
        "cms",
        "-verify",
        "-cades",
        "-binary",
        "-inform",
        "DER",
        "-in",
        target,
        "-content",
        source,
        "-CAfile",
        "root.pem",
    ]
    said = subprocess.run([*command, "-purpose", "any", "-out", os.devnull], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert said.returncode == 0, said.stderr


@pytest.mark.parametrize("change", ["content", "other file", "gone"])
def test_a_detached_signature_is_not_published_over_a_changed_file(change: str, pen: Pen, tmp_path: Path) -> None:
    source, target = tmp_path / "a.dwg", tmp_path / "a.dwg.p7s"
    source.write_bytes(b"one")
    pen.snapshot(source, target, format="cades")
    if change == "content":
        source.write_bytes(b"two")
        os.utime(source, ns=(1, 1))
    elif change == "other file":
        (tmp_path / "new").write_bytes(b"one")
        (tmp_path / "new").replace(source)
    else:
        source.unlink()
    with pytest.raises(ApiError) as caught:
        pen.complete()
    assert caught.value.code is (Code.INPUT_UNUSABLE if change == "gone" else Code.INPUT_CHANGED)
    assert not target.exists()


def test_inputs_that_cannot_be_signed(pen: Pen, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "empty").write_bytes(b"")
    (tmp_path / "folder").mkdir()
    (tmp_path / "ring").symlink_to("ring")
    cases = {"pipe": "not_a_file", "folder": "not_a_file", "empty": "empty", "absent": "not_found", "ring": "not_found", "pipe/x": "not_found"}
    before = set(tmp_path.iterdir())
    for form in ("pades", "cades"):
        for name, reason in cases.items():
            error = refusal(pen, tmp_path / name, tmp_path / "out", format=form)
            assert (error.code, error.facts["reason"], error.facts["name"]) == (Code.INPUT_UNUSABLE, reason, Path(name).name)
        assert refusal(pen, Path("/dev/null"), tmp_path / "out", format=form).facts["reason"] == "not_a_file"
    assert set(tmp_path.iterdir()) == before


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read and write everything")
def test_permissions(pen: Pen, source: Path, tmp_path: Path) -> None:
    source.chmod(0)
    assert refusal(pen, source, tmp_path / "b.pdf").facts["reason"] == "unreadable"
    source.chmod(0o600)
    (tmp_path / "locked").mkdir(mode=0o500)
    error = refusal(pen, source, tmp_path / "locked" / "b.pdf")
    assert (error.code, error.facts["reason"]) == (Code.OUTPUT_UNWRITABLE, "permission")


def test_the_output_is_never_the_input(pen: Pen, source: Path, tmp_path: Path) -> None:
    before = source.read_bytes()
    os.link(source, tmp_path / "same.pdf")
    for target in (source, tmp_path / "same.pdf"):
        error = refusal(pen, source, target, force=True)
        assert (error.code, error.facts["reason"]) == (Code.OUTPUT_UNWRITABLE, "is_input")
    assert refusal(pen, source, source).code in (Code.OUTPUT_EXISTS, Code.OUTPUT_UNWRITABLE)
    assert source.read_bytes() == before


def test_a_file_that_grows_while_it_is_read_is_told(pen: Pen, tmp_path: Path) -> None:
    source = tmp_path / "a.pdf"
    source.write_bytes(make_pdf(filler=30_000_000))
    stop = threading.Event()

    def grow() -> None:
        with source.open("ab", buffering=0) as out:
            while not stop.is_set():
                out.write(b"\n")

    writer = threading.Thread(target=grow)
    writer.start()
    try:
        assert refusal(pen, source, tmp_path / "b.pdf").code is Code.INPUT_CHANGED
    finally:
        stop.set()
        writer.join()


def test_an_existing_output_stops_before_the_pin(pen: Pen, source: Path, tmp_path: Path) -> None:
    target = tmp_path / "b.pdf"
    target.write_bytes(b"mine")
    assert refusal(pen, source, target).code is Code.OUTPUT_EXISTS
    assert target.read_bytes() == b"mine"
    pen.sign(source, target, force=True)
    accepted(target)


def test_a_wrong_signature_is_never_published(pen: Pen, source: Path, tmp_path: Path) -> None:
    for n, form in enumerate(("pades", "cades")):
        pen.snapshot(source, tmp_path / "b", n, format=form)
        pen.answer("prepare", {"n": n})
        with pytest.raises(ApiError) as caught:
            pen.answer("finish", {"n": n, "signature": base64.b64encode(b"\1" * 256).decode()})
        assert (caught.value.code, caught.value.facts["reason"]) == (Code.INTERNAL, "check")
        with pytest.raises(ApiError):
            pen.answer("publish", {"n": n})
    assert list(tmp_path.iterdir()) == [source]


def test_order_and_dropping(pen: Pen, source: Path, tmp_path: Path) -> None:
    fresh = Pen(Bench(9, 0o022).answer, pen.who, pen.scheme)
    assert refusal(fresh, source, tmp_path / "b").facts["reason"] == "order"
    for op in ("prepare", "publish", "finish"):
        with pytest.raises(ApiError):
            pen.answer(op, {"n": 7})
    pen.snapshot(source, tmp_path / "b.pdf", 1)
    assert pen.answer("drop", {"n": 1}) == pen.answer("drop", {"n": 1}) == {"n": 1}
    pen.snapshot(source, tmp_path / "b.pdf", 1)
    pen.set_up()  # a new batch: what the old one left goes
    with pytest.raises(ApiError):
        pen.answer("prepare", {"n": 1})
    assert list(tmp_path.iterdir()) == [source]


def test_with_few_descriptors_documents_wait_under_hidden_names(rsa_person: Person, source: Path, tmp_path: Path) -> None:
    pen = Pen(Bench(2, 0o022).answer, rsa_person, SignatureScheme.RSA_PKCS1_SHA256)
    pen.set_up()
    for n in range(6):
        pen.snapshot(source, tmp_path / f"{n}.pdf", n)
    assert len([each for each in tmp_path.iterdir() if each.name.endswith(".part")]) == 4
    for n in range(5):
        pen.complete(n)
        accepted(tmp_path / f"{n}.pdf")
    pen.answer("drop", {"n": 5})
    assert sorted(each.name for each in tmp_path.iterdir()) == ["0.pdf", "1.pdf", "2.pdf", "3.pdf", "4.pdf", "a.pdf"]


def test_a_decompression_bomb_is_an_error_of_its_document(far: Pen, source: Path, tmp_path: Path) -> None:
    bomb = zlib.compress(zlib.compress(b" " * 50_000_000, 9) * 30, 9)
    packed = b"<</Type/ObjStm/N 1/First 4/Filter[/FlateDecode/FlateDecode]/Length %d>>\nstream\n" % len(bomb)
    out = bytearray(b"%PDF-1.5\n")
    at = len(out)
    out += b"5 0 obj\n" + packed + bomb + b"\nendstream\nendobj\n"
    rows = b"".join(bytes([kind]) + a.to_bytes(4, "big") + bytes([b]) for kind, a, b in ((2, 5, 0), (1, at, 0), (1, len(out), 0)))
    end = len(out)
    out += b"6 0 obj\n<</Type/XRef/Size 7/Root 1 0 R/W[1 4 1]/Index[1 1 5 2]/Length %d>>\nstream\n" % len(rows) + rows
    out += b"\nendstream\nendobj\nstartxref\n%d\n%%%%EOF\n" % end
    (tmp_path / "bomb.pdf").write_bytes(out)
    error = refusal(far, tmp_path / "bomb.pdf", tmp_path / "b.pdf")
    assert (error.code, error.facts["reason"]) == (Code.INPUT_UNUSABLE, "damaged")
    far.snapshot(source, tmp_path / "c.pdf", 1)
    assert far.complete(1)["output"] == str(tmp_path / "c.pdf")


@pytest.mark.parametrize("content", [b"/Index[0 99999999999]", b"/DecodeParms<</Columns 99999999999/Predictor 12>>"])
def test_a_table_that_promises_too_much_is_an_error_of_its_document(content: bytes, far: Pen, source: Path, tmp_path: Path) -> None:
    with pikepdf.open(source, allow_overwriting_input=True) as document:
        document.save(source, object_stream_mode=pikepdf.ObjectStreamMode.generate)
    data = source.read_bytes()
    at = data.rindex(b"/Type /XRef")
    data = data[:at] + content + data[at:]
    if b"Columns" in content:
        data = data.replace(b"/DecodeParms << /Columns", b"/Unused << /Columns")
    source.write_bytes(data)
    error = refusal(far, source, tmp_path / "b.pdf")
    assert (error.code, error.facts["reason"]) == (Code.INPUT_UNUSABLE, "damaged")


def test_time_is_the_signers(pen: Pen, source: Path, tmp_path: Path) -> None:
    pen.set_up(signing_time=NOW.isoformat(), appearance="none", signer_name=None, reason=None, location=None)
    pen.sign(source, tmp_path / "b.pdf")
    accepted(tmp_path / "b.pdf")
