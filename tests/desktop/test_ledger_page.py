"""The ledger page against a scripted ledger of up to a million entries: looked at, narrowed, checked, exported, sealed, stopped."""

from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import QModelIndex
from PySide6.QtWidgets import QFileDialog, QPushButton
from pytestqt.qtbot import QtBot

from agent.api.uris import to_uri
from desktop.ledger_model import KEPT_PAGES, PAGE
from desktop.ledger_page import LedgerPage
from desktop.window import LEDGER, Window
from tests.desktop.fake import FakeAgent, problem
from tests.desktop.test_window import texts


def opened(window: Window, fake: FakeAgent, qtbot: QtBot, size: int) -> LedgerPage:
    """The page on a ledger of that many entries."""
    fake.ledger.size = size
    window.show_page(LEDGER)
    page = window.ledger
    qtbot.waitUntil(lambda: page.model.rowCount() == size and (not size or page.model.act(0) is not None))
    return page


def row(page: LedgerPage, number: int) -> list[Any]:
    return [page.model.index(number, column).data() for column in range(5)]


def press(page: LedgerPage, text: str) -> None:
    next(b for b in page.findChildren(QPushButton) if b.text() == text and b.isVisible()).click()


def test_the_newest_entry_stands_on_top_and_each_is_shown_whole(window: Window, fake: FakeAgent, qtbot: QtBot) -> None:
    page = opened(window, fake, qtbot, 250)
    assert row(page, 0)[0] == "249"
    assert row(page, 0)[2:] == ["开始签署", "1 份：结施-249.pdf", "P1"]
    assert "共 250 条记录。其中 3 条是启用签名之前的旧记录。" in texts(page)
    page.table.selectRow(0)
    qtbot.waitUntil(lambda: page.entry.entry is not None)
    text = texts(page.entry)
    for said in ("第 249 条", "结施-249.pdf�", "已签署", "凭证的签名已验过：CN=本机", "入账证明成立：这条记录在 250 条的台账里", "id-249"):
        assert said in text
    assert not page.entry.raw.isVisible()
    press(page, "凭证原文")
    assert page.entry.raw.isVisible()
    assert '"name": "结施-249�"' in page.entry.raw.toPlainText()


@pytest.mark.parametrize(
    ("signature", "proof", "said"),
    [
        (False, True, "凭证的签名无效：内容在签名之后被改动过"),
        (None, True, "这是启用签名之前的旧记录，没有签名。"),
        (True, False, "入账证明不成立：台账被改动过。"),
    ],
)
def test_an_entry_that_does_not_hold_says_so(window: Window, fake: FakeAgent, qtbot: QtBot, signature: bool | None, proof: bool, said: str) -> None:
    fake.ledger.signature_ok, fake.ledger.proof_ok = signature, proof
    page = opened(window, fake, qtbot, 5)
    page.table.selectRow(2)
    qtbot.waitUntil(lambda: page.entry.entry is not None)
    assert said in texts(page.entry)


