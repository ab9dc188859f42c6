"""yinxin agent run | start | stop | status"""

import subprocess

import typer

from agent.cli.app import Commands
from agent.cli.language import both
from agent.cli.output import pairs
from agent.cli.session import Session

app = Commands(both("签章服务：启动、停止、状态（用到时会自动启动）", "The agent: start, stop, status (it starts by itself when needed)"))


@app.command("run", help=both("在前台运行签章服务", "Run the agent in the foreground"))
def run(ctx: typer.Context) -> int:
    """Run the agent's program as a child, so that its words and its end are seen here."""
    from agent.api.launch import command, environment

    session: Session = ctx.obj
    try:
        return subprocess.run(command(session.home), env=environment(), cwd="/", check=False).returncode
    except KeyboardInterrupt:  # the terminal sent it to the agent as well, which ends by itself
        return 0


@app.command("start", help=both("启动签章服务", "Start the agent"))
def start(ctx: typer.Context) -> None:
    """GET /v1/status, which starts it."""
    session: Session = ctx.obj
    status = session.client().get("/v1/status")
    session.show(
        {"running": True, **status},
        lambda: session.say(f"签章服务正在运行（进程 {status['pid']}）。", f"The agent is running (process {status['pid']})."),
    )


@app.command("stop", help=both("停止签章服务；正在签署的文件先做完", "Stop the agent; a document under way is finished first"))
def stop(ctx: typer.Context) -> None:
    """POST /v1/stop, and wait for its end."""
    session: Session = ctx.obj
    stopped = session.client(autostart=False).stop()
    said = session.say("签章服务已停止。", "The agent has stopped.") if stopped else session.say("签章服务没有在运行。", "The agent was not running.")
    session.show({"running": False, "stopped": stopped}, lambda: said)


@app.command("status", help=both("签章服务是否在运行、在做什么", "Whether the agent runs and what it does"))
def status(ctx: typer.Context) -> None:
    """GET /v1/status, which starts nothing."""
    session: Session = ctx.obj
    client = session.client(autostart=False)
    found = client.running()
    if found is None:
        session.show(
            {"running": False, "home": str(client.home.data)},
            lambda: session.say("签章服务没有在运行；用到时会自动启动。", "The agent is not running; it starts when needed."),
        )
        return
    say = session.say
    entries = [
        (say("版本", "Version"), found["version"]),
        (say("进程", "Process"), found["pid"]),
        (say("启动时间", "Started"), found["started_at"]),
        (say("进行中的工作", "Jobs"), str(found["jobs"])),
    ]
    session.show({"running": True, **found}, lambda: say("签章服务正在运行。", "The agent is running.") + "\n" + pairs(entries))
