"""Evil annotation and sneaky signature attacks (EAA, SSA) on certified documents, and the same after ordinary signatures."""

from functools import partial

from pyhanko.sign import validation
from pyhanko.sign.fields import MDPPerm

from tests.verification.attacks import Attack, attack
from tests.verification.attacks.material import Material, numbers, raw, stream, update, with_entry
from tests.verification.conftest import issue, patched

_OVER_TEXT, _BLANK = b"[60 700 300 800]", b"[60 60 300 120]"
_LOW = (60, 60, 300, 120)
_KINDS = ("Stamp", "FreeText", "Square", "Ink", "Redact", "Highlight", "Watermark", "Line", "Caret", "Widget")


def _annotated(m: Material, permission: MDPPerm | None, kind: str, rect: bytes = _OVER_TEXT) -> bytes:
    """[EAA] An annotation with an appearance of its own over what was certified."""
    pdf = m.signing.but(certify=permission).sign(m.plain)
    at = numbers(pdf)
    new, look = at.size + 1, at.size + 2
    form = stream(b"1 1 1 rg 0 0 240 100 re f 1 0 0 rg 10 10 50 50 re f", b"/Type/XObject/Subtype/Form/BBox[0 0 240 100]")
    text = b"<</Type/Annot/Subtype/%s/Rect%s/F 4/Contents(x)/AP<</N %d 0 R>>>>" % (kind.encode(), rect, look)
    return update(pdf, {new: text, look: form, at.page: with_entry(raw(pdf, at.page), b"/Annots", b"[%d 0 R %d 0 R]" % (at.field, new))})


def _link(m: Material, permission: MDPPerm | None) -> bytes:
    """[EAA] Nothing is seen, but a click leads elsewhere."""
    pdf = m.signing.but(certify=permission).sign(m.plain)
    at = numbers(pdf)
    text = b"<</Type/Annot/Subtype/Link/Rect%s/Border[0 0 0]/A<</S/URI/URI(http://evil.invalid)>>>>" % _OVER_TEXT
    return update(pdf, {at.size + 1: text, at.page: with_entry(raw(pdf, at.page), b"/Annots", b"[%d 0 R %d 0 R]" % (at.field, at.size + 1))})


def _script(m: Material) -> bytes:
    """A script that runs when the file is opened."""
    at = numbers(m.signed)
    return update(m.signed, {at.root: with_entry(raw(m.signed, at.root), b"/OpenAction", b"<</S/JavaScript/JS(app.alert\\(1\\))>>")})


def _attached(m: Material) -> bytes:
    at = numbers(m.signed)
    names = b"<</EmbeddedFiles<</Names[(a)<</Type/Filespec/F(a)/EF<</F %d 0 R>>>>]>>>>" % (at.size + 1)
    return update(m.signed, {at.size + 1: stream(b"other"), at.root: with_entry(raw(m.signed, at.root), b"/Names", names)})


def _signed_over(m: Material, permission: MDPPerm | None, *, trusted: bool, box: tuple[int, int, int, int] = (60, 700, 300, 800)) -> bytes:
    """[SSA] A further signature whose appearance covers what was certified."""
    once = m.signing.but(certify=permission).sign(m.plain)
    signer = m.pki.person("王工") if trusted else issue("王工", issue("陌生 CA", ca=True))
    with patched(validation, "read_certification_data", lambda reader: None):  # pyHanko would refuse
        return m.signing.but(field="Sig2", box=box, signer=signer, text="100 000 yuan").sign(once)


def _moved_widget(m: Material) -> bytes:
    """The signature's own appearance moved over other content."""
    pdf = m.signing.but(box=(100, 100, 300, 160)).sign(m.plain)
    at = numbers(pdf)
    return update(pdf, {at.field: with_entry(raw(pdf, at.field), b"/Rect", _OVER_TEXT)})


def _widget_look(m: Material) -> bytes:
    """The signature's own appearance exchanged: another name, another date."""
    pdf = m.signing.but(box=(100, 100, 300, 160)).sign(m.plain)
    at = numbers(pdf)
    form = stream(b"1 0 0 rg 0 0 200 60 re f", b"/Type/XObject/Subtype/Form/BBox[0 0 200 60]")
    return update(pdf, {at.size + 1: form, at.field: with_entry(raw(pdf, at.field), b"/AP", b"<</N %d 0 R>>" % (at.size + 1))})


def _lowered(m: Material) -> bytes:
    """The certification's permission raised in the signature dictionary by an update."""
    pdf = m.signing.but(certify=MDPPerm.NO_CHANGES).sign(m.plain)
    at = numbers(pdf)
    text = raw(pdf, at.signature).replace(b"/P 1", b"/P 3")
    return update(pdf, {at.signature: text})


def _uncertified(m: Material) -> bytes:
    """/Perms taken out of the catalogue, so that the certification looks like an ordinary signature."""
    pdf = m.signing.but(certify=MDPPerm.NO_CHANGES).sign(m.plain)
    at = numbers(pdf)
    return update(pdf, {at.root: with_entry(raw(pdf, at.root), b"/Perms", b"<<>>")})


ATTACKS: list[Attack] = [
    *(attack(f"eaa-p3-{k.lower()}", partial(_annotated, permission=MDPPerm.ANNOTATE, kind=k)) for k in _KINDS),
    *(attack(f"eaa-p2-{k.lower()}", partial(_annotated, permission=MDPPerm.FILL_FORMS, kind=k)) for k in ("Stamp", "FreeText", "Widget")),
    *(attack(f"eaa-p1-{k.lower()}", partial(_annotated, permission=MDPPerm.NO_CHANGES, kind=k), verdict="failed") for k in ("Stamp", "FreeText")),
    attack("eaa-approval-stamp", partial(_annotated, permission=None, kind="Stamp"), "changed_visible"),
    attack("eaa-blank-stamp", partial(_annotated, permission=None, kind="Stamp", rect=_BLANK), "changed_visible"),
    attack("eaa-approval-link", partial(_link, permission=None), "changed_hidden"),
    attack("eaa-p3-link", partial(_link, permission=MDPPerm.ANNOTATE), "changed_hidden"),
    attack("eaa-script", _script, "changed_hidden"),
    attack("eaa-attachment", _attached, "changed_hidden"),
    attack("ssa-p2-untrusted", partial(_signed_over, permission=MDPPerm.FILL_FORMS, trusted=False), "covered_by_later"),
    attack("ssa-p3-untrusted", partial(_signed_over, permission=MDPPerm.ANNOTATE, trusted=False), "covered_by_later"),
    attack("ssa-p2-trusted", partial(_signed_over, permission=MDPPerm.FILL_FORMS, trusted=True), "covered_by_later"),
    attack("ssa-approval-trusted", partial(_signed_over, permission=None, trusted=True), "covered_by_later"),
    attack("ssa-approval-blank-untrusted", partial(_signed_over, permission=None, trusted=False, box=_LOW), "later_not_passed"),
    attack(
        "ssa-p1", partial(_signed_over, permission=MDPPerm.NO_CHANGES, trusted=True, box=(60, 60, 300, 120)), "changed_forbidden", verdict="failed"
    ),
    attack("ssa-moved", _moved_widget),
    attack("ssa-own-look", _widget_look),
    attack("certification-raised", _lowered),
    attack("certification-hidden", _uncertified, "changed_forbidden", "changed_hidden"),
]
