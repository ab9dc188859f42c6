"""What a person sees who checks signatures, against a scripted agent: verdicts, folders, what changed, what was not looked at."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from PySide6.QtCore import QModelIndex
from PySide6.QtWidgets import QCheckBox, QFileDialog, QPushButton
from pytestqt.qtbot import QtBot

from agent.api.uris import to_uri
from desktop.trust_dialog import TrustDialog
from desktop.verified import VerifiedDocument
from desktop.window import Window
from tests.desktop.fake import FakeAgent, problem
from tests.desktop.test_window import drop, texts

PASSED = {
    "verdict": "passed", "reason": None, "explanation": {"zh": "由王芳签名。", "en": "Signed by 王芳."}, "field": "S1", "page": 2,
    "rect_mm": [100, 30, 70, 20],
    "signer": "王芳", "signing_time": "2026-03-01T08:00:00Z", "time_source": "claimed", "level": "b-b", "covers_whole_file": True,
    "changes_after_signing": [], "revocation": "not_offered",
}  # fmt: skip
DOUBTFUL = {
    "verdict": "indeterminate", "reason": "NO_CERTIFICATE_CHAIN_FOUND", "explanation": {"zh": "没有找到签发者。", "en": "No issuer."}, "page": None,
    "rect_mm": None, "signer": None, "covers_whole_file": False, "changes_after_signing": [{"zh": "增加了一个签名", "en": "a signature was added"}],
    "revocation": "unknown",
}  # fmt: skip
VERDICT = {"verdict": "passed", "reason": None, "explanation": {"zh": "签名完整，签名人可信。", "en": "Intact."}, "signatures": [PASSED, DOUBTFUL]}


def rows(window: Window) -> list[tuple[str, str]]:
    """The table's verdicts and files."""
    model = window.verify.table.rows
    return [(model.index(row, 0).data(), model.index(row, 1).data()) for row in range(model.rowCount())]


def judged(verdicts: dict[str, str], inside: Sequence[Path] = (), **more: Any) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """An agent that gives each file, by its name, its verdict; `inside` are the files it finds in folders."""

    def judge(body: dict[str, Any]) -> dict[str, Any]:
        documents = []
        for uri in (*body.get("files", ()), *(to_uri(str(path)) for path in inside)):
            verdict = verdicts.get(unquote(uri.rsplit("/", 1)[1]), "passed")
            unsigned = {"reason": "NO_SIGNATURE"} if verdict == "unsigned" else {}
            told = {"file": uri, "verdict": "indeterminate" if unsigned else verdict, "explanation": {"zh": "因为。", "en": "Because."}}
            documents.append({**told, "signatures": [], **unsigned, **more})
        return {"documents": documents}

    return judge


def press(window: Window, text: str) -> None:
    """Press the visible button with this text."""
    next(b for b in window.verify.findChildren(QPushButton) if b.text() == text and b.isVisible()).click()


def done(window: Window, qtbot: QtBot) -> None:
    qtbot.waitUntil(lambda: window.verify.job is None, timeout=30_000)


def test_a_verdict_comes_first_in_words_and_each_signature_has_its_place(ready: Window, fake: FakeAgent, drawings: list[str], qtbot: QtBot) -> None:
    fake.verification = lambda body: {"documents": [{"file": body["files"][0], **VERDICT}]}
    ready.show_page(1)
    drop(ready.verify.drop, drawings[:1])
    qtbot.waitUntil(lambda: ready.verify.job is None and ready.verify.preview.view.complete)
    text = texts(ready.verify)
    for said in (
        "通过",
        "签名完整，签名人可信。",
        "由王芳签名。",
        "无法确认",
        "没有找到签发者。",
        "增加了一个签名",
        "签名人不明",
        "全文受保护",
        "第 2 页，距左 100 毫米，距下 30 毫米",
    ):
        assert said in text
    assert ready.verify.preview.view.page == 2
    box = ready.verify.preview.view._box
    assert box.isVisible()
    assert box.rect().top() == pytest.approx(297 - 50, abs=0.2)


