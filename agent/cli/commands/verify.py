"""yinxin verify FILE…"""

import os
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any

import typer

from agent.api.errors import ApiError, Code, Exit
from agent.api.uris import to_uri
from agent.cli.app import Commands
from agent.cli.commands.sign import with_paths
from agent.cli.language import both
from agent.cli.output import pairs, printable
from agent.cli.session import Session

app = Commands()
VERDICTS = {
    "passed": both("通过", "passed"),
    "failed": both("不通过", "FAILED"),
    "indeterminate": both("无法确认", "indeterminate"),
}
_REVOCATION = {
    "good": both("未吊销", "not revoked"),
    "revoked": both("已吊销", "revoked"),
    "unknown": both("未知", "unknown"),
    "not_offered": both("证书未提供吊销信息", "no source named"),
}


@app.command(
    help=both(
        "验签：逐个检查文件上的签名，并说明理由。\n全部通过时退出码为 0，否则为 1。",
        "Verify the signatures of files, and say why.\nExit 0 when all passed, else 1.",
    )
)
def verify(
    ctx: typer.Context,
    files: Annotated[list[str], typer.Argument(metavar="FILE", help=both("要验签的文件", "Files to verify"))],
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
) -> int:
    """POST /v1/verifications."""
    from agent.cli.talk import run_job

    session: Session = ctx.obj
    if signature is not None and len(files) > 1:
        raise ApiError(Code.USAGE, reason="one_file", option="--signature")
    body = {
        "files": [to_uri(file) for file in files],
        "signature": None if signature is None else to_uri(signature),
        "trust": [to_uri(file) for file in trust or ()],
        "crl": [to_uri(file) for file in crl or ()],
        "at": None if at is None else _moment(at),
        "fetch": not offline,
    }
    _some_readable(files)
    done = with_paths(run_job(session, "/v1/verifications", body))
    documents = done["documents"]
    session.show(done, lambda: "\n\n".join(_describe(session, document) for document in documents))
    return int(Exit.DONE if all(document["verdict"] == "passed" for document in documents) else Exit.NEGATIVE)


def _some_readable(files: Sequence[str]) -> None:
    """Raise `ApiError` (input_unusable) where not one of the files can be read; one among others has its own verdict."""
    reasons = [_unreadable(file) for file in files]
    if all(reasons):
        raise ApiError(Code.INPUT_UNUSABLE, reason=reasons[0], name=files[0])


def _unreadable(file: str) -> str | None:
    if os.path.isdir(file):
        return "not_a_file"
    if not os.path.exists(file):
        return "not_found"
    return None if os.access(file, os.R_OK) else "unreadable"


def _moment(text: str) -> str:
    """A time with its zone (the machine's where none is named); raises `ApiError` (usage)."""
    try:
        return datetime.fromisoformat(text).astimezone().isoformat()
    except (ValueError, OverflowError):
        raise ApiError(Code.USAGE, reason="time", option="--at") from None


def _describe(session: Session, document: Mapping[str, Any]) -> str:
    """Verdict first, then why, then each signature."""
    verdict = session.pick(VERDICTS.get(document["verdict"], document["verdict"]))
    lines = [f"{verdict}  {printable(document['file'])}", f"  {_explained(session, document)}"]
    for n, signature in enumerate(document.get("signatures") or (), 1):
        word = session.pick(VERDICTS.get(signature["verdict"], signature["verdict"]))
        lines += ["", f"  {session.say(f'签名 {n}', f'Signature {n}')}: {word}"]
        if (why := _explained(session, signature)) not in lines[1]:  # the document's own reason is often that of its only signature
            lines.append(f"    {why}")
        lines.append(pairs(_details(session, signature), 4))
        lines += [f"    - {printable(_change(session, change))}" for change in signature.get("changes_after_signing") or ()]
    return "\n".join(lines)


def _explained(session: Session, entry: Mapping[str, Any]) -> str:
    reason = f" [{entry['reason']}]" if entry.get("reason") else ""
    explanation = entry.get("explanation") or {}
    return printable(explanation.get(session.lang) or explanation.get("en") or "") + reason


def _change(session: Session, change: Mapping[str, Any]) -> str:
    described = change.get("description") or {}
    return str(described.get(session.lang) or described.get("en") or change.get("kind"))


def _details(session: Session, signature: Mapping[str, Any]) -> list[tuple[str, object]]:
    say = session.say
    signer = signature.get("signer")
    if isinstance(signer, Mapping):
        signer = signer.get("common_name") or signer.get("subject") or signer.get("name")
    when = signature.get("signing_time")
    if when:
        claimed = signature.get("time_source") == "claimed"
        when = f"{when} ({say('本机时间，未经证明', 'claimed') if claimed else say('可信时间戳', 'time-stamp')})"
    rect = signature.get("rect_mm")
    place = f"{signature['page']}" + (f" @ {rect}" if rect else "") if signature.get("page") else None
    covers = signature.get("covers_whole_file")
    return [
        (say("签名人", "Signer"), signer),
        (say("签名时间", "Time"), when),
        (say("级别", "Level"), signature.get("level")),
        (say("全文受保护", "Covers whole file"), None if covers is None else say("是", "yes") if covers else say("否", "no")),
        (say("吊销状态", "Revocation"), session.pick(_REVOCATION.get(str(signature.get("revocation")), str(signature.get("revocation") or "")))),
        (say("页", "Page"), place),
    ]
