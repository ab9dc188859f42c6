"""The report as PDF."""

from datetime import UTC, datetime
from typing import BinaryIO, Final

from agent.paper.sheet import GREY, PALE, Cell, Colour, Look, Paper, write
from agent.verification.bulk import REPORT_MARK
from agent.verification.report_content import Block, Facts, Heading, Items, Para, Source, Table, Title, Verdict, blocks
from agent.verification.report_words import Words

_COLOURS: Final[dict[str, Colour]] = {"passed": (0.09, 0.44, 0.23), "failed": (0.7, 0.15, 0.12), "indeterminate": (0.54, 0.33, 0.0)}
_BLACK: Final[Colour] = (0.1, 0.1, 0.1)
_HEADINGS: Final = {1: (12.5, 14.0, 4.0), 2: (10.5, 10.0, 3.0), 3: (9.5, 6.0, 2.0)}
"""Size, room before and after, by level."""
_SMALL: Final = Look(8.5)


def render(source: Source, lang: str, out: BinaryIO) -> int:
    """Write the file; the number of pages.  Raises `ApiError` not_found with reason ``font``."""
    say = Words(lang)
    footer = f"{say('title')} {source.run['run']}"

    def draw(paper: Paper) -> None:
        for block in blocks(source, lang):
            _draw(paper, block)

    return write(out, draw, title=say("title"), lang=say.lang, footer=footer, made=datetime.now(UTC), mark=REPORT_MARK)


def _draw(paper: Paper, block: Block) -> None:
    match block:
        case Title():
            paper.text(block.text, Look(18, bold=True, after=0))
            paper.text(block.other, Look(9, GREY, after=8))
        case Verdict():
            paper.box(block.text, _COLOURS.get(block.state, _BLACK))
        case Heading():
            size, before, after = _HEADINGS[block.level]
            paper.together(size * 1.5 + before + after + 34)
            paper.text(block.text, Look(size, _COLOURS.get(block.state, _BLACK), bold=True, before=before, after=after))
        case Para():
            paper.text(block.text, Look(8, GREY, before=6) if block.quiet else Look(9.5, before=2))
        case Items():
            for text in block.texts:
                paper.text(f"· {text}", Look(9, after=1.5, indent=4, hang=9))
        case Facts():
            for name, value in block.rows:
                for number, line in enumerate((value,) if isinstance(value, str) else value):
                    paper.row((Cell(name if number == 0 else "", 1.3, _SMALL, PALE), Cell(line, 4.7, _SMALL)))
        case Table():
            paper.row([Cell(h, p, Look(8.5, bold=True), PALE) for h, p in zip(block.head, block.parts, strict=True)])
            for state, *texts in block.rows():
                looks = [Look(8.5, _COLOURS.get(state, _BLACK), bold=bool(state)), *[_SMALL] * (len(texts) - 1)]
                paper.row([Cell(t, p, look) for t, p, look in zip(texts, block.parts, looks, strict=True)])
