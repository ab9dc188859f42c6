"""yinxin token list | show | init | inspect | lock | pin | pull | insert"""

import sys
from typing import Annotated, Any

import typer

from agent.api.errors import ApiError, Code
from agent.cli import find
from agent.cli.app import Commands
from agent.cli.commands import inspection
from agent.cli.commands import pin as pins
from agent.cli.language import both
from agent.cli.options import PIN_SOURCE, FinalTryOption, TokenArgument
from agent.cli.output import pairs, printable, table, write
from agent.cli.session import Session

app = Commands(both("UKey：列出、查看、初始化、检测、锁定、修改 PIN 码", "Tokens: list, show, initialise, inspect, lock, change the PIN"))
STATES = {
    "ready": both("可用", "ready"),
    "not_initialised": both("未初始化", "not initialised"),
    "removed": both("已拔出", "removed"),
    "unusable": both("不可用", "unusable"),
}
PIN_STATES = {
    "ok": both("正常", "ok"),
    "low": both("输错过", "low"),
    "final_try": both("只剩最后一次", "final try"),
    "locked": both("已锁定", "locked"),
    "not_initialised": both("未设置", "not set"),
    "unknown": both("未知", "unknown"),
}


def state(session: Session, words: dict[str, str], value: str) -> str:
    """A state's word in the user's language; an unknown one as it is."""
    return session.pick(words.get(value, value))


def pin_word(session: Session, token: dict[str, Any]) -> str:
    """The PIN's state in a word or two."""
    if token.get("pin_to_be_changed") and token["pin_state"] == "ok":
        return session.say("须先修改", "to be changed")
    return state(session, PIN_STATES, token["pin_state"])


@app.command("list", help=both("列出所有 UKey", "List all tokens"))
def list_tokens(ctx: typer.Context) -> None:
    """GET /v1/tokens."""
    session: Session = ctx.obj
    found = session.client().get("/v1/tokens")
    session.show(found, lambda: _table(session, found["tokens"]))
    for trouble in () if session.json else found.get("troubles", ()):
        write(f"{printable(trouble['message'])}\n{printable(trouble['hint'])}", sys.stderr)


def _table(session: Session, tokens: list[dict[str, Any]]) -> str:
    say = session.say
    head = [
        say("名称", "LABEL"),
        say("序列号", "SERIAL"),
        say("型号", "MODEL"),
        say("状态", "STATE"),
        say("PIN 码", "PIN"),
        say("密钥", "KEYS"),
        say("证书", "CERTS"),
        say("驱动", "MODULE"),
    ]
    rows = [
        [
            token["label"] + (f"{say('（', ' (')}{kind}{say('）', ')')}" if (kind := _kind(session, token)) else ""),
            token["serial"],
            token["model"],
            state(session, STATES, token["state"]) + (say("（只读）", " (read-only)") if token.get("write_protected") else ""),
            pin_word(session, token),
            len(token["keys"]),
            len(token["certificates"]),
            token["module"],
        ]
        for token in tokens
    ]
    return table(
        head,
        rows,
        say(
            "没有 UKey。练习可用：yinxin token init --emulated --label 练习", "No token. For practice: yinxin token init --emulated --label practice"
        ),
    )


@app.command("show", help=both("查看一个 UKey：状态、密钥、数字证书", "Show one token: state, keys, certificates"))
def show(ctx: typer.Context, token: Annotated[str, typer.Argument(metavar="T", help=both("名称或序列号", "Label or serial"))]) -> None:
    """One of GET /v1/tokens."""
    session: Session = ctx.obj
    found = find.token(session.client().get("/v1/tokens")["tokens"], token)
    session.show(found, lambda: describe(session, found))


