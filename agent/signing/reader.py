"""Opening a PDF to sign it: what qpdf reads without guessing, turned into plain values.

qpdf (pikepdf) reads drawings from many programs; its recovery mode, which guesses, is used only to say that a file could be
repaired.  What qpdf complains of is signed only if pyHanko's tolerant reader, which verifies later, opens it too.
"""

import logging
import os
import re
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, TypeAlias

import pikepdf

from agent.api.errors import ApiError, Code
from agent.signing.names import HEAD
from agent.signing.placement import Box, PageShape, shape
from tokens import platform

Node: TypeAlias = Any
"""A value as pikepdf gives it: its own object types, or int, bool, Decimal, None."""

CHUNK: Final = 1024 * 1024
_TAIL: Final = 1054
_MAPPED_MAX: Final = 64 * 1024 * 1024
_DEEPEST: Final = 200
_FIELDS_MAX: Final = 100_000
_STARTXREF = re.compile(rb"startxref\s+(\d{1,15})")
_SECTION = re.compile(rb"(?<![a-z])\s*(xref|(?<!\d)\d+\s+\d+\s+obj)\b")
_MISCOUNT: Final = 16
_VERIFIER_SECONDS: Final = 4.0


def unusable(reason: str, **facts: Any) -> ApiError:
    """The error for a document that cannot be signed."""
    return ApiError(Code.INPUT_UNUSABLE, reason=reason, **facts)


@dataclass(frozen=True, slots=True)
class PageFound:
    """A page that is to carry something."""

    number: int
    node: Node
    shape: PageShape


@contextmanager
def opened(fd: int, size: int) -> Iterator[pikepdf.Pdf]:
    """The document in `fd`; raises `ApiError` (input_unusable: not_pdf, encrypted, damaged with `repairable`)."""
    _check_header(fd)
    with ExitStack() as stack:
        guessed = False
        try:
            pdf = stack.enter_context(opened_plainly(fd, size))
        except pikepdf.PasswordError as exc:
            raise unusable("encrypted") from exc
        except pikepdf.PdfError as exc:
            if "encrypt" in str(exc).lower():
                raise unusable("encrypted") from exc
            pdf, guessed = stack.enter_context(_recovered(fd, size, exc)), True
        if pdf.is_encrypted:
            raise unusable("encrypted")
        if (guessed or pdf.get_warnings() or "/Prev" in pdf.trailer) and _seen_by_verifier(fd) != identity(pdf.Root):
            raise unusable("damaged", repairable=repairable(fd, size))
        yield pdf


@contextmanager
def opened_plainly(fd: int, size: int, recover: bool = False) -> Iterator[pikepdf.Pdf]:
    """The document in `fd` as qpdf reads it, without guessing unless `recover`; raises `pikepdf.PdfError`."""
    opening = partial(pikepdf.open, attempt_recovery=recover, inherit_page_attributes=False, suppress_warnings=True)
    path = f"/proc/self/fd/{fd}"
    if size <= _MAPPED_MAX and os.path.exists(path):
        with opening(path) as pdf:
            yield pdf
    else:  # in pieces, so that a large file takes no memory
        with os.fdopen(os.dup(fd), "rb") as stream, opening(stream, access_mode=pikepdf.AccessMode.stream) as pdf:
            yield pdf


@contextmanager
def _recovered(fd: int, size: int, why: Exception) -> Iterator[pikepdf.Pdf]:
    """The document as qpdf guesses it: used only where the verifier reads it without guessing, and it holds no signature."""
    if _seen_by_verifier(fd) is None or contains(fd, size, b"/ByteRange"):
        raise unusable("damaged", repairable=repairable(fd, size)) from why
    with ExitStack() as stack:
        try:
            pdf = stack.enter_context(opened_plainly(fd, size, recover=True))
        except pikepdf.PdfError as exc:
            raise unusable("damaged", repairable=False) from exc
        yield pdf


def contains(fd: int, size: int, word: bytes) -> bool:
    """Whether the file has `word` anywhere."""
    before = b""
    for at in range(0, size, CHUNK):
        part = os.pread(fd, CHUNK, at)
        if word in before + part:
            return True
        before = part[-len(word) :]
    return False


