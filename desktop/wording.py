"""Every text a person reads in the window and the prompter, Chinese and English side by side.

One word for one thing, as the glossary has it: UKey, 签章服务, PIN 码, 数字证书, 文件指纹, 通过 / 不通过 / 无法确认.
Errors are worded by `agent.api.messages`; here stands only what the window itself says.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, TypeAlias

from agent.api.messages import sentence

Lang: TypeAlias = Literal["zh", "en"]
LANGUAGES: Mapping[Lang, str] = {"zh": "中文", "en": "English"}

CONFIRMATION: Mapping[Lang, str] = {"zh": "我确认", "en": "CONFIRM"}
"""What is typed to risk the last PIN try; the agent takes either."""

TEXTS: Mapping[str, tuple[str, str]] = {
    # the frame
    "app.name": ("印信", "Yinxin"),
    "app.tagline": ("电子签章", "Electronic signatures"),
    "app.title": ("印信 · 电子签章", "Yinxin · Electronic signatures"),
    "nav.sign": ("图纸签名", "Sign drawings"),
    "nav.verify": ("验签", "Verify"),
    "nav.label": ("功能", "Pages"),
    "language": ("语言", "Language"),
    "settings.language_note": ("界面语言", "Language of the window"),
    "font.missing": (
        "这台电脑没有中文字体，中文可能显示为方框。请安装软件包 fonts-noto-cjk（sudo apt install fonts-noto-cjk），然后重新打开印信。",
        "This computer has no Chinese font: Chinese text appears as boxes. Install fonts-noto-cjk (sudo apt install fonts-noto-cjk), then reopen Yinxin.",
    ),
    "display.missing": (
        "找不到图形桌面，窗口无法打开。请在桌面环境里运行，或改用命令行 yinxin。",
        "There is no graphical display, so the window cannot open. Start it from a desktop session, or use the command line: yinxin.",
    ),
    "close.busy.title": ("正在签名", "Signing is under way"),
    "close.busy": (
        "还有文件正在签名。现在关闭会在当前文件之后停止，已完成的不受影响。",
        "Files are still being signed. Closing stops after the current file; finished ones stay.",
    ),
    "close.stop": ("停止并关闭", "Stop and close"),
    "close.stay": ("继续签名", "Keep signing"),
    # the service
    "service.connecting": ("正在启动签章服务……", "Starting the signing service…"),
    "service.up": ("签章服务正常", "Signing service running"),
    "service.down": ("签章服务未运行", "Signing service not running"),
    "service.retry": ("重新连接", "Connect again"),
    "service.restart": ("重新启动签章服务", "Restart the signing service"),
    "service.slow": (
        "签章服务没有按时启动。请点“重新连接”；仍不行，请在终端运行 yinxin doctor 查看原因。",
        "The signing service did not start in time. Choose “Connect again”; if that does not help, run yinxin doctor in a terminal.",
    ),
    # tokens
    "tokens.title": ("我的 UKey", "My UKeys"),
    "tokens.none": ("没有找到 UKey", "No UKey found"),
    "tokens.none.hint": ("请插入 UKey，这里会自动显示。", "Plug in your UKey; it appears here by itself."),
    "tokens.loading": ("正在查找 UKey……", "Looking for UKeys…"),
    "token.unnamed": ("未命名的 UKey", "Unnamed UKey"),
    "token.serial": ("序列号 {serial}", "Serial {serial}"),
    "token.emulated": ("练习用（无效力）", "Practice, no legal effect"),
    "token.state.ready": ("可以使用", "Ready"),
    "token.state.not_initialised": ("还没有初始化", "Not initialised"),
    "token.state.removed": ("已拔出", "Removed"),
    "token.state.unusable": ("无法使用", "Unusable"),
    "pin.state.ok": ("PIN 码正常", "PIN in order"),
    "pin.state.low": ("PIN 码输错过", "A wrong PIN was entered before"),
    "pin.state.final_try": ("PIN 码只剩最后一次机会", "Only one PIN try left"),
    "pin.state.locked": ("PIN 码已锁定", "PIN locked"),
    "pin.state.not_initialised": ("还没有设置 PIN 码", "No PIN set yet"),
    "pin.state.unknown": ("PIN 码状态未知", "PIN state unknown"),
    "cert.valid_until": ("有效期至 {date}", "Valid until {date}"),
    "cert.valid_from": ("{date} 起生效", "Valid from {date}"),
    "cert.expired_on": ("已于 {date} 过期", "Expired on {date}"),
    "cert.ends_soon": ("还有 {days} 天到期（{date}）", "Ends in {days} days ({date})"),
    "cert.problem.key_usage": ("不是签名证书", "Not a signing certificate"),
    "cert.problem.no_key": ("UKey 里没有对应的私钥", "Its private key is not on the UKey"),
    "cert.problem.other": ("不能用于签名", "Cannot be used to sign"),
    "cert.internal": ("单位内部 CA", "Internal CA"),
    "cert.ca": ("CA 证书", "CA certificate"),
    "cert.none": ("没有数字证书", "No certificate"),
    "cert.issuer": ("签发者：{issuer}", "Issued by {issuer}"),
    "cert.fingerprint": ("证书指纹：{fingerprint}", "Fingerprint: {fingerprint}"),
    # the sign page
    "sign.title": ("图纸签名", "Sign drawings"),
    "sign.lead": (
        "把文件放进来，核对后输入一次 PIN 码，即可全部签名。原文件不会被改动。",
        "Put your files in, check them, and enter the PIN once to sign them all. The originals are not changed.",
    ),
    "drop.sign": ("把图纸拖到这里", "Drop drawings here"),
    "drop.hint": ("PDF 直接签名；其他文件生成单独的签名文件（.p7s）", "PDFs are signed directly; other files get a separate signature file (.p7s)"),
    "drop.choose": ("选择文件…", "Choose files…"),
    "drop.name": ("文件投放区", "Drop area"),
    "files.name": ("待签名文件", "Files to sign"),
    "files.count": ("共 {count} 个文件", "Files: {count}"),
    "files.add": ("添加文件…", "Add files…"),
    "files.remove": ("移除所选", "Remove selected"),
    "files.clear": ("清空", "Clear"),
    "files.kind.pdf": ("PDF", "PDF"),
    "files.kind.other": ("单独的签名文件", "Separate signature file"),
    "files.dialog": ("选择要签名的文件", "Choose files to sign"),
    "files.filter": ("图纸和文档 (*.pdf *.PDF);;所有文件 (*)", "Drawings and documents (*.pdf *.PDF);;All files (*)"),
    "options.title": ("签名方式", "How to sign"),
    "options.certificate": ("使用的数字证书", "Certificate"),
    "options.certificate.none": ("所选 UKey 没有可用的签名证书", "The selected UKey has no usable signing certificate"),
    "options.certificate.item": ("{name}（有效期至 {date}）", "{name} (valid until {date})"),
    "options.appearance": ("在页面上显示签名", "Show the signature on the page"),
    "options.appearance.note": ("在预览中点一下即可定位，拖动可移动或改变大小。", "Click in the preview to place it; drag to move or resize."),
    "options.page": ("页", "Page"),
    "options.corner": ("从哪个角量起", "Measured from"),
    "corner.bl": ("左下角", "Bottom left"),
    "corner.br": ("右下角", "Bottom right"),
    "corner.tl": ("左上角", "Top left"),
    "corner.tr": ("右上角", "Top right"),
    "options.x": ("横向距离（毫米）", "Across (mm)"),
    "options.y": ("纵向距离（毫米）", "Up or down (mm)"),
    "options.width": ("宽（毫米）", "Width (mm)"),
    "options.height": ("高（毫米）", "Height (mm)"),
    "options.all_files": ("所有 PDF 用同一位置", "The same place in every PDF"),
    "options.reason": ("签名原因", "Reason"),
    "options.reason.example": ("例如：施工图设计", "For example: issued for construction"),
    "options.location": ("地点", "Location"),
    "options.location.example": ("例如：北京", "For example: Beijing"),
    "options.folder": ("保存到", "Save to"),
    "options.folder.beside": ("原文件所在的文件夹", "The folder of each original"),
    "options.folder.choose": ("更改…", "Change…"),
    "options.folder.reset": ("改回原文件夹", "Back to the originals’ folder"),
    "options.folder.dialog": ("签名后的文件保存到哪里", "Where to save the signed files"),
    "sign.button": ("签名", "Sign"),
    "sign.button.count": ("签名 {count} 个文件", "Sign {count} file(s)"),
    "sign.need.files": ("请先放入要签名的文件。", "Add the files to sign first."),
    "sign.need.token": ("请插入 UKey 并在左侧选中它。", "Plug in a UKey and select it on the left."),
    "sign.need.certificate": ("这个 UKey 里没有可用的签名证书。", "This UKey has no usable signing certificate."),
    "sign.need.unlocked": ("这个 UKey 的 PIN 码已锁定，请联系发证机构解锁。", "This UKey’s PIN is locked; ask its issuer to unlock it."),
    "sign.need.initialised": ("这个 UKey 还没有初始化，不能签名。", "This UKey is not initialised and cannot sign."),
    "sign.need.service": ("正在等待签章服务。", "Waiting for the signing service."),
    "sign.with": ("将使用 {name} 的证书，UKey：{token}", "Signing as {name}, UKey: {token}"),
    # preview
    "preview.name": ("页面预览", "Page preview"),
    "preview.empty": ("选中一个 PDF，这里显示预览", "Select a PDF to preview it here"),
    "preview.not_pdf": (
        "这类文件没有预览。\n签名会保存为单独的 .p7s 文件，放在它旁边。",
        "There is no preview for this kind of file.\nThe signature is saved as a separate .p7s file beside it.",
    ),
    "preview.loading": ("正在打开预览……", "Opening the preview…"),
    "preview.page": ("第 {page} 页，共 {pages} 页", "Page {page} of {pages}"),
    "preview.previous": ("上一页", "Previous page"),
    "preview.next": ("下一页", "Next page"),
    "preview.fit": ("整页", "Whole page"),
    "preview.zoom_in": ("放大", "Zoom in"),
    "preview.zoom_out": ("缩小", "Zoom out"),
    "preview.retry": ("重新预览", "Preview again"),
    "preview.problem.crashed": (
        "预览程序意外停止了。文件本身没有受影响，仍可签名。",
        "The preview program stopped unexpectedly. The file is not affected and can still be signed.",
    ),
    "preview.problem.hung": (
        "这一页画得太久，预览已停止。文件本身没有受影响，仍可签名。",
        "Drawing this page took too long, so the preview was stopped. The file is not affected and can still be signed.",
    ),
    "preview.problem.damaged": ("这个文件无法显示，可能已损坏。", "This file cannot be shown; it may be damaged."),
    "preview.problem.encrypted": ("这个文件有打开密码，无法预览。", "This file needs a password to open, so there is no preview."),
    "preview.problem.missing": ("文件已不在原处，或者没有读取权限。", "The file is gone, or may not be read."),
    "preview.problem.too_large": ("文件太大，没有预览，但可以签名。", "The file is too large to preview; it can still be signed."),
    "place.name": ("签名位置", "Place of the signature"),
    "place.preview": ("签名\n{name}", "Signature\n{name}"),
    # consent and PIN
    "consent.title.sign": ("核对并签名", "Check and sign"),
    "consent.title.other": ("核对并输入 PIN 码", "Check and enter the PIN"),
    "consent.title.ask": ("请确认", "Please confirm"),
    "purpose.sign": ("用 UKey 签名 {count} 个文件", "Sign {count} file(s) with your UKey"),
    "purpose.key_generate": ("在 UKey 里生成密钥", "Generate a key on the UKey"),
    "purpose.key_list": ("查看 UKey 里的密钥", "List the keys on the UKey"),
    "purpose.cert_request": ("制作数字证书申请", "Make a certificate request"),
    "purpose.cert_issue": ("签发数字证书", "Issue a certificate"),
    "purpose.cert_import": ("把数字证书写入 UKey", "Write a certificate to the UKey"),
    "purpose.ca_create": ("建立单位内部 CA", "Create an internal CA"),
    "purpose.token_init": ("初始化 UKey", "Initialise a UKey"),
    "purpose.other": ("使用 UKey", "Use the UKey"),
    "asker.self": ("由本窗口发起", "Asked for by this window"),
    "asker.other": (
        "由程序 {program}（进程号 {pid}，用户 {user}）发起。程序名仅供参考；若不是您本人发起的，请取消。",
        "Asked for by the program {program} (process {pid}, user {user}). The name is only a hint; if you did not start this, cancel.",
    ),
    "documents.name": ("要签名的文件", "Documents to sign"),
    "documents.file": ("文件", "Document"),
    "documents.pages": ("页数", "Pages"),
    "documents.size": ("大小", "Size"),
    "documents.fingerprint": ("文件指纹（SHA-256）", "Fingerprint (SHA-256)"),
    "documents.fingerprint.note": (
        "签名只对上面这些文件副本有效；选中一行可看完整的文件指纹。",
        "Exactly these copies will be signed; select a row to see its whole fingerprint.",
    ),
    "documents.same": ("与预览的文件一致", "The same file as previewed"),
    "documents.changed": (
        "“{name}”在预览之后被改动过！请取消并重新核对。",
        "“{name}” has changed since it was previewed! Cancel and check it again.",
    ),
    "documents.details": ("签名原因：{reason}", "Reason: {reason}"),
    "documents.place": ("地点：{location}", "Location: {location}"),
    "pin.label": ("PIN 码（Key 密码）", "PIN"),
    "pin.field.pin": ("PIN 码（Key 密码）", "PIN"),
    "pin.field.so_pin": ("管理员 PIN", "Administrator PIN"),
    "pin.field.new_pin": ("新 PIN 码", "New PIN"),
    "pin.field.again": ("再输一遍：{field}", "Repeat: {field}"),
    "pin.mismatch": ("两次输入不一样。", "The two entries differ."),
    "pin.note": ("PIN 码只交给 UKey，不会被保存。", "The PIN goes only to the UKey and is not stored."),
    "pin.pad": ("这个 UKey 有自己的键盘：点“同意”后请在它上面输入 PIN 码。", "This UKey has its own keypad: after you agree, enter the PIN there."),
    "pin.warn.low": (
        "上次 PIN 码输错过。连续输错会锁定 UKey，请看清再输。",
        "A wrong PIN was entered before. Further mistakes lock the UKey: take care.",
    ),
    "pin.warn.final_try": (
        "这是最后一次机会，再错 UKey 将被锁定。确认仍要输入，请键入“我确认”。",
        "This is the last try: one more mistake locks the UKey. To go on, type CONFIRM.",
    ),
    "pin.warn.locked": (
        "UKey 已锁定，输入 PIN 码也无法使用。请联系发证机构解锁。",
        "The UKey is locked; no PIN will be accepted. Ask its issuer to unlock it.",
    ),
    "pin.confirm": ("键入“{word}”", "Type {word}"),
    "pin.caps": ("大写锁定已打开。", "Caps Lock is on."),
    "pin.left": ("请在 {minutes}:{seconds} 内完成", "Time left {minutes}:{seconds}"),
    "pin.closed": ("确认窗口已失效，PIN 码没有送出。请重新签名。", "The request has ended and the PIN was not sent. Start again."),
    "agree.sign": ("同意并签名", "Agree and sign"),
    "agree.other": ("同意", "Agree"),
    "cancel": ("取消", "Cancel"),
    "close": ("关闭", "Close"),
    "choose.title": ("选择数字证书", "Choose a certificate"),
    "choose.lead": ("UKey 里有几张可用的证书，请选一张：", "The UKey holds several usable certificates. Choose one:"),
    "final.title": ("最后一次机会", "Last try"),
    # progress
    "progress.title": ("正在签名", "Signing"),
    "progress.title.verify": ("正在验签", "Verifying"),
    "progress.count": ("{done} / {total}", "{done} / {total}"),
    "progress.rate": ("每秒 {rate} 个", "{rate} per second"),
    "progress.stage.snapshot": ("正在锁定文件副本", "Taking copies of the files"),
    "progress.stage.sign": ("正在签名", "Signing"),
    "progress.stage.verify": ("正在检查", "Checking"),
    "progress.stage.other": ("正在处理", "Working"),
    "progress.waiting.pin": ("等待输入 PIN 码", "Waiting for the PIN"),
    "progress.waiting.token": ("等待 UKey", "Waiting for the UKey"),
    "progress.waiting.other": ("请稍候", "Please wait"),
    "progress.stop": ("停止", "Stop"),
    "progress.stopping": ("正在停止，当前文件完成后结束……", "Stopping after the current file…"),
    "progress.name": ("进度", "Progress"),
    # results
    "result.all": ("{count} 个文件已签名", "{count} file(s) signed"),
    "result.some": ("{count} 个文件已签名，{bad} 个没有签名", "{count} signed, {bad} not signed"),
    "result.none": ("没有文件被签名", "No file was signed"),
    "result.cancelled": ("已取消，没有文件被签名", "Cancelled; no file was signed"),
    "result.cancelled.hint": ("需要时可以重新签名，原文件没有改动。", "Sign again whenever you like; the originals are unchanged."),
    "result.name": ("签名结果", "Results"),
    "result.saved": ("已保存为 {name}", "Saved as {name}"),
    "result.state.skipped": ("没有做", "Not done"),
    "result.state.waiting": ("没有做", "Not done"),
    "result.state.failed": ("没有签名", "Not signed"),
    "result.open": ("打开", "Open"),
    "result.open.name": ("打开 {name}", "Open {name}"),
    "result.folder": ("打开所在文件夹", "Show in folder"),
    "result.folder.name": ("打开 {name} 所在的文件夹", "Show {name} in its folder"),
    "result.verify": ("验签这些文件", "Verify these files"),
    "result.again": ("继续签名其他文件", "Sign other files"),
    "result.back": ("返回", "Back"),
    "result.retry": ("再试一次", "Try again"),
    "open.failed": ("打不开“{name}”。请在文件管理器里查看：{folder}", "“{name}” could not be opened. Look for it in {folder}"),
    # verify
    "verify.title": ("验签", "Verify"),
    "verify.lead": (
        "检查文件的签名是谁做的、签名后有没有被改动。全部在本机完成，不上传文件。",
        "Check who signed a file and whether it was changed afterwards. All on this computer; nothing is uploaded.",
    ),
    "drop.verify": ("把要检查的文件拖到这里", "Drop files to check here"),
    "drop.verify.hint": ("PDF，或者 .p7s 签名文件（原文件放在同一个文件夹）", "PDFs, or .p7s signature files (with the original in the same folder)"),
    "verify.dialog": ("选择要验签的文件", "Choose files to verify"),
    "verify.more": ("验签其他文件", "Verify other files"),
    "verify.files": ("已检查的文件", "Checked files"),
    "verdict.passed": ("通过", "Passed"),
    "verdict.failed": ("不通过", "Failed"),
    "verdict.indeterminate": ("无法确认", "Indeterminate"),
    "verdict.name": ("验签结论：{verdict}", "Verdict: {verdict}"),
    "verdict.indeterminate.note": (
        "“无法确认”不等于伪造，只说明现有材料不足以下结论。",
        "Indeterminate does not mean forged; it means that what is at hand does not suffice to decide.",
    ),
    "verify.signatures": ("文件中的签名（{count}）", "Signatures in this file ({count})"),
    "verify.no_signatures": ("文件里没有找到签名。", "No signature was found in this file."),
    "signature.signer": ("签名人", "Signed by"),
    "signature.signer.unknown": ("签名人不明", "Unknown signer"),
    "signature.time": ("时间", "Time"),
    "signature.time.claimed": ("{time}（签名人电脑的时间，未经证明）", "{time} (the signer’s clock, unproved)"),
    "signature.time.timestamp": ("{time}（可信时间戳）", "{time} (trusted time-stamp)"),
    "signature.time.none": ("没有记录", "Not recorded"),
    "signature.coverage": ("保护范围", "Coverage"),
    "signature.coverage.whole": ("全文受保护", "The whole file is protected"),
    "signature.coverage.part": ("签名之后文件还增加过内容（见下）", "Content was added after this signature (see below)"),
    "signature.place": ("位置", "Place"),
    "signature.place.page": ("第 {page} 页", "Page {page}"),
    "signature.place.rect": ("第 {page} 页，距左 {x} 毫米，距下 {y} 毫米", "Page {page}, {x} mm from the left, {y} mm from the bottom"),
    "signature.place.none": ("页面上不显示", "Not shown on a page"),
    "signature.show": ("在页面上查看", "Show on the page"),
    "signature.changes": ("签名后的改动", "Changes after signing"),
    "signature.changes.none": ("没有", "None"),
    "signature.level": ("签名级别", "Level"),
    "level.b-b": ("基本（B-B）", "Basic (B-B)"),
    "level.b-t": ("带时间戳（B-T）", "With time-stamp (B-T)"),
    "level.b-lt": ("可长期验证（B-LT）", "Long-term (B-LT)"),
    "level.b-lta": ("长期归档（B-LTA）", "Archival (B-LTA)"),
    "signature.revocation": ("证书吊销情况", "Revocation"),
    "revocation.good": ("没有被吊销", "Not revoked"),
    "revocation.revoked": ("已被吊销", "Revoked"),
    "revocation.unknown": ("查不到", "Could not be found out"),
    "revocation.not_offered": ("证书没有提供查询途径，未检查", "The certificate names no source; not checked"),
    "signature.reason_code": ("说明代码 {code}", "Reason code {code}"),
    # units
    "size.bytes": ("{value} 字节", "{value} bytes"),
    "size.kb": ("{value} KB", "{value} KB"),
    "size.mb": ("{value} MB", "{value} MB"),
    "problem.hint": ("{message}{hint}", "{message} {hint}"),
}


def choose_language(wanted: str | None = None, saved: str | None = None) -> Lang:
    """The language to speak: what was asked for, else what was saved, else the locale's; Chinese where none says otherwise."""
    for candidate in (wanted, saved, *(os.environ.get(name) for name in ("LC_ALL", "LC_MESSAGES", "LANG"))):
        if candidate and candidate.lower().startswith("zh"):
            return "zh"
        if candidate and candidate.lower().startswith("en"):
            return "en"
    return "zh"


