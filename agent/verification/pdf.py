"""Signatures in a PDF: every field walked by ourselves, one attempt each, our gates around pyHanko (EN 319 142-1; ISO 32000-2 clause 12.8)."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, BinaryIO

from asn1crypto import core
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.validation.dss import DocumentSecurityStore
from pyhanko.sign.validation.pdf_embedded import EmbeddedPdfSignature
from pyhanko.sign.validation.status import SignatureCoverageLevel

from agent.verification.chain import Evidence, Trust, describe
from agent.verification.model import Finding, SignatureReport, Verdict, found
from agent.verification.pdf_changes import History, Later
from agent.verification.pdf_open import (
    SignedField,
    Unreadable,
    covered_revision,
    open_signed_part,
    open_tolerant,
    revision_at,
    signed_fields,
    value_of,
)
from agent.verification.pdf_page import Place, lookup, places
from agent.verification.pdf_raw import End, Ranges, byte_ranges, check_byte_range, end_of, is_signature_gap, only_white, size_of
from agent.verification.pdf_structure import check_structure
from agent.verification.signer import Manner, NotSignedData, check_signer, load_signed_data
from agent.verification.stamps import Proofs, check_stamp
from agent.verification.trust import load_fetched
from agent.verification.verdict import judge

_PADES, _ADOBE, _STAMP = "/ETSI.CAdES.detached", "/adbe.pkcs7.detached", "/ETSI.RFC3161"
_SIGNATURES_MAX = 1000


def evidence_of(reader: PdfFileReader) -> Evidence:
    """Certificates, revocation lists and responses of the document security store (PAdES B-LT), where it can be read."""
    if lookup(reader.root, "/DSS") is None:
        return Evidence()
    try:
        store = DocumentSecurityStore.read_dss(reader)
        crls, ocsps = load_fetched(each.get_object().data for each in (*store.crls, *store.ocsps))
        return Evidence(tuple(store.load_certs()), tuple(crls), tuple(ocsps))
    except Exception:  # noqa: BLE001 - it could only have helped
        return Evidence()


async def check_pdf(stream: BinaryIO, trust: Trust, deadline: float) -> list[SignatureReport]:
    """A report for each signature, in the order they were made; raises `Unreadable`.  `deadline` (time.process_time) bounds the comparison by sight.

    Where the file cannot be opened but what a signature covers can, that revision is judged, and what follows it is what is wrong.
    """
    try:
        reader = open_tolerant(stream)
    except Unreadable as exc:
        if exc.code == "UNREADABLE_SIGNED":
            return await _check_signed_part(stream, trust, deadline, exc)
        raise
    return await _check_reader(stream, reader, trust, deadline)


async def _check_signed_part(stream: BinaryIO, trust: Trust, deadline: float, why: Unreadable) -> list[SignatureReport]:
    part = open_signed_part(stream)
    if part is None:
        raise why
    beginning, reader, length = part
    reports = await _check_reader(beginning, reader, trust, deadline)
    if not reports:
        raise why
    size = size_of(stream)
    signed_to_the_end = any(r[2] + r[3] == size and is_signature_gap(stream, r) for r in byte_ranges(stream))
    tail = found("tail_unreadable" if signed_to_the_end else "tail_after_eof", bytes=size - length)  # the last signer's program wrote it badly
    return [replace(r, findings=(tail, *r.findings), covers_whole_file=False) for r in reports]


async def _check_reader(stream: BinaryIO, reader: PdfFileReader, trust: Trust, deadline: float) -> list[SignatureReport]:
    end = end_of(stream)
    every = list(signed_fields(reader))
    fields = every[:_SIGNATURES_MAX]
    where = _places(reader, fields)
    evidence = evidence_of(reader)
    opened = [_open_field(stream, reader, f) for f in fields]
    ranges = Ranges(stream, (n for o in opened for n in _first_parts(o)))
    order = sorted(range(len(fields)), key=lambda n: _revision_of(opened[n]), reverse=True)
    history = History(reader, stream, end.size, deadline)
    reports: dict[int, SignatureReport] = {}
    known: dict[tuple[int, int] | None, SignatureReport] = {}
    later: list[Later] = []
    proofs = Proofs()
    signed = [o.signed_revision for o in opened if isinstance(o, EmbeddedPdfSignature)]
    structure = check_structure(stream, reader, min(signed, default=reader.xrefs.total_revisions))
    try:
        for number in order:
            field, signature = fields[number], opened[number]
            place = where.get(number)
            shared = value_of(field)
            try:
                if isinstance(signature, SignatureReport):
                    report = signature
                elif shared is not None and shared in known:  # several fields may show one signature
                    report = known[shared]
                else:
                    report = await _check_field(stream, reader, signature, end, ranges, trust, evidence, history, later, proofs)
                    known[shared] = report
            except MemoryError:
                raise
            except Exception as exc:  # noqa: BLE001 - one bad signature never hides another; what could not be checked never passes
                report = SignatureReport((found("not_checked", detail=type(exc).__name__),))
            report = replace(
                report,
                findings=(*structure, *report.findings),
                field=field.name,
                page=place.page + 1 if place else None,
                rect_mm=place.geometry.millimetres(place.rect) if place else None,
            )
            reports[number] = report
            later.append(Later(field.name, report.revision or 0, place, judge(report.findings)[0], report.kind))
    finally:
        history.close()
    made = [reports[n] for n in sorted(reports, key=lambda n: (reports[n].revision or 0, n))]
    if len(every) > len(fields):
        made.append(SignatureReport((found("not_checked", detail=f"{len(every) - len(fields)} more signatures"),)))
    return made + _removed(stream, reader, every)


def _revision_of(opened: EmbeddedPdfSignature | SignatureReport) -> int:
    return opened.signed_revision if isinstance(opened, EmbeddedPdfSignature) else -1


def _first_parts(opened: EmbeddedPdfSignature | SignatureReport) -> list[int]:
    numbers = [] if isinstance(opened, SignatureReport) else list(opened.byte_range)
    return [numbers[1]] if len(numbers) == 4 and isinstance(numbers[1], int) else []


def _places(reader: PdfFileReader, fields: Sequence[SignedField]) -> dict[int, Place]:
    try:
        found_places = places(reader, {w for f in fields for w in f.widgets})
    except Exception:  # noqa: BLE001 - a damaged page tree: the verdict does without the place
        return {}
    out: dict[int, Place] = {}
    for number, field in enumerate(fields):
        for widget in field.widgets:
            if widget in found_places:
                out[number] = found_places[widget]
                break
    return out


def _contents(value: generic.DictionaryObject) -> Any:
    """The signature's bytes as they stand in the file: in an encrypted document they are the one string that is not (ISO 32000-2 clause 7.6.2)."""
    try:
        raw = value.raw_get("/Contents", decrypt=generic.EncryptedObjAccess.RAW)
    except Exception:  # noqa: BLE001 - whatever a damaged object makes pyHanko raise
        return None
    return lookup(value, "/Contents") if isinstance(raw, generic.IndirectObject) else raw


