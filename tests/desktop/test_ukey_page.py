"""The page of the UKeys against a scripted agent: live states, PIN change, unblocking, locking, inspection, troubles, drivers."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFileDialog, QLineEdit, QPushButton, QWidget
from pytestqt.qtbot import QtBot

from desktop.consent import ConsentDialog
from desktop.ukey_page import UkeyPage
from desktop.window import SIGN, UKEY, Window
from tests.desktop.fake import CERTIFICATE, RIGHT_PIN, Emit, FakeAgent, problem, token
from tests.desktop.test_window import consent, texts

INSPECTED = {
    "verdict": "indeterminate",
    "reasons": [{"zh": "私钥不是在 UKey 里生成的。", "en": "The key was not made on the UKey."}],
    "may_carry_seal": False,
    "seal_reasons": [{"zh": "私钥可能在别处还有一份。", "en": "There may be a copy of the key."}],
    "findings": [
        {"name": "presence", "state": "ok", "message": {"zh": "UKey 正常回应。", "en": "It answers."}, "hint": None},
        {"name": "local", "state": "warn", "message": {"zh": "LOCAL 为假。", "en": "Not local."}, "hint": {"zh": "用 yinxin key generate", "en": ""}},
        {"name": "export", "state": "fail", "message": {"zh": "<b>私钥</b>可以导出。", "en": "Out."}, "hint": {"zh": "停用。", "en": "Stop."}},
    ],
    "token": {**token(), "certificates": [CERTIFICATE | {"not_after": "2035-01-01T00:00:00Z"}]}, "inspected_at": "2026-03-01T08:00:00Z",
    "keys": [{
        "id": "01", "label": "sign", "type": "rsa2048", "attributes": {"local": False}, "export_attempts": {"read": "CKR_ATTRIBUTE_SENSITIVE"},
        "test_signature": "verified", "scheme": "rsa_pkcs1_sha256",
    }],
    "mechanisms": [{"number": 0x80000001, "name": None}],
    "module": {"name": "fake", "path": "/opt/fake.so", "library_version": "1.0", "sha256": "ab" * 32},
}  # fmt: skip


@pytest.fixture
def page(window: Window, qtbot: QtBot) -> UkeyPage:
    """The page, shown, with one UKey."""
    window.show_page(UKEY)
    qtbot.waitUntil(lambda: len(window.ukey.cards) == 1)
    return window.ukey


def press(page: UkeyPage, name: str, card: int = 0) -> None:
    page.cards[card].buttons[name].click()


def fill(dialog: ConsentDialog, *typed: str) -> None:
    fields = dialog.findChildren(QLineEdit)
    for field, text in zip(fields, typed, strict=True):
        field.setText(text)
    next(b for b in dialog.findChildren(QPushButton) if b.objectName() == "primary").click()


def wait(qtbot: QtBot, page: QWidget, said: str) -> None:
    qtbot.waitUntil(lambda: said in texts(page))


def test_ukeys_are_shown_live_with_state_certificates_and_what_to_do(page: UkeyPage, fake: FakeAgent, qtbot: QtBot) -> None:
    text = texts(page)
    for said in ("王芳的UKey", "序列号 7F00A1 · Fake F1", "固件 1.2", "正常", "PIN 码正常。", "有效期至 2035年1月1日"):
        assert said in text
    old = {**CERTIFICATE, "common_name": "李工", "usable": False, "problem": "expired", "not_after": "2024-05-01T00:00:00Z"}
    fake.show(token("二号", serial="8", pin_state="locked", certificates=[old]), token())
    wait(qtbot, page, "已锁定")
    assert [card.token.label for card in page.cards] == ["二号", "王芳的UKey"]
    assert "已于 2024年5月1日 过期" in texts(page.cards[0])
    assert page.cards[0].buttons["unblock"].objectName() == "primary"
    assert "二号, 已锁定" in page.cards[0].accessibleName()
    fake.show()
    wait(qtbot, page, "几秒内会自动显示")
    assert page.cards == []


def test_a_module_in_trouble_is_named_and_the_others_go_on(page: UkeyPage, fake: FakeAgent, qtbot: QtBot) -> None:
    fake.show(token(), troubles=[{"module": "厂商A", "code": "module_timeout", "facts": {"module": "厂商A"}, "message": "m", "hint": "h"}])
    wait(qtbot, page, "UKey 驱动“厂商A”有问题")
    assert "请让 IT 检查驱动" in texts(page)
    assert "UKey 驱动 厂商A 有问题" in texts(page.window())  # beside the UKeys, whatever page is shown
    assert len(page.cards) == 1
    fake.show(token(pin_state="low"))
    qtbot.waitUntil(lambda: "厂商A" not in texts(page.window()))


@pytest.mark.promise(2)
def test_a_pin_is_changed_with_the_new_one_typed_twice(page: UkeyPage, fake: FakeAgent, window: Window, qtbot: QtBot) -> None:
    press(page, "change")
    wait(qtbot, page, "正在修改 PIN 码")
    dialog = consent(window, qtbot)
    for said in ("修改 PIN 码", "现在的 PIN 码", "新 PIN 码", "按发证机构", "王芳的UKey"):
        assert said in texts(dialog)
    fill(dialog, RIGHT_PIN, "731950", "731951")
    assert dialog.isVisible()
    assert "两次输入不一样" in texts(dialog)
    fill(dialog, RIGHT_PIN, "731950", "731950")
    wait(qtbot, page, "PIN 码已修改")
    assert fake.pins == [{"nonce": "n0nce", "secrets": {"pin": RIGHT_PIN, "new_pin": "731950"}}]
    [body] = fake.asked("/v1/tokens/pin/change")
    assert (body["token"], body["confirm_final_try"]) == ("7F00A1", False)
    assert "731950" not in repr(fake.requests)


def test_a_new_pin_that_is_too_simple_is_refused_with_reasons(page: UkeyPage, fake: FakeAgent, window: Window, qtbot: QtBot) -> None:
    def story(agent: FakeAgent, emit: Emit, _: dict[str, Any]) -> None:
        agent.ask(emit, {"purpose": "pin_change", "secrets": ["pin", "new_pin"]})
        emit("failed", {"problem": problem("pin_unacceptable", 403, reason="simple"), "result": None})

    fake.stories["/v1/tokens/pin/change"] = story
    press(page, "change")
    fill(consent(window, qtbot), RIGHT_PIN, "111111", "111111")
    wait(qtbot, page, "太简单")
    assert page.cards[0].buttons["change"].isEnabled()


def test_a_locked_ukey_is_unblocked_by_the_administrator(page: UkeyPage, fake: FakeAgent, window: Window, qtbot: QtBot) -> None:
    fake.show(token(pin_state="locked", so_pin_state="low"))
    wait(qtbot, page, "已锁定")

    def story(agent: FakeAgent, emit: Emit, _: dict[str, Any]) -> None:
        agent.ask(emit, {"purpose": "pin_unblock", "secrets": ["so_pin", "new_pin"]})
        agent.show(token())
        emit("done", {"result": {"token": token()}})

    fake.stories["/v1/tokens/pin/unblock"] = story
    press(page, "unblock")
    dialog = consent(window, qtbot)
    assert "管理员 PIN 输错过" in texts(dialog)  # the state of the PIN that is at risk, not of the one that is locked
    fill(dialog, "99713355", "731950", "731950")
    wait(qtbot, page, "已解锁，新的 PIN 码已生效")
    assert fake.pins[0]["secrets"] == {"so_pin": "99713355", "new_pin": "731950"}
    wait(qtbot, page, "PIN 码正常。")


@pytest.mark.promise(2)
def test_the_last_try_of_the_administrator_is_confirmed_too(page: UkeyPage, fake: FakeAgent, window: Window, qtbot: QtBot) -> None:
    fake.show(token(pin_state="locked", so_pin_state="final_try"))
    wait(qtbot, page, "管理员 PIN 只剩最后一次")
    fake.stories["/v1/tokens/pin/unblock"] = lambda agent, emit, _: (
        agent.ask(emit, {"purpose": "pin_unblock", "secrets": ["so_pin", "new_pin"]}),
        emit("done", {"result": {}}),
    )[1]
    press(page, "unblock")
    dialog = consent(window, qtbot)
    confirm, so_pin, new, again = dialog.findChildren(QLineEdit)
    for field, text in ((so_pin, "99713355"), (new, "731950"), (again, "731950")):
        field.setText(text)
    agree = next(b for b in dialog.findChildren(QPushButton) if b.objectName() == "primary")
    assert not agree.isEnabled()
    confirm.setText("我确认")
    agree.click()
    wait(qtbot, page, "已解锁")
    assert fake.asked("/v1/tokens/pin/unblock")[0]["confirm_final_try"] is True


def test_cancel_changes_nothing_and_is_no_failure(page: UkeyPage, fake: FakeAgent, window: Window, qtbot: QtBot) -> None:
    press(page, "change")
    consent(window, qtbot).reject()
    wait(qtbot, page, "已取消，UKey 没有改动")
    assert fake.pins == []


def test_a_keypad_is_pointed_to_and_can_be_left(page: UkeyPage, fake: FakeAgent, window: Window, qtbot: QtBot) -> None:
    fake.show(token(protected_path=True))
    wait(qtbot, page, "自己的键盘上输入")

    def story(agent: FakeAgent, emit: Emit, _: dict[str, Any]) -> None:
        agent.ask(emit, {"purpose": "pin_change", "secrets": []})
        emit("failed", {"problem": problem("pin_cancelled", reason="declined"), "result": None})

    fake.stories["/v1/tokens/pin/change"] = story
    press(page, "change")
    dialog = consent(window, qtbot)
    assert dialog.findChildren(QLineEdit) == []
    assert "再输入两遍新的 PIN 码" in texts(dialog)
    assert [b.text() for b in dialog.findChildren(QPushButton) if b.isVisible()] == ["取消"]  # who types on the pad agrees there
    dialog.reject()
    wait(qtbot, page, "已取消")
    assert fake.answers == [{"question": "q1", "answer": "cancel"}]


def test_a_keypad_dialog_goes_when_the_work_goes_on(page: UkeyPage, fake: FakeAgent, window: Window, qtbot: QtBot) -> None:
    fake.before_done.clear()

    def story(agent: FakeAgent, emit: Emit, _: dict[str, Any]) -> None:
        emit("question", {"question": "q", "kind": "pin", "purpose": "token_inspect", "token": token(), "secrets": [], "pad": True})
        agent.before_done.wait(30)
        emit("progress", {"stage": "inspect", "done": 0, "total": 1})
        agent.cancelled.wait(30)
        emit("done", {"result": INSPECTED})

    fake.stories["/v1/tokens/inspect"] = story
    press(page, "inspect")
    consent(window, qtbot)
    fake.before_done.set()
    qtbot.waitUntil(lambda: not any(d.isVisible() for d in window.findChildren(ConsentDialog)))
    assert fake.answers == []
    fake.cancelled.set()
    wait(qtbot, page, "无法确认")


@pytest.mark.promise(2)
def test_before_a_keypad_the_last_try_is_never_confirmed_unasked(page: UkeyPage, fake: FakeAgent, window: Window, qtbot: QtBot) -> None:
    """The try begins with the question: the confirmation has to be asked for by the agent, before."""
    fake.show(token(protected_path=True, pin_state="final_try", so_pin_state="final_try"))
    wait(qtbot, page, "只剩最后一次")
    fake.stories["/v1/tokens/inspect"] = lambda agent, emit, _: emit("done", {"result": INSPECTED})
    press(page, "inspect")
    wait(qtbot, page, "无法确认")
    page.inspection.back.emit()
    press(page, "unblock")
    consent(window, qtbot).reject()
    qtbot.waitUntil(lambda: page.job is None)
    assert [fake.asked(path)[0]["confirm_final_try"] for path in ("/v1/tokens/inspect", "/v1/tokens/pin/unblock")] == [False, False]


def test_a_held_login_is_shown_and_locked(page: UkeyPage, fake: FakeAgent, window: Window, qtbot: QtBot) -> None:
    fake.show(token(login={"until": "2026-03-01T08:05:00+00:00", "scope": "minutes"}))
    wait(qtbot, page, "保留到")
    assert "已登录，保留到" in texts(window.tokens)
    press(page, "lock")
    wait(qtbot, page, "已锁定：下次使用须输入 PIN 码")
    assert fake.asked("/v1/tokens/lock") == [{"token": "7F00A1", "reason": "asked"}]


def test_what_failed_is_told_although_the_ukey_is_gone(page: UkeyPage, fake: FakeAgent, window: Window, qtbot: QtBot) -> None:
    def story(agent: FakeAgent, emit: Emit, _: dict[str, Any]) -> None:
        agent.show()
        emit("failed", {"problem": problem("token_removed", token="王芳的UKey"), "result": None})

    fake.stories["/v1/tokens/inspect"] = story
    press(page, "inspect")
    wait(qtbot, page, "王芳的UKey: UKey“王芳的UKey”已拔出")
    window.show_page(SIGN)
    window.show_page(UKEY)
    assert "已拔出" not in texts(page)


def test_practice_ukeys_are_pulled_and_put_back(page: UkeyPage, fake: FakeAgent, qtbot: QtBot) -> None:
    fake.show(token(practice=True, emulated=True))
    qtbot.waitUntil(lambda: "pull" in page.cards[0].buttons)
    press(page, "pull")
    qtbot.waitUntil(lambda: "insert" in page.cards[0].buttons and "练习 UKey 已拔出" in texts(page))
    assert list(page.cards[0].buttons) == ["insert"]
    press(page, "insert")
    qtbot.waitUntil(lambda: "pull" in page.cards[0].buttons)
    assert [len(fake.asked(f"/v1/tokens/{act}")) for act in ("pull", "insert")] == [1, 1]


def test_an_act_that_is_refused_says_why(page: UkeyPage, fake: FakeAgent, qtbot: QtBot) -> None:
    fake.show(token(login={"until": None}))
    qtbot.waitUntil(lambda: "lock" in page.cards[0].buttons)
    fake.refuse = problem("token_absent", 404, token="王芳的UKey")
    press(page, "lock")
    wait(qtbot, page, "没有找到 UKey")


def _inspected(agent: FakeAgent, emit: Emit, _: dict[str, Any]) -> None:
    agent.ask(emit, {"purpose": "token_inspect"})
    emit("waiting", {"for": "token", "token": "王芳的UKey", "during": "sign", "seconds": 6.0})
    agent.before_done.wait(30)
    emit("done", {"result": INSPECTED})


@pytest.fixture
def inspected(page: UkeyPage, fake: FakeAgent, window: Window, qtbot: QtBot) -> Callable[[], None]:
    """Runs an inspection."""

    def run() -> None:
        fake.stories["/v1/tokens/inspect"] = _inspected
        press(page, "inspect")
        fill(consent(window, qtbot), RIGHT_PIN)

    return run


def test_an_inspection_shows_verdict_seal_and_findings(
    inspected: Callable[[], None], page: UkeyPage, fake: FakeAgent, window: Window, qtbot: QtBot
) -> None:
    fake.before_done.clear()
    inspected()
    wait(qtbot, page, "还没有回应，已等 6 秒")
    fake.before_done.set()
    wait(qtbot, page, "无法确认")
    text = texts(page)
    for said in ("不是在 UKey 里生成", "不能承载电子印章", "可能在别处还有一份", "不合格", "请联系发证机构或 IT。", "<b>私钥</b>可以导出。"):
        assert said in text
    assert text.index("不合格") < text.index("LOCAL 为假") < text.index("正常回应")  # the worst first
    page.inspection.back.emit()
    assert page.cards[0].isVisible()
    page.inspection.again.emit()
    fill(consent(window, qtbot), RIGHT_PIN)
    qtbot.waitUntil(lambda: len(fake.asked("/v1/tokens/inspect")) == 2 and page.job is None)


def test_an_inspection_is_saved_whole_or_not_at_all(inspected: Callable[[], None], page: UkeyPage, tmp_path: Path, qtbot: QtBot) -> None:
    inspected()
    wait(qtbot, page, "无法确认")
    plain = page.inspection.document().toPlainText()
    for said in ("无法确认", "<b>私钥</b>可以导出。", "停用。", "不能承载电子印章", "CKR_ATTRIBUTE_SENSITIVE", "/opt/fake.so"):
        assert said in plain
    page.inspection.save.click()
    dialog = page.inspection.findChild(QFileDialog)
    assert dialog is not None
    dialog.reject()
    page.inspection.save_as(str(tmp_path / "r.pdf"))
    assert (tmp_path / "r.pdf").read_bytes().startswith(b"%PDF-")
    assert (tmp_path / "r.pdf").read_bytes().rstrip().endswith(b"%%EOF")
    assert "报告已保存为 r.pdf" in texts(page)
    page.inspection.save_as(str(tmp_path / "r.html"))
    assert "&lt;b&gt;私钥" in (tmp_path / "r.html").read_text(encoding="utf-8")
    page.inspection.save_as(str(tmp_path / "no" / "r.pdf"))
    assert "报告没有保存" in texts(page)


def test_drivers_of_this_computer_are_listed(page: UkeyPage, fake: FakeAgent, qtbot: QtBot) -> None:
    fake.modules = [
        {
            "name": "opensc",
            "path": "/usr/lib/opensc-pkcs11.so",
            "usable": True,
            "manufacturer": "OpenSC",
            "library_version": "0.23",
            "origin": "known",
        },
        {"name": "old", "path": "/opt/old.so", "usable": False, "problem": "architecture", "origin": "added"},
        {"name": "new", "path": "/opt/new.so", "usable": False, "problem": "changed", "changed": True, "origin": "added", "network_allowed": True},
    ]
    qtbot.waitUntil(page.drivers.again.isEnabled)
    page.drivers.again.click()
    wait(qtbot, page, "opensc · OpenSC · 0.23")
    text = texts(page)
    for said in ("不能用", "/opt/old.so", "驱动文件变了", "允许联网"):
        assert said in text


def test_a_service_that_goes_away_takes_the_cards_along(page: UkeyPage, fake: FakeAgent, qtbot: QtBot) -> None:
    fake.close()
    wait(qtbot, page, "正在查找 UKey")
    assert page.cards == []


def test_the_keyboard_stays_where_it_was_when_states_change(page: UkeyPage, fake: FakeAgent, qtbot: QtBot) -> None:
    page.window().activateWindow()
    page.cards[0].buttons["change"].setFocus(Qt.FocusReason.TabFocusReason)
    fake.show(token(pin_state="low"))
    wait(qtbot, page, "PIN 码输错过。")
    assert page.cards[0].buttons["change"].hasFocus()
