"""What a device records of what it saw and did: signed by the device's key, changing nothing that anybody is judged by."""

from agent.governance.acts import Act, By, Kind, refuse
from agent.governance.form import ANYTHING, MOMENT, record, text
from agent.governance.refusal import Refusal
from agent.governance.state import State


def _clock_permitted(state: State, act: Act) -> Refusal | None:
    if act.actor not in state.founders:
        return refuse("S54", "not_founder")
    return None if act.body["after"] == state.clock else refuse("S54", "clock_moved")


def _clock(state: State, act: Act) -> State:
    return state.alter(clock=act.at)


def _record(kind: str, zh: str, en: str) -> Kind:
    return Kind(kind, zh, en, By.DEVICE, ANYTHING)


KINDS = (
    _record("signature.started", "开始签署", "signing started"),
    _record("signature.finished", "签署结果", "signing finished"),
    _record("attempt.denied", "被拒绝的操作", "attempt denied"),
    _record("ca.created", "建立单位内部 CA", "certification authority created"),
    _record("certificate.requested", "申请数字证书", "certificate requested"),
    _record("certificate.issued", "签发数字证书", "certificate issued"),
    _record("certificate.imported", "导入数字证书", "certificate imported"),
    _record("anchor.trusted", "信任外部发证机构", "issuer trusted"),
    _record("anchor.forgotten", "不再信任外部发证机构", "issuer trusted no more"),
    _record("token.initialised", "初始化 UKey", "token initialised"),
    _record("token.inspected", "检测 UKey", "token inspected"),
    _record("key.generated", "生成密钥", "key generated"),
    _record("pin.changed", "修改 PIN 码", "PIN changed"),
    Kind(
        "clock.corrected",
        "更正台账时间",
        "clock of the ledger corrected",
        By.PERSON,
        record(after=MOMENT, reason=text(1000)),
        _clock_permitted,
        _clock,
    ),
)
"""`clock.corrected` is no record of a device: it ends the effect of a clock that was far ahead when somebody acted."""
