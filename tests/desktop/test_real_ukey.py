"""The page of the UKeys on the real agent and SoftHSM2: inspection, PINs, a login that is kept and locked, a UKey pulled in the middle of a set."""

import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtWidgets import QApplication, QLineEdit
from pytestqt.qtbot import QtBot

from agent.api.home import locate
from desktop.main import Desktop, start_agent
from desktop.ukey_card import UkeyCard
from desktop.window import SIGN, UKEY, Window
from tests.conftest import SO_PIN, PracticeToken, Yinxin
from tests.desktop.test_ukey_page import fill
from tests.desktop.test_window import consent, give_pin, texts

LONG = 60_000
SET = 200
"""Files in a set that is to be stopped in the middle."""


@pytest.fixture
def held(home: Path) -> None:
    """A PIN serves for ten minutes."""
    config = locate(str(home)).config
    config.mkdir(parents=True, exist_ok=True)
    (config / "settings.toml").write_text('[pin]\nscope = "minutes"\nminutes = 10\n', encoding="utf-8")


@pytest.fixture
def desktop(qapp: QApplication, home: Path, practice_token: PracticeToken) -> Iterator[Desktop]:
    """The whole program but its event loop."""
    where = locate(str(home))
    made = Desktop(qapp, where, "zh", lambda: start_agent(where, str(home)))
    made.window.show()
    yield made
    made.close()


@pytest.fixture
def window(desktop: Desktop, qtbot: QtBot) -> Window:
    """The window on its page of UKeys."""
    desktop.window.show_page(UKEY)
    qtbot.waitUntil(lambda: len(desktop.window.ukey.cards) == 1, timeout=LONG)
    return desktop.window


def card(window: Window) -> UkeyCard:
    return window.ukey.cards[0]


def rest(window: Window, qtbot: QtBot) -> None:
    qtbot.waitUntil(lambda: window.ukey.job is None and window.sign.job is None, timeout=LONG)


def test_a_ukey_is_inspected_its_pin_changed_and_unblocked(window: Window, practice_token: PracticeToken, tmp_path: Path, qtbot: QtBot) -> None:
    card(window).buttons["inspect"].click()
    dialog = consent(window, qtbot)
    assert "试签一次" in texts(dialog)
    fill(dialog, practice_token.pin)
    rest(window, qtbot)
    text = texts(window.ukey)
    for said in ("检测通过", "不能承载电子印章", "软件模拟"):
        assert said in text
    window.ukey.inspection.save_as(str(tmp_path / "r.html"))
    assert "UKey 检测报告" in (tmp_path / "r.html").read_text(encoding="utf-8")
    window.ukey.inspection.back.emit()
    for new, said in (("111111", "太简单"), ("731950", "PIN 码已修改")):
        card(window).buttons["change"].click()
        dialog = consent(window, qtbot)
        assert "至少 6 位" in texts(dialog)
        fill(dialog, practice_token.pin, new, new)
        rest(window, qtbot)
        qtbot.waitUntil(lambda said=said: said in texts(window.ukey))
    card(window).buttons["change"].click()
    fill(consent(window, qtbot), practice_token.pin, "820461", "820461")  # the old one holds no more
    rest(window, qtbot)
    qtbot.waitUntil(lambda: "PIN 码不对" in texts(window.ukey) and "PIN 码输错过。" in texts(window.ukey), timeout=LONG)
    card(window).buttons["unblock"].click()
    fill(consent(window, qtbot), SO_PIN, practice_token.pin, practice_token.pin)
    rest(window, qtbot)
    qtbot.waitUntil(lambda: "已解锁" in texts(window.ukey) and "PIN 码正常。" in texts(window.ukey), timeout=LONG)


