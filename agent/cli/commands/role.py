"""yinxin role grant | revoke"""

from enum import StrEnum
from typing import Annotated

import typer

from agent.cli.acts import ReasonOption, act
from agent.cli.app import Commands
from agent.cli.commands.person import PersonArgument
from agent.cli.language import both, pick
from agent.cli.options import FinalTryOption, PinOption, TokenOption
from agent.cli.session import Session

app = Commands(both("职务：任命、免去", "Roles: grant, revoke"))


class RoleName(StrEnum):
    """What somebody is appointed to (the wire's words)."""

    DEPARTMENT_HEAD = "department_head"
    APPROVER = "approver"
    SEAL_MANAGER = "seal_manager"
    REGISTRAR = "registrar"
    CUSTODIAN = "custodian"
    AUDITOR = "auditor"
    INSPECTOR = "inspector"
    SYSTEM_ADMINISTRATOR = "system_administrator"


ROLES = {
    "department_head": both("部门负责人", "department head"),
    "approver": both("用印审批人", "approver"),
    "seal_manager": both("印章管理员", "seal manager"),
    "registrar": both("登记专员", "registrar"),
    "custodian": both("印章保管人", "custodian"),
    "auditor": both("审计员", "auditor"),
    "inspector": both("检查员", "inspector"),
    "system_administrator": both("系统管理员", "system administrator"),
}
RoleArgument = Annotated[
    RoleName,
    typer.Argument(
        metavar="ROLE",
        help=both(
            "职务：" + "，".join(f"{name} {pick(words, 'zh')}" for name, words in ROLES.items()),
            "One of " + ", ".join(ROLES),
        ),
    ),
]
DepartmentOption = Annotated[str | None, typer.Option("--department", metavar="D", show_default=False, help=both("部门", "Department"))]


@app.command("grant", help=both("任命（创建人）", "Appoint somebody (a founder)"))
def grant(
    ctx: typer.Context,
    person: PersonArgument,
    role: RoleArgument,
    department: DepartmentOption = None,
    reason: ReasonOption = None,
    token: TokenOption = None,
    pin: PinOption = "prompt",
    confirm_final_try: FinalTryOption = False,
) -> None:
    """POST /v1/roles/grant."""
    session: Session = ctx.obj
    body = {"person": person, "role": str(role), "department": department, "reason": reason, "token": token}
    act(session, "/v1/roles/grant", body, pin, confirm_final_try, lambda _: session.say("任命已登记。", "The appointment is entered."))


@app.command("revoke", help=both("免去职务（创建人，或本人辞去）", "Revoke a role (a founder, or its holder)"))
def revoke(
    ctx: typer.Context,
    person: PersonArgument,
    role: RoleArgument,
    department: DepartmentOption = None,
    reason: ReasonOption = None,
    token: TokenOption = None,
    pin: PinOption = "prompt",
    confirm_final_try: FinalTryOption = False,
) -> None:
    """POST /v1/roles/revoke."""
    session: Session = ctx.obj
    body = {"person": person, "role": str(role), "department": department, "reason": reason, "token": token}
    act(session, "/v1/roles/revoke", body, pin, confirm_final_try, lambda _: session.say("已免去。", "Revoked."))
