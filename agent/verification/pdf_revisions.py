"""The version that was signed beside the present one: which pages differ and where, and both pages drawn.  Runs in the worker only."""

import base64
import io
import os
import time
from collections.abc import Iterator
from typing import Any, BinaryIO

from pyhanko.pdf_utils import generic

from agent.verification.pdf_look import Look, LookFailed
from agent.verification.pdf_open import Unreadable, is_pdf, open_signed_part, open_tolerant, revision_at, signed_fields
from agent.verification.pdf_page import Page, lookup, pages
from agent.verification.pdf_raw import byte_ranges, is_signature_gap, size_of

_SECONDS = 15.0
_MM = 25.4 / 72
_PAGES_TOLD = 500


class Refused(Exception):
    """It cannot be shown; `code` and `reason` are those of the agent's errors."""

    def __init__(self, code: str, reason: str, **facts: Any) -> None:
        super().__init__(code)
        self.code, self.facts = code, {"reason": reason, **facts}


def show_revision(file: str, revision: int, page: int | None, pixels: int) -> dict[str, Any]:
    """The signed revision `revision` (as the verdict numbers it) of `file` beside the present file; raises `Refused`.

    Without `page` (1 is the first): {"bytes", "pages_signed", "pages_present", "pages": [{"page", "areas"}]}, the pages that differ; with it
    that page alone, and its pictures too: "signed" and "present" are PNG in base64 (null where there is no such page), at most `pixels` a side.
    Areas are {"rect", "rect_mm"}: left, bottom, width, height as displayed from the bottom left corner, as fractions of the page and in mm
    (null where the page's size cannot be read).  "complete" is false where time ran out before the last page.
    """
    try:
        opened = open(file, "rb")  # noqa: SIM115 - closed by the with below
    except FileNotFoundError as exc:
        raise Refused("input_unusable", "not_found", name=os.path.basename(file)) from exc
    except OSError as exc:
        raise Refused("input_unusable", "unreadable", name=os.path.basename(file)) from exc
    with opened as stream:
        if not is_pdf(stream):
            raise Refused("input_unusable", "not_pdf", name=os.path.basename(file))
        lengths = signed_lengths(stream)
        if revision not in lengths:
            raise Refused("not_found", "revision", revision=revision)
        length = lengths[revision]
        try:
            look = Look(stream, size_of(stream), time.process_time() + _SECONDS)
        except LookFailed as exc:
            raise Refused("input_unusable", "not_drawn", detail=str(exc)) from exc
        try:
            return _compare(look, stream, length, page, pixels)
        except LookFailed as exc:
            raise Refused("input_unusable", "not_drawn", detail=str(exc)) from exc
        finally:
            look.close()


def signed_lengths(stream: BinaryIO) -> dict[int, int]:
    """How many bytes of the file each signed revision covers, by its number as the verdict has it; also of signatures that were removed."""
    out: dict[int, int] = {}
    size = size_of(stream)
    try:
        reader = open_tolerant(stream)
    except Unreadable:
        part = open_signed_part(stream)
        if part is None:
            return out
        reader = part[1]
    for _, _, second, length in (r for r in byte_ranges(stream) if is_signature_gap(stream, r)):
        out[revision_at(reader, second + length)] = second + length
    for field in signed_fields(reader):
        value = lookup(field.field, "/V")
        numbers = lookup(value, "/ByteRange")
        if not isinstance(numbers, list) or len(numbers) != 4 or not all(isinstance(n, int) for n in numbers):
            continue
        raw, length = field.field.raw_get("/V"), int(numbers[2]) + int(numbers[3])
        if isinstance(raw, generic.IndirectObject) and 0 < length <= size:
            out[int(reader.xrefs.get_last_change(raw.reference)) + 1] = length
    return out