def test_several_files_are_listed_with_their_verdicts_and_separate_signatures_are_found(
    ready: Window, fake: FakeAgent, drawings: list[str], tmp_path: Path, qtbot: QtBot
) -> None:
    (tmp_path / "a.dwg").write_bytes(b"x")
    (tmp_path / "a.dwg.p7s").write_bytes(b"x")
    fake.verification = judged({"a.dwg.p7s": "failed", "b.pdf": "indeterminate"})
    ready.verify_files([str(tmp_path / "a.dwg.p7s"), drawings[1]])
    qtbot.waitUntil(lambda: ready.verify.job is None and ready.verify.table.rows.rowCount() == 2)
    assert rows(ready) == [("不通过", "a.dwg"), ("无法确认", "b.pdf")]
    (body,) = fake.asked("/v1/verifications")
    assert [file.rsplit("/", 1)[1] for file in body["files"]] == ["a.dwg.p7s", "b.pdf"]


def test_a_verification_that_fails_is_no_verdict(ready: Window, fake: FakeAgent, drawings: list[str], qtbot: QtBot) -> None:
    fake.refuse = problem("input_unusable", 422, reason="unreadable", name="x")
    ready.verify_files(drawings[:1])
    qtbot.waitUntil(lambda: "读不了文件" in texts(ready.verify), timeout=30_000)


def test_of_a_folder_the_exceptions_come_first_and_the_rest_is_read_as_far_as_somebody_looks(
    ready: Window, fake: FakeAgent, tmp_path: Path, qtbot: QtBot
) -> None:
    inside = [tmp_path / "结构" / name for name in ("c.pdf", "d.dwg", "e.asice")] + [tmp_path / f"{n:03}.pdf" for n in range(450)]
    verdicts = {"007.pdf": "unsigned", "c.pdf": "failed", "d.dwg": "indeterminate"}
    out = {"without_signature": 3, "hidden": 0, "linked_folders": 1}
    fake.verification = lambda body: judged(verdicts, inside)(body) | {"left_out": out}
    ready.show_page(1)
    drop(ready.verify.drop, [str(tmp_path)])
    done(ready, qtbot)
    (body,) = fake.asked("/v1/verifications")
    assert (body["files"], body["folders"], body["collect"]) == ([], [to_uri(str(tmp_path))], False)
    assert rows(ready)[:3] == [("不通过", "结构/c.pdf"), ("无法确认", "结构/d.dwg"), ("没有签名", "007.pdf")]
    text = texts(ready.verify)
    assert "共 453 个文件：450 个通过，1 个不通过，1 个无法确认，1 个没有签名。" in text
    assert "3 个文件不含签名，没有列出。" in text
    assert "1 个链接文件夹没有进入。" in text
    assert "隐藏文件" not in text
    choice = ready.verify.filter
    assert [choice.itemText(i) for i in range(choice.count())] == ["全部（453）", "不通过（1）", "无法确认（1）", "没有签名（1）", "通过（450）"]
    while ready.verify.table.rows.canFetchMore(QModelIndex()) or len(rows(ready)) < 453:
        before = len(rows(ready))
        ready.verify.table.scrollToBottom()
        qtbot.waitUntil(lambda before=before: len(rows(ready)) > before)
    assert rows(ready)[3:5] == [("通过", "结构/e.asice"), ("通过", "000.pdf")]
    assert len(set(rows(ready))) == 453
    choice.activated.emit(1)
    assert rows(ready) == [("不通过", "结构/c.pdf")]


def test_a_folder_without_signatures_says_so(ready: Window, fake: FakeAgent, tmp_path: Path, qtbot: QtBot) -> None:
    ready.show_page(1)
    ready.verify.verify([str(tmp_path)])
    done(ready, qtbot)
    assert "没有能含签名的文件" in texts(ready.verify)


