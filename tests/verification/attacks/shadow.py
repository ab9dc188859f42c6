"""Shadow attacks (hide, replace, both): the attacker prepares the document, has it signed, and shows another part of it afterwards."""

from functools import partial

from tests.verification.attacks import Attack, attack
from tests.verification.attacks.material import PAINTED, Material, body, last_startxref, numbers, raw, stream, table, update, with_entry


def _prepared(m: Material, objects: dict[int, bytes], **entries: bytes) -> bytes:
    """The page with something hidden in it, signed in good faith; `entries` go into its page dictionary."""
    pdf = m.plain
    known = numbers_unsigned(pdf)
    page = raw(pdf, known[1])
    for key, value in entries.items():
        page = with_entry(page, b"/" + key.encode(), value)
    return m.signing.sign(_update_plain(pdf, {**objects, known[1]: page}))


def numbers_unsigned(pdf: bytes) -> tuple[int, int, int]:
    """Catalogue, page and /Size of a file without a form."""
    import io

    from pyhanko.pdf_utils.reader import PdfFileReader

    reader = PdfFileReader(io.BytesIO(pdf), strict=False)
    return reader.root_ref.idnum, reader.root["/Pages"]["/Kids"].raw_get(0).idnum, int(reader.trailer["/Size"])


def _update_plain(pdf: bytes, objects: dict[int, bytes]) -> bytes:
    root, _, size = numbers_unsigned(pdf)
    text, offsets = body(objects, len(pdf))
    start = len(pdf) + len(text)
    trailer = b"trailer\n<</Size %d/Root %d 0 R/Prev %d>>\nstartxref\n%d\n%%%%EOF\n"
    return pdf + text + table(offsets) + trailer % (max([size, *(n + 1 for n in objects)]), root, last_startxref(pdf), start)


def _hidden_content(m: Material) -> tuple[bytes, int]:
    """A signed file with a second content that nothing refers to, and its number."""
    hidden = numbers_unsigned(m.plain)[2] + 20
    return _prepared(m, {hidden: stream(PAINTED)}), hidden


def _offset(pdf: bytes, number: int) -> int:
    return pdf.index(b"\n%d 0 obj" % number) + 1


def _replace_by_page(m: Material) -> bytes:
    """[shadow replace] The page is made to name the hidden content."""
    pdf, hidden = _hidden_content(m)
    at = numbers(pdf)
    return update(pdf, {at.page: with_entry(raw(pdf, at.page), b"/Contents", b"%d 0 R" % hidden)})


def _replace_by_table(m: Material) -> bytes:
    """[shadow hide and replace] Not one object is added: a table points the content's number to the hidden one's bytes."""
    pdf, hidden = _hidden_content(m)
    at = numbers(pdf)
    twin = b"%d 0 obj" % at.content
    prepared = _prepared_twin(m, at.content)
    del hidden, twin
    return update(prepared, {}, extra={at.content: prepared.index(b"\n%d 0 obj\n<</Length %d>>" % (at.content, len(PAINTED))) + 1})


def _prepared_twin(m: Material, content: int) -> bytes:
    """A signed file in which two objects have the content's number; the table names the honest one."""
    at = numbers_unsigned(m.plain)
    text, _ = body({content: stream(PAINTED)}, len(m.plain))
    carrier = m.plain + text
    start = len(carrier)
    trailer = b"xref\n0 1\n0000000000 65535 f \ntrailer\n<</Size %d/Root %d 0 R/Prev %d>>\nstartxref\n%d\n%%%%EOF\n"
    return m.signing.sign(carrier + trailer % (at[2], at[0], last_startxref(m.plain), start))


def _hide_by_overlay(m: Material) -> bytes:
    """[shadow hide] A picture covers the true content while it is signed; afterwards it becomes empty."""
    overlay, content = numbers_unsigned(m.plain)[2] + 20, _content(m)
    pdf = _prepared(m, {overlay: stream(PAINTED)}, Contents=b"[%d 0 R %d 0 R]" % (content, overlay))
    return update(pdf, {overlay: stream(b" ")})


def _free_overlay(m: Material) -> bytes:
    """[shadow hide] The same, by freeing the covering object."""
    overlay, content = numbers_unsigned(m.plain)[2] + 20, _content(m)
    pdf = _prepared(m, {overlay: stream(PAINTED)}, Contents=b"[%d 0 R %d 0 R]" % (content, overlay))
    done = update(pdf, {})
    start = done.rindex(b"xref\n", 0, done.rindex(b"startxref"))
    return done[: start + 5] + b"%d 1\n0000000000 00001 f \n" % overlay + done[start + 5 :]


def _content(m: Material) -> int:
    import io

    from pyhanko.pdf_utils.reader import PdfFileReader

    reader = PdfFileReader(io.BytesIO(m.plain), strict=False)
    return int(reader.root["/Pages"]["/Kids"][0].raw_get("/Contents").idnum)


