"""yinxin person register | verify | list | show | bind | unbind | leave"""

from enum import StrEnum
from typing import Annotated, Any
from urllib.parse import quote

import typer

from agent.cli.acts import CertificateFileOption, HolderOption, ReasonOption, act, pem
from agent.cli.app import Commands
from agent.cli.language import both
from agent.cli.options import FinalTryOption, PinOption, TokenOption
from agent.cli.output import pairs, printable, table
from agent.cli.session import Session

app = Commands(both("人员：登记、核验身份、数字证书、离开", "People: register, check identities, certificates, leave"))
STATES = {"registered": both("已登记", "registered"), "active": both("身份已核验", "identity checked"), "left": both("已离开", "left")}
PersonArgument = Annotated[str, typer.Argument(metavar="PERSON", help=both("姓名或编号", "Name or id"))]


class Method(StrEnum):
    """How an identity was checked."""

    IN_PERSON = "in_person"
    VIDEO = "video"
    PERSONNEL_FILE = "personnel_file"
    CERTIFICATE = "certificate"


@app.command(
    "register",
    help=both("登记一个人；有 UKey 的同时登记其数字证书", "Register somebody, with the certificate on the person's token where there is one"),
)
def register(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help=both("姓名", "Name"))],
    holder: HolderOption = None,
    certificate: CertificateFileOption = None,
    token: TokenOption = None,
    pin: PinOption = "prompt",
    confirm_final_try: FinalTryOption = False,
) -> None:
    """POST /v1/people."""
    session: Session = ctx.obj
    body = {"name": name, "holder": holder, "certificate": pem(certificate), "token": token}

    def text(done: dict[str, Any]) -> str:
        return session.say(f"已登记 {printable(name)}，编号 {done['person']}。", f"{printable(name)} is registered as {done['person']}.")

    act(session, "/v1/people", body, pin, confirm_final_try, text)


@app.command("verify", help=both("记录已核验某人的身份", "Record that somebody's identity was checked"))
def verify(
    ctx: typer.Context,
    person: PersonArgument,
    method: Annotated[Method, typer.Option("--method", metavar="|".join(Method), show_default=True, help=both("方式", "How"))] = Method.IN_PERSON,
    number: Annotated[
        str | None,
        typer.Option("--number", metavar="N", show_default=False, help=both("证件号码，会遮住中间", "Number of the document; its middle is masked")),
    ] = None,
    evidence: Annotated[
        str | None,
        typer.Option(
            "--evidence",
            metavar="F",
            show_default=False,
            help=both("证据文件；台账只记它的文件指纹", "A file of evidence; the ledger holds its digest alone"),
        ),
    ] = None,
    token: TokenOption = None,
    pin: PinOption = "prompt",
    confirm_final_try: FinalTryOption = False,
) -> None:
    """POST /v1/people/verify."""
    import hashlib

    from agent.cli.files import read_small

    session: Session = ctx.obj
    digest = None if evidence is None else hashlib.sha256(read_small(evidence)).hexdigest()
    body = {"person": person, "method": str(method), "number": None if number is None else masked(number), "evidence": digest, "token": token}
    act(session, "/v1/people/verify", body, pin, confirm_final_try, lambda _: session.say("已记录。", "Recorded."))


def masked(number: str) -> str:
    """A document's number without its middle; the whole of a short one is hidden."""
    kept = number.strip()
    return kept[:3] + "*" * (len(kept) - 7) + kept[-4:] if len(kept) > 10 else "*" * len(kept)


@app.command("list", help=both("列出人员", "List the people"))
def list_people(ctx: typer.Context) -> None:
    """GET /v1/people."""
    session: Session = ctx.obj
    found = session.client().get("/v1/people")
    session.show(found, lambda: _table(session, found["people"]))


def _table(session: Session, people: list[dict[str, Any]]) -> str:
    say = session.say
    head = [say("编号", "id"), say("姓名", "name"), say("状态", "state"), say("职务", "roles"), "UKey"]
    rows = [[p["person"], p["name"], session.pick(STATES[p["state"]]), roles(session, p), _keys(p)] for p in people]
    return table(head, rows, say("还没有登记任何人。", "Nobody is registered."))


