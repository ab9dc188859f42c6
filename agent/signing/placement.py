"""Where a visible signature goes: places in mm on the page as displayed, and what they are in the page's own coordinates.

A page may be turned (/Rotate), cut (/CropBox), shifted (boxes off the origin) and scaled (/UserUnit); a person means what
the viewer shows.  ISO 32000-1: 7.7.3.3 (page), 8.3.2.3 (user space), 12.5.5 (how an appearance meets its rectangle).
"""

import math
import re
from dataclasses import dataclass
from typing import Literal, TypeAlias

from agent.api.errors import ApiError, Code

Corner: TypeAlias = Literal["bl", "br", "tl", "tr"]
Box: TypeAlias = tuple[float, float, float, float]
Matrix: TypeAlias = tuple[float, float, float, float, float, float]

DEFAULT_WIDTH_MM = 60.0
DEFAULT_HEIGHT_MM = 20.0
MM_PER_INCH = 25.4
POINTS_PER_INCH = 72
_TOLERANCE_MM = 0.01
_NUMBER = r"[0-9]{1,6}(?:\.[0-9]{1,6})?"
_PLACE = re.compile(rf"(last|[0-9]{{1,6}}):({_NUMBER}),({_NUMBER})(?:,({_NUMBER})(?:,({_NUMBER}))?)?(?:@(bl|br|tl|tr))?")


@dataclass(frozen=True, slots=True)
class Place:
    """A rectangle on a page: `x` and `y` in mm from `corner` of the page as displayed to the same corner of the rectangle."""

    page: int
    """Counted from 1; 0 is the last page."""
    x: float
    y: float
    width: float = DEFAULT_WIDTH_MM
    height: float = DEFAULT_HEIGHT_MM
    corner: Corner = "bl"
    shrink: bool = False
    """Moved and made smaller to fit a small page (only for the place that nobody chose)."""

    def __str__(self) -> str:
        page = self.page or "last"
        return f"{page}:{self.x:g},{self.y:g},{self.width:g},{self.height:g}@{self.corner}"


DEFAULT_PLACE = Place(1, 10.0, 10.0, shrink=True)
"""Where the appearance goes when no place is given."""


def parse(text: str) -> Place:
    """A place from ``PAGE:X,Y[,W[,H]][@bl|br|tl|tr]``; raises `ApiError` (usage)."""
    match = _PLACE.fullmatch(text)
    if match is None:
        raise ApiError(Code.USAGE, reason="place", wanted=text[:80])
    page, x, y, width, height, corner = match.groups()
    number = 0 if page == "last" else int(page)
    w = DEFAULT_WIDTH_MM if width is None else float(width)
    h = DEFAULT_HEIGHT_MM if height is None else float(height)
    if (page != "last" and number == 0) or w <= 0 or h <= 0:
        raise ApiError(Code.USAGE, reason="place", wanted=text[:80])
    return Place(number, float(x), float(y), w, h, corner or "bl")  # type: ignore[arg-type]  # the pattern admits no other word


@dataclass(frozen=True, slots=True)
class PageShape:
    """What of a page decides how it is displayed; `box` is in user space, in order and cut to the media."""

    box: Box
    rotate: Literal[0, 90, 180, 270] = 0
    user_unit: float = 1.0

    @property
    def unit_mm(self) -> float:
        """mm of one unit of user space."""
        return self.user_unit * MM_PER_INCH / POINTS_PER_INCH

    @property
    def size(self) -> tuple[float, float]:
        """Width and height as displayed, in units of user space."""
        left, bottom, right, top = self.box
        wide, high = right - left, top - bottom
        return (high, wide) if self.rotate in (90, 270) else (wide, high)


def shape(media: Box | None, crop: Box | None, rotate: float = 0, user_unit: float = 1.0) -> PageShape:
    """A page's shape from its (inherited) entries, mended as viewers do: boxes reversed or missing, an empty intersection, odd turns."""
    area = _ordered(media) or (0.0, 0.0, 612.0, 792.0)
    cut = _ordered(crop)
    if cut is not None:
        both = (max(area[0], cut[0]), max(area[1], cut[1]), min(area[2], cut[2]), min(area[3], cut[3]))
        area = both if both[0] < both[2] and both[1] < both[3] else area
    quarter = round(rotate / 90) * 90 % 360 if math.isfinite(rotate) else 0
    unit = user_unit if math.isfinite(user_unit) and user_unit > 0 else 1.0
    return PageShape(area, quarter, unit)  # type: ignore[arg-type]  # a multiple of 90 below 360


def _ordered(box: Box | None) -> Box | None:
    if box is None or not all(math.isfinite(value) for value in box):
        return None
    left, right = sorted((box[0], box[2]))
    bottom, top = sorted((box[1], box[3]))
    return (left, bottom, right, top) if left < right and bottom < top else None


@dataclass(frozen=True, slots=True)
class Spot:
    """A place on a given page: the annotation's rectangle, and the appearance's size and matrix (all in user space units)."""

    rect: Box
    width: float
    height: float
    matrix: Matrix
    rotate: int
    unit_mm: float
    any_size: bool = False
    """Nobody chose the size, so text may come out too small to read."""


def locate(place: Place, page: PageShape) -> Spot:
    """The spot of `place` on a page; raises `ApiError` (input_unusable, reason off_page) when it does not lie on the page whole."""
    unit = page.unit_mm
    full_width, full_height = (side * unit for side in page.size)
    x, y, width, height = place.x, place.y, place.width, place.height
    if place.shrink:
        factor = min(1.0, full_width / width, full_height / height)
        width, height = width * factor, height * factor
        x, y = min(x, full_width - width), min(y, full_height - height)
    if place.corner in ("br", "tr"):
        x = full_width - x - width
    if place.corner in ("tl", "tr"):
        y = full_height - y - height
    if min(x, y, full_width - x - width, full_height - y - height) < -_TOLERANCE_MM:
        raise ApiError(
            Code.INPUT_UNUSABLE, reason="off_page", place=str(place), page_width_mm=round(full_width, 1), page_height_mm=round(full_height, 1)
        )
    return _spot(page, x / unit, y / unit, width / unit, height / unit, place.shrink)


def _spot(page: PageShape, x: float, y: float, w: float, h: float, any_size: bool) -> Spot:
    """From displayed coordinates (origin at the displayed bottom left) to user space; the page is turned clockwise to be displayed."""
    left, bottom, right, top = page.box
    if page.rotate == 90:
        rect = (right - y - h, bottom + x, right - y, bottom + x + w)
        matrix = (0.0, 1.0, -1.0, 0.0, h, 0.0)
    elif page.rotate == 180:
        rect = (right - x - w, top - y - h, right - x, top - y)
        matrix = (-1.0, 0.0, 0.0, -1.0, w, h)
    elif page.rotate == 270:
        rect = (left + y, top - x - w, left + y + h, top - x)
        matrix = (0.0, -1.0, 1.0, 0.0, 0.0, w)
    else:
        rect = (left + x, bottom + y, left + x + w, bottom + y + h)
        matrix = (1.0, 0.0, 0.0, 1.0, 0.0, 0.0)
    return Spot(rect, w, h, matrix, page.rotate, page.unit_mm, any_size)
