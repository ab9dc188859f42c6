"""Exports: whole or not at all, harmless in a spreadsheet, checked by openssl as their README says."""

import asyncio
import csv
import io
import json
import os
import re
import subprocess
import zipfile
from collections.abc import Awaitable, Callable
from pathlib import Path

import pikepdf
import pytest

from agent.api.errors import ApiError
from agent.ledger import dump
from agent.ledger.log import Ledger
from agent.records import exporting, view
from agent.records.exporting import Done, Format
from agent.records.listing import Filters
from tests.ledger.ledgers import Book
from tests.records.shelf import within

HOSTILE = ['=HYPERLINK("http://x")', "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\u202egpj.exe", "\x1b[31m", "</w:t><script>", "\x00", "甲" * 5000]


def made() -> Book:
    book = Book()
    for name in HOSTILE:
        book.say("attempt.denied", {"name": name})
    book.say(
        "signature.started",
        {"signature": "inner", "statement": {"seq": 1}, "documents": [{"input": {"text": "a.pdf"}}, {"input": {"text": "b.pdf"}}]},
    )
    return book


BOOK = made()


def written(
    output: Path, format: Format, *, filters: Filters | None = None, lang: str = "zh", force: bool = False
) -> Callable[[Ledger], Awaitable[Done]]:
    async def work(ledger: Ledger) -> Done:
        head = await ledger.read(view.head_of)
        what = exporting.What(ledger.store, head, BOOK.org, str(BOOK.note()))
        return await asyncio.to_thread(exporting.export, what, str(output), format, filters or Filters(), lang, force, lambda _done: None)

    return work


@pytest.mark.parametrize("format", ["jsonl", "csv", "xlsx", "pdf"])
def test_an_export_is_whole_private_and_never_over_another_file(tmp_path: Path, format: Format) -> None:
    output = tmp_path / f"台账.{format}"
    done = within(tmp_path / "ledger.db", BOOK, written(output, format))
    assert done.entries == len(BOOK.rows)
    assert os.stat(output).st_mode & 0o777 == 0o600
    before = output.read_bytes()
    with pytest.raises(ApiError) as refused:
        within(tmp_path / "ledger.db", None, written(output, format))
    assert refused.value.code == "output_exists"
    assert output.read_bytes() == before
    assert within(tmp_path / "ledger.db", None, written(output, format, force=True)).entries == len(BOOK.rows)
    with pytest.raises(ApiError):
        within(tmp_path / "ledger.db", None, written(tmp_path / "nowhere" / "x", format))
    assert not [name for name in os.listdir(tmp_path) if name.startswith(".")]


def test_jsonl_is_what_can_be_checked_again(tmp_path: Path) -> None:
    output = tmp_path / "l.jsonl"
    done = within(tmp_path / "ledger.db", BOOK, written(output, "jsonl"))
    lines = output.read_bytes().splitlines(keepends=True)
    assert [dump.read_entry(line).raw for line in lines[1:-1]] == [row.raw for row in BOOK.rows]
    assert dump.read_opening(lines[0]).head == BOOK.head
    assert all(json.loads(line) for line in lines)
    assert done.readme
    with pytest.raises(ApiError) as refused:
        within(tmp_path / "ledger.db", None, written(tmp_path / "part.jsonl", "jsonl", filters=Filters(text="a")))
    assert refused.value.facts == {"reason": "jsonl_whole"}


