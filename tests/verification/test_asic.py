"""ASiC containers: what is signed, what is not, and what a container can be made to hide."""

import io
import struct
import zipfile
from pathlib import Path
from typing import Any

import pytest

from agent.verification import container
from tests.verification.conftest import DAY, NOW, Pki, Verifier, blank_pdf, codes, issue, patched
from tests.verification.containers import Box, cades, extended, manifest, simple, token

A, B = ("a.dwg", b"A" * 300), ("b.txt", b"B" * 300)


def judged(check: Verifier, box: Box | bytes, name: str = "x.asice") -> dict[str, Any]:
    """The verdict over a container."""
    path = check.folder / name
    path.write_bytes(box if isinstance(box, bytes) else box.data())
    return check(path)


def test_one_file_with_its_signature_passes(check: Verifier, pki: Pki) -> None:
    document = judged(check, simple(pki), "x.asics")
    (signature,) = document["signatures"]
    assert (document["verdict"], signature["level"], signature["field"]) == ("passed", "b-b", "META-INF/signature.p7s")
    assert (signature["covers"], signature["covers_whole_file"]) == (["图纸.dwg"], True)
    assert "图纸.dwg" in signature["explanation"]["zh"]  # its name is not protected
    assert "container_unprotected" in codes(document)


def test_several_files_pass_under_one_manifest(check: Verifier, pki: Pki) -> None:
    document = judged(check, extended(pki))
    assert (document["verdict"], document["signatures"][0]["covers"]) == ("passed", ["a.dwg", "b.txt"])


def test_names_with_escapes_and_chinese_are_found(check: Verifier, pki: Pki) -> None:
    files = [("图 纸.dwg", b"1"), ("a%20b.txt", b"2")]
    named = manifest("META-INF/signature.p7s", [("%E5%9B%BE%20%E7%BA%B8.dwg", b"1"), ("a%2520b.txt", b"2")])
    box = Box([*files, ("META-INF/ASiCManifest.xml", named), ("META-INF/signature.p7s", cades(pki, named))])
    assert judged(check, box)["verdict"] == "passed"


def test_an_altered_file_fails_and_is_named(check: Verifier, pki: Pki) -> None:
    document = judged(check, extended(pki).put("b.txt", b"C" * 300))
    assert (document["verdict"], document["reason"]) == ("failed", "HASH_FAILURE")
    assert "b.txt" in document["explanation"]["zh"]
    assert judged(check, simple(pki).put("图纸.dwg", b"other"))["verdict"] == "failed"


def test_an_altered_manifest_fails(check: Verifier, pki: Pki) -> None:
    box = extended(pki).put("b.txt", b"C" * 300)
    box.put("META-INF/ASiCManifest001.xml", manifest("META-INF/signature001.p7s", [A, ("b.txt", b"C" * 300)]))
    assert judged(check, box)["verdict"] == "failed"


def test_a_file_nobody_signed_is_said_and_leaves_doubt(check: Verifier, pki: Pki) -> None:
    for box in (extended(pki).put("paid.txt", b"x"), simple(pki).put("paid.txt", b"x")):
        document = judged(check, box)
        assert document["verdict"] == "indeterminate"
        assert codes(document) & {"container_not_covered", "container_signature_stray"}
        assert "paid.txt" in str(document["signatures"][0]["findings"]) or "stray" in str(codes(document))


def test_what_lies_among_the_signatures_is_said(check: Verifier, pki: Pki) -> None:
    known = judged(check, extended(pki).put("META-INF/manifest.xml", b"<m/>"))
    assert (known["verdict"], "container_extra" in codes(known)) == ("passed", True)
    assert judged(check, extended(pki).put("META-INF/invoice.pdf", b"%PDF"))["verdict"] == "indeterminate"


def test_a_container_signed_in_xml_only_is_said_to_be_out_of_reach(check: Verifier) -> None:
    document = judged(check, Box([A, ("META-INF/signatures.xml", b"<x/>")]))
    assert (document["verdict"], codes(document)) == ("indeterminate", {"container_unprotected", "kind_unknown"})


