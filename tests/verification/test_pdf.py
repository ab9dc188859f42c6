"""PDF signatures made here: each gate, each state of trust, each kind of change after signing."""

import io
import shutil
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.x509.oid import ExtendedKeyUsageOID
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.generic import pdf_name
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.sign import validation
from pyhanko.sign.fields import MDPPerm, SigSeedSubFilter

from tests.verification.conftest import DAY, NOW, Pki, Signing, Verifier, blank_pdf, codes, issue, patched, revocation_list, rsa_key, stamper, usage

LOW, OVER_TEXT = (100, 100, 300, 160), (60, 700, 300, 800)


def test_valid_signature_passes_with_all_that_the_contract_names(check: Verifier, signing: Signing) -> None:
    document = check(signing.but(box=LOW).sign(blank_pdf()))
    assert document["verdict"] == "passed"
    assert document["reason"] is None
    (signature,) = document["signatures"]
    assert {k: signature[k] for k in ("verdict", "reason", "field", "page", "signer", "time_source", "level", "covers_whole_file", "revision")} == {
        "verdict": "passed", "reason": None, "field": "Sig1", "page": 1, "signer": "李工", "time_source": "claimed", "level": "b-b",
        "covers_whole_file": True, "revision": 2,
    }  # fmt: skip
    assert signature["rect_mm"] == pytest.approx([35.28, 35.28, 70.56, 21.17], abs=0.02)
    assert (signature["revocation"], signature["seal"], signature["ledger"], signature["changes_after_signing"]) == (
        "not_offered",
        None,
        "no_ledger",
        [],
    )
    assert "签名人是李工，证书由测试签发 CA签发" in signature["explanation"]["zh"]
    assert "signed by 李工" in document["explanation"]["en"]


def test_no_signature_is_indeterminate(check: Verifier) -> None:
    document = check(blank_pdf())
    assert (document["verdict"], document["reason"], document["signatures"]) == ("indeterminate", "NO_SIGNATURE", [])


def test_empty_signature_field_is_no_signature(check: Verifier) -> None:
    from pyhanko.sign.fields import SigFieldSpec, append_signature_field

    writer = IncrementalPdfFileWriter(io.BytesIO(blank_pdf()))
    append_signature_field(writer, SigFieldSpec("Empty", box=LOW))
    out = io.BytesIO()
    writer.write(out)
    assert check(out.getvalue())["reason"] == "NO_SIGNATURE"


def test_tampered_byte_fails(check: Verifier, signing: Signing) -> None:
    data = bytearray(signing.sign(blank_pdf()))
    at = data.index(b"/Producer") + 12
    data[at] ^= 1
    document = check(bytes(data))
    assert (document["verdict"], document["reason"]) == ("failed", "HASH_FAILURE")
    assert document["explanation"]["zh"].startswith("不通过：签署后文件内容被改动过")


def test_untrusted_issuer_is_indeterminate(check: Verifier, signing: Signing) -> None:
    document = check(signing.sign(blank_pdf()), trust=(issue("另一个根", ca=True).pem,))
    assert (document["verdict"], document["reason"]) == ("indeterminate", "NO_CERTIFICATE_CHAIN_FOUND")
    assert "测试签发 CA" in document["explanation"]["zh"]
    assert check(signing.sign(blank_pdf()), trust=())["reason"] == "NO_CERTIFICATE_CHAIN_FOUND"


def test_forged_chain_of_the_same_names_does_not_pass(check: Verifier, signing: Signing) -> None:
    root = issue("测试根 CA", ca=True)
    mallory = issue("李工", issue("测试签发 CA", root, ca=True))
    assert check(signing.but(signer=mallory).sign(blank_pdf()))["verdict"] == "indeterminate"


def test_expired_certificate_needs_a_time_stamp(check: Verifier, signing: Signing, pki: Pki) -> None:
    expired = pki.person(start=NOW - 30 * DAY, end=NOW - 2 * DAY)
    document = check(signing.but(signer=expired).sign(blank_pdf()))
    assert (document["verdict"], document["reason"]) == ("indeterminate", "OUT_OF_BOUNDS_NO_POE")
    assert check(signing.but(signer=expired).sign(blank_pdf()), at=NOW - 5 * DAY)["verdict"] == "passed"
    with_stamp = signing.but(signer=expired, stamper=stamper(pki.tsa, [pki.ca], NOW - 5 * DAY))
    document = check(with_stamp.sign(blank_pdf()))
    # The claimed time (now) is later than the stamp: that contradiction is told, not passed over.
    assert document["reason"] == "TIMESTAMP_ORDER_FAILURE"


