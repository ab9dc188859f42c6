"""The words of the report that are not the verdict's own."""

from collections.abc import Mapping
from typing import Final

from agent.verification.model import Say

WORDS: Final[Mapping[str, Say]] = {
    "title": Say("验签报告", "Signature verification report"),
    "passed": Say("通过", "PASSED"),
    "failed": Say("不通过", "FAILED"),
    "indeterminate": Say("无法确认", "COULD NOT BE CONFIRMED"),
    "in_doubt": Say("无法确认", "NOT CONFIRMED"),
    "timed": Say("{moment}（{source}）", "{moment} ({source})"),
    "waiting": Say("尚未检查", "not checked yet"),
    "as_of": Say("截至 {moment}", "as of {moment}"),
    "total": Say(
        "共 {total} 份文件：{passed} 份通过，{failed} 份不通过，{indeterminate} 份无法确认",
        "{total} files: {passed} passed, {failed} failed, {indeterminate} could not be confirmed",
    ),
    "stopped": Say("验签中途停止，还有 {waiting} 份没有检查。", "The verification was stopped; {waiting} files were not checked."),
    "left_out": Say("文件夹里没有检查的", "Left out in the folders"),
    "without_signature": Say("{count} 个不带签名的文件", "files that hold no signature: {count}"),
    "reports": Say("{count} 份本软件的验签报告", "reports of this program: {count}"),
    "hidden": Say("{count} 个隐藏的文件或文件夹", "hidden files and folders: {count}"),
    "linked_folders": Say("{count} 个指向文件夹的链接", "links to folders: {count}"),
    "special": Say("{count} 个特殊文件或失效链接", "special files and dead links: {count}"),
    "file": Say("文件", "File"),
    "size": Say("大小", "Size"),
    "bytes": Say("{size} 字节", "{size} bytes"),
    "sha256": Say("文件指纹（SHA-256）", "SHA-256"),
    "signature_file": Say("签名文件", "Signature file"),
    "exceptions": Say("没有通过的文件", "Files that have not passed"),
    "rest": Say("通过的文件", "Files that passed"),
    "documents": Say("逐份结果", "File by file"),
    "none": Say("没有", "none"),
    "verdict": Say("结论", "Verdict"),
    "why": Say("理由", "Why"),
    "signature": Say("签名 {number}", "Signature {number}"),
    "timestamp": Say("签名 {number}（文档时间戳）", "Signature {number} (document time-stamp)"),
    "countersignature": Say("签名 {number}（副署）", "Signature {number} (counter-signature)"),
    "signer": Say("签名人", "Signer"),
    "signers": Say("签名人", "Signers"),
    "subject": Say("证书持有者", "Subject"),
    "issuer": Say("发证机构", "Issuer"),
    "internal": Say("{issuer}（单位内部 CA）", "{issuer} (own internal CA)"),
    "term": Say("证书有效期", "Certificate valid"),
    "fingerprint": Say("证书指纹（SHA-256）", "Certificate SHA-256"),
    "time": Say("签署时间", "Signing time"),
    "claimed": Say("本机时间，未经证明", "claimed, not proved"),
    "stamped": Say("可信时间戳", "trusted time-stamp"),
    "level": Say("级别", "Level"),
    "b-b": Say("基本（B-B）", "basic (B-B)"),
    "b-t": Say("带时间戳（B-T）", "with time-stamp (B-T)"),
    "b-lt": Say("可长期验证（B-LT）", "long-term (B-LT)"),
    "b-lta": Say("长期归档（B-LTA）", "archival (B-LTA)"),
    "covers_whole": Say("全文受保护", "Covers the whole file"),
    "covers": Say("所签的文件", "Files covered"),
    "counter_signs": Say("副署对象", "Over"),
    "yes": Say("是", "yes"),
    "no": Say("否（只到第 {revision} 版）", "no (up to revision {revision})"),
    "not_whole": Say("否", "no"),
    "revocation": Say("吊销状态", "Revocation"),
    "good": Say("未吊销", "not revoked"),
    "revoked": Say("已吊销", "REVOKED"),
    "unknown": Say("没有查到", "unknown"),
    "not_offered": Say("证书没有写明查询途径", "no source named"),
    "place": Say("位置", "Place"),
    "on_page": Say("第 {page} 页", "page {page}"),
    "at": Say("，距左下角 {x}，{y} mm，宽高 {w} × {h} mm", ", {x}, {y} mm from the lower left corner, {w} × {h} mm"),
    "unseen": Say("页面上不显示", "not shown on a page"),
    "field": Say("签名域", "Field"),
    "ledger": Say("台账", "Ledger"),
    "ledger_entered": Say("台账有记录", "on record"),
    "ledger_allowed": Say("已批准用印", "use approved"),
    "ledger_not_allowed": Say("未经批准", "not approved"),
    "ledger_not_in_ledger": Say("台账无记录", "not in the ledger"),
    "ledger_no_ledger": Say("本机无台账", "no ledger here"),
    "changes": Say("签署后的改动", "Changes after signing"),
    "allowed": Say("允许", "allowed"),
    "suspicious": Say("可疑", "suspicious"),
    "forbidden": Say("不允许", "forbidden"),
    "remarks": Say("其他", "Remarks"),
    "not_checked": Say("没有检查的", "What was not checked"),
    "checked": Say("检查了什么", "What was checked"),
    "checked_intro": Say("对每个签名都检查：", "Of every signature:"),
    "circumstances": Say("验签依据", "On what the verdict rests"),
    "started": Say("验签时间（本机时间）", "Verified (by this computer's clock)"),
    "judged_at": Say("以此时刻为准", "Judged as of"),
    "program": Say("验签软件", "Program"),
    "policy": Say("算法规则", "Algorithm rules"),
    "asked_by": Say("验签人", "Asked for by"),
    "asked_how": Say("{user}（{program}），电脑 {computer}", "{user} ({program}) on {computer}"),
    "anchors_home": Say("本机受信任的根证书", "Trusted roots (of this computer)"),
    "anchors_caller": Say("验签人指定的根证书", "Trusted roots (named by the caller)"),
    "no_anchors": Say("没有：任何签名都不能通过", "none: no signature can pass"),
    "supplied": Say("提供的吊销信息", "Revocation data supplied"),
    "network": Say("联网查询", "Network"),
    "network_off": Say("没有联网", "not used"),
    "network_none": Say("允许，没有需要查询的", "allowed; there was nothing to ask"),
    "answered": Say("已答复", "answered"),
    "unanswered": Say("没有答复（{why}）", "no answer ({why})"),
    "more": Say("另有 {count} 个地址", "{count} more addresses"),
    "meanings": Say("结论的含义", "What the verdicts mean"),
    "recipient": Say("收件说明", "For whoever received the file"),
    "note": Say(
        "本报告由软件自动生成，没有签名；以文件本身和重新验签的结果为准。",
        "Made by a program and not signed: what counts is the file itself, and verifying it again.",
    ),
}