def test_a_missing_file_and_a_removed_signature_leave_doubt(check: Verifier, pki: Pki) -> None:
    missing = judged(check, extended(pki).drop("b.txt"))
    assert (missing["verdict"], missing["reason"]) == ("indeterminate", "SIGNED_DATA_NOT_FOUND")
    removed = judged(check, extended(pki).drop("META-INF/signature001.p7s"))
    assert "container_signature_missing" in codes(removed)
    assert judged(check, extended(pki).drop("META-INF/ASiCManifest001.xml"))["verdict"] == "indeterminate"


def test_one_bad_signature_hides_no_other(check: Verifier, pki: Pki) -> None:
    box = extended(pki)
    stranger = issue("陌生人", issue("陌生 CA", ca=True))
    second = manifest("META-INF/signature002.p7s", [A])
    box.put("META-INF/ASiCManifest002.xml", second).put("META-INF/signature002.p7s", cades(pki, second, stranger))
    box.put("META-INF/signature003.p7s", b"junk").put("META-INF/signatures004.xml", b"<x/>").put("META-INF/timestamp005.tst", b"\x30\x80")
    document = judged(check, box)
    verdicts = {s["field"]: s["verdict"] for s in document["signatures"]}
    assert verdicts.pop("META-INF/signature001.p7s") == "passed"
    assert set(verdicts.values()) == {"indeterminate"}
    assert len(verdicts) == 4
    assert "XAdES" in next(s for s in document["signatures"] if s["field"] == "META-INF/signatures004.xml")["explanation"]["en"]


def test_what_another_signature_covers_is_a_remark(check: Verifier, pki: Pki) -> None:
    one, two = manifest("META-INF/s1.p7s", [A]), manifest("META-INF/s2.p7s", [B])
    box = Box([A, B, ("META-INF/ASiCManifest1.xml", one), ("META-INF/s1.p7s", cades(pki, one))])
    box.put("META-INF/ASiCManifest2.xml", two).put("META-INF/s2.p7s", cades(pki, two))
    document = judged(check, box)
    assert (document["verdict"], [s["covers_whole_file"] for s in document["signatures"]]) == ("passed", [False, False])
    assert "container_part" in codes(document)


def test_time_stamps_in_containers(check: Verifier, pki: Pki) -> None:
    stamped = Box([A, ("META-INF/timestamp.tst", token(pki, A[1]))])
    document = judged(check, stamped, "x.asics")
    assert (document["verdict"], document["signatures"][0]["kind"]) == ("passed", "timestamp")
    assert judged(check, stamped.put(A[0], b"other"))["verdict"] == "failed"
    named = manifest("META-INF/timestamp1.tst", [A, B])
    box = Box([A, B, ("META-INF/ASiCManifest1.xml", named), ("META-INF/timestamp1.tst", token(pki, named))])
    assert judged(check, box)["verdict"] == "passed"


def test_an_archive_time_stamp_keeps_an_expired_signature_alive(check: Verifier, pki: Pki) -> None:
    old = issue("旧证书", pki.ca, start=NOW - 20 * DAY, end=NOW - DAY)
    box = extended(pki, signer=old, when=NOW - 6 * DAY)
    assert judged(check, box)["reason"] == "OUT_OF_BOUNDS_NO_POE"
    archive = manifest("META-INF/archive1.tst", box.entries[1:])
    box.put("META-INF/ASiCArchiveManifest1.xml", archive).put("META-INF/archive1.tst", token(pki, archive, NOW - 5 * DAY))
    document = judged(check, box)
    assert (document["verdict"], document["signatures"][0]["time_source"]) == ("passed", "timestamp")
    box.put("META-INF/archive1.tst", token(pki, archive, NOW - DAY / 2))
    assert judged(check, box)["verdict"] == "indeterminate"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"extra": '<!DOCTYPE x [<!ENTITY a "b">]>'}, "manifest_damaged"),
        ({"method": "http://www.w3.org/2000/09/xmldsig#sha1", "name": "sha1"}, "algorithm_weak"),
        ({"method": "http://www.w3.org/2001/04/xmldsig-more#md5", "name": "md5"}, "algorithm_broken"),
        ({"method": "urn:x"}, "algorithm_unknown"),
    ],
)
def test_manifests_that_are_not_to_be_relied_on(check: Verifier, pki: Pki, change: dict[str, str], code: str) -> None:
    named = manifest("META-INF/signature001.p7s", [A, B], **change)
    box = extended(pki).put("META-INF/ASiCManifest001.xml", named).put("META-INF/signature001.p7s", cades(pki, named))
    document = judged(check, box)
    assert document["verdict"] != "passed"
    assert code in codes(document)


