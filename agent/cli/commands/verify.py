"""yinxin verify FILE…"""

import os
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any

import typer

from agent.api.errors import ApiError, Code, Exit
from agent.api.uris import to_path, to_uri
from agent.cli.app import Commands
from agent.cli.language import both
from agent.cli.options import ForceOption
from agent.cli.session import Session

app = Commands()
_PAGE = 100
_SHOWN = 200
"""Exceptions that are shown; a list of more is for --exceptions."""
_REPORTS = ("pdf", "html", "json")
_LISTS = ("csv", "json")


@app.command(
    help=both(
        "验签：逐个检查文件上的签名，并说明理由。\n"
        "文件夹连同下级一起检查，只列出没有通过的；中途停止后用 --resume 接着做，没有变动的文件不会重查。\n"
        "全部通过时退出码为 0，否则为 1。",
        "Verify the signatures of files, and say why.\n"
        "Folders are verified with all below them, and what has not passed is listed; --resume goes on where a run was stopped,\n"
        "and does not check unchanged files again.  Exit 0 when all passed, else 1.",
    )
)
def verify(
    ctx: typer.Context,
    files: Annotated[list[str] | None, typer.Argument(metavar="FILE", help=both("要验签的文件或文件夹", "Files or folders to verify"))] = None,
    signature: Annotated[str | None, typer.Option("--signature", metavar="F.p7s", help=both("单独的签名文件", "The detached signature"))] = None,
    trust: Annotated[
        list[str] | None,
        typer.Option("--trust", metavar="PEM", help=both("信任的根证书；默认为本机信任的", "Trusted roots; by default those of the home")),
    ] = None,
    crl: Annotated[
        list[str] | None, typer.Option("--crl", metavar="F", help=both("证书吊销列表或 OCSP 应答", "Revocation lists or OCSP responses"))
    ] = None,
    at: Annotated[str | None, typer.Option("--at", metavar="TIME", help=both("以此时刻为准（ISO 8601）", "Judge as of this time (ISO 8601)"))] = None,
    offline: Annotated[
        bool,
        typer.Option(
            "--offline",
            help=both("不联网；默认会向发证机构查询证书是否已被吊销", "Stay off the network; by default issuers are asked about revocation"),
        ),
    ] = False,
    report: Annotated[
        list[str] | None,
        typer.Option(
            "--report", metavar="F.pdf|F.html|F.json", help=both("另存验签报告，语言同 --lang", "Also write a report, in the language of --lang")
        ),
    ] = None,
    exceptions: Annotated[
        str | None,
        typer.Option("--exceptions", metavar="F.csv|F.json", help=both("把没有通过的另存为表格", "Also write what has not passed as a table")),
    ] = None,
    resume: Annotated[
        str | None,
        typer.Option(
            "--resume",
            metavar="RUN",
            help=both("接着做一次没做完的验签（last 为最近的一次）", "Go on with a run that was stopped (last: the newest)"),
        ),
    ] = None,
    extract: Annotated[
        int | None,
        typer.Option(
            "--extract",
            metavar="N",
            min=1,
            help=both("不验签，把第 N 版（签署时的版本）取出来存到 --out", "Verify nothing: write revision N, as signed, to --out"),
        ),
    ] = None,
    out: Annotated[str | None, typer.Option("--out", metavar="F.pdf", help=both("--extract 的输出文件", "The output of --extract"))] = None,
    force: ForceOption = False,
) -> int:
    """POST /v1/verifications; and its report routes."""
    session: Session = ctx.obj
    if extract is not None or out is not None:
        others = {
            "--signature": signature, "--trust": trust, "--crl": crl, "--at": at, "--offline": offline, "--report": report,
            "--exceptions": exceptions, "--resume": resume,
        }  # fmt: skip
        return _extract(session, files or (), extract, out, force, [name for name, value in others.items() if value])
    if (files is None or not files) and resume is None:
        raise ApiError(Code.USAGE, reason="missing", option="FILE", command="yinxin verify")
    if signature is not None and (len(files or ()) != 1 or os.path.isdir((files or ("",))[0])):
        raise ApiError(Code.USAGE, reason="one_file", option="--signature")
    outputs = _outputs(report or (), exceptions, force)
    if resume is not None:
        given = {"FILE": files, "--signature": signature, "--trust": trust, "--crl": crl, "--at": at, "--offline": offline}
        for option in (name for name, value in given.items() if value):
            raise ApiError(Code.USAGE, reason="resumed_run", option=option)
        body: dict[str, Any] = {"resume": resume}
    else:
        body = {
            "files": [to_uri(file) for file in files or () if not os.path.isdir(file)],
            "folders": [to_uri(file) for file in files or () if os.path.isdir(file)],
            "signature": None if signature is None else to_uri(signature),
            "trust": [to_uri(file) for file in trust or ()],
            "crl": [to_uri(file) for file in crl or ()],
            "at": None if at is None else _moment(at),
            "fetch": not offline,
        }
        _some_readable(files or ())
    result = _run(session, {**body, "skip": [to_uri(path) for path, _, _ in outputs], "collect": False})
    for path, kind, only in outputs:
        asked = {"run": result["run"], "format": kind, "out": to_uri(path), "lang": session.lang, "exceptions": only, "force": force}
        session.client().post("/v1/verifications/report", asked)
    if outputs:
        result = {**result, "reports": [path for path, _, _ in outputs]}
    _show(session, result, listed=resume is not None or bool(body.get("folders")))
    counts = result["counts"]
    return int(Exit.DONE if counts["passed"] and counts["passed"] == sum(counts.values()) else Exit.NEGATIVE)


