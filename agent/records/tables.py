"""A ledger as a table for people: csv, xlsx or pdf.  For checking there is jsonl; what is here is to be read.

Names come from anywhere: no cell can be a formula, and none holds characters that hide or turn what is read.
"""

import csv
import hashlib
import io
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, BinaryIO, Final

import xlsxwriter

from agent.ledger.checking import Row
from agent.ledger.entry import Head
from agent.paper import sheet
from agent.records import words

_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
_CELL_MAX: Final = 2000
_SHEET_MAX: Final = 1_048_575
"""Rows of a sheet beside its heading; further ones go to a sheet of their own."""
_HEAD: Final[Sequence[tuple[words.Say, int]]] = (
    (words.say("序号", "Number"), 9),
    (words.say("时间 (UTC)", "Time (UTC)"), 22),
    (words.say("事项", "Act"), 20),
    (words.say("内容", "What it says"), 60),
    (words.say("人员", "Person"), 14),
    (words.say("电脑", "Workstation"), 24),
    (words.say("关于", "About"), 26),
    (words.say("凭证编号", "Statement id"), 38),
    (words.say("类型", "Type"), 22),
    (words.say("凭证指纹 (SHA-256)", "SHA-256 of the statement"), 66),
    (words.say("已签名", "Signed"), 8),
)
_ON_PAPER: Final = (0, 1, 2, 3, 4)
"""Columns that fit on a page."""
_PARTS: Final = (6, 15, 14, 38, 10)

Rows = Callable[[], Iterable[Row]]
"""The entries, from the first, as often as it is called."""


def cells(row: Row, lang: str) -> list[str]:
    """One entry as the cells of a table."""
    try:
        told = json.loads(row.raw)
    except (ValueError, RecursionError):
        told = None
    statement: Mapping[str, Any] = told if isinstance(told, dict) else {}
    kind = str(statement.get("type", ""))
    body = statement.get("body")
    about = next((text for key in ("batch", "person", "device", "id") if isinstance(body, Mapping) and (text := words.named(body.get(key)))), "")
    found = (
        str(row.seq),
        str(statement.get("at", "")),
        words.title(kind)[lang],
        _said(kind, body, lang),
        str(statement.get("actor") or ""),
        str(statement.get("device") or ""),
        about,
        str(statement.get("id", "")),
        kind,
        hashlib.sha256(row.raw).hexdigest(),
        words.say("是" if row.cms else "否", "yes" if row.cms else "no")[lang],
    )
    return [words.plain(text, _CELL_MAX) for text in found]


def _said(kind: str, body: object, lang: str) -> str:
    """The line of a list, and every name where there are several documents."""
    line = words.summary(kind, body)[lang]
    documents = body.get("documents") if isinstance(body, Mapping) else None
    names = (
        [name for each in documents if isinstance(each, Mapping) and (name := words.named(each.get("input")))] if isinstance(documents, list) else []
    )
    return "; ".join(names) if len(names) > 1 else line


def harmless(text: str) -> str:
    """A cell that no spreadsheet takes for a formula."""
    return f"'{text}" if text.startswith(_FORMULA) else text


def write_csv(out: BinaryIO, rows: Rows, lang: str) -> int:
    """UTF-8 with a mark at its start, which spreadsheets need to see; returns the number of entries."""
    text = io.TextIOWrapper(out, encoding="utf-8-sig", newline="", write_through=False)
    writer = csv.writer(text, quoting=csv.QUOTE_ALL)
    writer.writerow(label[lang] for label, _ in _HEAD)
    count = 0
    for row in rows():
        writer.writerow(map(harmless, cells(row, lang)))
        count += 1
    text.flush()
    text.detach()
    return count


def write_xlsx(out: BinaryIO, rows: Rows, lang: str) -> int:
    """Row by row, so that a million entries take no more memory than one; every cell is text.  Returns the number of entries."""
    options = {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    count = 0
    with xlsxwriter.Workbook(out, options) as book:
        bold = book.add_format({"bold": True, "bottom": 1})
        page: Any = None
        for row in _or_none(rows()):
            line = count % _SHEET_MAX + 1
            if page is None or (line == 1 and row is not None):
                page = book.add_worksheet(f"{words.say('台账', 'Ledger')[lang]} {count // _SHEET_MAX + 1}")
                page.freeze_panes(1, 0)
                for column, (label, width) in enumerate(_HEAD):
                    page.set_column(column, column, width)
                    page.write_string(0, column, label[lang], bold)
            if row is None:
                break
            for column, text in enumerate(cells(row, lang)):
                page.write_string(line, column, text)
            count += 1
    return count


def _or_none(rows: Iterable[Row]) -> Iterator[Row | None]:
    """The entries and then None, so that an empty ledger has a sheet too."""
    yield from rows
    yield None


def write_pdf(out: BinaryIO, rows: Rows, lang: str, head: Head, org: str | None, note: str | None) -> int:
    """For the file: what it is, its checkpoint, and the entries; returns their number.  Raises `ApiError` (not_found, reason font)."""
    count = 0

    def draw(paper: sheet.Paper) -> None:
        nonlocal count
        count = 0
        paper.text(words.say("印信台账", "Ledger")[lang], sheet.Look(18, bold=True, after=8))
        paper.text(f"{words.say('单位指纹', 'Founding hash')[lang]}: {org or '–'}")
        paper.text(f"{words.say('全部记录数', 'Entries in all')[lang]}: {head.size}")
        paper.text(f"{words.say('根哈希', 'Root hash')[lang]}: {head.root.hex()}", sheet.Look(after=8))
        for line in (note or "").splitlines():
            paper.text(line, sheet.Look(7, sheet.GREY, after=0))
        told = words.say("本页供阅读；核验请用 jsonl 导出。", "This is to be read; to check the ledger, use an export in jsonl.")
        paper.text(told[lang], sheet.Look(8, sheet.GREY, before=6, after=8))
        paper.row([sheet.Cell(_HEAD[n][0][lang], part, sheet.Look(8, bold=True), sheet.PALE) for n, part in zip(_ON_PAPER, _PARTS, strict=True)])
        for row in rows():
            shown = cells(row, lang)
            shown[1] = f"{shown[1][:10]} {shown[1][11:19]}"
            paper.row([sheet.Cell(shown[n], part, sheet.Look(7.5)) for n, part in zip(_ON_PAPER, _PARTS, strict=True)])
            count += 1

    title = words.say("印信台账", "Ledger")[lang]
    sheet.write(out, draw, title=title, lang=lang, footer=f"{title} {org or ''}", made=datetime.now(UTC))
    return count
