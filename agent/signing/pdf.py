"""The incremental update that puts a signature into a PDF (ISO 32000-1, 7.5.6 and 12.8): planned once, written in one piece.

`plan` reads the document and keeps plain bytes; `update` makes the bytes to append.  The document's own bytes are never
changed, so earlier signatures stay valid, and a large file costs no memory.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import pikepdf

from agent.signing import reader
from agent.signing.appearance import Stamp
from agent.signing.check import CheckFailed
from agent.signing.objects import Part, Parts, array, date, numbered, text_string
from agent.signing.placement import Place, Spot, locate
from agent.signing.reader import Node, unusable

_SIGNATURE: Final = 0
_FIELD: Final = 1
_FORM: Final = 2
_ANNOTATIONS: Final = 3
"""Indices of the new objects: signature, field with its widget, form (if new), then one annotation for each further place."""
_NOT_KEPT = frozenset(
    ("/Size", "/Prev", "/ID", "/XRefStm", "/Type", "/W", "/Index", "/Length", "/Filter", "/DecodeParms", "/Encrypt", "/DL", "/F", "/FFilter",
     "/FDecodeParms")
)  # fmt: skip
_OBJECT_MIN: Final = 8
"""Bytes: a /Size that promises more objects than would fit is not believed."""
_EXTENSIONS: Final = b"<</ESIC<</Type/DeveloperExtensions/BaseVersion/1.7/ExtensionLevel 1>>>>"


@dataclass(frozen=True, slots=True)
class Plan:
    """What is needed to append a signature to one document."""

    size: int
    """Bytes of the document as it stands."""
    ends_line: bool
    pages: int
    spots: tuple[Spot, ...]
    page_refs: tuple[bytes, ...]
    """Reference of each spot's page (of page 1 where there is no spot)."""
    first_number: int
    """Number of the first new object."""
    changed: tuple[tuple[tuple[int, int], Parts], ...]
    """Objects of the document that are written anew, by number and generation; their indices point to new objects."""
    new_form: bool
    field_name: str
    previous: int
    """Offset of the newest cross-reference section."""
    as_stream: bool
    """The document has cross-reference streams, so the update must have one (7.5.8.4)."""
    trailer: bytes
    """Entries of the trailer that stay."""
    first_id: bytes | None
    warnings: tuple[str, ...]
    signatures: int
    """Signatures that the document carries already."""
    guessed: bool
    """Readers do not agree on the cross-references, so the update must be tried before anybody is asked for a PIN."""


def plan(fd: int, size: int, places: Sequence[Place]) -> Plan:
    """Read the document in `fd` and plan a signature at `places` (none: invisible).

    Raises `ApiError`: input_unusable with the reasons not_pdf, encrypted, damaged, certified, xfa, no_page, off_page.
    """
    with reader.opened(fd, size) as pdf:
        previous, as_stream = reader.last_section(fd, size)
        form = reader.form(pdf)
        wanted = {place.page for place in places} | {1}
        count, found = reader.pages(pdf, wanted)
        for place in places:
            if place.page not in found:
                raise unusable("no_page", page=place.page, pages=count)
        targets = [found[place.page] for place in places] or [found[1]]
        spots = tuple(locate(place, found[place.page].shape) for place in places)
        page_refs = [reader.identity(page.node) for page in targets]
        if None in page_refs or reader.identity(pdf.Root) is None:
            raise unusable("damaged", repairable=form.signatures == 0, problem="page or catalog is not an indirect object")
        changes = _Changes()
        for index, page in enumerate(targets):
            _annotate(changes, page.node, _FIELD if index == 0 else _ANNOTATIONS + index - 1)
        new_form = _register(changes, pdf, form)
        warnings = _warnings(pdf, form, bool(places))
        trailer, first_id = _trailer(pdf)
        return Plan(
            size=size,
            ends_line=os.pread(fd, 1, size - 1) in (b"\n", b"\r"),
            pages=count,
            spots=spots,
            page_refs=tuple(b"%d %d R" % ref for ref in page_refs if ref is not None),
            first_number=_free_number(pdf, size),
            changed=changes.written(),
            new_form=new_form,
            field_name=_field_name(form.names),
            previous=previous,
            as_stream=as_stream,
            trailer=trailer,
            first_id=first_id,
            warnings=warnings,
            signatures=form.signatures,
            guessed=bool(pdf.get_warnings()),
        )


