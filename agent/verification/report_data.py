"""The report for programs: JSON with everything the contract has and the circumstances, and CSV for tables."""

import csv
import io
import json
from collections.abc import Iterator
from typing import Any

from agent.paper.words import fit
from agent.verification.report_content import Source
from agent.verification.report_scope import CHECKED
from agent.verification.report_words import MEANINGS, Words

_COLUMNS = ("file", "verdict", "reason", "explanation", "signers", "signing_time", "size", "sha256")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def render_json(source: Source, lang: str) -> Iterator[str]:
    """The file, in pieces; both languages are in it."""
    del lang
    head: dict[str, Any] = {
        "report": "yinxin-verification", "format": 1, "run": source.run["run"], "verdict": source.verdict, "counts": dict(source.counts),
        "finished": source.run["finished"], "left_out": source.run["left_out"], "environment": source.run["environment"],
        "checked": [say.to_wire() for say in CHECKED], "meanings": {name: say.to_wire() for name, say in MEANINGS},
    }  # fmt: skip
    yield json.dumps(head, indent=1)[:-2] + ',\n "documents": ['
    before = ""
    for document in source.documents(source.exceptions_only):
        yield before + "\n  " + json.dumps(document)
        before = ","
    yield "\n ]\n}\n"


def render_csv(source: Source, lang: str) -> Iterator[str]:
    """A table with a line for each document; what a spreadsheet would take for a formula is text."""
    say = Words(lang)
    yield "\ufeff" + _line(_COLUMNS)  # the mark by which spreadsheets know UTF-8
    for document in source.documents(source.exceptions_only):
        people = [s for s in document["signatures"] if s["kind"] != "timestamp"]
        names = dict.fromkeys(str(s["signer"]) for s in people if s["signer"])
        times = [s["signing_time"] for s in people if s["signing_time"]]
        yield _line(
            (
                document["file"], document["verdict"], document["reason"] or "", say.of(document["explanation"]), "; ".join(names),
                times[-1] if times else "", document.get("size"), document.get("sha256") or "",
            )
        )  # fmt: skip


def _line(cells: tuple[object, ...]) -> str:
    out = io.StringIO()
    csv.writer(out).writerow([_cell(cell) for cell in cells])
    return out.getvalue()


def _cell(value: object) -> str:
    text = "" if value is None else fit(value, most=4000)
    return "'" + text if text.startswith(_FORMULA) else text