def _open_field(stream: BinaryIO, reader: PdfFileReader, field: SignedField) -> EmbeddedPdfSignature | SignatureReport:
    """pyHanko's view of the field, or the report on why there is none."""
    value = lookup(field.field, "/V")
    if not isinstance(value, generic.DictionaryObject):
        return SignatureReport((found("contents_missing", detail="/V"),))
    contents = _contents(value)
    if not isinstance(contents, (generic.ByteStringObject, generic.TextStringObject)) or not contents.original_bytes.strip(b"\0"):
        return SignatureReport((found("contents_missing", detail="/Contents"),))
    if not isinstance(lookup(value, "/ByteRange"), generic.ArrayObject):
        return SignatureReport((found("contents_missing", detail="/ByteRange"),))
    kind = lookup(value, "/SubFilter")
    if kind not in (_PADES, _ADOBE, _STAMP):
        return SignatureReport((found("kind_unknown", name=kind) if kind else found("kind_missing"),))
    try:
        load_signed_data(contents.original_bytes)
    except NotSignedData as exc:
        return SignatureReport((found("cms_damaged", detail=str(exc)),))
    try:
        opened = EmbeddedPdfSignature(reader, field.field, field.name)
        opened.signed_revision = covered_revision(stream, reader, opened)
        return opened
    except MemoryError:
        raise
    except Exception as exc:  # noqa: BLE001 - pyHanko could not take it apart
        signers = len(load_signed_data(contents.original_bytes)[0]["signer_infos"])
        return SignatureReport((found("signers_many", count=signers) if signers != 1 else found("cms_damaged", detail=type(exc).__name__),))


async def _check_field(
    stream: BinaryIO,
    reader: PdfFileReader,
    signature: EmbeddedPdfSignature,
    end: End,
    ranges: Ranges,
    trust: Trust,
    evidence: Evidence,
    history: History,
    later: Sequence[Later],
    proofs: Proofs,
) -> SignatureReport:
    """All gates over one signature."""
    numbers = list(signature.byte_range)
    gates = check_byte_range(stream, numbers, signature.pkcs7_content)
    revision = signature.signed_revision + 1
    if any(f.code == "byte_range_wrong" for f in gates):
        return SignatureReport(tuple(gates), revision=revision)
    signed_length = int(numbers[2]) + int(numbers[3])
    signed_data, length = load_signed_data(signature.pkcs7_content)
    if signature.pkcs7_content[length:].strip(b"\0"):
        gates.append(found("contents_padding", detail="/Contents"))
    whole = signed_length == end.size or only_white(stream, signed_length)
    gates += _check_coverage(reader, signature, end, whole)
    report = await _check_cms(ranges, signature, numbers, signed_data, trust, evidence, proofs)
    findings = [*gates, *report.findings]
    if report.kind == "timestamp" and report.signing_time is not None and judge(findings)[0] is Verdict.PASSED:
        proofs.add(revision, report.signing_time, _has_store(reader, signature.signed_revision))
    changes, change_findings = ([], []) if whole else history.review(signature, signed_length, [s for s in later if s.revision > revision])
    return replace(report, findings=(*findings, *change_findings), changes=tuple(changes), revision=revision, covers_whole_file=whole)