class _Changes:
    """Objects to be written anew, each with the entries set and the elements added; the document in memory stays as it was read."""

    def __init__(self) -> None:
        self._entries: dict[tuple[int, int], tuple[Node, dict[str, Parts]]] = {}
        self._added: dict[tuple[int, int], tuple[Node, list[Part]]] = {}

    def set(self, node: Node, key: str, value: Parts) -> None:
        """Give the indirect dictionary `node` an entry."""
        self._entries.setdefault(node.objgen, (node, {}))[1][key] = value

    def pending(self, node: Node, key: str) -> Parts | None:
        """A value set before."""
        return self._entries[node.objgen][1].get(key) if node.objgen in self._entries else None

    def append(self, node: Node, index: int) -> None:
        """Add a reference to the indirect array `node`."""
        self._added.setdefault(node.objgen, (node, []))[1].extend((b" ", index))

    def written(self) -> tuple[tuple[tuple[int, int], Parts], ...]:
        """All of them."""
        out = {ref: with_entries(node, entries) for ref, (node, entries) in self._entries.items()}
        out.update({ref: (node.unparse(resolved=True)[:-1], *added, b" ]") for ref, (node, added) in self._added.items()})
        return tuple(sorted(out.items()))


def with_entries(node: Node, entries: dict[str, Parts]) -> Parts:
    """A dictionary's text with some entries replaced or added, or removed where the value is empty."""
    parts: list[Part] = [b"<<"]
    for key in sorted(node.keys()):  # their own order is by hash: another worker must come to the same bytes
        if key not in entries:
            parts += [_name(key), b" ", _written(node, key), b" "]
    for key, value in entries.items():
        if value:
            parts += [_name(key), b" ", *value, b" "]
    return (*parts, b">>")


def _name(key: str) -> bytes:
    return pikepdf.Name(key).unparse()


def _written(node: Node, key: str) -> bytes:
    """A dictionary's value as it stands: a reference stays one."""
    value = node[key]
    return value.unparse() if isinstance(value, pikepdf.Object) else pikepdf.Array([value]).unparse()[1:-1].strip()


def _annotate(changes: _Changes, page: Node, index: int) -> None:
    """Put a new annotation on a page."""
    annotations = reader.entry(page, "/Annots")
    if isinstance(annotations, pikepdf.Array) and annotations.is_indirect:
        changes.append(annotations, index)
        return
    before = changes.pending(page, "/Annots")
    if before is None:
        before = (annotations.unparse(resolved=True)[:-1], b" ]") if isinstance(annotations, pikepdf.Array) else (b"[", b" ]")
    changes.set(page, "/Annots", (*before[:-1], b" ", index, b" ]"))


def _register(changes: _Changes, pdf: pikepdf.Pdf, form: reader.Form) -> bool:
    """Put the new field into the form; returns whether the form itself is new."""
    root = pdf.Root
    acroform = reader.entry(root, "/AcroForm")
    if not reader.is_dictionary(acroform):
        changes.set(root, "/AcroForm", (_FORM,))
        _extend(changes, root, form)
        return True
    entries: dict[str, Parts] = {}
    fields = reader.entry(acroform, "/Fields")
    if isinstance(fields, pikepdf.Array) and fields.is_indirect:
        changes.append(fields, _FIELD)
    else:
        head = fields.unparse(resolved=True)[:-1] if isinstance(fields, pikepdf.Array) else b"["
        entries["/Fields"] = (head, b" ", _FIELD, b" ]")
    if reader.entry(acroform, "/SigFlags") != 3:
        entries["/SigFlags"] = (b"3",)
    if reader.entry(acroform, "/NeedAppearances") is True and form.appearances and not form.signatures:
        entries["/NeedAppearances"] = ()  # or viewers draw the fields anew, and report a change after signing
    if entries and acroform.is_indirect:
        for key, value in entries.items():
            changes.set(acroform, key, value)
    elif entries:
        changes.set(root, "/AcroForm", with_entries(acroform, entries))
        _extend(changes, root, form)
    return False


def _extend(changes: _Changes, root: Node, form: reader.Form) -> None:
    """Announce the ETSI extension (EN 319 142-1, 5.6) where the catalog is written anyway and no signature stands yet."""
    if reader.entry(root, "/Extensions") is None and not form.signatures:
        changes.set(root, "/Extensions", (_EXTENSIONS,))


