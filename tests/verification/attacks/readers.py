"""Files that programs read differently: a dictionary with two values for a key, indexes that disagree, values that are not drawn."""

import io
import re
from collections.abc import Callable
from functools import cache

from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.reader import PdfFileReader
from reportlab.pdfgen.canvas import Canvas

from tests.verification.attacks import attack
from tests.verification.attacks.material import PAINTED, Material, body, last_startxref, numbers, raw, stream, table, update, with_entry


def _doubled(key: bytes, at_end: bool, escaped: bool = False) -> Callable[[Material], bytes]:
    """A later revision whose page names its content twice: pyHanko takes the first value, most programs the last."""

    def make(material: Material) -> bytes:
        pdf = material.signed
        at = numbers(pdf)
        page = raw(pdf, at.page).strip()
        entry = (b"/Conten#74s" if escaped else key) + b" %d 0 R\n" % at.size
        new = page[:-2] + entry + b">>" if at_end else b"<<" + entry + page[2:]
        return update(pdf, {at.size: stream(PAINTED), at.page: new})

    return make


def two_page_trees(material: Material) -> bytes:
    """A later catalog that names two page trees."""
    pdf = material.signed
    at = numbers(pdf)
    page = with_entry(raw(pdf, at.page), b"/Contents", b"%d 0 R" % (at.size + 2))
    objects = {
        at.root: raw(pdf, at.root).strip()[:-2] + b"/Pages %d 0 R\n>>" % at.size,
        at.size: b"<</Type/Pages/Count 1/Kids[%d 0 R]>>" % (at.size + 1),
        at.size + 1: page,
        at.size + 2: stream(PAINTED),
    }
    return update(pdf, objects)


def two_lists_of_pages(material: Material) -> bytes:
    """A later page tree with two lists of its pages."""
    pdf = material.signed
    at = numbers(pdf)
    found = re.search(rb"/Pages (\d+) 0 R", raw(pdf, at.root))
    assert found is not None
    tree = int(found[1])
    page = with_entry(raw(pdf, at.page), b"/Contents", b"%d 0 R" % (at.size + 1))
    return update(pdf, {tree: raw(pdf, tree).strip()[:-2] + b"/Kids[%d 0 R]\n>>" % at.size, at.size: page, at.size + 1: stream(PAINTED)})


def doubled_in_an_object_stream(material: Material) -> bytes:
    """The same, inside an object stream of a later revision."""
    pdf = material.signed + b"\n"
    at = numbers(material.signed)
    page = raw(pdf, at.page).strip()[:-2] + b"/Contents %d 0 R\n>>" % at.size
    head = b"%d 0 " % at.page
    holder = stream(head + page, b"/Type/ObjStm/N 1/First %d" % len(head))
    text, offsets = body({at.size: stream(PAINTED), at.size + 1: holder}, len(pdf))
    index = {at.page: (2, at.size + 1, 0), at.size: (1, offsets[at.size], 0), at.size + 1: (1, offsets[at.size + 1], 0)}
    return _with_index(pdf + text, index, at.size + 2, at.root)


def _with_index(pdf: bytes, entries: dict[int, tuple[int, int, int]], number: int, root: int) -> bytes:
    """Closed by a cross-reference stream."""
    start = len(pdf)
    entries = {**entries, number: (1, start, 0)}
    rows = b"".join(bytes([kind]) + a.to_bytes(4, "big") + b.to_bytes(2, "big") for _, (kind, a, b) in sorted(entries.items()))
    index = b" ".join(b"%d 1" % n for n in sorted(entries))
    told = b"/Type/XRef/W[1 4 2]/Index[%s]/Size %d/Root %d 0 R/Prev %d" % (index, number + 1, root, last_startxref(pdf))
    text, _ = body({number: stream(rows, told)}, start)
    return pdf + text + b"startxref\n%d\n%%%%EOF\n" % start


def _hybrid(pdf: bytes, shown: dict[int, bytes], hidden: dict[int, bytes]) -> bytes:
    """An update in two indexes: `shown` by the table, `hidden` by the stream beside it."""
    pdf += b"\n"
    reader = PdfFileReader(io.BytesIO(pdf), strict=False)
    root, size = reader.root_ref.idnum, int(reader.trailer["/Size"]) + 1
    first, shown_at = body(shown, len(pdf))
    second, hidden_at = body(hidden, len(pdf) + len(first))
    start = len(pdf) + len(first) + len(second)
    rows = b"".join(b"\1" + offset.to_bytes(4, "big") + b"\0\0" for _, offset in sorted(hidden_at.items()))
    index = b" ".join(b"%d 1" % n for n in sorted(hidden_at))
    third, _ = body({size - 1: stream(rows, b"/Type/XRef/W[1 4 2]/Index[%s]/Size %d/Root %d 0 R" % (index, size, root))}, start)
    told = b"<</Size %d/Root %d 0 R/Prev %d/XRefStm %d>>" % (size, root, last_startxref(pdf), start)
    end = start + len(third)
    return pdf + first + second + third + table(shown_at) + b"trailer\n" + told + b"\nstartxref\n%d\n%%%%EOF\n" % end


def _content(pdf: bytes) -> int:
    page = PdfFileReader(io.BytesIO(pdf), strict=False).root["/Pages"]["/Kids"][0]
    return int(page.raw_get("/Contents").idnum)


