"""Files that want more time, memory or nesting than there is; most are a signed file with something appended, so that much is looked at."""

import zlib
from collections.abc import Callable, Mapping
from functools import cache

from tests.verification.attacks.material import Material, body, byte_range_text, last_startxref, numbers, raw, stream, table, update, with_entry

Bomb = Callable[[Material], bytes]


@cache
def _deflated(size: int, times: int = 1) -> bytes:
    data = b"\0" * size
    for _ in range(times):
        data = zlib.compress(data, 9)
    return data


def _content(m: Material) -> bytes:
    """A page whose content is 700 MB when it is unpacked."""
    at = numbers(m.signed)
    filters = b"/Filter[/FlateDecode/FlateDecode]"
    page = with_entry(raw(m.signed, at.page), b"/Contents", b"%d 0 R" % at.size)
    return update(m.signed, {at.size: stream(_deflated(7 * 10**8, 2), filters), at.page: page})


def _object_stream(m: Material) -> bytes:
    """An object stream that says it holds a hundred million objects."""
    at = numbers(m.signed)
    head = b"/Type/ObjStm/N 100000000/First 9/Filter[/FlateDecode/FlateDecode]"
    holder = at.size
    xref = at.size + 1
    text, offsets = body({holder: stream(_deflated(7 * 10**8, 2), head)}, len(m.signed))
    start = len(m.signed) + len(text)
    rows = b"\x02" + holder.to_bytes(4, "big") + b"\0\0" + b"\x01" + offsets[holder].to_bytes(4, "big") + b"\0\0"
    entries = b"/Type/XRef/W[1 4 2]/Index[%d 1 %d 1]/Size %d/Root %d 0 R/Prev %d"
    section, _ = body({xref: stream(rows, entries % (at.page, holder, xref + 1, at.root, last_startxref(m.signed)))}, start)
    return m.signed + text + section + b"startxref\n%d\n%%%%EOF\n" % start


def _xref_stream(m: Material) -> bytes:
    """A cross-reference stream of a hundred million entries."""
    at = numbers(m.signed)
    head = b"/Type/XRef/W[1 4 2]/Index[0 100000000]/Size 100000000/Root %d 0 R/Filter[/FlateDecode/FlateDecode]/Prev %d"
    text, _ = body({at.size: stream(_deflated(7 * 10**8, 2), head % (at.root, last_startxref(m.signed)))}, len(m.signed))
    return m.signed + text + b"startxref\n%d\n%%%%EOF\n" % len(m.signed)


def _huge_table(m: Material) -> bytes:
    at = numbers(m.signed)
    trailer = b"trailer\n<</Size 2147483647/Root %d 0 R/Prev %d>>\nstartxref\n%d\n%%%%EOF\n"
    return m.signed + b"xref\n0 2147483647\n0000000000 65535 f \n" + trailer % (at.root, last_startxref(m.signed), len(m.signed))


def _table_circle(m: Material) -> bytes:
    """/Prev leads to the table itself."""
    at = numbers(m.signed)
    start = len(m.signed)
    return m.signed + table({}) + b"trailer\n<</Size %d/Root %d 0 R/Prev %d>>\nstartxref\n%d\n%%%%EOF\n" % (at.size, at.root, start, start)


def _many_revisions(m: Material) -> bytes:
    """Five thousand empty revisions."""
    at = numbers(m.signed)
    out, before = bytearray(m.signed), last_startxref(m.signed)
    for _ in range(5000):
        start = len(out)
        out += b"xref\n0 0\ntrailer\n<</Size %d/Root %d 0 R/Prev %d>>\nstartxref\n%d\n%%%%EOF\n" % (at.size, at.root, before, start)
        before = start
    return bytes(out)


def _nested(m: Material, opening: bytes, closing: bytes, depth: int = 100_000) -> bytes:
    at = numbers(m.signed)
    deep = opening * depth + b"1" + closing * depth
    return update(m.signed, {at.size: deep, at.page: with_entry(raw(m.signed, at.page), b"/PieceInfo", b"%d 0 R" % at.size)})


def _page_circle(m: Material) -> bytes:
    at = numbers(m.signed)
    tree = at.size + 1
    root = with_entry(raw(m.signed, at.root), b"/Pages", b"%d 0 R" % tree)
    return update(m.signed, {tree: b"<</Type/Pages/Count 1/Kids[%d 0 R %d 0 R]>>" % (at.page, tree), at.root: root})


def _page_doubling(m: Material) -> bytes:
    """Thirty tree nodes, each with its successor twice: a milliard of pages."""
    at = numbers(m.signed)
    first = at.size + 1
    objects: dict[int, bytes] = {n: b"<</Type/Pages/Count 2/Kids[%d 0 R %d 0 R]>>" % (n + 1, n + 1) for n in range(first, first + 30)}
    objects[first + 30] = b"<</Type/Page/MediaBox[0 0 100 100]>>"
    objects[at.root] = with_entry(raw(m.signed, at.root), b"/Pages", b"%d 0 R" % first)
    return update(m.signed, objects)


