"""yinxin schema"""

import json

import typer

from agent.cli.app import Commands
from agent.cli.language import both
from agent.cli.session import Session

app = Commands(both("凭证的 JSON Schema", "JSON Schema of statements"))


@app.command(
    "schema", help=both("凭证的 JSON Schema：共同部分，和每种凭证的内容", "JSON Schema of statements: what they share, and the body of each type")
)
def schema(ctx: typer.Context) -> None:
    """GET /v1/schema."""
    session: Session = ctx.obj
    found = session.client().get("/v1/schema")
    session.show(found, lambda: json.dumps(found, ensure_ascii=False, indent=2))