def test_a_million_entries_are_jumped_about_in_and_never_held(window: Window, fake: FakeAgent, qtbot: QtBot) -> None:
    page = opened(window, fake, qtbot, 1_000_000)
    bar = page.table.verticalScrollBar()
    for place in (bar.maximum(), bar.maximum() // 2, 123_456):
        bar.setValue(place)
        top = page.table.rowAt(1)
        qtbot.waitUntil(lambda top=top: page.model.act(top) is not None)
        assert row(page, top)[0] == f"{999_999 - top:,}"
    before = len(fake.ledger.asked)
    for place in range(0, bar.maximum(), 1000):  # torn from end to end within one moment
        page.model.data(page.model.index(place, 0))
    qtbot.waitUntil(lambda: page.model.act(bar.maximum() // 1000 * 1000) is not None)
    assert len(fake.ledger.asked) - before < 10
    for place in range(0, 100 * PAGE, PAGE):
        if page.model.act(place) is None:
            qtbot.waitUntil(lambda place=place: page.model.act(place) is not None)
    assert page.model.loaded <= KEPT_PAGES * PAGE
    assert all(int(query["limit"]) <= PAGE for query in fake.ledger.asked)


def test_new_entries_come_on_top_and_what_is_looked_at_stays(window: Window, fake: FakeAgent, qtbot: QtBot) -> None:
    page = opened(window, fake, qtbot, 1000)
    bar = page.table.verticalScrollBar()
    bar.setValue(300)
    looked_at = row(page, page.table.rowAt(1))[0]
    fake.ledger.size = 1130
    page.look()
    qtbot.waitUntil(lambda: page.model.rowCount() == 1130)
    assert row(page, page.table.rowAt(1))[0] == looked_at
    assert "共 1,130 条记录。" in texts(page)
    page.model.act(0)
    qtbot.waitUntil(lambda: page.model.act(0) is not None)
    assert row(page, 0)[0] == "1,129"


def test_filters_narrow_the_list_and_all_of_it_comes_back(window: Window, fake: FakeAgent, qtbot: QtBot) -> None:
    page = opened(window, fake, qtbot, 900)
    qtbot.waitUntil(lambda: page.filters.type.count() == 4 and page.filters.who.count() > 1)
    page.filters.text.setText("结施-7")
    page.filters.text.textEdited.emit("结施-7")  # as an input method ends
    qtbot.waitUntil(lambda: "符合条件的有 111 条。" in texts(page))
    assert {act[3][:8] for act in (row(page, n) for n in range(page.model.rowCount()))} == {"1 份：结施-7"}
    page.model.fetchMore(QModelIndex())
    qtbot.waitUntil(lambda: page.model.rowCount() == 111)
    assert not page.model.canFetchMore(QModelIndex())
    page.filters.type.setCurrentIndex(page.filters.type.findData("attempt.denied"))
    page.filters.type.activated.emit(page.filters.type.currentIndex())
    page.filters.who.setCurrentIndex(page.filters.who.findText("经办人 P1"))
    page.filters.who.activated.emit(page.filters.who.currentIndex())
    page.filters.period.setCurrentIndex(page.filters.period.findData("own"))
    page.filters.period.activated.emit(page.filters.period.currentIndex())
    assert page.filters.first.isVisible()
    query = page.filters.query
    assert (query["text"], query["type"], query["actor"]) == ("结施-7", "attempt.denied", "P1")
    assert query["from"] < query["to"]
    qtbot.waitUntil(lambda: fake.ledger.asked[-1].get("to") == query["to"])
    press(page, "显示全部")
    qtbot.waitUntil(lambda: page.model.rowCount() == 900)
    assert page.filters.query == {}


def test_nothing_found_and_nothing_there_are_told_apart(window: Window, fake: FakeAgent, qtbot: QtBot) -> None:
    page = opened(window, fake, qtbot, 0)
    qtbot.waitUntil(lambda: "台账里还没有记录" in texts(page))
    fake.ledger.size = 10
    page.look()
    qtbot.waitUntil(lambda: page.model.rowCount() == 10)
    page.filters.text.setText("没有这个")
    page.filters.text.returnPressed.emit()
    qtbot.waitUntil(lambda: "没有符合条件的记录" in texts(page))


def test_a_check_shows_its_progress_and_names_the_entry_that_is_wrong(window: Window, fake: FakeAgent, qtbot: QtBot) -> None:
    wrong = {
        "what": "altered",
        "severity": "wrong",
        "seq": 41,
        "last": None,
        "message": {"zh": "第 41 条记录的凭证在入账后被改动过", "en": "altered"},
    }
    note = {"what": "clock", "severity": "note", "seq": 12, "message": {"zh": "电脑时间被往回拨过", "en": "clock"}}
    fake.ledger.checked = {
        "verdict": "failed", "explanation": {"zh": "台账核验不通过：第 41 条。", "en": "NOT whole."}, "entries": 100, "signatures": 97, "legacy": 3,
        "findings": [note, wrong], "more": 2, "seconds": 1.5,
        "checked": [{"zh": "每条凭证", "en": "each"}], "not_checked": [{"zh": "别的", "en": "other"}],
    }  # fmt: skip
    page = opened(window, fake, qtbot, 100)
    fake.before_done.clear()
    page.verify()
    qtbot.waitUntil(lambda: "7 / 100" in texts(page))
    assert "正在逐条核验台账" in texts(page)
    fake.before_done.set()
    qtbot.waitUntil(lambda: page.job is None)
    text = texts(page)
    for said in ("不通过", "台账核验不通过：第 41 条。", "100 条记录，97 个签名，用时 1.5 秒", "另有 2 处没有列出", "每条凭证", "没有检查的内容"):
        assert said in text
    assert text.index("凭证在入账后被改动过") < text.index("往回拨过")
    press(page, "查看这条记录")
    qtbot.waitUntil(lambda: page.entry.entry is not None)
    assert page.entry.entry is not None
    assert page.entry.entry.act.seq == 41
    assert page.table.currentIndex().row() == 58


def test_a_check_can_be_stopped_and_held_against_a_checkpoint_or_a_file(window: Window, fake: FakeAgent, qtbot: QtBot, tmp_path: Path) -> None:
    fake.ledger.checked = {"verdict": "passed", "explanation": {"zh": "完整。"}, "own": False}
    page = opened(window, fake, qtbot, 100)
    fake.before_done.clear()
    page.verify(checkpoint=str(tmp_path / "封账点.txt"))
    qtbot.waitUntil(lambda: "7 / 100" in texts(page))
    page.progress.stop.click()
    qtbot.waitUntil(lambda: page.job is None)
    assert "已停止，没有改动任何内容。" in texts(page)
    fake.before_done.set()
    page.verify(file=str(tmp_path / "台账.jsonl"))
    qtbot.waitUntil(lambda: "这不是本机的台账，请核对来源。" in texts(page))
    assert "台账.jsonl" in texts(page)
    first, second = fake.asked("/v1/ledger/verifications")
    assert (first["checkpoint_files"], second["file"]) == ([to_uri(str(tmp_path / "封账点.txt"))], to_uri(str(tmp_path / "台账.jsonl")))


@pytest.mark.parametrize(("kind", "filtered"), [("xlsx", True), ("jsonl", False)])
def test_an_export_holds_what_is_listed_and_the_one_to_check_again_everything(
    window: Window, fake: FakeAgent, qtbot: QtBot, tmp_path: Path, kind: str, filtered: bool
) -> None:
    page = opened(window, fake, qtbot, 100)
    page.filters.text.setText("结施-7")
    page.filters.text.returnPressed.emit()
    page.export_to(str(tmp_path / f"台账.{kind}"))
    qtbot.waitUntil(lambda: f"已导出 100 条记录：台账.{kind}" in texts(page))
    (body,) = fake.asked("/v1/ledger/exports")
    assert (body["format"], body["output"], body["lang"]) == (kind, to_uri(str(tmp_path / f"台账.{kind}")), "zh")
    assert body["filters"] == ({"text": "结施-7"} if filtered else None)
    assert ("旁边的说明文件" in texts(page)) is not filtered


def test_a_checkpoint_is_shown_and_kept_where_the_person_says(window: Window, fake: FakeAgent, qtbot: QtBot, tmp_path: Path) -> None:
    page = opened(window, fake, qtbot, 100)
    press(page, "封账点…")
    qtbot.waitUntil(lambda: "封账点：截至现在共 100 条记录" in texts(page))
    assert "cdcd cdcd" in texts(page)
    press(page, "保存封账点…")
    dialog = next(d for d in window.findChildren(QFileDialog) if d.isVisible())
    dialog.fileSelected.emit(str(tmp_path / "封账点.txt"))
    dialog.close()
    assert (tmp_path / "封账点.txt").read_text(encoding="utf-8") == "yinxin\n100\n"
    assert "已保存：封账点.txt" in texts(page)


def test_a_stopped_ledger_says_what_happened_and_can_still_be_read_checked_and_exported(window: Window, fake: FakeAgent, qtbot: QtBot) -> None:
    told = problem("store_unreachable", 503, reason="ledger_smaller", known=120, size=100)
    fake.ledger.stopped = {"code": told["code"], "message": "", "hint": "", "facts": told["facts"]}
    page = opened(window, fake, qtbot, 100)
    text = texts(page)
    for said in ("台账已停用。", "120", "不再登记和签名。", "请找回缺少的部分"):
        assert said in text
    assert "yinxin ledger" not in text
    assert not page._seal.isEnabled()
    assert page._verify.isEnabled()
    assert page._export.isEnabled()


def test_a_ledger_that_cannot_be_reached_says_so_and_comes_back(window: Window, fake: FakeAgent, qtbot: QtBot) -> None:
    fake.ledger.missing = problem("store_unreachable", 503)
    window.show_page(LEDGER)
    page = window.ledger
    qtbot.waitUntil(lambda: not page._verify.isEnabled())
    assert "台账" in texts(page)
    fake.ledger.missing = None
    fake.ledger.size = 5
    page.look()
    qtbot.waitUntil(lambda: page.model.rowCount() == 5)
    assert page._verify.isEnabled()


def test_an_organisation_has_a_ledger_of_its_own_and_the_other_stays_readable(window: Window, fake: FakeAgent, qtbot: QtBot) -> None:
    fake.ledger.kind = "organisation"
    page = opened(window, fake, qtbot, 5)
    qtbot.waitUntil(page.choice.isVisible)
    page.choice.setCurrentIndex(1)
    page.choice.activated.emit(1)
    qtbot.waitUntil(lambda: fake.ledger.asked[-1].get("ledger") == "personal")


def test_a_ledger_that_does_not_answer_is_asked_once(window: Window, fake: FakeAgent, qtbot: QtBot) -> None:
    page = opened(window, fake, qtbot, 5)
    fake.ledger.answers.clear()
    before = len([path for _, path, _ in fake.requests if path == "/v1/ledger"])
    for _ in range(9):
        page.look()
    qtbot.waitUntil(lambda: len([path for _, path, _ in fake.requests if path == "/v1/ledger"]) > before)
    fake.ledger.size = 7
    fake.ledger.answers.set()
    qtbot.waitUntil(lambda: page.model.rowCount() == 7)
    assert len([path for _, path, _ in fake.requests if path == "/v1/ledger"]) == before + 1
