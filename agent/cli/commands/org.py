"""yinxin org found | join | show | second | withdraw | recover | clock"""

import os
from enum import StrEnum
from typing import Annotated, Any

import typer

from agent.cli.acts import CertificateFileOption, HolderOption, ReasonOption, act, grouped, pem
from agent.cli.app import Commands
from agent.cli.commands.store import PasswordOption, password_from
from agent.cli.language import both
from agent.cli.options import FinalTryOption, PinOption, TokenOption
from agent.cli.output import pairs, printable
from agent.cli.session import Session

app = Commands(both("单位：创建、加入、联署、更换创建人的 UKey", "Organisation: found, join, sign with others, replace a founder's key"))

PROFILES = {
    "personal": both("个人（一人公司）", "personal (one person)"),
    "small": both("小微（2–30 人）", "small (2–30)"),
    "standard": both("标准（30–1000 人）", "standard (30–1000)"),
    "strict": both("严格（国企、上市、高密级）", "strict"),
}
STATUS = {"founding": both("等待创建人联署", "waits for its founders"), "active": both("已成立", "active")}


class ProfileName(StrEnum):
    """The rule profiles that ship."""

    PERSONAL = "personal"
    SMALL = "small"
    STANDARD = "standard"
    STRICT = "strict"


ActArgument = Annotated[
    str | None,
    typer.Argument(
        metavar="ACT",
        help=both("事项编号（见 yinxin org show）；只有一件时可省略", "Its id (see `yinxin org show`); may be left out where there is one"),
    ),
]


@app.command(
    "found", help=both("创建单位：创建人用自己的 UKey 签署第一份凭证", "Found an organisation: its founder signs the first statement with a token")
)
def found(
    ctx: typer.Context,
    name: Annotated[str, typer.Option("--name", metavar="N", help=both("单位名称", "The organisation's name"))],
    person: Annotated[str, typer.Option("--person", metavar="NAME", help=both("创建人姓名", "The founder's name"))],
    token: TokenOption = None,
    pin: PinOption = "prompt",
    cert: Annotated[
        str | None,
        typer.Option(
            "--cert", metavar="C", show_default=False, help=both("用哪张证书（指纹、CN 或标签）", "Which certificate (fingerprint, CN or label)")
        ),
    ] = None,
    profile: Annotated[
        ProfileName, typer.Option("--profile", metavar="|".join(ProfileName), show_default=True, help=both("规则方案", "Rule profile"))
    ] = ProfileName.SMALL,
    founders: Annotated[
        str,
        typer.Option(
            "--founders",
            metavar="k/n",
            show_default=True,
            help=both("n 位创建人中须有 k 人签署；其余的用 --founder 列出", "k of n founders must sign; name the others by --founder"),
        ),
    ] = "1/1",
    founder: Annotated[
        list[str] | None,
        typer.Option(
            "--founder",
            metavar="NAME=T|F.pem",
            show_default=False,
            help=both(
                "另一位创建人：姓名=插着的 UKey（名称或序列号），或 姓名=证书文件",
                "Another founder: NAME=token that is plugged in, or NAME=certificate file",
            ),
        ),
    ] = None,
    spare: Annotated[
        str | None,
        typer.Option("--spare", metavar="T2", show_default=False, help=both("创建人的备用 UKey（插着的）", "The founder's spare token, plugged in")),
    ] = None,
    confirm_final_try: FinalTryOption = False,
) -> None:
    """POST /v1/organisation/found."""
    from agent.cli.pins import Pins
    from agent.cli.talk import run_job

    session: Session = ctx.obj
    others = [_founder(each) for each in founder or []]
    quorum = _quorum(founders, len(others) + 1)
    body = {
        "name": name,
        "person": person,
        "token": token,
        "certificate": cert,
        "profile": str(profile),
        "quorum": quorum,
        "founders": others,
        "spare": spare,
    }
    done = run_job(session, "/v1/organisation/found", body, Pins.of(pin=pin), confirm_final_try=confirm_final_try)
    session.client().stop()  # it starts anew in the organisation's ledger
    session.show(done, lambda: _founded(session, done))


def _founder(text: str) -> dict[str, str]:
    from agent.api.errors import ApiError, Code

    name, equals, where = text.partition("=")
    if not (name.strip() and equals and where):
        raise ApiError(Code.USAGE, reason="option", option="--founder", command="yinxin org found")
    return {"name": name.strip(), "certificate": pem(where) or ""} if os.path.isfile(where) else {"name": name.strip(), "token": where}


