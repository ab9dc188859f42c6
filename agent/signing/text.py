"""The words of a text appearance, and how they are broken into lines."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Final, Literal, TypeAlias

Language: TypeAlias = Literal["zh", "en"]

_LABELS: Final[Mapping[str, tuple[str, str, str, str]]] = {
    "zh": ("签名人：", "时间：", "事由：", "地点："),
    "en": ("Signed by: ", "Time: ", "Reason: ", "Location: "),
}
_PRACTICE: Final[Mapping[str, str]] = {"zh": "练习模式（无效力）", "en": "Practice, no legal effect"}
LEADING: Final = 1.3
"""Distance of base lines, in font sizes."""
PADDING: Final = 0.35
"""White around the text, in font sizes."""
_LARGEST: Final = 14.0


def reason_told(language: Language, reason: str, practice: bool) -> str:
    """The reason as the signature dictionary has it: viewers show it, so that a practice signature says what it is even where the page does not."""
    return "; ".join(filter(None, (_PRACTICE[language] if practice else "", reason)))


def words(language: Language, name: str, moment: datetime, reason: str, location: str, practice: bool = False) -> tuple[str, ...]:
    """The lines shown: who, when (as the signer's clock says, with its offset), why and where if given; that it is practice, if it is."""
    signer, time, why, where = _LABELS[language]
    offset = moment.strftime("%z")
    clock = moment.strftime("%Y-%m-%d %H:%M:%S") + (f" {offset[:3]}:{offset[3:5]}" if offset else "")
    lines = [signer + name, time + clock]
    if reason:
        lines.append(why + reason)
    if location:
        lines.append(where + location)
    if practice:
        lines.append(_PRACTICE[language])
    return tuple(" ".join(line.split()) for line in lines)


def wrap(line: str, room: float, advance: Callable[[str], float]) -> list[str]:
    """Break `line` so that no part is wider than `room`: at spaces where there are any, else between characters."""
    parts: list[str] = []
    rest = line
    while rest:
        used, end, space = 0.0, 0, 0
        for index, char in enumerate(rest):
            used += advance(char)
            if used > room and end:
                break
            end = index + 1
            if char == " ":
                space = end
        if end < len(rest) and space:
            end = space
        parts.append(rest[:end].rstrip())
        rest = rest[end:]
    return parts


def fit(lines: tuple[str, ...], width: float, height: float, unit_pt: float, advance: Callable[[str], float]) -> tuple[float, list[str]]:
    """The largest font size at which the lines, broken where needed, fill the box, and the broken lines.

    `width`, `height` and the size are in user space units, `unit_pt` points each; `advance` gives a character's width at size 1.
    """
    low, high = 0.0, min(_LARGEST / unit_pt, height / (len(lines) * LEADING + 2 * PADDING))
    if all(sum(map(advance, line)) * high <= width - 2 * PADDING * high for line in lines):
        return high, list(lines)
    for _ in range(20):
        size = (low + high) / 2
        low, high = (size, high) if _fits(lines, size, width, height, advance) else (low, size)
    return low, _broken(lines, low, width, advance)


def _broken(lines: tuple[str, ...], size: float, width: float, advance: Callable[[str], float]) -> list[str]:
    room = width / size - 2 * PADDING
    return [part for line in lines for part in wrap(line, room, advance)]


def _fits(lines: tuple[str, ...], size: float, width: float, height: float, advance: Callable[[str], float]) -> bool:
    room = width / size - 2 * PADDING
    if room <= max(advance(char) for line in lines for char in line):
        return False
    return (len(_broken(lines, size, width, advance)) * LEADING + 2 * PADDING) * size <= height
