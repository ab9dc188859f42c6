"""yinxin states"""

from typing import Any

import typer

from agent.cli.app import Commands
from agent.cli.language import both
from agent.cli.session import Session

app = Commands(both("全部状态表", "Every state machine"))


@app.command(
    "states",
    help=both("全部状态表：什么东西，在什么状态，经过什么凭证到什么状态", "Every state machine: what is in which state after which statement"),
)
def states(ctx: typer.Context) -> None:
    """GET /v1/states."""
    session: Session = ctx.obj
    found = session.client().get("/v1/states")
    session.show(found, lambda: "\n\n".join(_machine(session, each) for each in found["machines"]))


def _machine(session: Session, machine: dict[str, Any]) -> str:
    words = {each["state"]: session.say(each["zh"], each["en"]) for each in machine["states"]}
    lines = [session.say(machine["zh"], machine["en"]) + f" ({machine['machine']})"]
    for move in machine["moves"]:
        before = "·" if move["from"] is None else words[move["from"]]
        lines.append(f"  {before} → {words[move['to']]}  {move['by']}")
    return "\n".join(lines)
