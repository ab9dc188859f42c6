"""Random damage: no flipped byte of a signed file passes unnoticed, no random bytes break the checker."""

import io
import random
import zipfile
from collections.abc import Callable
from functools import cache
from pathlib import Path

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.verification.conftest import Pki, Signing, Verifier, blank_pdf, codes
from tests.verification.containers import extended, token
from tests.verification.test_cms import openssl

RELAXED = settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], derandomize=True)


def flip(data: bytes, at: int, by: int) -> bytes:
    """`data` with one byte changed."""
    return data[:at] + bytes([data[at] ^ by]) + data[at + 1 :]


def flips(data: bytes, chance: random.Random, count: int) -> list[tuple[int, int]]:
    """Where to flip which bit: `count` times at random, or one bit of every byte where it is 0 (`make soak`)."""
    if not count:
        return [(at, 1 << chance.randrange(8)) for at in range(len(data))]
    return [(chance.randrange(len(data)), 1 << chance.randrange(8)) for _ in range(count)]


def unnoticed(document: dict[str, object]) -> bool:
    """Passed, and nothing said of a part that is not protected."""
    return document["verdict"] == "passed" and "unsigned_part" not in codes(document)


def test_no_flipped_byte_of_a_detached_signature_passes_unnoticed(
    check: Verifier, pki: Pki, tmp_path: Path, times: Callable[[int, int], int]
) -> None:
    content = tmp_path / "a.txt"
    content.write_bytes(b"content")
    p7s = openssl(pki, content, "-cades")
    data = p7s.read_bytes()
    chance = random.Random(5)
    passed = []
    for at, by in flips(data, chance, times(1000, 0)):
        p7s.write_bytes(flip(data, at, by))
        if unnoticed(check(content, signature=p7s)):
            passed.append((at, by))
    assert not passed


@RELAXED
@given(st.binary(max_size=2000))
@example(b"%PDF-1.7\n%%EOF")
@example(b"%PDF-1.7\ntrailer<</Root 1 0 R>>\nstartxref\n0\n%%EOF")
@example(b"\x30\x80\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02")
def test_random_bytes_never_pass_and_never_raise(check: Verifier, data: bytes) -> None:
    assert check(data)["verdict"] == "indeterminate"
    assert check(b"%PDF-1.7\n" + data)["verdict"] == "indeterminate"
    path = check.folder / "x.p7s"
    path.write_bytes(data)
    assert check(path)["verdict"] == "indeterminate"


@cache
def _signed(signing: Signing) -> bytes:
    return signing.sign(blank_pdf(lines=2))


@RELAXED
@given(st.data())
def test_spliced_files_never_pass(check: Verifier, signing: Signing, data: st.DataObject) -> None:
    whole = _signed(signing)
    start = data.draw(st.integers(0, len(whole) - 1))
    length = data.draw(st.integers(0, 400))
    insert = data.draw(st.binary(max_size=100))
    spliced = whole[:start] + insert + whole[start + length :]
    if spliced.rstrip(b"\0\t\n\f\r ") != whole.rstrip(b"\0\t\n\f\r "):
        assert check(spliced)["verdict"] != "passed"


def test_no_flipped_byte_of_a_container_passes_unnoticed(check: Verifier, pki: Pki, tmp_path: Path, times: Callable[[int, int], int]) -> None:
    """What passes still unpacks, for everybody, to the very files that were signed; the rest is said to be unprotected on every container."""
    files = [("a.dwg", b"A" * 300), ("b.txt", b"B" * 300)]
    data = extended(pki, files).data()
    path = tmp_path / "x.asice"
    chance = random.Random(6)
    passed = []
    for at, by in flips(data, chance, times(1000, 0)):
        path.write_bytes(flip(data, at, by))
        document = check(path)
        if document["verdict"] != "passed":
            continue
        with zipfile.ZipFile(path) as packed:
            same = all(packed.read(name) == content for name, content in files)
            signature = packed.read("META-INF/signature001.p7s") == _entry(data, "META-INF/signature001.p7s")
        if not same or "container_unprotected" not in codes(document) or not (signature or "unsigned_part" in codes(document)):
            passed.append((at, by))
    assert not passed


def _entry(data: bytes, name: str) -> bytes:
    with zipfile.ZipFile(io.BytesIO(data)) as packed:
        return packed.read(name)


def test_no_flipped_byte_of_a_time_stamp_passes_unnoticed(check: Verifier, pki: Pki, tmp_path: Path, times: Callable[[int, int], int]) -> None:
    content = tmp_path / "a.txt"
    content.write_bytes(b"content")
    tst = tmp_path / "a.txt.tst"
    data = token(pki, b"content")
    chance = random.Random(7)
    passed = []
    for at, by in flips(data, chance, times(200, 0)):
        tst.write_bytes(flip(data, at, by))
        if unnoticed(check(content, signature=tst)):
            passed.append((at, by))
    assert not passed