def _run(session: Session, body: Mapping[str, Any]) -> dict[str, Any]:
    """Verify; an error names the run that keeps what was found before it."""
    from agent.cli.talk import run_job

    run: dict[str, Any] = {}
    try:
        return run_job(session, "/v1/verifications", body, heard=lambda event, data: run.update(data) if event == "run" else None)
    except ApiError as error:
        if error.code is Code.AGENT_UNREACHABLE and error.facts.get("reason") == "died" and run:
            raise ApiError(Code.AGENT_UNREACHABLE, reason="died_verifying", **run) from error
        raise


def _show(session: Session, result: Mapping[str, Any], *, listed: bool) -> None:
    """The documents page by page: whole for files, for folders what has not passed."""
    from agent.cli.output import write, write_json_with
    from agent.cli.verdicts import describe, exceptions, summary

    run = str(result["run"])
    if session.json:
        write_json_with(result, "documents", _documents(session, run, False))
        return
    if not listed:
        for number, document in enumerate(_documents(session, run, False)):
            write(("\n" if number else "") + describe(session, document))
    else:
        bad = result["counts"]["failed"] + result["counts"]["indeterminate"]
        if bad:
            for line in exceptions(session, _first(_documents(session, run, True), _SHOWN)):
                write(line)
        if bad > _SHOWN:
            write(
                session.say(
                    f"……另有 {bad - _SHOWN} 份；用 --exceptions F.csv 取全部。", f"… and {bad - _SHOWN} more; --exceptions F.csv has them all."
                )
            )
        write(("\n" if bad else "") + summary(session, result))
    for path in result.get("reports", ()):
        session.note(f"已写出 {path}", f"Wrote {path}")


def _documents(session: Session, run: str, exceptions: bool) -> Iterator[dict[str, Any]]:
    client, after = session.client(), -1.0
    while True:
        query = f"?after={after!r}&limit={_PAGE}&exceptions={str(exceptions).lower()}"
        page = client.get(f"/v1/verifications/runs/{run}/documents{query}")
        for document in page["documents"]:
            beside = [{**part, "file": to_path(part["file"])} for part in document["signature_files"]]
            yield {**document, "file": to_path(document["file"]), "signature_files": beside}
        if page["next"] is None:
            return
        after = page["next"]


def _first(documents: Iterator[dict[str, Any]], most: int) -> Iterator[dict[str, Any]]:
    return (document for _, document in zip(range(most), documents, strict=False))


def _outputs(reports: Sequence[str], exceptions: str | None, force: bool) -> list[tuple[str, str, bool]]:
    """(path, format, only exceptions) of each file to write; refused before anything is verified where that cannot be."""
    from agent.cli.files import check_output

    out = [(path, _ending(path, "--report", _REPORTS), False) for path in reports]
    if exceptions is not None:
        out.append((exceptions, _ending(exceptions, "--exceptions", _LISTS), True))
    for path, _, _ in out:
        check_output(path, force)
    if len({os.path.abspath(path) for path, _, _ in out}) < len(out):
        raise ApiError(Code.USAGE, reason="twice", detail=out[-1][0])
    return out


def _ending(path: str, option: str, known: Sequence[str]) -> str:
    ending = os.path.splitext(path)[1].lower().removeprefix(".")
    if ending not in known:
        raise ApiError(Code.USAGE, reason="report_format", option=option, detail=path, available=[f".{each}" for each in known])
    return ending


def _extract(session: Session, files: Sequence[str], revision: int | None, out: str | None, force: bool, others: Sequence[str]) -> int:
    """Write a signed revision as a file of its own; `others` are options that have no meaning there."""
    if revision is None or out is None:
        raise ApiError(
            Code.USAGE, reason="needs", option="--out" if revision is None else "--extract", other="--extract" if revision is None else "--out"
        )
    for option in others:
        raise ApiError(Code.USAGE, reason="either", option="--extract", other=option)
    if len(files) != 1:
        raise ApiError(Code.USAGE, reason="one_file", option="--extract")
    done = session.client().post(
        "/v1/verifications/revisions/extract", {"file": to_uri(files[0]), "revision": revision, "out": to_uri(out), "force": force}
    )
    told = {**done, "file": files[0], "output": out}
    session.show(told, lambda: session.say(f"第 {revision} 版已取出：{out}", f"Revision {revision} is in {out}"))
    return int(Exit.DONE)


def _some_readable(files: Sequence[str]) -> None:
    """Raise `ApiError` (input_unusable) where not one of the files can be read; one among others has its own verdict."""
    reasons = [_unreadable(file) for file in files]
    if all(reasons):
        raise ApiError(Code.INPUT_UNUSABLE, reason=reasons[0], name=files[0])


def _unreadable(file: str) -> str | None:
    if not os.path.exists(file):
        return "not_found"
    return None if os.access(file, os.R_OK) else "unreadable"


def _moment(text: str) -> str:
    """A time with its zone (the machine's where none is named); raises `ApiError` (usage)."""
    try:
        return datetime.fromisoformat(text).astimezone().isoformat()
    except (ValueError, OverflowError):
        raise ApiError(Code.USAGE, reason="time", option="--at") from None
