"""Incremental saving attacks (ISA): something is appended so that some readers show it and some verifiers do not see it."""

from tests.verification.attacks import Attack, attack
from tests.verification.attacks.material import Material, body, last_startxref, numbers, painted, raw, stream, table, update


def _objects(m: Material) -> tuple[bytes, dict[int, int]]:
    return body(painted(m.signed), len(m.signed))


def _trailer(m: Material, *, prev: int | None, root: int | None = None) -> bytes:
    at = numbers(m.signed)
    back = b"" if prev is None else b"/Prev %d" % prev
    return b"trailer\n<</Size %d/Root %d 0 R%s>>\n" % (at.size + 5, root or at.root, back)


def _xref_no_prev(m: Material) -> bytes:
    """[ISA] A table that names only the new objects and leads to no older one."""
    text, offsets = _objects(m)
    start = len(m.signed) + len(text)
    return m.signed + text + table(offsets) + _trailer(m, prev=None) + b"startxref\n%d\n%%%%EOF\n" % start


def _empty_xref(m: Material, prev: bool) -> bytes:
    text, _ = _objects(m)
    start = len(m.signed) + len(text)
    before = last_startxref(m.signed) if prev else None
    return m.signed + text + b"xref\n" + _trailer(m, prev=before) + b"startxref\n%d\n%%%%EOF\n" % start


def _old_startxref(m: Material) -> bytes:
    """The new objects and their table are there; startxref still names the old one."""
    text, offsets = _objects(m)
    before = last_startxref(m.signed)
    return m.signed + text + table(offsets) + _trailer(m, prev=before) + b"startxref\n%d\n%%%%EOF\n" % before


def _no_startxref(m: Material) -> bytes:
    text, offsets = _objects(m)
    return m.signed + text + table(offsets) + _trailer(m, prev=last_startxref(m.signed)) + b"%%EOF\n"


def _copied_signature(m: Material) -> bytes:
    """[ISA with a copied signature] The update brings a second copy of the signature dictionary, byte range and all."""
    at = numbers(m.signed)
    return update(m.signed, {**painted(m.signed), at.signature: raw(m.signed, at.signature)})


def _prefixed(m: Material) -> bytes:
    """Bytes before the header: offsets of some readers start there, of others at the file's beginning."""
    return b"%PDF-1.7\n%junk\n" + m.signed


def _twice(m: Material) -> bytes:
    """Another whole document behind the signed one."""
    other = m.signed
    plain = m.plain.replace(b"Ground", b"Cellar")
    return other + plain


def _linked_forward(m: Material) -> bytes:
    """/Prev leads to a table inside the signed bytes that is not the last one."""
    at = numbers(m.signed)
    text, offsets = _objects(m)
    start = len(m.signed) + len(text)
    first = int(m.signed.split(b"startxref")[1].split()[0])
    trailer = b"trailer\n<</Size %d/Root %d 0 R/Prev %d>>\nstartxref\n%d\n%%%%EOF\n" % (at.size + 5, at.root, first, start)
    return m.signed + text + table(offsets) + trailer


def _xref_stream(m: Material) -> bytes:
    """The update's table as a stream, which old verifiers did not read."""
    at = numbers(m.signed)
    objects = painted(m.signed)
    text, offsets = body(objects, len(m.signed))
    start = len(m.signed) + len(text)
    number = at.size + 1
    offsets[number] = start
    index = b" ".join(b"%d 1" % n for n in sorted(offsets))
    rows = b"".join(b"\x01" + offsets[n].to_bytes(4, "big") + b"\0\0" for n in sorted(offsets))
    head = b"/Type/XRef/W[1 4 2]/Index[%s]/Size %d/Root %d 0 R/Prev %d" % (index, number + 1, at.root, last_startxref(m.signed))
    section, _ = body({number: stream(rows, head)}, start)
    return m.signed + text + section + b"startxref\n%d\n%%%%EOF\n" % start


def _other_root(m: Material) -> bytes:
    """A catalogue of its own, with the signed form copied into it."""
    at = numbers(m.signed)
    new = at.size + 2
    return update(m.signed, {**painted(m.signed), new: raw(m.signed, at.root)}, root=new)


ATTACKS: list[Attack] = [
    attack("isa-objects", lambda m: m.signed + _objects(m)[0], "tail_after_eof", verdict="failed"),
    attack("isa-objects-eof", lambda m: m.signed + _objects(m)[0] + b"%%EOF\n", "last_revision_unclear", "tail_after_eof", verdict="failed"),
    attack(
        "isa-trailer",
        lambda m: m.signed + _objects(m)[0] + _trailer(m, prev=last_startxref(m.signed)) + b"%%EOF\n",
        "last_revision_unclear",
        "tail_after_eof",
    ),
    attack("isa-empty-xref", lambda m: _empty_xref(m, False)),
    attack("isa-empty-xref-prev", lambda m: _empty_xref(m, True)),
    attack("isa-xref-no-prev", _xref_no_prev),
    attack("isa-old-startxref", _old_startxref, "last_revision_unclear", "tail_after_eof"),
    attack("isa-no-startxref", _no_startxref, "last_revision_unclear", "tail_after_eof"),
    attack("isa-whole-update", lambda m: update(m.signed, painted(m.signed)), "changed_visible"),
    attack("isa-copied-signature", _copied_signature),
    attack("isa-prefixed", _prefixed),
    attack("isa-second-document", _twice),
    attack("isa-prev-skips", _linked_forward),
    attack("isa-xref-stream", _xref_stream, "changed_visible"),
    attack("isa-other-root", _other_root),
    attack("isa-comment", lambda m: m.signed + b"% nothing but a comment\n", "tail_after_eof"),
    attack(
        "isa-object-comment", lambda m: m.signed + b"%" + stream(b"x").replace(b"\n", b" ") + b"\n%%EOF\n", "last_revision_unclear", "tail_after_eof"
    ),
]
