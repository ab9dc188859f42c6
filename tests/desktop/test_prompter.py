"""The prompter as a process and as a loop: questions in, answers out, no display, deadline, no PIN anywhere else."""

import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication, QLineEdit
from pytestqt.qtbot import QtBot

from desktop import prompter
from desktop.consent import ConsentDialog
from tests.desktop.fake import token
from tests.desktop.test_consent import DOCUMENT, PinSocket

ROOT = Path(__file__).resolve().parents[2]


def _run(questions: str, **env: str) -> "subprocess.CompletedProcess[str]":
    base = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "HOME": os.environ.get("HOME", "/")}
    return subprocess.run(
        [sys.executable, "-m", "desktop.prompter"], input=questions, capture_output=True, text=True, env={**base, **env}, timeout=60, check=False
    )


def _question(**changes: Any) -> dict[str, Any]:
    about = {"purpose": "sign", "documents": [DOCUMENT], "token": token(), "asker": {"program": "cad", "pid": 1}, "lang": "zh"}
    return {"kind": "pin", "secrets": ["pin"], "socket": "/nowhere", "nonce": "n", **about, **changes}


def test_without_a_display_it_says_so_by_its_exit_code() -> None:
    assert _run("{}\n").returncode == 4
    assert _run("{}\n", DISPLAY=":4711").returncode == 4
    assert _run("{}\n", WAYLAND_DISPLAY="nowhere", XDG_RUNTIME_DIR="/tmp").returncode == 4


def test_nobody_there_until_the_deadline_is_a_cancel() -> None:
    done = _run(json.dumps(_question(deadline_seconds=1)) + "\n{nonsense\n" + json.dumps({"kind": "other"}) + "\n", QT_QPA_PLATFORM="offscreen")
    assert done.returncode == 0
    assert [json.loads(line) for line in done.stdout.splitlines()] == [{"answer": "cancel"}] * 3


def test_the_answers_hold_no_pin(qtbot: QtBot, tmp_path: Path) -> None:
    pin_socket, out = PinSocket(tmp_path), io.StringIO()

    def type_it() -> None:
        dialog = next(w for w in QApplication.topLevelWidgets() if isinstance(w, ConsentDialog) and w.isVisible())
        *confirm, pin = dialog.findChildren(QLineEdit)
        for field in confirm:
            field.setText("我确认")
        if "pin" in dialog._fields:
            pin.setText("246810")
        else:
            pin.setText("我确认")
        QTimer.singleShot(0, type_it) if not pin_socket.lines and "pin" not in dialog._fields else None
        dialog._accept()

    QTimer.singleShot(0, type_it)
    final = token(pin_state="final_try")
    questions = [_question(kind="confirm_final_try", secrets=[], token=final), _question(socket=pin_socket.path, token=final)]
    prompter.serve(io.StringIO("".join(json.dumps(q) + "\n" for q in questions)), out)
    pin_socket.thread.join()
    assert [json.loads(line) for line in out.getvalue().splitlines()] == [{"answer": "我确认"}, {"answer": "given"}]
    assert pin_socket.lines == [{"nonce": "n", "secrets": {"pin": "246810"}}]


@pytest.mark.parametrize("data", [[], 3, {"kind": None}])
def test_a_question_that_is_none_is_declined(data: object, qtbot: QtBot) -> None:
    out = io.StringIO()
    prompter.serve(io.StringIO(json.dumps(data) + "\n"), out)
    assert json.loads(out.getvalue()) == {"answer": "cancel"}
