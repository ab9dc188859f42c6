"""Where the index of a PDF says two things of one object: conforming programs choose differently, so one signature would vouch for two documents.

Cross-reference tables whose parts overlap, hybrid files whose two indexes disagree, object streams that hold a number twice or elsewhere than the
index says (ISO 32000-2 clauses 7.5.4, 7.5.7, 7.5.8), and, in what came after the first signature, dictionaries that give a key two values.
"""

import re
from collections.abc import Iterator
from typing import Any, BinaryIO

from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.pdf_utils.xref import XRefSectionData, XRefSectionType

from agent.verification.model import Finding, found
from agent.verification.pdf_keys import doubled_key

_TABLES = (XRefSectionType.STANDARD, XRefSectionType.HYBRID_MAIN)
_PART = re.compile(rb"(?:\A|[\r\n])[ \t]*(\d{1,10})[ \t]+(\d{1,10})[ \t]*(?=[\r\n])")
"""The head of a part of a table: where its numbers begin, and how many there are; entries end in a letter."""
_TABLE_MAX = 32 * 1024 * 1024
_STREAMS_MAX = 500
_HEADER_MAX = 1024 * 1024
_OBJECTS_MAX = 5_000
_CHUNKS = (8 * 1024, 512 * 1024, 32 * 1024 * 1024)
_OBJECT = re.compile(rb"[\0\t\n\f\r ]*\d{1,10}[\0\t\n\f\r ]+\d{1,10}[\0\t\n\f\r ]+obj")
_NUMBERS = re.compile(rb"\s*(\d{1,10})\s+(\d{1,15})")


def check_structure(stream: BinaryIO, reader: PdfFileReader, signed: int) -> list[Finding]:
    """A finding where two programs may take one object for two; at most one.  `signed` is the first revision (0 is the first) with a signature."""
    try:
        said = next(_ambiguities(stream, reader), None) or next(_doubled(stream, reader, signed), None)
    except MemoryError:
        raise
    except Exception as exc:  # noqa: BLE001 - an index that pyHanko could read and this could not
        said = type(exc).__name__
    return [] if said is None else [found("structure_ambiguous", detail=said)]


def _ambiguities(stream: BinaryIO, reader: PdfFileReader) -> Iterator[str]:
    streams = 0
    known: set[int] = set()
    for revision in range(reader.xrefs.total_revisions):
        place = reader.xrefs.get_xref_container_info(revision)
        data = reader.xrefs.get_xref_data(revision)
        if place.xref_section_type in _TABLES:
            yield from _overlaps(stream, place.start_location, place.end_location)
        if data.hybrid is not None and (second := data.hybrid.meta_info.start_location) not in known:  # some programs name the old one again
            known.add(second)
            yield from _disagreements(data, data.hybrid.xref_data)
        for part in (data, *([] if data.hybrid is None else [data.hybrid.xref_data])):
            if reader.encrypted or streams + len(part.obj_streams_used) > _STREAMS_MAX:
                continue
            streams += len(part.obj_streams_used)
            for number in part.obj_streams_used:
                yield from _misplaced(reader, revision, number, part)


def _overlaps(stream: BinaryIO, start: int, end: int) -> Iterator[str]:
    stream.seek(start)
    text = stream.read(min(max(0, end - start), _TABLE_MAX))
    table = text[: text.find(b"trailer")] if b"trailer" in text else text
    parts = sorted((int(m[1]), int(m[1]) + int(m[2])) for m in _PART.finditer(table.removeprefix(b"xref")))
    last = -1
    for first, behind in parts:
        if behind > first:
            if first < last:
                yield f"xref {first}"
            last = max(last, behind)


def _disagreements(main: XRefSectionData, hybrid: XRefSectionData) -> Iterator[str]:
    """Numbers in use in both indexes of one section; that the first calls them free is how hybrid files hide what old programs do not know."""
    for number, (_, offset) in main.standard_xrefs.items():
        other = hybrid.standard_xrefs.get(number)
        if number in hybrid.xrefs_in_objstm or (other is not None and other[1] != offset):
            yield f"XRefStm {number}"


def _misplaced(reader: PdfFileReader, revision: int, number: int, part: XRefSectionData) -> Iterator[str]:
    """Objects that stand in a stream twice, or at another place than the index has it."""
    holder: Any = reader.get_object(generic.Reference(number, 0, pdf=reader), revision)  # type: ignore[no-untyped-call]
    if not isinstance(holder, generic.StreamObject):
        yield f"ObjStm {number}"
        return
    held = [name for name, _ in _held(holder)]
    if len(set(held)) != len(held):
        yield f"ObjStm {number}"
    for name, at in part.xrefs_in_objstm.items():
        if at.obj_stream_id == number and (at.ix_in_stream >= len(held) or held[at.ix_in_stream] != name):
            yield f"ObjStm {number}: {name}"


def _held(holder: generic.StreamObject) -> list[tuple[int, int]]:
    """Numbers and offsets of the objects in a stream; raises ValueError."""
    first, count = holder["/First"], holder["/N"]
    if not isinstance(first, int) or not isinstance(count, int) or not 0 <= first <= _HEADER_MAX:
        raise ValueError("ObjStm")
    return [(int(m[1]), first + int(m[2])) for m in _NUMBERS.finditer(holder.data[:first])][:count]


def _doubled(stream: BinaryIO, reader: PdfFileReader, signed: int) -> Iterator[str]:
    """Dictionaries that give a key two values, in the revisions after `signed`: there pyHanko takes the first, and most other programs the last."""
    count = 0
    for revision in range(signed + 1, reader.xrefs.total_revisions):
        data = reader.xrefs.get_xref_data(revision)
        for part in (data, *([] if data.hybrid is None else [data.hybrid.xref_data])):
            count += len(part.standard_xrefs) + len(part.xrefs_in_objstm)
            if count > _OBJECTS_MAX:
                yield f"{count} objects"
                return
            for number, (_, offset) in part.standard_xrefs.items():
                if key := _doubled_at(stream, offset):
                    yield f"{number}: {key}"
            for number in () if reader.encrypted else part.obj_streams_used:
                holder: Any = reader.get_object(generic.Reference(number, 0, pdf=reader), revision)  # type: ignore[no-untyped-call]
                for name, at in _held(holder):
                    if key := doubled_key(holder.data, at):
                        yield f"{name}: {key}"


def _doubled_at(stream: BinaryIO, offset: int) -> str | None:
    """The key, where the object at `offset` has one; raises ValueError where there is no object."""
    for length in _CHUNKS:
        stream.seek(offset)
        data = stream.read(length)
        head = _OBJECT.match(data)
        try:
            if head is None:
                raise ValueError("obj")
            return doubled_key(data, head.end())
        except ValueError:
            if len(data) < length:
                raise
    raise ValueError("length")
