"""yinxin completion bash | zsh | fish"""

from enum import StrEnum
from typing import Annotated

import typer

from agent.cli.app import Commands
from agent.cli.language import both
from agent.cli.session import Session

app = Commands()


class Shell(StrEnum):
    """The shells whose completion is known."""

    BASH = "bash"
    ZSH = "zsh"
    FISH = "fish"


@app.command(
    help=both(
        '命令补全脚本。安装：bash 在 ~/.bashrc 写入 eval "$(yinxin completion bash)"；\nzsh 和 fish 相仿（fish：yinxin completion fish | source）。',
        'Completion script. To install: eval "$(yinxin completion bash)" in ~/.bashrc;\nzsh likewise, fish: yinxin completion fish | source.',
    )
)
def completion(ctx: typer.Context, shell: Annotated[Shell, typer.Argument(metavar="bash|zsh|fish", help=both("哪种 shell", "Which shell"))]) -> None:
    """Print the script."""
    from typer._completion_shared import get_completion_script

    session: Session = ctx.obj
    script = get_completion_script(prog_name="yinxin", complete_var="_YINXIN_COMPLETE", shell=str(shell))
    session.show({"shell": str(shell), "script": script}, lambda: script)