def test_what_was_stopped_keeps_its_verdicts_and_is_gone_on_with(ready: Window, fake: FakeAgent, tmp_path: Path, qtbot: QtBot) -> None:
    inside = [tmp_path / f"{n:03}.pdf" for n in range(9)]
    fake.verification = lambda body: judged({"001.pdf": "failed"}, inside)(body) | {"waiting": 86}
    fake.before_done.clear()
    ready.show_page(1)
    ready.verify.verify([str(tmp_path)])
    qtbot.waitUntil(lambda: "9 / 95" in texts(ready.verify))
    text = texts(ready.verify)
    assert "每秒 12.5 个，约剩 60 秒" in text
    assert "已发现 1 个需要留意的文件" in text
    ready.verify.progress.stop.click()
    done(ready, qtbot)
    assert "已停止：还有 86 个文件没有检查。" in texts(ready.verify)
    assert rows(ready)[0] == ("不通过", "001.pdf")
    fake.verification = judged({"001.pdf": "failed", "008.pdf": "failed"}, inside)
    press(ready, "继续验签")
    done(ready, qtbot)
    body = fake.asked("/v1/verifications")[-1]
    assert body["resume"] == "V1"
    assert rows(ready)[:2] == [("不通过", "001.pdf"), ("不通过", "008.pdf")]
    assert "已停止" not in texts(ready.verify)


def test_an_agent_that_dies_leaves_the_verdicts_that_were_told(ready: Window, fake: FakeAgent, drawings: list[str], qtbot: QtBot) -> None:
    fake.verification = lambda body: {"documents": judged({})(body)["documents"][:1], "waiting": 1, "dies": True}
    ready.show_page(1)
    ready.verify.verify(drawings)
    done(ready, qtbot)
    assert rows(ready) == [("通过", "结施-03.pdf")]
    assert "还有 1 个文件没有检查" in texts(ready.verify)


def test_issuers_are_asked_unless_that_is_turned_off(ready: Window, fake: FakeAgent, drawings: list[str], qtbot: QtBot) -> None:
    fake.verification = judged({}, signatures=[PASSED])
    ready.show_page(1)
    ready.verify.verify(drawings[:1])
    done(ready, qtbot)
    ready.verify._again_online.click()
    press(ready, "重新验签")
    done(ready, qtbot)
    assert [body["fetch"] for body in fake.asked("/v1/verifications")] == [True, False]
    assert not ready.verify.online.isChecked()


def test_what_was_not_checked_is_said(ready: Window, fake: FakeAgent, drawings: list[str], qtbot: QtBot) -> None:
    points = [{"code": "time_claimed", "description": {"zh": "签署时间没有时间戳证明", "en": "the time is not proved"}}]
    fake.verification = judged({}, signatures=[{**PASSED, "ledger": "allowed"}], not_checked=points, sha256="ab" * 32, size=7)
    ready.show_page(1)
    ready.verify.verify(drawings[:1])
    done(ready, qtbot)
    text = texts(ready.verify)
    for said in ("没有检查的内容", "签署时间没有时间戳证明", "台账有记录", "abab abab"):
        assert said in text


def test_a_name_of_others_is_shown_and_never_obeyed(ready: Window, fake: FakeAgent, drawings: list[str], qtbot: QtBot) -> None:
    evil = {
        **PASSED,
        "signer": "<img src=x>\u202e王芳",
        "covers": ["a\nb"],
        "changes_after_signing": [{"description": {"zh": "<b>改"}, "level": "x"}],
    }
    fake.verification = judged({}, signatures=[evil])
    ready.show_page(1)
    ready.verify.verify(drawings[:1])
    done(ready, qtbot)
    text = texts(ready.verify)
    assert "<b>改" in text
    assert "<img src=x>" in text
    assert "a\nb" not in text


LATER = {**PASSED, "covers_whole_file": False, "revision": 1, "page": 1, "changes_after_signing": [
    {"kind": "signature", "level": "allowed", "page": 1, "rect_mm": None, "description": {"zh": "增加了一个签名", "en": "a signature was added"}},
    {"kind": "other", "level": "forbidden", "page": 2, "rect_mm": [1, 2, 3, 4], "description": {"zh": "改了内容", "en": "content was changed"}},
]}  # fmt: skip


@pytest.fixture
def compared(ready: Window, fake: FakeAgent, drawings: list[str], qtbot: QtBot) -> Window:
    """The window that shows what changed after a signature: the last page, at its lower left quarter."""
    size = os.path.getsize(drawings[0])
    differs = {"page": 2, "areas": [{"rect": [0.0, 0.0, 0.5, 0.25], "rect_mm": None}]}
    found = {"bytes": size, "pages_signed": 2, "pages_present": 2, "complete": True, "pages": [differs]}
    fake.answered["/v1/verifications/revisions"] = lambda body: {"file": body["file"], "revision": body["revision"], **found}
    fake.verification = judged({}, signatures=[LATER])
    ready.show_page(1)
    ready.verify.verify(drawings[:1])
    done(ready, qtbot)
    press(ready, "对照签名时的版本")
    return ready


