"""yinxin token pin change | unblock (and `yinxin pin …`)"""

from typing import Annotated, Any

import typer

from agent.cli.app import Commands
from agent.cli.language import both
from agent.cli.options import PIN_SOURCE, FinalTryOption, TokenArgument
from agent.cli.output import printable
from agent.cli.session import Session

app = Commands(both("修改 PIN 码、解锁", "Change the PIN, unblock a locked token"))
_NewPin = Annotated[
    str, typer.Option("--new-pin", metavar="SOURCE", help=both(f"新 PIN 码的来源：{PIN_SOURCE}", f"Where the new PIN comes from: {PIN_SOURCE}"))
]


@app.command(
    "change", help=both("用原来的 PIN 码换一个新的（首次使用前的修改也用它）", "Change the PIN by the old one (also the change before first use)")
)
def change(
    ctx: typer.Context,
    token: TokenArgument = None,
    pin: Annotated[
        str, typer.Option("--pin", metavar="SOURCE", help=both(f"原 PIN 码的来源：{PIN_SOURCE}", f"Where the old PIN comes from: {PIN_SOURCE}"))
    ] = "prompt",
    new_pin: _NewPin = "prompt",
    confirm_final_try: FinalTryOption = False,
) -> None:
    """POST /v1/tokens/pin/change."""
    session: Session = ctx.obj
    done = _job(session, "change", token, {"pin": pin, "new_pin": new_pin}, confirm_final_try)
    label = printable(done["token"]["label"])
    session.show(done, lambda: session.say(f"UKey“{label}”的 PIN 码已修改。", f"The PIN of the token “{label}” was changed."))


@app.command(
    "unblock",
    help=both(
        "解锁：用管理员 PIN（解锁码）设一个新的 PIN 码\n管理员 PIN 连续输错也会锁定，那时 UKey 就无法再解锁。",
        "Unblock: set a new PIN by the SO PIN (PUK)\nSeveral wrong SO PINs lock that too, and then nobody can unblock the token.",
    ),
)
def unblock(
    ctx: typer.Context,
    token: TokenArgument = None,
    so_pin: Annotated[
        str, typer.Option("--so-pin", metavar="SOURCE", help=both(f"管理员 PIN 的来源：{PIN_SOURCE}", f"Where the SO PIN comes from: {PIN_SOURCE}"))
    ] = "prompt",
    new_pin: _NewPin = "prompt",
    confirm_final_try: FinalTryOption = False,
) -> None:
    """POST /v1/tokens/pin/unblock."""
    session: Session = ctx.obj
    done = _job(session, "unblock", token, {"so_pin": so_pin, "new_pin": new_pin}, confirm_final_try)
    label = printable(done["token"]["label"])
    session.show(done, lambda: session.say(f"UKey“{label}”已解锁，PIN 码是新的。", f"The token “{label}” is unblocked and has its new PIN."))


def _job(session: Session, what: str, token: str | None, sources: dict[str, str], confirm_final_try: bool) -> dict[str, Any]:
    from agent.cli.pins import Pins
    from agent.cli.talk import run_job

    return run_job(session, f"/v1/tokens/pin/{what}", {"token": token}, Pins.of(**sources), confirm_final_try=confirm_final_try)
