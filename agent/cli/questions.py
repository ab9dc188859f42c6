"""The words of the agent's questions and of its waiting: what is about to be done, on which token, to which documents."""

from collections.abc import Mapping
from typing import Any

from agent.cli.language import both
from agent.cli.output import padded, printable, width
from agent.cli.session import Session

_SECRETS = {
    "pin": both("PIN 码", "PIN"),
    "so_pin": both("管理员 PIN", "SO PIN"),
    "new_pin": both("新 PIN 码", "new PIN"),
}
_PURPOSES = {
    "sign": both("签署文件", "sign documents"),
    "statement": both("签署凭证，写入单位台账", "sign a statement for the organisation's ledger"),
    "key_generate": both("生成密钥", "generate a key"),
    "key_list": both("列出密钥", "list the keys"),
    "cert_request": both("申请数字证书", "request a certificate"),
    "cert_issue": both("签发数字证书", "issue a certificate"),
    "cert_import": both("导入数字证书", "import a certificate"),
    "ca_create": both("建立单位内部 CA", "create a certification authority"),
    "token_init": both("初始化 UKey", "initialise the token"),
    "device_key": both("使用本机密钥（签署台账记录）", "use this computer's own key (it signs what is recorded)"),
    "device_enrol": both("登记本机：生成本机密钥", "enrol this computer: make its own key"),
    "token_inspect": both("检测 UKey（每把密钥试签一次，不涉及任何文件）", "inspect the token (each key signs a test, no document)"),
    "pin_change": both("修改 PIN 码", "change the PIN"),
    "pin_unblock": both("解锁：用管理员 PIN 设新 PIN 码", "unblock: set a new PIN by the SO PIN"),
}
_CALLS = {
    "load": both("装载驱动", "loading the module"),
    "open": both("连接", "connecting"),
    "login": both("登录", "logging in"),
    "sign": both("签名", "signing"),
    "generate": both("生成密钥", "generating a key"),
    "write_certificate": both("写入数字证书", "storing a certificate"),
    "initialise": both("初始化", "initialising"),
    "change_pin": both("修改 PIN 码", "changing the PIN"),
    "unblock": both("解锁", "unblocking"),
    "protection": both("检测密钥", "inspecting a key"),
}
_PIN_WARNINGS = {
    "low": both("注意：此 UKey 已输错过 PIN 码，再错可能锁定。", "Note: a wrong PIN was entered on this token; more may lock it."),
    "final_try": both("警告：只剩最后一次机会，再错 UKey 将被锁定。", "Warning: this is the last try; a wrong PIN locks the token."),
    "locked": both("UKey 已锁定。", "The token is locked."),
}
_SHOWN = 20
"""Documents that are listed by name."""


def about(session: Session, question: Mapping[str, Any]) -> str:
    """What is about to be done, on which token, to which documents; shown before a PIN is typed or a yes given."""
    say = session.say
    token = question.get("token") or {}
    what = purpose(session, question)
    label = printable(token.get("label") or token.get("serial") or "")
    # A blank token has no name yet.
    lines = [say(f"UKey “{label}”：{what}", f"Token “{label}”: {what}") if label else what[:1].upper() + what[1:]]
    if question.get("reason") == "each_signature":
        return lines[0]  # the documents stood beside the PIN, a moment ago
    lines += _documents(session, question.get("documents") or [])
    if question.get("purpose") != "pin_unblock" and (state := _PIN_WARNINGS.get(str(token.get("pin_state")))) is not None:
        lines.append(session.pick(state))
    if question.get("each_signature"):
        lines.append(
            say(
                "这把密钥每次签名都要 PIN 码：只需输一次，用于以上全部文件。",
                "This key wants its PIN at every signature: enter it once, it is used for all of the above.",
            )
        )
    if question.get("purpose") == "token_init":
        lines.append(
            say(
                "管理员 PIN 用于以后解锁，请另外保管；PIN 码用于签名。",
                "The SO PIN unblocks the token later, so keep it apart; the PIN is for signing.",
            )
        )
    if question.get("rules"):
        lines.append(rules(session, question["rules"]))
    return "\n".join(lines)


def _documents(session: Session, documents: list[Mapping[str, Any]]) -> list[str]:
    names = [printable(document.get("name", "?")) for document in documents[:_SHOWN]]
    columns = max((width(name) for name in names), default=0)
    lines = []
    for name, document in zip(names, documents, strict=False):
        pages = document.get("pages")
        shown = session.say(f"{pages} 页", f"{pages} page(s)") if pages else ""
        digest = str(document.get("sha256") or "")[:16]
        lines.append(f"  {padded(name, columns)}  {padded(shown, 10)}  {session.say('文件指纹', 'SHA-256')} {digest}…")
    if len(documents) > _SHOWN:
        lines.append(session.say(f"  …… 共 {len(documents)} 份", f"  … {len(documents)} in all"))
    return lines


