"""yinxin store set | show"""

from typing import Annotated, Any

import typer

from agent.cli.app import Commands
from agent.cli.language import both
from agent.cli.options import PIN_SOURCE
from agent.cli.output import pairs, printable
from agent.cli.session import Session

app = Commands(both("台账存放在哪里：查看、移到共用数据库", "Where the ledger is kept: show, move to a shared database"))


PasswordOption = Annotated[
    str | None,
    typer.Option(
        "--password",
        metavar="SOURCE",
        show_default=False,
        help=both(
            f"数据库密码的来源：{PIN_SOURCE}；存入系统密码环。不给则用 ~/.pgpass",
            f"Where the database's password comes from: {PIN_SOURCE}; the keyring keeps it. Left out: ~/.pgpass",
        ),
    ),
]


@app.command("show", help=both("台账存放在哪里", "Where the ledgers are"))
def show(ctx: typer.Context) -> None:
    """GET /v1/store."""
    session: Session = ctx.obj
    found = session.client().get("/v1/store")
    session.show(found, lambda: _text(session, found))


@app.command(
    "set",
    help=both(
        "把单位的台账移到 PostgreSQL 数据库，几台电脑共用；逐条核对后才启用",
        "Move the organisation's ledger to a PostgreSQL database that several computers share; every entry is looked at before it is used",
    ),
)
def set_store(
    ctx: typer.Context,
    url: Annotated[
        str,
        typer.Argument(metavar="URL", help=both("postgresql://用户@主机/数据库，不含密码", "postgresql://USER@HOST/DATABASE, without a password")),
    ],
    password: PasswordOption = None,
) -> None:
    """POST /v1/store."""
    from agent.cli.talk import run_job

    session: Session = ctx.obj
    body = {"url": url, "password": None if password is None else password_from(session, password)}
    done = run_job(session, "/v1/store", body)
    said = (
        f"台账已移到 {printable(done['url'])}，共 {done['size']} 条。",
        f"The ledger is now at {printable(done['url'])}, with {done['size']} entries.",
    )
    session.show(done, lambda: session.say(*said))


def password_from(session: Session, text: str) -> str:
    """Read as late as possible, and never an argument itself; raises `ApiError` (usage)."""
    from agent.api.errors import ApiError, Code
    from agent.cli.pins import source
    from agent.cli.terminal import Terminal

    found = source("--password", text)
    if found.kind != "prompt":
        return found.read()
    terminal = Terminal.find()
    if terminal is None:
        raise ApiError(Code.USAGE, reason="password_prompt")
    return terminal.secret(session.say("数据库密码: ", "Database password: "))


def _text(session: Session, found: dict[str, Any]) -> str:
    say, shared = session.say, found["organisation"]
    rows = [(say("个人台账", "personal ledger"), printable(found["personal"]))]
    if shared is not None:
        rows.append((say("单位台账", "organisation's ledger"), printable(shared["url"])))
        if shared["size"] is not None:
            rows.append((say("条数", "entries"), str(shared["size"])))
        if shared["kind"] == "postgresql":
            kept = say("系统密码环", "the keyring") if shared["password"] else say("~/.pgpass 或不需要", "~/.pgpass, or none")
            rows.append((say("密码", "password"), kept))
        if shared["rights"] is not None:
            owner = say(
                "可以改动台账（表的所有者）；日常请用只属于 yinxin_agent 的用户",
                "may change the ledger (owns its tables); for daily use take a user who is only a member of yinxin_agent",
            )
            rows.append((say("数据库权限", "rights"), owner if any(shared["rights"].values()) else say("只能追加", "may only append")))
    return pairs(rows)
