"""The findings of an inspection in words, Chinese and English; nothing is judged here."""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal, TypeAlias

from agent.inventory.certificates import CertificateView
from tokens.module_file import ModuleFile
from tokens.types import Key, ModuleStatus, PinState, Token

Text: TypeAlias = tuple[str, str]
"""(zh, en)"""
_State: TypeAlias = Literal["ok", "warn", "fail"]


def pair(text: Text) -> dict[str, str]:
    """A text as the wire carries it."""
    return {"zh": text[0], "en": text[1]}


# Hints

AGAIN: Text = ("拔下 UKey 再插回，重新检测；仍然如此请联系厂商。", "Pull the token, put it back and inspect it again; if it goes on, ask its maker.")
CHANGE_IT: Text = ("请先修改：yinxin token pin change。", "Change it first: yinxin token pin change.")
NEW_KEY: Text = (
    "要盖章，请用在 UKey 里生成的密钥（yinxin key generate），并重新申请数字证书。",
    "For a seal use a key that was generated in the token (yinxin key generate), with a new certificate.",
)
STOP_USING: Text = ("请停用这把密钥，吊销它的数字证书，换一个 UKey。", "Stop using this key, have its certificate revoked, and use another token.")
ANOTHER_TOKEN: Text = ("请换一个 UKey，或向厂商索取新的驱动。", "Use another token, or ask its maker for a newer module.")
MAKE_KEY: Text = ("用 yinxin key generate 生成一把，再检测。", "Make one with yinxin key generate, then inspect again.")
GET_CERTIFICATE: Text = (
    "用 yinxin cert request 重新申请数字证书，再用 yinxin cert import 写入。",
    "Request one with yinxin cert request and store it with yinxin cert import.",
)
RENEW: Text = ("请联系发证机构续期；电脑时间不准也会这样。", "Have its issuer renew it; a wrong clock has the same effect.")
MODULE_HINT: Text = (
    "请让驱动文件和它所在的文件夹只归 root 或您自己所有、别人不能写，再检测。",
    "Have the module's file and the folders above it belong to root or you alone, not writable to others, then inspect again.",
)
OTHER_ALGORITHM: Text = (
    "签名请用 RSA 或 P-256 等密钥和它的数字证书；这把密钥不受影响。",
    "Sign with an RSA or P-256 key and its certificate; this key stays as it is.",
)
UNREFUSED: Text = (
    "有些安全芯片（如 TPM）不靠这些标志保护私钥，可以用它签名；但改标志没有被拒绝，所以不用于电子印章。",
    "Some chips (TPMs) do not rely on these flags to protect a key; it may sign, but since the change was not refused it carries no seal.",
)
ISSUER: Text = ("请联系发证机构或 UKey 管理员。", "Ask whoever issued it, or its administrator.")
UNBLOCK: Text = (
    "请联系发证机构或 UKey 管理员解锁：yinxin token pin unblock（需要管理员 PIN 或解锁码）。",
    "Ask whoever issued it to unblock it: yinxin token pin unblock (with the SO PIN or PUK).",
)
SOFTWARE_HINT: Text = ("练习和内部试用可以；正式盖章请用硬件 UKey 或密码机。", "Fine for practice; for real seals use a hardware token or an HSM.")
CAREFUL: Text = ("先核实 PIN 码再输入；输对一次就恢复正常。", "Make sure of the PIN before you enter it; one right entry sets it back.")

# The token and its PINs

PIN: dict[PinState, tuple[_State, Text, Text | None]] = {
    PinState.OK: ("ok", ("PIN 码状态正常", "the PIN is in order"), None),
    PinState.LOW: ("warn", ("PIN 码输错过", "a wrong PIN was entered"), CAREFUL),
    PinState.FINAL_TRY: ("warn", ("PIN 码只剩最后一次机会", "only one PIN try is left"), CAREFUL),
    PinState.LOCKED: ("fail", ("PIN 码已锁定，里面的密钥没有检测", "the PIN is locked; the keys were not inspected"), UNBLOCK),
    PinState.NOT_INITIALISED: ("fail", ("没有设置 PIN 码", "no PIN is set"), ISSUER),
    PinState.UNKNOWN: ("ok", ("UKey 不报告 PIN 码状态", "the token does not tell the state of its PIN"), None),
}
SO_PIN: dict[PinState, tuple[_State, Text, Text | None]] = {
    PinState.LOW: ("warn", ("管理员 PIN 输错过", "a wrong SO PIN was entered"), CAREFUL),
    PinState.FINAL_TRY: ("warn", ("管理员 PIN 只剩最后一次机会", "only one try of the SO PIN is left"), CAREFUL),
    PinState.LOCKED: ("warn", ("管理员 PIN 已锁定，UKey 锁定后将无法解锁", "the SO PIN is locked: a locked token cannot be unblocked"), ISSUER),
}
TO_BE_CHANGED: Text = ("还在用发放时的初始 PIN 码", "the PIN is still the one it was issued with")
SOFTWARE: Text = (
    "这是软件模拟的 UKey：私钥是电脑上的文件，不能承载电子印章",
    "this token is emulated by software: its keys are files on this computer, and it may not carry a seal",
)