def secret(session: Session, name: str, question: Mapping[str, Any]) -> str:
    """What is to be typed: at a change of the PIN the one that is there still is the old one."""
    if name == "pin" and question.get("purpose") == "pin_change":
        return session.say("原 PIN 码", "old PIN")
    return session.pick(_SECRETS.get(name, name))


def purpose(session: Session, question: Mapping[str, Any]) -> str:
    """What is about to be done."""
    word = str(question.get("purpose", ""))
    text = session.pick(_PURPOSES.get(word, word))
    count = len(question.get("documents") or [])
    return text if not count else session.say(f"{text}，共 {count} 份", f"{text} ({count})")


def rules(session: Session, wanted: Mapping[str, Any]) -> str:
    """What a new PIN must be like."""
    say = session.say
    shortest = wanted.get("shortest", 1)
    parts = [say(f"至少 {shortest} 位", f"at least {shortest} characters")]
    if not wanted.get("simple"):
        parts.append(say("不能是重复或连号（如 111111、123456）", "no repetition and no run (such as 111111 or 123456)"))
    if wanted.get("letters_and_digits"):
        parts.append(say("字母和数字都要有", "both letters and digits"))
    # Without a colon behind "PIN": whoever waits for the prompt, a script too, is not to take this for it.
    return say("新 PIN 码须" + "，".join(parts) + "。", "The new PIN needs " + ", ".join(parts) + ".")


def consent(session: Session, question: Mapping[str, Any]) -> str:
    """Why a yes is enough, where no PIN is asked for; empty where there is nothing to say."""
    match question.get("reason"):
        case "held_login":
            minutes = max(1, round(float(question.get("minutes_left") or 0)))
            return session.say(
                f"UKey 已登录，还可用约 {minutes} 分钟，这次不必再输 PIN 码。",
                f"The token is logged in for about {minutes} more minute(s): no PIN is asked for now.",
            )
        case "each_signature":
            count = question.get("count") or 1
            return session.say(
                f"这把密钥每次签名都要 PIN 码。确认后，刚才输入的 PIN 码将用于接下来的 {count} 次签名。",
                f"This key wants its PIN at every signature. If you agree, the PIN just entered is used for the next {count} signature(s).",
            )
        case "device_key_file":
            return session.say(
                "没有可用的系统密码环。密钥可以存成只有您能读的文件；但能读您文件的人，也就能冒用本机。以后可用 yinxin device renew 更换。",
                "There is no usable keyring. The key can lie in a file that only you may read; but whoever reads your files can pass for this "
                "computer. `yinxin device renew` moves it to a safer place later.",
            )
    return ""


def final_try(session: Session, question: Mapping[str, Any]) -> str:
    """The demand for the typed confirmation."""
    if question.get("secret") == "so_pin":
        return session.say(
            "管理员 PIN 只剩最后一次机会，再错 UKey 将无法再解锁。确认仍要输入，请键入“我确认”：",
            "This is the last try of the SO PIN; after a wrong one nobody can unblock the token. To go on, type CONFIRM: ",
        )
    return session.say(
        "这是最后一次机会，再错 UKey 将被锁定。确认仍要输入，请键入“我确认”：",
        "This is the last try; a wrong PIN locks the token. To go on, type CONFIRM: ",
    )


def on_the_pad(session: Session, question: Mapping[str, Any]) -> str:
    """Where to type, when it is not here."""
    if question.get("purpose") in ("pin_change", "pin_unblock", "token_init"):
        return session.say(
            "请在读卡器（或 UKey）自己的键盘上，按它的提示输入；按 Ctrl-C 取消。",
            "Type on the keys of the reader (or token) itself, as it asks; Ctrl-C cancels.",
        )
    return session.say(
        "请在读卡器（或 UKey）自己的键盘上输入 PIN 码；按 Ctrl-C 取消。", "Type the PIN on the keys of the reader (or token) itself; Ctrl-C cancels."
    )


def waiting(session: Session, data: Mapping[str, Any]) -> str:
    """Who is waited for, doing what, for how long."""
    label, seconds = printable(data.get("token") or ""), round(float(data.get("seconds") or 0))
    call = session.pick(_CALLS.get(str(data.get("during")), ""))
    if not label:
        return session.say("正在等待 UKey……", "waiting for the token…")
    if not call:
        return session.say(f"UKey“{label}”{seconds} 秒没有响应，继续等待……", f"the token “{label}” has not answered for {seconds} s; still waiting…")
    return session.say(
        f"UKey“{label}”正在{call}，{seconds} 秒没有响应，继续等待……", f"the token “{label}” has not answered for {seconds} s ({call}); still waiting…"
    )
