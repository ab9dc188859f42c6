"""The application: a root that imports a command group only when it is called, and help texts in the user's language.

This is the one file that touches Typer's inner parts (its own copy of Click): everything else declares commands and options.
"""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from types import NoneType
from typing import Annotated, Any, get_args

import typer
from typer._click.core import Command, Context
from typer._click.formatting import HelpFormatter
from typer._coercion import RuntimeParam
from typer.core import TyperCommand, TyperGroup
from typer.models import CommandFunctionType

from agent import __version__
from agent.cli.language import both, pick
from agent.cli.output import padded, width
from agent.cli.session import Session

GROUPS = {
    "sign": both("签署文件", "Sign files"),
    "verify": both("验签：检查文件上的签名", "Verify the signatures of files"),
    "token": both("UKey：列出、查看、初始化、检测、锁定、修改 PIN 码", "Tokens: list, show, initialise, inspect, lock, change the PIN"),
    "key": both("UKey 上的密钥", "Keys on tokens"),
    "cert": both("数字证书：申请、签发、导入、导出", "Certificates: request, issue, import, export"),
    "ca": both("单位内部 CA", "Internal certification authority"),
    "org": both("单位：创建、加入、联署、更换创建人的 UKey", "Organisation: found, join, sign with others, replace a founder's key"),
    "person": both("人员：登记、核验身份、数字证书、离开", "People: register, check identities, certificates, leave"),
    "role": both("职务：任命、免去", "Roles: grant, revoke"),
    "policy": both("管理制度和规则方案：发布、签收、变更", "Written policy and rule profile: publish, accept, change"),
    "rules": both("现行规则：查看、检查、比较", "The rules in force: show, check, compare"),
    "device": both("本机密钥和授权电脑：查看、登记、更换、授权", "This computer's own key, and workstations: show, enrol, renew, authorise"),
    "store": both("台账存放在哪里：查看、移到共用数据库", "Where the ledger is kept: show, move to a shared database"),
    "ledger": both("台账：查看、核验、封账点、证明、导出", "The ledger: list, verify, checkpoints, proofs, exports"),
    "module": both("UKey 驱动（PKCS#11）", "Token modules (PKCS#11)"),
    "agent": both("签章服务：启动、停止、状态", "The agent: start, stop, status"),
    "doctor": both("检查本机：装了什么，缺什么，怎样补", "Check this machine: what is there, what is missing, what to do"),
    "states": both("全部状态表", "Every state machine"),
    "schema": both("凭证的 JSON Schema", "JSON Schema of statements"),
    "completion": both("命令补全脚本", "Shell completion scripts"),
}
_ALSO = ("pin",)
"""Words that lead to a command as well and are not listed: `yinxin pin change` is `yinxin token pin change`."""
_WORDS = {
    "usage": both("用法：", "Usage:"),
    "commands": both("命令", "Commands"),
    "arguments": both("参数", "Arguments"),
    "options": both("选项", "Options"),
    "default": both("默认", "default"),
    "required": both("必填", "required"),
    "repeatable": both("可重复", "repeatable"),
    "help": both("显示本说明", "Show this text"),
}


def _lang(ctx: Context) -> str:
    return ctx.obj.lang if isinstance(ctx.obj, Session) else "en"


@dataclass(frozen=True)
class _Plain(RuntimeParam):
    """Values as our options have them: text, one of an enum's words, whole numbers, lists of text.

    Typer's own way is a pydantic adapter for each option: 100 ms of every start, and it refuses file names that are not UTF-8.
    """

    def _coerce_value(self, value: Any, param: Any, ctx: Any) -> Any:
        if isinstance(value, list | tuple):
            return list(value)
        kind: Any = next((each for each in get_args(self.annotation) if each is not NoneType), self.annotation)
        try:
            found = value if kind is str or isinstance(value, kind) else kind(value)
        except ValueError:
            raise typer.BadParameter("", ctx=ctx, param=param) from None
        low, high = self.parameter_info.min, self.parameter_info.max
        if isinstance(found, int) and ((low is not None and found < low) or (high is not None and found > high)):
            raise typer.BadParameter("", ctx=ctx, param=param)
        return found


class _Bilingual(Command):
    """Help in one of two languages, laid out for a terminal in which Chinese is two columns wide."""

    def get_params(self, ctx: Context) -> list[Any]:
        found: list[Any] = super().get_params(ctx)
        for param in found:
            param._runtime_param = param._runtime_param or _Plain(param.type_descriptor.parameter_info, param.type_descriptor.annotation)
        return found

    def format_help(self, ctx: Context, formatter: HelpFormatter) -> None:
        formatter.write(_help(self, ctx))

    def get_short_help_str(self, limit: int = 45) -> str:
        """For the shell's completion, which has no context: both languages."""
        return (getattr(self, "help", None) or "").replace("\x1e", " · ").split("\n")[0]


class BilingualCommand(_Bilingual, TyperCommand):
    """A command."""


class BilingualGroup(_Bilingual, TyperGroup):
    """A group of commands."""


