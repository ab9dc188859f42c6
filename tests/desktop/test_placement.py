"""A box stays where it was put, whatever corner it is measured from, and never leaves the page."""

from hypothesis import given
from hypothesis import strategies as st

from desktop.placement import CORNERS, FIRST, Box, Place, from_corner, inside, place_of

sides = st.floats(40, 2000)
lengths = st.floats(-500, 3000)


@given(sides, sides, lengths, lengths, lengths, lengths, st.sampled_from((*CORNERS, None)))
def test_a_place_is_where_the_box_is_and_on_the_page(width, height, x, y, w, h, corner) -> None:  # type: ignore[no-untyped-def]
    box = inside(Box(x, y, w, h), width, height)
    place = place_of(1, box, width, height, corner)
    again = place.box(width, height)
    assert abs(again.x - box.x) <= 0.21
    assert abs(again.y - box.y) <= 0.21
    assert min(again.x, again.y, width - again.x - again.width, height - again.y - again.height) >= -0.01  # what the agent tolerates


@given(st.sampled_from(CORNERS))
def test_another_corner_is_the_same_spot(corner) -> None:  # type: ignore[no-untyped-def]
    other = from_corner(FIRST, corner, 841.0, 594.0)
    assert other.corner == corner
    assert other.box(841.0, 594.0) == FIRST.box(841.0, 594.0)


def test_the_nearest_corner_is_taken() -> None:
    assert place_of(2, Box(5, 5, 20, 10), 210, 297).wire() == "2:5.0,5.0,20.0,10.0@tl"
    assert place_of(1, Box(180, 280, 20, 10), 210, 297).wire() == "1:10.0,7.0,20.0,10.0@br"
    assert Place(1, "bl", 15, 20, 60, 20).wire() == "1:15.0,20.0,60.0,20.0@bl"
