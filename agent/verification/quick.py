"""Three things the libraries do slowly for every document, done at once; what comes of them does not change.

A signature's 16,000 hexadecimal digits, which pyHanko reads one by one (a quarter of its time over a signed PDF): whatever is not plain digits up to
the closing mark is left to its own function.  Names of issuers, which asn1crypto prepares for comparison anew each time: the same bytes are the same
name.  Certificates, which come again in every document of a signer: the same bytes are the same object, with what was already read in it.
"""

import binascii
from collections.abc import Callable
from functools import lru_cache
from typing import Any, BinaryIO

from asn1crypto import x509
from pyhanko.pdf_utils import generic

_FIRST, _MOST = 20 * 1024, 4 * 1024 * 1024
_LARGEST = 16 * 1024
"""Bytes of a certificate that is kept."""
_KEPT = 200
_slow: Callable[[BinaryIO], Any] = generic.read_hex_string_from_stream


def read_hex_string(stream: BinaryIO) -> Any:
    """As `pyhanko.pdf_utils.generic.read_hex_string_from_stream`."""
    start, length = stream.tell(), _FIRST
    while length <= _MOST:
        piece = stream.read(length)
        end = piece.find(b">")
        if end > 0:
            try:
                value = binascii.unhexlify(piece[1:end])
            except binascii.Error:
                break
            stream.seek(start + end + 1)
            return generic.pdf_string(value)
        if len(piece) < length:
            break
        stream.seek(start)
        length *= 16
    stream.seek(start)
    return _slow(stream)


_same_name: Callable[[x509.Name, object], bool] = x509.Name.__eq__


def same_name(one: x509.Name, other: object) -> bool:
    """As `asn1crypto.x509.Name.__eq__`."""
    return (isinstance(other, x509.Name) and one.chosen.dump() == other.chosen.dump()) or _same_name(one, other)


def known(certificate: x509.Certificate) -> x509.Certificate:
    """The certificate of these very bytes that was seen before, where one was."""
    der = bytes(certificate.dump())
    return _loaded(der) if len(der) <= _LARGEST else certificate


@lru_cache(_KEPT)
def _loaded(der: bytes) -> x509.Certificate:
    return x509.Certificate.load(der)


def install() -> None:
    """Let the libraries use them, in this process."""
    generic.read_hex_string_from_stream = read_hex_string
    x509.Name.__eq__ = same_name
