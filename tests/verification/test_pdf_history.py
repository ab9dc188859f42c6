"""Earlier revisions read once: the same answers as pyHanko's own way, in a number of steps that grows with the file and not with its square."""

import io
import sys
import time
from collections.abc import Callable
from pathlib import Path

from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.diff_analysis import DEFAULT_DIFF_POLICY, SuspiciousModification

from agent.verification.pdf_history import Revision, Versions
from tests.verification.conftest import Pki, Signing, Verifier, blank_pdf
from tests.verification.test_pdf import annotate, paint, reshaped, updated


def steps(data: bytes, *, own: bool) -> list[object]:
    """What each revision did to the one before, by our views or by pyHanko's."""
    reader = PdfFileReader(io.BytesIO(data), strict=False)
    versions = Versions(reader, time.process_time() + 60)
    out: list[object] = []
    for number in range(1, reader.xrefs.total_revisions):
        old, new = (
            (Revision(versions, number - 1), Revision(versions, number))
            if own
            else (reader.get_historical_resolver(number - 1), reader.get_historical_resolver(number))
        )
        try:
            out.append(DEFAULT_DIFF_POLICY.apply(old, new))
        except SuspiciousModification as exc:
            out.append(str(exc).split(":")[0].split("used in")[0])
        except Exception:
            out.append("error")
    return out


def test_the_same_answers_as_pyhanko_for_files_made_here(signing: Signing, pki: Pki) -> None:
    once = signing.but(box=(100, 100, 300, 160)).sign(reshaped(blank_pdf(pages=3), 0))
    twice = signing.but(field="Sig2", box=(320, 100, 500, 160)).sign(once)
    for data in (twice, updated(twice, paint), updated(twice, annotate), signing.but(field="Late").sign(updated(once, annotate))):
        assert steps(data, own=True) == steps(data, own=False)


def test_the_same_answers_as_pyhanko_for_the_corpus(corpus: Path) -> None:
    compared = 0
    for path in sorted((corpus / "signed").glob("*.pdf")):
        data = path.read_bytes()
        try:
            expected = steps(data, own=False)
        except Exception:
            continue  # pyHanko cannot open it: then there is nothing to compare with, and test_corpus.py judges what we make of it
        compared += 1
        assert steps(data, own=True) == expected, path.name
    assert compared


def calls(run: Callable[[], object]) -> int:
    """How many functions were called, Python's and C's: a measure of work that no other program on the machine disturbs."""
    count = 0

    def look(frame: object, event: str, argument: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    sys.setprofile(look)
    try:
        run()
    finally:
        sys.setprofile(None)
    return count


def test_twice_the_signatures_cost_less_than_three_times_the_work(check: Verifier, signing: Signing, times: Callable[[int, int], int]) -> None:
    half = times(15, 30)
    data, small = blank_pdf(), b""
    for number in range(2 * half):
        x, y = 60 + (number % 10) * 48, 40 + (number // 10) * 45
        data = signing.but(field=f"S{number}", box=(x, y, x + 40, y + 40)).sign(data)
        small = data if number == half - 1 else small
    check(small)  # whatever is loaded once, is
    verdicts: list[str] = []
    few, many = calls(lambda: verdicts.append(check(small)["verdict"])), calls(lambda: verdicts.append(check(data)["verdict"]))
    assert verdicts == ["passed", "passed"]
    assert many < 3 * few
