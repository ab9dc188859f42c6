"""yinxin cert request | issue | import | list | show | export | trust | distrust | trusted"""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Annotated, Any
from urllib.parse import quote

import typer

from agent.api.uris import to_uri
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


@app.command(
    "trust",
    help=both(
        "信任外部发证机构：先显示文件里的证书，核对指纹后用 --fingerprint 确认。\n从此验签以它为依据；记入台账。",
        "Trust an issuer: shows the certificates of the file; after the fingerprint was compared, --fingerprint confirms.\n"
        "From then on verification goes by it; recorded in the ledger.",
    ),
)
def trust(
    ctx: typer.Context,
    file: Annotated[str, typer.Argument(metavar="F", help=both("发证机构的证书（PEM 或 DER）", "The issuer's certificate (PEM or DER)"))],
    fingerprint: Annotated[
        str | None, typer.Option("--fingerprint", metavar="SHA256", help=both("已核对的证书指纹", "The fingerprint that was compared"))
    ] = None,
) -> None:
    """POST /v1/anchors, or /v1/anchors/look without a fingerprint."""
    session: Session = ctx.obj
    if fingerprint is None:
        found = session.client().post("/v1/anchors/look", {"file": to_uri(file)})
        session.show({**found, "trusted": None}, lambda: _to_compare(session, found["certificates"], file))
        return
    done = session.client().post("/v1/anchors", {"file": to_uri(file), "fingerprint": "".join(fingerprint.split()).replace(":", "")})
    session.show(
        {"trusted": done}, lambda: session.say(f"已信任：{printable(done['subject'])}", f"Trusted from now on: {printable(done['subject'])}")
    )


@app.command("distrust", help=both("不再信任一个外部发证机构；记入台账", "Trust an issuer no more; recorded in the ledger"))
def distrust(
    ctx: typer.Context,
    fingerprint: Annotated[
        str, typer.Argument(metavar="SHA256", help=both("证书指纹（cert trusted 中的）", "Its fingerprint, as in `cert trusted`"))
    ],
) -> None:
    """DELETE /v1/anchors/FINGERPRINT."""
    session: Session = ctx.obj
    gone = session.client().delete(f"/v1/anchors/{quote(fingerprint, safe='')}")
    session.show(
        {"distrusted": gone}, lambda: session.say(f"已不再信任：{printable(gone['subject'])}", f"Trusted no more: {printable(gone['subject'])}")
    )


@app.command("trusted", help=both("列出受信任的发证机构", "List the trusted issuers"))
def trusted(ctx: typer.Context) -> None:
    """GET /v1/anchors."""
    session: Session = ctx.obj
    found, say = session.client().get("/v1/anchors"), session.say
    head = [say("名称", "NAME"), say("有效期至", "UNTIL"), say("来源", "WHOSE"), say("证书指纹", "FINGERPRINT")]
    rows = [
        [c["common_name"], str(c["not_after"])[:10], say("单位内部 CA", "own CA") if c["own"] else say("外部", "other"), c["fingerprint"]]
        for c in found["anchors"]
    ]
    session.show(found, lambda: table(head, rows, say("没有受信任的发证机构。", "No issuer is trusted.")))


def _to_compare(session: Session, certificates: Sequence[Mapping[str, Any]], file: str) -> str:
    say = session.say
    parts = [
        pairs(
            [
                (say("主题", "Subject"), c["subject"]),
                (say("签发者", "Issuer"), c["issuer"]),
                (say("有效期", "Valid"), f"{c['not_before']} – {c['not_after']}"),
                (say("证书指纹", "SHA-256"), " ".join(c["fingerprint"][i : i + 8] for i in range(0, 64, 8))),
            ]
        )
        for c in certificates
    ]
    warning = say(
        "尚未信任。信任一个发证机构，就是相信它签发的每一张证书。请先向该机构核对指纹，再运行：",
        "Nothing is trusted yet. Whoever trusts an issuer believes every certificate it issues. Compare the fingerprint with the issuer, then run:",
    )
    return "\n\n".join([*parts, f"{warning}\n  yinxin cert trust {printable(file)} --fingerprint SHA256"])


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
