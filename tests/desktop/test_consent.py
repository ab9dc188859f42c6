"""The dialog of consent: what it shows, when it lets one agree, where the PIN goes, and that nothing of it stays."""

import json
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QDialog, QLabel, QLineEdit, QPushButton, QScrollArea
from pytestqt.qtbot import QtBot

from desktop.asked import Question
from desktop.consent import ConsentDialog
from desktop.questions import answer_of, dialog_for
from desktop.words import Words
from tests.desktop.fake import CERTIFICATE, token
from tokens import platform

DOCUMENT = {"name": "结施-03.pdf", "uri": "file:///d/%E7%BB%93.pdf", "sha256": "0123456789abcdef" * 4, "size": 35_000, "pages": 3}


class PinSocket:
    """The one-shot socket of a token host."""

    def __init__(self, folder: Path) -> None:
        self.path = str(folder / "pin")
        self.lines: list[Any] = []
        self._listener: socket.socket = platform.listen_private(self.path)
        self.thread = threading.Thread(target=self._take, daemon=True)
        self.thread.start()

    def _take(self) -> None:
        connection, _ = self._listener.accept()
        with connection, connection.makefile() as stream:
            self.lines.append(json.loads(stream.readline() or "null"))
        self._listener.close()


@pytest.fixture
def pin_socket(tmp_path: Path) -> Iterator[PinSocket]:
    made = PinSocket(tmp_path)
    yield made
    if made.thread.is_alive():
        platform.connect(made.path).close()
    made.thread.join()


def _question(kind: str = "pin", **changes: Any) -> dict[str, Any]:
    return {
        "kind": kind,
        "purpose": "sign",
        "documents": [DOCUMENT],
        "token": token(),
        "secrets": ["pin"],
        "socket": "/nowhere",
        "nonce": "n",
        **changes,
    }


def _dialog(qtbot: QtBot, data: dict[str, Any], lang: str = "zh", **options: Any) -> ConsentDialog:
    made = ConsentDialog(Question.from_wire(data, options.pop("about", None)), Words(lang), **options)  # type: ignore[arg-type]
    qtbot.addWidget(made)
    made.show()
    return made


def _texts(dialog: QDialog) -> str:
    return "\n".join(label.text() for label in dialog.findChildren(QLabel) if label.isVisible())


def _agree(dialog: QDialog) -> QPushButton:
    return next(b for b in dialog.findChildren(QPushButton) if b.objectName() == "primary")


def test_it_shows_who_what_and_with_which_ukey(qtbot: QtBot) -> None:
    about = {"reason": "施工图", "location": "北京", "asker": {"program": "cad", "pid": 77, "user": "li"}}
    text = _texts(_dialog(qtbot, _question(**about)))
    for said in ("签名 1 个文件", "cad", "77", "li", "施工图", "北京", "王芳的UKey", "7F00A1", "PIN 码正常", "0123 4567 89ab cdef 0123"):
        assert said in text


@pytest.mark.promise(2)
def test_the_pin_goes_to_the_token_host_alone_and_the_field_is_empty(qtbot: QtBot, pin_socket: PinSocket) -> None:
    dialog = _dialog(qtbot, _question(socket=pin_socket.path))
    field = dialog.findChild(QLineEdit)
    assert field.echoMode() == QLineEdit.EchoMode.Password
    assert not _agree(dialog).isEnabled()
    qtbot.keyClicks(field, "246810")
    qtbot.keyClick(field, Qt.Key.Key_Return)
    assert answer_of(dialog) == "given"
    pin_socket.thread.join()
    assert pin_socket.lines == [{"nonce": "n", "secrets": {"pin": "246810"}}]
    assert field.text() == ""


def test_cancel_sends_nothing(qtbot: QtBot, pin_socket: PinSocket) -> None:
    dialog = _dialog(qtbot, _question(socket=pin_socket.path))
    qtbot.keyClicks(dialog.findChild(QLineEdit), "246810")
    qtbot.keyClick(dialog, Qt.Key.Key_Escape)
    assert answer_of(dialog) == "cancel"
    assert dialog.findChild(QLineEdit).text() == ""
    assert pin_socket.lines == []


