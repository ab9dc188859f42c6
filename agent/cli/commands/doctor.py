"""yinxin doctor"""

from typing import Any

import typer

from agent.api.errors import ApiError, Exit
from agent.cli.app import Commands
from agent.cli.language import both
from agent.cli.output import padded, printable, width, wrapped
from agent.cli.session import Session

app = Commands()
_MARKS = {"ok": both("正常", "ok"), "warn": both("注意", "note"), "fail": both("有问题", "FAIL")}


@app.command(help=both("检查本机：装了什么，缺什么，怎样补", "Check this machine: what is there, what is missing, what to do"))
def doctor(ctx: typer.Context) -> int:
    """GET /v1/doctor; without an agent the checks that need none.  Exit 1 where something has to be mended."""
    session: Session = ctx.obj
    checks = _checks(session)
    failed = any(check["state"] == "fail" for check in checks)
    columns = min(28, max(width(printable(check["name"])) for check in checks))
    session.show({"ok": not failed, "checks": checks}, lambda: "\n".join(_lines(session, check, columns) for check in checks))
    return int(Exit.NEGATIVE if failed else Exit.DONE)


def _checks(session: Session) -> list[dict[str, Any]]:
    from agent.api.checkup import check, local, terminal

    client = session.client()
    try:
        status = client.get("/v1/status")
        found = list(client.get("/v1/doctor")["checks"])
    except ApiError as error:
        from agent.api.messages import sentence

        (zh, zh_hint), (en, en_hint) = (sentence(error.code, error.facts, lang) for lang in ("zh", "en"))
        return [check("agent", "fail", zh, en, (zh_hint, en_hint)), *local(client.home)]
    own = check("agent", "ok", f"签章服务正在运行（{status['version']}）", f"the agent is running ({status['version']})")
    here = {each["name"]: each for each in terminal()}
    return [own, *(here.get(each["name"], each) for each in found)]


def _lines(session: Session, check: dict[str, Any], columns: int) -> str:
    mark = session.pick(_MARKS.get(check["state"], check["state"]))
    indent = 8 + columns + 2
    lines = [f"{padded(mark, 6)}  {padded(printable(check['name']), columns)}  {wrapped(printable(check['message'][session.lang]), indent)}"]
    if check["hint"] and check["state"] != "ok":
        lines.append(" " * indent + wrapped(printable(check["hint"][session.lang]), indent))
    return "\n".join(lines)
