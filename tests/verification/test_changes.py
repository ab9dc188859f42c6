"""What may come after a signature that says so itself: a certification, a lock on fields; and how much of it is looked at."""

import io
from collections.abc import Callable

import pytest
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.generic import pdf_name
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.sign.fields import MDPPerm

from agent.verification.pdf_look import Look
from tests.verification.conftest import Pki, Signing, Verifier, blank_pdf, codes, patched
from tests.verification.test_pdf import LOW, OVER_TEXT, annotate, updated


@pytest.mark.parametrize("permission", [MDPPerm.FILL_FORMS, MDPPerm.ANNOTATE])
def test_a_visible_signature_after_a_certification_that_allows_it_passes_and_covers_nothing(
    check: Verifier, signing: Signing, pki: Pki, permission: MDPPerm
) -> None:
    certified = signing.but(certify=permission, box=LOW).sign(blank_pdf())
    good = check(signing.but(field="Sig2", box=(320, 100, 500, 160), signer=pki.person()).sign(certified))
    assert (good["verdict"], len(good["signatures"])) == ("passed", 2)
    assert {(c["kind"], c["level"]) for c in good["signatures"][0]["changes_after_signing"]} == {("signature", "allowed")}
    over = check(signing.but(field="Sig2", box=OVER_TEXT).sign(certified))
    assert [s["verdict"] for s in over["signatures"]] == ["indeterminate", "passed"]


def test_a_field_that_a_signature_locked_stays_as_it_is(check: Verifier, signing: Signing) -> None:
    """FieldMDP: what was locked may not be filled in later, by whomever."""
    from pyhanko.sign.fields import FieldMDPAction, FieldMDPSpec, SigFieldSpec, append_signature_field

    writer = IncrementalPdfFileWriter(io.BytesIO(blank_pdf()))
    lock = FieldMDPSpec(FieldMDPAction.INCLUDE, fields=["amount"])
    append_signature_field(writer, SigFieldSpec("Sig1", field_mdp_spec=lock))
    page = writer.root["/Pages"]["/Kids"][0]
    field = generic.DictionaryObject({
        pdf_name("/FT"): pdf_name("/Tx"), pdf_name("/T"): generic.pdf_string("amount"), pdf_name("/V"): generic.pdf_string("100"),
        pdf_name("/Type"): pdf_name("/Annot"), pdf_name("/Subtype"): pdf_name("/Widget"),
        pdf_name("/Rect"): generic.ArrayObject(map(generic.NumberObject, (72, 300, 300, 330))), pdf_name("/F"): generic.NumberObject(4),
    })  # fmt: skip
    reference = writer.add_object(field)
    writer.root["/AcroForm"]["/Fields"].append(reference)
    page.setdefault(pdf_name("/Annots"), generic.ArrayObject()).append(reference)
    writer.update_container(page)
    writer.update_root()
    out = io.BytesIO()
    writer.write(out)
    signed = signing.sign(out.getvalue())

    def fill(writer: IncrementalPdfFileWriter) -> None:
        amount = writer.root["/AcroForm"]["/Fields"][1]
        amount[pdf_name("/V")] = generic.pdf_string("999")
        writer.update_container(amount)

    assert check(signed)["verdict"] == "passed"
    document = check(updated(signed, fill))
    assert (document["verdict"], "changed_forbidden" in codes(document)) == ("failed", True)


class Clock:
    """A clock that jumps to the end of time after some pages."""

    def __init__(self, pages: int) -> None:
        self.drawn: list[int] = []
        self._pages = pages

    def drawing(self) -> Callable[..., object]:
        """What stands in the place of `Look._draw`."""

        def draw(look: Look, document: object, number: int, pixels: int | None = None) -> object:
            self.drawn.append(number)
            picture = _DRAW(look, document, number, pixels)
            if len(self.drawn) == self._pages:
                look._deadline = 0.0
            return picture

        return draw


_DRAW = Look._draw


def test_pages_that_nothing_touched_are_looked_at_last_and_hinder_nothing(check: Verifier, signing: Signing) -> None:
    """A thick contract: where time runs out, only pages whose objects were left alone may stay undrawn."""
    once = signing.but(box=LOW).sign(blank_pdf(pages=30))
    twice = signing.but(field="Sig2", box=(320, 100, 500, 160)).sign(once)
    clock = Clock(6)
    with patched(Look, "_draw", clock.drawing()):
        document = check(twice)
    assert clock.drawn == [0, 0, 1, 1, 2, 2]
    assert (document["verdict"], codes(document)) == ("passed", {"pages_not_drawn"})
    assert "27" in document["signatures"][0]["explanation"]["en"]


def test_a_page_that_was_touched_has_to_be_looked_at(check: Verifier, signing: Signing) -> None:
    data = updated(signing.sign(blank_pdf(pages=30)), annotate)
    clock = Clock(1)
    with patched(Look, "_draw", clock.drawing()):
        assert "not_compared" in codes(check(data))