def test_what_was_signed_stands_beside_what_is_there_now(compared: Window, fake: FakeAgent, drawings: list[str], qtbot: QtBot) -> None:
    face = compared.verify.comparison
    qtbot.waitUntil(lambda: face.then.view.complete and face.now.view.complete, timeout=30_000)
    assert fake.asked("/v1/verifications/revisions") == [{"file": to_uri(drawings[0]), "revision": 1}]
    text = texts(compared.verify)
    for said in ("签名时的版本", "现在的版本", "有 1 页看起来不一样", "不允许：改了内容（第 2 页）", "允许：增加了一个签名（第 1 页）"):
        assert said in text
    assert text.index("不允许：") < text.index("允许：增加")
    for side in (face.then, face.now):
        assert side.view.page == 2
        (mark,) = side.view.marks
        assert (mark.x, mark.y, mark.width, mark.height) == pytest.approx((0, 297 * 0.75, 105, 297 / 4), abs=0.1)
    face.now.view.zoom(2)
    assert face.then.view.transform() == face.now.view.transform()
    face.now.view.verticalScrollBar().setValue(40)
    assert face.then.view.verticalScrollBar().value() == face.now.view.verticalScrollBar().value()
    press(compared, "返回")
    assert "文件中的签名" in texts(compared.verify)


def test_the_signed_version_is_saved_and_never_over_another_file(compared: Window, fake: FakeAgent, tmp_path: Path, qtbot: QtBot) -> None:
    face, route = compared.verify.comparison, "/v1/verifications/revisions/extract"
    qtbot.waitUntil(face.save.isEnabled)
    fake.answered[route] = lambda body: {"bytes": 1}
    face.save_as(str(tmp_path / "签名时.pdf"))
    qtbot.waitUntil(lambda: "已保存：签名时.pdf" in texts(compared.verify))
    assert fake.asked(route)[0]["out"] == to_uri(str(tmp_path / "签名时.pdf"))
    fake.answered[route] = lambda body: problem("output_exists", 422, name="签名时.pdf")
    face.save_as(str(tmp_path / "签名时.pdf"))
    qtbot.waitUntil(lambda: "请换一个文件名，已有的文件不会被覆盖。" in texts(compared.verify))


def test_versions_that_cannot_be_compared_say_why(ready: Window, fake: FakeAgent, drawings: list[str], qtbot: QtBot) -> None:
    fake.answered["/v1/verifications/revisions"] = lambda body: problem("input_unusable", 422, reason="not_drawn", name="结施-03.pdf")
    fake.verification = judged({}, signatures=[LATER])
    ready.show_page(1)
    ready.verify.verify(drawings[:1])
    done(ready, qtbot)
    press(ready, "对照签名时的版本")
    qtbot.waitUntil(lambda: "正在逐页对照" not in texts(ready.verify))
    assert "结施-03.pdf" in texts(ready.verify.comparison)
    assert not ready.verify.comparison.save.isEnabled()


@pytest.mark.parametrize(("name", "kind"), [("报告.pdf", "pdf"), ("r.html", "html"), ("r.json", "json"), ("清单.csv", "csv"), ("报告", "pdf")])
def test_a_report_is_written_by_the_agent_in_the_language_of_the_window(
    ready: Window, fake: FakeAgent, drawings: list[str], tmp_path: Path, qtbot: QtBot, name: str, kind: str
) -> None:
    fake.answered["/v1/verifications/report"] = lambda body: {"output": body["out"], "bytes": 1, "pages": 1}
    fake.verification = judged({}, signatures=[PASSED])
    ready.show_page(1)
    ready.verify.verify(drawings[:1])
    done(ready, qtbot)
    ready.verify.report.save_as(str(tmp_path / name))
    qtbot.waitUntil(lambda: f"报告已保存：{name}" in texts(ready.verify))
    (body,) = fake.asked("/v1/verifications/report")
    assert (body["run"], body["format"], body["lang"], body["exceptions"]) == ("V1", kind, "zh", kind == "csv")
    assert body["out"] == to_uri(str(tmp_path / name))


