"""yinxin ca create"""

from typing import Annotated

import typer

from agent.cli.app import Commands
from agent.cli.commands.cert import SubjectOption, describe, pem_of
from agent.cli.commands.key import KeyKind
from agent.cli.files import check_output, publish
from agent.cli.language import both
from agent.cli.options import FinalTryOption, ForceOption, PinOption, TokenOption
from agent.cli.session import Session

app = Commands(both("单位内部 CA", "Internal certification authority"))


@app.command(
    "create",
    help=both(
        "在 UKey 上建立单位内部 CA：密钥、自签证书，并在本机信任它", "Create a CA on a token: key, self-signed certificate, trusted by this home"
    ),
)
def create(
    ctx: typer.Context,
    subject: SubjectOption,
    token: TokenOption = None,
    pin: PinOption = "prompt",
    type_: Annotated[KeyKind, typer.Option("--type", metavar="|".join(KeyKind), show_default=True, help=both("密钥类型", "Key type"))] = KeyKind.P256,
    out: Annotated[str | None, typer.Option("--out", metavar="CA.pem", help=both("另存 CA 证书", "Save the CA's certificate"))] = None,
    force: ForceOption = False,
    confirm_final_try: FinalTryOption = False,
) -> None:
    """POST /v1/authorities."""
    from agent.cli.pins import Pins
    from agent.cli.talk import run_job

    session: Session = ctx.obj
    if out is not None:
        check_output(out, force)
    body = {"token": token, "subject": subject, "type": str(type_)}
    done = run_job(session, "/v1/authorities", body, Pins.of(pin=pin), confirm_final_try=confirm_final_try)
    if out is not None:
        publish(out, pem_of(done), force)
        done = {**done, "out": out}
    session.show(
        done,
        lambda: (
            session.say("单位内部 CA 已建立，本机信任它签发的证书。", "The CA is ready, and this home trusts what it issues.")
            + "\n"
            + describe(session, done)
        ),
    )