def test_certificate_not_yet_valid(check: Verifier, signing: Signing, pki: Pki) -> None:
    early = pki.person(start=NOW + 2 * DAY)
    assert codes(check(signing.but(signer=early).sign(blank_pdf()))) == {"not_yet_valid"}


def test_time_stamp_gives_the_time(check: Verifier, signing: Signing, pki: Pki) -> None:
    stamped = signing.but(stamper=stamper(pki.tsa, [pki.ca], datetime.now(UTC) + timedelta(seconds=30)))
    (signature,) = check(stamped.sign(blank_pdf()))["signatures"]
    assert (signature["verdict"], signature["time_source"], signature["level"]) == ("passed", "timestamp", "b-t")


def test_untrusted_time_stamp_is_not_passed_over(check: Verifier, signing: Signing, pki: Pki) -> None:
    root = issue("坏时间戳根", ca=True)
    bad = issue("坏时间戳", root, key_usage=usage("digital_signature"), purposes=[ExtendedKeyUsageOID.TIME_STAMPING], key=rsa_key())
    document = check(signing.but(stamper=stamper(bad, [root], NOW)).sign(blank_pdf()))
    assert document["verdict"] == "indeterminate"
    assert "timestamp_untrusted" in codes(document)


@pytest.mark.parametrize(
    ("options", "verdict", "code"),
    [
        ({"key_usage": None}, "indeterminate", "key_usage_missing"),
        ({"key_usage": usage("key_encipherment")}, "failed", "key_usage_wrong"),
        ({"purposes": [ExtendedKeyUsageOID.SERVER_AUTH]}, "failed", "purpose_wrong"),
        ({"ca": True}, "failed", "ca_signer"),
        ({"purposes": [ExtendedKeyUsageOID.EMAIL_PROTECTION]}, "passed", None),
    ],
)
def test_what_the_certificate_allows(check: Verifier, signing: Signing, pki: Pki, options: dict[str, object], verdict: str, code: str | None) -> None:
    document = check(signing.but(signer=pki.person(**options)).sign(blank_pdf()))
    assert document["verdict"] == verdict
    assert code is None or code in codes(document)


def test_weak_digest_is_named(check: Verifier, signing: Signing) -> None:
    document = check(signing.but(digest="sha1").sign(blank_pdf()))
    assert (document["verdict"], document["reason"]) == ("indeterminate", "CRYPTO_CONSTRAINTS_FAILURE_NO_POE")
    assert "SHA-1" in document["explanation"]["en"]


def test_revocation_lists_supplied_are_always_consulted(check: Verifier, signing: Signing, pki: Pki) -> None:
    data = signing.sign(blank_pdf())
    serial = pki.signer.certificate.serial_number
    good = check(data, crls=(revocation_list(pki.ca, {}),))["signatures"][0]
    assert (good["verdict"], good["revocation"]) == ("passed", "good")
    revoked = check(data, crls=(revocation_list(pki.ca, {serial: NOW - 2 * DAY}),))
    assert (revoked["verdict"], revoked["reason"], revoked["signatures"][0]["revocation"]) == ("indeterminate", "REVOKED_NO_POE", "revoked")
    stale = check(data, crls=(revocation_list(pki.ca, {}, made=NOW - 20 * DAY, until=NOW - 10 * DAY),))
    assert (stale["verdict"], stale["reason"], stale["signatures"][0]["revocation"]) == ("indeterminate", "TRY_LATER", "unknown")
    old = check(data, crls=(revocation_list(pki.ca, {serial: NOW - 20 * DAY}, made=NOW - 20 * DAY, until=NOW - 10 * DAY),))
    assert old["signatures"][0]["revocation"] == "revoked"
    mallory = issue("测试签发 CA", ca=True)
    assert check(data, crls=(revocation_list(mallory, {serial: NOW - 2 * DAY}),))["verdict"] != "failed"


