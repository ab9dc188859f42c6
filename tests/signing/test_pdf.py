"""The incremental update: right on every kind of PDF, and never in the way of what is signed already."""

import re
from itertools import pairwise
from pathlib import Path

import pikepdf
import pytest
from asn1crypto import x509 as asn1
from cryptography.hazmat.primitives.serialization import Encoding
from pyhanko.pdf_utils.generic import pdf_name
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign import fields, signers
from pyhanko.sign.validation import validate_pdf_signature
from pyhanko_certvalidator import ValidationContext
from pyhanko_certvalidator.registry import SimpleCertificateStore

from agent.api.errors import ApiError, Code
from agent.signing import check, objects
from agent.signing.check import CheckFailed
from tests.signing.pen import Pen, Person, accepted, make_pdf, pdfsig, qpdf_check
from tokens.types import SignatureScheme


def verdict(path: Path, who: Person, strict: bool = True) -> list[bool]:
    """pyHanko's full validation of every signature of a file, against the person's root."""
    root = asn1.Certificate.load(who.root.public_bytes(Encoding.DER))
    with path.open("rb") as stream:
        reader = PdfFileReader(stream, strict=strict)
        return [validate_pdf_signature(one, ValidationContext(trust_roots=[root])).bottom_line for one in reader.embedded_signatures]


def reason_of(pen: Pen, source: Path, **more: object) -> dict[str, object]:
    """Facts of the refusal; nothing is left behind."""
    before = set(source.parent.iterdir())
    with pytest.raises(ApiError) as caught:
        pen.snapshot(source, source.with_name("refused.pdf"), **more)  # type: ignore[arg-type]
    assert caught.value.code is Code.INPUT_UNUSABLE
    assert set(source.parent.iterdir()) == before
    return caught.value.facts


@pytest.mark.parametrize("kind", ["table", "streams", "linearized"])
@pytest.mark.parametrize("appearance", ["none", "text"])
def test_every_reader_accepts_the_signature(kind: str, appearance: str, pen: Pen, tmp_path: Path) -> None:
    source, target = tmp_path / "a.pdf", tmp_path / "b.pdf"
    source.write_bytes(make_pdf())
    if kind != "table":
        with pikepdf.open(source, allow_overwriting_input=True) as document:
            document.save(source, linearize=kind == "linearized", object_stream_mode=pikepdf.ObjectStreamMode.generate)
    pen.set_up(appearance=appearance)
    pen.sign(source, target)
    assert target.read_bytes().startswith(source.read_bytes())
    accepted(target)
    assert qpdf_check(target) == 0
    assert verdict(target, pen.who) == [True]


@pytest.mark.parametrize("scheme", list(SignatureScheme))
def test_every_scheme(scheme: SignatureScheme, pen: Pen, people: dict[str, Person], tmp_path: Path) -> None:
    source, target = tmp_path / "a.pdf", tmp_path / "b.pdf"
    source.write_bytes(make_pdf())
    pen.scheme = scheme
    pen.who = people["rsa" if scheme.value.startswith("rsa") else "p521"]
    pen.set_up()
    pen.sign(source, target)
    accepted(target)
    assert verdict(target, pen.who) == [True]


QUIRKS = {
    "size absurd": {"size": 65536},
    "free entry 65536": {"free": 65536}, "short entries": {"entry": b"%010d %05d n\n"}, "size too high": {"size": 9}, "size too low": {"size": 2},
    "no newline at the end": {"end": b"%%EOF"}, "zeros at the end": {"end": b"%%EOF\n" + b"\0" * 600}, "startxref one too far": {"startxref": 1},
    "startxref one short": {"startxref": -1}, "words in the header": {"header": b"%PDF-1.4 by CAD\n"}, "id": {"trailer": b"/ID[<00ff><01>]"},
}  # fmt: skip


@pytest.mark.parametrize("quirk", QUIRKS)
def test_what_a_tolerant_reader_opens_is_signed(quirk: str, pen: Pen, tmp_path: Path) -> None:
    source, target = tmp_path / "a.pdf", tmp_path / "b.pdf"
    source.write_bytes(make_pdf(**QUIRKS[quirk]))  # type: ignore[arg-type]
    pen.sign(source, target)
    accepted(target)
    assert qpdf_check(target) == 0
    assert verdict(target, pen.who, strict=False) == [True]
    assert target.read_bytes().startswith(source.read_bytes())