@pytest.mark.promise(2)
def test_the_last_try_wants_a_typed_confirmation(qtbot: QtBot, lang: str) -> None:
    dialog = _dialog(qtbot, _question(token=token(pin_state="final_try")), lang)
    confirm, pin = dialog.findChildren(QLineEdit)
    pin.setText("246810")
    assert not _agree(dialog).isEnabled()
    confirm.setText("好")
    assert not _agree(dialog).isEnabled()
    confirm.setText({"zh": "我确认", "en": "CONFIRM"}[lang])
    assert _agree(dialog).isEnabled()


def test_a_confirmation_given_before_is_not_asked_again(qtbot: QtBot) -> None:
    dialog = _dialog(qtbot, _question(token=token(pin_state="final_try")), confirmed=True)
    assert len(dialog.findChildren(QLineEdit)) == 1


def test_a_locked_ukey_takes_no_pin(qtbot: QtBot) -> None:
    dialog = _dialog(qtbot, _question(token=token(pin_state="locked")))
    dialog.findChild(QLineEdit).setText("246810")
    assert not _agree(dialog).isEnabled()
    assert "UKey 已锁定" in _texts(dialog)


def test_the_deadline_closes_it(qtbot: QtBot) -> None:
    dialog = _dialog(qtbot, _question(deadline_seconds=2))
    dialog._tick()
    assert dialog.isVisible()
    dialog._tick()
    assert not dialog.isVisible()
    assert answer_of(dialog) == "cancel"


def test_new_secrets_are_typed_twice(qtbot: QtBot) -> None:
    dialog = _dialog(qtbot, _question(purpose="token_init", documents=[], secrets=["so_pin", "pin"]))
    fields = dialog.findChildren(QLineEdit)
    for field, text in zip(fields, ("99713355", "99713355", "246810", "246811"), strict=True):
        field.setText(text)
    _agree(dialog).click()
    assert dialog.isVisible()
    assert "两次输入不一样" in _texts(dialog)
    fields[3].setText("246810")
    _agree(dialog).click()
    assert not dialog.isVisible()


@pytest.mark.promise(4)
def test_what_changed_since_the_preview_is_pointed_out(qtbot: QtBot) -> None:
    same, other = {"/d/结.pdf": "0123456789abcdef" * 4}, {"/d/结.pdf": "f" * 64}
    assert "一致" in _texts(_dialog(qtbot, _question(), previewed=same))
    assert "被改动过" in _texts(_dialog(qtbot, _question(), previewed=other))
    assert "改动过" not in _texts(_dialog(qtbot, _question()))


def test_a_reader_with_its_own_keys_needs_no_field(qtbot: QtBot) -> None:
    dialog = _dialog(qtbot, _question(secrets=[], token=token(protected_path=True)))
    assert dialog.findChildren(QLineEdit) == []
    assert "在它的键盘上输入 PIN 码" in _texts(dialog)
    assert not _agree(dialog).isVisible()
    qtbot.keyClick(dialog, Qt.Key.Key_Return)
    assert dialog.isVisible()
    qtbot.keyClick(dialog, Qt.Key.Key_Escape)
    assert answer_of(dialog) == "cancel"


@pytest.mark.promise(2)
def test_a_held_login_still_asks_for_consent(qtbot: QtBot) -> None:
    """A PIN may serve for minutes; it never replaces the consent to the set."""
    dialog = _dialog(qtbot, _question("consent", secrets=[], reason="held_login", minutes_left=7), about={"reason": "施工图"})
    text = _texts(dialog)
    for said in ("签名 1 个文件", "还保留 7 分钟", "施工图", "0123 4567"):
        assert said in text
    assert "held_login" not in text
    assert dialog.findChildren(QLineEdit) == []
    _agree(dialog).click()
    assert answer_of(dialog) == "yes"


def test_a_key_that_asks_at_each_signature_says_how_often_before(qtbot: QtBot) -> None:
    known = _dialog(qtbot, _question(documents=[DOCUMENT] * 3, each_signature=True))
    assert "这 3 份文件各用一次" in _texts(known)
    late = _dialog(qtbot, _question("consent", secrets=[], reason="each_signature", count=50))
    assert "这 50 份文件各用一次" in _texts(late)
    pad = _dialog(qtbot, _question(secrets=[], each_signature=True))
    assert "为这 1 份文件各输入一次" in _texts(pad)