def roles(session: Session, person: dict[str, Any]) -> str:
    """Somebody's duties in words."""
    named = [session.say(each["zh"], each["en"]) + (f" ({each['department']})" if each["department"] else "") for each in person["roles"]]
    return session.say("、", ", ").join([*([session.say("创建人", "founder")] if person["founder"] else []), *named])


def _keys(person: dict[str, Any]) -> str:
    there = [each for each in person["certificates"] if each["state"] == "active"]
    return ", ".join(str((each["token"] or {}).get("label") or each["fingerprint"][:12]) for each in there)


@app.command("show", help=both("查看一个人：职务、数字证书", "Show somebody: roles, certificates"))
def show(ctx: typer.Context, person: PersonArgument) -> None:
    """GET /v1/people/P."""
    session: Session = ctx.obj
    found = session.client().get(f"/v1/people/{quote(person, safe='')}")
    session.show(found, lambda: _shown(session, found))


def _shown(session: Session, found: dict[str, Any]) -> str:
    say = session.say
    rows: list[tuple[str, object]] = [
        (say("编号", "id"), found["person"]),
        (say("姓名", "name"), found["name"]),
        (say("状态", "state"), session.pick(STATES[found["state"]])),
        (say("登记时间", "since"), found["since"]),
        (say("职务", "roles"), roles(session, found)),
        (say("已签收制度", "accepted policy"), found["accepted"]),
    ]
    for each in found["certificates"]:
        state = say("有效", "active") if each["state"] == "active" else say("已停止使用", "withdrawn")
        rows.append(
            (say("数字证书", "certificate"), f"{each['fingerprint'][:16]} {each['subject']} {say('至', 'until')} {each['not_after'][:10]} {state}")
        )
    return pairs(rows)


@app.command(
    "bind", help=both("登记某人的另一张数字证书（新 UKey、备用 UKey、续期）", "Bind another certificate to somebody (new or spare token, renewal)")
)
def bind(
    ctx: typer.Context,
    person: PersonArgument,
    holder: HolderOption = None,
    certificate: CertificateFileOption = None,
    token: TokenOption = None,
    pin: PinOption = "prompt",
    confirm_final_try: FinalTryOption = False,
) -> None:
    """POST /v1/people/bind."""
    session: Session = ctx.obj
    body = {"person": person, "holder": holder, "certificate": pem(certificate), "token": token}
    act(session, "/v1/people/bind", body, pin, confirm_final_try, lambda done: session.say("已登记证书 ", "Bound ") + done["fingerprint"][:16])


@app.command("unbind", help=both("停用某人的一张数字证书", "Withdraw a certificate of somebody"))
def unbind(
    ctx: typer.Context,
    certificate: Annotated[str, typer.Argument(metavar="FINGERPRINT", help=both("证书指纹（开头几位即可）", "Its fingerprint, or the beginning"))],
    reason: Annotated[str, typer.Option("--reason", metavar="R", help=both("原因，写入台账", "The reason, for the ledger"))],
    token: TokenOption = None,
    pin: PinOption = "prompt",
    confirm_final_try: FinalTryOption = False,
) -> None:
    """POST /v1/people/unbind."""
    session: Session = ctx.obj
    body = {"certificate": certificate, "reason": reason, "token": token}
    act(session, "/v1/people/unbind", body, pin, confirm_final_try, lambda _: session.say("已停用。", "Withdrawn."))


@app.command("leave", help=both("记录某人离开：职务和数字证书随之终止", "Record that somebody left: roles and certificates end"))
def leave(
    ctx: typer.Context,
    person: PersonArgument,
    reason: ReasonOption = None,
    token: TokenOption = None,
    pin: PinOption = "prompt",
    confirm_final_try: FinalTryOption = False,
) -> None:
    """POST /v1/people/leave."""
    session: Session = ctx.obj
    body = {"person": person, "reason": reason, "token": token}
    act(session, "/v1/people/leave", body, pin, confirm_final_try, lambda _: session.say("已记录离开。", "Recorded."))