def _compare(look: Look, stream: BinaryIO, length: int, page: int | None, pixels: int) -> dict[str, Any]:
    signed, present = look.count(length), look.count(None)
    out: dict[str, Any] = {"bytes": length, "pages_signed": signed, "pages_present": present, "complete": True, "pages": []}
    geometry = list(_geometry(stream))
    if page is not None:
        if not 1 <= page <= max(signed, present):
            raise Refused("input_unusable", "no_page", page=page)
        old, new = look.drawn(length, page - 1, pixels), look.drawn(None, page - 1, pixels)
        out["pages"] = [{"page": page, "areas": _areas(old, new, _at(geometry, page)), "signed": _png(old), "present": _png(new)}]
        return out
    for number in range(1, max(signed, present) + 1):
        try:
            old, new = look.drawn(length, number - 1, pixels), look.drawn(None, number - 1, pixels)
        except LookFailed:
            out["complete"] = False
            break
        areas = _areas(old, new, _at(geometry, number))
        if areas:
            out["pages"].append({"page": number, "areas": areas})
        if len(out["pages"]) >= _PAGES_TOLD:
            out["complete"] = number == max(signed, present)
            break
    return out


def _geometry(stream: BinaryIO) -> Iterator[Page]:
    try:
        for geometry, _ in pages(open_tolerant(stream)):
            yield geometry
    except Exception:  # noqa: BLE001 - a tree that only PDFium can read: areas are told without their place
        return


def _at(geometry: list[Page], page: int) -> Page | None:
    return geometry[page - 1] if page <= len(geometry) else None


def _areas(old: Any, new: Any, geometry: Page | None) -> list[dict[str, Any]]:
    if old is None or new is None or old.size != new.size:
        boxes = [(0.0, 0.0, 1.0, 1.0)]
    else:
        boxes = list(differing_areas(old, new))
    return [{"rect": [round(v, 5) for v in box], "rect_mm": _millimetres(box, geometry)} for box in boxes]


def _millimetres(box: tuple[float, float, float, float], geometry: Page | None) -> list[float] | None:
    if geometry is None:
        return None
    (width, height), scale = geometry.size, geometry.unit * _MM
    x, y, w, h = box
    return [round(x * width * scale, 2), round(y * height * scale, 2), round(w * width * scale, 2), round(h * height * scale, 2)]


_CELL = 16
"""Pixels: differences nearer to each other than this are one area."""


def differing_areas(old: Any, new: Any) -> Iterator[tuple[float, float, float, float]]:
    """Where two pictures of one size differ: left, bottom, width, height as fractions; what touches is one area."""
    from PIL import ImageChops

    difference = ImageChops.difference(old, new)
    bands = difference.split()
    mask = bands[0]
    for band in bands[1:]:
        mask = ImageChops.lighter(mask, band)
    mask = mask.point(lambda v: 255 if v else 0)
    width, height = mask.size
    cells = mask.reduce(_CELL)
    columns, marks = cells.size[0], cells.tobytes()
    waiting = {(n % columns, n // columns) for n, mark in enumerate(marks) if mark}
    while waiting:
        group, edge = set(), [waiting.pop()]
        while edge:
            x, y = edge.pop()
            group.add((x, y))
            near = {(x + dx, y + dy) for dx in (-1, 0, 1) for dy in (-1, 0, 1)} & waiting
            waiting -= near
            edge.extend(near)
        left, top = min(x for x, _ in group) * _CELL, min(y for _, y in group) * _CELL
        right = min(width, (max(x for x, _ in group) + 1) * _CELL)
        bottom = min(height, (max(y for _, y in group) + 1) * _CELL)
        tight = mask.crop((left, top, right, bottom)).getbbox() or (0, 0, right - left, bottom - top)
        x0, y0, x1, y1 = left + tight[0], top + tight[1], left + tight[2], top + tight[3]
        yield x0 / width, 1 - y1 / height, (x1 - x0) / width, (y1 - y0) / height


def _png(image: Any) -> str | None:
    if image is None:
        return None
    out = io.BytesIO()
    image.save(out, "PNG")
    return base64.b64encode(out.getvalue()).decode("ascii")