def _check_header(fd: int) -> None:
    head = os.pread(fd, HEAD + 5, 0)
    at = head.find(b"%PDF-")
    if at < 0:
        raise unusable("not_pdf")
    if at > 0:  # offsets may count from either place, and readers differ
        raise unusable("damaged", repairable=True, problem="bytes before the header")


def repairable(fd: int, size: int) -> bool:
    """Whether qpdf can rebuild the file, with at least one page."""
    try:
        with opened_plainly(fd, size, recover=True) as pdf:
            return not pdf.is_encrypted and pages(pdf, set())[0] > 0
    except (ApiError, pikepdf.PdfError, pikepdf.PasswordError, ValueError, TypeError, AttributeError, KeyError, RuntimeError):
        return False


def rewrite(source: int, size: int, target: int) -> None:
    """Write what qpdf can save of `source` into the empty file `target`; raises `ApiError` (damaged)."""
    try:
        with opened_plainly(source, size, recover=True) as pdf, os.fdopen(os.dup(target), "r+b") as out, warnings.catch_warnings():
            warnings.simplefilter("ignore", pikepdf.exceptions.PageCopyWarning)
            if "/Size" not in pdf.trailer:  # lost with a broken trailer, and then qpdf writes none
                pdf.trailer["/Size"] = 1
            pdf.save(out, fix_metadata_version=False)
    except (pikepdf.PdfError, pikepdf.PasswordError) as exc:
        raise unusable("damaged", repairable=False) from exc


def _seen_by_verifier(fd: int) -> tuple[int, int] | None:
    """The catalog's number as pyHanko's tolerant reader finds it, which verifies signatures later; None where it cannot read the document."""
    from pyhanko.pdf_utils.reader import PdfFileReader  # late: most documents never need it, and it costs 0.3 s

    logging.getLogger("pyhanko").setLevel(logging.CRITICAL)
    try:
        with os.fdopen(os.dup(fd), "rb") as stream, platform.cpu_deadline(_VERIFIER_SECONDS):
            reader = PdfFileReader(stream, strict=False)
            root = reader.root_ref
            return (root.idnum, root.generation) if int(reader.root["/Pages"]["/Count"]) > 0 else None
    except platform.DeadlineExceeded:  # a table of a thousand million entries, say: it must end before memory does
        return None
    except Exception:  # noqa: BLE001  some 25 kinds come out of it, and each means no
        return None


def last_section(fd: int, size: int) -> tuple[int, bool]:
    """Offset of the newest cross-reference section, and whether it is a stream; raises `ApiError` (damaged).

    Some programs count it wrong by a few bytes, which tolerant readers forgive; what is returned is where it really stands.
    """
    start = max(0, size - _TAIL)
    found = _STARTXREF.findall(os.pread(fd, size - start, start))
    offset = int(found[-1]) if found else size
    if offset < size:
        window = max(0, offset - _MISCOUNT)
        there = os.pread(fd, 2 * _MISCOUNT + 32, window)
        for match in (_SECTION.match(there, offset - window), _SECTION.search(there)):
            if match is not None:
                return window + match.start(1), match.group(1) != b"xref"
    raise unusable("damaged", repairable=repairable(fd, size))


def is_dictionary(node: Node) -> bool:
    """Whether `node` is a dictionary, and not a stream."""
    return isinstance(node, pikepdf.Dictionary) and not isinstance(node, pikepdf.Stream)


def entry(node: Node, key: str) -> Node:
    """A dictionary's entry, references followed; None where there is none or `node` is no dictionary."""
    return node.get(key) if isinstance(node, pikepdf.Dictionary | pikepdf.Stream) else None


def elements(node: Node) -> list[Node]:
    """An array's elements; none where `node` is no array."""
    return list(node) if isinstance(node, pikepdf.Array) else []


def identity(node: Node) -> tuple[int, int] | None:
    """Number and generation of an indirect object, None for a direct value."""
    return node.objgen if isinstance(node, pikepdf.Object) and node.is_indirect else None


def _box(node: Node) -> Box | None:
    values = elements(node)
    try:
        left, bottom, right, top = (float(value) for value in values[:4])
    except (TypeError, ValueError):
        return None
    return (left, bottom, right, top)


def _number(node: Node, otherwise: float) -> float:
    try:
        return float(node)
    except (TypeError, ValueError):
        return otherwise


