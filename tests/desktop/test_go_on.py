"""A set that was stopped in the middle: what was done, what was not, and going on with the same UKey."""

from pathlib import Path

import pytest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from desktop.nouns import SignedDocument, SignResult, Token
from desktop.signing_set import Set
from desktop.window import UKEY, Window
from desktop.wire import Problem
from tests.desktop.fake import CERTIFICATE, RIGHT_PIN, FakeAgent, problem, token
from tests.desktop.test_window import give_pin, texts


@pytest.fixture
def pulled(ready: Window, fake: FakeAgent, drawings: list[str], tmp_path: Path, qtbot: QtBot) -> Window:
    """One of three signed, then the UKey was pulled."""
    third = tmp_path / "c.dwg"
    third.write_bytes(b"x")
    fake.pulled_after = 1
    ready.sign.add([*drawings, str(third)])
    ready.sign.button.click()
    give_pin(ready, qtbot, RIGHT_PIN)
    qtbot.waitUntil(lambda: ready.sign.job is None and ready.tokens.choice is None and "插回同一个 UKey（王芳的UKey）后" in texts(ready.sign.results))
    return ready


def test_what_was_done_and_what_not_is_said_and_the_button_waits_for_the_ukey(pulled: Window) -> None:
    text = texts(pulled.sign.results)
    for said in ("1 个文件已签名，2 个没有签名", "已完成 1 份，未做 2 份", "已保存为 结施-03.signed.pdf", "可以继续签其余 2 份"):
        assert said in text
    assert pulled.sign.results.go_on.text() == "继续签其余文件（2）"
    assert pulled.sign.results.go_on.isVisible()
    assert not pulled.sign.results.go_on.isEnabled()


@pytest.mark.promise(5)
def test_the_rest_is_signed_with_the_same_ukey_and_nothing_twice(pulled: Window, fake: FakeAgent, qtbot: QtBot) -> None:
    fake.show(token())
    qtbot.waitUntil(pulled.sign.results.go_on.isEnabled)
    assert "同一个 UKey 已插好" in texts(pulled.sign.results)
    pulled.sign.results.go_on.click()
    give_pin(pulled, qtbot, RIGHT_PIN)
    qtbot.waitUntil(lambda: pulled.sign.job is None)
    _, rest = fake.asked("/v1/signatures")
    assert (rest["resume"], rest["token"]) == ("b", "7F00A1")
    assert "inputs" not in rest
    assert "3 个文件已签名" in texts(pulled.sign.results)
    assert not pulled.sign.results.go_on.isVisible()
    assert pulled.sign.files.paths == []


@pytest.mark.parametrize("other", [token("二号", serial="8"), token(certificates=[{**CERTIFICATE, "fingerprint": "cd" * 32}])])
def test_another_ukey_does_not_go_on(other: dict[str, object], pulled: Window, fake: FakeAgent, qtbot: QtBot) -> None:
    fake.show(other)
    qtbot.waitUntil(lambda: pulled.tokens.choice is not None)
    assert not pulled.sign.results.go_on.isEnabled()


def test_it_can_be_stopped_and_gone_on_with_again(pulled: Window, fake: FakeAgent, qtbot: QtBot) -> None:
    fake.show(token(), token("二号", serial="8"))
    qtbot.waitUntil(pulled.sign.results.go_on.isEnabled)
    fake.before_done.clear()
    pulled.sign.results.go_on.click()
    give_pin(pulled, qtbot, RIGHT_PIN)
    qtbot.waitUntil(lambda: len(fake.pins) == 2)
    pulled.sign.progress.stop.click()
    qtbot.waitUntil(lambda: pulled.sign.job is None)
    assert "2 个文件已签名，1 个没有签名" in texts(pulled.sign.results)
    assert pulled.sign.results.go_on.text() == "继续签其余文件（1）"
    assert pulled.sign.results.go_on.isEnabled()


def test_a_language_that_is_changed_or_a_way_back_leaves_the_rest_in_the_list(pulled: Window) -> None:
    pulled.sign.results.back.emit()
    assert len(pulled.sign.files.paths) == 2


def _document(name: str, state: str) -> SignedDocument:
    return SignedDocument(f"/d/{name}", "", state, None)


def test_what_can_be_gone_on_with() -> None:
    ukey = Token.from_wire(token())
    done, skipped, failed = _document("a", "published"), _document("b", "skipped"), _document("c", "failed")
    cases = [
        (SignResult("b", (done, skipped)), Problem("token_removed"), True, 1),
        (SignResult("b", (skipped,)), Problem("token_removed"), True, 1),
        (SignResult("", ()), Problem("agent_unreachable", {"reason": "died"}), True, 3),
        (SignResult("b", (skipped,)), Problem("pin_incorrect"), False, 1),  # plainly signed again
        (SignResult("b", (skipped,)), Problem("pin_cancelled"), False, 1),
        (SignResult("b", (skipped,)), Problem("pin_cancelled", {"reason": "locked"}), True, 1),
        (SignResult("b", (done, skipped)), Problem("cancelled"), True, 1),
        (SignResult("b", (done, failed)), None, False, 0),
        (SignResult("b", (done, failed)), Problem("token_fault"), False, 0),
    ]
    for result, trouble, can, left in cases:
        after = Set("", ukey, asked=len(result.documents) or 3).named("b").after(result, trouble)
        assert (after.can_go_on, after.left) == (can, left), (result, trouble)
    assert not Set("", ukey, asked=1).after(SignResult("", (skipped,)), Problem("token_removed")).can_go_on


@pytest.mark.parametrize("changes", [{"pin_state": "locked"}, {"pin_to_be_changed": True}, {"pin_state": "not_initialised"}])
def test_what_hinders_leads_to_the_page_where_it_is_seen_to(
    changes: dict[str, object], ready: Window, fake: FakeAgent, drawings: list[str], qtbot: QtBot
) -> None:
    ready.sign.add(drawings)
    assert not ready.sign._see.isVisible()
    fake.show(token(**changes))
    qtbot.waitUntil(ready.sign._see.isVisible)
    ready.sign._see.click()
    assert ready.pages.currentIndex() == UKEY


def test_an_initial_pin_that_only_shows_at_the_signing_leads_there_too(
    ready: Window, fake: FakeAgent, drawings: list[str], qtbot: QtBot, qapp: QApplication
) -> None:
    ready.sign.add(drawings)
    fake.refuse = problem("token_fault", 409, reason="pin_to_be_changed", token="王芳的UKey")
    ready.sign.button.click()
    qtbot.waitUntil(lambda: ready.sign.job is None)
    change = ready.sign.results._change
    qtbot.waitUntil(change.isVisible)
    change.click()
    assert ready.pages.currentIndex() == UKEY


def test_what_was_told_on_the_way_counts_where_the_end_is_not_told() -> None:
    """The agent died: nobody tells the result, but each document was told when it was published."""
    begun = Set("", Token.from_wire(token()), asked=3).named("b").heard(_document("a", "published"))
    after = begun.after(SignResult("", ()), Problem("agent_unreachable", {"reason": "died"}))
    assert (after.can_go_on, after.left, [d.state for d in after.documents]) == (True, 2, ["published"])
