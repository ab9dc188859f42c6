"""`python -m desktop.prompter`: asks a person on behalf of the agent, which must not see a PIN itself.

One question a line on stdin (JSON: kind, what it is about, asker, lang), one `{"answer": …}` a line on stdout, until stdin ends.
A PIN goes straight to the token host's one-shot socket and never to stdout.  Exit codes: 0 done, 4 no display.
"""

import json
import os
import sys
from collections.abc import Mapping
from typing import IO, Any

from PySide6.QtCore import QtMsgType, qInstallMessageHandler
from PySide6.QtWidgets import QApplication

from desktop import look
from desktop.consent import CANCEL
from desktop.questions import answer_of, dialog_for
from desktop.translation import translate
from desktop.words import Words, choose_language
from tokens import platform

NO_DISPLAY = 4
"""Exit code where no window can be shown."""


def exit_without_display(code: int, complaint: str = "") -> None:
    """Have this process end with `code` where Qt finds no display: Qt itself would abort and leave a core."""

    def heard(kind: QtMsgType, _: object, text: str) -> None:
        if kind == QtMsgType.QtFatalMsg:
            sys.stderr.write(f"{complaint or text}\n")
            sys.stderr.flush()
            os._exit(code)

    qInstallMessageHandler(heard)


def serve(questions: IO[str], answers: IO[str]) -> None:
    """Ask each question that comes, one after another."""
    confirmed = False
    for line in questions:
        try:
            data = json.loads(line)
        except ValueError:
            data = {}
        answer = ask(data if isinstance(data, dict) else {}, confirmed)
        confirmed = confirmed or (answer != CANCEL and isinstance(data, dict) and data.get("kind") == "confirm_final_try")
        answers.write(json.dumps({"answer": answer}) + "\n")
        answers.flush()


def ask(data: Mapping[str, Any], confirmed: bool = False) -> str:
    """Show one question and wait for the person; "cancel" for a question that is not understood."""
    dialog = dialog_for(data, Words(choose_language(data.get("lang"))), confirmed=confirmed)
    if dialog is None:
        return CANCEL
    dialog.show()
    dialog.raise_()
    dialog.activateWindow()
    dialog.exec()
    answer = answer_of(dialog)
    dialog.deleteLater()
    return answer


def main() -> int:
    """Answer the agent's questions until it has none."""
    platform.harden(die_with_parent=True)
    if not any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")):
        return NO_DISPLAY
    exit_without_display(NO_DISPLAY)
    app = QApplication(["yinxin-prompter"])
    qInstallMessageHandler(None)
    app.setQuitOnLastWindowClosed(False)
    look.dress(app, choose_language())
    translate(app, choose_language())
    app.setWindowIcon(look.mark(64))
    serve(sys.stdin, sys.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(main())