def describe(session: Session, token: dict[str, Any]) -> str:
    """A token for people."""
    say = session.say
    parts = [
        pairs(
            [
                (say("名称", "Label"), token["label"]),
                (say("序列号", "Serial"), token["serial"]),
                (say("厂商", "Manufacturer"), token["manufacturer"]),
                (say("型号", "Model"), token["model"]),
                (say("硬件版本", "Hardware"), token.get("hardware_version")),
                (say("固件版本", "Firmware"), token.get("firmware_version")),
                (say("状态", "State"), state(session, STATES, token["state"])),
                (say("PIN 码", "PIN"), pin_word(session, token)),
                (say("管理员 PIN", "SO PIN"), _so_pin_word(session, token)),
                (say("PIN 码输入", "PIN entry"), say("在读卡器的键盘上", "on the reader's own keys") if token.get("protected_path") else None),
                (say("只读", "Read-only"), say("是", "yes") if token.get("write_protected") else None),
                (say("登录", "Login"), _login_word(session, token.get("login"))),
                (say("接口", "Slot"), token.get("slot_description")),
                (say("驱动", "Module"), token["module"] + (f" ({token['profile']})" if token.get("profile") else "")),
                (say("种类", "Kind"), _kind(session, token)),
            ]
        )
    ]
    if token["keys"]:
        parts += ["", say("密钥", "Keys"), keys_table(session, token["keys"])]
    if token["certificates"]:
        from agent.cli.commands.cert import certificates_table

        parts += ["", say("数字证书", "Certificates"), certificates_table(session, token["certificates"])]
    return "\n".join(parts)


def _kind(session: Session, token: dict[str, Any]) -> str | None:
    """What kind of token it is, where it is no real one."""
    if token.get("practice"):
        return session.say("练习，无效力", "practice, no effect")
    return session.say("模拟", "emulated") if token.get("emulated") else None


def _so_pin_word(session: Session, token: dict[str, Any]) -> str | None:
    """Said only where there is something to say: most tokens tell nothing of it."""
    value = str(token.get("so_pin_state") or "unknown")
    return None if value in ("unknown", "ok") else state(session, PIN_STATES, value)


def _login_word(session: Session, login: dict[str, Any] | None) -> str | None:
    """How long a PIN still serves, where it serves longer than one set."""
    if not login:
        return None
    from agent.cli.output import clock_time

    until = clock_time(login.get("until"))
    return session.say(f"已登录，到 {until} 为止", f"logged in until {until}") if until else session.say("已登录", "logged in")


def keys_table(session: Session, keys: list[dict[str, Any]]) -> str:
    """Keys for people."""
    say = session.say
    protection = {True: say("不可导出", "not extractable"), False: say("可导出！", "EXTRACTABLE"), None: say("登录后可见", "seen after login")}
    each = say("，每次签名输 PIN 码", ", PIN at each signature")
    rows = [
        [key["label"], key["type"], protection[key.get("non_extractable")] + (each if key.get("always_authenticate") else ""), key["id"]]
        for key in keys
    ]
    return table([say("标签", "LABEL"), say("类型", "TYPE"), say("保护", "PROTECTION"), "ID"], rows, say("没有密钥。", "No keys."))


