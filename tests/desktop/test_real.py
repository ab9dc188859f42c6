"""The window on the real agent and a SoftHSM2 token: from a file dropped to a verdict, as a person does it."""

import hashlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QPushButton
from pytestqt.qtbot import QtBot

from agent.api.home import locate
from desktop.main import Desktop, start_agent
from desktop.placement import Box
from desktop.window import Window
from tests.conftest import PracticeToken, Yinxin
from tests.desktop.test_window import consent, drop, give_pin, texts

ROOT = Path(__file__).resolve().parents[2]
LONG = 60_000


@pytest.fixture
def desktop(qapp: QApplication, home: Path, practice_token: PracticeToken) -> Iterator[Desktop]:
    """The whole program but its event loop; it starts the agent itself."""
    where = locate(str(home))
    made = Desktop(qapp, where, "zh", lambda: start_agent(where, str(home)))
    made.window.show()
    yield made
    made.close()


@pytest.fixture
def window(desktop: Desktop, practice_token: PracticeToken, qtbot: QtBot) -> Window:
    """The window, with the practice token chosen."""
    qtbot.waitUntil(lambda: desktop.window.tokens.choice is not None, timeout=LONG)
    return desktop.window


def _done(window: Window, qtbot: QtBot) -> None:
    qtbot.waitUntil(lambda: window.sign.job is None, timeout=LONG)


