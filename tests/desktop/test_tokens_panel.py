"""The UKeys at the left: how they come and go, and which of them is worked with."""

from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from desktop.window import Window
from tests.desktop.fake import CERTIFICATE, FakeAgent, token
from tests.desktop.test_window import texts


def test_ukeys_come_and_go_as_they_are_plugged(window: Window, fake: FakeAgent, qtbot: QtBot) -> None:
    expired = {**CERTIFICATE, "usable": False, "problem": "expired", "not_after": "2024-05-01T00:00:00Z", "common_name": "李工"}
    qtbot.waitUntil(lambda: "可以使用" in texts(window.tokens))
    text = texts(window.tokens)
    for said in ("可以使用", "PIN 码正常", "7F00A1", "王芳", "有效期至 2035年1月1日", "单位内部 CA"):
        assert said in text
    fake.show(
        token(), token("二号", serial="8", pin_state="low", certificates=[expired]), token("", serial="9", state="not_initialised", certificates=[])
    )
    qtbot.waitUntil(lambda: "还没有初始化" in texts(window.tokens))
    assert window.tokens.cards[2].radio.text() == "未命名的 UKey"
    text = texts(window.tokens)
    for said in ("PIN 码输错过", "已于 2024年5月1日 过期", "还没有初始化"):
        assert said in text
    assert "二号, 可以使用, PIN 码输错过" in window.tokens.cards[1].radio.accessibleName()
    fake.show()
    qtbot.waitUntil(lambda: "没有找到 UKey" in texts(window.tokens))
    assert window.tokens.choice is None


def test_the_choice_stays_with_its_ukey(window: Window, fake: FakeAgent, qtbot: QtBot) -> None:
    fake.show(token(), token("二号", serial="8"))
    qtbot.waitUntil(lambda: len(window.tokens.cards) == 2)
    qtbot.mouseClick(window.tokens.cards[1], Qt.MouseButton.LeftButton)
    fake.show(token("零号", serial="7"), token("二号", serial="8", pin_state="low"), token())
    qtbot.waitUntil(lambda: len(window.tokens.cards) == 3)
    assert window.tokens.selector() == "8"
    fake.show(token())
    qtbot.waitUntil(lambda: window.tokens.selector() == "7F00A1")
    fake.show(token("甲", serial="0"), token("乙", serial="0"))
    qtbot.waitUntil(lambda: len(window.tokens.cards) == 2)
    assert window.tokens.selector() == "甲"


def test_another_ukey_stands_in_only_while_the_wanted_one_is_out(window: Window, fake: FakeAgent, qtbot: QtBot) -> None:
    """Nobody is to sign with another UKey without having chosen it."""
    wanted, other = token(), token("二号", serial="8")
    qtbot.waitUntil(lambda: window.tokens.selector() == "7F00A1")
    fake.show(other, wanted)
    qtbot.waitUntil(lambda: len(window.tokens.cards) == 2)
    assert window.tokens.selector() == "7F00A1"  # the new one comes first in the list, and is not taken
    fake.show(other, {**wanted, "state": "removed"})
    qtbot.waitUntil(lambda: window.tokens.selector() == "8")
    fake.show(token("零号", serial="7"), other)
    qtbot.waitUntil(lambda: window.tokens.cards[0].radio.text() == "零号")
    assert window.tokens.selector() == "8"
    fake.show(other, wanted)
    qtbot.waitUntil(lambda: window.tokens.selector() == "7F00A1")