def _quorum(text: str, count: int) -> int:
    """k of "k/n"; raises `ApiError` (usage) where n is not the number of founders named."""
    from agent.api.errors import ApiError, Code

    k, _, n = text.partition("/")
    if not (k.isascii() and n.isascii() and k.isdecimal() and n.isdecimal()) or not 1 <= int(k) <= int(n) <= 20:
        raise ApiError(Code.USAGE, reason="option", option="--founders", command="yinxin org found")
    if int(n) != count:
        raise ApiError(Code.USAGE, reason="founders", wanted=str(int(n) - 1), present=str(count - 1))
    return int(k)


def _founded(session: Session, done: dict[str, Any]) -> str:
    say = session.say
    lines = [
        say(f"单位“{printable(done['name'])}”已创建。", f"The organisation “{printable(done['name'])}” is founded.")
        if done["status"] == "active"
        else say(
            f"单位“{printable(done['name'])}”的创建凭证已登记，还要 {done['quorum'] - 1} 位创建人运行 yinxin org second。",
            f"The founding of “{printable(done['name'])}” is entered; {done['quorum'] - 1} more founder(s) run `yinxin org second`.",
        ),
        pairs(
            [
                (say("单位指纹", "founding hash"), grouped(done["org"])),
                (say("创建人", "founders"), ", ".join(f"{each['name']} {each['person']}" for each in done["founders"])),
                (say("规则方案", "profile"), session.pick(PROFILES[done["profile"]])),
                (say("台账", "ledger"), done["store"]),
            ]
        ),
        say(
            "请把单位指纹当面告诉其他人：他们加入时用它核对（yinxin org join --hash）。",
            "Tell others the founding hash face to face: they join by it (`yinxin org join --hash`).",
        ),
    ]
    if done["practice"]:
        lines.append(
            say("练习单位：用了模拟 UKey，一切都没有效力。", "A practice organisation: it uses emulated tokens, and nothing in it has any force.")
        )
    if "single_founder" in done["warnings"]:
        lines.append(
            say(
                "注意：只有一位创建人和一个 UKey，丢失后无人能更换。请登记备用 UKey（yinxin person bind），或创建时用 --spare。",
                "Note: one founder with one key; if it is lost nobody can replace it. Bind a spare one (`yinxin person bind`).",
            )
        )
    if "all_must_sign" in done["warnings"]:
        lines.append(
            say(
                "注意：全体创建人都须签署，任何一位丢失 UKey 后都无法更换。请各登记一个备用 UKey。",
                "Note: all founders must sign, so that nobody can replace a lost key. Have each bind a spare one.",
            )
        )
    return "\n".join(lines)


@app.command(
    "join",
    help=both(
        "让本机加入已有的单位：核对单位指纹，登记本机，等待授权",
        "Have this computer join an organisation: its founding hash is compared, the computer enrolled",
    ),
)
def join(
    ctx: typer.Context,
    hash_: Annotated[str, typer.Option("--hash", metavar="H", help=both("单位指纹（可带空格）", "The founding hash (spaces do not matter)"))],
    store: Annotated[
        str, typer.Option("--store", metavar="URL", help=both("台账地址：postgresql://…，或文件", "Its ledger: postgresql://HOST/NAME, or a file"))
    ],
    password: PasswordOption = None,
) -> None:
    """POST /v1/organisation/join."""
    from agent.api.errors import ApiError, Code
    from agent.cli.talk import run_job

    session: Session = ctx.obj
    org = "".join(hash_.split()).lower()
    if len(org) != 64 or set(org) - set("0123456789abcdef"):
        raise ApiError(Code.USAGE, reason="founding_hash")
    where = store if "://" in store else os.path.abspath(store)
    body = {"org": org, "store": where, "password": None if password is None else password_from(session, password)}
    done = run_job(session, "/v1/organisation/join", body)
    session.client().stop()
    session.show(done, lambda: _joined(session, done))


def _joined(session: Session, done: dict[str, Any]) -> str:
    name = printable(done["name"])
    lines = [session.say(f"本机已加入“{name}”。", f"This computer has joined “{name}”.")]
    if done["state"] != "authorised":
        lines.append(
            session.say(
                f"还要有人授权这台电脑：登记专员插上自己的 UKey，运行 yinxin device authorise {done['device']}",
                f"It waits for its authorisation: the registrar runs `yinxin device authorise {done['device']}` with a token of his own.",
            )
        )
    return "\n".join(lines)