def present(token: Token) -> Text:
    """Which token it is."""
    about = " ".join(filter(None, (token.manufacturer, token.model)))
    versions = f"{token.hardware_version or '–'} / {token.firmware_version or '–'}"
    named = (token.label or "–", token.serial or "–", about or "–", versions)
    return (
        "UKey 在位：{}，序列号 {}，{}，硬件/固件版本 {}".format(*named),
        "the token is there: {}, serial {}, {}, hardware/firmware {}".format(*named),
    )


def not_logged_in(code: str | None) -> Text:
    """The keys were not looked at."""
    return (f"没有登录，密钥没有检测（{code or '–'}）", f"there was no login, so no key was inspected ({code or '–'})")


# The module

MODULE_UNREAD: Text = ("读不了 UKey 驱动文件，没有核对", "the module's file cannot be read and was not checked")
NO_SCHEME: Text = ("UKey 没有可用的签名算法", "the token offers no signature algorithm that can be used")


def module_open(path: str) -> Text:
    """Others can replace it."""
    return (f"别的用户可以换掉 UKey 驱动文件：{path}", f"other users can replace the module's file: {path}")


def module(status: ModuleStatus, file: ModuleFile) -> Text:
    """Its version and digest."""
    about = " ".join(filter(None, (status.manufacturer, status.description, status.library_version))) or status.ref.name
    return (
        f"UKey 驱动：{about}，文件 {file.path}，文件指纹 {file.sha256[:16]}…，与添加时一致"
        if status.ref.sha256
        else f"UKey 驱动：{about}，文件 {file.path}，文件指纹 {file.sha256[:16]}…",
        f"module: {about}, {file.path}, SHA-256 {file.sha256[:16]}…" + (", the one that was added" if status.ref.sha256 else ""),
    )


_FAMILIES = {"rsa_pkcs1": "RSA PKCS#1 v1.5", "rsa_pss": "RSA-PSS", "ecdsa": "ECDSA"}


def mechanisms(schemes: Sequence[str], count: int, vendors: int) -> Text:
    """What it can sign with, by family and digest."""
    by_family = {
        family: "/".join(word.rpartition("_sha")[2] for word in schemes if word.rpartition("_")[0] == family)
        for family in dict.fromkeys(word.rpartition("_")[0] for word in schemes)
    }
    listed = ", ".join(f"{_FAMILIES.get(family, family)} (SHA-{digests})" for family, digests in by_family.items())
    zh, en = (f"，其中厂商自定义 {vendors} 种", f", {vendors} of them the maker's own") if vendors else ("", "")
    return (f"签名算法：{listed}（共 {count} 种机制{zh}）", f"signature algorithms: {listed} ({count} mechanisms{en})")


# Keys

NO_KEYS: Text = ("UKey 里没有签名私钥", "there is no private key for signing on the token")
_WAYS: dict[str, Text] = {
    "read": ("读出", "reading"),
    "wrap": ("加密导出", "wrapping"),
    "copy": ("复制", "copying"),
    "make_extractable": ("改为可导出", "making it extractable"),
    "make_readable": ("改为可读", "making it readable"),
}


def name_of(key: Key) -> str:
    """How the key is called."""
    return key.label or key.cka_id.hex()


def protected(label: str) -> Text:
    """SENSITIVE, not EXTRACTABLE."""
    return (f"私钥“{label}”不可读出、不可导出", f"the private key “{label}” is sensitive and not extractable")


def unprotected(label: str, sensitive: bool | None, extractable: bool | None) -> Text:
    """One of the two is wrong."""
    said = f"SENSITIVE={_word(sensitive)}, EXTRACTABLE={_word(extractable)}"
    return (f"私钥“{label}”没有防导出保护（{said}）", f"the private key “{label}” is not protected from extraction ({said})")


def _word(value: bool | None) -> str:
    return "?" if value is None else str(value).lower()


def untold(label: str, attributes: str) -> Text:
    """The token does not say."""
    return (
        f"UKey 没有说明私钥“{label}”能否导出（{attributes}）",
        f"the token does not say whether the private key “{label}” can leave it ({attributes})",
    )


def born_here(label: str) -> Text:
    """LOCAL and never otherwise."""
    return (f"私钥“{label}”在 UKey 内生成，从未离开", f"the private key “{label}” was generated in the token and never left it")


def not_born_here(label: str, attributes: str) -> Text:
    """Imported, or not said."""
    return (
        f"不能证明私钥“{label}”只在这个 UKey 里（{attributes} 未确认：可能是导入的，或曾经可以导出）：可以签名，不能用来盖章",
        f"the key “{label}” is not shown to exist in this token only ({attributes} not confirmed): it may sign, but carry no seal",
    )


def escrowed(label: str) -> Text:
    """An encryption key, which key centres make and keep."""
    return (f"“{label}”是加密密钥，由密钥管理中心下发，不用于签名", f"“{label}” is an encryption key, issued by a key centre, and does not sign")


