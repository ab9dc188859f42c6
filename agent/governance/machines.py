"""The state machines of everything that has a life, as tables: what is in which state after which statement.

`evolve` moves nothing that stands not here, and `decide` allows no statement for which a thing has no way on: adding a transition is adding
a row.  `yinxin states` prints them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Machine:
    """The life of one kind of thing."""

    name: str
    zh: str
    en: str
    states: Mapping[str, tuple[str, str]]
    """State → its words, Chinese and English; the first is where a life begins."""
    moves: Mapping[tuple[str | None, str], str]
    """(state, type of statement) → the next state; None is where there is nothing yet."""

    def after(self, state: str | None, kind: str) -> str | None:
        """The state that a statement leads to; None where there is no such way."""
        return self.moves.get((state, kind))


ORGANISATION: Final = Machine(
    "organisation", "单位", "organisation",
    {"founding": ("待创建人联署", "waits for its founders"), "active": ("已成立", "active")},
    {
        (None, "org.founded"): "founding",  # active at once where one founder is enough: `completed`
        ("founding", "org.founder_joined"): "founding",
        ("founding", "completed"): "active",
    },
)  # fmt: skip
HOME: Final = Machine("home", "个人台账", "home", {"active": ("使用中", "active")}, {(None, "home.founded"): "active"})
PERSON: Final = Machine(
    "person", "人员", "person",
    {"registered": ("已登记", "registered"), "active": ("身份已核验", "identity verified"), "left": ("已离开", "left")},
    {
        (None, "org.founded"): "active",
        (None, "person.registered"): "registered",
        ("registered", "person.verified"): "active",
        ("active", "person.verified"): "active",
        ("registered", "person.left"): "left",
        ("active", "person.left"): "left",
    },
)  # fmt: skip
CERTIFICATE: Final = Machine(
    "certificate", "数字证书", "certificate",
    {"active": ("有效", "active"), "withdrawn": ("已停止使用", "withdrawn")},
    {
        (None, "org.founded"): "active",
        (None, "person.registered"): "active",
        (None, "certificate.bound"): "active",
        (None, "org.recovered"): "active",
        ("active", "certificate.unbound"): "withdrawn",
        ("active", "person.left"): "withdrawn",
        ("active", "org.recovered"): "withdrawn",
    },
)  # fmt: skip
DEVICE: Final = Machine(
    "device", "授权电脑", "workstation",
    {"enrolled": ("待授权", "waits for authorisation"), "authorised": ("已授权", "authorised"), "withdrawn": ("已停止授权", "withdrawn")},
    {
        (None, "home.founded"): "authorised",
        (None, "org.founded"): "authorised",
        (None, "device.enrolled"): "enrolled",
        ("enrolled", "device.authorised"): "authorised",
        ("enrolled", "device.renewed"): "enrolled",
        ("authorised", "device.renewed"): "authorised",
        ("enrolled", "device.withdrawn"): "withdrawn",
        ("authorised", "device.withdrawn"): "withdrawn",
    },
)  # fmt: skip
ACT: Final = Machine(
    "act", "待联署事项", "act that waits for others",
    {
        "pending": ("待联署", "waits for others"), "done": ("已生效", "in effect"), "withdrawn": ("已撤回", "withdrawn"),
        "expired": ("已失效", "expired"),
    },
    {
        (None, "proposed"): "pending",  # any statement that more than one person must sign
        ("pending", "act.seconded"): "pending",
        ("pending", "completed"): "done",
        ("pending", "act.withdrawn"): "withdrawn",
        ("pending", "time"): "expired",  # 30 days
    },
)  # fmt: skip
POLICY: Final = Machine(
    "policy", "管理制度", "policy",
    {"published": ("执行中", "in force"), "replaced": ("已被新版本代替", "replaced")},
    {(None, "policy.published"): "published", ("published", "policy.published"): "replaced"},
)  # fmt: skip
SIGNING: Final = Machine(
    "signing", "签署批次", "signing set",
    {"started": ("签署中", "under way"), "finished": ("已记录结果", "outcome recorded")},
    {(None, "signature.started"): "started", ("started", "signature.finished"): "finished"},
)  # fmt: skip

MACHINES: Final = (ORGANISATION, HOME, PERSON, CERTIFICATE, DEVICE, ACT, POLICY, SIGNING)
