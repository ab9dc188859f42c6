"""One file, whatever it is: chooses the format, and turns every failure into *could not be checked*."""

import os
import time
from typing import Any

from agent.verification import cms, pdf
from agent.verification.chain import Trust
from agent.verification.pdf_open import Unreadable, is_pdf
from agent.verification.verdict import document_to_wire, refused

_LOOK_SECONDS = 10.0


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
    except Exception as exc:  # noqa: BLE001 - anything that a hostile file makes a library raise
        return refused(file, "CHECK_FAILED", detail=type(exc).__name__)


async def _check(file: str, signature: str | None, trust: Trust) -> dict[str, Any]:
    if not os.path.isfile(file):
        os.stat(file)
        return refused(file, "NOT_A_FILE", detail="not a regular file")
    if signature is not None:
        return await _check_detached(file, signature, file, trust)
    with open(file, "rb") as stream:
        if is_pdf(stream):
            reports = await pdf.check_pdf(stream, trust, time.monotonic() + _LOOK_SECONDS)
            return document_to_wire(file, reports)
    content = cms.content_beside(file)
    if content is not None and cms.is_signature_file(file):
        return await _check_detached(file, file, content, trust)
    for beside in (f"{file}.p7s", f"{file}.P7S"):
        if os.path.isfile(beside):
            return await _check_detached(file, beside, file, trust)
    if content is not None:
        return refused(file, "UNREADABLE", detail="CMS")
    return refused(file, "NO_SIGNATURE")


async def _check_detached(file: str, signature: str, content: str, trust: Trust) -> dict[str, Any]:
    """`signature` over `content`; a signature that carries its content needs no file beside it."""
    try:
        signed_data, rest = cms.load(signature)
    except cms.NotASignatureFile as exc:
        return refused(file, "UNREADABLE", detail=f"CMS: {exc}")
    there = os.path.isfile(content)
    if not there and not cms.has_content(signed_data):
        return refused(file, "CONTENT_NOT_FOUND", name=os.path.basename(content))
    return document_to_wire(file, await cms.check_detached(signed_data, rest, content if there else None, trust))