def pages(pdf: pikepdf.Pdf, wanted: set[int]) -> tuple[int, dict[int, PageFound]]:
    """How many pages there are, and those wanted (counted from 1, 0 is the last); raises `ApiError` (damaged) for a tree without pages.

    Walks the tree itself: qpdf's own list mends and copies pages in memory, which an appended update could not express.
    """
    found: dict[int, PageFound] = {}
    seen: set[tuple[int, int]] = set()
    count = 0
    last: tuple[Node, dict[str, Node]] | None = None
    stack: list[tuple[Node, dict[str, Node], int]] = [(entry(pdf.Root, "/Pages"), {}, 0)]
    while stack:
        node, inherited, depth = stack.pop()
        if not is_dictionary(node):
            continue
        inherited = inherited | {key: node[key] for key in ("/MediaBox", "/CropBox", "/Rotate") if key in node}
        if "/Kids" in node:
            where = identity(node)
            if depth > _DEEPEST or (where is not None and where in seen):
                raise unusable("damaged", repairable=True, problem="page tree")
            if where is not None:
                seen.add(where)
            stack.extend((kid, inherited, depth + 1) for kid in reversed(elements(node["/Kids"])))
            continue
        count += 1
        last = (node, inherited)
        if count in wanted:
            found[count] = _page(count, node, inherited)
    if last is None:
        raise unusable("damaged", repairable=False, problem="no pages")
    if 0 in wanted:
        found[0] = _page(count, *last)
    return count, found


def _page(number: int, node: Node, inherited: dict[str, Node]) -> PageFound:
    unit = _number(entry(node, "/UserUnit"), 1.0)
    turned = _number(inherited.get("/Rotate"), 0.0)
    return PageFound(number, node, shape(_box(inherited.get("/MediaBox")), _box(inherited.get("/CropBox")), turned, unit))


@dataclass(frozen=True, slots=True)
class Form:
    """What of the form matters to a new signature."""

    names: frozenset[str]
    """Partial names of the top-level fields."""
    signatures: int
    """Signature fields that carry a value."""
    appearances: bool
    """Every widget has an appearance of its own."""
    certified: bool
    """Its author certified it and allows signatures (DocMDP 2 or 3)."""


def form(pdf: pikepdf.Pdf) -> Form:
    """The form as it stands; raises `ApiError` (input_unusable: certified, xfa) where nothing may or can be signed."""
    acroform = entry(pdf.Root, "/AcroForm")
    if entry(acroform, "/XFA") is not None and entry(pdf.Root, "/NeedsRendering") is True:
        raise unusable("xfa")
    certification = entry(entry(pdf.Root, "/Perms"), "/DocMDP")
    check_permission(certification)
    top = elements(entry(acroform, "/Fields"))
    names = frozenset(str(name) for name in (entry(field, "/T") for field in top) if isinstance(name, pikepdf.String))
    signatures, appearances = 0, True
    seen: set[tuple[int, int]] = set()
    stack = list(top)
    while stack and len(seen) < _FIELDS_MAX:
        field = stack.pop()
        where = identity(field)
        if where is None or where in seen or not is_dictionary(field):
            continue
        seen.add(where)
        value = entry(field, "/V")
        if is_dictionary(value) and (entry(value, "/ByteRange") is not None or entry(value, "/Type") == "/Sig"):
            signatures += 1
            check_permission(value)
        appearances = appearances and (entry(field, "/Subtype") != "/Widget" or entry(field, "/AP") is not None)
        stack.extend(elements(entry(field, "/Kids")))
    return Form(names, signatures, appearances, certification is not None)


def check_permission(signature: Node) -> None:
    """Raise `ApiError` (certified) where an existing signature forbids every change, or locks all fields (ISO 32000-1, 12.8.2.2 and 12.8.2.4)."""
    for reference in elements(entry(signature, "/Reference")):
        method, parameters = entry(reference, "/TransformMethod"), entry(reference, "/TransformParams")
        if method in ("/DocMDP", "/FieldMDP") and entry(parameters, "/P") == 1:
            raise unusable("certified", permission=1)
        if method == "/FieldMDP" and entry(parameters, "/Action") == "/All":
            raise unusable("certified", permission=1, locked=True)
