"""yinxin key generate | list"""

from enum import StrEnum
from typing import Annotated

import typer

from agent.cli import find
from agent.cli.app import Commands
from agent.cli.commands.token import keys_table
from agent.cli.language import both
from agent.cli.options import FinalTryOption, PinOption, TokenOption
from agent.cli.output import printable
from agent.cli.session import Session

app = Commands(both("UKey 上的密钥", "Keys on tokens"))


class KeyKind(StrEnum):
    """The key types that can be generated (the wire's words)."""

    RSA2048 = "rsa2048"
    RSA3072 = "rsa3072"
    RSA4096 = "rsa4096"
    P256 = "p256"
    P384 = "p384"
    P521 = "p521"


@app.command("generate", help=both("在 UKey 中生成密钥；私钥不可导出，并当场验证", "Generate a key on the token; not extractable, and tried at once"))
def generate(
    ctx: typer.Context,
    type_: Annotated[KeyKind, typer.Option("--type", metavar="|".join(KeyKind), help=both("密钥类型", "Key type"))],
    label: Annotated[str, typer.Option("--label", metavar="L", help=both("密钥标签", "The key's label"))],
    token: TokenOption = None,
    pin: PinOption = "prompt",
    confirm_final_try: FinalTryOption = False,
) -> None:
    """POST /v1/keys/generate."""
    from agent.cli.pins import Pins
    from agent.cli.talk import run_job

    session: Session = ctx.obj
    body = {"token": token, "type": str(type_), "label": label}
    done = run_job(session, "/v1/keys/generate", body, Pins.of(pin=pin), confirm_final_try=confirm_final_try)
    name, kind, on = printable(done["label"]), done["type"], printable(done["token"])
    session.show(
        done,
        lambda: session.say(
            f"已在 UKey“{on}”中生成 {kind} 密钥“{name}”，私钥不可导出。",
            f"Generated the {kind} key “{name}” on the token “{on}”; it cannot be extracted.",
        ),
    )


@app.command("list", help=both("列出 UKey 上的密钥；给出 --pin 时登录后再列", "List a token's keys; with --pin after a login"))
def list_keys(
    ctx: typer.Context,
    token: TokenOption = None,
    pin: Annotated[
        str | None,
        typer.Option(
            "--pin", metavar="SOURCE", help=both("PIN 码的来源；不给则只列公开可见的", "Where the PIN comes from; without it only what is public")
        ),
    ] = None,
    confirm_final_try: FinalTryOption = False,
) -> None:
    """POST /v1/keys/list with a PIN, GET /v1/tokens without."""
    session: Session = ctx.obj
    if pin is None:
        found = find.token(session.client().get("/v1/tokens")["tokens"], token)
        done = {"token": found["label"], "keys": found["keys"]}
    else:
        from agent.cli.pins import Pins
        from agent.cli.talk import run_job

        done = run_job(session, "/v1/keys/list", {"token": token}, Pins.of(pin=pin), confirm_final_try=confirm_final_try)
    session.show(done, lambda: keys_table(session, done["keys"]))