BROKEN = {
    "junk before the header": {"header": b"junk\n%PDF-1.4\n"}, "startxref far off": {"startxref": 40},
    "entries of another size": {"entry": b"%010d %05d n"},
    "previous section missing": {"trailer": b"/Prev 99999"}, "zeros at the end": {"end": b"%%EOF\n" + b"\0" * 3000},
    "one entry too many": {"range_": b"0 5"},
}  # fmt: skip


@pytest.mark.parametrize("what", BROKEN)
def test_what_only_guessing_opens_is_signed_as_a_repaired_copy_if_asked(what: str, pen: Pen, tmp_path: Path) -> None:
    source, target = tmp_path / "a.pdf", tmp_path / "b.pdf"
    source.write_bytes(make_pdf(**BROKEN[what]))  # type: ignore[arg-type]
    facts = reason_of(pen, source)
    assert (facts["reason"], facts["repairable"]) == ("damaged", True)
    done = pen.sign(source, target, repair=True)
    assert done["warnings"] == ["repaired"]
    accepted(target)
    assert qpdf_check(target) == 0
    assert verdict(target, pen.who) == [True]


def test_a_file_with_a_signature_is_never_repaired(pen: Pen, tmp_path: Path) -> None:
    source = tmp_path / "a.pdf"
    source.write_bytes(make_pdf(startxref=40, catalog=b"/X<</ByteRange[0 1 2 3]>>"))
    facts = reason_of(pen, source, repair=True)
    assert (facts["reason"], facts["repairable"], facts["signed"]) == ("damaged", False, True)


def test_what_is_no_pdf_is_told(pen: Pen, tmp_path: Path) -> None:
    source = tmp_path / "a.pdf"
    for content in (b"oops\n", b"x" * 5000 + make_pdf()):
        source.write_bytes(content)
        assert reason_of(pen, source)["reason"] == "not_pdf"
    source.write_bytes(b"%PDF-1.7\nnothing follows")
    assert reason_of(pen, source)["reason"] == "damaged"


@pytest.mark.parametrize("user", ["", "secret"])
def test_an_encrypted_file_is_told(user: str, pen: Pen, tmp_path: Path) -> None:
    source = tmp_path / "a.pdf"
    source.write_bytes(make_pdf())
    with pikepdf.open(source, allow_overwriting_input=True) as document:
        document.save(source, encryption=pikepdf.Encryption(owner="owner", user=user))
    assert reason_of(pen, source)["reason"] == "encrypted"


def test_earlier_signatures_stay_valid(pen: Pen, tmp_path: Path) -> None:
    """Our own three times, and pyHanko's below ours."""
    paths = [tmp_path / f"{n}.pdf" for n in range(4)]
    paths[0].write_bytes(make_pdf())
    for before, after in pairwise(paths):
        pen.sign(before, after, places=[f"1:{5 + 40 * paths.index(before)},5,35,15"])
    assert verdict(paths[-1], pen.who) == [True, True, True]
    assert len({re.search(r"Field Name: (\S+)", said)[1] for said in pdfsig(paths[-1])}) == 3  # type: ignore[index]


def signed_by_pyhanko(path: Path, who: Person, **metadata: object) -> None:
    """One signature of pyHanko's; the file stays in place."""
    store = SimpleCertificateStore()  # type: ignore[no-untyped-call]
    certificate = asn1.Certificate.load(who.der)
    from asn1crypto.keys import PrivateKeyInfo
    from cryptography.hazmat.primitives.serialization import NoEncryption, PrivateFormat

    key = PrivateKeyInfo.load(who.key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption()))
    signer = signers.SimpleSigner(signing_cert=certificate, signing_key=key, cert_registry=store)
    with path.open("rb+") as stream:
        writer = IncrementalPdfFileWriter(stream)
        signers.sign_pdf(writer, signers.PdfSignatureMetadata(field_name="Other", **metadata), signer=signer, in_place=True)  # type: ignore[arg-type]


