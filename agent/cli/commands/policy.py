"""yinxin policy publish | accept | list | profile"""

from typing import Annotated, Any

import typer

from agent.cli.acts import act
from agent.cli.app import Commands
from agent.cli.commands.org import PROFILES, ProfileName
from agent.cli.language import both
from agent.cli.options import FinalTryOption, PinOption, TokenOption
from agent.cli.output import table
from agent.cli.session import Session

app = Commands(both("管理制度和规则方案：发布、签收、变更", "Written policy and rule profile: publish, accept, change"))


@app.command("publish", help=both("发布一个版本的管理制度；全文写入台账", "Publish a version of the written policy; its text goes into the ledger"))
def publish(
    ctx: typer.Context,
    file: Annotated[str, typer.Argument(metavar="F", help=both("文本文件（UTF-8）", "A text file (UTF-8)"))],
    version: Annotated[str, typer.Option("--version", metavar="V", help=both("版本号", "Its version"))],
    title: Annotated[str, typer.Option("--title", metavar="T", help=both("名称", "Its title"))],
    effective: Annotated[
        str | None,
        typer.Option("--effective", metavar="TIME", show_default=False, help=both("生效时间，默认现在", "When it takes effect; now by default")),
    ] = None,
    owner: Annotated[str | None, typer.Option("--owner", metavar="NAME", show_default=False, help=both("解释部门", "Who answers for it"))] = None,
    token: TokenOption = None,
    pin: PinOption = "prompt",
    confirm_final_try: FinalTryOption = False,
) -> None:
    """POST /v1/policies."""
    from agent.api.errors import ApiError, Code
    from agent.cli.files import read_small

    session: Session = ctx.obj
    try:
        text = read_small(file).decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ApiError(Code.INPUT_UNUSABLE, reason="unreadable", name=file, detail="UTF-8") from None
    body = {"version": version, "title": title, "text": text, "effective": effective, "owner": owner, "token": token}
    act(session, "/v1/policies", body, pin, confirm_final_try, lambda _: session.say(f"已发布 {version}。", f"{version} is published."))


@app.command("accept", help=both("本人签收管理制度", "Accept the written policy, for oneself"))
def accept(
    ctx: typer.Context,
    version: Annotated[
        str | None, typer.Option("--version", metavar="V", show_default=False, help=both("版本号，默认现行版本", "The one in force by default"))
    ] = None,
    token: TokenOption = None,
    pin: PinOption = "prompt",
    confirm_final_try: FinalTryOption = False,
) -> None:
    """POST /v1/policies/accept."""
    session: Session = ctx.obj
    body = {"version": version, "token": token}
    act(session, "/v1/policies/accept", body, pin, confirm_final_try, lambda done: session.say("已签收 ", "Accepted ") + done["version"])


@app.command("list", help=both("管理制度的各个版本，和签收人数", "The versions of the written policy, and how many accepted them"))
def list_policies(ctx: typer.Context) -> None:
    """GET /v1/policies."""
    session: Session = ctx.obj
    found = session.client().get("/v1/policies")
    session.show(found, lambda: _table(session, found["policies"]))


def _table(session: Session, policies: list[dict[str, Any]]) -> str:
    say = session.say
    states = {"published": say("执行中", "in force"), "replaced": say("已被代替", "replaced")}
    head = [
        say("版本", "version"),
        say("名称", "title"),
        say("状态", "state"),
        say("生效", "effective"),
        say("签收", "accepted"),
        say("文件指纹", "SHA-256"),
    ]
    rows = [[p["version"], p["title"], states[p["state"]], p["effective"][:10], f"{p['accepted']}/{p['people']}", p["sha256"][:16]] for p in policies]
    return table(head, rows, say("还没有发布管理制度。", "Nothing is published."))


@app.command("profile", help=both("变更规则方案；放宽须两人签署", "Change the rule profile; to loosen it two people must sign"))
def profile(
    ctx: typer.Context,
    profile_: Annotated[ProfileName, typer.Argument(metavar="|".join(ProfileName), help=both("规则方案", "Rule profile"))],
    reason: Annotated[str, typer.Option("--reason", metavar="R", help=both("原因，写入台账", "The reason, for the ledger"))],
    token: TokenOption = None,
    pin: PinOption = "prompt",
    confirm_final_try: FinalTryOption = False,
) -> None:
    """POST /v1/profile."""
    session: Session = ctx.obj
    body = {"profile": str(profile_), "reason": reason, "token": token}
    name = session.pick(PROFILES[str(profile_)])
    act(session, "/v1/profile", body, pin, confirm_final_try, lambda _: session.say(f"变更为{name}：已登记。", f"The change to {name} is entered."))