@pytest.mark.promise(2)
@pytest.mark.usefixtures("held")
def test_a_kept_login_asks_for_consent_until_the_screen_is_locked(
    desktop: Desktop, window: Window, practice_token: PracticeToken, drawing: Path, tmp_path: Path, qtbot: QtBot
) -> None:
    others = [str(shutil.copy(drawing, tmp_path / f"{n}.pdf")) for n in range(2)]
    window.show_page(SIGN)
    window.sign.add([str(drawing)])
    window.sign.button.click()
    consent(window, qtbot)
    give_pin(window, qtbot, practice_token.pin)
    rest(window, qtbot)
    qtbot.waitUntil(lambda: "已登录，保留到" in texts(window.tokens), timeout=LONG)
    assert "lock" in card(window).buttons
    window.sign.add(others[:1])
    window.sign.button.click()
    dialog = consent(window, qtbot)
    assert "这次不用输 PIN 码" in texts(dialog)
    assert dialog.findChildren(QLineEdit) == []
    fill(dialog)
    rest(window, qtbot)
    assert "1 个文件已签名" in texts(window.sign.results)
    desktop.lock.locked.emit("screen_lock")
    qtbot.waitUntil(lambda: "lock" not in card(window).buttons, timeout=LONG)
    window.sign.add(others[1:])
    window.sign.button.click()
    assert len(consent(window, qtbot).findChildren(QLineEdit)) == 1
    consent(window, qtbot).reject()
    rest(window, qtbot)


@pytest.mark.promise(5)
def test_a_ukey_pulled_in_the_middle_of_a_set_comes_back_and_the_rest_is_signed(
    desktop: Desktop, window: Window, practice_token: PracticeToken, drawing: Path, tmp_path: Path, qtbot: QtBot, yinxin: Yinxin
) -> None:
    folder = tmp_path / "set"
    folder.mkdir()
    files = [str(shutil.copy(drawing, folder / f"{n:03}.pdf")) for n in range(SET)]
    pulled: list[str] = []

    def pull(data: dict[str, object]) -> None:
        if data.get("stage") == "sign" and int(str(data.get("done") or 0)) >= 5 and not pulled:
            pulled.append(card(window).token.serial)
            desktop.agent.call("POST", "/v1/tokens/pull", {"token": pulled[0]})

    window.show_page(SIGN)
    window.sign.add(files)
    window.sign.button.click()
    assert window.sign.job is not None
    window.sign.job.progress.connect(pull)
    consent(window, qtbot)
    give_pin(window, qtbot, practice_token.pin)
    rest(window, qtbot)
    done = len(list(folder.glob("*.signed.pdf")))
    assert 5 <= done < SET
    text = texts(window.sign.results)
    assert f"{done} 个文件已签名，{SET - done} 个没有签名" in text
    assert "插回同一个 UKey" in text
    assert not window.sign.results.go_on.isEnabled()
    assert [path.name for path in folder.iterdir() if not path.name.endswith(".pdf")] == []  # nothing partial
    before = {path: path.stat().st_mtime_ns for path in folder.glob("*.signed.pdf")}
    yinxin("token", "insert", practice_token.label)
    qtbot.waitUntil(window.sign.results.go_on.isEnabled, timeout=LONG)
    window.sign.results.go_on.click()
    consent(window, qtbot)
    give_pin(window, qtbot, practice_token.pin)
    rest(window, qtbot)
    assert len(list(folder.glob("*.signed.pdf"))) == SET
    assert {path: path.stat().st_mtime_ns for path in before} == before  # nothing twice
    assert f"{SET} 个文件已签名" in texts(window.sign.results)


@pytest.mark.promise(5)
def test_a_set_is_gone_on_with_after_the_agent_was_killed(
    desktop: Desktop, window: Window, practice_token: PracticeToken, drawing: Path, tmp_path: Path, qtbot: QtBot, yinxin: Yinxin
) -> None:
    folder = tmp_path / "set"
    folder.mkdir()
    files = [str(shutil.copy(drawing, folder / f"{n:03}.pdf")) for n in range(SET)]
    agent = yinxin("agent", "status").json["pid"]
    window.show_page(SIGN)
    window.sign.add(files)
    window.sign.button.click()
    assert window.sign.job is not None
    window.sign.job.document.connect(lambda _: os.kill(agent, signal.SIGKILL) if not _gone(agent) else None)
    consent(window, qtbot)
    give_pin(window, qtbot, practice_token.pin)
    rest(window, qtbot)
    assert "签章服务在处理中途停止了" in texts(window.sign.results)
    qtbot.waitUntil(window.sign.results.go_on.isEnabled, timeout=LONG)  # the window has started another one
    before = {path: path.stat().st_mtime_ns for path in folder.glob("*.signed.pdf")}
    assert before
    window.sign.results.go_on.click()
    consent(window, qtbot)
    give_pin(window, qtbot, practice_token.pin)
    rest(window, qtbot)
    assert len(list(folder.glob("*.signed.pdf"))) == SET
    assert {path: path.stat().st_mtime_ns for path in before} == before


def _gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False