def _text_field(value: bytes, appearance: int) -> bytes:
    return b"<</Type/Annot/Subtype/Widget/FT/Tx/T(amount)/V(%s)/Rect[72 300 300 330]/F 4/DA(/Helv 12 Tf)/AP<</N %d 0 R>>>>" % (value, appearance)


def _shown(text: bytes) -> bytes:
    font = b"/Type/XObject/Subtype/Form/BBox[0 0 228 30]/Resources<</Font<</Helv<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>>>>>"
    return stream(b"BT /Helv 20 Tf 4 8 Td (%s) Tj ET" % text, font)


def _form(m: Material) -> tuple[bytes, int, int]:
    """A signed form with one text field that says 100, and the numbers of its field and appearance."""
    root, _, size = numbers_unsigned(m.plain)
    field, appearance = size + 20, size + 21
    pdf = _prepared_form(m, root, {field: _text_field(b"100", appearance), appearance: _shown(b"100")}, field)
    return pdf, field, appearance


def _prepared_form(m: Material, root: int, objects: dict[int, bytes], field: int) -> bytes:
    _, page, _ = numbers_unsigned(m.plain)
    catalogue = with_entry(raw(m.plain, root), b"/AcroForm", b"<</Fields[%d 0 R]>>" % field)
    annotated = with_entry(raw(m.plain, page), b"/Annots", b"[%d 0 R]" % field)
    return m.signing.sign(_update_plain(m.plain, {**objects, root: catalogue, page: annotated}))


def _refilled(m: Material, *, keep_value: bool) -> bytes:
    """[shadow replace] A field filled in anew, or only shown anew: both count as filling in a form."""
    pdf, field, appearance = _form(m)
    new = appearance + 10
    return update(pdf, {field: _text_field(b"100" if keep_value else b"999", new), new: _shown(b"999")})


def _in_place(m: Material) -> bytes:
    pdf, _, appearance = _form(m)
    return update(pdf, {appearance: _shown(b"999")})


def _geometry(m: Material, key: bytes, value: bytes) -> bytes:
    at = numbers(m.signed)
    return update(m.signed, {at.page: with_entry(raw(m.signed, at.page), key, value)})


def _font(m: Material) -> bytes:
    """[shadow replace] Another font under the name of the signed one."""
    import io

    from pyhanko.pdf_utils.reader import PdfFileReader

    reader = PdfFileReader(io.BytesIO(m.signed), strict=False)
    fonts = reader.root["/Pages"]["/Kids"][0]["/Resources"]["/Font"]
    number = next((fonts.raw_get(k).idnum for k in fonts if hasattr(fonts.raw_get(k), "idnum")), None)
    if number is None:
        number = reader.root["/Pages"]["/Kids"][0]["/Resources"].raw_get("/Font").idnum
        return update(m.signed, {number: b"<</F1<</Type/Font/Subtype/Type1/BaseFont/Symbol/Name/F1>>>>"})
    return update(m.signed, {number: b"<</Type/Font/Subtype/Type1/BaseFont/Symbol/Name/F1>>"})


def _pages(m: Material) -> bytes:
    """[shadow replace] The whole page tree exchanged."""
    at = numbers(m.signed)
    tree, page, content = at.size + 1, at.size + 2, at.size + 3
    objects = {
        at.root: with_entry(raw(m.signed, at.root), b"/Pages", b"%d 0 R" % tree),
        tree: b"<</Type/Pages/Count 1/Kids[%d 0 R]>>" % page,
        page: b"<</Type/Page/Parent %d 0 R/MediaBox[0 0 595 842]/Contents %d 0 R>>" % (tree, content),
        content: stream(PAINTED),
    }
    return update(m.signed, objects)


ATTACKS: list[Attack] = [
    attack("shadow-replace-page", _replace_by_page, "changed_visible"),
    attack("shadow-hide-and-replace-table", _replace_by_table, "changed_visible"),
    attack("shadow-hide-overlay", _hide_by_overlay, "changed_visible"),
    attack("shadow-hide-freed", _free_overlay, "changed_visible", "changed_hidden"),
    attack("shadow-replace-field", lambda m: _refilled(m, keep_value=False), "changed_visible"),
    attack("shadow-replace-appearance", lambda m: _refilled(m, keep_value=True), "changed_visible"),
    attack("shadow-replace-in-place", _in_place, "changed_visible"),
    attack("shadow-replace-font", _font, "changed_visible"),
    attack("shadow-replace-pages", _pages, "changed_visible"),
    attack("shadow-crop", partial(_geometry, key=b"/CropBox", value=b"[0 0 300 400]"), "changed_visible"),
    attack("shadow-media", partial(_geometry, key=b"/MediaBox", value=b"[0 0 595 400]"), "changed_visible"),
    attack("shadow-rotate", partial(_geometry, key=b"/Rotate", value=b"180"), "changed_visible"),
    attack("shadow-unit", partial(_geometry, key=b"/UserUnit", value=b"2")),
]