def hybrid_before(material: Material) -> bytes:
    """The signer signs a file with two indexes that disagree about the page's content."""
    number = _content(material.plain)
    return material.signing.sign(_hybrid(material.plain, {number: raw(material.plain, number)}, {number: stream(PAINTED)}))


def hybrid_after(material: Material) -> bytes:
    """The same, appended after the signature."""
    number = _content(material.plain)
    return _hybrid(material.signed, {number: raw(material.signed, number)}, {number: stream(PAINTED)})


def listed_twice(material: Material) -> bytes:
    """The signer signs a file whose table gives one object two places: some programs take the first, some the last."""
    pdf = material.plain + b"\n"
    reader = PdfFileReader(io.BytesIO(pdf), strict=False)
    number, root, size = _content(pdf), reader.root_ref.idnum, int(reader.trailer["/Size"])
    one, first = body({number: raw(pdf, number)}, len(pdf))
    two, second = body({number: stream(PAINTED)}, len(pdf) + len(one))
    start = len(pdf) + len(one) + len(two)
    rows = b"".join(b"%d 1\n%010d 00000 n \n" % (number, at[number]) for at in (first, second))
    told = b"<</Size %d/Root %d 0 R/Prev %d>>" % (size, root, last_startxref(pdf))
    return material.signing.sign(pdf + one + two + b"xref\n" + rows + b"trailer\n" + told + b"\nstartxref\n%d\n%%%%EOF\n" % start)


@cache
def _form() -> bytes:
    out = io.BytesIO()
    canvas = Canvas(out, pagesize=(595, 842), invariant=1)
    canvas.drawString(72, 700, "Amount:")
    canvas.acroForm.textfield(name="amount", value="100", x=150, y=690, width=120, height=24)
    canvas.save()
    return out.getvalue()


def value_not_drawn(material: Material) -> bytes:
    """Another amount in a form field, its picture left as it was: browsers show the value, others the picture."""
    writer = IncrementalPdfFileWriter(io.BytesIO(material.signing.sign(_form())))
    field = next(f.get_object() for f in writer.root["/AcroForm"]["/Fields"] if f.get_object()["/T"] == "amount")
    field["/V"] = generic.pdf_string("900000")
    writer.update_container(field)
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def value_not_drawn_by_a_signer(material: Material) -> bytes:
    """The same in the revision of a second signature."""
    return material.signing.but(field="Sig2").sign(value_not_drawn(material))


def picture_for_another_signature(material: Material) -> bytes:
    """A second field that shows the one signature again, with a picture of its own."""
    writer = IncrementalPdfFileWriter(io.BytesIO(material.signed))
    names = {k: generic.pdf_name(f"/{k}") for k in ("Type", "Subtype", "BBox", "FT", "T", "Rect", "F", "P", "V", "AP", "N", "Annots")}
    box = generic.ArrayObject([generic.NumberObject(n) for n in (0, 0, 200, 50)])
    entries = {names["Type"]: generic.pdf_name("/XObject"), names["Subtype"]: generic.pdf_name("/Form"), names["BBox"]: box}
    picture = writer.add_object(generic.StreamObject(entries, stream_data=b"1 0 0 rg 0 0 200 50 re f"))
    page = writer.root["/Pages"]["/Kids"].raw_get(0)
    value = writer.root["/AcroForm"]["/Fields"][0].raw_get("/V")
    widget = writer.add_object(
        generic.DictionaryObject(
            {
                names["FT"]: generic.pdf_name("/Sig"), names["Type"]: generic.pdf_name("/Annot"), names["Subtype"]: generic.pdf_name("/Widget"),
                names["T"]: generic.pdf_string("Chairman"), names["F"]: generic.NumberObject(132), names["P"]: page,
                names["Rect"]: generic.ArrayObject([generic.NumberObject(n) for n in (100, 100, 300, 150)]),
                names["V"]: generic.IndirectObject(value.idnum, value.generation, writer),
                names["AP"]: generic.DictionaryObject({names["N"]: picture}),
            }
        )
    )  # fmt: skip
    for holder, key in ((writer.root["/AcroForm"], "/Fields"), (page.get_object(), "/Annots")):
        holder[key].append(widget)
        writer.update_container(holder[key])
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


ATTACKS = [
    attack("two-contents-last", _doubled(b"/Contents", True), "structure_ambiguous", "changed_visible"),
    attack("two-contents-first", _doubled(b"/Contents", False), "structure_ambiguous"),
    attack("two-contents-escaped", _doubled(b"/Contents", True, True), "structure_ambiguous", "changed_visible"),
    attack("two-contents-packed", doubled_in_an_object_stream, "structure_ambiguous", "changed_visible"),
    attack("two-page-trees", two_page_trees, "structure_ambiguous", "changed_visible"),
    attack("two-lists-of-pages", two_lists_of_pages, "structure_ambiguous", "changed_visible"),
    attack("hybrid-before", hybrid_before, "structure_ambiguous"),
    attack("hybrid-after", hybrid_after, "structure_ambiguous"),
    attack("listed-twice", listed_twice, "structure_ambiguous"),
    attack("value-not-drawn", value_not_drawn, "changed_values"),
    attack("value-not-drawn-by-a-signer", value_not_drawn_by_a_signer, "changed_values"),
    attack("picture-for-another-signature", picture_for_another_signature, "changed_visible"),
]
