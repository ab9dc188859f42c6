"""The ledger page on the real agent: what was signed stands in it and is proved, checked, exported; last week's copy put back is noticed."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from agent.api.home import locate
from desktop.main import Desktop, start_agent
from desktop.window import LEDGER
from tests.conftest import PracticeToken, Yinxin
from tests.desktop.test_window import texts

LONG = 60_000


@pytest.fixture
def signed(home: Path, yinxin: Yinxin, practice_token: PracticeToken, drawing: Path) -> Path:
    """A home in which one drawing was signed, before and after the copy of its ledger that is given."""
    yinxin("sign", drawing, "--pin", "env:YX_PIN")
    yinxin("agent", "stop")
    (data,) = home.rglob("ledger.db")
    copy = home / "copy"
    copy.mkdir()
    for file in data.parent.glob("ledger.db*"):
        shutil.copy(file, copy)
    yinxin("sign", drawing, "--pin", "env:YX_PIN", "--out", drawing.with_name("2.pdf"))
    return copy


@pytest.fixture
def desktop(qapp: QApplication, home: Path, signed: Path) -> Iterator[Desktop]:
    """The whole program but its event loop."""
    where = locate(str(home))
    made = Desktop(qapp, where, "zh", lambda: start_agent(where, str(home)))
    made.window.show()
    yield made
    made.close()


def test_what_was_signed_holds_and_an_old_copy_put_back_stops_the_ledger(
    desktop: Desktop, home: Path, signed: Path, drawing: Path, tmp_path: Path, yinxin: Yinxin, qtbot: QtBot
) -> None:
    page = desktop.window.ledger
    desktop.window.show_page(LEDGER)
    qtbot.waitUntil(lambda: page.model.rowCount() > 0 and page.model.act(0) is not None, timeout=LONG)
    page.filters.text.setText(drawing.name)
    page.filters.text.returnPressed.emit()
    qtbot.waitUntil(lambda: page.model.rowCount() == 2, timeout=LONG)
    page.table.selectRow(0)
    qtbot.waitUntil(lambda: page.entry.entry is not None, timeout=LONG)
    for said in ("凭证的签名已验过", "入账证明成立", drawing.name):
        assert said in texts(page.entry)
    page.filters.clear()
    page.verify()
    qtbot.waitUntil(lambda: page.job is None, timeout=LONG)
    assert "台账核验通过" in texts(page.check)
    page.setCurrentIndex(0)
    page.export_to(str(tmp_path / "台账.jsonl"))
    qtbot.waitUntil(lambda: "条记录：台账.jsonl" in texts(page), timeout=LONG)
    page.verify(file=str(tmp_path / "台账.jsonl"))
    qtbot.waitUntil(lambda: page.job is None, timeout=LONG)
    assert "这是本机的台账。" in texts(page.check)
    page.setCurrentIndex(0)
    desktop.agent.close()  # nobody starts it anew while its files are exchanged
    yinxin("agent", "stop")
    data = next(file for file in home.rglob("ledger.db") if file.parent != signed).parent
    for file in data.glob("ledger.db*"):
        file.unlink()
    for file in signed.glob("ledger.db*"):
        shutil.copy(file, data)
    desktop.agent.live()
    qtbot.waitUntil(lambda: "台账已停用。" in texts(page), timeout=LONG)
    assert "yinxin ledger" not in texts(page)
    assert page.model.rowCount() > 0
    page.export_to(str(tmp_path / "台账.xlsx"))
    qtbot.waitUntil(lambda: "条记录：台账.xlsx" in texts(page), timeout=LONG)
    assert (tmp_path / "台账.xlsx").read_bytes().startswith(b"PK")
