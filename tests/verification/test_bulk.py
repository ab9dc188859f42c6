"""Folders: what is looked at, what is left out, and that a run which was stopped loses nothing and checks nothing twice."""

import asyncio
import os
import sqlite3
import tracemalloc
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from agent.verification.bulk import REPORT_MARK, Blocked, LeftOut, walk
from agent.verification.bulk_run import Run
from agent.verification.identity import read_part
from agent.verification.runs import Runs
from agent.verification.service import Checkers, Desk, Known, request_for
from tests.verification.conftest import Pki, Signing, blank_pdf


def found(folder: Path) -> tuple[list[str], dict[str, int]]:
    """What `walk` yields, as paths below `folder`, and what it counts."""
    left_out = LeftOut()
    paths = [os.path.relpath(w.folder if isinstance(w, Blocked) else w, folder) for w in walk(str(folder), left_out)]
    return paths, {name: n for name, n in left_out.to_wire().items() if n}


def test_a_folder_is_walked_with_all_below_it_and_nothing_outside(tmp_path: Path) -> None:
    top = tmp_path / "档案"
    for name in ("b/深/更深", "a", ".git"):
        (top / name).mkdir(parents=True)
    outside = tmp_path / "outside.pdf"
    outside.write_bytes(b"%PDF-1.7 outside")
    for name in ("b/深/更深/1.pdf", "a/2.pdf", "z.pdf", ".hidden.pdf", ".git/3.pdf"):
        (top / name).write_bytes(b"%PDF-1.7")
    os.symlink("..", top / "b/loop")
    os.symlink(tmp_path, top / "out")
    os.symlink(outside, top / "linked.pdf")
    os.symlink("nowhere", top / "dead.pdf")
    os.mkfifo(top / "pipe.pdf")
    paths, left_out = found(top)
    assert paths == ["linked.pdf", "z.pdf", "a/2.pdf", "b/深/更深/1.pdf"]
    assert left_out == {"hidden": 2, "linked_folders": 2, "special": 2}


def test_what_holds_no_signature_is_counted_and_signature_files_go_with_theirs(tmp_path: Path) -> None:
    for name, data in {
        "模型.dwg": b"AC1032", "模型.dwg.p7s": b"x", "stamped.txt": b"t", "stamped.txt.tsr": b"x", "plain.dwg": b"AC1032", "orphan.p7s": b"x",
        "orphan.sig": b"x", "note.txt": b"hello", "form.xml": b"\xef\xbb\xbf<a/>", "renamed": b"%PDF-1.4", "s.pdf": b"%PDF-1.4", "s.pdf.p7s": b"x",
    }.items():  # fmt: skip
        (tmp_path / name).write_bytes(data)
    zipfile.ZipFile(tmp_path / "letter.docx", "w").close()
    paths, left_out = found(tmp_path)
    assert paths == ["form.xml", "orphan.p7s", "orphan.sig", "renamed", "s.pdf", "stamped.txt", "模型.dwg"]
    assert left_out == {"without_signature": 3}


@pytest.mark.skipif(os.getuid() == 0, reason="root opens every folder")
def test_a_folder_that_cannot_be_opened_has_not_passed(tmp_path: Path) -> None:
    shut = tmp_path / "shut"
    shut.mkdir(mode=0)
    (blocked,) = walk(str(tmp_path), LeftOut())
    assert isinstance(blocked, Blocked)
    assert blocked.document()["verdict"] == "indeterminate"
    shut.chmod(0o700)


def test_names_that_are_not_utf8_and_a_folder_that_vanishes_are_no_trouble(tmp_path: Path) -> None:
    odd = os.fsencode(tmp_path) + b"/\xff\n\x1b[31m.pdf"
    with open(odd, "wb") as file:
        file.write(b"%PDF-1.7")
    assert found(tmp_path)[0] == [os.fsdecode(b"\xff\n\x1b[31m.pdf")]
    (gone,) = walk(str(tmp_path / "gone"), LeftOut())
    assert isinstance(gone, Blocked)


