"""yinxin device show | enrol | renew | list | authorise | withdraw"""

from enum import StrEnum
from typing import Annotated, Any

import typer

from agent.cli.acts import ReasonOption, act
from agent.cli.app import Commands
from agent.cli.language import both
from agent.cli.options import FinalTryOption, PinOption, TokenOption
from agent.cli.output import pairs, printable, table
from agent.cli.session import Session

app = Commands(both("本机密钥和授权电脑：查看、登记、更换、授权", "This computer's own key, and workstations: show, enrol, renew, authorise"))
LEVELS = {
    "token": both("在 UKey（或 TPM）里，复制不走", "on a token (or TPM): it cannot be copied"),
    "keyring": both("由系统密码环保护", "sealed by the desktop's keyring"),
    "file": both("在只有您能读的文件里", "in a file that only you may read"),
}


class KeyLevel(StrEnum):
    """Where the key is made."""

    TOKEN = "token"
    KEYRING = "keyring"
    FILE = "file"


KeyOption = Annotated[
    KeyLevel | None,
    typer.Option(
        "--key",
        metavar="|".join(KeyLevel),
        show_default=False,
        help=both(
            "密钥放在哪里；不给则按设置，没有设置时用系统密码环（用 --home 指定的文件夹则放文件）",
            "Where the key is made; by default as the settings say, else in the keyring (in a file where --home names a folder)",
        ),
    ),
]


@app.command("show", help=both("本机密钥是哪一把，存放在哪里", "Which key this computer has, and how it is kept"))
def show(ctx: typer.Context) -> None:
    """GET /v1/device."""
    session: Session = ctx.obj
    found = session.client().get("/v1/device")
    session.show(found, lambda: text(session, found["device"]))


@app.command("enrol", help=both("登记本机：生成本机密钥，并写进台账", "Enrol this computer: make its own key and enter it in the ledger"))
def enrol(
    ctx: typer.Context,
    key: KeyOption = None,
    token: TokenOption = None,
    pin: PinOption = "prompt",
    confirm_final_try: FinalTryOption = False,
    replace: Annotated[
        bool,
        typer.Option("--replace", help=both("原密钥已丢失：作为另一台电脑重新登记", "The old key is lost: enrol as another computer")),
    ] = False,
) -> None:
    """POST /v1/device/enrol."""
    _change(ctx, "/v1/device/enrol", {"key": key and str(key), "token": token, "replace": replace}, pin, confirm_final_try)


@app.command("renew", help=both("更换本机密钥；由原密钥签署一份凭证说明", "Give this computer another key; the old one signs that it is so"))
def renew(
    ctx: typer.Context,
    key: KeyOption = None,
    token: TokenOption = None,
    pin: PinOption = "prompt",
    confirm_final_try: FinalTryOption = False,
) -> None:
    """POST /v1/device/renew."""
    _change(ctx, "/v1/device/renew", {"key": key and str(key), "token": token}, pin, confirm_final_try)


def _change(ctx: typer.Context, path: str, body: dict[str, Any], pin: str, confirm_final_try: bool) -> None:
    from agent.cli.pins import Pins
    from agent.cli.talk import run_job

    session: Session = ctx.obj
    done = run_job(session, path, body, Pins.of(pin=pin), confirm_final_try=confirm_final_try)
    session.show(done, lambda: text(session, done["device"]))


def text(session: Session, device: dict[str, Any] | None) -> str:
    """A device for people."""
    if device is None:
        return session.say("本机还没有登记；第一次用到时会登记。", "This computer is not enrolled yet; that is done when it is first needed.")
    rows = [
        (session.say("本机", "this computer"), printable(device["id"])),
        (session.say("本机密钥", "its key"), session.pick(LEVELS.get(device["level"], device["level"]))),
        *([("UKey", printable(device["token"]["label"]))] if device["token"] else []),
        (session.say("证书指纹", "fingerprint"), device["fingerprint"]),
        (session.say("有效期至", "valid until"), device["valid_until"]),
    ]
    return pairs(rows)


DeviceArgument = Annotated[
    str | None, typer.Argument(metavar="DEVICE", help=both("电脑的编号或名称；不给则为本机", "Its id or name; this computer where none is named"))
]
STATES = {
    "enrolled": both("等待授权", "waits for authorisation"),
    "authorised": both("已授权", "authorised"),
    "withdrawn": both("已停止授权", "withdrawn"),
}


@app.command(
    "list", help=both("本单位的电脑；没有加入单位时只有本机", "The organisation's workstations; without an organisation this computer alone")
)
def list_devices(ctx: typer.Context) -> None:
    """GET /v1/devices."""
    from agent.api.client import Told

    session: Session = ctx.obj
    try:
        found = session.client().get("/v1/devices")
    except Told as told:
        if told.facts.get("reason") != "no_organisation":
            raise
        own = session.client().get("/v1/device")["device"]
        found = {
            "devices": [] if own is None else [{"device": own["id"], "name": own["id"], "state": "authorised", "level": own["level"], "here": True}]
        }
    session.show(found, lambda: _devices(session, found["devices"]))


def _devices(session: Session, devices: list[dict[str, Any]]) -> str:
    say = session.say
    head = [say("编号", "id"), say("名称", "name"), say("状态", "state"), say("本机密钥", "its key"), ""]
    here = say("本机", "this one")
    rows = [
        [d["device"], d["name"], session.pick(STATES[d["state"]]), session.pick(LEVELS.get(d["level"], d["level"])), here if d["here"] else ""]
        for d in devices
    ]
    return table(head, rows, say("还没有登记任何电脑。", "No workstation is enrolled."))


@app.command("authorise", help=both("授权一台电脑（登记专员、系统管理员或创建人）", "Authorise a workstation (registrar, administrator or founder)"))
def authorise(
    ctx: typer.Context,
    device: DeviceArgument = None,
    name: Annotated[str | None, typer.Option("--name", metavar="N", show_default=False, help=both("给它起的名称", "What it is to be called"))] = None,
    token: TokenOption = None,
    pin: PinOption = "prompt",
    confirm_final_try: FinalTryOption = False,
) -> None:
    """POST /v1/devices/authorise."""
    session: Session = ctx.obj
    body = {"device": device, "name": name, "token": token}
    act(session, "/v1/devices/authorise", body, pin, confirm_final_try, lambda done: session.say("已授权 ", "Authorised ") + done["device"])


@app.command("withdraw", help=both("停止授权一台电脑", "Withdraw a workstation"))
def withdraw(
    ctx: typer.Context,
    device: Annotated[str, typer.Argument(metavar="DEVICE", help=both("电脑的编号或名称", "Its id or name"))],
    reason: ReasonOption = None,
    token: TokenOption = None,
    pin: PinOption = "prompt",
    confirm_final_try: FinalTryOption = False,
) -> None:
    """POST /v1/devices/withdraw."""
    session: Session = ctx.obj
    body = {"device": device, "reason": reason, "token": token}
    act(session, "/v1/devices/withdraw", body, pin, confirm_final_try, lambda _: session.say("已停止授权。", "Withdrawn."))
