"""yinxin ledger list | show | verify | checkpoint | prove | export | rebuild"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any
from urllib.parse import quote, urlencode

import typer

from agent.api.errors import ApiError, Code, Exit
from agent.api.uris import to_path, to_uri
from agent.cli.app import Commands
from agent.cli.files import publish
from agent.cli.language import both
from agent.cli.options import ForceOption
from agent.cli.output import clock_time, pairs, printable, table
from agent.cli.session import Session

app = Commands(both("台账：查看、核验、封账点、证明、导出", "The ledger: list, verify, checkpoints, proofs, exports"))
VERDICTS = {"passed": both("通过", "passed"), "failed": both("不通过", "FAILED")}
_LINES = 20
"""Findings shown one by one; --json has them all."""


class ExportFormat(StrEnum):
    """Formats of an export."""

    JSONL = "jsonl"
    XLSX = "xlsx"
    CSV = "csv"
    PDF = "pdf"


PersonalOption = Annotated[
    bool,
    typer.Option("--personal", help=both("本机自己的台账（加入单位后默认是单位台账）", "This home's own ledger, though an organisation was joined")),
]
TypeOption = Annotated[
    str | None, typer.Option("--type", metavar="TYPE", help=both("类型，如 signature 或 signature.started", "Type: signature, or signature.started"))
]
ActorOption = Annotated[str | None, typer.Option("--actor", metavar="PERSON", help=both("经办人编号", "Id of the person"))]
DeviceOption = Annotated[str | None, typer.Option("--device", metavar="DEVICE", help=both("电脑编号", "Id of the workstation"))]
AboutOption = Annotated[
    str | None, typer.Option("--about", metavar="ID", help=both("关于哪个批次、人员或电脑", "The batch, person or workstation it is about"))
]
FromOption = Annotated[str | None, typer.Option("--from", metavar="TIME", help=both("从此时起（ISO 8601）", "From this time on (ISO 8601)"))]
ToOption = Annotated[str | None, typer.Option("--to", metavar="TIME", help=both("到此时之前", "Before this time"))]
TextOption = Annotated[
    str | None, typer.Option("--text", metavar="WORDS", help=both("文件名、名称或编号中的文字", "Words of file names, names, or a number"))
]
EntryArgument = Annotated[
    str, typer.Argument(metavar="ENTRY", help=both("记录的序号（从 0 起）或凭证编号", "Number of the entry, from 0, or its statement's id"))
]
CheckpointOption = Annotated[
    list[str] | None,
    typer.Option("--checkpoint", metavar="F", help=both("与以前保存的封账点对照", "Hold it against a checkpoint that was kept")),
]


@app.command("list", help=both("列出台账中的记录，新的在前", "List the entries of the ledger, newest first"))
def list_entries(
    ctx: typer.Context,
    type: TypeOption = None,
    actor: ActorOption = None,
    device: DeviceOption = None,
    about: AboutOption = None,
    start: FromOption = None,
    end: ToOption = None,
    text: TextOption = None,
    limit: Annotated[int, typer.Option("--limit", metavar="N", min=1, max=100_000, help=both("最多列出几条", "How many at most"))] = 50,
    before: Annotated[
        int | None, typer.Option("--before", metavar="N", min=0, help=both("只列序号小于 N 的", "Only entries before number N"))
    ] = None,
    after: Annotated[int | None, typer.Option("--after", metavar="N", min=-1, help=both("只列序号大于 N 的", "Only entries after number N"))] = None,
    oldest: Annotated[bool, typer.Option("--oldest-first", help=both("旧的在前", "Oldest first"))] = False,
    personal: PersonalOption = False,
) -> None:
    """GET /v1/ledger/entries, page by page."""
    session: Session = ctx.obj
    client = session.client()
    wanted = {**_filters(type, actor, device, about, start, end, text), "order": "oldest" if oldest else "newest", "count": "true"}
    found: list[dict[str, Any]] = []
    page: dict[str, Any] = {"more": True, "size": 0, "total": 0}
    while page["more"] and len(found) < limit:
        bounds = {"before": before, "after": after, "limit": min(500, limit - len(found))}
        answer = client.get(_path("/v1/ledger/entries", personal, {**wanted, **bounds}))
        page = {**answer, "total": answer["total"] if answer["total"] is not None else page["total"]}
        found += page["entries"]
        if found and oldest:
            after = found[-1]["seq"]
        elif found:
            before = found[-1]["seq"]
        wanted.pop("count", None)
    stopped = _stopped(session, personal)
    session.show({**page, "stopped": stopped, "entries": found}, lambda: _listed(session, found, page))


def _stopped(session: Session, personal: bool) -> dict[str, Any] | None:
    """Why nothing more is recorded in this ledger, if so; told on stderr, since what is shown is not what this computer remembers."""
    stopped: dict[str, Any] | None = session.client().get(_path("/v1/ledger", personal, {}))["stopped"]
    if stopped is not None:
        session.note(*[f"{stopped['message']}\n{stopped['hint']}"] * 2)
    return stopped


@app.command("show", help=both("一条记录：凭证的内容、签名、入账证明", "One entry: what its statement says, its signature, its proof"))
def show(
    ctx: typer.Context,
    entry: EntryArgument,
    out: Annotated[
        str | None,
        typer.Option(
            "--out",
            metavar="F",
            help=both("把凭证存为 F、签名存为 F.p7s（供 openssl 核验）", "Save the statement as F and its signature as F.p7s, for openssl"),
        ),
    ] = None,
    force: ForceOption = False,
    personal: PersonalOption = False,
) -> None:
    """GET /v1/ledger/entries/ENTRY."""
    session: Session = ctx.obj
    found = session.client().get(_path(f"/v1/ledger/entries/{quote(entry, safe='')}", personal, {}))
    if out is not None:
        from base64 import b64decode

        publish(out, b64decode(found["raw"]), force)
        if found["signature"] is not None:
            publish(f"{out}.p7s", b64decode(found["signature"]), force)
    _stopped(session, personal)
    session.show(found, lambda: _shown(session, found))


@app.command(
    "verify",
    help=both(
        "核验台账：逐条验签名、顺序和根哈希，指出哪一条被改动。\n完整时退出码为 0，否则为 1。",
        "Check the ledger: every signature, the order, the root hash; names the entry that was altered.\nExit 0 when it is whole, else 1.",
    ),
)
def verify(
    ctx: typer.Context,
    file: Annotated[
        str | None,
        typer.Option("--file", metavar="F.jsonl", help=both("核验导出的文件，不用数据库", "Check an export instead, without the database")),
    ] = None,
    checkpoint: CheckpointOption = None,
    personal: PersonalOption = False,
) -> int:
    """POST /v1/ledger/verifications."""
    from agent.cli.talk import run_job

    session: Session = ctx.obj
    body = {"file": None if file is None else to_uri(file), "checkpoint_files": [to_uri(each) for each in checkpoint or ()]}
    done = run_job(session, _path("/v1/ledger/verifications", personal, {}), body)
    session.show(done, lambda: _checked(session, done))
    return int(Exit.DONE if done["verdict"] == "passed" else Exit.NEGATIVE)


@app.command(
    "checkpoint",
    help=both("封账点：台账此刻的条数和根哈希，由本机密钥签名", "A checkpoint: size and root hash of the ledger now, signed by this computer"),
)
def checkpoint(
    ctx: typer.Context,
    out: Annotated[str | None, typer.Option("--out", metavar="F", help=both("存到文件；请另处保管", "Save it; keep it somewhere else"))] = None,
    force: ForceOption = False,
    personal: PersonalOption = False,
) -> None:
    """GET /v1/ledger/checkpoint."""
    session: Session = ctx.obj
    found = session.client().get(_path("/v1/ledger/checkpoint", personal, {}))
    if out is not None:
        publish(out, found["text"].encode(), force)
    session.show({**found, "output": out}, lambda: found["text"].rstrip("\n") if out is None else printable(out))


@app.command(
    "prove",
    help=both("证明一条记录在台账中（C2SP tlog-proof，含封账点）", "Prove that an entry stands in the ledger (C2SP tlog-proof with its checkpoint)"),
)
def prove(
    ctx: typer.Context,
    entry: EntryArgument,
    out: Annotated[str | None, typer.Option("--out", metavar="F", help=both("存到文件", "Save it"))] = None,
    force: ForceOption = False,
    personal: PersonalOption = False,
) -> int:
    """GET /v1/ledger/entries/ENTRY/proof."""
    session: Session = ctx.obj
    found = session.client().get(_path(f"/v1/ledger/entries/{quote(entry, safe='')}/proof", personal, {}))
    if found["text"] is None:
        raise ApiError(Code.NOT_ALLOWED, reason="device_key")
    if out is not None:
        publish(out, found["text"].encode(), force)
    session.show({**found, "output": out}, lambda: found["text"].rstrip("\n") if out is None else printable(out))
    return int(Exit.DONE if found["ok"] else Exit.NEGATIVE)


@app.command(
    "export",
    help=both(
        "导出台账。jsonl 是整本，可离线核验；xlsx、csv、pdf 供阅读，可筛选。",
        "Export the ledger.  jsonl is the whole of it, to be checked offline; xlsx, csv and pdf are to be read, and may be filtered.",
    ),
)
def export(
    ctx: typer.Context,
    format: Annotated[ExportFormat, typer.Option("--format", metavar="|".join(ExportFormat), help=both("格式", "Format"))] = ExportFormat.JSONL,
    out: Annotated[
        str | None,
        typer.Option("--out", metavar="F", show_default=False, help=both("输出文件；默认 ledger.格式", "Output; by default ledger.FORMAT")),
    ] = None,
    type: TypeOption = None,
    actor: ActorOption = None,
    device: DeviceOption = None,
    about: AboutOption = None,
    start: FromOption = None,
    end: ToOption = None,
    text: TextOption = None,
    force: ForceOption = False,
    personal: PersonalOption = False,
) -> None:
    """POST /v1/ledger/exports."""
    from agent.cli.talk import run_job

    session: Session = ctx.obj
    filters = {name: value for name, value in _filters(type, actor, device, about, start, end, text).items() if value is not None}
    body = {"output": to_uri(out or f"ledger.{format}"), "format": str(format), "force": force, "filters": filters or None, "lang": session.lang}
    done = run_job(session, _path("/v1/ledger/exports", personal, {}), body)
    done = {**done, "output": to_path(done["output"]), "readme": done["readme"] and to_path(done["readme"])}
    _stopped(session, personal)
    session.show(done, lambda: _exported(session, done))


@app.command("rebuild", help=both("由台账重新生成查询用的表，逐字节相同", "Draw anew from the ledger what lists and searches use; equal bit for bit"))
def rebuild(ctx: typer.Context, personal: PersonalOption = False) -> None:
    """POST /v1/ledger/rebuild."""
    from agent.cli.talk import run_job

    session: Session = ctx.obj
    done = run_job(session, _path("/v1/ledger/rebuild", personal, {}), {})
    session.show(done, lambda: session.say(f"已由 {done['entries']} 条记录重新生成。", f"Drawn anew from {done['entries']} entries."))


def _filters(
    type: str | None, actor: str | None, device: str | None, about: str | None, start: str | None, end: str | None, text: str | None
) -> dict[str, str | None]:
    times = {"from": start and _moment(start, "--from"), "to": end and _moment(end, "--to")}
    return {"type": type, "actor": actor, "device": device, "object": about, "text": text, **times}


def _moment(text: str, option: str) -> str:
    """A time with its zone (the machine's where none is named); raises `ApiError` (usage)."""
    from datetime import datetime

    try:
        return datetime.fromisoformat(text).astimezone().isoformat()
    except (ValueError, OverflowError):
        raise ApiError(Code.USAGE, reason="time", option=option) from None


def _path(path: str, personal: bool, query: Mapping[str, object]) -> str:
    wanted = {name: value for name, value in {**query, "ledger": "personal" if personal else None}.items() if value is not None}
    return f"{path}?{urlencode(wanted, errors='surrogatepass')}" if wanted else path


def _listed(session: Session, found: list[dict[str, Any]], page: Mapping[str, Any]) -> str:
    say = session.say
    head = [say("序号", "No."), say("时间", "Time"), say("事项", "Act"), say("内容", "What it says"), say("人员", "Person")]
    rows = [[each["seq"], local_time(each["at"]), each["title"][session.lang], each["summary"][session.lang], each["actor"]] for each in found]
    text = table(head, rows, say("没有记录。", "No entries."))
    if len(found) < (page["total"] or 0):
        text += "\n" + say(f"共 {page['total']} 条，列出 {len(found)} 条。", f"{len(found)} of {page['total']}.")
    return text


def local_time(at: str) -> str:
    """A time of a statement by the clock of this place, to the second."""
    from datetime import datetime

    try:
        return datetime.fromisoformat(at).astimezone().strftime("%Y-%m-%d %H:%M:%S")
    except ValueError:
        return at or clock_time(at)


def _shown(session: Session, found: Mapping[str, Any]) -> str:
    say, lang = session.say, session.lang
    lines = [f"{found['seq']}  {found['title'][lang]}  {printable(found['summary'][lang])}", ""]
    for part in found["words"]:
        value = part["value"][lang] if isinstance(part["value"], dict) else part["value"]
        lines.append("  " + "  " * part["depth"] + f"{part['label'][lang]}: {printable(value)}".rstrip().rstrip(":"))
    ok = {True: say("有效", "valid"), False: say("无效", "NOT VALID"), None: say("没有签名（旧版本的记录）", "none (an entry of an older version)")}
    proof = found["proof"]
    lines += ["", pairs([
        (say("签名", "Signature"), ok[found["signature_ok"]] + (f" [{found['signature_reason']}]" if found["signature_reason"] else "")),
        (say("签名人证书", "Signed by"), (found["signer"] or {}).get("subject")),
        (say("凭证指纹", "SHA-256"), found["sha256"]),
        (say("入账证明", "Proof"), say("成立", "holds") if proof["ok"] else say("不成立", "DOES NOT HOLD")),
        (say("台账条数", "Entries"), proof["size"]),
        (say("根哈希", "Root hash"), proof["root"]),
    ], 2)]  # fmt: skip
    return "\n".join(lines)


def _checked(session: Session, done: Mapping[str, Any]) -> str:
    say, lang = session.say, session.lang
    lines = [f"{session.pick(VERDICTS[done['verdict']])}  {printable(done['explanation'][lang])}"]
    shown = done["findings"][:_LINES]
    lines += [f"  {'!' if each['severity'] == 'wrong' else '-'} {printable(each['message'][lang])}" for each in shown]
    left = len(done["findings"]) - len(shown) + done["more"]
    if left:
        lines.append("  " + say(f"另有 {left} 处（--json 全部列出）", f"and {left} more (--json lists them)"))
    lines += ["", pairs([
        (say("记录", "Entries"), done["entries"]),
        (say("签名", "Signatures"), done["signatures"]),
        (say("签名启用前的记录", "From before statements were signed"), done["legacy"] or None),
        (say("单位指纹", "Founding hash"), done["org"]),
        (say("本机认得这本台账", "Known to this computer"), say("是", "yes") if done["own"] else say("否", "no")),
        (say("根哈希", "Root hash"), done["root"]),
        (say("时间", "Times"), f"{done['first_at']} – {done['last_at']}" if done["first_at"] else None),
    ], 2)]  # fmt: skip
    lines += [f"  {say('未检查', 'Not checked')}: {each[lang]}" for each in done["not_checked"]]
    return "\n".join(lines)


def _exported(session: Session, done: Mapping[str, Any]) -> str:
    lines = [printable(done["output"])]
    if done["readme"]:
        lines.append(printable(done["readme"]))
    if not done["checkpoint"] and done["format"] == "jsonl":
        lines.append(session.say("没有封账点：本机密钥用不了。", "Without a checkpoint: this computer's key is not at hand."))
    return "\n".join(lines)
