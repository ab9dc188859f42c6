"""One file, whatever it is: chooses the format, and turns every failure into *could not be checked*."""

import io
import os
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, BinaryIO

from agent.verification import asic, cms, container, pdf, tst
from agent.verification.beside import beside_of
from agent.verification.chain import Evidence, Trust
from agent.verification.model import SignatureReport, found
from agent.verification.pdf_open import Unreadable, is_pdf
from agent.verification.signer import NotSignedData
from agent.verification.verdict import document_to_wire, refused

_LOOK_SECONDS = 10.0
_IN_MEMORY = 8 * 1024 * 1024
_XML_SIGNATURE = b"http://www.w3.org/2000/09/xmldsig#"
_LOOKED_AT = 256 * 1024


async def check_document(file: str, signature: str | None, trust: Trust) -> dict[str, Any]:
    """The verdict over `file` (a path) in the form of the contract; `signature` is a detached one beside it.  Raises MemoryError only."""
    try:
        return await _check(file, signature, trust)
    except MemoryError:
        raise
    except FileNotFoundError:
        return refused(file, "NOT_FOUND")
    except OSError as exc:
        return refused(file, "NOT_A_FILE", detail=exc.strerror or type(exc).__name__)
    except Unreadable as exc:
        return refused(file, exc.code, detail=exc.detail)
    except container.TooLarge as exc:
        return refused(file, "CONTAINER_TOO_LARGE", detail=exc)
    except Exception as exc:  # noqa: BLE001 - anything that a hostile file makes a library raise
        return refused(file, "CHECK_FAILED", detail=type(exc).__name__)


async def _check(file: str, signature: str | None, trust: Trust) -> dict[str, Any]:
    if not os.path.isfile(file):
        os.stat(file)
        return refused(file, "NOT_A_FILE", detail="not a regular file")
    if signature is not None:
        return await _check_beside(file, [signature], file, trust)
    with open(file, "rb") as stream:
        head = stream.read(64)
        if is_pdf(stream) and not _only_holds_one(file, head):
            reports = await pdf.check_pdf(_at_hand(stream), trust, time.process_time() + _LOOK_SECONDS)
            return document_to_wire(file, reports) if reports or not beside_of(file) else await _check_beside(file, beside_of(file), file, trust)
        if container.is_zip(head) or file.lower().endswith(asic.EXTENSIONS):
            return await _check_container(file, trust)
    if content := _content_of(file, head):
        return await _check_beside(file, [file], content, trust)
    if beside := beside_of(file):
        return await _check_beside(file, beside, file, trust)
    if cms.content_beside(file) is not None:
        return refused(file, "UNREADABLE", detail="CMS")
    if _is_signed_xml(file):
        return document_to_wire(file, [SignatureReport((found("kind_unknown", name="XAdES"),))])
    return refused(file, "NO_SIGNATURE")


def _only_holds_one(file: str, head: bytes) -> bool:
    """Whether the header of a PDF near the beginning is that of a document inside a container or a signature; by its name a PDF is one."""
    return (container.is_zip(head) or cms.looks_like_signature(head)) and not file.lower().endswith(".pdf")


def _at_hand(stream: BinaryIO) -> BinaryIO:
    """A small file in memory, where reading it in thousands of bits costs less; a large one as it is."""
    size = os.fstat(stream.fileno()).st_size
    if size > _IN_MEMORY:
        return stream
    stream.seek(0)
    return io.BytesIO(stream.read(size))


def _content_of(file: str, head: bytes) -> str | None:
    """The path of what `file` is a signature over (which need not exist); None where it is no signature by itself."""
    stem, ext = os.path.splitext(file)
    if ext.lower() in tst.EXTENSIONS and os.path.basename(stem):
        return stem
    named = cms.content_beside(file)
    if named is not None:
        return named if cms.is_signature_file(file) else None
    if not cms.looks_like_signature(head):
        return None
    try:
        signed_data, _ = cms.load(file)
    except cms.NotASignatureFile:
        return None
    return stem if len(signed_data["signer_infos"]) else None  # without signers it is a bag of certificates


async def _check_container(file: str, trust: Trust) -> dict[str, Any]:
    """Signatures inside; those beside it where there are none inside, or none that this program knows."""
    beside = beside_of(file)
    try:
        with open(file, "rb") as stream:
            reports = await asic.check_asic(stream, trust)
    except (container.NotAContainer, container.TooLarge) as exc:
        if beside:
            return await _check_beside(file, beside, file, trust)
        if isinstance(exc, container.TooLarge):
            raise
        return refused(file, "UNREADABLE", detail=f"ZIP: {exc}")
    if beside and all(any(f.code == "kind_unknown" for f in r.findings) for r in reports):
        return await _check_beside(file, beside, file, trust)
    return document_to_wire(file, reports)


async def _check_beside(file: str, signatures: Sequence[str], content: str, trust: Trust) -> dict[str, Any]:
    """`signatures` over `content`; a signature that carries its content needs no file beside it.  `relied_on` names the other files that count."""
    reports: list[SignatureReport] = []
    for path in signatures:
        name = os.path.basename(path) if len(signatures) > 1 else None
        try:
            more = await _check_one(path, content, trust)
        except (cms.NotASignatureFile, NotSignedData) as exc:
            if name is None:
                return refused(file, "UNREADABLE", detail=f"CMS: {exc}")
            more = [SignatureReport((found("cms_damaged", detail=exc),))]
        if not more:
            return refused(file, "CONTENT_NOT_FOUND", name=os.path.basename(content))
        before = len(reports)
        reports += [replace(r, field=name, counter_signs=r.counter_signs and r.counter_signs + before) for r in more]
    around = {path: None for path in (*signatures, content) if path != file}
    return {**document_to_wire(file, reports), "relied_on": list(around)}


async def _check_one(signature: str, content: str, trust: Trust) -> list[SignatureReport]:
    """The reports over one signature file; none where the content is nowhere."""
    there = os.path.isfile(content)
    if signature.lower().endswith(tst.EXTENSIONS):
        signed_data, around = tst.load_token(cms.read_file(signature))
        rest = b""
    else:
        signed_data, rest = cms.load(signature)
        around = cms.trailing(rest)
    if tst.is_token(signed_data):
        if not there:
            return []
        with open(content, "rb") as stream:
            return [await tst.check_token(signed_data, around, cms.file_digester(stream), trust, Evidence())]
    if not there and not cms.has_content(signed_data):
        return []
    return await cms.check_detached(signed_data, rest, content if there else None, trust)


def _is_signed_xml(file: str) -> bool:
    with open(file, "rb") as stream:
        head = stream.read(_LOOKED_AT)
        if not head.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"<"):
            return False
        stream.seek(max(0, os.fstat(stream.fileno()).st_size - _LOOKED_AT))
        return _XML_SIGNATURE in head or _XML_SIGNATURE in stream.read()