def _warnings(pdf: pikepdf.Pdf, form: reader.Form, visible: bool) -> tuple[str, ...]:
    """What a person should know: hybrid cross-references, a form with XFA, appearances that viewers draw anew, and a visible signature after a
    certification (some verifiers then no longer accept the certification)."""
    acroform = reader.entry(pdf.Root, "/AcroForm")
    found = {
        "hybrid": "/XRefStm" in pdf.trailer,
        "xfa": reader.entry(acroform, "/XFA") is not None,
        "certified_visible": form.certified and visible,
        "need_appearances": reader.entry(acroform, "/NeedAppearances") is True and not (form.appearances and not form.signatures),
    }
    return tuple(name for name, present in found.items() if present)


def _free_number(pdf: pikepdf.Pdf, size_of_file: int) -> int:
    """A number above every object's and not below /Size, unless that lies: qpdf knows the highest number there is."""
    size: Node = pdf.trailer.get("/Size")
    fresh: int = pdf.make_indirect(pikepdf.Dictionary()).objgen[0]
    return max(size, fresh) if isinstance(size, int) and size <= size_of_file // _OBJECT_MIN else fresh


def _field_name(taken: frozenset[str]) -> str:
    number = 1
    while f"Signature{number}" in taken:
        number += 1
    return f"Signature{number}"


def _trailer(pdf: pikepdf.Pdf) -> tuple[bytes, bytes | None]:
    trailer = pdf.trailer
    kept = b" ".join(_name(key) + b" " + _written(trailer, key) for key in sorted(trailer.keys()) if key not in _NOT_KEPT)
    identifiers = reader.elements(trailer.get("/ID"))
    first = identifiers[0] if identifiers and isinstance(identifiers[0], pikepdf.String) else None
    return kept, bytes(first) if first is not None else None


@dataclass(frozen=True, slots=True)
class Update:
    """Bytes to append, and where in the finished file the signature's value goes."""

    data: bytes
    gap: tuple[int, int]
    """Offsets of the `<` and of the byte after the `>` of /Contents in the finished file."""


@dataclass(frozen=True, slots=True)
class Words:
    """Entries of the signature dictionary that a person reads."""

    time: datetime
    name: str = ""
    reason: str = ""
    location: str = ""


def update(document: Plan, words: Words, stamp: Stamp | None, reserved: int, identifier: bytes) -> Update:
    """The incremental update, with room for `reserved` bytes of CMS; `identifier` is the new second half of /ID (7.5.5, 14.4)."""
    group = _new_objects(document, words, stamp, reserved)
    start = b"" if document.ends_line else b"\n"
    offset = document.size + len(start)
    pieces = [start]
    positions: dict[tuple[int, int], int] = {}
    placed: dict[bytes, int] = {}
    numbers = [((document.first_number + index, 0), parts) for index, parts in enumerate(group) if parts]
    for (number, generation), parts in [*((ref, parts) for ref, parts in document.changed), *numbers]:
        body = b"%d %d obj\n" % (number, generation) + numbered(parts, document.first_number) + b"\nendobj\n"
        positions[(number, generation)] = offset
        if number == document.first_number:
            placed = {mark: offset + body.index(mark) for mark in (b"/ByteRange ", b"/Contents ")}
        pieces.append(body)
        offset += len(body)
    pieces.append(_cross_references(document, positions, offset, document.first_number + len(group), identifier))
    data = bytearray(b"".join(pieces))
    gap_start = placed[b"/Contents "] + len(b"/Contents ")
    gap = (gap_start, gap_start + 2 * reserved + 2)
    ranges = b"[0 %d %d %d]" % (gap[0], gap[1], document.size + len(data) - gap[1])
    at = placed[b"/ByteRange "] + len(b"/ByteRange ") - document.size
    data[at : at + len(ranges)] = ranges
    return Update(bytes(data), gap)