@dataclass
class Bench:
    """Runs over one store; `checked` names every file a worker was asked about."""

    store: Path
    desk: Any
    checked: list[str] = field(default_factory=list)
    told: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    def run(self, runs: Runs, folder: Path, name: str | None = None, *, most: int | None = None, conditions: str = "same") -> Run:
        """Verify; `most` stops it after so many looks, as a kill would."""
        bench = self

        class Counting:
            async def check(self, file: str) -> dict[str, Any]:
                if most is not None and len(bench.checked) >= most:
                    raise asyncio.CancelledError
                bench.checked.append(file)
                return dict(await bench.desk.check(file))

        async def settle(document: dict[str, Any]) -> dict[str, Any]:
            return document

        def tell(event: str, **data: Any) -> None:
            bench.told.append((event, data))

        async def go() -> Run:
            going = Run(name or runs.new({}, True), runs, Counting(), conditions, settle, tell, (), (str(folder),), tell_all=False)  # type: ignore[arg-type]
            await going.plan()
            await going.check(1 if most is not None else 3)
            return going

        self.checked.clear()
        try:
            return asyncio.run(go())
        except (asyncio.CancelledError, BaseExceptionGroup):
            return None  # type: ignore[return-value]


class Simple:
    """Says at once that a file passed, unless its name has `bad` in it."""

    async def check(self, file: str) -> dict[str, Any]:
        await asyncio.sleep(0)
        verdict = "failed" if "bad" in file else "passed"
        part = read_part(file).to_wire()
        return {
            "file": file, "verdict": verdict, "reason": None, "explanation": {"zh": "x" * 2000, "en": ""}, "signatures": [],
            "parts": [part], "sha256": part["sha256"], "size": part["size"],
        }  # fmt: skip


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """With checks that cost nothing."""
    return Bench(tmp_path / "verifications.db", Simple())


@pytest.fixture
def papers(tmp_path: Path) -> Path:
    """Ten PDFs of a sort."""
    folder = tmp_path / "papers"
    folder.mkdir()
    for n in range(10):
        (folder / f"{n}.pdf").write_bytes(b"%PDF-1.7 " + str(n).encode())
    return folder


def verdicts(runs: Runs, run: str) -> dict[str, str]:
    return {os.path.basename(d["file"]): d["verdict"] for d in runs.documents(run)}


def test_a_run_that_was_killed_goes_on_where_it_was(bench: Bench, papers: Path) -> None:
    killed = Runs(bench.store)  # never closed: what it wrote has to be there all the same
    run = killed.new({}, True)
    bench.run(killed, papers, run, most=4)
    assert len(bench.checked) == 4
    runs = Runs(bench.store)
    assert runs.newest() == run
    assert len(verdicts(runs, run)) == 4
    going = bench.run(runs, papers, run)
    assert len(bench.checked) == 6
    assert (going.again, going.done, going.total) == (4, 10, 10)
    assert runs.counts(run) == {"passed": 10, "failed": 0, "indeterminate": 0, "waiting": 0}
    assert list(verdicts(runs, run)) == [f"{n}.pdf" for n in range(10)]
    for each in (killed, runs):
        each.close()


def test_only_what_changed_is_checked_again_whatever_its_time_says(bench: Bench, papers: Path) -> None:
    runs = Runs(bench.store)
    run = bench.run(runs, papers).id
    before = (papers / "3.pdf").stat()
    (papers / "3.pdf").write_bytes(b"%PDF-1.7 X")
    os.utime(papers / "3.pdf", ns=(before.st_atime_ns, before.st_mtime_ns))  # same length, same time, other bytes
    (papers / "7.pdf").unlink()
    (papers / "new.pdf").write_bytes(b"%PDF-1.7")
    (papers / "5.pdf.p7s").write_bytes(b"a signature that was not there before")
    bench.run(runs, papers, run)
    assert sorted(os.path.basename(f) for f in bench.checked) == ["3.pdf", "5.pdf", "5.pdf.p7s", "new.pdf"]
    assert "7.pdf" not in verdicts(runs, run)
    runs.close()


