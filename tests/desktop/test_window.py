"""What a person does in the window, against a scripted agent."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import QEvent, QMimeData, QPointF, Qt, QUrl
from PySide6.QtGui import QDropEvent
from PySide6.QtWidgets import QApplication, QLabel, QLineEdit, QMessageBox, QPushButton, QWidget
from pytestqt.qtbot import QtBot

from desktop import look
from desktop.consent import ConsentDialog
from desktop.files import dropped_paths
from desktop.nouns import SignedDocument
from desktop.window import MINIMUM, Window
from desktop.wire import Agent
from desktop.words import Words
from tests.desktop.fake import CERTIFICATE, RIGHT_PIN, FakeAgent, problem, token


def texts(widget: QWidget) -> str:
    return "\n".join(label.text() for label in widget.findChildren(QLabel) if label.isVisible())


def consent(window: Window, qtbot: QtBot) -> ConsentDialog:
    """The dialog that comes up."""
    qtbot.waitUntil(lambda: any(d.isVisible() for d in window.findChildren(ConsentDialog)), timeout=60_000)
    return next(d for d in window.findChildren(ConsentDialog) if d.isVisible())


def give_pin(window: Window, qtbot: QtBot, pin: str) -> None:
    field = consent(window, qtbot).findChildren(QLineEdit)[-1]
    qtbot.keyClicks(field, pin)
    qtbot.keyClick(field, Qt.Key.Key_Return)


def drop(widget: QWidget, paths: list[str]) -> None:
    """Drop files on `widget`, as a file manager does."""
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(path) for path in paths])
    event = QDropEvent(QPointF(9, 9), Qt.DropAction.CopyAction, data, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, QEvent.Type.Drop)
    widget.dropEvent(event)  # type: ignore[attr-defined]


def test_trying_again_without_a_ukey_says_what_is_missing(ready: Window, fake: FakeAgent, drawings: list[str], qtbot: QtBot) -> None:
    ready.sign.add(drawings)
    fake.refuse = problem("token_absent", 404, token="王芳的UKey")
    ready.sign.button.click()
    qtbot.waitUntil(lambda: ready.sign.job is None)
    fake.refuse = None
    fake.show()
    qtbot.waitUntil(lambda: ready.tokens.choice is None)
    next(b for b in ready.sign.results.findChildren(QPushButton) if b.text() == "再试一次").click()
    assert "请插入 UKey" in texts(ready.sign)


def test_sign_from_drop_to_result(ready: Window, fake: FakeAgent, drawings: list[str], qtbot: QtBot) -> None:
    drop(ready.sign.drop, drawings)
    assert ready.sign.files.paths == drawings
    qtbot.waitUntil(lambda: ready.sign.preview.view.complete)
    qtbot.mouseClick(ready.sign.preview.view.viewport(), Qt.MouseButton.LeftButton)
    assert ready.sign.options.visible.isChecked()
    ready.sign.options.reason.setText("施工图")
    ready.sign.options.location.setText("北京")
    qtbot.mouseClick(ready.sign.button, Qt.MouseButton.LeftButton)
    text = texts(consent(ready, qtbot))
    for said in ("签名 2 个文件", "施工图", "北京", "由本窗口发起", "0101 0101"):
        assert said in text
    give_pin(ready, qtbot, RIGHT_PIN)
    qtbot.waitUntil(lambda: ready.sign.job is None)
    assert fake.pins == [{"nonce": "n0nce", "secrets": {"pin": RIGHT_PIN}}]
    body = next(b for m, p, b in fake.requests if p == "/v1/signatures")
    assert body["interaction"] == {"mode": "caller"}
    assert (body["token"], body["certificate"], body["appearance"], body["reason"], body["location"]) == (
        "7F00A1",
        "ab" * 32,
        "text",
        "施工图",
        "北京",
    )
    page, place = body["places"][0].split(":")
    assert page == "1"
    x, y, width, height = (float(v) for v in place.split("@")[0].split(","))
    assert (width, height) == (70, 20)
    assert x == pytest.approx((210 - 70) / 2, abs=1.5)  # the click was in the middle
    assert y == pytest.approx((297 - 20) / 2, abs=1.5)
    shown = texts(ready.sign.results)
    assert "2 个文件已签名" in shown
    assert "已保存为 结施-03.signed.pdf" in shown
    assert ready.sign.files.paths == []
    assert RIGHT_PIN not in repr(fake.requests)


def test_progress_shows_rate_and_can_be_stopped(ready: Window, fake: FakeAgent, drawings: list[str], qtbot: QtBot) -> None:
    fake.before_done.clear()
    ready.sign.add(drawings)
    ready.sign.button.click()
    give_pin(ready, qtbot, RIGHT_PIN)
    qtbot.waitUntil(lambda: "每秒 12.5 个" in texts(ready.sign.progress))
    assert "2 / 2" in texts(ready.sign.progress)
    qtbot.mouseClick(ready.sign.progress.stop, Qt.MouseButton.LeftButton)
    assert "正在停止" in texts(ready.sign.progress)
    qtbot.waitUntil(lambda: ready.sign.job is None)
    assert fake.cancelled.is_set()
    shown = texts(ready.sign.results)
    assert "1 个文件已签名，1 个没有签名" in shown
    assert ready.sign.files.paths == drawings[1:]  # what was not signed waits in the list


def test_a_wrong_pin_is_one_try_and_says_what_to_do(ready: Window, fake: FakeAgent, drawings: list[str], qtbot: QtBot) -> None:
    ready.sign.add(drawings[:1])
    ready.sign.button.click()
    give_pin(ready, qtbot, "999999")
    qtbot.waitUntil(lambda: ready.sign.job is None)
    shown = texts(ready.sign.results)
    assert "PIN 码不对，已停止，没有文件被签署。" in shown
    assert "再试一次" in shown
    assert len(fake.pins) == 1
    retry = next(b for b in ready.sign.results.findChildren(QPushButton) if b.text() == "再试一次")
    qtbot.mouseClick(retry, Qt.MouseButton.LeftButton)
    give_pin(ready, qtbot, RIGHT_PIN)
    qtbot.waitUntil(lambda: ready.sign.job is None)
    assert "1 个文件已签名" in texts(ready.sign.results)


def test_cancel_in_the_dialog_spends_nothing(ready: Window, fake: FakeAgent, drawings: list[str], qtbot: QtBot) -> None:
    ready.sign.add(drawings)
    ready.sign.button.click()
    consent(ready, qtbot).reject()
    qtbot.waitUntil(lambda: ready.sign.job is None)
    assert fake.answers == [{"question": "q1", "answer": "cancel"}]
    assert fake.pins == []
    assert "已取消，没有文件被签名" in texts(ready.sign.results)


def test_the_last_try_is_confirmed_in_the_same_dialog(ready: Window, fake: FakeAgent, drawings: list[str], qtbot: QtBot) -> None:
    fake.show(token(pin_state="final_try"))
    qtbot.waitUntil(lambda: ready.tokens.choice is not None and ready.tokens.choice.pin_state == "final_try")
    ready.sign.add(drawings)
    ready.sign.button.click()
    dialog = consent(ready, qtbot)
    assert "最后一次机会" in texts(dialog)
    confirm, pin = dialog.findChildren(QLineEdit)
    pin.setText(RIGHT_PIN)
    confirm.setText("我确认")
    qtbot.keyClick(pin, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: ready.sign.job is None)
    assert len(fake.pins) == 1
    assert next(b for _, p, b in fake.requests if p == "/v1/signatures")["confirm_final_try"] is True


@pytest.mark.parametrize(
    ("there", "said"),
    [
        ([], "请插入 UKey"),
        ([token(state="removed")], "请插入 UKey"),
        ([token(pin_state="locked")], "已锁定"),
        ([token(state="not_initialised")], "没有初始化"),
        ([token(certificates=[])], "没有可用的签名证书"),
        ([token(certificates=[{**CERTIFICATE, "usable": False, "problem": "expired"}])], "没有可用的签名证书"),
    ],
)
def test_what_is_missing_is_said_before_and_not_after(
    there: list[dict[str, Any]], said: str, ready: Window, fake: FakeAgent, drawings: list[str], qtbot: QtBot
) -> None:
    ready.sign.add(drawings)
    assert ready.sign.button.isEnabled()
    fake.show(*there)
    qtbot.waitUntil(lambda: not ready.sign.button.isEnabled())
    assert said in texts(ready.sign)


def test_an_agent_that_dies_while_signing_is_told(ready: Window, fake: FakeAgent, drawings: list[str], qtbot: QtBot) -> None:
    ready.sign.add(drawings)
    fake.refuse = problem("agent_unreachable", 503, reason="died")
    ready.sign.button.click()
    qtbot.waitUntil(lambda: ready.sign.job is None)
    assert "签章服务在处理中途停止了" in texts(ready.sign.results)
    fake.close()
    qtbot.waitUntil(lambda: "正在启动签章服务" in texts(ready))
    assert not ready.sign.button.isEnabled()


def test_another_version_that_is_busy_is_left_alone(window: Window, fake: FakeAgent, qtbot: QtBot) -> None:
    window._service("version")
    qtbot.waitUntil(lambda: any(path == "/v1/status" for _, path, _ in fake.requests))
    qtbot.waitUntil(lambda: any(path == "/v1/stop" for _, path, _ in fake.requests))  # it had no jobs: replaced without a question


def test_an_old_result_is_replaced_only_when_asked(ready: Window, fake: FakeAgent, drawings: list[str], qtbot: QtBot) -> None:
    ready.sign.add(drawings[:1])
    fake.refuse = problem("output_exists", 422, name="结施-03.signed.pdf")
    ready.sign.button.click()
    qtbot.waitUntil(lambda: ready.sign.job is None)
    assert "输出文件已存在" in texts(ready.sign.results)
    fake.refuse = None
    replace = next(b for b in ready.sign.results.findChildren(QPushButton) if b.text() == "替换旧文件")
    assert replace.isVisible()
    qtbot.mouseClick(replace, Qt.MouseButton.LeftButton)
    give_pin(ready, qtbot, RIGHT_PIN)
    qtbot.waitUntil(lambda: ready.sign.job is None)
    assert [b["force"] for _, p, b in fake.requests if p == "/v1/signatures"] == [False, True]


def test_a_large_set_is_summed_up_with_its_troubles_first(ready: Window, qtbot: QtBot) -> None:
    error = ("input_unusable", {"reason": "empty", "name": "b"}, "", "")
    good = [SignedDocument(f"/d/{n}.pdf", f"/d/{n}.signed.pdf", "published", None) for n in range(300)]
    ready.sign.results.show_result([*good, SignedDocument("/d/b.pdf", "", "failed", error)], practice=True)
    ready.sign.setCurrentWidget(ready.sign.results)
    qtbot.waitUntil(lambda: "还有 101 个文件" in texts(ready.sign.results))
    text = texts(ready.sign.results)
    for said in ("300 个文件已签名，1 个没有签名", "文件是空的", "没有效力"):
        assert said in text


def test_drops_keep_names_byte_for_byte(tmp_path: Path) -> None:
    odd = tmp_path / "b\udcff 图.pdf"
    odd.write_bytes(b"x")
    folder = tmp_path / "套图"
    folder.mkdir()
    for name in ("2.PDF", "1.pdf", "notes.txt"):
        (folder / name).write_bytes(b"x")
    data = QMimeData()
    lines = [
        b"# comment",
        b"https://example.org/a.pdf",
        b"file://" + os.fsencode(str(odd)).replace(b"\xff", b"%FF").replace("图".encode(), b"%E5%9B%BE"),
    ]
    data.setData("text/uri-list", b"\r\n".join([*lines, QUrl.fromLocalFile(str(folder)).toEncoded().data()]))
    assert dropped_paths(data) == [str(odd), str(folder / "1.pdf"), str(folder / "2.PDF")]


@pytest.fixture
def words_window(qapp: QApplication, fake: FakeAgent, lang: str) -> Iterator[Window]:
    look.dress(qapp, lang)
    agent = Agent(fake.socket, lang, lambda: None)
    made = Window(agent, Words(lang))  # type: ignore[arg-type]
    made.show()
    agent.live()
    yield made
    made.close_down()
    agent.close()
    made.deleteLater()


def test_everything_one_can_reach_has_a_name_and_the_smallest_size_is_enough(words_window: Window, drawings: list[str], qtbot: QtBot) -> None:
    window = words_window
    qtbot.waitUntil(lambda: window.tokens.choice is not None)
    window.sign.add(drawings)
    window.sign.options.visible.setChecked(True)
    window.resize(*MINIMUM)
    assert (window.width(), window.height()) == MINIMUM  # the contents ask for no more
    named = [
        w
        for w in window.findChildren(QWidget)
        if w.focusPolicy() & Qt.FocusPolicy.TabFocus and w.window() is window and not w.objectName().startswith("qt_")
    ]
    assert len(named) > 25
    assert [(type(w).__name__, w.objectName(), type(w.parent()).__name__) for w in named if not w.accessibleName()] == []


def test_the_keyboard_alone_reaches_the_button(ready: Window, drawings: list[str], qtbot: QtBot) -> None:
    ready.sign.add(drawings)
    ready.activateWindow()
    ready._nav[0].setFocus()
    seen = []
    for _ in range(60):
        ready.focusNextPrevChild(True)
        seen.append(QApplication.focusWidget())
        if seen[-1] is ready.sign.button:
            break
    assert seen[-1] is ready.sign.button
    assert seen.index(ready.tokens.cards[0].radio) < seen.index(ready.sign.files) < seen.index(ready.sign.options.reason)


def test_closing_while_signing_is_asked_about(
    ready: Window, fake: FakeAgent, drawings: list[str], qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake.before_done.clear()
    ready.sign.add(drawings)
    ready.sign.button.click()
    give_pin(ready, qtbot, RIGHT_PIN)
    qtbot.waitUntil(lambda: bool(fake.pins))
    monkeypatch.setattr(QMessageBox, "exec", lambda box: 0)
    ready.close()
    assert ready.isVisible()
    fake.before_done.set()
    qtbot.waitUntil(lambda: ready.sign.job is None)


def test_a_missing_chinese_font_is_said(qapp: QApplication, fake: FakeAgent, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(look, "has_chinese_font", lambda: False)
    window = Window(Agent(fake.socket, "zh", lambda: None), Words("zh"))
    window.show()
    assert "fonts-noto-cjk" in texts(window)
    window.close_down()
    window.deleteLater()
