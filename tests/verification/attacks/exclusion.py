"""Universal signature forgery (USF): the signature stays to be seen and cannot be checked; or it is taken out and a raw trace is left."""

import re

from tests.verification.attacks import Attack, attack
from tests.verification.attacks.material import Material, byte_range_text, gap, numbers, painted, patch, raw, update, with_entry


def _rewritten(m: Material, pattern: bytes, new: bytes) -> bytes:
    """The content exchanged by an update that replaces the signature dictionary, too; `pattern` in it becomes `new`."""
    at = numbers(m.signed)
    text = re.sub(pattern, lambda _: new, raw(m.signed, at.signature), count=1, flags=re.DOTALL)
    return update(m.signed, {**painted(m.signed), at.signature: text})


def _in_place(m: Material, pattern: bytes, new: bytes) -> bytes:
    """The same in the signed revision itself."""
    found = re.search(pattern, m.signed[m.signed.index(b"/ByteRange") - 400 :], flags=re.DOTALL)
    assert found is not None
    return patch(m.signed, found[0], new)


def _contents(m: Material, new: bytes) -> bytes:
    start, end = gap(m.signed)
    return m.signed[:start] + new.ljust(end - start) + m.signed[end:]


def _byte_range(m: Material, new: bytes) -> bytes:
    text = byte_range_text(m.signed)
    return m.signed.replace(text, new.ljust(len(text)), 1)


_CONTENTS, _RANGE = rb"/Contents\s*<[^>]*>", rb"/ByteRange\s*\[[^\]]*\]"


def _field(m: Material, key: bytes, value: bytes) -> bytes:
    at = numbers(m.signed)
    return update(m.signed, {**painted(m.signed), at.field: with_entry(raw(m.signed, at.field), key, value)})


def _form(m: Material, text: bytes) -> bytes:
    at = numbers(m.signed)
    return update(m.signed, {**painted(m.signed), at.root: with_entry(raw(m.signed, at.root), b"/AcroForm", text)})


def _freed(m: Material) -> bytes:
    at = numbers(m.signed)
    done = update(m.signed, painted(m.signed))
    entry = b"xref\n%d 1\n0000000000 00001 f \n" % at.signature
    start = done.rindex(b"xref\n", 0, done.rindex(b"startxref"))
    return done[:start] + entry + done[start + 5 :]


def _as_rights(m: Material) -> bytes:
    """Taken out of the form, and called the usage rights of a reader program, which belong to no field."""
    at = numbers(m.signed)
    root = re.sub(rb"/AcroForm \d+ 0 R", b"", raw(m.signed, at.root)).strip()[:-2] + b"/Perms <</UR3 %d 0 R>>\n>>" % at.signature
    return update(m.signed, {at.root: root, at.page: re.sub(rb"/Annots\s*\[[^\]]*\]", b"", raw(m.signed, at.page))})


def _as_rights_and_signed(m: Material) -> bytes:
    """The same, and signed by somebody else who is trusted."""
    return m.signing.but(signer=m.pki.person("王二"), field="Sig9").sign(_as_rights(m))


ATTACKS: list[Attack] = [
    attack("usf-contents-null", lambda m: _contents(m, b"null"), "contents_missing"),
    attack("usf-contents-zeros", lambda m: _contents(m, b"<00>"), "contents_missing"),
    attack("usf-contents-empty", lambda m: _contents(m, b"<>"), "contents_missing"),
    attack("usf-contents-number", lambda m: _contents(m, b"1"), "contents_missing"),
    attack("usf-contents-text", lambda m: _contents(m, b"(30820000)"), "cms_damaged"),
    attack("usf-range-missing", lambda m: _byte_range(m, b""), "contents_missing"),
    attack("usf-range-null", lambda m: _byte_range(m, b"/ByteRange null"), "contents_missing"),
    attack("usf-range-empty", lambda m: _byte_range(m, b"/ByteRange []"), "byte_range_wrong", "not_checked"),
    attack("usf-range-three", lambda m: _byte_range(m, b"/ByteRange [0 10 20]"), "byte_range_wrong"),
    attack("usf-range-negative", lambda m: _byte_range(m, b"/ByteRange [0 -1 20 -5]"), "byte_range_wrong"),
    attack("usf-range-words", lambda m: _byte_range(m, b"/ByteRange [(0) /A <<>> [0]]"), "byte_range_wrong"),
    attack("usf-range-real", lambda m: _byte_range(m, b"/ByteRange [0. 10. 20. 5.]"), "byte_range_wrong"),
    attack("usf-range-huge", lambda m: _byte_range(m, b"/ByteRange [0 1 2 99999999999]"), "byte_range_wrong"),
    attack("usf-subfilter-missing", lambda m: _in_place(m, rb"/SubFilter\s*/ETSI\.CAdES\.detached", b""), "kind_missing"),
    attack("usf-subfilter-unknown", lambda m: _in_place(m, rb"/ETSI\.CAdES\.detached", b"/ETSI.CAdES.detachex"), "kind_unknown"),
    attack("usf-subfilter-x509", lambda m: _in_place(m, rb"/ETSI\.CAdES\.detached", b"/adbe.x509.rsa_sha1"), "kind_unknown"),
    attack("usf-update-contents-null", lambda m: _rewritten(m, _CONTENTS, b"/Contents null"), "contents_missing"),
    attack("usf-update-contents-missing", lambda m: _rewritten(m, _CONTENTS, b""), "contents_missing"),
    attack("usf-update-range-missing", lambda m: _rewritten(m, _RANGE, b""), "contents_missing"),
    attack("usf-update-range-null", lambda m: _rewritten(m, _RANGE, b"/ByteRange null"), "contents_missing"),
    attack("usf-update-subfilter-missing", lambda m: _rewritten(m, rb"/SubFilter\s*/[\w.]+", b""), "kind_missing"),
    attack("usf-update-value-null", lambda m: _field(m, b"/V", b"null"), "removed"),
    attack("usf-update-value-name", lambda m: _field(m, b"/V", b"/None"), "contents_missing"),
    attack("usf-update-field-type", lambda m: _field(m, b"/FT", b"/Tx"), "removed"),
    attack("usf-update-form-empty", lambda m: _form(m, b"<</Fields []>>"), "removed"),
    attack("usf-update-form-null", lambda m: _form(m, b"null"), "removed"),
    attack("usf-update-form-circle", lambda m: _form(m, b"<</Fields [%d 0 R]>>" % numbers(m.signed).root), "removed"),
    attack("usf-update-signature-freed", _freed, "contents_missing", "removed"),
    attack("usf-update-as-usage-rights", _as_rights, "removed"),
    attack("usf-update-as-usage-rights-signed", _as_rights_and_signed, "removed"),
]