def _reference_doubling(m: Material) -> bytes:
    """The same with plain references: the paths to the page's new content double with each step."""
    at = numbers(m.signed)
    first = at.size + 1
    objects: dict[int, bytes] = {n: b"<</A %d 0 R/B %d 0 R>>" % (n + 1, n + 1) for n in range(first, first + 40)}
    objects[first + 40] = b"<</Last %d 0 R>>" % at.page
    objects[at.root] = with_entry(raw(m.signed, at.root), b"/PieceInfo", b"%d 0 R" % first)
    once = update(m.signed, objects)
    return update(once, {at.page: with_entry(raw(once, at.page), b"/Tabs", b"/S")})


def _reference_chain(m: Material) -> bytes:
    at = numbers(m.signed)
    first = at.size + 1
    objects: dict[int, bytes] = {n: b"%d 0 R" % (n + 1) for n in range(first, first + 3000)}
    objects[first + 3000] = b"%d 0 R" % first
    objects[at.page] = with_entry(raw(m.signed, at.page), b"/Contents", b"%d 0 R" % first)
    return update(m.signed, objects)


def _field_circle(m: Material) -> bytes:
    at = numbers(m.signed)
    field = with_entry(raw(m.signed, at.field), b"/Kids", b"[%d 0 R %d 0 R]" % (at.field, at.field))
    return update(m.signed, {at.field: field})


def _many_fields(m: Material) -> bytes:
    """Eight thousand fields that all point to the one signature."""
    at = numbers(m.signed)
    first = at.size + 1
    fields = {n: b"<</FT/Sig/T(%d)/V %d 0 R>>" % (n, at.signature) for n in range(first, first + 8_000)}
    form = b"<</SigFlags 3/Fields[%s]>>" % b" ".join(b"%d 0 R" % n for n in (at.field, *fields))
    return update(m.signed, {**fields, at.root: with_entry(raw(m.signed, at.root), b"/AcroForm", form)})


def _many_annotations(m: Material) -> bytes:
    at = numbers(m.signed)
    notes = dict.fromkeys(range(at.size + 1, at.size + 20001), b"<</Type/Annot/Subtype/Square/Rect[0 0 9 9]/F 4>>")
    listed = b"[%s]" % b" ".join(b"%d 0 R" % n for n in (at.field, *notes))
    return update(m.signed, {**notes, at.page: with_entry(raw(m.signed, at.page), b"/Annots", listed)})


def _large_page(m: Material, box: bytes = b"[0 0 20000000 20000000]") -> bytes:
    at = numbers(m.signed)
    return update(m.signed, {at.page: with_entry(raw(m.signed, at.page), b"/MediaBox", box)})


def _large_image(m: Material) -> bytes:
    at = numbers(m.signed)
    head = b"/Type/XObject/Subtype/Image/Width 60000/Height 60000/BitsPerComponent 8/ColorSpace/DeviceGray/Filter[/FlateDecode/FlateDecode]"
    picture, content = at.size + 1, at.size + 2
    page = with_entry(raw(m.signed, at.page), b"/Resources", b"<</XObject<</I %d 0 R>>>>" % picture)
    page = with_entry(page, b"/Contents", b"%d 0 R" % content)
    return update(m.signed, {picture: stream(_deflated(7 * 10**8, 2), head), content: stream(b"600 0 0 800 0 0 cm /I Do"), at.page: page})


def _form_doubling(m: Material) -> bytes:
    """Drawing forms that draw each other twice, thirty deep."""
    at = numbers(m.signed)
    first = at.size + 1
    forms = {
        n: stream(b"/F Do /F Do", b"/Type/XObject/Subtype/Form/BBox[0 0 100 100]/Resources<</XObject<</F %d 0 R>>>>" % (n + 1))
        for n in range(first, first + 28)
    }
    forms[first + 28] = stream(b"0 0 9 9 re f", b"/Type/XObject/Subtype/Form/BBox[0 0 100 100]")
    page = with_entry(raw(m.signed, at.page), b"/Resources", b"<</XObject<</F %d 0 R>>>>" % first)
    return update(m.signed, {**forms, at.size: stream(b"/F Do"), at.page: with_entry(page, b"/Contents", b"%d 0 R" % at.size)})


def _many_ranges(m: Material) -> bytes:
    """A file full of texts that look like byte ranges."""
    return m.signed.replace(b"%%EOF", b"%%EOF", 1) + byte_range_text(m.signed) * 200_000


def _cms_bomb(m: Material) -> bytes:
    """Signature data nested some hundred levels deep."""
    from tests.verification.attacks.material import put_cms

    inner = b""
    while len(inner) < 1500:
        length = len(inner)
        inner = b"\x30" + (bytes([length]) if length < 128 else b"\x82" + length.to_bytes(2, "big")) + inner
    return put_cms(m.signed, inner)


BOMBS: Mapping[str, Bomb] = {
    "content": _content,
    "object-stream": _object_stream,
    "xref-stream": _xref_stream,
    "huge-table": _huge_table,
    "table-circle": _table_circle,
    "many-revisions": _many_revisions,
    "nested-arrays": lambda m: _nested(m, b"[", b"]"),
    "nested-dictionaries": lambda m: _nested(m, b"<</A ", b">>"),
    "page-circle": _page_circle,
    "page-doubling": _page_doubling,
    "reference-doubling": _reference_doubling,
    "reference-chain": _reference_chain,
    "field-circle": _field_circle,
    "many-fields": _many_fields,
    "many-annotations": _many_annotations,
    "large-page": _large_page,
    "large-image": _large_image,
    "form-doubling": _form_doubling,
    "many-ranges": _many_ranges,
    "nested-cms": _cms_bomb,
}