@app.command("init", help=both("初始化 UKey：名称、管理员 PIN、PIN 码", "Initialise a token: label, SO PIN, PIN"))
def init(
    ctx: typer.Context,
    label: Annotated[str, typer.Option("--label", metavar="L", help=both("新名称（最多 32 字节）", "The new label (32 bytes at most)"))],
    emulated: Annotated[
        bool, typer.Option("--emulated", help=both("在本机建一个练习用的 UKey（SoftHSM2）", "Make an emulated token for practice (SoftHSM2)"))
    ] = False,
    practice: Annotated[
        bool,
        typer.Option(
            "--practice",
            help=both("练习模式：签出的 PDF 写明无效力（只用于 --emulated）", "Practice: PDFs it signs say they have no effect (--emulated only)"),
        ),
    ] = False,
    module: Annotated[
        str | None, typer.Option("--module", metavar="M", help=both("驱动名称：初始化插在它上面的空 UKey", "Module whose blank token is meant"))
    ] = None,
    slot: Annotated[str | None, typer.Option("--slot", metavar="TEXT", hidden=True)] = None,
    erase: Annotated[
        str | None,
        typer.Option(
            "--erase",
            metavar="SERIAL",
            help=both("清空这个序列号的 UKey：里面的密钥全部毁掉，无法恢复", "Erase the token with this serial: its keys are destroyed for good"),
        ),
    ] = None,
    pin: Annotated[
        str, typer.Option("--pin", metavar="SOURCE", help=both(f"新 PIN 码的来源：{PIN_SOURCE}", f"Where the new PIN comes from: {PIN_SOURCE}"))
    ] = "prompt",
    so_pin: Annotated[
        str, typer.Option("--so-pin", metavar="SOURCE", help=both(f"管理员 PIN 的来源：{PIN_SOURCE}", f"Where the SO PIN comes from: {PIN_SOURCE}"))
    ] = "prompt",
    confirm_final_try: FinalTryOption = False,
) -> None:
    """POST /v1/tokens/init."""
    from agent.cli.pins import Pins
    from agent.cli.talk import run_job

    session: Session = ctx.obj
    if emulated == (module is not None):
        raise ApiError(Code.USAGE, reason="either", option="--emulated", other="--module")
    if practice and not emulated:
        raise ApiError(Code.USAGE, reason="needs", option="--practice", other="--emulated")
    body: dict[str, Any] = {"emulated": True, "practice": practice, "label": label} if emulated else {"module": module, "label": label}
    if slot is not None:
        body["slot_description"] = slot
    if erase is not None:
        body["erase"] = erase
    done = run_job(session, "/v1/tokens/init", body, Pins.of(pin=pin, so_pin=so_pin), confirm_final_try=confirm_final_try)
    token = done["token"]
    session.show(
        done,
        lambda: session.say(
            f"UKey“{token['label']}”已初始化，序列号 {token['serial']}。", f"The token “{token['label']}” is ready; its serial is {token['serial']}."
        ),
    )


app.command("inspect", help=inspection.HELP)(inspection.inspect)
app.add_typer(pins.app, name="pin")


@app.command(
    "lock",
    help=both(
        "锁定：忘掉已输入的 PIN 码，停下正在做的事；不给名称就锁定全部", "Lock: forget the PIN and stop what runs; all tokens where none is named"
    ),
)
def lock(ctx: typer.Context, token: TokenArgument = None) -> None:
    """POST /v1/tokens/lock."""
    session: Session = ctx.obj
    done = session.client().post("/v1/tokens/lock", {"token": token, "reason": "asked"})
    names = "、".join(printable(label) for label in done["locked"])
    session.show(
        done,
        lambda: (
            session.say(f"已锁定：{names}。", f"Locked: {names.replace('、', ', ')}.")
            if names
            else session.say("没有登录着的 UKey。", "No token was logged in.")
        ),
    )


@app.command("pull", help=both("拔出练习用的 UKey（就像真的拔出一样）", "Pull an emulated token out, as one would a real one"))
def pull(ctx: typer.Context, token: TokenArgument = None) -> None:
    """POST /v1/tokens/pull."""
    _move(ctx.obj, "pull", _named(ctx.obj, token, "ready"), both("已拔出", "pulled out"))


@app.command("insert", help=both("插回拔出的练习用 UKey", "Put an emulated token back in"))
def insert(ctx: typer.Context, token: TokenArgument = None) -> None:
    """POST /v1/tokens/insert."""
    _move(ctx.obj, "insert", _named(ctx.obj, token, "removed"), both("已插回", "put back in"))


def _named(session: Session, token: str | None, wanted: str) -> str:
    """The name given, else the serial of the only emulated token in that state; raises `ApiError` (token_absent, token_ambiguous)."""
    if token is not None:
        return token
    emulated = [each for each in session.client().get("/v1/tokens")["tokens"] if each.get("emulated") and each["state"] == wanted]
    if not emulated and wanted == "removed":
        raise ApiError(Code.TOKEN_ABSENT, reason="none_pulled")
    return str(find.only(emulated)["serial"])


def _move(session: Session, how: str, token: str, said: str) -> None:
    done = session.client().post(f"/v1/tokens/{how}", {"token": token})
    label = printable(done["token"]["label"])
    session.show(done, lambda: f"UKey “{label}” {session.pick(said)}。" if session.lang == "zh" else f"The token “{label}” was {session.pick(said)}.")
