"""What the commands have in common by which people act in their organisation: one job, one PIN, and what became of it in words."""

from collections.abc import Callable, Mapping
from typing import Annotated, Any

import typer

from agent.cli.language import both
from agent.cli.session import Session

ReasonOption = Annotated[
    str | None, typer.Option("--reason", metavar="R", show_default=False, help=both("原因，写入台账", "The reason, for the ledger"))
]
HolderOption = Annotated[
    str | None,
    typer.Option(
        "--holder",
        metavar="T2",
        show_default=False,
        help=both(
            "插着的本人 UKey（名称或序列号），取其中的证书；不会要求它的 PIN 码",
            "The person's token, plugged in: its certificate is read, no PIN asked for",
        ),
    ),
]
CertificateFileOption = Annotated[
    str | None,
    typer.Option("--certificate", metavar="F.pem", show_default=False, help=both("本人的数字证书文件", "The person's certificate in a file")),
]


def act(
    session: Session, path: str, body: Mapping[str, Any], pin: str, confirm_final_try: bool, text: Callable[[dict[str, Any]], str]
) -> dict[str, Any]:
    """Do it, and show what came of it: in effect, or waiting for others."""
    from agent.cli.pins import Pins
    from agent.cli.talk import run_job

    given = {name: value for name, value in body.items() if value is not None}
    done = run_job(session, path, given, Pins.of(pin=pin), confirm_final_try=confirm_final_try)
    session.show(done, lambda: "\n".join(filter(None, (text(done), waiting(session, done)))))
    return done


def waiting(session: Session, done: Mapping[str, Any]) -> str:
    """What still waits for the signatures of others."""
    lines = []
    for each in done.get("statements", []):
        if not each["in_effect"]:
            lines.append(
                session.say(
                    f"还没有生效：共需 {each['needs']} 人签署。请另一人运行 yinxin org second {each['id']}",
                    f"Not in effect yet: it takes {each['needs']} people. Another one runs `yinxin org second {each['id']}`",
                )
            )
    return "\n".join(lines)


def pem(path: str | None) -> str | None:
    """A certificate's file as text; raises `ApiError` (input_unusable)."""
    if path is None:
        return None
    from agent.cli.files import as_pem, read_small

    return as_pem(read_small(path), "CERTIFICATE")


def grouped(fingerprint: str) -> str:
    """A founding hash as people compare it: in groups of four."""
    return " ".join(fingerprint[n : n + 4] for n in range(0, len(fingerprint), 4))
