"""The last look before publication: the staged bytes are read again from the file and judged by themselves.

Knows nothing of how they were made: ByteRange and CMS are taken from the bytes, the digest is recomputed, and the signature is
checked with the certificate's public key.  (ISO 32000-1, 12.8.1; RFC 5652, 5.4 and 5.6.)
"""

import hashlib
import os
import re
from dataclasses import dataclass
from typing import Any, Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes

from agent.cades import der
from agent.cades.cms import digest_name
from tokens.types import SignatureScheme

_CHUNK: Final = 1024 * 1024
_BYTE_RANGE = re.compile(rb"/ByteRange\s*\[\s*(\d+)\s+(\d+)\s+(\d+)\s+(\d+)\s*\]")
_MESSAGE_DIGEST = der.oid("1.2.840.113549.1.9.4")
_SIGNED_DATA = der.oid("1.2.840.113549.1.7.2")
_HASHES: Final = {"sha256": hashes.SHA256(), "sha384": hashes.SHA384(), "sha512": hashes.SHA512()}


class CheckFailed(Exception):
    """The staged bytes are not what they must be; nothing of them is published."""


@dataclass(frozen=True, slots=True)
class Signer:
    """Against what a signature is checked."""

    key: CertificatePublicKeyTypes
    scheme: SignatureScheme


def verify(signer: Signer, data: bytes, signature: bytes) -> None:
    """Check a signature over `data`; raises `CheckFailed`."""
    algorithm = _HASHES[digest_name(signer.scheme)]
    try:
        if isinstance(signer.key, rsa.RSAPublicKey):
            pss = padding.PSS(padding.MGF1(algorithm), algorithm.digest_size)
            signer.key.verify(signature, data, pss if "_pss_" in signer.scheme.value else padding.PKCS1v15(), algorithm)
        elif isinstance(signer.key, ec.EllipticCurvePublicKey):
            signer.key.verify(signature, data, ec.ECDSA(algorithm))
        else:
            raise CheckFailed("key type")
    except InvalidSignature as exc:
        raise CheckFailed("signature") from exc


def _inside(data: bytes, tag: int) -> bytes:
    found, start, end = der.element(data)
    if found != tag:
        raise CheckFailed(f"tag {found:#x} instead of {tag:#x}")
    return data[start:end]


def check_cms(cms: bytes, digest: bytes, signer: Signer) -> None:
    """Check that `cms` is one SignedData whose signed attributes name `digest` and carry the signer's signature; raises `CheckFailed`."""
    try:
        if der.element(cms)[2] != len(cms):
            raise CheckFailed("bytes after the CMS")
        identifier, content = (whole for _, _, whole in der.children(_inside(cms, der.SEQUENCE)))
        if identifier != _SIGNED_DATA:
            raise CheckFailed("not SignedData")
        fields = list(der.children(_inside(_inside(content, 0xA0), der.SEQUENCE)))
        signer_infos = list(der.children(fields[-1][1]))
        if fields[-1][0] != der.SET or len(signer_infos) != 1:
            raise CheckFailed("not one signer")
        _, _, _, attributes, _, signature = der.children(signer_infos[0][1])
        if attributes[0] != 0xA0 or signature[0] != der.OCTET_STRING:
            raise CheckFailed("signer info")
        named = [list(der.children(body)) for _, body, _ in der.children(attributes[1])]
        digests = [_inside(values[1], der.OCTET_STRING) for kind, values in named if kind[2] == _MESSAGE_DIGEST]
    except (der.DerError, ValueError, IndexError) as exc:
        raise CheckFailed("malformed CMS") from exc
    if digests != [digest]:
        raise CheckFailed("message digest")
    verify(signer, bytes((der.SET,)) + attributes[2][1:], signature[1])


def check_pdf(fd: int, prefix: int, prefix_sha256: str, signer: Signer, cms: bytes) -> str:
    """Check a staged PDF whose first `prefix` bytes must be the snapshot and whose signature must be `cms`; returns the file's SHA-256.

    Raises `CheckFailed` where the range does not cover the whole file but the signature's value, or anything else is not right.
    """
    size = os.fstat(fd).st_size
    tail = os.pread(fd, size - prefix, prefix)
    ranges = [tuple(map(int, found)) for found in _BYTE_RANGE.findall(tail)]
    whole_file = [found for found in ranges if found[0] == 0 and found[2] + found[3] == size]
    if len(whole_file) != 1 or len(tail) != size - prefix:
        raise CheckFailed("byte range")
    zero, first, second, rest = whole_file[0]
    value = tail[first - prefix : second - prefix]
    if zero != 0 or first < prefix or second + rest != size or value[:1] != b"<" or value[-1:] != b">":
        raise CheckFailed("coverage")
    whole, ranged = _digests(fd, prefix, prefix_sha256, digest_name(signer.scheme))
    whole.update(tail)
    ranged.update(tail[: first - prefix])
    ranged.update(tail[second - prefix :])
    try:
        written = bytes.fromhex(value[1:-1].decode("ascii"))
    except (ValueError, UnicodeDecodeError) as exc:
        raise CheckFailed("contents") from exc
    if written.rstrip(b"\0") != cms.rstrip(b"\0"):
        raise CheckFailed("contents")
    check_cms(cms, ranged.digest(), signer)
    digest: str = whole.hexdigest()
    return digest


def _digests(fd: int, prefix: int, prefix_sha256: str, name: str) -> tuple[Any, Any]:
    """Hash states after the snapshot's bytes: SHA-256, and the signature's hash (a copy where that is SHA-256 too)."""
    whole = hashlib.sha256()
    other = None if name == "sha256" else hashlib.new(name)
    view = memoryview(bytearray(max(1, min(_CHUNK, prefix))))
    at = 0
    while at < prefix:
        got = os.preadv(fd, [view[: min(len(view), prefix - at)]], at)
        if not got:
            raise CheckFailed("end of file")
        whole.update(view[:got])
        if other is not None:
            other.update(view[:got])
        at += got
    if whole.hexdigest() != prefix_sha256:
        raise CheckFailed("the document's own bytes")
    return whole, other if other is not None else whole.copy()
