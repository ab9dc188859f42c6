"""What a verdict does not say: what was not checked about a document, and why; and what is checked of every signature."""

from collections.abc import Mapping
from typing import Any

from agent.verification.model import Say

CHECKED: tuple[Say, ...] = (
    Say(
        "文件内容与签名时的文件指纹是否一致，签名值与签名人的证书是否相符",
        "that the content has the digest that was signed, and the signature value fits the certificate",
    ),
    Say(
        "签名覆盖了哪些内容，签署后增加或改动了什么，有没有签名被删掉",
        "what the signatures cover, what was added or altered later, and whether signatures were removed",
    ),
    Say(
        "证书能否追溯到下列受信任的根证书，用途和有效期是否允许签署",
        "that certificates lead to the roots named here, and allow signing by usage and term",
    ),
    Say("证书在签署时是否已被吊销，以有据可查的为限", "whether certificates were revoked when they signed, as far as there are sources"),
    Say("时间戳是否由可信的机构加盖，与签名是否相符", "that time-stamps are those of trusted authorities, over these very signatures"),
    Say("所用的算法和密钥长度是否仍然安全", "that the algorithms and key sizes are still safe"),
    Say("文件结构有没有让不同软件显示不同内容的手法", "that the structure plays none of the known tricks by which programs show different contents"),
)
"""Said in every report."""

NOT_CHECKED: Mapping[str, Say] = {
    "nothing": Say("没有签名可查，文件的来源和完整性都没有依据", "there was no signature to check: origin and integrity of this file are not known"),
    "network_off": Say("没有联网向发证机构查询证书是否被吊销", "issuers were not asked over the network whether certificates were revoked"),
    "revocation_unknown": Say("没有查到证书是否被吊销", "whether certificates were revoked could not be found out"),
    "revocation_not_offered": Say(
        "证书没有写明吊销查询途径，没有查询是否被吊销", "the certificate names no source of revocation, so that was not checked"
    ),
    "time_claimed": Say(
        "签署时间是签名人电脑上的时间，没有可信时间戳证明", "the time of signing is what the signer's computer said; no time-stamp proves it"
    ),
    "ledger": Say(
        "没有与用印台账核对（本机没有相应的台账）", "it was not compared with a ledger of seal uses (there is none for it on this computer)"
    ),
    "identity": Say(
        "没有另行核实签名人的身份，姓名和单位以发证机构写在证书里的为准",
        "who signed was not looked into beyond what the issuer wrote into the certificate",
    ),
    "internal": Say(
        "证书由单位内部 CA 签发，姓名和单位没有经第三方证实",
        "the certificate is of the organisation's own CA: no third party confirmed the names in it",
    ),
    "picture": Say(
        "页面上的印章图样或手写签名图案本身不能证明什么，没有鉴别",
        "pictures of seals or handwriting on the pages prove nothing by themselves and were not examined",
    ),
    "content": Say(
        "文件内容是否正确、签名人是否有权签署，不在验签范围内",
        "whether the content is right, and whether the signer was entitled to sign it, is not part of verification",
    ),
    "copies": Say(
        "打印件、截图或转换格式后的副本不受签名保护", "print-outs, pictures of the screen and converted copies are not protected by the signature"
    ),
}


def not_checked(document: Mapping[str, Any], network: bool) -> list[dict[str, Any]]:
    """{code, description} of everything that the verdict over `document` leaves open; `network` says whether issuers could be asked."""
    return [{"code": code, "description": NOT_CHECKED[code].to_wire()} for code in _codes(document["signatures"], network)]


def _codes(signatures: list[Mapping[str, Any]], network: bool) -> list[str]:
    if not signatures:
        return ["nothing"]
    states = {s["revocation"] for s in signatures if s.get("certificate")}
    people = [s for s in signatures if s["kind"] != "timestamp" and s.get("certificate")]
    out = []
    if "unknown" in states:
        out.append("revocation_unknown" if network else "network_off")
    if "not_offered" in states:
        out.append("revocation_not_offered")
    if any(s["time_source"] == "claimed" for s in people):
        out.append("time_claimed")
    if any(s["ledger"] == "no_ledger" for s in people):
        out.append("ledger")
    out.append("internal" if people and all(s["certificate"]["internal"] for s in people) else "identity")
    return [*out, "picture", "content", "copies"]
