"""yinxin module list | add | remove"""

import os
import stat
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import quote

import typer

from agent.api.errors import ApiError, Code
from agent.cli.app import Commands
from agent.cli.language import both
from agent.cli.output import pairs, printable, table
from agent.cli.session import Session

if TYPE_CHECKING:
    from tokens.module_file import ModuleFile

app = Commands(both("UKey 驱动（PKCS#11）", "Token modules (PKCS#11)"))
ORIGINS = {
    "p11-kit": both("系统配置（p11-kit）", "p11-kit"),
    "known": both("系统中找到", "well-known place"),
    "added": both("手动添加", "added"),
    "emulated": both("练习用", "emulated"),
}
PROBLEMS = {
    "missing": both("文件不存在", "file missing"),
    "not_a_module": both("不是驱动", "no module"),
    "architecture": both("架构不符", "wrong architecture"),
    "configuration": both("缺少配置", "configuration missing"),
    "failed": both("无法初始化", "does not initialise"),
    "crashed": both("崩溃", "crashed"),
    "changed": both("文件已改变", "file changed"),
    "unreadable": both("无法读取", "unreadable"),
    "module_timeout": both("没有响应", "no answer"),
}


@app.command("list", help=both("列出 UKey 驱动", "List the modules"))
def list_modules(ctx: typer.Context) -> None:
    """GET /v1/modules."""
    session: Session = ctx.obj
    found = session.client().get("/v1/modules")
    session.show(found, lambda: _table(session, found["modules"]))


def _table(session: Session, modules: list[dict[str, Any]]) -> str:
    say = session.say
    rows = [
        [
            m["name"],
            say("可用", "works") if m["usable"] else session.pick(PROBLEMS.get(str(m["problem"]), str(m["problem"]))),
            m.get("profile"),
            say("允许", "allowed") if m.get("network_allowed") else say("禁止", "denied"),
            session.pick(ORIGINS.get(m["origin"], m["origin"])),
            m.get("description") or m.get("manufacturer"),
            m["path"],
        ]
        for m in modules
    ]
    head = [
        say("名称", "NAME"),
        say("状态", "STATE"),
        say("型号", "PROFILE"),
        say("联网", "NETWORK"),
        say("来源", "ORIGIN"),
        say("说明", "DESCRIPTION"),
        say("文件", "PATH"),
    ]
    notes = [f"{m['name']}: {m['note'][session.lang]}" for m in modules if m.get("note")]
    return "\n".join([table(head, rows, say("没有 UKey 驱动。", "No modules.")), *map(printable, notes)])


@app.command(
    "add",
    help=both(
        "添加 UKey 驱动：先看清文件是谁的、能被谁改，确认后才加载",
        "Add a module: shows whose file it is and who can change it, and asks before it is loaded",
    ),
)
def add(
    ctx: typer.Context,
    path: Annotated[str, typer.Argument(metavar="PATH", help=both("厂商的 PKCS#11 库（.so）", "The vendor's PKCS#11 library (.so)"))],
    name: Annotated[str | None, typer.Option("--name", metavar="N", help=both("名称；默认为文件名", "Name; the file's by default"))] = None,
    init_args: Annotated[
        str | None,
        typer.Option("--init-args", metavar="STRING", help=both("C_Initialize 的参数（NSS 需要）", "Parameter string of C_Initialize (NSS)")),
    ] = None,
    env: Annotated[
        list[str] | None,
        typer.Option(
            "--env", metavar="NAME", help=both("驱动需要的环境变量名，取当前值", "Variable that the module needs; its present value is kept")
        ),
    ] = None,
    network: Annotated[
        bool,
        typer.Option(
            "--network", help=both("允许这个驱动联网（网络密码机才需要）", "Let this module use the network (only HSMs behind a network need it)")
        ),
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help=both("不再询问确认", "Do not ask for consent"))] = False,
) -> None:
    """POST /v1/modules, after consent to what the file is."""
    from tokens.profiles import NETWORK

    session: Session = ctx.obj
    real = os.path.realpath(path)
    seen = _examine(real)
    if seen.loose:  # the agent refuses it as well: here nobody is asked first
        raise ApiError(Code.MODULE_UNUSABLE, reason="unsafe", path=real)
    values = {}
    for variable in env or ():
        if variable not in os.environ:
            raise ApiError(Code.USAGE, reason="variable", option="--env", name=variable)
        values[variable] = os.environ[variable]
    if network:
        values[NETWORK] = "allow"
    if not yes:
        _consent(session, seen, values)
    body = {"path": real, "name": name, "init_args": init_args, "env": values, "sha256": seen.sha256}
    done = session.client().post("/v1/modules", body)
    session.show(done, lambda: _table(session, [done]))


def _examine(path: str) -> "ModuleFile":
    """What is to be shown of a module before anything loads it; raises `ApiError` (module_unusable)."""
    from tokens import module_file
    from tokens.errors import ModuleUnusable

    try:
        return module_file.examine(path)
    except ModuleUnusable as error:
        raise ApiError(Code.MODULE_UNUSABLE, **error.facts) from None


def _consent(session: Session, seen: "ModuleFile", values: Mapping[str, str]) -> None:
    """Show the file and ask; raises `ApiError` (usage where nobody can be asked, cancelled on a no)."""
    from agent.cli.talk import agreed
    from agent.cli.terminal import Terminal
    from tokens import platform
    from tokens.profiles import NETWORK, network_allowed
    from tokens.types import ModuleRef

    say = session.say
    network = network_allowed(ModuleRef("", seen.path, "added", env=tuple(values.items())))
    terminal = Terminal.find()
    if terminal is None:
        raise ApiError(Code.USAGE, reason="consent", option="--yes")
    facts = [
        (say("文件", "File"), seen.path),
        (say("所有者", "Owner"), platform.user_of(seen.owner)),
        (say("权限", "Mode"), stat.filemode(stat.S_IFREG | seen.mode)),
        (say("处理器架构", "Architecture"), seen.architecture),
        (say("文件指纹", "SHA-256"), seen.sha256),
        (say("联网", "Network"), say("允许", "allowed") if network else say("禁止", "denied")),
        (say("环境变量", "Variables"), ", ".join(name for name in values if name != NETWORK)),
    ]
    terminal.say(pairs(facts))
    if seen.writable_by_others:
        terminal.say(
            say("注意：别的用户能改它所在的文件夹，可以换掉这个文件。", "Note: other users can write to a folder above it, and so replace it.")
        )
    if not agreed(terminal.ask(say("加载这个驱动意味着信任它的提供者。添加吗？[y/N] ", "Loading it means trusting whoever made it. Add it? [y/N] "))):
        raise ApiError(Code.CANCELLED)


@app.command("remove", help=both("移除手动添加的 UKey 驱动", "Take out a module that was added"))
def remove(ctx: typer.Context, name: Annotated[str, typer.Argument(metavar="NAME", help=both("名称", "Name"))]) -> None:
    """DELETE /v1/modules/NAME."""
    session: Session = ctx.obj
    session.client().delete(f"/v1/modules/{quote(name, safe='')}")
    session.show({"removed": name}, lambda: session.say(f"已移除“{printable(name)}”。", f"Removed “{printable(name)}”."))
