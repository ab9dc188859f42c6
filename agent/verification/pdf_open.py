"""A PDF opened as tolerantly as it is signed; its signature fields, walked by ourselves; which revision a signature covers."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO

from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.reader import PdfFileReader, process_data_at_eof
from pyhanko.sign.validation.pdf_embedded import EmbeddedPdfSignature

from agent.verification.model import clean
from agent.verification.pdf_look import Prefix
from agent.verification.pdf_page import lookup
from agent.verification.pdf_raw import byte_ranges, is_signature_gap, only_white

_FIELDS_MAX = 20_000
_SALVAGED_MAX = 8


class Unreadable(Exception):
    """The PDF cannot be opened as a whole; `code` is one of `findings.DOCUMENT`."""

    def __init__(self, code: str, detail: str = "") -> None:
        super().__init__(code, detail)
        self.code, self.detail = code, detail


@dataclass(frozen=True, slots=True)
class SignedField:
    """A signature field with a value."""

    name: str
    field: generic.DictionaryObject
    widgets: tuple[tuple[int, int], ...]


def is_pdf(stream: BinaryIO) -> bool:
    """Whether the header is where a tolerant reader looks for it."""
    stream.seek(0)
    return b"%PDF-" in stream.read(1024)


def open_tolerant(stream: BinaryIO) -> PdfFileReader:
    """As signing opens it: what a tolerant reader can open is judged; raises `Unreadable`."""
    try:
        stream.seek(0)
        reader = PdfFileReader(stream, strict=False)
        if reader.encrypted:
            _unlock(reader)
        reader.root["/Pages"]
        return reader
    except Unreadable:
        raise
    except MemoryError:
        raise
    except Exception as exc:  # some 25 kinds come out of damaged files
        traces = any(is_signature_gap(stream, r) for r in byte_ranges(stream))
        raise Unreadable("UNREADABLE_SIGNED" if traces else "UNREADABLE", type(exc).__name__) from exc


def _unlock(reader: PdfFileReader) -> None:
    try:
        result = reader.decrypt("")
    except Exception as exc:
        raise Unreadable("ENCRYPTED") from exc
    if result.status.name == "FAILED":
        raise Unreadable("ENCRYPTED")


def signed_fields(reader: PdfFileReader) -> Iterator[SignedField]:
    """Signature fields that have a value, however odd; a damaged branch of the field tree ends that branch only."""
    form = lookup(reader.root, "/AcroForm")
    top = lookup(form, "/Fields")
    if not isinstance(top, generic.ArrayObject):
        return
    stack: list[tuple[Any, str, Any]] = [(top.raw_get(n), "", None) for n in reversed(range(len(top)))]
    seen: set[tuple[int, int]] = set()
    count = 0
    while stack and count < _FIELDS_MAX:
        count += 1
        raw, prefix, kind = stack.pop()
        key = (raw.idnum, raw.generation) if isinstance(raw, generic.IndirectObject) else None
        if key in seen:
            continue
        if key is not None:
            seen.add(key)
        try:
            field = raw.get_object() if key is not None else raw
        except Exception:  # noqa: BLE001, S112 - a field that cannot be read: the raw hunt finds what it hid
            continue
        if not isinstance(field, generic.DictionaryObject):
            continue
        title = lookup(field, "/T")
        name = prefix if title is None else f"{prefix}.{title}" if prefix else str(title)
        kind = lookup(field, "/FT") or kind
        kids = lookup(field, "/Kids")
        own = [(key,)] if key is not None else []
        if isinstance(kids, generic.ArrayObject):
            children = [kids.raw_get(n) for n in range(len(kids))]
            own += [((c.idnum, c.generation),) for c in children if isinstance(c, generic.IndirectObject)]
            stack.extend((c, name, kind) for c in reversed(children))
        if kind == "/Sig" and "/V" in field and not _is_null(field):
            yield SignedField(clean(name), field, tuple(w for (w,) in own))


def _is_null(field: generic.DictionaryObject) -> bool:
    value = lookup(field, "/V")
    return value is None or isinstance(value, generic.NullObject)


def open_signed_part(stream: BinaryIO) -> tuple[BinaryIO, PdfFileReader, int] | None:
    """The longest beginning of the file that a signature claims to cover, that is not all of it, and that can be opened; and its length."""
    lengths = sorted({r[2] + r[3] for r in byte_ranges(stream) if is_signature_gap(stream, r)}, reverse=True)
    for length in lengths[:_SALVAGED_MAX]:
        beginning: BinaryIO = Prefix(stream, length)  # type: ignore[assignment]
        if not only_white(stream, length):
            try:
                return beginning, open_tolerant(beginning), length
            except Unreadable:
                continue
    return None


def value_of(field: SignedField) -> tuple[int, int] | None:
    """Number and generation of the signature the field shows, where it is an object of its own."""
    raw = field.field.raw_get("/V")
    return (raw.idnum, raw.generation) if isinstance(raw, generic.IndirectObject) else None


def covered_revision(stream: BinaryIO, reader: PdfFileReader, signature: EmbeddedPdfSignature) -> int:
    """The newest revision (0 is the first) that the signature covers: a linearised file has two indexes for what is one revision (Annex F)."""
    own: int = signature.signed_revision
    numbers = list(signature.byte_range)
    if len(numbers) != 4 or not all(isinstance(n, int) for n in numbers):
        return own
    length = int(numbers[2]) + int(numbers[3])
    newest = own
    while newest + 1 < reader.xrefs.total_revisions and reader.xrefs.get_xref_container_info(newest + 1).end_location <= length:
        newest += 1
    if newest == own:
        return own
    stream.seek(length)
    named: int = process_data_at_eof(stream)
    return newest if named == reader.xrefs.get_startxref_for_revision(newest) else own


def revision_at(reader: PdfFileReader, length: int) -> int:
    """The number (1 is the first) of the newest revision whose index lies in the first `length` bytes."""
    count = 0
    for revision in range(reader.xrefs.total_revisions):
        if reader.xrefs.get_xref_container_info(revision).end_location <= length:
            count = revision + 1
    return max(count, 1)
