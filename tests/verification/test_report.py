"""The report: everything in it that a recipient needs, in both languages and every form, whatever names a document brings."""

import csv
import io
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pikepdf
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.api.errors import ApiError, Code
from agent.paper import words as paper_words
from agent.paper.words import fit, lines
from agent.signing import fonts
from agent.verification import report_pdf
from agent.verification.bulk import REPORT_MARK
from agent.verification.environment import conditions, policy
from agent.verification.model import Change, Finding, Say, SignatureReport, Signer
from agent.verification.report_content import IN_FULL, Source
from agent.verification.report_data import render_csv, render_json
from agent.verification.report_html import render as render_html
from agent.verification.report_program import make
from agent.verification.report_scope import not_checked
from agent.verification.report_words import WORDS
from agent.verification.runs import Runs
from agent.verification.verdict import document_to_wire
from tests.conftest import ROOT

HOSTILE = "张工\u202e\u2066fdp.\x1b[31m<script>alert(1)</script>\x00\ud800&\U0001f58b\u0628"
ENVIRONMENT: dict[str, Any] = {
    "program": "Yinxin 印信", "version": "0.2.0", "started_at": "2026-11-22T03:00:00Z", "finished_at": "2026-11-22T03:00:05Z", "judged_at": None,
    "computer": "pc-7", "asked_by": {"user": "wangfang", "program": "yinxin"}, "anchors_from": "home",
    "anchors": [{"subject": "CN=测试根 CA", "fingerprint": "ab" * 32, "not_after": "2036-01-01T00:00:00Z", "internal": True}],
    "revocation_data": [{"name": "issuer.crl", "sha256": "cd" * 32, "size": 512}],
    "network": {"allowed": True, "asked": [{"url": "http://crl.example/a.crl", "host": "crl.example", "answer": "timeout"}], "more": 0},
    "policy": {"sha256": "ef" * 32},
}  # fmt: skip


def document(name: str = "/图纸/结施-03.signed.pdf", *findings: Finding, signer: str = "李工", **more: Any) -> dict[str, Any]:
    """One signed document as the agent keeps it."""
    who = Signer(signer, f"CN={signer}", "测试签发 CA", "0f", "12" * 32, "2026-01-01T00:00:00Z", "2027-01-01T00:00:00Z", True)
    report = SignatureReport(findings, "Sig1", 2, (20.0, 30.0, 60.0, 25.0), who, None, None, "b-b", True, 2, **more)
    made = document_to_wire(name, [report])
    made |= {"sha256": "34" * 32, "size": 123456, "signature_files": [{"file": name + ".p7s", "sha256": "56" * 32, "size": 9}]}
    return {**made, "not_checked": not_checked(made, True)}


def source(*documents: dict[str, Any], folders: bool = False, exceptions_only: bool = False) -> Source:
    """A run that found these."""
    counts = {v: sum(d["verdict"] == v for d in documents) for v in ("passed", "failed", "indeterminate")} | {"waiting": 0}

    def those(exceptions: bool) -> Iterator[dict[str, Any]]:
        return (d for d in documents if not exceptions or d["verdict"] != "passed")

    left = {"without_signature": 3, "reports": 0, "hidden": 1, "linked_folders": 0, "special": 0} if folders else {}
    run = {"run": "V00ff", "made": "2026-11-22T03:00:00Z", "finished": "2026-11-22T03:00:05Z", "folders": folders, "environment": ENVIRONMENT}
    return Source({**run, "left_out": left}, counts, those, exceptions_only)


def pdf_text(made: Source, lang: str, tmp_path: Path) -> str:
    """The text of the PDF as pdftotext reads it, in one line; qpdf finds nothing wrong with it."""
    path = tmp_path / "report.pdf"
    with open(path, "wb") as out:
        report_pdf.render(made, lang, out)
    assert path.read_bytes().endswith(REPORT_MARK)
    checked = subprocess.run(["qpdf", "--check", path], capture_output=True, text=True)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    told = subprocess.run(["pdftotext", "-raw", path, "-"], capture_output=True, check=True).stdout.decode()
    return "".join(told.split())