@pytest.mark.parametrize("permission", [None, 1, 2, 3])
def test_a_certified_file_is_signed_only_where_its_author_allows_it(permission: int | None, pen: Pen, tmp_path: Path) -> None:
    source, target = tmp_path / "a.pdf", tmp_path / "b.pdf"
    source.write_bytes(make_pdf())
    signed_by_pyhanko(source, pen.who, **({"certify": True, "docmdp_permissions": fields.MDPPerm(permission)} if permission else {}))
    if permission == 1:
        assert reason_of(pen, source)["reason"] == "certified"
        return
    done = pen.sign(source, tmp_path / "visible.pdf")
    assert (done["signatures"], done["warnings"]) == (1, ["certified_visible"] if permission else [])
    pen.set_up(appearance="none")
    assert pen.sign(source, target)["warnings"] == []
    assert verdict(target, pen.who) == [True, True]
    for path in (tmp_path / "visible.pdf", target):
        accepted(path)
        assert ["Signature is Valid" in said for said in pdfsig(path)] == [True, True]


def test_a_form_keeps_its_fields(pen: Pen, tmp_path: Path) -> None:
    for name, form in {
        "direct": b"/AcroForm<</Fields[4 0 R]/DA(/Helv 0 Tf)/NeedAppearances true>>",
        "taken name": b"/AcroForm<</Fields[5 0 R 4 0 R]>>",
        "no fields": b"/AcroForm<<>>",
        "nonsense": b"/AcroForm 7",
    }.items():
        source, target = tmp_path / f"{name}.pdf", tmp_path / f"{name}.out.pdf"
        source.write_bytes(make_pdf(catalog=form))
        with pikepdf.open(source, allow_overwriting_input=True) as document:
            if "Fields[" in form.decode():
                field = pikepdf.Dictionary(FT=pikepdf.Name.Sig, T=pikepdf.String("Signature1"), Kids=pikepdf.Array())
                document.Root.AcroForm.Fields = pikepdf.Array([document.make_indirect(field)])
            document.save(source)
        pen.sign(source, target)
        accepted(target)
        assert qpdf_check(target) == 0
        with pikepdf.open(target) as document:
            names = [str(field.T) for field in document.Root.AcroForm.Fields]
            assert names == (["Signature1", "Signature2"] if "Fields[" in form.decode() else ["Signature1"])
            assert document.Root.AcroForm.SigFlags == 3
            assert document.Root.AcroForm.get("/NeedAppearances") is None


def test_indirect_arrays_are_extended_where_they_stand(pen: Pen, tmp_path: Path) -> None:
    source, target = tmp_path / "a.pdf", tmp_path / "b.pdf"
    source.write_bytes(make_pdf())
    with pikepdf.open(source, allow_overwriting_input=True) as document:
        note = document.make_indirect(pikepdf.Dictionary(Type=pikepdf.Name.Annot, Subtype=pikepdf.Name.Text, Rect=[0, 0, 9, 9], Contents="注 (a\\b)"))
        document.pages[0].Annots = document.make_indirect(pikepdf.Array([note]))
        document.Root.AcroForm = document.make_indirect(pikepdf.Dictionary(Fields=document.make_indirect(pikepdf.Array()), SigFlags=3))
        document.save(source)
    pen.sign(source, target, places=["1:1,1", "1:70,1"])
    accepted(target)
    with pikepdf.open(target) as document:
        assert [str(each.Subtype) for each in document.pages[0].Annots] == ["/Text", "/Widget", "/Stamp"]
        assert str(document.pages[0].Annots[0].Contents) == "注 (a\\b)"
        assert document.Root.AcroForm.is_indirect
        assert document.pages[0].Annots.is_indirect


def test_dynamic_xfa_is_refused_and_static_xfa_is_told(pen: Pen, tmp_path: Path) -> None:
    source, target = tmp_path / "a.pdf", tmp_path / "b.pdf"
    source.write_bytes(make_pdf(catalog=b"/NeedsRendering true/AcroForm<</Fields[]/XFA[]>>"))
    assert reason_of(pen, source)["reason"] == "xfa"
    source.write_bytes(make_pdf(catalog=b"/AcroForm<</Fields[]/XFA[]>>"))
    assert pen.sign(source, target)["warnings"] == ["xfa"]
    accepted(target)


