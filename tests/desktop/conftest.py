"""Windows without a screen, and an agent to talk to."""

import os

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot
from reportlab.lib.pagesizes import A4
from reportlab.pdfgen.canvas import Canvas

from desktop import look
from desktop.translation import translate
from desktop.window import Window
from desktop.wire import Agent
from desktop.words import Words
from tests.desktop.fake import FakeAgent


@pytest.fixture
def fake(tmp_path: Path) -> Iterator[FakeAgent]:
    """A scripted agent."""
    agent = FakeAgent(tmp_path / "run")
    yield agent
    agent.close()


@pytest.fixture(params=["zh", "en"])
def lang(request: pytest.FixtureRequest) -> str:
    """Both languages."""
    return str(request.param)


@pytest.fixture
def window(qtbot: object, qapp: QApplication, fake: FakeAgent) -> Iterator[Window]:
    """The window on the scripted agent, in Chinese."""
    look.dress(qapp, "zh")
    translate(qapp, "zh")
    words = Words("zh")
    agent = Agent(fake.socket, "zh", lambda: None)
    made = Window(agent, words)
    agent.live()
    made.show()
    yield made
    made.close_down()
    agent.close()
    made.hide()
    made.deleteLater()


@pytest.fixture
def drawings(tmp_path: Path) -> list[str]:
    """Two sheets."""
    paths = []
    for name in ("结施-03.pdf", "b.pdf"):
        canvas = Canvas(str(tmp_path / name), pagesize=A4, invariant=1)
        canvas.drawString(72, 72, name)
        canvas.showPage()
        canvas.showPage()
        canvas.save()
        paths.append(str(tmp_path / name))
    return paths


@pytest.fixture
def ready(window: Window, qtbot: QtBot) -> Window:
    """The window with its UKey."""
    qtbot.waitUntil(lambda: window.tokens.choice is not None)
    return window