def _new_objects(document: Plan, words: Words, stamp: Stamp | None, reserved: int) -> list[Parts]:
    """The new objects in the order of their numbers; an empty one is a number left free."""
    spots = document.spots if stamp is not None else ()
    signature: list[Part] = [b"<</Type/Sig/Filter/Adobe.PPKLite/SubFilter/ETSI.CAdES.detached/ByteRange ", b" " * 64, b"/M", date(words.time)]
    for key, text in ((b"/Name", words.name), (b"/Reason", words.reason), (b"/Location", words.location)):
        if text:
            signature += [key, text_string(text)]
    signature += [b"/Contents <", b"0" * (2 * reserved), b">>>"]
    form: Parts = (b"<</Fields[", _FIELD, b"]/SigFlags 3>>") if document.new_form else ()
    objects: list[Parts] = [tuple(signature), (), form, *(() for _ in spots[1:])]
    looks: list[Parts] = [()] * max(1, len(spots))
    if stamp is not None and spots:
        first_font = len(objects)
        objects += [_shifted(parts, first_font) for parts in stamp.font]
        drawn: dict[int, int] = {}
        for index, spot in enumerate(spots):
            parts = stamp.form(spot)
            if id(parts) not in drawn:
                drawn[id(parts)] = len(objects)
                objects.append(_shifted(parts, first_font))
            looks[index] = (b"/AP<</N ", drawn[id(parts)], b">>", b"/MK<</R %d>>" % spot.rotate if spot.rotate else b"")
    rect = array(spots[0].rect) if spots else b"[0 0 0 0]"
    objects[_FIELD] = (
        b"<</Type/Annot/Subtype/Widget/FT/Sig/T", text_string(document.field_name), b"/F 132/Rect", rect, b"/P ", document.page_refs[0],
        *looks[0], b"/V ", _SIGNATURE, b">>",
    )  # fmt: skip
    for index, spot in enumerate(spots[1:], start=1):  # a signature field has one widget (ISO 32000-2, 12.7.5.5): the others are stamps
        objects[_ANNOTATIONS + index - 1] = (
            b"<</Type/Annot/Subtype/Stamp/F 196/Rect", array(spot.rect), b"/P ", document.page_refs[index], *looks[index][:3], b">>",
        )  # fmt: skip
    return objects


def _shifted(parts: Parts, by: int) -> Parts:
    return tuple(part + by if isinstance(part, int) else part for part in parts)


def _cross_references(document: Plan, positions: dict[tuple[int, int], int], offset: int, following: int, identifier: bytes) -> bytes:
    """Cross-reference section (7.5.4) or stream (7.5.8), trailer, and end of file."""
    first = document.first_id if document.first_id is not None else identifier
    ids = b"/ID[<%s><%s>]" % (first.hex().upper().encode("ascii"), identifier.hex().upper().encode("ascii"))
    if not document.as_stream:
        trailer = b"trailer\n<<%s/Size %d/Prev %d%s>>" % (document.trailer, following, document.previous, ids)
        return b"xref\n" + _table(positions) + trailer + b"\nstartxref\n%d\n%%%%EOF\n" % offset
    rows = dict(sorted({**positions, (following, 0): offset}.items()))
    width = (max(rows.values()).bit_length() + 7) // 8
    body = b"".join(b"\x01" + at.to_bytes(width, "big") + generation.to_bytes(2, "big") for (_, generation), at in rows.items())
    index = b" ".join(b"%d %d" % run for run in _runs([number for number, _ in rows]))
    return (
        b"%d 0 obj\n<<%s/Type/XRef/Size %d/Prev %d%s" % (following, document.trailer, following + 1, document.previous, ids)
        + b"/W[1 %d 2]/Index[%s]/Length %d>>\nstream\n" % (width, index, len(body))
        + body
        + b"\nendstream\nendobj\nstartxref\n%d\n%%%%EOF\n" % offset
    )


def _table(positions: dict[tuple[int, int], int]) -> bytes:
    rows = sorted(positions.items())
    entries = {number: b"%010d %05d n\r\n" % (at, generation) for (number, generation), at in rows}
    return b"".join(
        b"%d %d\n" % (first, count) + b"".join(entries[number] for number in range(first, first + count)) for first, count in _runs(list(entries))
    )


def _runs(numbers: list[int]) -> list[tuple[int, int]]:
    """Consecutive numbers as (first, count)."""
    runs: list[tuple[int, int]] = []
    for number in numbers:
        if runs and number == sum(runs[-1]):
            runs[-1] = (runs[-1][0], runs[-1][1] + 1)
        else:
            runs.append((number, 1))
    return runs


def check_structure(fd: int, document: Plan) -> None:
    """Read the finished file anew with qpdf: it opens without guessing and the new field carries a signature; raises `CheckFailed`."""
    try:
        with reader.opened_plainly(fd, os.fstat(fd).st_size) as pdf:
            fields = reader.elements(reader.entry(reader.entry(pdf.Root, "/AcroForm"), "/Fields"))
            signed = [field for field in fields if str(reader.entry(field, "/T")) == document.field_name]
            if len(signed) != 1 or reader.entry(reader.entry(signed[0], "/V"), "/Type") != "/Sig":
                raise CheckFailed("the signature field is not there")
    except pikepdf.PdfError as exc:
        raise CheckFailed("the update cannot be read") from exc