MEANINGS: Final = (
    (
        "passed",
        Say(
            "签名完好，签名人的证书可信，签署后没有不允许的改动。结论只到报告所写的时刻为止。",
            "The signature is intact, the signer's certificate is trusted, and nothing was altered in a forbidden way; as of the time named.",
        ),
    ),
    (
        "failed",
        Say(
            "有确凿的依据说明签名不成立：文件被改动、签名被做过手脚，或者证书不允许、已被吊销。请不要采用这份文件。",
            "There is proof against the signature: the file was altered or tampered with, or the certificate was revoked or does not allow it. "
            "Do not rely on the file.",
        ),
    ),
    (
        "indeterminate",
        Say(
            "现有的材料不足以下结论。这不等于伪造，也不等于可信；理由里写明了还需要什么。",
            "What is at hand is not enough to tell. This does not mean forged, nor trusted; the reason says what is missing.",
        ),
    ),
)

RECIPIENT: Final = (
    Say(
        "受签名保护的是电子文件本身。请保存原文件，不要另存、打印后再扫描或转换格式。",
        "It is the electronic file that is protected. Keep it as it is: saved anew, scanned or converted, it is another file.",
    ),
    Say(
        "核对文件指纹，可以确认本报告说的就是手里的这份文件：Linux 用 sha256sum 文件名，Windows 用 certutil -hashfile 文件名 SHA256。",
        "Compare the SHA-256 to be sure that this is about the file you hold: sha256sum FILE, on Windows certutil -hashfile FILE SHA256.",
    ),
    Say(
        "也可以用其他软件复验：PDF 用 Adobe Acrobat Reader 或 pdfsig，.p7s 用 openssl cms -verify。"
        "需要先取得发证机构的根证书，并通过可靠途径核对它的指纹。",
        "Other programs can verify it too: Adobe Acrobat Reader or pdfsig for PDF, openssl cms -verify for .p7s. "
        "They need the issuer's root certificate; check its fingerprint in a way you trust.",
    ),
    Say(
        "结论不是“通过”，或者对内容有疑问时，请用已知的电话联系签名人，不要用文件里写的联系方式。",
        'Where the verdict is not "passed", or the content is in doubt, ask the signer, by a telephone number you know and not one from the file.',
    ),
)


class Words:
    """The texts of one language."""

    def __init__(self, lang: str) -> None:
        self.lang = "zh" if lang == "zh" else "en"

    def __call__(self, name: str, **facts: object) -> str:
        """One of our texts; an unknown word as it is."""
        say = WORDS.get(name)
        return name if say is None else self.of(say).format(**facts)

    def of(self, say: Say | Mapping[str, str]) -> str:
        """A text in this language."""
        if isinstance(say, Say):
            return say.zh if self.lang == "zh" else say.en
        return str(say[self.lang])
