"""Fonts for the text appearance: a subset of a CJK font with the very characters shown, made once per batch.

The subset is a CID-keyed CFF (ISO 32000-1, 9.7.4 and 9.9: CIDFontType0C), its codes are the CIDs (Identity-H), and a ToUnicode map
lets readers copy and search the text.  Where no CJK font is installed, plain Latin text goes in Helvetica (9.6.2.2).
"""

import hashlib
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

import uharfbuzz as hb

from agent.api.errors import ApiError, Code
from agent.signing.objects import Parts, stream

PACKAGE: Final = "fonts-noto-cjk"
"""The Debian and Ubuntu package that brings the fonts below."""
_FOLDERS: Final = (
    "/usr/share/fonts/opentype/noto", "/usr/share/fonts/noto-cjk", "/usr/share/fonts/google-noto-cjk", "/usr/share/fonts/google-noto-sans-cjk-fonts",
    "/usr/share/fonts/noto", "/usr/local/share/fonts", "~/.local/share/fonts", "~/.fonts",
)  # fmt: skip
_FILES: Final = ("NotoSansCJK-Regular.ttc", "NotoSerifCJK-Regular.ttc", "NotoSansCJKsc-Regular.otf", "NotoSansSC-Regular.otf")
_HELVETICA: Final = (
    278, 278, 355, 556, 556, 889, 667, 191, 333, 333, 389, 584, 278, 333, 278, 278, 556, 556, 556, 556, 556, 556, 556, 556, 556, 556, 278, 278,
    584, 584, 584, 556, 1015, 667, 667, 722, 722, 667, 611, 778, 722, 278, 500, 667, 556, 833, 722, 778, 667, 778, 722, 667, 611, 722, 667, 944,
    667, 667, 611, 278, 278, 278, 469, 556, 333, 556, 556, 500, 556, 556, 278, 556, 556, 222, 222, 500, 222, 833, 556, 556, 556, 556, 333, 500,
    278, 556, 500, 722, 500, 500, 500, 334, 260, 334, 584,
)  # fmt: skip  # widths of U+0020..U+007E, from the Adobe Core 14 metrics


@dataclass(frozen=True, slots=True)
class Typeface:
    """A font for a fixed set of characters, ready to be written into documents."""

    objects: tuple[Parts, ...]
    """PDF objects; the first is the font dictionary."""
    codes: Mapping[str, bytes]
    """Each character's code in a hexadecimal string."""
    widths: Mapping[str, float]
    """Advances at size 1."""
    ascent: float
    descent: float

    def advance(self, char: str) -> float:
        """Width of a character at size 1."""
        return self.widths[char]

    def show(self, text: str) -> bytes:
        """The operand of Tj for `text`."""
        return b"<" + b"".join(self.codes[char] for char in text) + b">"


def installed() -> tuple[str, ...]:
    """Paths of the CJK fonts we can use, best first."""
    paths = (os.path.join(os.path.expanduser(folder), name) for name in _FILES for folder in _FOLDERS)
    return tuple(path for path in paths if os.path.isfile(path))


def typeface(text: str, paths: Iterable[str] | None = None) -> Typeface:
    """A typeface for all characters of `text`, from the first font that has every one.

    Raises `ApiError` not_found with reason ``font`` (no CJK font is installed, `package` says what to install) or ``glyph`` (`characters` are
    in none of the fonts): never a box in place of a character.
    """
    wanted = sorted(set(text))
    missing: list[str] | None = None
    for path in installed() if paths is None else paths:
        face = _simplified(path)
        if face is None:
            continue
        font = hb.Font(face)
        lacking = [char for char in wanted if not font.get_nominal_glyph(ord(char))]
        if not lacking:
            return _embedded(face, font, wanted)
        missing = lacking if missing is None or len(lacking) < len(missing) else missing
    if all(" " <= char <= "~" for char in wanted):
        return _helvetica(wanted)
    if missing is None:
        raise ApiError(Code.NOT_FOUND, reason="font", package=PACKAGE)
    raise ApiError(Code.NOT_FOUND, reason="glyph", characters="".join(missing), package=PACKAGE)


def _simplified(path: str) -> hb.Face | None:
    """The Simplified Chinese face of a font file, or None if it cannot be read or is not CID-keyed CFF."""
    try:
        blob = hb.Blob.from_file_path(path)
        for index in range(16):
            face = hb.Face(blob, index)
            if not face.glyph_count:
                return None
            name = face.get_name(hb.OTNameIdPredefined.FULL_NAME) or ""
            if ("SC" in name.split() or path.endswith(".otf")) and "CFF " in face.table_tags:
                return face
    except (OSError, hb.HarfBuzzError):
        pass
    return None