def test_a_report_that_cannot_be_written_says_why(ready: Window, fake: FakeAgent, drawings: list[str], qtbot: QtBot) -> None:
    fake.answered["/v1/verifications/report"] = lambda body: problem("output_unwritable", 422, reason="report", name="报告.pdf")
    fake.verification = judged({}, signatures=[PASSED])
    ready.show_page(1)
    ready.verify.verify(drawings[:1])
    done(ready, qtbot)
    press(ready, "保存报告…")
    dialog = next(d for d in ready.findChildren(QFileDialog) if d.isVisible())
    assert "结施-03.pdf" in dialog.selectedFiles()[0]
    dialog.filterSelected.emit(dialog.nameFilters()[1])
    assert dialog.selectedFiles()[0].endswith(".html")
    dialog.fileSelected.emit("/nowhere/报告.pdf")
    dialog.close()
    qtbot.waitUntil(lambda: "报告.pdf" in texts(ready.verify.report))
    assert ready.verify.report.button.isEnabled()


ROOT = {
    "common_name": "国富安 CA",
    "subject": "CN=国富安 CA,C=CN",
    "issuer": "CN=国富安 CA,C=CN",
    "fingerprint": "ab" * 32,
    "not_after": "2035-01-01",
}


def test_an_issuer_is_trusted_only_after_its_fingerprint_was_compared(ready: Window, fake: FakeAgent, drawings: list[str], qtbot: QtBot) -> None:
    trusted = [{**ROOT, "common_name": "内部 CA", "own": True}]
    fake.answered["/v1/anchors"] = lambda body: (trusted.append({**ROOT, "own": False}), ROOT)[1] if body else {"anchors": list(trusted)}
    fake.answered["/v1/anchors/look"] = lambda body: {"certificates": [ROOT]}
    fake.answered["/v1/anchors/" + "ab" * 32] = lambda body: trusted.pop()
    fake.verification = judged(
        {"b.pdf": "indeterminate"}, signatures=[{**PASSED, "verdict": "indeterminate", "reason": "NO_CERTIFICATE_CHAIN_FOUND"}]
    )
    ready.show_page(1)
    ready.verify.verify(drawings[1:])
    done(ready, qtbot)
    press(ready, "信任的发证机构…")
    dialog = next(d for d in ready.findChildren(TrustDialog) if d.isVisible())
    qtbot.waitUntil(lambda: "单位内部 CA，随本机保留" in texts(dialog))
    assert not [b for b in dialog.findChildren(QPushButton) if b.text() == "不再信任" and b.isVisible()]
    dialog.look_at("/d/root.pem")
    qtbot.waitUntil(lambda: "伪造的签名也会显示“通过”" in texts(dialog))
    assert "abab abab" in texts(dialog)
    accept = next(b for b in dialog.findChildren(QPushButton) if b.text() == "信任" and b.isVisible())
    assert not accept.isEnabled()
    next(c for c in dialog.findChildren(QCheckBox) if c.isVisible()).click()
    accept.click()
    qtbot.waitUntil(lambda: "已加入信任：国富安 CA" in texts(dialog))
    assert next(body for body in fake.asked("/v1/anchors") if body) == {"file": "file:///d/root.pem", "fingerprint": "ab" * 32}
    qtbot.waitUntil(lambda: any(b.text() == "不再信任" and b.isVisible() for b in dialog.findChildren(QPushButton)))
    next(b for b in dialog.findChildren(QPushButton) if b.text() == "不再信任" and b.isVisible()).click()
    qtbot.waitUntil(lambda: "已不再信任：国富安 CA" in texts(dialog))
    dialog.accept()
    qtbot.waitUntil(lambda: len(fake.asked("/v1/verifications")) == 2)  # what is shown is checked again
    done(ready, qtbot)


def test_ten_thousand_verdicts_are_a_table_like_any_other(ready: Window) -> None:
    model = ready.verify.table.rows
    model.show([VerifiedDocument.from_wire({"file": f"/d/{n}.pdf"}, "zh") for n in range(10_000)])
    assert model.rowCount() == 10_000
    assert model.result(10_000) is None
    assert model.index(0, 1).data() == "0.pdf"