def test_old_verdicts_and_those_made_otherwise_are_made_again(bench: Bench, papers: Path) -> None:
    runs = Runs(bench.store)
    run = bench.run(runs, papers).id
    bench.run(runs, papers, run)
    assert bench.checked == []
    bench.run(runs, papers, run, conditions="other anchors")
    assert len(bench.checked) == 10
    runs.close()
    with sqlite3.connect(bench.store) as db:
        db.execute("UPDATE documents SET checked = '2026-01-01T00:00:00Z'")
    db.close()
    bench.run(runs, papers, run, conditions="other anchors")
    assert len(bench.checked) == 10
    runs.close()


def test_exceptions_are_told_and_found_by_pages(bench: Bench, papers: Path) -> None:
    for n in range(5):
        (papers / f"bad {n}.pdf").write_bytes(b"%PDF-1.7")
    runs = Runs(bench.store)
    run = bench.run(runs, papers).id
    assert sum(event == "document" for event, _ in bench.told) == 5
    first = runs.page(run, -1.0, 3, True)
    rest = runs.page(run, first[-1][0], 3, True)
    assert [os.path.basename(d["file"]) for _, d in first + rest] == [f"bad {n}.pdf" for n in range(5)]
    assert bench.told[-1][1]["done"] == bench.told[-1][1]["total"] == 15
    runs.close()


def test_the_store_forgets_old_runs_and_survives_its_own_damage(tmp_path: Path) -> None:
    path = tmp_path / "v.db"
    runs = Runs(path)
    names = [runs.new({}, True) for _ in range(15)]
    assert runs.newest() == names[-1]
    with pytest.raises(KeyError):
        runs.find(names[0])
    runs.settle()
    runs.close()
    path.write_bytes(b"not a database, " * 1000)
    assert runs.newest() is None
    assert runs.find(runs.new({"files": []}, False))["request"] == {"files": []}
    assert (path.stat().st_mode & 0o777, Path(f"{path}.damaged").exists()) == (0o600, True)
    runs.close()


def test_memory_does_not_grow_with_the_number_of_documents(bench: Bench, tmp_path: Path, soak: bool) -> None:
    peaks = []
    for count in (100, 10_000 if soak else 500):
        folder = tmp_path / str(count)
        folder.mkdir()
        for n in range(count):
            (folder / f"{n}.pdf").write_bytes(b"%PDF-1.7")
        runs = Runs(tmp_path / f"{count}.db")
        bench.told.clear()
        tracemalloc.start()
        going = bench.run(runs, folder)
        assert sum(1 for _ in runs.documents(going.id)) == count
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        runs.close()
    assert peaks[1] < peaks[0] + 800_000


def test_real_files_in_a_folder_have_their_verdicts(pki: Pki, signing: Signing, tmp_path: Path) -> None:
    folder = tmp_path / "图纸"
    folder.mkdir()
    good = signing.sign(blank_pdf())
    bad = bytearray(good)
    bad[400] ^= 1
    for name, data in {"good.pdf": good, "bad.pdf": bytes(bad), "unsigned.pdf": blank_pdf(), "报告.pdf": blank_pdf() + REPORT_MARK}.items():
        (folder / name).write_bytes(data)
    zipfile.ZipFile(folder / "letter.docx", "w").writestr("word/document.xml", "<a/>")
    runs = Runs(tmp_path / "v.db")

    async def go() -> Mapping[str, Any]:
        workers = Checkers()
        try:
            desk = Desk(request_for(signature=None, trust=[pki.root.pem], crls=[], at=None, own=()), workers, Known(None))

            async def settle(document: dict[str, Any]) -> dict[str, Any]:
                return document

            going = Run(runs.new({}, True), runs, desk, "c", settle, lambda *_, **__: None, (), (str(folder),))
            await going.plan()
            await going.check(3)
            return {"verdicts": verdicts(runs, going.id), "left_out": going.left_out, "documents": list(runs.documents(going.id))}
        finally:
            await workers.close()

    told = asyncio.run(go())
    assert told["verdicts"] == {"bad.pdf": "failed", "good.pdf": "passed", "unsigned.pdf": "indeterminate"}
    assert (told["left_out"].reports, told["left_out"].without_signature) == (1, 1)
    assert told["documents"][1]["sha256"] == read_part(str(folder / "good.pdf")).sha256
    runs.close()