@dataclass(frozen=True, slots=True)
class Words:
    """The texts in one language; call it with a key of `TEXTS` and the facts to fill in."""

    lang: Lang

    def __call__(self, key: str, **facts: object) -> str:
        """The text for `key`; raises KeyError for an unknown key or a missing fact."""
        return TEXTS[key][0 if self.lang == "zh" else 1].format(**facts)

    def either(self, key: str, otherwise: str, **facts: object) -> str:
        """The text for `key`, or for `otherwise` where the wire brought a word this window does not know."""
        return self(key if key in TEXTS else otherwise, **facts)

    def error(self, code: str, facts: Mapping[str, object], detail: str = "", hint: str = "") -> tuple[str, str]:
        """What happened and what to do; a code from a newer agent is told in the agent's own words."""
        try:
            return sentence(code, dict(facts), self.lang)
        except (KeyError, ValueError):
            return detail or code, hint

    def size(self, count: int) -> str:
        """A file size a person reads at a glance."""
        if count < 1000:
            return self("size.bytes", value=count)
        return self("size.kb", value=f"{count / 1000:.0f}") if count < 1_000_000 else self("size.mb", value=f"{count / 1_000_000:.1f}")

    def day(self, iso: str) -> str:
        """A calendar day of this place from an ISO 8601 instant; the text itself where it is none."""
        moment = _moment(iso)
        if moment is None:
            return iso
        return f"{moment.year}年{moment.month}月{moment.day}日" if self.lang == "zh" else f"{moment:%d %B %Y}"

    def instant(self, iso: str) -> str:
        """Day and time of this place from an ISO 8601 instant."""
        moment = _moment(iso)
        return iso if moment is None else f"{self.day(iso)} {moment:%H:%M:%S}"


def _moment(iso: str) -> datetime | None:
    try:
        return datetime.fromisoformat(iso).astimezone()
    except ValueError:
        return None