def leaked(label: str, ways: Sequence[str]) -> Text:
    """It came out."""
    zh, en = ("、".join(_WAYS.get(way, (way, way))[0] for way in ways), ", ".join(_WAYS.get(way, (way, way))[1] for way in ways))
    return (f"私钥“{label}”可以取出：{zh} 成功", f"the private key “{label}” can be taken out: {en} succeeded")


def refused(label: str, count: int) -> Text:
    """All attempts were refused."""
    return (
        f"试着取出私钥“{label}”（读出、导出、复制、改属性，共 {count} 种），全部被 UKey 拒绝",
        f"{count} attempts to take the private key “{label}” out (read, wrap, copy, change its flags) were all refused",
    )


def without_effect(label: str) -> Text:
    """Flags of the key can be changed, which lets nothing out."""
    return (
        f"私钥“{label}”的保护标志可以改，但改了以后仍然取不出来（已改回）",
        f"the flags of the private key “{label}” can be changed, but nothing comes out even so (they were set back)",
    )


def untried(label: str, odd: Sequence[str]) -> Text:
    """No answer that proves anything."""
    said = "; ".join(odd) or "–"
    return (f"没能试出私钥“{label}”能否取出（{said}）", f"it could not be tried whether the private key “{label}” can be taken out ({said})")


def signed(label: str, scheme: str, each_time: bool) -> Text:
    """It signs."""
    extra = ("；每次签名都要输 PIN 码", "; it wants the PIN at every signature") if each_time else ("", "")
    return (
        f"“{label}”试签成功（{scheme}），签名核对无误{extra[0]}",
        f"“{label}” made a test signature ({scheme}), which was checked and holds{extra[1]}",
    )


def signed_wrong(label: str) -> Text:
    """It signs what does not verify."""
    return (f"“{label}”试签的结果核对不上", f"the test signature of “{label}” does not hold")


def not_signed(label: str, code: str) -> Text:
    """It did not sign."""
    return (f"“{label}”没能试签（{code}）", f"“{label}” made no test signature ({code})")


def not_for_signing(label: str) -> Text:
    """Nothing to try."""
    return (f"“{label}”是加密密钥，不试签", f"“{label}” is an encryption key: no test signature")


def other_algorithm(label: str) -> Text:
    """SM2, for one: looked at, and not tried."""
    return (
        f"“{label}”的算法印信还不能使用（例如国密 SM2），没有试签",
        f"“{label}” has an algorithm that Yinxin does not use yet (SM2, for one): no test signature",
    )


def second(count: int, vendor_keys: Sequence[str]) -> Text:
    """Another binding agrees."""
    keys = ", ".join(vendor_keys)
    zh, en = (f"；厂商自定义算法的密钥：{keys}", f"; keys of the maker's own kind: {keys}") if keys else ("", "")
    return (
        f"另一套接口（PyKCS11）看到的相同：{count} 种机制{zh}",
        f"another interface (PyKCS11) sees the same: {count} mechanisms{en}",
    )


def second_differs(theirs: int, ours: int) -> Text:
    """Another binding does not."""
    return (
        f"另一套接口（PyKCS11）看到的机制不同：{theirs} 种，这里是 {ours} 种",
        f"another interface (PyKCS11) sees other mechanisms: {theirs} of them, here {ours}",
    )


# Certificates

NO_CERTIFICATE: Text = ("密钥还没有签名用的数字证书", "no key has a certificate for signing yet")


def holder(view: CertificateView) -> str:
    """Whose certificate it is."""
    return view.common_name or view.fingerprint[:16]


def _day(when: datetime) -> str:
    return when.date().isoformat()


def no_key(name: str) -> Text:
    """Left over, or another token's."""
    return (f"数字证书“{name}”在这个 UKey 上没有私钥", f"the certificate “{name}” has no private key on this token")


def mismatch(name: str) -> Text:
    """Not a pair."""
    return (f"数字证书“{name}”与它的私钥不是一对", f"the certificate “{name}” does not belong to its private key")


def out_of_term(view: CertificateView, at: datetime) -> Text:
    """Expired, or too early."""
    if at > view.not_after:
        return (f"数字证书“{holder(view)}”已于 {_day(view.not_after)} 过期", f"the certificate “{holder(view)}” expired on {_day(view.not_after)}")
    return (
        f"数字证书“{holder(view)}”从 {_day(view.not_before)} 才生效",
        f"the certificate “{holder(view)}” is not valid before {_day(view.not_before)}",
    )


def ends_soon(view: CertificateView, at: datetime) -> Text:
    """Valid, not for long."""
    days = (view.not_after - at).days
    return (
        f"数字证书“{holder(view)}”与私钥相符，但 {days} 天后（{_day(view.not_after)}）过期",
        f"the certificate “{holder(view)}” fits its key, but expires in {days} day(s), on {_day(view.not_after)}",
    )


def certificate(view: CertificateView) -> Text:
    """Valid, and what for."""
    zh, en = ("CA", "CA") if view.ca else ("签名", "signing") if view.may_sign else ("加密", "encryption")
    return (
        f"数字证书“{holder(view)}”（{zh}）与私钥相符，有效至 {_day(view.not_after)}",
        f"the certificate “{holder(view)}” ({en}) fits its key and is valid until {_day(view.not_after)}",
    )