def test_attributes_as_content_fail_inside_a_container(check: Verifier, pki: Pki) -> None:
    from asn1crypto import cms as asn1_cms

    signed = asn1_cms.ContentInfo.load(cades(pki, b"x"))["content"]["signer_infos"][0]["signed_attrs"].untag().dump()
    assert judged(check, simple(pki, signed))["verdict"] == "failed"


def test_a_signature_that_brings_its_own_content_does_not_pass(check: Verifier, pki: Pki) -> None:
    box = simple(pki)
    box.put("META-INF/signature.p7s", cades(pki, b"drawing\n" * 50, detached=False))
    assert judged(check, box)["verdict"] == "indeterminate"


def twice(data: bytes, old: bytes, new: bytes) -> bytes:
    """The last of both names (in the directory) becomes another."""
    at = data.rfind(old)
    return data[:at] + new + data[at + len(old) :]


def test_containers_that_read_differently_to_others(check: Verifier, pki: Pki) -> None:
    box = extended(pki)
    box.entries.append(("a.dwg", b"forged"))
    with pytest.warns(UserWarning, match="Duplicate"):
        duplicate = box.data()
    good = extended(pki).data()
    local = good.replace(b"a.dwg", b"c.dwg", 1)
    cased = extended(pki).put("A.DWG", b"forged").data()
    for data in (duplicate, local, cased):
        document = judged(check, data)
        assert document["verdict"] == "failed"
        assert "container_ambiguous" in codes(document)
    before, after, hidden = b"x" * 10 + good, good + b"x", good.replace(b"PK\x01\x02", b"junkPK\x01\x02", 1)
    for data in (before, after, hidden):
        assert judged(check, data)["verdict"] == "indeterminate"


def test_bytes_between_entries_are_told(check: Verifier, pki: Pki) -> None:
    good = extended(pki).data()
    start = struct.unpack_from("<L", good, len(good) - 6)[0]
    moved = good[:start] + b"hidden" + good[start : len(good) - 6] + struct.pack("<L", start + 6) + good[-2:]
    assert zipfile.ZipFile(io.BytesIO(moved)).testzip() is None
    document = judged(check, moved)
    assert document["verdict"] == "indeterminate"
    assert "container_irregular" in codes(document)


def test_streamed_entries_with_descriptors_pass(check: Verifier, pki: Pki) -> None:
    class Unseekable(io.RawIOBase):
        def __init__(self) -> None:
            self.out = io.BytesIO()

        def writable(self) -> bool:
            return True

        def write(self, data: object) -> int:
            return self.out.write(data)  # type: ignore[arg-type]

    sink = Unseekable()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, data in extended(pki).entries:
            packed.writestr(name, data)
    document = judged(check, sink.out.getvalue())
    assert document["verdict"] == "passed"


