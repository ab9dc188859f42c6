"""Duties (三权分立: who manages a seal does not use it; who audits does neither) and which of them one person may join."""

from collections.abc import Collection, Mapping
from enum import StrEnum
from typing import Final


class Role(StrEnum):
    """What somebody is appointed to; to apply, withdraw and report is a basic right of everyone registered, and no role."""

    DEPARTMENT_HEAD = "department_head"
    APPROVER = "approver"
    SEAL_MANAGER = "seal_manager"
    REGISTRAR = "registrar"
    CUSTODIAN = "custodian"
    AUDITOR = "auditor"
    INSPECTOR = "inspector"
    SYSTEM_ADMINISTRATOR = "system_administrator"


WORDS: Final[Mapping[Role, tuple[str, str]]] = {
    Role.DEPARTMENT_HEAD: ("部门负责人", "department head"),
    Role.APPROVER: ("用印审批人", "approver"),
    Role.SEAL_MANAGER: ("印章管理员", "seal manager"),
    Role.REGISTRAR: ("登记专员", "registrar"),
    Role.CUSTODIAN: ("印章保管人", "custodian"),
    Role.AUDITOR: ("审计员", "auditor"),
    Role.INSPECTOR: ("检查员", "inspector"),
    Role.SYSTEM_ADMINISTRATOR: ("系统管理员", "system administrator"),
}

NEVER: Final[frozenset[frozenset[Role]]] = frozenset(
    frozenset(pair) for pair in ((Role.APPROVER, Role.CUSTODIAN), (Role.SEAL_MANAGER, Role.CUSTODIAN), (Role.AUDITOR, Role.CUSTODIAN))
)
"""Pairs that no profile of several people joins: an approver never keeps the seal (审用分离), who manages a seal does not use it, who audits
does neither."""


def clash(held: Collection[Role], wanted: Role, joined: Collection[Collection[str]], alone: bool) -> Role | None:
    """The role among `held` that keeps its holder from having `wanted` too; `joined` are the sets that the profile lets one person join,
    `alone` says that the organisation is one person by its profile."""
    if alone:
        return None
    for other in sorted(held):
        if other != wanted and (frozenset((other, wanted)) in NEVER or not any({other, wanted} <= set(each) for each in joined)):
            return other
    return None