class Root(BilingualGroup):
    """The whole program; a command's module is imported when that command is looked up."""

    def list_commands(self, ctx: Context) -> list[str]:
        return list(GROUPS)

    def get_command(self, ctx: Context, cmd_name: str) -> Command | None:
        if cmd_name not in GROUPS and cmd_name not in _ALSO:
            return None
        module = import_module(f"agent.cli.commands.{cmd_name}")
        # Typer would make a group of one command that command itself: `yinxin ca create` is to stay two words.
        make = typer.main.get_group if cmd_name == "ca" else typer.main.get_command
        found = make(module.app)
        found.name = cmd_name
        return found


def _help(command: Command, ctx: Context) -> str:
    lang = _lang(ctx)
    say = {name: pick(text, lang) for name, text in _WORDS.items()}
    lines = [f"{say['usage']} {ctx.command_path} {' '.join(command.collect_usage_pieces(ctx))}", ""]
    lines += [f"  {line}" if line else "" for line in pick(command.help, lang).split("\n")] + [""]
    if isinstance(command, TyperGroup):
        lines += _section(say["commands"], [(name, _summary(command, ctx, name, lang)) for name in command.list_commands(ctx)])
    for title, kind in ((say["arguments"], "argument"), (say["options"], "option")):
        rows = [
            _row(param, ctx, say, lang) for param in command.get_params(ctx) if param.param_type_name == kind and not getattr(param, "hidden", False)
        ]
        lines += _section(title, rows)
    return "\n".join(lines).rstrip() + "\n"


def _summary(group: TyperGroup, ctx: Context, name: str, lang: str) -> str:
    if isinstance(group, Root):
        return pick(GROUPS[name], lang)
    found = group.get_command(ctx, name)
    return pick(found.help if found else "", lang).split("\n")[0]


def _row(param: Any, ctx: Context, say: dict[str, str], lang: str) -> tuple[str, str]:
    if param.param_type_name == "argument":
        name = param.display_name_raw + ("..." if param.nargs != 1 else "")
    else:
        # Typer keeps the names of --help in a set: their order changes from run to run.
        names = sorted(param.opts, key=len, reverse=True) if "--help" in param.opts else [*param.opts, *param.secondary_opts]
        name = ", ".join(names) + ("" if param.is_flag else f" {param.display_type_rich(ctx=ctx)}")
    text = say["help"] if "--help" in param.opts else pick(getattr(param, "help", ""), lang)
    extra = [say["required"]] if param.required else []
    if getattr(param, "multiple", False):
        extra.append(say["repeatable"])
    if getattr(param, "show_default", False) and isinstance(param.default, str | int) and not isinstance(param.default, bool):
        extra.append(f"{say['default']} {param.default}")
    return name, text + (f" [{'; '.join(extra)}]" if extra else "")


def _section(title: str, rows: list[tuple[str, str]]) -> list[str]:
    if not rows:
        return []
    columns = min(32, max(width(name) for name, _ in rows)) + 2
    lines = [f"{title}:"]
    for name, text in rows:
        first, *rest = text.split("\n")
        lines.append(f"  {padded(name, columns)}{first}" if width(name) < columns else f"  {name}\n  {' ' * columns}{first}")
        lines += [f"  {' ' * columns}{line}" for line in rest]
    return [*lines, ""]


class Commands(typer.Typer):
    """Commands whose help is in both languages."""

    def __init__(self, help: str | None = None) -> None:
        super().__init__(cls=BilingualGroup, help=help, no_args_is_help=True, add_completion=False, rich_markup_mode=None)

    def command(self, name: str | None = None, *, help: str, no_args_is_help: bool = False) -> Callable[[CommandFunctionType], CommandFunctionType]:  # type: ignore[override]
        """Declare a command with its help in both languages."""
        return super().command(name, cls=BilingualCommand, help=help, no_args_is_help=no_args_is_help)


app = typer.Typer(
    cls=Root,
    help=both(
        "印信：用 UKey 中的私钥签署文件，并验证签名；私钥从不离开 UKey。",
        "Yinxin: signs files with keys that never leave their token, and verifies signatures.",
    ),
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["--help", "-h"]},
)


def _version(ctx: typer.Context, value: bool) -> None:
    if value and not ctx.resilient_parsing:
        ctx.obj.show({"version": __version__}, lambda: f"yinxin {__version__}")
        raise typer.Exit(0)


@app.callback()
def root(
    home: Annotated[
        str,
        typer.Option(
            metavar="DIR", show_default=False, help=both("配置、数据和练习用 UKey 的文件夹", "Folder of configuration, data and emulated tokens")
        ),
    ] = "",
    json: Annotated[bool, typer.Option("--json", help=both("只输出一个 JSON 文档", "Exactly one JSON document on stdout"))] = False,
    lang: Annotated[str, typer.Option(metavar="zh|en", show_default=False, help=both("语言", "Language"))] = "",
    version: Annotated[bool, typer.Option("--version", is_eager=True, callback=_version, help=both("显示版本", "Show the version"))] = False,
) -> None:
    """The global options: `arguments.read` took their values before this ran; here they have their help."""
