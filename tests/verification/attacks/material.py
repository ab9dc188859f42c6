"""What attacks start from, and the tools to write PDF by hand as no honest library would."""

import asyncio
import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from asn1crypto import cms
from cryptography.hazmat.primitives import hashes
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign import signers
from pyhanko_certvalidator.registry import SimpleCertificateStore

from tests.verification.conftest import Issued, Pki, Signing, blank_pdf

PAINTED = b"0 0 1 rg 80 300 300 200 re f"
"""A content that nobody overlooks."""


@dataclass(frozen=True)
class Material:
    """A signer, and documents of hers."""

    pki: Pki
    signing: Signing

    @cached_property
    def plain(self) -> bytes:
        """One page, not signed."""
        return blank_pdf()

    @cached_property
    def signed(self) -> bytes:
        """The same with one invisible signature."""
        return self.signing.sign(self.plain)


@dataclass(frozen=True)
class Numbers:
    """Object numbers of the newest revision."""

    root: int
    page: int
    content: int
    field: int
    signature: int
    size: int


def numbers(pdf: bytes) -> Numbers:
    """Where the parts of a signed file are."""
    reader = PdfFileReader(io.BytesIO(pdf), strict=False)
    pages, fields = reader.root["/Pages"]["/Kids"], reader.root["/AcroForm"]["/Fields"]
    field = next(f for n in reversed(range(len(fields))) if (f := fields.raw_get(n)).get_object().get("/FT") == "/Sig")
    content = pages[0].raw_get("/Contents")
    content = content.raw_get(0) if isinstance(content, generic.ArrayObject) else content
    signature = field.get_object().raw_get("/V")
    return Numbers(
        reader.root_ref.idnum, pages.raw_get(0).idnum, content.idnum, field.idnum, getattr(signature, "idnum", 0), int(reader.trailer["/Size"])
    )


def raw(pdf: bytes, number: int) -> bytes:
    """The newest text of object `number`, without its frame; streams included."""
    found = list(re.finditer(rb"(?<!\d)" + str(number).encode() + rb" 0 obj\s", pdf))[-1]
    return pdf[found.end() : pdf.index(b"endobj", found.end())].rstrip()


def last_startxref(pdf: bytes) -> int:
    """What the file says of its newest cross-reference section."""
    return int(re.findall(rb"startxref\s+(\d+)", pdf)[-1])


def stream(data: bytes, entries: bytes = b"") -> bytes:
    """A stream object's text."""
    return b"<<" + entries + b"/Length " + str(len(data)).encode() + b">>\nstream\n" + data + b"\nendstream"


def body(objects: Mapping[int, bytes], start: int) -> tuple[bytes, dict[int, int]]:
    """Objects as text, and at which offsets they stand when it begins at `start`."""
    out, offsets = b"", {}
    for number, text in objects.items():
        offsets[number] = start + len(out)
        out += str(number).encode() + b" 0 obj\n" + text + b"\nendobj\n"
    return out, offsets


def table(offsets: Mapping[int, int]) -> bytes:
    """A cross-reference table with one subsection for each object."""
    lines = b"".join(b"%d 1\n%010d 00000 n \n" % (n, o) for n, o in sorted(offsets.items()))
    return b"xref\n" + lines


def update(pdf: bytes, objects: Mapping[int, bytes], *, root: int | None = None, extra: Mapping[int, int] | None = None, prev: bool = True) -> bytes:
    """An incremental update as ISO 32000 has it; `extra` are entries that point to offsets already in the file."""
    pdf = pdf if pdf.endswith(b"\n") else pdf + b"\n"
    text, offsets = body(objects, len(pdf))
    offsets.update(extra or {})
    known = numbers(pdf)
    size = max([known.size, *(n + 1 for n in offsets)])
    start = len(pdf) + len(text)
    back = b"/Prev %d" % last_startxref(pdf) if prev else b""
    trailer = b"trailer\n<</Size %d/Root %d 0 R%s>>\nstartxref\n%d\n%%%%EOF\n" % (size, root or known.root, back, start)
    return pdf + text + table(offsets) + trailer


def with_entry(text: bytes, key: bytes, value: bytes) -> bytes:
    """A dictionary's text with one entry more (the last one counts for most readers, so an older one is taken out)."""
    text = re.sub(key + rb"(?=[\s/\[<(])\s*(\[[^\]]*\]|<<.*?>>|\d+ \d+ R|/\w+|[\d.-]+)", b"", text, count=1, flags=re.DOTALL)
    end = text.rindex(b">>") if b"stream" not in text else text.index(b">>")
    return text[:end] + key + b" " + value + b" " + text[end:]


def painted(pdf: bytes) -> dict[int, bytes]:
    """The objects that give the page another content."""
    at = numbers(pdf)
    return {at.size: stream(PAINTED), at.page: with_entry(raw(pdf, at.page), b"/Contents", b"%d 0 R" % at.size)}


def gap(pdf: bytes) -> tuple[int, int]:
    """Where the hexadecimal string of the first signature begins and ends, its brackets included."""
    start = pdf.index(b"<", pdf.index(b"/Contents <") + len(b"/Contents"))
    return start, pdf.index(b">", start) + 1


def patch(pdf: bytes, old: bytes, new: bytes) -> bytes:
    """`old` replaced by `new` in its last place, at the same length, so that offsets stay."""
    assert len(new) <= len(old), (old, new)
    at = pdf.rindex(old)
    return pdf[:at] + new.ljust(len(old)) + pdf[at + len(old) :]


def byte_range_text(pdf: bytes) -> bytes:
    """The /ByteRange of the first signature with the spaces that were reserved for it."""
    found = re.search(rb"/ByteRange\s*\[[^\]]*\]\s*", pdf)
    assert found is not None
    return found[0]


def make_cms(digest: bytes, pki: Pki, signer: Issued, **options: Any) -> bytes:
    """A CAdES signature over `digest` (SHA-256), with the whole chain inside."""
    store = SimpleCertificateStore.from_certs([pki.ca.asn1])
    simple = signers.SimpleSigner(signing_cert=signer.asn1, signing_key=signer.asn1_key, cert_registry=store)
    return asyncio.run(simple.async_sign(digest, "sha256", use_pades=True, **options)).dump()


def sign_over(pdf: bytes, ranges: Sequence[int], pki: Pki, signer: Issued) -> bytes:
    """The first signature of `pdf` made anew by its signer over other bytes than it should: what a dishonest program could do."""
    text = byte_range_text(pdf)
    new = b"/ByteRange [" + b" ".join(b"%d" % n for n in ranges) + b"]"
    pdf = pdf.replace(text, new.ljust(len(text)), 1)
    state = hashes.Hash(hashes.SHA256())
    for at, length in zip(ranges[::2], ranges[1::2], strict=False):
        state.update(pdf[at : at + length])
    return put_cms(pdf, make_cms(state.finalize(), pki, signer))


def put_cms(pdf: bytes, der: bytes) -> bytes:
    """Another CMS in the place of the first signature's."""
    start, end = gap(pdf)
    room = end - start - 2
    assert len(der) * 2 <= room
    return pdf[: start + 1] + der.hex().encode().ljust(room, b"0") + pdf[end - 1 :]


def cms_of(pdf: bytes) -> cms.ContentInfo:
    """The first signature's CMS."""
    start, end = gap(pdf)
    return cms.ContentInfo.load(bytes.fromhex(pdf[start + 1 : end - 1].decode()))
