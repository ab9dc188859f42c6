"""Lettering for the sample drawing: strokes, as CAD programs plot them, and a small embedded font for real text."""

from collections.abc import Iterator
from pathlib import Path

from fontTools.fontBuilder import FontBuilder
from fontTools.pens.cu2quPen import Cu2QuPen
from fontTools.pens.ttGlyphPen import TTGlyphPen
from fontTools.ttLib import TTCollection

CJK_FONT = Path("/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc")
"""From Debian's fonts-noto-cjk."""

# Each glyph: its width and its polylines on a grid 10 high; "x,y x,y | x,y x,y" with the origin at the lower left.
_STROKES: dict[str, tuple[int, str]] = {
    "0": (6, "0,2 0,8 2,10 4,10 6,8 6,2 4,0 2,0 0,2"),
    "1": (4, "0,8 2,10 2,0 | 0,0 4,0"),
    "2": (6, "0,8 2,10 4,10 6,8 6,6 0,0 6,0"),
    "3": (6, "0,9 2,10 4,10 6,8 6,7 4,5 2,5 | 4,5 6,3 6,2 4,0 2,0 0,1"),
    "4": (6, "4,0 4,10 0,3 6,3"),
    "5": (6, "6,10 1,10 0,5 4,6 6,4 6,2 4,0 2,0 0,1"),
    "6": (6, "5,10 2,9 0,5 0,2 2,0 4,0 6,2 6,4 4,6 2,6 0,4"),
    "7": (6, "0,10 6,10 2,0"),
    "8": (6, "2,5 0,7 0,8 2,10 4,10 6,8 6,7 4,5 2,5 0,3 0,2 2,0 4,0 6,2 6,3 4,5"),
    "9": (6, "6,6 4,4 2,4 0,6 0,8 2,10 4,10 6,8 6,5 4,1 1,0"),
    "A": (6, "0,0 3,10 6,0 | 1,4 5,4"),
    "B": (6, "0,0 0,10 4,10 6,9 6,6 4,5 0,5 | 4,5 6,4 6,1 4,0 0,0"),
    "C": (6, "6,2 4,0 2,0 0,2 0,8 2,10 4,10 6,8"),
    "D": (6, "0,0 0,10 3,10 6,7 6,3 3,0 0,0"),
    "E": (6, "6,0 0,0 0,10 6,10 | 0,5 4,5"),
    "K": (6, "0,0 0,10 | 6,10 0,4 | 2,6 6,0"),
    "L": (5, "0,10 0,0 5,0"),
    "Z": (6, "0,10 6,10 0,0 6,0"),
    "x": (6, "0,1 6,7 | 0,7 6,1"),
    ":": (2, "1,2 1,3 | 1,6 1,7"),
    ".": (2, "1,0 1,1"),
    "-": (5, "0,5 5,5"),
    "(": (3, "3,11 1,8 1,2 3,-1"),
    ")": (3, "0,11 2,8 2,2 0,-1"),
    " ": (4, ""),
    "平": (10, "1,9 9,9 | 2,8 3,6 | 8,8 7,6 | 0,5 10,5 | 5,9 5,0"),
    "面": (10, "0,9 10,9 | 5,9 4,7 | 1,0 1,7 9,7 9,0 1,0 | 4,7 4,0 | 6,7 6,0 | 4,5 6,5 | 4,2 6,2"),
    "图": (10, "0,0 0,10 10,10 10,0 0,0 | 4,9 2,6 | 3,8 7,8 2,3 | 4,7 8,3 | 4,4 6,3 | 4,2 7,1"),
    "二": (10, "2,8 8,8 | 0,1 10,1"),
    "层": (10, "1,10 9,10 9,7 1,7 | 1,10 1,5 0,0 | 3,5 9,5 | 2,3 10,3 | 5,3 3,0 8,0 | 7,2 9,-1"),
}


def stroke_lines(text: str, x: float, y: float, height: float) -> Iterator[list[tuple[float, float]]]:
    """The polylines that letter `text` from (x, y), `height` high, in the same unit; raises KeyError for a character without strokes."""
    unit = height / 10
    for character in text:
        width, drawn = _STROKES[character]
        for line in filter(None, (part.strip() for part in drawn.split("|"))):
            yield [(x + float(px) * unit, y + float(py) * unit) for px, py in (point.split(",") for point in line.split())]
        x += (width + 3) * unit


def stroke_width(text: str, height: float) -> float:
    """How long `text` is in strokes, without the last gap."""
    return sum(_STROKES[character][0] + 3 for character in text) * height / 10 - 3 * height / 10


def subset_font(characters: str, target: Path, source: Path = CJK_FONT, family: str = "Noto Sans CJK SC") -> Path:
    """Write a TrueType font with just `characters`, cut from `source` (its cubic outlines are not for reportlab), and return its path."""
    with TTCollection(source, lazy=True) as collection:
        font = next(one for one in collection.fonts if one["name"].getDebugName(1) == family)
        names, glyph_set, units = font.getBestCmap(), font.getGlyphSet(), font["head"].unitsPerEm
        wanted = {ord(character): names[ord(character)] for character in sorted(set(characters)) if ord(character) in names}
        order = [".notdef", *dict.fromkeys(wanted.values())]
        glyphs, metrics = {}, {}
        for name in order:
            pen = TTGlyphPen(None)
            glyph_set[name].draw(Cu2QuPen(pen, max_err=1.0, reverse_direction=True))
            glyphs[name] = pen.glyph()
            metrics[name] = (round(glyph_set[name].width), 0)
        ascent, descent = font["hhea"].ascent, font["hhea"].descent
    builder = FontBuilder(units, isTTF=True)
    builder.setupGlyphOrder(order)
    builder.setupCharacterMap(wanted)
    builder.setupGlyf(glyphs)
    builder.setupHorizontalMetrics({name: (width, glyphs[name].xMin if hasattr(glyphs[name], "xMin") else 0) for name, (width, _) in metrics.items()})
    builder.setupHorizontalHeader(ascent=ascent, descent=descent)
    builder.setupNameTable({"familyName": "Yinxin Sample", "styleName": "Regular", "psName": "YinxinSample-Regular"})
    builder.setupOS2(sTypoAscender=ascent, sTypoDescender=descent, usWinAscent=ascent)
    builder.setupPost()
    builder.updateHead(created=0, modified=0)  # the same call gives the same bytes
    builder.save(target)
    return target
