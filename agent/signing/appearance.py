"""The text appearance of a signature as PDF objects: built once per batch, drawn per size of place."""

from dataclasses import dataclass, field

from agent.api.errors import ApiError, Code
from agent.signing.fonts import Typeface, typeface
from agent.signing.objects import Parts, array, real, stream
from agent.signing.placement import MM_PER_INCH, POINTS_PER_INCH, Spot
from agent.signing.text import LEADING, PADDING, fit

_INK = b"0.05 0.15 0.40"
_FRAME_PT = 0.5
"""The panel behind the text is white and almost opaque: readable on dark drawings, and what lies under it still shows."""
SMALLEST_PT = 1.5
"""Text that would come out smaller than this is refused: nobody could read it."""


@dataclass(frozen=True, slots=True)
class Stamp:
    """Lines of text with a typeface that has every character of them."""

    lines: tuple[str, ...]
    face: Typeface
    _drawn: dict[tuple[float, float, float, int], Parts] = field(default_factory=dict, compare=False)

    @property
    def font(self) -> tuple[Parts, ...]:
        """The font's objects, the same for every place; `form` refers to the first of them as index 0 of the group."""
        return self.face.objects

    def form(self, spot: Spot) -> Parts:
        """The form XObject for a spot (ISO 32000-1, 12.5.5); raises `ApiError` (input_unusable, reason too_small)."""
        key = (spot.width, spot.height, spot.unit_mm, spot.rotate)
        made = self._drawn.get(key)
        if made is None:
            made = self._drawn[key] = self._draw(spot)
        return made

    def _draw(self, spot: Spot) -> Parts:
        unit_pt = spot.unit_mm * POINTS_PER_INCH / MM_PER_INCH
        size, lines = fit(self.lines, spot.width, spot.height, unit_pt, self.face.advance)
        if size * unit_pt < SMALLEST_PT and not spot.any_size:
            width, height = round(spot.width * spot.unit_mm, 1), round(spot.height * spot.unit_mm, 1)
            raise ApiError(Code.INPUT_UNUSABLE, reason="too_small", width_mm=width, height_mm=height)
        entries: Parts = (
            b"/Type/XObject/Subtype/Form/BBox", array((0, 0, spot.width, spot.height)), b"/Matrix", array(spot.matrix),
            b"/Resources<</ExtGState<</P<</ca 0.85>>/I<</ca 1>>>>/Font<</F ", 0, b">>>>",
        )  # fmt: skip
        return stream(entries, self._content(spot, size, lines, _FRAME_PT / unit_pt))

    def _content(self, spot: Spot, size: float, lines: list[str], line_width: float) -> bytes:
        block = len(lines) * LEADING * size
        top = (spot.height + block) / 2 - (LEADING - self.face.ascent + self.face.descent) / 2 * size - self.face.ascent * size
        inset = line_width / 2
        frame = b" ".join(real(value) for value in (inset, inset, spot.width - line_width, spot.height - line_width))
        panel = b"q /P gs 1 g 0 0 %s %s re f" % (real(spot.width), real(spot.height))
        out = [panel, b"/I gs %s RG %s rg %s w %s re S" % (_INK, _INK, real(line_width), frame), b"BT /F %s Tf" % real(size)]
        for index, line in enumerate(lines):
            out.append(b"1 0 0 1 %s %s Tm %s Tj" % (real(PADDING * size), real(top - index * LEADING * size), self.face.show(line)))
        out.append(b"ET Q")
        return b"\n".join(out)


def stamp(lines: tuple[str, ...]) -> Stamp:
    """A stamp for these lines; raises as `typeface` does."""
    return Stamp(lines, typeface("".join(lines)))