def test_revoked_issuer_does_not_pass(check: Verifier, signing: Signing, pki: Pki) -> None:
    crl = revocation_list(pki.root, {pki.ca.certificate.serial_number: NOW - 2 * DAY})
    document = check(signing.sign(blank_pdf()), crls=(crl,))
    assert (document["verdict"], document["signatures"][0]["revocation"]) == ("indeterminate", "revoked")


def test_time_stamp_decides_over_revocation(check: Verifier, signing: Signing, pki: Pki) -> None:
    stamped = signing.but(stamper=stamper(pki.tsa, [pki.ca], datetime.now(UTC))).sign(blank_pdf())
    serial = pki.signer.certificate.serial_number
    before = check(stamped, crls=(revocation_list(pki.ca, {serial: NOW - 2 * DAY}),))
    assert (before["verdict"], before["reason"]) == ("failed", "REVOKED")
    later = {"made": NOW + 2 * DAY, "until": NOW + 9 * DAY}
    after = check(stamped, crls=(revocation_list(pki.ca, {serial: NOW + DAY}, **later),), at=NOW + 3 * DAY)
    assert after["verdict"] == "passed"
    assert "吊销" in after["explanation"]["zh"]


def test_source_that_is_named_must_answer(check: Verifier, signing: Signing, pki: Pki) -> None:
    named = pki.person(crl_url="http://crl.invalid/ca.crl")
    data = signing.but(signer=named).sign(blank_pdf())
    assert check(data)["signatures"][0]["revocation"] == "unknown"
    assert check(data)["verdict"] == "indeterminate"


def test_adobe_signature_without_ess_certificate_is_judged_by_its_own_rules(check: Verifier, signing: Signing) -> None:
    assert check(signing.but(subfilter=SigSeedSubFilter.ADOBE_PKCS7_DETACHED).sign(blank_pdf()))["verdict"] == "passed"


# ---- the file around the signature


@pytest.mark.parametrize("tail", [b"x", b"\n4 0 obj\n<<>>\nendobj\n", b"\n% comment\n", b"%%EOF x", b"\nstartxref\n9\n"])
def test_anything_after_the_last_revision_fails(check: Verifier, signing: Signing, tail: bytes) -> None:
    assert check(signing.sign(blank_pdf()) + tail)["verdict"] in ("failed", "indeterminate")
    assert check(signing.sign(blank_pdf()) + tail)["reason"] == "FORMAT_FAILURE"


def test_white_space_after_the_end_is_harmless(check: Verifier, signing: Signing) -> None:
    assert check(signing.sign(blank_pdf()) + b"\r\n\0\n ")["verdict"] == "passed"


def test_padding_and_hex_of_the_contents_are_looked_at(check: Verifier, signing: Signing) -> None:
    data = signing.sign(blank_pdf())
    gap = data.rindex(b"0" * 64)
    assert "contents_padding" in codes(check(data[:gap] + b"1" + data[gap + 1 :]))
    start = data.index(b"/Contents <") + len(b"/Contents <")
    letter = next(n for n in range(start + 100, start + 400) if chr(data[n]).isalpha())
    flipped = data[:letter] + bytes([data[letter] ^ 0x20]) + data[letter + 1 :]
    assert "contents_padding" in codes(check(flipped))


def test_unknown_subfilter_and_empty_contents_are_told(check: Verifier, signing: Signing) -> None:
    data = signing.sign(blank_pdf())
    assert codes(check(data.replace(b"/ETSI.CAdES.detached", b"/ETSI.CAdES.detachee"))) == {"kind_unknown"}
    assert codes(check(data.replace(b"/Contents <3", b"/Contenst <3"))) == {"contents_missing"}


# ---- changes after signing


def updated(pdf: bytes, change: object) -> bytes:
    """`pdf` with an incremental update; `change(writer)` makes it."""
    writer = IncrementalPdfFileWriter(io.BytesIO(pdf), strict=False)
    change(writer)  # type: ignore[operator]
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def paint(writer: IncrementalPdfFileWriter) -> None:
    """Write over the page's content."""
    page = writer.root["/Pages"]["/Kids"][0]
    page[pdf_name("/Contents")] = writer.add_object(generic.StreamObject(stream_data=b"0 0 1 rg 80 300 100 40 re f"))
    writer.update_container(page)


