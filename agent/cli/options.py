"""Options that many commands share, declared once."""

from typing import Annotated

import typer

from agent.cli.language import both

PIN_SOURCE = "prompt|env:NAME|file:PATH|fd:N"

TokenOption = Annotated[
    str | None,
    typer.Option(
        "--token",
        metavar="T",
        help=both("UKey 的名称或序列号；只有一个可用时可省略", "Label or serial of the token; may be left out with one ready token"),
    ),
]
TokenArgument = Annotated[
    str | None,
    typer.Argument(
        metavar="T", help=both("UKey 的名称或序列号；只有一个时可省略", "Label or serial of the token; may be left out where there is only one")
    ),
]
PinOption = Annotated[
    str,
    typer.Option(
        "--pin",
        metavar="SOURCE",
        show_default=True,
        help=both(f"PIN 码的来源：{PIN_SOURCE}；PIN 码本身不能写在命令里", f"Where the PIN comes from: {PIN_SOURCE}; never the PIN itself"),
    ),
]
FinalTryOption = Annotated[
    bool, typer.Option("--confirm-final-try", help=both("确认使用最后一次输入 PIN 码的机会", "Spend the last PIN try if it comes to that"))
]
ForceOption = Annotated[bool, typer.Option("--force", help=both("覆盖已存在的输出文件", "Replace an output that exists"))]
YesOption = Annotated[
    bool,
    typer.Option(
        "--yes",
        "-y",
        help=both("不再询问确认（在终端上而 PIN 码另有来源时才问）", "Do not ask for consent (asked on a terminal where the PIN has another source)"),
    ),
]