@app.command("show", help=both("本机加入的单位，和等待联署的事项", "The organisation of this computer, and what waits for others"))
def show(ctx: typer.Context) -> None:
    """GET /v1/organisation."""
    session: Session = ctx.obj
    found = session.client().get("/v1/organisation")
    session.show(found, lambda: _shown(session, found))


def _shown(session: Session, found: dict[str, Any]) -> str:
    say = session.say
    mark = say("（练习，无效力）", " (practice)") if found["practice"] else ""
    lines = [
        pairs(
            [
                (say("单位", "organisation"), found["name"] + mark),
                (say("单位指纹", "founding hash"), grouped(found["org"])),
                (say("状态", "state"), session.pick(STATUS[found["status"]])),
                (say("规则方案", "profile"), f"{session.pick(PROFILES[found['profile']])} · {found['rules']}"),
                (say("创建人", "founders"), f"{found['quorum']}/{len(found['founders'])}: " + ", ".join(f["name"] for f in found["founders"])),
                (say("人数", "people"), found["people"]),
                (say("台账条数", "entries"), found["entries"]),
                (say("未生效的凭证", "without effect"), found["without_effect"] or None),
                (say("管理制度", "policy"), found["policy"]),
            ]
        )
    ]
    for each in found["pending"]:
        lines.append(
            say(
                f"待联署（{len(each['signed'])}/{each['needs']}）：{each['zh']}，{printable(each['by']['name'])} 提出，编号 {each['act']}",
                f"Waits for others ({len(each['signed'])}/{each['needs']}): {each['en']}, by {printable(each['by']['name'])}, {each['act']}",
            )
        )
    return "\n".join(lines)


@app.command("second", help=both("联署：创建单位，或一件待联署的事项", "Sign with others: the founding, or an act that waits"))
def second(
    ctx: typer.Context, act_: ActArgument = None, token: TokenOption = None, pin: PinOption = "prompt", confirm_final_try: FinalTryOption = False
) -> None:
    """POST /v1/organisation/second."""
    session: Session = ctx.obj

    def text(done: dict[str, Any]) -> str:
        if done.get("act_state") == "pending":
            return session.say("已联署，还要其他人签署。", "Signed; it waits for others still.")
        return session.say("已联署，已生效。", "Signed, and in effect.") if "act" in done else session.say("已联署。", "Signed.")

    act(session, "/v1/organisation/second", {"act": act_, "token": token}, pin, confirm_final_try, text)


@app.command("withdraw", help=both("撤回一件待联署的事项", "Take back an act that waits for others"))
def withdraw(
    ctx: typer.Context,
    act_: ActArgument = None,
    reason: ReasonOption = None,
    token: TokenOption = None,
    pin: PinOption = "prompt",
    confirm_final_try: FinalTryOption = False,
) -> None:
    """POST /v1/organisation/withdraw."""
    session: Session = ctx.obj
    body = {"act": act_, "reason": reason, "token": token}
    act(session, "/v1/organisation/withdraw", body, pin, confirm_final_try, lambda _: session.say("已撤回。", "Withdrawn."))


@app.command(
    "recover", help=both("创建人丢失 UKey 后换一个：由其他创建人提出和联署", "Replace the lost key of a founder: other founders propose and sign it")
)
def recover(
    ctx: typer.Context,
    person: Annotated[str, typer.Argument(metavar="PERSON", help=both("丢失 UKey 的创建人（姓名或编号）", "The founder who lost it (name or id)"))],
    holder: HolderOption = None,
    certificate: CertificateFileOption = None,
    reason: ReasonOption = None,
    token: TokenOption = None,
    pin: PinOption = "prompt",
    confirm_final_try: FinalTryOption = False,
) -> None:
    """POST /v1/organisation/recover."""
    session: Session = ctx.obj
    body = {"person": person, "holder": holder, "certificate": pem(certificate), "reason": reason, "token": token}
    act(session, "/v1/organisation/recover", body, pin, confirm_final_try, lambda _: session.say("已提出更换。", "The replacement is entered."))


@app.command(
    "clock",
    help=both("台账里有过未来的时间时，由创建人更正", "Correct the ledger's clock, where somebody acted with one that was far ahead (a founder)"),
)
def clock(
    ctx: typer.Context, reason: ReasonOption = None, token: TokenOption = None, pin: PinOption = "prompt", confirm_final_try: FinalTryOption = False
) -> None:
    """POST /v1/organisation/clock."""
    session: Session = ctx.obj
    body = {"reason": reason, "token": token}
    act(session, "/v1/organisation/clock", body, pin, confirm_final_try, lambda _: session.say("已更正。", "Corrected."))