def annotate(writer: IncrementalPdfFileWriter) -> None:
    """A stamp annotation over the text."""
    box = generic.ArrayObject(map(generic.NumberObject, (0, 0, 200, 50)))
    form = generic.StreamObject({pdf_name("/Subtype"): pdf_name("/Form"), pdf_name("/BBox"): box}, stream_data=b"1 0 0 rg 0 0 200 50 re f")
    annotation = generic.DictionaryObject({
        pdf_name("/Type"): pdf_name("/Annot"), pdf_name("/Subtype"): pdf_name("/Stamp"), pdf_name("/F"): generic.NumberObject(4),
        pdf_name("/Rect"): generic.ArrayObject(map(generic.NumberObject, (72, 700, 272, 750))),
        pdf_name("/AP"): generic.DictionaryObject({pdf_name("/N"): writer.add_object(form)}),
    })  # fmt: skip
    page = writer.root["/Pages"]["/Kids"][0]
    page[pdf_name("/Annots")] = generic.ArrayObject([writer.add_object(annotation)])
    writer.update_container(page)


@pytest.mark.parametrize("change", [paint, annotate])
def test_visible_change_is_indeterminate_and_shown(check: Verifier, signing: Signing, change: object) -> None:
    document = check(updated(signing.sign(blank_pdf()), change))
    (signature,) = document["signatures"]
    assert (document["verdict"], signature["covers_whole_file"]) == ("indeterminate", False)
    assert "changed_visible" in codes(document)
    assert any(c["page"] == 1 and c["rect_mm"] and c["level"] == "suspicious" for c in signature["changes_after_signing"])


@pytest.mark.parametrize("permission", [MDPPerm.NO_CHANGES, MDPPerm.FILL_FORMS])
def test_change_against_the_certification_fails(check: Verifier, signing: Signing, permission: MDPPerm) -> None:
    document = check(updated(signing.but(certify=permission).sign(blank_pdf()), annotate))
    assert document["verdict"] == "failed"
    assert "changed_forbidden" in codes(document)


def test_further_signature_on_blank_area_passes(check: Verifier, signing: Signing, pki: Pki) -> None:
    once = signing.but(box=LOW).sign(blank_pdf())
    twice = signing.but(field="Sig2", box=(320, 100, 500, 160), signer=pki.person()).sign(once)
    document = check(twice)
    assert [(s["field"], s["signer"], s["verdict"]) for s in document["signatures"]] == [("Sig1", "李工", "passed"), ("Sig2", "张工", "passed")]
    first = document["signatures"][0]
    assert (first["covers_whole_file"], document["verdict"]) == (False, "passed")
    assert {c["level"] for c in first["changes_after_signing"]} == {"allowed"}
    assert "只增加了允许的内容" in first["explanation"]["zh"]


def test_further_signature_over_content_leaves_doubt(check: Verifier, signing: Signing, pki: Pki) -> None:
    document = check(signing.but(field="Sig2", box=OVER_TEXT).sign(signing.sign(blank_pdf())))
    assert [s["verdict"] for s in document["signatures"]] == ["indeterminate", "passed"]
    assert codes(document) == {"covered_by_later"}
    stranger = issue("陌生人", issue("陌生 CA", ca=True))
    document = check(signing.but(field="Sig2", box=LOW, signer=stranger).sign(signing.sign(blank_pdf())))
    assert [s["verdict"] for s in document["signatures"]] == ["indeterminate", "indeterminate"]
    assert "later_not_passed" in codes(document)


def test_signature_after_one_that_forbids_all_changes_fails_the_first(check: Verifier, signing: Signing) -> None:
    once = signing.but(certify=MDPPerm.NO_CHANGES).sign(blank_pdf())
    with patched(validation, "read_certification_data", lambda reader: None):  # pyHanko would not do it
        document = check(signing.but(field="Sig2", box=LOW).sign(once))
    assert [s["verdict"] for s in document["signatures"]] == ["failed", "passed"]


def test_signature_after_a_certification_for_forms_passes(check: Verifier, signing: Signing) -> None:
    document = check(signing.but(field="Sig2", box=LOW).sign(signing.but(certify=MDPPerm.FILL_FORMS).sign(blank_pdf())))
    assert document["verdict"] == "passed"


def test_removed_signature_is_found_in_the_raw_bytes(check: Verifier, signing: Signing) -> None:
    def remove(writer: IncrementalPdfFileWriter) -> None:
        del writer.root["/AcroForm"]
        writer.update_root()

    document = check(updated(signing.sign(blank_pdf()), remove))
    assert (document["verdict"], codes(document)) == ("indeterminate", {"removed"})
    assert document["signatures"][0]["revision"] == 2


