"""The report as one HTML file that needs nothing else and prints on A4; everything from outside is escaped, and there are no scripts."""

from collections.abc import Iterator
from html import escape
from typing import Final

from agent.paper.words import fit
from agent.verification.report_content import Block, Facts, Heading, Items, Para, Source, Table, Title, Verdict, blocks
from agent.verification.report_words import Words

_STYLE: Final = """
@page { size: A4; margin: 18mm 16mm }
* { box-sizing: border-box }
body { font: 10.5pt/1.5 "Noto Sans CJK SC", "Source Han Sans SC", "Microsoft YaHei", "PingFang SC", sans-serif; color: #1a1a1a;
  max-width: 190mm; margin: 8mm auto; padding: 0 5mm }
h1 { font-size: 18pt; margin: 0 0 3mm }
h1 small { font-size: 10pt; font-weight: 400; color: #666; margin-left: 4mm }
h2 { font-size: 12.5pt; margin: 7mm 0 2mm; border-bottom: 1px solid #999; page-break-after: avoid }
h3 { font-size: 11pt; margin: 5mm 0 1mm; page-break-after: avoid; overflow-wrap: anywhere }
h4 { font-size: 10.5pt; margin: 3mm 0 1mm; page-break-after: avoid }
table { border-collapse: collapse; width: 100%; margin: 1mm 0 3mm; table-layout: fixed }
tr { page-break-inside: avoid }
th, td { border: 1px solid #bbb; padding: 1mm 2mm; text-align: left; vertical-align: top; overflow-wrap: anywhere }
th { background: #f2f2f2; font-weight: 600 }
table.facts th { width: 42mm }
p { margin: 1mm 0 2mm; overflow-wrap: anywhere }
ul { margin: 1mm 0 3mm; padding-left: 6mm }
li { overflow-wrap: anywhere }
.verdict { font-size: 15pt; font-weight: 700; border: 2px solid; padding: 2mm 4mm; display: inline-block; margin: 2mm 0 }
.passed { color: #17703a }
.failed { color: #b3261e }
.indeterminate { color: #8a5300 }
.quiet { color: #666; font-size: 9pt; margin-top: 4mm }
@media print {
  body { margin: 0; padding: 0; max-width: none }
  * { -webkit-print-color-adjust: exact; print-color-adjust: exact }
}
"""
_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'"


def render(source: Source, lang: str) -> Iterator[str]:
    """The file, in pieces."""
    say = Words(lang)
    head = f'<meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="{_POLICY}"><title>{_safe(say("title"))}</title>'
    viewport = '<meta name="viewport" content="width=device-width">'
    yield f'<!DOCTYPE html>\n<html lang="{"zh-CN" if say.lang == "zh" else "en"}"><head>{head}{viewport}<style>{_STYLE}</style></head><body>\n'
    for block in blocks(source, lang):
        yield from _drawn(block)
    yield "</body></html>\n"


def _drawn(block: Block) -> Iterator[str]:
    match block:
        case Title():
            yield f"<h1>{_safe(block.text)}<small>{_safe(block.other)}</small></h1>\n"
        case Verdict():
            yield f'<div class="verdict {_safe(block.state)}">{_safe(block.text)}</div>\n'
        case Heading():
            yield f'<h{block.level + 1} class="{_safe(block.state)}">{_safe(block.text)}</h{block.level + 1}>\n'
        case Para():
            quiet = ' class="quiet"' if block.quiet else ""
            yield f"<p{quiet}>{_safe(block.text)}</p>\n"
        case Items():
            yield "<ul>" + "".join(f"<li>{_safe(text)}</li>" for text in block.texts) + "</ul>\n" if block.texts else ""
        case Facts():
            rows = "".join(f"<tr><th>{_safe(name)}</th><td>{_value(value)}</td></tr>" for name, value in block.rows)
            yield f'<table class="facts">{rows}</table>\n' if rows else ""
        case Table():
            whole = sum(block.parts)
            cells = "".join(f'<th style="width:{100 * p / whole:.0f}%">{_safe(h)}</th>' for h, p in zip(block.head, block.parts, strict=True))
            yield f"<table><tr>{cells}</tr>\n"
            for state, *texts in block.rows():
                yield "<tr>" + "".join(f'<td class="{_safe(state) if n == 0 else ""}">{_safe(t)}</td>' for n, t in enumerate(texts)) + "</tr>\n"
            yield "</table>\n"


def _value(value: str | tuple[str, ...]) -> str:
    return _safe(value) if isinstance(value, str) else "<br>".join(map(_safe, value))


def _safe(text: str) -> str:
    return escape(fit(text))