class Text(HTMLParser):
    """The visible text of a page, and its tags."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.text, self.tags = "", set[str]()
        self._silent = False
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        assert not [name for name, _ in attrs if name.startswith("on")]
        self._silent = tag in ("style", "title")

    def handle_endtag(self, tag: str) -> None:
        self._silent = False

    def handle_data(self, data: str) -> None:
        self.text += "" if self._silent else "".join(data.split())


@pytest.mark.promise(10)
@pytest.mark.parametrize("lang", ["zh", "en"])
@pytest.mark.parametrize("form", ["pdf", "html"])
def test_a_recipient_finds_what_he_needs(lang: str, form: str, tmp_path: Path) -> None:
    change = Change("other", "suspicious", 3, 2, None, Say("第 2 页加了批注", "a comment was added on page 2"))
    made = source(document("/图纸/a.pdf", Finding("digest_mismatch"), changes=(change,), revocation="unknown"))
    text = pdf_text(made, lang, tmp_path) if form == "pdf" else Text("".join(render_html(made, lang))).text
    zh = lang == "zh"
    said = [
        "不通过" if zh else "FAILED", "HASH_FAILURE", "签署后文件内容被改动过" if zh else "thecontentwasalteredaftersigning",
        "重新索取原文件" if zh else "Askthesenderfortheoriginalfileagain",  # what would have to be different
        "/图纸/a.pdf", "34" * 32, "123,456", "56" * 32, "李工", "测试签发CA", "单位内部CA" if zh else "owninternalCA", "12" * 32, "2027-01-01",
        "第2页" if zh else "page2", "第2页加了批注" if zh else "acommentwasaddedonpage2", "可疑" if zh else "suspicious",
        "基本（B-B）" if zh else "basic(B-B)", "没有查到证书是否被吊销" if zh else "couldnotbefoundout",
        "没有检查的" if zh else "Whatwasnotchecked", "检查了什么" if zh else "Whatwaschecked",
        "CN=测试根CA", "ab" * 32, "ef" * 32, "cd" * 32, "http://crl.example/a.crl", "timeout", "wangfang", "pc-7", "0.2.0", "V00ff",
        "这不等于伪造" if zh else "Thisdoesnotmeanforged", "收件说明" if zh else "Forwhoeverreceivedthefile", "sha256sum", "certutil", "pdfsig",
    ]  # fmt: skip
    assert not [each for each in said if each not in text]


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_names_of_an_attacker_disturb_nothing(lang: str, tmp_path: Path) -> None:
    long = "长" * 1_000_000
    made = source(document(f"/tmp/{HOSTILE}.pdf", signer=HOSTILE), document("/tmp/" + long, Finding("digest_mismatch"), signer=long), folders=True)
    page = "".join(render_html(made, lang))
    parsed = Text(page)
    assert "script" not in parsed.tags
    assert "<script>alert(1)</script>" in parsed.text, "it is told as text"
    assert not {"\u202e", "\u2066", "\x1b", "\x00", "\ud800"} & set(page)
    assert "\\u202e" in page
    assert "default-src 'none'" in page
    text = pdf_text(made, lang, tmp_path)
    assert "\\u202e" in text
    assert "(+999405)" in text
    assert len(page) < 60_000
    assert (tmp_path / "report.pdf").stat().st_size < 200_000
    json.loads("".join(render_json(made, lang)))


@given(st.text(max_size=80))
def test_a_line_is_not_wider_than_its_room_and_nothing_is_lost(text: str) -> None:
    shown = fit(text)
    assert shown.replace("\u3000", "").isprintable()
    told = lines(shown, 10.0, lambda _: 1.0)
    assert all(len(line) <= 10 for line in told)
    assert "".join("".join(told).split()) == "".join(shown.split())


def test_lines_are_broken_as_readers_expect() -> None:
    assert lines("签名人是张工，证书由单位签发。", 6.0, lambda _: 1.0) == ["签名人是张", "工，证书由单", "位签发。"]
    assert lines("verify the signature", 10.0, lambda _: 1.0) == ["verify the", "signature"]
    assert lines("ab" * 8, 10.0, lambda _: 1.0) == ["ababababab", "ababab"]


def test_without_a_chinese_font_the_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fonts, "installed", lambda: ())
    with pytest.raises(ApiError) as missing:
        report_pdf.render(source(document()), "zh", io.BytesIO())
    assert (missing.value.code, missing.value.facts["reason"], missing.value.facts["package"]) == (Code.NOT_FOUND, "font", "fonts-noto-cjk")


def test_characters_that_no_font_has_are_shown_by_their_number(tmp_path: Path) -> None:
    assert "\\u0f00\\U000102a0" in pdf_text(source(document(signer="A\u0f00\U000102a0")), "zh", tmp_path)


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_of_many_files_those_that_did_not_pass_come_first(lang: str, tmp_path: Path) -> None:
    many = [document(f"/d/{n:04}.pdf", *((Finding("digest_mismatch"),) if n == 207 else ())) for n in range(300)]
    made = source(*many, folders=True)
    text = pdf_text(made, lang, tmp_path)
    assert text.index("/d/0207.pdf") < text.index("/d/0000.pdf")
    assert ("共300份文件：299份通过，1份不通过" if lang == "zh" else "300files:299passed,1failed") in text
    assert ("3个不带签名的文件" if lang == "zh" else "filesthatholdnosignature:3") in text
    assert text.count("12" * 32) == 1, "only what has not passed is told in full"
    with pikepdf.open(tmp_path / "report.pdf") as pdf:
        assert len(pdf.pages) > 5
        assert str(pdf.Root.Lang) == ("zh-CN" if lang == "zh" else "en")
    assert made.total > IN_FULL
    alone = pdf_text(source(*many, folders=True, exceptions_only=True), lang, tmp_path)
    assert "/d/0207.pdf" in alone
    assert "/d/0000.pdf" not in alone


def test_a_run_that_was_stopped_is_not_called_passed() -> None:
    stopped = source(document())
    stopped = Source(stopped.run, {**stopped.counts, "waiting": 4}, stopped.documents)
    page = Text("".join(render_html(stopped, "zh"))).text
    assert stopped.verdict == "indeterminate"
    assert "还有4份没有检查" in page
    assert Source(stopped.run, {"passed": 0, "failed": 0, "indeterminate": 0, "waiting": 0}, lambda _: iter(())).verdict == "indeterminate"


def test_json_has_the_contract_and_the_circumstances() -> None:
    first, second = document("/a.pdf"), document("/b.pdf", Finding("digest_mismatch"))
    told = json.loads("".join(render_json(source(first, second), "zh")))
    assert told["documents"] == [first, second]
    assert (told["environment"], told["verdict"], told["counts"]["failed"]) == (ENVIRONMENT, "failed", 1)
    assert json.loads("".join(render_json(source(first, second, exceptions_only=True), "zh")))["documents"] == [second]
    assert json.loads("".join(render_json(source(), "en")))["documents"] == []


@given(st.text(max_size=30))
def test_no_cell_of_the_table_is_a_formula(name: str) -> None:
    text = "".join(render_csv(source(document(name or "x", signer=name)), "zh"))
    assert text.startswith("\ufefffile,verdict,reason,")
    for row in csv.reader(io.StringIO(text[1:])):
        assert len(row) == 8
        assert not [cell for cell in row if cell.startswith(("=", "+", "-", "@", "\t", "\r"))]
        assert all(cell.replace("\u3000", "").isprintable() for cell in row)


def test_every_word_is_in_both_languages() -> None:
    for name, say in WORDS.items():
        assert say.zh, name
        assert say.en, name
        zh, en = ({part.split("}")[0] for part in text.split("{")[1:]} for text in (say.zh, say.en))
        assert zh == en, name
        assert "令牌" not in say.zh


def test_a_verdict_made_under_other_circumstances_is_another_one() -> None:
    base: tuple[Any, ...] = (["anchor"], ["own"], [b"crl"], None, True)
    one = conditions(*base)
    assert conditions(*base) == one
    others = [
        (["other"], *base[1:]),
        (["anchor"], [], *base[2:]),
        (*base[:2], [b"x"], *base[3:]),
        (*base[:3], "2026-01-01", True),
        (*base[:4], False),
    ]
    assert one not in {conditions(*other) for other in others}
    asked = "from agent.verification.environment import policy; print(policy()['sha256'])"
    told = {
        subprocess.run(
            [sys.executable, "-c", asked], cwd=ROOT, env={**os.environ, "PYTHONHASHSEED": seed}, capture_output=True, text=True
        ).stdout.strip()
        for seed in ("1", "2")
    }
    assert told == {policy()["sha256"]}, "a verdict of before has to stand in another process, too"


def test_the_program_writes_new_files_only(tmp_path: Path) -> None:
    runs = Runs(tmp_path / "v.db")
    run = runs.new({}, False)
    runs.plan(run, [(0.0, "/a.pdf")])
    runs.put(run, "/a.pdf", {**document("/a.pdf"), "parts": []}, "c")
    runs.end(run, ENVIRONMENT, {}, finished=True)
    args = {"runs": runs.path, "run": run, "format": "json", "lang": "zh", "exceptions": False, "out": str(tmp_path / "r.json")}
    assert make(args)["bytes"] == (tmp_path / "r.json").stat().st_size
    with pytest.raises(FileExistsError):
        make(args)
    runs.close()


def test_the_longest_text_is_bounded() -> None:
    assert paper_words.LONGEST == 600
    assert sys.getsizeof(fit("x" * 10_000_000)) < 2000
