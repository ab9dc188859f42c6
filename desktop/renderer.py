"""`python -m desktop.renderer`: draws pages of one document and nothing else, so that a hostile file never meets the PIN dialog.

A JSON request a line on stdin, an answer on stdout: a JSON line, then `bytes` raw RGB bytes (rows without padding).

    {"id", "op": "open", "path", "length"}           → {"id", "pages", "sha256"}                of the whole file (null) or of its first bytes
    {"id", "op": "size", "page"}                     → {"id", "width_mm", "height_mm"}          as displayed
    {"id", "op": "tile", "page", "scale", "x", "y", "width", "height"} → {"id", "width", "height", "bytes"} + pixels
                                                       `scale` in pixels per mm; x, y from the top left of the displayed page, in pixels
    anything that goes wrong                         → {"id", "problem": missing | too_large | encrypted | damaged}

It holds the file's bytes from `open` on: what is drawn is what `sha256` names, whatever happens to the file meanwhile.
Limited in memory, without core dumps, ended with its parent; whoever started it watches the clock.
"""

import hashlib
import io
import json
import math
import sys
from collections.abc import Mapping
from typing import IO, Any, Final

import pikepdf
import pypdfium2
from pypdfium2 import raw

from tokens import platform

MAX_FILE_BYTES: Final = 300_000_000
MAX_TILE_PIXELS: Final = 4_194_304
_MEMORY_BYTES: Final = 2_500_000_000
MM_PER_POINT: Final = 25.4 / 72


class Unusable(Exception):
    """The request cannot be met; the text is the wire's word for why."""


class Document:
    """One document, open: its bytes, its digest, its pages."""

    def __init__(self, path: str, length: int | None = None) -> None:
        try:
            with open(path, "rb") as file:
                data = file.read(MAX_FILE_BYTES + 1 if length is None else min(length, MAX_FILE_BYTES + 1))
        except OSError as error:
            raise Unusable("missing") from error
        if length is not None and len(data) < min(length, MAX_FILE_BYTES + 1):
            raise Unusable("damaged")  # shorter than it was when it was looked at
        if len(data) > MAX_FILE_BYTES:
            raise Unusable("too_large")
        self.sha256 = hashlib.sha256(data).hexdigest()
        try:
            self._pdf = pypdfium2.PdfDocument(data)
            self._pdf.init_forms()  # signature fields are drawn by the form layer
        except pypdfium2.PdfiumError as error:
            raise Unusable(
                "encrypted" if getattr(error, "err_code", None) == raw.FPDF_ERR_PASSWORD or "assword" in str(error) else "damaged"
            ) from error
        self._page: tuple[int, Any] | None = None
        self._units = _user_units(data)

    @property
    def pages(self) -> int:
        """How many pages there are."""
        return len(self._pdf)

    def page(self, number: int) -> Any:
        """Page `number`, counted from 1; the last one used stays open."""
        if self._page is None or self._page[0] != number:
            if not 1 <= number <= self.pages:
                raise Unusable("damaged")
            if self._page is not None:
                self._page[1].close()
            self._page = None
            try:
                self._page = (number, self._pdf[number - 1])
            except pypdfium2.PdfiumError as error:
                raise Unusable("damaged") from error
        return self._page[1]

    def size_mm(self, number: int) -> tuple[float, float]:
        """Width and height of a page as displayed (rotation applied), in mm."""
        unit = self.unit_mm(number)
        width, height = self.page(number).get_size()
        return width * unit, height * unit

    def unit_mm(self, number: int) -> float:
        """mm of one unit of user space (ISO 32000-1, 14.11: UserUnit, which PDFium leaves out)."""
        return MM_PER_POINT * self._units.get(number, 1.0)

    def tile(self, number: int, scale: float, x: int, y: int, width: int, height: int) -> tuple[int, int, bytes]:
        """The pixels of a part of a page drawn at `scale` pixels per mm, clipped to the page; RGB rows without padding."""
        if not (0 < scale <= 200 and x >= 0 and y >= 0 and 0 < width * height <= MAX_TILE_PIXELS):
            raise Unusable("damaged")
        page = self.page(number)
        points = scale * self.unit_mm(number)
        whole_width, whole_height = (max(1, round(side * points)) for side in page.get_size())
        width, height = min(width, whole_width - x), min(height, whole_height - y)
        if width <= 0 or height <= 0:
            raise Unusable("damaged")
        bitmap = pypdfium2.PdfBitmap.new_native(width, height, raw.FPDFBitmap_BGR, rev_byteorder=True)
        bitmap.fill_rect((255, 255, 255, 255), 0, 0, width, height)
        where = (-x, -y, whole_width, whole_height, 0)
        flags = raw.FPDF_ANNOT | raw.FPDF_REVERSE_BYTE_ORDER
        raw.FPDF_RenderPageBitmap(bitmap, page, *where, flags)
        if self._pdf.formenv:
            raw.FPDF_FFLDraw(self._pdf.formenv, bitmap, page, *where, flags)
        pixels, stride = bytes(bitmap.buffer), bitmap.stride
        bitmap.close()
        return width, height, pixels if stride == width * 3 else b"".join(pixels[row * stride : row * stride + width * 3] for row in range(height))


def _user_units(data: bytes) -> Mapping[int, float]:
    """The pages whose unit is not 1/72 inch, by number; none where the file cannot be read that way."""
    try:
        with pikepdf.open(io.BytesIO(data)) as pdf:
            found = {number: float(page.obj.get("/UserUnit", 1)) for number, page in enumerate(pdf.pages, 1)}
    except (pikepdf.PdfError, ValueError, TypeError, RuntimeError, RecursionError, MemoryError):
        return {}
    return {number: unit for number, unit in found.items() if unit != 1 and math.isfinite(unit) and unit > 0}


def answer(request: dict[str, Any], document: Document | None) -> tuple[dict[str, Any], bytes, Document | None]:
    """The answer's head, its pixels, and the document that is open afterwards; raises `Unusable`."""
    operation = request.get("op")
    if operation == "open":
        length = request.get("length")
        document = Document(str(request["path"]), None if length is None else int(length))
        return {"pages": document.pages, "sha256": document.sha256}, b"", document
    if document is None:
        raise Unusable("missing")
    if operation == "size":
        width_mm, height_mm = document.size_mm(int(request["page"]))
        return {"width_mm": width_mm, "height_mm": height_mm}, b"", document
    box = (int(request[name]) for name in ("x", "y", "width", "height"))
    width, height, pixels = document.tile(int(request["page"]), float(request["scale"]), *box)
    return {"width": width, "height": height, "bytes": len(pixels)}, pixels, document


def serve(requests: IO[bytes], answers: IO[bytes]) -> None:
    """Answer requests until there are no more; an unforeseen failure ends the process, and its starter says so."""
    document: Document | None = None
    for line in requests:
        request = json.loads(line)
        try:
            head, pixels, document = answer(request, document)
        except Unusable as why:
            head, pixels = {"problem": str(why)}, b""
        except (pypdfium2.PdfiumError, MemoryError):
            head, pixels = {"problem": "damaged"}, b""
        answers.write(json.dumps({"id": request["id"], **head}).encode() + b"\n" + pixels)
        answers.flush()


def main() -> int:
    """Draw for the parent process."""
    platform.harden(die_with_parent=True)
    platform.limit(memory_bytes=_MEMORY_BYTES, files=64)
    serve(sys.stdin.buffer, sys.stdout.buffer)
    return 0


if __name__ == "__main__":
    sys.exit(main())