def test_bombs_are_refused_before_they_swell(check: Verifier, pki: Pki) -> None:
    with patched(container, "UNPACKED_MAX", 10_000):
        document = judged(check, extended(pki).put("big.bin", b"\0" * 20_000))
        assert (document["verdict"], document["reason"]) == ("indeterminate", "GENERIC")
        assert "MB" in document["explanation"]["en"]
    with patched(container, "ENTRIES_MAX", 3):
        assert judged(check, extended(pki))["verdict"] == "indeterminate"
    lying = bytearray(simple(pki, b"\0" * 20_000).data())
    real = struct.pack("<L", 20_000)
    while (at := lying.find(real)) >= 0:
        lying[at : at + 4] = struct.pack("<L", 5)
    assert judged(check, bytes(lying), "x.asics")["verdict"] == "indeterminate"


def test_paths_that_leave_the_folder_and_wrong_types_leave_doubt(check: Verifier, pki: Pki) -> None:
    for name in ("../a.dwg", "/a.dwg", "..\\a.dwg", "C:/a.dwg", "a\u202egwd.exe"):
        assert judged(check, simple(pki, name=name), "x.asics")["verdict"] == "indeterminate", name
    assert judged(check, simple(pki).put("mimetype", b"application/pdf"))["verdict"] == "indeterminate"
    assert judged(check, extended(pki).put("mimetype", b"application/vnd.etsi.asic-s+zip"))["verdict"] == "indeterminate"


def test_zips_that_are_no_asic(check: Verifier, pki: Pki, tmp_path: Path) -> None:
    plain = Box([("a.txt", b"x")])
    assert judged(check, plain, "x.zip")["reason"] == "NO_SIGNATURE"
    (tmp_path / "x.zip.p7s").write_bytes(cades(pki, plain.data()))
    assert judged(check, plain, "x.zip")["verdict"] == "passed"
    for entry, kind in (("_xmlsignatures/sig1.xml", "Office"), ("Doc_0/Signs/Sign_0/SignedValue.dat", "OFD"), ("META-INF/X.RSA", "JAR")):
        document = judged(check, Box([("a.txt", b"x"), (entry, b"x")]), "y.zip")
        assert kind in document["explanation"]["en"]
        assert document["verdict"] == "indeterminate"
    assert judged(check, b"PK\x03\x04 broken", "z.zip")["reason"] == "FORMAT_FAILURE"
    assert judged(check, b"", "z.asice")["verdict"] == "indeterminate"


def test_a_drawing_kept_unpacked_inside_is_no_pdf_by_itself(check: Verifier, pki: Pki) -> None:
    """The header of a PDF then stands near the beginning of the container, or of the signature around it."""
    for stored in (("mimetype", "a.pdf"), ("a.pdf",)):
        box = simple(pki, blank_pdf(), "a.pdf")
        box.stored = stored
        assert judged(check, box, "x.asics")["verdict"] == "passed"
        assert judged(check, box, "x.pdf")["verdict"] == "indeterminate"  # whoever calls it a PDF shows it as one
    assert judged(check, cades(pki, blank_pdf(), detached=False), "x.p7m")["verdict"] == "passed"


def test_another_document_before_an_entry_leaves_doubt(check: Verifier, pki: Pki) -> None:
    """Additional fields belong to no entry, and nobody signs them."""
    good = simple(pki).data()
    extra = struct.pack("<HH", 0x9999, 5000) + b"%PDF-1.7" + b" " * 4992
    named, end = struct.unpack_from("<H", good, 26)[0], good.rindex(b"PK\x05\x06")
    moved = bytearray(good[:28] + struct.pack("<H", len(extra)) + good[30 : 30 + named] + extra + good[30 + named :])
    end += len(extra)
    at = struct.unpack_from("<L", moved, end + 16)[0] + len(extra)
    struct.pack_into("<L", moved, end + 16, at)
    while moved[at : at + 4] == b"PK\x01\x02":
        lengths, place = struct.unpack_from("<HHH", moved, at + 28), struct.unpack_from("<L", moved, at + 42)[0]
        struct.pack_into("<L", moved, at + 42, place + (len(extra) if place else 0))
        at += 46 + sum(lengths)
    document = judged(check, bytes(moved), "x.asics")
    assert (document["verdict"], "container_irregular" in codes(document)) == ("indeterminate", True)