def _check_coverage(reader: PdfFileReader, signature: EmbeddedPdfSignature, end: End, whole: bool) -> list[Finding]:
    """Coverage of the revision, and nothing after the last revision but white space."""
    out: list[Finding] = []
    if signature.evaluate_signature_coverage() < SignatureCoverageLevel.ENTIRE_REVISION:
        out.append(found("coverage_partial"))
    if end.trailing:
        out.append(found("tail_after_eof", bytes=end.trailing))
    elif (
        end.startxref is None
        or end.startxref != reader.last_startxref
        or (not whole and signature.signed_revision + 1 == reader.xrefs.total_revisions)
    ):
        out.append(found("last_revision_unclear"))
    return out


async def _check_cms(
    ranges: Ranges, signature: EmbeddedPdfSignature, numbers: Sequence[Any], signed_data: Any, trust: Trust, evidence: Evidence, proofs: Proofs
) -> SignatureReport:
    kind = lookup(signature.sig_object, "/SubFilter")

    def digest(algorithm: str) -> bytes:
        return ranges.digest(algorithm, int(numbers[1]), int(numbers[2]), int(numbers[3]))

    if kind == _STAMP:
        return await _check_document_stamp(signed_data, digest, trust, evidence, proofs.of(signature.signed_revision + 1))
    if not isinstance(signed_data["encap_content_info"]["content"], core.Void):
        return SignatureReport((found("content_inside"),))
    return await check_signer(
        signed_data, signed_data["signer_infos"][0], digest_of=digest, content_type=signed_data["encap_content_info"]["content_type"].native,
        manner=Manner(ess_required=kind == _PADES), trust=trust, evidence=evidence, fallback_time=_claimed(signature),
        proved_at=proofs.of(signature.signed_revision + 1), archived=proofs.cover_store(signature.signed_revision + 1),
    )  # fmt: skip


def _has_store(reader: PdfFileReader, revision: int) -> bool:
    """Whether the document security store stood in that revision already."""
    try:
        return lookup(reader.get_historical_root(revision), "/DSS") is not None
    except Exception:  # noqa: BLE001 - only the level that is shown hangs on it
        return False


async def _check_document_stamp(token: Any, digest: Any, trust: Trust, evidence: Evidence, proved_at: datetime | None) -> SignatureReport:
    stamp, findings = await check_stamp(token, digest, trust, evidence, proved_at)
    if stamp is None:
        return SignatureReport(tuple(findings) or (found("timestamp_invalid"),), kind="timestamp")
    return SignatureReport(
        tuple(findings),
        signer=describe(stamp.issuer, False),
        signing_time=stamp.time,
        time_source="timestamp",
        revocation=stamp.revocation,
        kind="timestamp",
    )


def _claimed(signature: EmbeddedPdfSignature) -> datetime | None:
    try:
        return signature.self_reported_timestamp
    except Exception:  # noqa: BLE001 - a date that cannot be read is no date
        return None


def _removed(stream: BinaryIO, reader: PdfFileReader, fields: Sequence[SignedField]) -> list[SignatureReport]:
    """Signatures that stand in the raw bytes of an earlier revision, and that no field of the newest one holds any more."""
    known: set[tuple[int, int]] = set()
    for field in fields:
        if own := _first_numbers(lookup(field.field, "/V")):
            known.add(own)
    out: list[SignatureReport] = []
    for numbers in byte_ranges(stream):
        if (numbers[1], numbers[2]) in known or not is_signature_gap(stream, numbers):
            continue
        known.add((numbers[1], numbers[2]))
        revision = revision_at(reader, numbers[2] + numbers[3])
        if (numbers[1], numbers[2]) in _rights(reader, revision):
            continue
        out.append(SignatureReport((found("removed", revision=revision),), revision=revision))
    return out


def _first_numbers(signature: Any) -> tuple[int, int] | None:
    """What tells one byte range from another."""
    numbers = lookup(signature, "/ByteRange")
    if not isinstance(numbers, generic.ArrayObject) or len(numbers) != 4 or not all(isinstance(numbers[n], int) for n in (1, 2)):
        return None
    return int(numbers[1]), int(numbers[2])


def _rights(reader: PdfFileReader, revision: int) -> set[tuple[int, int]]:
    """Usage rights of Adobe Reader, which belong to no field, as they stood in the revision they cover: a later one could call anything that."""
    out: set[tuple[int, int]] = set()
    for number in range(revision):
        try:
            rights = lookup(reader.get_historical_root(number), "/Perms")
        except Exception:  # noqa: BLE001, S112 - a revision that cannot be read grants nothing
            continue
        out |= {n for n in (_first_numbers(lookup(rights, k)) for k in ("/UR", "/UR3")) if n}
    return out
