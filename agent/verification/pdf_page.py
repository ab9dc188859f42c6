"""Pages as displayed: where on which page a signature stands, in mm from the bottom left corner (ISO 32000-2 clauses 7.7.3 and 14.11.2)."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.reader import PdfFileReader

Rect = tuple[float, float, float, float]
_MM = 25.4 / 72
_PAGES_MAX = 50_000
_INHERITED = ("/MediaBox", "/CropBox", "/Rotate")
_A4: Rect = (0.0, 0.0, 595.0, 842.0)


@dataclass(frozen=True, slots=True)
class Page:
    """The geometry of one page: its visible box in points, its rotation (0, 90, 180, 270) and the size of its unit."""

    box: Rect
    rotate: int
    unit: float

    def displayed(self, rect: Rect) -> Rect:
        """`rect` (user space) as x, y, width, height in points of the displayed page, from its bottom left corner."""
        left, bottom, right, top = self.box
        x0, y0, x1, y1 = rect[0] - left, rect[1] - bottom, rect[2] - left, rect[3] - bottom
        width, height = right - left, top - bottom
        if self.rotate == 90:
            x0, y0, x1, y1 = y0, width - x1, y1, width - x0
        elif self.rotate == 180:
            x0, y0, x1, y1 = width - x1, height - y1, width - x0, height - y0
        elif self.rotate == 270:
            x0, y0, x1, y1 = height - y1, x0, height - y0, x1
        return x0, y0, x1 - x0, y1 - y0

    @property
    def size(self) -> tuple[float, float]:
        """Width and height in points as displayed."""
        width, height = self.box[2] - self.box[0], self.box[3] - self.box[1]
        return (height, width) if self.rotate in (90, 270) else (width, height)

    def millimetres(self, rect: Rect) -> Rect:
        """`rect` (user space) as displayed, in mm, rounded to a hundredth."""
        x, y, w, h = (round(v * self.unit * _MM, 2) for v in self.displayed(rect))
        return x, y, w, h


@dataclass(frozen=True, slots=True)
class Place:
    """Where a signature's widget stands."""

    page: int
    """Index of the page, 0 is the first."""
    geometry: Page
    rect: Rect
    """In user space, normalised; an area of zero is an invisible signature."""

    @property
    def visible(self) -> bool:
        """Whether there is an area at all."""
        return self.rect[2] - self.rect[0] > 0 and self.rect[3] - self.rect[1] > 0


def lookup(holder: Any, key: str) -> Any:
    """`holder[key]`, resolved, or None where there is nothing that can be read (`get` of a pyHanko dictionary leaves references as they are)."""
    try:
        return holder[key] if isinstance(holder, generic.DictionaryObject) else None
    except Exception:  # noqa: BLE001 - whatever a damaged object makes pyHanko raise
        return None


def _numbers(array: Any) -> Rect | None:
    if not isinstance(array, generic.ArrayObject) or len(array) != 4:
        return None
    try:
        a, b, c, d = (float(array[n]) for n in range(4))
    except (TypeError, ValueError):
        return None
    return min(a, c), min(b, d), max(a, c), max(b, d)


def _intersection(a: Rect, b: Rect) -> Rect | None:
    box = max(a[0], b[0]), max(a[1], b[1]), min(a[2], b[2]), min(a[3], b[3])
    return box if box[2] > box[0] and box[3] > box[1] else None


def _geometry(inherited: dict[str, Any], page: generic.DictionaryObject) -> Page:
    media = _numbers(inherited.get("/MediaBox")) or _A4
    crop = _numbers(inherited.get("/CropBox"))
    box = (_intersection(media, crop) if crop else None) or media
    try:
        rotate = int(inherited.get("/Rotate") or 0) % 360
    except (TypeError, ValueError):
        rotate = 0
    try:
        unit = float(lookup(page, "/UserUnit") or 1)
    except (TypeError, ValueError):
        unit = 1.0
    return Page(box, rotate if rotate in (0, 90, 180, 270) else 0, unit if unit > 0 else 1.0)


def pages(reader: PdfFileReader) -> Iterator[tuple[Page, generic.DictionaryObject]]:
    """The pages in order with their geometry; stops at a tree that runs in circles or is larger than any real one."""
    stack: list[tuple[Any, dict[str, Any]]] = [(reader.root["/Pages"], {})]
    seen: dict[int, Any] = {}  # keeps the nodes, so that no other gets their id
    count = 0
    while stack and count < _PAGES_MAX:
        node, above = stack.pop()
        if not isinstance(node, generic.DictionaryObject) or id(node) in seen:
            continue
        seen[id(node)] = node
        inherited = {**above, **{k: lookup(node, k) for k in _INHERITED if k in node}}
        kids = lookup(node, "/Kids")
        if isinstance(kids, generic.ArrayObject) and lookup(node, "/Type") != "/Page":
            stack.extend((kids[n], inherited) for n in reversed(range(len(kids))))
            continue
        count += 1
        yield _geometry(inherited, node), node


def places(reader: PdfFileReader, widgets: set[tuple[int, int]]) -> dict[tuple[int, int], Place]:
    """Where the annotations with these object numbers stand, by the pages that really list them."""
    out: dict[tuple[int, int], Place] = {}
    for number, (geometry, page) in enumerate(pages(reader)):
        if len(out) == len(widgets):
            break
        annotations = lookup(page, "/Annots")
        if not isinstance(annotations, generic.ArrayObject):
            continue
        for position in range(len(annotations)):
            entry = annotations.raw_get(position)
            if not isinstance(entry, generic.IndirectObject):
                continue
            key = (entry.idnum, entry.generation)
            if key not in widgets or key in out:
                continue
            annotation = annotations[position]
            rect = _numbers(lookup(annotation, "/Rect"))
            if rect is not None:
                out[key] = Place(number, geometry, rect)
    return out
