"""What is done faster comes to the same as the libraries' own way."""

import io
from collections.abc import Callable
from typing import Any

from asn1crypto import x509
from hypothesis import example, given
from hypothesis import strategies as st
from pyhanko.pdf_utils import generic

from agent.verification import quick
from tests.verification.conftest import Pki

HEX = st.text("0123456789abcdefABCDEF", max_size=60).map(str.encode)


def outcome(read: Callable[[Any], Any], data: bytes) -> tuple[object, ...]:
    """What is read and where the stream stands after it, or that it was refused."""
    stream = io.BytesIO(data)
    try:
        value = read(stream)
    except Exception as error:  # each kind of refusal is one
        return (type(error),)
    return type(value), value.original_bytes, stream.tell()


@given(st.one_of(HEX, st.binary(max_size=40), st.lists(HEX, max_size=6).map(b"\n ".join)), st.binary(max_size=10))
@example(b"", b"")
@example(b"feff6d4b", b" /Next")
@example(b"a" * 24_000, b">")
def test_hexadecimal_strings_read_as_pyhanko_reads_them(inside: bytes, after: bytes) -> None:
    for data in (b"<" + inside + b">" + after, b"<" + inside, b"<" + inside + after):
        assert outcome(quick.read_hex_string, data) == outcome(quick._slow, data)


def test_the_same_bytes_are_the_same_name_and_others_are_compared_as_ever(pki: Pki) -> None:
    one, again = (x509.Name.load(pki.signer.asn1.subject.dump()) for _ in range(2))
    shouted = x509.Name.build({"country_name": "cn", "common_name": "李工"})
    assert quick.same_name(one, again)
    assert quick.same_name(one, shouted) == quick._same_name(one, shouted)
    assert not quick.same_name(one, pki.ca.asn1.subject)
    assert not quick.same_name(one, "李工")


def test_a_certificate_is_known_by_all_its_bytes(pki: Pki) -> None:
    der = pki.signer.asn1.dump()
    first, second = (quick.known(x509.Certificate.load(der)) for _ in range(2))
    assert first is second
    altered = bytearray(der)
    altered[-1] ^= 1
    assert quick.known(x509.Certificate.load(bytes(altered))) is not first


def test_installing_changes_what_pyhanko_calls_and_nothing_it_says() -> None:
    before, name = generic.read_hex_string_from_stream, x509.Name.__eq__
    try:
        quick.install()
        assert generic.read_object(io.BytesIO(b"<48656c6c6f> "), generic.Reference(1, 0)) == "Hello"
    finally:
        generic.read_hex_string_from_stream, x509.Name.__eq__ = before, name
