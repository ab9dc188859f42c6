"""yinxin cert request | issue | import | list | show | export"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any
from urllib.parse import quote

import typer

from agent.cli.app import Commands
from agent.cli.files import as_pem, check_output, publish, read_small
from agent.cli.language import both
from agent.cli.options import FinalTryOption, ForceOption, PinOption, TokenOption
from agent.cli.output import pairs, printable, table
from agent.cli.session import Session

app = Commands(both("数字证书：申请、签发、导入、导出", "Certificates: request, issue, import, export"))
PROBLEMS = {
    "expired": both("已过期", "expired"),
    "not_yet_valid": both("尚未生效", "not valid yet"),
    "key_usage": both("不能用于签名", "not for signing"),
    "key_type": both("算法不支持（如国密 SM2）", "algorithm not supported"),
    "no_key": both("没有私钥", "no private key"),
}
SubjectOption = Annotated[
    str, typer.Option("--subject", metavar="DN", help=both('主题，例如 "CN=李工,O=设计院,C=CN"', 'Subject, for example "CN=Li,O=Institute,C=CN"'))
]
Selector = Annotated[str, typer.Argument(metavar="C", help=both("文件指纹开头、姓名（CN）或标签", "Fingerprint (prefix), common name or label"))]


class Profile(StrEnum):
    """What a certificate is for (the wire's words)."""

    SIGNER = "signer"
    SEAL = "seal"
    TSA = "tsa"
    OCSP = "ocsp"
    CA = "ca"


@app.command("request", help=both("用 UKey 上的密钥生成证书申请（CSR）", "Make a certificate request (CSR) with a token's key"))
def request(
    ctx: typer.Context,
    key: Annotated[str, typer.Option("--key", metavar="K", help=both("密钥标签或 ID", "The key's label or id"))],
    subject: SubjectOption,
    out: Annotated[str, typer.Option("--out", metavar="F.csr", help=both("输出文件", "Output file"))],
    token: TokenOption = None,
    pin: PinOption = "prompt",
    force: ForceOption = False,
    confirm_final_try: FinalTryOption = False,
) -> None:
    """POST /v1/certificates/request."""
    from agent.cli.pins import Pins
    from agent.cli.talk import run_job

    session: Session = ctx.obj
    check_output(out, force)
    body = {"token": token, "key": key, "subject": subject}
    done = run_job(session, "/v1/certificates/request", body, Pins.of(pin=pin), confirm_final_try=confirm_final_try)
    publish(out, done["csr"].encode(), force)
    session.show({**done, "out": out}, lambda: session.say(f"证书申请已写入 {printable(out)}。", f"The request is in {printable(out)}."))


@app.command("issue", help=both("由单位内部 CA 签发证书（标明为内部）", "Issue a certificate by the own CA (marked internal)"))
def issue(
    ctx: typer.Context,
    csr: Annotated[str, typer.Argument(metavar="F.csr", help=both("证书申请文件", "The request"))],
    profile: Annotated[Profile, typer.Option("--profile", metavar="|".join(Profile), help=both("用途", "What it is for"))],
    out: Annotated[str, typer.Option("--out", metavar="F.crt", help=both("输出文件", "Output file"))],
    ca: Annotated[str | None, typer.Option("--ca", metavar="T", help=both("内部 CA 所在的 UKey", "The token that holds the CA"))] = None,
    days: Annotated[int | None, typer.Option("--days", metavar="N", min=1, max=3653, help=both("有效天数", "Days of validity"))] = None,
    pin: PinOption = "prompt",
    force: ForceOption = False,
    confirm_final_try: FinalTryOption = False,
) -> None:
    """POST /v1/certificates/issue."""
    from agent.cli.pins import Pins
    from agent.cli.talk import run_job

    session: Session = ctx.obj
    text = as_pem(read_small(csr), "CERTIFICATE REQUEST")
    check_output(out, force)
    body = {"csr": text, "ca": ca, "profile": str(profile), "days": days}
    done = run_job(session, "/v1/certificates/issue", body, Pins.of(pin=pin), confirm_final_try=confirm_final_try)
    publish(out, pem_of(done), force)
    session.show({**done, "out": out}, lambda: session.say(f"证书已签发，写入 {printable(out)}。", f"The certificate is in {printable(out)}."))


@app.command("import", help=both("把证书写入 UKey，放在对应的私钥旁", "Write a certificate to the token, beside its key"))
def import_(
    ctx: typer.Context,
    file: Annotated[str, typer.Argument(metavar="F", help=both("证书文件（PEM 或 DER）", "The certificate (PEM or DER)"))],
    token: TokenOption = None,
    key: Annotated[str | None, typer.Option("--key", metavar="K", help=both("密钥标签或 ID", "The key's label or id"))] = None,
    pin: PinOption = "prompt",
    confirm_final_try: FinalTryOption = False,
) -> None:
    """POST /v1/certificates/import."""
    from agent.cli.pins import Pins
    from agent.cli.talk import run_job

    session: Session = ctx.obj
    body = {"token": token, "key": key, "certificate": as_pem(read_small(file), "CERTIFICATE")}
    done = run_job(session, "/v1/certificates/import", body, Pins.of(pin=pin), confirm_final_try=confirm_final_try)
    session.show(done, lambda: session.say("证书已写入 UKey。", "The certificate is on the token.") + "\n" + describe(session, done))


@app.command("list", help=both("列出 UKey 上的数字证书", "List the certificates on tokens"))
def list_certificates(ctx: typer.Context, token: TokenOption = None) -> None:
    """GET /v1/certificates."""
    session: Session = ctx.obj
    found = session.client().get("/v1/certificates" + (f"?token={quote(token, safe='')}" if token else ""))
    session.show(found, lambda: certificates_table(session, found["certificates"], tokens=True))


@app.command("show", help=both("查看一张数字证书", "Show one certificate"))
def show(ctx: typer.Context, certificate: Selector) -> None:
    """GET /v1/certificates/C."""
    session: Session = ctx.obj
    found = session.client().get(f"/v1/certificates/{quote(certificate, safe='')}")
    session.show(found, lambda: describe(session, found))


@app.command("export", help=both("把证书另存为 PEM 文件", "Save a certificate as PEM"))
def export(
    ctx: typer.Context,
    certificate: Selector,
    out: Annotated[str, typer.Option("--out", metavar="F.pem", help=both("输出文件", "Output file"))],
    force: ForceOption = False,
) -> None:
    """GET /v1/certificates/C, written to a file."""
    session: Session = ctx.obj
    check_output(out, force)
    found = session.client().get(f"/v1/certificates/{quote(certificate, safe='')}")
    publish(out, pem_of(found), force)
    session.show({**found, "out": out}, lambda: session.say(f"证书已写入 {printable(out)}。", f"The certificate is in {printable(out)}."))


def pem_of(found: Mapping[str, Any]) -> bytes:
    """The PEM text that an answer of the agent carries."""
    return str(found.get("pem") or found["certificate"]).encode()


def certificates_table(session: Session, certificates: list[dict[str, Any]], tokens: bool = False) -> str:
    """Certificates for people."""
    say = session.say
    head = [say("姓名/名称", "NAME"), say("文件指纹", "FINGERPRINT"), say("有效期至", "VALID UNTIL"), say("状态", "STATE"), say("签发", "ISSUER")]
    rows = [
        [
            c["common_name"],
            c["fingerprint"][:16],
            str(c["not_after"])[:10],
            _state(session, c),
            say("单位内部 CA", "internal") if c.get("internal") else c["issuer"],
        ]
        for c in certificates
    ]
    if tokens:
        head, rows = [*head, "UKey" if session.lang == "zh" else "TOKEN"], [[*row, c.get("token")] for row, c in zip(rows, certificates, strict=True)]
    return table(head, rows, say("没有数字证书。", "No certificates."))


def _state(session: Session, certificate: Mapping[str, Any]) -> str:
    if problem := certificate.get("problem"):
        return session.pick(PROBLEMS.get(problem, problem))
    return session.say("可签名", "can sign") if certificate.get("usable") else "CA" if certificate.get("ca") else "–"


def describe(session: Session, found: Mapping[str, Any]) -> str:
    """One certificate for people."""
    say = session.say
    fingerprint = str(found.get("fingerprint", ""))
    return pairs(
        [
            (say("主题", "Subject"), found.get("subject")),
            (say("签发者", "Issuer"), found.get("issuer")),
            (say("范围", "Scope"), say("内部（仅限内部使用）", "internal") if found.get("internal") else None),
            (say("序列号", "Serial"), found.get("serial")),
            (say("有效期", "Valid"), f"{found.get('not_before', '')} – {found.get('not_after', '')}"),
            (say("密钥类型", "Key type"), found.get("key_type")),
            (say("状态", "State"), _state(session, found)),
            (say("文件指纹", "SHA-256"), " ".join(fingerprint[i : i + 8] for i in range(0, len(fingerprint), 8))),
            ("UKey" if session.lang == "zh" else "Token", found.get("token")),
        ]
    )
