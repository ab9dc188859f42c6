"""Text that comes from outside, made fit for a page: nothing hidden in it, nothing that turns the direction of a line, no end without end."""

import unicodedata
from collections.abc import Callable, Collection, Iterator

LONGEST = 600
"""Characters of one text that are shown."""
_CLOSING = frozenset("，。；：、！？）》】」』”’,.;:!?)]}")
_OPENING = frozenset("（《【「『“‘([{")
_SPACES = frozenset(" \u3000")
"""The spaces that are shown as they are; all others, and everything that is not seen, as escapes."""


def fit(text: object, lacking: Collection[str] = (), most: int = LONGEST) -> str:
    """`text` as it may stand on a page: control, direction and unknown characters, and those `lacking` in the font, as escapes; cut at `most`."""
    whole = str(text)
    cut = whole[:most]
    shown = "".join(c if (c.isprintable() or c in _SPACES) and c not in lacking else _escaped(c) for c in cut)
    return shown if len(whole) <= most else f"{shown} … (+{len(whole) - most})"


def _escaped(char: str) -> str:
    code = ord(char)
    if 0xDC80 <= code <= 0xDCFF:  # a byte that is not UTF-8, as os.fsdecode keeps it
        return f"\\x{code - 0xDC00:02x}"
    return char.encode("unicode_escape", "backslashreplace").decode("ascii")


def lines(text: str, width: float, advance: Callable[[str], float]) -> list[str]:
    """`text` in lines of at most `width`; `advance` tells a character's own.  Latin words stay whole where they can."""
    out: list[str] = []
    line, taken = "", 0.0
    for whole in _pieces(text):
        piece, size = whole, sum(map(advance, whole))
        if taken + sum(map(advance, piece.rstrip())) > width and line:
            out.append(line.rstrip())
            line, taken = "", 0.0
            piece = piece.lstrip()
            size = sum(map(advance, piece))
        if size <= width:
            line, taken = line + piece, taken + size
            continue
        for char in piece:  # longer than a line: a digest, an address
            if taken + advance(char) > width and line:
                out.append(line)
                line, taken = "", 0.0
            line, taken = line + char, taken + advance(char)
    return [*out, line.rstrip()]


def _pieces(text: str) -> Iterator[str]:
    """What may not be torn apart: words with the marks around them, each Chinese character with its own."""
    piece = ""
    for char in text:
        may_part = bool(piece) and piece[-1] not in _OPENING and (piece[-1] == " " or char not in _CLOSING)
        if may_part and (piece[-1] == " " or _is_wide(char) or _is_wide(piece[-1])):
            yield piece
            piece = ""
        piece += char
    if piece:
        yield piece


def _is_wide(char: str) -> bool:
    return unicodedata.east_asian_width(char) in "WF"
