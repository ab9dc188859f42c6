"""The entry point: reads the global options, runs the command, turns whatever went wrong into two sentences and an exit code."""

import os
import sys
from collections.abc import Sequence
from typing import Any

from agent.api.errors import ApiError, Code, Exit
from agent.cli import arguments
from agent.cli.language import LANGUAGES, choose
from agent.cli.output import Unwritten
from agent.cli.session import Session

_COMPLETE = "_YINXIN_COMPLETE"


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command line and return its exit code (a fixed contract, see `agent.api.errors.Exit`)."""
    given = arguments.read(sys.argv[1:] if argv is None else argv)
    session = Session(choose(given.lang), given.json, given.home)
    try:
        return _told(given, session)
    except BrokenPipeError:
        # Whoever read our output has enough; without this Python would complain once more while closing it.
        _drop_output()
        return int(Exit.NEGATIVE)
    except Unwritten as error:
        _drop_output()
        said = ApiError(Code.OUTPUT_UNWRITABLE, name="stdout", detail=str(error))
        return report(said, Session(session.lang, False, session.home))


def _drop_output() -> None:
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def _told(given: arguments.Arguments, session: Session) -> int:
    try:
        if given.missing or (given.lang is not None and given.lang not in LANGUAGES):
            raise ApiError(Code.USAGE, reason="option", option=given.missing or "--lang")
        return _run(given.rest, session)
    except ApiError as error:
        return report(error, session)
    except KeyboardInterrupt:
        return report(ApiError(Code.CANCELLED), session)
    except (BrokenPipeError, Unwritten):
        raise
    except Exception as error:  # noqa: BLE001 — never a traceback: the log has it
        return report(ApiError(Code.INTERNAL, type=type(error).__name__, path=_keep(session)), session)


def report(error: ApiError, session: Session, done: dict[str, Any] | None = None, code: int | None = None) -> int:
    """Tell an error in the way asked for, with what was done before it, and return the exit code."""
    from agent.api.messages import sentence
    from agent.cli.output import printable, write, write_json

    message, hint = getattr(error, "message", ""), getattr(error, "hint", "")
    if not message:
        message, hint = sentence(error.code, error.facts, session.lang)
    if session.json:
        told = {"code": str(error.code), "message": message, "hint": hint, "facts": error.facts}
        write_json({**(done or {}), "error": told})
    else:
        write(f"{printable(message)}\n{printable(hint)}", sys.stderr)
    return int(error.exit) if code is None else code


def _run(argv: list[str], session: Session) -> int:
    import typer
    from typer._click.exceptions import NoArgsIsHelpError, UsageError

    from agent.cli.app import app

    command = typer.main.get_command(app)
    if _COMPLETE in os.environ:
        return _complete(command)
    try:
        # What Command.main does, without its way with exceptions: an interrupt is told like every other end.
        with command.make_context("yinxin", argv, obj=session) as ctx:
            return int(command.invoke(ctx) or 0)
    except typer.Exit as ended:
        return ended.exit_code
    except NoArgsIsHelpError as error:
        if session.json:
            raise ApiError(Code.USAGE, reason="command") from error
        from agent.cli.output import write

        write(error.message.rstrip(), sys.stderr)
        return int(Exit.USAGE)
    except UsageError as error:
        raise _usage(error) from error


def _complete(command: Any) -> int:
    """Answer the shell's completion function."""
    from typer._completion_classes import completion_init
    from typer.completion import shell_complete

    completion_init()
    return shell_complete(command, {}, "yinxin", _COMPLETE, os.environ[_COMPLETE])


def _usage(error: Any) -> ApiError:
    """Click's complaint in our words.  Values are never repeated: one of them may be a PIN put in the wrong place."""
    from typer._click import exceptions as click

    where = error.ctx.command_path if error.ctx else "yinxin"
    param = getattr(error, "param", None)
    name = param.opts[0] if param is not None and param.param_type_name == "option" else param.display_name_raw if param is not None else None
    if isinstance(error, click.MissingParameter):
        return ApiError(Code.USAGE, reason="missing", option=name, command=where)
    if isinstance(error, click.BadParameter):
        choices = getattr(getattr(param, "type_descriptor", None), "choices", None)
        return ApiError(Code.USAGE, reason="option", option=name, command=where, available=[str(c) for c in choices] if choices else None)
    if isinstance(error, click.NoSuchOption):
        return ApiError(
            Code.USAGE, reason="no_such_option", option=error.option_name, command=where, available=list(error.possibilities or ()) or None
        )
    if isinstance(error, click.BadOptionUsage):
        return ApiError(Code.USAGE, reason="option", option=error.option_name, command=where)
    if "extra argument" in error.message:
        return ApiError(Code.USAGE, reason="extra", command=where)
    return ApiError(Code.USAGE, reason="command", command=where)


def _keep(session: Session) -> str | None:
    """Write the traceback to our log and return the log's path; None where even that fails."""
    import traceback

    from agent.api.home import locate

    try:
        folder = locate(session.home).state
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        path = folder / "cli.log"
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        with open(fd, "a", encoding="utf-8", errors="backslashreplace") as log:
            log.write(traceback.format_exc() + "\n")
        return str(path)
    except OSError:
        return None


if __name__ == "__main__":
    sys.exit(main())