def test_one_bad_signature_hides_no_other(check: Verifier, signing: Signing) -> None:
    def break_first(writer: IncrementalPdfFileWriter) -> None:
        field = writer.root["/AcroForm"]["/Fields"][0]
        field[pdf_name("/V")] = generic.DictionaryObject({pdf_name("/ByteRange"): generic.NullObject()})
        writer.update_container(field)

    twice = signing.but(field="Sig2").sign(signing.sign(blank_pdf()))
    document = check(updated(twice, break_first))
    assert {s["field"] for s in document["signatures"]} == {"Sig1", "Sig2", None}
    assert document["verdict"] == "failed"
    assert {"contents_missing", "removed"} <= codes(document)


def test_many_signatures_all_pass(check: Verifier, signing: Signing) -> None:
    data = blank_pdf()
    for number in range(8):
        data = signing.but(field=f"S{number}", box=(60 + 60 * number, 60, 110 + 60 * number, 100)).sign(data)
    document = check(data)
    assert [s["verdict"] for s in document["signatures"]] == ["passed"] * 8
    assert document["explanation"]["zh"].startswith("共 8 个签名，8 个通过。")


def test_document_time_stamp_is_a_signature_of_its_own_kind(check: Verifier, signing: Signing, pki: Pki) -> None:
    from pyhanko.sign.signers import PdfTimeStamper

    stamp = PdfTimeStamper(stamper(pki.tsa, [pki.ca], datetime.now(UTC)))
    out = stamp.timestamp_pdf(IncrementalPdfFileWriter(io.BytesIO(signing.sign(blank_pdf()))), "sha256", bytes_reserved=8192)
    document = check(bytes(out.getbuffer()))
    assert [(s["kind"], s["verdict"]) for s in document["signatures"]] == [("signature", "passed"), ("timestamp", "passed")]
    assert [c["kind"] for c in document["signatures"][0]["changes_after_signing"]] == ["timestamp"]


@pytest.mark.skipif(shutil.which("pdfsig") is None, reason="poppler-utils")
def test_pdfsig_agrees(check: Verifier, signing: Signing, tmp_path: Path) -> None:
    good = tmp_path / "good.pdf"
    good.write_bytes(signing.sign(blank_pdf()))
    told = subprocess.run(["pdfsig", "-nocert", good], capture_output=True, text=True, check=True).stdout
    assert "Signature is Valid" in told
    assert "Total document signed" in told
    assert check(good)["verdict"] == "passed"


def reshaped(pdf: bytes, rotate: int) -> bytes:
    """The same page with its tree as some producers write it: indirect Kids, Annots, MediaBox and Rotate, the last two inherited."""
    import pikepdf

    with pikepdf.open(io.BytesIO(pdf)) as document:
        tree, page = document.Root.Pages, document.pages[0].obj
        tree.MediaBox = document.make_indirect(page.MediaBox)
        tree.Rotate = document.make_indirect(rotate)
        for name in ("/MediaBox", "/Rotate"):
            if name in page:
                del page[name]
        page.Annots = document.make_indirect(pikepdf.Array([]))
        tree.Kids = document.make_indirect(pikepdf.Array(list(tree.Kids)))
        out = io.BytesIO()
        document.save(out)
        return out.getvalue()


@pytest.mark.parametrize(
    ("rotate", "rect"),
    [
        (0, [35.28, 35.28, 70.56, 21.17]),
        (90, [35.28, 104.07, 21.17, 70.56]),
        (180, [104.07, 240.59, 70.56, 21.17]),
        (270, [240.59, 35.28, 21.17, 70.56]),
    ],
)
def test_places_are_found_in_any_page_tree_and_as_displayed(check: Verifier, signing: Signing, rotate: int, rect: list[float]) -> None:
    once = signing.but(box=LOW).sign(reshaped(blank_pdf(), rotate))
    document = check(signing.but(field="Sig2", box=(320, 100, 500, 160)).sign(once))
    assert document["verdict"] == "passed"
    assert [s["page"] for s in document["signatures"]] == [1, 1]
    assert document["signatures"][0]["rect_mm"] == pytest.approx(rect, abs=0.03)
