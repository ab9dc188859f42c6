"""Where a signature stands on a sheet: millimetres from the nearest corner as displayed, so that sheets of other sizes fit too."""

import math
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

Corner: TypeAlias = Literal["bl", "br", "tl", "tr"]
CORNERS: Final[tuple[Corner, ...]] = ("br", "bl", "tr", "tl")
SMALLEST_MM: Final = 5.0


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle on a displayed page in mm from its top left corner, y downwards, as a screen has it."""

    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Place:
    """A place as the agent takes it: distances of the box's nearest sides from a corner, in mm."""

    page: int
    corner: Corner
    x: float
    y: float
    width: float
    height: float

    def wire(self) -> str:
        """PAGE:X,Y,W,H@CORNER."""
        return f"{self.page}:{self.x:.1f},{self.y:.1f},{self.width:.1f},{self.height:.1f}@{self.corner}"

    def box(self, page_width: float, page_height: float) -> Box:
        """Where that is on a page of this size."""
        left = self.x if self.corner in ("bl", "tl") else page_width - self.x - self.width
        top = self.y if self.corner in ("tl", "tr") else page_height - self.y - self.height
        return Box(left, top, self.width, self.height)


FIRST: Final = Place(1, "br", 15.0, 15.0, 70.0, 20.0)
"""Bottom right, where a drawing's title block is; a person moves it."""


def inside(box: Box, page_width: float, page_height: float) -> Box:
    """`box` moved, and where it must be made smaller, so that it lies on the page."""
    width, height = min(max(box.width, SMALLEST_MM), page_width), min(max(box.height, SMALLEST_MM), page_height)
    return Box(min(max(box.x, 0.0), page_width - width), min(max(box.y, 0.0), page_height - height), width, height)


def place_of(page: int, box: Box, page_width: float, page_height: float, corner: Corner | None = None) -> Place:
    """The place of `box`, from `corner`, or from the corner it is nearest to."""
    right, below = page_width - box.x - box.width, page_height - box.y - box.height
    if corner is None:
        corner = ("tr" if box.y < below else "br") if right < box.x else ("tl" if box.y < below else "bl")
    x = box.x if corner in ("bl", "tl") else right
    y = box.y if corner in ("tl", "tr") else below
    return Place(page, corner, *(_tenth(value) for value in (x, y, box.width, box.height)))


def _tenth(value: float) -> float:
    """Down to a tenth: rounding up could push a box over the edge."""
    return math.floor(max(value, 0.0) * 10 + 1e-6) / 10


def from_corner(place: Place, corner: Corner, page_width: float, page_height: float) -> Place:
    """The same spot of the page, measured from another corner."""
    return place_of(place.page, place.box(page_width, page_height), page_width, page_height, corner)
