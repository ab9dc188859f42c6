"""What is said of a UKey in every state, and what can be done with it then."""

import itertools
from typing import Any

import pytest

from desktop.nouns import Token
from desktop.ukey_state import acts, pill, sentences
from desktop.words import Words
from tests.desktop.fake import CERTIFICATE, token

ZH = Words("zh")


def _said(**changes: Any) -> str:
    return "\n".join(f"{line.tone} {line.text}" for line in sentences(Token.from_wire(token(**changes)), ZH))


def _acts(**changes: Any) -> dict[str, bool]:
    return {act.name: act.enabled for act in acts(Token.from_wire(token(**changes)))}


def _urgent(**changes: Any) -> list[str]:
    return [act.name for act in acts(Token.from_wire(token(**changes))) if act.urgent]


@pytest.mark.parametrize(
    ("changes", "glance", "said"),
    [
        ({}, "正常", "good PIN 码正常"),
        ({"pin_state": "low"}, "请留意", "doubt PIN 码输错过"),
        ({"pin_state": "final_try"}, "只剩最后一次", "bad PIN 码只剩最后一次机会"),
        ({"pin_state": "locked"}, "已锁定", "有管理员 PIN 的人点“解锁”"),
        ({"pin_state": "locked", "protected_path": True}, "已锁定", "bad PIN 码已锁定"),
        ({"pin_state": "locked", "so_pin_state": "locked"}, "已锁定", "bad 管理员 PIN 也已锁定"),
        ({"pin_state": "unknown"}, "正常", "quiet 这个 UKey 不报告 PIN 码状态"),
        ({"pin_state": "of_the_future"}, "请留意", "不报告 PIN 码状态"),
        ({"pin_state": "not_initialised"}, "请留意", "还没有设置 PIN 码"),
        ({"pin_to_be_changed": True}, "请留意", "doubt 这是初始 PIN 码"),
        ({"so_pin_state": "final_try"}, "请留意", "管理员 PIN 只剩最后一次"),
        ({"write_protected": True}, "正常", "quiet 只读"),
        ({"protected_path": True}, "正常", "自己的键盘上输入"),
        ({"keys": [{"always_authenticate": True}]}, "正常", "每签一份文件"),
        ({"certificates": []}, "请留意", "没有可用的签名证书"),
        ({"certificates": [{**CERTIFICATE, "usable": False, "problem": "expired"}]}, "请留意", "没有可用的签名证书"),
        ({"login": {"until": None, "scope": "set"}}, "正常", "good 正在使用：已登录"),
        ({"state": "removed"}, "已拔出", "插回后会自动显示"),
        ({"state": "removed", "emulated": True}, "已拔出", "点“插入”放回"),
        ({"state": "unusable"}, "现在不能用", "bad UKey 没有正常回应"),
        ({"state": "not_initialised"}, "还没有初始化", "doubt 还没有初始化"),
    ],
)
def test_each_state_is_said_in_words_and_tone(changes: dict[str, Any], glance: str, said: str) -> None:
    assert pill(Token.from_wire(token(**changes)), ZH).text == glance
    assert said in _said(**changes)


def test_a_held_login_says_until_when() -> None:
    assert "保留到 " in _said(login={"until": "2026-03-01T08:05:00+00:00", "scope": "minutes"})


@pytest.mark.promise(2)
def test_no_number_of_tries_is_invented() -> None:
    """PKCS#11 has three flags and no count."""
    for state, so in itertools.product(("low", "final_try", "locked"), repeat=2):
        said = [line.text for lang in ("zh", "en") for line in sentences(Token.from_wire(token(pin_state=state, so_pin_state=so)), Words(lang))]  # type: ignore[arg-type]
        assert not any(digit in text for text in said for digit in "0123456789")


def test_what_can_be_done_depends_on_the_state() -> None:
    assert _acts() == {"inspect": True, "change": True, "unblock": True}
    assert _acts(pin_state="locked") == {"inspect": True, "change": False, "unblock": True}
    assert _urgent(pin_state="locked") == ["unblock"]
    assert _urgent(pin_state="locked", so_pin_state="locked") == []
    assert _urgent(pin_state="not_initialised") == ["unblock"]
    assert _urgent(pin_to_be_changed=True) == ["change"]
    assert _acts(write_protected=True) == {"inspect": True, "change": False, "unblock": False}
    assert _acts(login={"until": None}, emulated=True) == {"lock": True, "inspect": True, "change": True, "unblock": True, "pull": True}
    assert _acts(state="removed", emulated=True) == {"insert": True}
    assert _acts(state="removed") == {}
    assert _acts(state="unusable") == {}