def _embedded(face: hb.Face, font: hb.Font, wanted: list[str]) -> Typeface:
    scale = 1000 / face.upem
    glyphs = {char: font.get_nominal_glyph(ord(char)) or 0 for char in wanted}
    widths = {char: font.get_glyph_h_advance(glyph) / face.upem for char, glyph in glyphs.items()}
    extents = font.get_font_extents("ltr")
    chosen = hb.SubsetInput()
    chosen.glyph_set.update(set(glyphs.values()))
    chosen.flags = hb.SubsetFlags.NO_HINTING | hb.SubsetFlags.NO_LAYOUT_CLOSURE
    program = bytes(hb.subset(face, chosen).reference_table("CFF ").data)
    tag = "".join(chr(65 + byte % 26) for byte in hashlib.sha256(program).digest()[:6])
    name = (face.get_name(hb.OTNameIdPredefined.POSTSCRIPT_NAME) or "CJK").encode("ascii", "ignore").replace(b" ", b"")
    base = b"/" + tag.encode("ascii") + b"+" + name
    ascent, descent = extents.ascender * scale, extents.descender * scale
    distinct = sorted({(glyphs[char], widths[char]) for char in wanted})
    array = b"".join(b"%d[%d]" % (glyph, round(width * 1000)) for glyph, width in distinct)
    encoding = b"-Identity-H/Encoding/Identity-H/DescendantFonts["
    font_dictionary: Parts = (b"<</Type/Font/Subtype/Type0/BaseFont", base, encoding, 1, b"]/ToUnicode ", 4, b">>")
    descendant: Parts = (
        b"<</Type/Font/Subtype/CIDFontType0/BaseFont", base, b"/CIDSystemInfo<</Registry(Adobe)/Ordering(Identity)/Supplement 0>>",
        b"/FontDescriptor ", 2, b"/DW 1000/W[", array, b"]>>",
    )  # fmt: skip
    descriptor: Parts = (
        b"<</Type/FontDescriptor/FontName", base, b"/Flags 4/FontBBox[-1000 %d 3000 %d]/ItalicAngle 0" % (descent, ascent),
        b"/Ascent %d/Descent %d/CapHeight 733/StemV 80/FontFile3 " % (ascent, descent), 3, b">>",
    )  # fmt: skip
    objects = (font_dictionary, descendant, descriptor, stream((b"/Subtype/CIDFontType0C",), program), stream((), _to_unicode(glyphs)))
    codes = {char: b"%04X" % glyph for char, glyph in glyphs.items()}
    return Typeface(objects, codes, widths, 0.88, -0.12)


def _to_unicode(glyphs: Mapping[str, int]) -> bytes:
    """A ToUnicode CMap (9.10.3); where two characters share a glyph the first stands for both."""
    first: dict[int, str] = {}
    for char, glyph in glyphs.items():
        first.setdefault(glyph, char)
    rows = [b"<%04X> <%s>" % (glyph, char.encode("utf-16-be").hex().upper().encode("ascii")) for glyph, char in sorted(first.items())]
    blocks = [rows[at : at + 100] for at in range(0, len(rows), 100)]
    body = b"\n".join(b"%d beginbfchar\n%s\nendbfchar" % (len(block), b"\n".join(block)) for block in blocks)
    return (
        b"/CIDInit /ProcSet findresource begin\n12 dict begin\nbegincmap\n/CIDSystemInfo <</Registry (Adobe) /Ordering (UCS) /Supplement 0>> def\n"
        b"/CMapName /Adobe-Identity-UCS def\n/CMapType 2 def\n1 begincodespacerange\n<0000> <FFFF>\nendcodespacerange\n"
        + body
        + b"\nendcmap\nCMapName currentdict /CMap defineresource pop\nend\nend\n"
    )


def _helvetica(wanted: list[str]) -> Typeface:
    dictionary: Parts = (b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica/Encoding/WinAnsiEncoding>>",)
    codes = {char: b"%02X" % ord(char) for char in wanted}
    widths = {char: _HELVETICA[ord(char) - 32] / 1000 for char in wanted}
    return Typeface((dictionary,), codes, widths, 0.72, -0.21)