@pytest.mark.parametrize(
    "pages", [b"/Kids[2 0 R]", b"/Kids[]", b"/Kids 7", b"/Kids[null (x) 9 0 R]"], ids=["a ring", "no page", "no array", "no dictionaries"]
)  # fmt: skip
def test_page_trees_that_are_none(pages: bytes, pen: Pen, tmp_path: Path) -> None:
    source = tmp_path / "a.pdf"
    source.write_bytes(make_pdf().replace(b"/Kids[3 0 R]", pages.ljust(12)))
    assert reason_of(pen, source)["reason"] == "damaged"


def test_a_deep_document_is_an_error_of_its_own(pen: Pen, tmp_path: Path) -> None:
    source, target = tmp_path / "a.pdf", tmp_path / "b.pdf"
    source.write_bytes(make_pdf(catalog=b"/Deep " + b"[" * 20_000 + b"]" * 20_000))
    facts = reason_of(pen, source)
    assert facts["reason"] == "damaged"
    assert not target.exists()


@pytest.mark.parametrize("size", [99_999_000, 101_000_000])
def test_files_over_a_hundred_million_bytes(size: int, pen: Pen, tmp_path: Path) -> None:
    source, target = tmp_path / "a.pdf", tmp_path / "b.pdf"
    source.write_bytes(make_pdf(filler=size))
    done = pen.sign(source, target)
    assert done["size"] > size
    accepted(target)
    assert qpdf_check(target) == 0
    source.unlink()
    target.unlink()


def test_the_dictionary_says_who_when_why_and_where(pen: Pen, tmp_path: Path) -> None:
    source, target = tmp_path / "a.pdf", tmp_path / "b.pdf"
    source.write_bytes(make_pdf())
    pen.set_up(reason="审核 (一)\\", location="Beijing (CN)\\")
    pen.sign(source, target)
    with pikepdf.open(target) as document:
        value = document.Root.AcroForm.Fields[0].V
        assert (str(value.Name), str(value.Reason), str(value.Location)) == ("李工", "审核 (一)\\", "Beijing (CN)\\")
        assert value.SubFilter == "/ETSI.CAdES.detached"
        assert str(value.M).startswith("D:2026112")
    with target.open("rb") as stream:
        assert PdfFileReader(stream).embedded_signatures[0].sig_object[pdf_name("/Filter")] == "/Adobe.PPKLite"


@pytest.mark.parametrize(
    ("text", "written"), [("a(b)\\", b"(a\\(b\\)\\\\)"), ("章", b"<FEFF7AE0>"), ("\ud800", b"<FEFFFFFD>"), ("😀", b"<FEFFD83DDE00>")]
)
def test_text_strings(text: str, written: bytes) -> None:
    assert objects.text_string(text) == written


@pytest.mark.parametrize("spoil", ["own byte", "gap", "tail", "cms", "cut", "nothing"])
def test_the_last_check_sees_every_changed_byte(spoil: str, pen: Pen, tmp_path: Path) -> None:
    source, target = tmp_path / "a.pdf", tmp_path / "b.pdf"
    source.write_bytes(make_pdf())
    done = pen.sign(source, target)
    data = bytearray(target.read_bytes())
    start = data.index(b"/Contents <")
    with pikepdf.open(target) as document:
        cms = bytes(document.Root.AcroForm.Fields[0].V.Contents).rstrip(b"\0")
    place = {"own byte": 20, "gap": start + 11 + 2 * 900, "tail": len(data) - 20, "cms": start + 11 + 2 * 1500, "cut": -1, "nothing": -1}[spoil]
    if place >= 0:
        data[place] = ord("1") if data[place] != ord("1") else ord("2")
    if spoil == "cut":
        data = data[:-1]
    target.write_bytes(data)
    signer = check.Signer(pen.who.certificate.public_key(), pen.scheme)
    with target.open("rb") as stream:
        arguments = (stream.fileno(), done["size"], done["sha256"], signer, cms)
        if spoil == "nothing":
            assert check.check_pdf(*arguments) == done["sha256_after"]
            return
        with pytest.raises(CheckFailed):
            check.check_pdf(*arguments)