def test_a_new_pin_is_held_against_the_rules_that_are_known(qtbot: QtBot, pin_socket: PinSocket) -> None:
    rules = {"shortest": 8, "simple": False, "letters_and_digits": True}
    secrets = ["pin", "new_pin"]
    dialog = _dialog(qtbot, _question(purpose="pin_change", documents=[], secrets=secrets, rules=rules, socket=pin_socket.path))
    assert "至少 8 位" in _texts(dialog)
    fields = dialog.findChildren(QLineEdit)
    for new, said in (("a73195", "太短"), ("73195028", "字母和数字")):
        for field, text in zip(fields, ("246810", new, new), strict=True):
            field.setText(text)
        _agree(dialog).click()
        assert dialog.isVisible()
        assert said in _texts(dialog)
    for field in fields[1:]:
        field.setText("a7319502")
    _agree(dialog).click()
    assert answer_of(dialog) == "given"
    pin_socket.thread.join()
    assert pin_socket.lines[0]["secrets"] == {"pin": "246810", "new_pin": "a7319502"}


def test_other_kinds_of_questions(qtbot: QtBot) -> None:
    words = Words("zh")
    final = dialog_for(_question("confirm_final_try", secrets=[]), words)
    assert final is not None
    final.show()
    final.findChild(QLineEdit).setText(" 我确认 ")
    _agree(final).click()
    assert answer_of(final) == "我确认"
    consent = dialog_for(_question("consent", secrets=[]), words)
    assert consent is not None
    consent.accept()
    assert answer_of(consent) == "yes"
    choice = dialog_for({"kind": "choose_certificate", "certificates": [CERTIFICATE, {**CERTIFICATE, "fingerprint": "cd" * 32}]}, words)
    assert choice is not None
    choice.accept()
    assert answer_of(choice) == "ab" * 32
    choice.reject()
    assert answer_of(choice) == "cancel"
    assert dialog_for({"kind": "write_a_poem"}, words) is None
    for dialog in (final, consent, choice):
        qtbot.addWidget(dialog)


@pytest.mark.promise(9)
def test_a_key_in_a_file_is_agreed_to_by_a_person_who_was_told_what_it_means(qtbot: QtBot, lang: str) -> None:
    """No UKey, no documents, no PIN: what is asked for is a yes to a weaker keeping of this computer's own key."""
    data = {"kind": "consent", "reason": "device_key_file", "purpose": "device_enrol", "documents": [], "token": None}
    dialog = _dialog(qtbot, data, lang)
    shown = " ".join(label.text() for label in dialog.findChildren(QLabel))
    assert {"zh": "能读您文件的人也就能冒用本机", "en": "whoever reads your files can then pass for this computer"}[lang] in shown
    assert "PIN" not in dialog.windowTitle()
    assert dialog.findChildren(QLineEdit) == []
    dialog.reject()
    assert answer_of(dialog) == "cancel"
    dialog.accept()
    assert answer_of(dialog) == "yes"


def test_names_are_plain_text_and_never_markup(qtbot: QtBot) -> None:
    dialog = _dialog(qtbot, _question(token=token("<b>Bank</b>"), reason="<img src=x>"))
    assert all(label.textFormat() == Qt.TextFormat.PlainText for label in dialog.findChildren(QLabel) if label.text())


def test_the_most_that_can_be_said_fits_the_screen(qtbot: QtBot, lang: str) -> None:
    """What does not fit is scrolled; the warning, the fields and the buttons never are."""
    about = {"asker": {"program": "cad", "pid": 77, "user": "li"}, "reason": "施工图", "location": "北京", "asked": 60}
    data = _question(documents=[DOCUMENT] * 50, token=token(pin_state="final_try"), each_signature=True, **about)
    dialog = _dialog(qtbot, data, lang, previewed={"/d/结.pdf": "f" * 64})
    assert dialog.height() <= dialog.screen().availableGeometry().height() - 40
    assert dialog.height() >= dialog.minimumSizeHint().height()
    scrolled = dialog.findChild(QScrollArea)
    assert scrolled is not None
    assert scrolled.findChildren(QLineEdit) == []
    assert not any("50" in label.text() for label in scrolled.findChildren(QLabel))
