"""yinxin rules show | check | diff"""

from typing import Annotated, Any
from urllib.parse import quote

import typer

from agent.cli.app import Commands
from agent.cli.commands.org import PROFILES, ProfileName
from agent.cli.commands.role import ROLES
from agent.cli.language import both
from agent.cli.output import printable, table
from agent.cli.session import Session

app = Commands(both("现行规则：查看、检查、比较", "The rules in force: show, check, compare"))


@app.command("show", help=both("现行规则方案", "The profile in force"))
def show(ctx: typer.Context) -> None:
    """GET /v1/rules."""
    session: Session = ctx.obj
    found = session.client().get("/v1/rules")
    session.show(found, lambda: _shown(session, found))


def _shown(session: Session, found: dict[str, Any]) -> str:
    say = session.say
    head = [say("设置", "setting"), say("值", "value"), say("条款", "rule")]
    rows = [[say(each["zh"], each["en"]), _value(session, each["value"]), each["rule"]] for each in found["settings"]]
    lines = [f"{session.pick(PROFILES[found['profile']])} · {found['rules']}", table(head, rows, "")]
    lines += [
        say(
            f"放宽过：{each['at'][:10]} {each['from']} → {each['to']}（{printable(each['reason'])}）",
            f"Loosened: {each['at'][:10]} {each['from']} → {each['to']} ({printable(each['reason'])})",
        )
        for each in found["loosened"]
    ]
    return "\n".join(lines)


def _value(session: Session, value: Any) -> str:
    if isinstance(value, bool):
        return session.say("是", "yes") if value else session.say("否", "no")
    if isinstance(value, list):
        return session.say("；", "; ").join(session.say("、", " + ").join(session.pick(ROLES[role]) for role in each) for each in value) or "–"
    return str(value)


@app.command(
    "check",
    help=both(
        "检查规则能否执行：空缺的职务、没有证书的人、兼任", "What keeps the rules from working: vacant roles, missing certificates, joined duties"
    ),
)
def check(ctx: typer.Context) -> None:
    """GET /v1/rules/check; exit 1 where something is found."""
    session: Session = ctx.obj
    found = session.client().get("/v1/rules/check")
    session.show(
        found, lambda: "\n".join(session.say(each["zh"], each["en"]) for each in found["findings"]) or session.say("没有问题。", "Nothing found.")
    )
    if found["findings"]:
        raise typer.Exit(1)


@app.command("diff", help=both("换成另一个规则方案会变什么", "What another profile would change"))
def diff(
    ctx: typer.Context,
    to: Annotated[ProfileName, typer.Argument(metavar="|".join(ProfileName), help=both("要比较的方案", "The profile to compare with"))],
    since: Annotated[
        ProfileName | None,
        typer.Option("--from", metavar="|".join(ProfileName), show_default=False, help=both("默认为现行方案", "The one in force by default")),
    ] = None,
) -> None:
    """GET /v1/rules/diff."""
    session: Session = ctx.obj
    found = session.client().get(f"/v1/rules/diff?to={quote(to)}" + (f"&since={quote(since)}" if since else ""))
    session.show(found, lambda: _differences(session, found))


def _differences(session: Session, found: dict[str, Any]) -> str:
    say = session.say
    head = [say("设置", "setting"), found["from"], found["to"], ""]
    loose = say("放宽", "looser")
    rows = [
        [say(each["zh"], each["en"]), _value(session, each["before"]), _value(session, each["after"]), loose if each["looser"] else ""]
        for each in found["changes"]
    ]
    lines = [table(head, rows, say("没有不同。", "No difference."))]
    if found["two_people"]:
        lines.append(say("其中有放宽：变更须两人签署。", "Some of it is looser: the change takes two people."))
    return "\n".join(lines)