def test_a_drawing_is_dropped_placed_signed_opened_and_verified(
    window: Window, practice_token: PracticeToken, drawing: Path, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = hashlib.sha256(drawing.read_bytes()).hexdigest()
    assert "李工" in texts(window.tokens)
    drop(window.sign.drop, [str(drawing)])
    qtbot.waitUntil(lambda: window.sign.preview.view.complete, timeout=LONG)
    width, height = window.sign.preview.view.page_size
    window.sign.preview.placed.emit(Box(width - 90, height - 45, 70, 25))
    window.sign.options.reason.setText("施工图设计")
    qtbot.mouseClick(window.sign.button, Qt.MouseButton.LeftButton)
    text = texts(consent(window, qtbot))
    for said in ("签名 1 个文件", "施工图设计", practice_token.label, "练习用", "与您在预览中看到的文件一致。", f"{before[:4]} {before[4:8]}"):
        assert said in text
    give_pin(window, qtbot, practice_token.pin)
    _done(window, qtbot)
    assert "1 个文件已签名" in texts(window.sign.results)
    signed = drawing.with_name(f"{drawing.stem}.signed.pdf")
    assert signed.exists()
    assert hashlib.sha256(drawing.read_bytes()).hexdigest() == before
    opened: list[str] = []
    monkeypatch.setattr("desktop.results.open_file", lambda path: opened.append(path) or True)
    window.sign.results._open(str(signed))
    assert opened == [str(signed)]
    window.sign.results.verify.emit([str(signed)])
    qtbot.waitUntil(lambda: window.verify.job is None and window.verify.preview.view.complete, timeout=LONG)
    text = texts(window.verify)
    for said in ("通过", "李工", "全文受保护", "第 1 页，距左 120 毫米，距下 20 毫米", "签名人电脑的时间，未经证明"):
        assert said in text
    assert window.verify.preview.view._box.isVisible()


@pytest.mark.promise(2)
def test_a_wrong_pin_is_one_login_and_the_right_one_follows(window: Window, practice_token: PracticeToken, drawing: Path, qtbot: QtBot) -> None:
    window.sign.add([str(drawing)])
    window.sign.button.click()
    consent(window, qtbot)
    give_pin(window, qtbot, "111111")
    _done(window, qtbot)
    assert "PIN 码不对，已停止，没有文件被签署。" in texts(window.sign.results)
    assert not drawing.with_name(f"{drawing.stem}.signed.pdf").exists()
    qtbot.waitUntil(lambda: window.tokens.choice is not None and window.tokens.choice.pin_state == "low", timeout=LONG)
    window.sign.sign()
    assert "上次 PIN 码输错过" in texts(consent(window, qtbot))
    give_pin(window, qtbot, practice_token.pin)
    _done(window, qtbot)
    assert "1 个文件已签名" in texts(window.sign.results)


def test_good_and_bad_files_in_one_set(window: Window, practice_token: PracticeToken, drawing: Path, tmp_path: Path, qtbot: QtBot) -> None:
    (tmp_path / "空.pdf").write_bytes(b"")
    (tmp_path / "a.dwg").write_bytes(b"AC1027 drawing")
    (tmp_path / "假.pdf").write_bytes(b"no pdf at all")
    names = [str(tmp_path / name) for name in ("空.pdf", "a.dwg", "假.pdf")]
    window.sign.add([str(drawing), *names])
    window.sign.button.click()
    assert "另有 2 个文件不能签名" in texts(consent(window, qtbot))
    give_pin(window, qtbot, practice_token.pin)
    _done(window, qtbot)
    text = texts(window.sign.results)
    for said in ("2 个文件已签名，2 个没有签名", "文件是空的", "已保存为 a.dwg.p7s"):
        assert said in text
    assert window.sign.files.paths == [names[0], names[2]]
    window.verify_files([str(tmp_path / "a.dwg.p7s"), names[1]])
    qtbot.waitUntil(lambda: window.verify.job is None and window.verify.table.rows.rowCount() == 1, timeout=LONG)
    qtbot.waitUntil(lambda: "通过" in texts(window.verify), timeout=LONG)


@pytest.mark.promise(6)
def test_cancel_leaves_nothing(window: Window, drawing: Path, qtbot: QtBot) -> None:
    window.sign.add([str(drawing)])
    window.sign.button.click()
    consent(window, qtbot).reject()
    _done(window, qtbot)
    assert "已取消，没有文件被签名" in texts(window.sign.results)
    assert [path.name for path in drawing.parent.iterdir()] == [drawing.name]


@pytest.mark.promise(10)
def test_a_changed_drawing_does_not_pass(window: Window, yinxin: Yinxin, practice_token: PracticeToken, drawing: Path, qtbot: QtBot) -> None:
    yinxin("sign", drawing, "--pin", "env:YX_PIN")
    signed = drawing.with_name(f"{drawing.stem}.signed.pdf")
    data = signed.read_bytes()
    signed.write_bytes(data.replace(b"line 3", b"line 8") if b"line 3" in data else data[:600] + bytes([data[600] ^ 1]) + data[601:])
    window.verify_files([str(signed)])
    qtbot.waitUntil(lambda: window.verify.job is None and window.verify.table.rows.rowCount() == 1, timeout=LONG)
    assert window.verify.table.rows.index(0, 0).data().startswith(("不通过", "无法确认"))


def _overlay(signed: Path, out: Path) -> None:
    """Draw over the first page in an update behind the signature."""
    with signed.open("rb") as source, out.open("wb") as target:
        writer = IncrementalPdfFileWriter(source, strict=False)
        stream = writer.add_object(generic.StreamObject(stream_data=b"q 1 0 0 rg 200 300 80 40 re f Q"))
        writer.add_stream_to_page(0, stream)
        writer.write(target)


@pytest.mark.promise(10)
def test_what_was_altered_is_shown_beside_what_was_signed_and_reported(
    window: Window, yinxin: Yinxin, drawing: Path, tmp_path: Path, qtbot: QtBot
) -> None:
    yinxin("sign", drawing, "--pin", "env:YX_PIN")
    signed, altered = drawing.with_name(f"{drawing.stem}.signed.pdf"), drawing.with_name("改过.pdf")
    _overlay(signed, altered)
    page = window.verify
    window.verify_files([str(drawing.parent)])
    qtbot.waitUntil(lambda: page.job is None and page.table.rows.rowCount() == 3, timeout=LONG)
    rows = [(page.table.rows.index(row, 0).data(), page.table.rows.index(row, 1).data()) for row in range(3)]
    assert rows[0] in {("不通过", "改过.pdf"), ("无法确认", "改过.pdf")}
    assert rows[1:] == [("没有签名", drawing.name), ("通过", signed.name)]
    next(b for b in page.findChildren(QPushButton) if b.text() == "对照签名时的版本" and b.isVisible()).click()
    face = page.comparison
    qtbot.waitUntil(lambda: face.then.view.complete and face.now.view.complete, timeout=LONG)
    (mark,) = face.now.view.marks
    assert mark.x == pytest.approx(200 * 25.4 / 72, abs=1.5)
    assert mark.width == pytest.approx(80 * 25.4 / 72, abs=3)
    assert "有 1 页看起来不一样" in texts(face)
    face.save_as(str(tmp_path / "签名时.pdf"))
    qtbot.waitUntil(lambda: "已保存：签名时.pdf" in texts(face), timeout=LONG)
    assert (tmp_path / "签名时.pdf").read_bytes() == signed.read_bytes()
    face.back.emit()
    page.report.save_as(str(tmp_path / "报告.pdf"))
    qtbot.waitUntil(lambda: "报告已保存：报告.pdf" in texts(page), timeout=LONG)
    assert (tmp_path / "报告.pdf").read_bytes().startswith(b"%PDF-")


def test_the_token_list_follows_the_command_line(window: Window, yinxin: Yinxin, qtbot: QtBot) -> None:
    yinxin("token", "init", "--emulated", "--label", "第二个", "--pin", "env:YX_PIN", "--so-pin", "env:YX_SO_PIN")
    qtbot.waitUntil(lambda: "第二个" in [card.radio.text() for card in window.tokens.cards], timeout=LONG)
    assert "没有数字证书" in texts(window.tokens)


def test_the_agent_killed_in_between_is_started_again(desktop: Desktop, window: Window, yinxin: Yinxin, qtbot: QtBot) -> None:
    pid = yinxin("agent", "status").json["pid"]
    states: list[str] = []
    desktop.agent.state.connect(states.append)
    os.kill(pid, signal.SIGKILL)
    qtbot.waitUntil(lambda: states[-1:] == ["up"] and window.tokens.choice is not None, timeout=LONG)
    assert yinxin("agent", "status").json["pid"] != pid


def test_another_language_is_the_same_window_anew(desktop: Desktop, window: Window, drawing: Path, qtbot: QtBot) -> None:
    window.sign.add([str(drawing)])
    window.language.setCurrentIndex(window.language.findData("en"))
    window.language.activated.emit(window.language.currentIndex())
    assert desktop.words.lang == "en"
    assert desktop.window.sign.files.paths == [str(drawing)]
    qtbot.waitUntil(lambda: "Ready" in texts(desktop.window.tokens), timeout=LONG)


def _prompter_of(agent_pid: int) -> int | None:
    for line in Path(f"/proc/{agent_pid}/task/{agent_pid}/children").read_text(encoding="ascii").split():
        try:
            if b"desktop.prompter" in Path(f"/proc/{line}/cmdline").read_bytes():
                return int(line)
        except OSError:  # it ended
            continue
    return None


def test_a_prompter_that_is_closed_says_no(yinxin: Yinxin, practice_token: PracticeToken, drawing: Path, qtbot: QtBot) -> None:
    """The agent asks by a window of its own where its caller has no terminal; nobody there means that nobody agreed."""
    yinxin("token", "list")
    agent = yinxin("agent", "status").json["pid"]
    running = yinxin.start("sign", drawing, env={"QT_QPA_PLATFORM": "offscreen"})
    qtbot.waitUntil(lambda: _prompter_of(agent) is not None, timeout=LONG)
    os.kill(_prompter_of(agent) or 0, signal.SIGTERM)
    out, _ = running.communicate(timeout=60)
    assert running.returncode == 3
    assert '"pin_cancelled"' in out
    assert not drawing.with_name(f"{drawing.stem}.signed.pdf").exists()


def _program(home: Path, *arguments: str, **env: str) -> "subprocess.Popen[str]":
    base = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "HOME": str(home), "LANG": "C.UTF-8"}
    command = [sys.executable, "-W", "error", "-m", "desktop.main", "--home", str(home), *arguments]
    return subprocess.Popen(command, env={**base, **env}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_the_program_ends_in_order_when_told_to(home: Path, practice_token: PracticeToken, drawing: Path, yinxin: Yinxin, qtbot: QtBot) -> None:
    running = _program(home, str(drawing), QT_QPA_PLATFORM="offscreen")
    socket = locate(str(home)).socket
    qtbot.waitUntil(lambda: socket.exists() or running.poll() is not None, timeout=LONG)
    yinxin("token", "list")
    running.send_signal(signal.SIGTERM)
    _, complaints = running.communicate(timeout=60)
    assert running.returncode == 0, complaints
    assert "Error" not in complaints


@pytest.mark.parametrize("display", [{}, {"DISPLAY": ":4711"}])
def test_without_a_display_the_program_says_what_to_do(display: dict[str, str], home: Path) -> None:
    running = _program(home, "--lang", "en", **display)
    _, complaints = running.communicate(timeout=60)
    assert running.returncode == 6
    assert "command line" in complaints


def test_a_home_of_somebody_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "h").symlink_to("/proc")
    running = _program(tmp_path / "h", "--lang", "en", QT_QPA_PLATFORM="offscreen")
    _, complaints = running.communicate(timeout=60)
    assert running.returncode == 6
    assert "/proc" not in complaints.replace(str(tmp_path), "")
    assert "Traceback" not in complaints


@pytest.mark.promise(2)
def test_the_pin_is_in_no_request_log_or_file(window: Window, home: Path, practice_token: PracticeToken, drawing: Path, qtbot: QtBot) -> None:
    marker = "73915028"
    window.sign.add([str(drawing)])
    window.sign.button.click()
    consent(window, qtbot)
    give_pin(window, qtbot, marker)  # wrong, and therefore in nobody's token
    _done(window, qtbot)
    found = [path for path in home.rglob("*") if path.is_file() and marker.encode() in path.read_bytes()]
    assert found == []