@pytest.mark.promise(7)
def test_openssl_accepts_each_statement_by_the_commands_of_the_readme(tmp_path: Path) -> None:
    """Not a word is added: what the README prints is what the shell runs, for an entry whose content imitates the line around it too."""
    output = tmp_path / "it's 台账.jsonl"
    done = within(tmp_path / "ledger.db", BOOK, written(output, "jsonl"))
    assert done.readme
    text = Path(done.readme).read_text(encoding="utf-8")
    commands = "\n".join(line[4:] for line in text.splitlines() if line.startswith("    ") and "yinxin ledger" not in line)
    for n in (0, len(BOOK.rows) - 1):
        ran = subprocess.run(["bash", "-e", "-c", commands.replace("N=0", f"N={n}")], cwd=tmp_path, capture_output=True, text=True, check=False)
        assert ran.returncode == 0, ran.stderr
        assert "CAdES Verification successful" in ran.stderr
        assert (tmp_path / "statement.json").read_bytes() == BOOK.rows[n].raw
        nodes = BOOK.rows[n].nodes
        assert nodes
        assert ran.stdout.split()[-2] == nodes[:32].hex()
    (tmp_path / "statement.json").write_bytes(BOOK.rows[1].raw)
    check = commands[commands.index("openssl cms") : commands.index("(printf")]
    assert subprocess.run(["bash", "-e", "-c", check], cwd=tmp_path, capture_output=True, check=False).returncode != 0


def rows_of_csv(path: Path) -> list[list[str]]:
    return list(csv.reader(io.StringIO(path.read_bytes().decode("utf-8-sig"), newline="")))


def rows_of_xlsx(path: Path) -> list[list[str]]:
    """Read without our own library: every cell is an inline or shared string, none a formula or a link."""
    with zipfile.ZipFile(path) as archive:
        sheet = archive.read("xl/worksheets/sheet1.xml").decode()
        names = archive.namelist()
    assert "<f>" not in sheet
    assert "<hyperlink" not in sheet
    assert not any("rels" in name and "sheet" in name for name in names)
    return [re.findall(r"<t[^>]*>([^<]*)</t>", row) for row in re.findall(r"<row .*?</row>", sheet, re.DOTALL)]


@pytest.mark.parametrize("format", ["csv", "xlsx"])
def test_no_cell_is_a_formula_and_none_hides_anything(tmp_path: Path, format: Format) -> None:
    output = tmp_path / f"l.{format}"
    within(tmp_path / "ledger.db", BOOK, written(output, format, lang="en"))
    rows = rows_of_csv(output) if format == "csv" else rows_of_xlsx(output)
    assert len(rows) == len(BOOK.rows) + 1
    assert rows[0][:3] == ["Number", "Time (UTC)", "Act"]
    assert [row[0] for row in rows[1:]] == [str(row.seq) for row in BOOK.rows]
    for row in rows[1:]:
        for cell in row:
            assert format == "xlsx" or not cell.startswith(("=", "+", "-", "@", "\t", "\r"))
            assert not any(char in cell for char in "\u202e\x1b\x00\r")
            assert len(cell) <= 2001
    assert rows[-1][3] == "a.pdf; b.pdf"


def test_filters_choose_rows_of_a_table(tmp_path: Path) -> None:
    output = tmp_path / "l.csv"
    done = within(tmp_path / "ledger.db", BOOK, written(output, "csv", filters=Filters(type="attempt")))
    assert done.entries == len(HOSTILE) == len(rows_of_csv(output)) - 1


def test_the_pdf_can_be_read(tmp_path: Path) -> None:
    output = tmp_path / "l.pdf"
    within(tmp_path / "ledger.db", BOOK, written(output, "pdf"))
    with pikepdf.open(output) as pdf:
        assert len(pdf.pages) >= 1
    text = subprocess.run(["pdftotext", "-layout", output, "-"], capture_output=True, text=True, check=True).stdout
    assert "印信台账" in text
    assert BOOK.head.root.hex() in "".join(text.split())
    assert "a.pdf" in text


def test_an_export_that_is_given_up_leaves_nothing(tmp_path: Path) -> None:
    async def given_up(ledger: Ledger) -> None:
        head = await ledger.read(view.head_of)
        what = exporting.What(ledger.store, head, BOOK.org, None)
        with pytest.raises(ApiError) as ended:
            await exporting.in_thread(
                lambda tell: exporting.export(what, str(tmp_path / "l.jsonl"), "jsonl", Filters(), "zh", False, tell),
                lambda _done: None,
                lambda: True,
            )
        assert ended.value.code == "cancelled"

    within(tmp_path / "ledger.db", BOOK, given_up)
    assert sorted(name for name in os.listdir(tmp_path) if not name.startswith("ledger.db")) == []
