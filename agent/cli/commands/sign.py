"""yinxin sign FILE…"""

import sys
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from agent.api.errors import EXIT_OF, ApiError, Code, Exit
from agent.api.uris import to_path, to_uri
from agent.cli.app import Commands
from agent.cli.language import both
from agent.cli.options import FinalTryOption, ForceOption, PinOption, TokenOption, YesOption
from agent.cli.output import printable, write
from agent.cli.session import Session

if TYPE_CHECKING:
    from agent.api.client import Told

app = Commands()


class Format(StrEnum):
    """Signature formats."""

    PADES = "pades"
    CADES = "cades"


class Level(StrEnum):
    """Baseline levels; more of them when time-stamps come."""

    B_B = "b-b"


class Appearance(StrEnum):
    """What is to be seen on the page."""

    NONE = "none"
    TEXT = "text"


@app.command(
    help=both(
        "用 UKey 中的私钥签署文件。\nPDF 得到带签名的副本 NAME.signed.pdf，其他文件得到单独的签名 NAME.p7s；原文件不变。",
        "Sign files with a key on a token.\nA PDF becomes NAME.signed.pdf, any other file gets a detached NAME.p7s; inputs are not touched.",
    )
)
def sign(
    ctx: typer.Context,
    files: Annotated[list[str] | None, typer.Argument(metavar="FILE", show_default=False, help=both("要签署的文件", "Files to sign"))] = None,
    token: TokenOption = None,
    cert: Annotated[
        str | None,
        typer.Option(
            "--cert",
            metavar="C",
            help=both(
                "数字证书：文件指纹开头、姓名或标签；默认为唯一可用的一张",
                "Certificate: fingerprint, common name or label; by default the only usable one",
            ),
        ),
    ] = None,
    pin: PinOption = "prompt",
    out: Annotated[str | None, typer.Option("--out", metavar="FILE", help=both("输出文件（只签一个文件时）", "Output file (for one input)"))] = None,
    out_dir: Annotated[str | None, typer.Option("--out-dir", metavar="DIR", help=both("输出文件夹", "Output folder"))] = None,
    force: ForceOption = False,
    format_: Annotated[
        Format | None,
        typer.Option(
            "--format", metavar="|".join(Format), help=both("默认：PDF 用 pades，其他用 cades", "By default pades for PDF, cades for all else")
        ),
    ] = None,
    level: Annotated[Level, typer.Option("--level", metavar="|".join(Level), help=both("签名级别：基本（b-b）", "Baseline level"))] = Level.B_B,
    appearance: Annotated[
        Appearance, typer.Option("--appearance", metavar="|".join(Appearance), help=both("页面上的签名外观", "What is seen on the page"))
    ] = Appearance.NONE,
    at: Annotated[
        list[str] | None,
        typer.Option(
            "--at",
            metavar="PAGE:X,Y[,W[,H]][@bl|br|tl|tr]",
            help=both("外观的位置，毫米，从所显示页面的该角量起（默认左下）", "Where, in mm from that corner of the page as displayed (default bl)"),
        ),
    ] = None,
    reason: Annotated[str | None, typer.Option("--reason", metavar="R", help=both("签名事由", "Reason"))] = None,
    location: Annotated[str | None, typer.Option("--location", metavar="L", help=both("签名地点", "Location"))] = None,
    repair: Annotated[
        bool,
        typer.Option(
            "--repair", help=both("打不开的未签名 PDF：先修复副本再签", "Mend a copy of an unsigned PDF that cannot be read, and sign that")
        ),
    ] = False,
    resume: Annotated[
        str | None,
        typer.Option(
            "--resume",
            metavar="BATCH",
            help=both(
                "接着签一个没签完的批次（last 为最近的一个）：同一个 UKey、证书和签法，已签的不会重复",
                "Sign the rest of a batch that was stopped (last: the newest), on the same token and in the same manner; nothing is signed twice",
            ),
        ),
    ] = None,
    yes: YesOption = False,
    confirm_final_try: FinalTryOption = False,
) -> int:
    """POST /v1/signatures; exit 7 when some were not signed, 5 when none could be."""
    from agent.api.client import Told
    from agent.cli.main import report
    from agent.cli.pins import Pins
    from agent.cli.talk import run_job

    session: Session = ctx.obj
    pins = Pins.of(pin=pin)
    manner = {
        "format": None if format_ is None else str(format_),
        "out": None if out is None else to_uri(out),
        "out_dir": None if out_dir is None else to_uri(out_dir),
        "force": force,
        "appearance": str(appearance),
        "places": list(at or ()),
        "reason": reason,
        "location": location,
        "repair": repair,
    }
    body: dict[str, Any]
    if resume is not None:
        _check_resumed(files or (), manner)
        body = {"resume": resume}
    else:
        if not files:
            raise ApiError(Code.USAGE, reason="missing", option="FILE", command="yinxin sign")
        _check(files, out, out_dir, appearance, at)
        body = {"inputs": [to_uri(file) for file in files], **manner}
    body |= {"token": token, "certificate": cert}
    try:
        done = with_paths(run_job(session, "/v1/signatures", body, pins, confirm_final_try=confirm_final_try, yes=yes))
    except Told as error:
        if error.result is None:
            raise
        done = with_paths(error.result)
        error = _of_the_only(done["documents"]) or error
        if not session.json and len(done["documents"]) > 1:
            _tell(session, done)
        return report(error, session, done, exit_code(done["documents"], error.code))
    except ApiError as error:
        if error.facts.get("reason") == "died":  # nobody told us the name of the set; what it left stands in the ledger
            error.facts["batch"] = resume or "last"
        raise
    if session.json:
        session.show(done, str)
    else:
        _tell(session, done)
    return exit_code(done["documents"])


def _check_resumed(files: Sequence[str], manner: Mapping[str, Any]) -> None:
    """What is resumed has its files and its manner; raises `ApiError` (usage)."""
    if files:
        raise ApiError(Code.USAGE, reason="either", option="FILE", other="--resume")
    for name, value in manner.items():
        if value not in (None, False, [], "none"):
            raise ApiError(Code.USAGE, reason="resumed", option="--" + {"places": "at"}.get(name, name).replace("_", "-"))


def _check(files: Sequence[str], out: str | None, out_dir: str | None, appearance: Appearance, at: Sequence[str] | None) -> None:
    """What can be wrong with the call itself; raises `ApiError` (usage)."""
    if out is not None and out_dir is not None:
        raise ApiError(Code.USAGE, reason="either", option="--out", other="--out-dir")
    if out is not None and len(files) > 1:
        raise ApiError(Code.USAGE, reason="one_file", option="--out")
    if at and appearance is Appearance.NONE:
        raise ApiError(Code.USAGE, reason="needs", option="--at", other="--appearance text")
    for place in at or ():
        _check_place(place)


def _check_place(place: str) -> None:
    import re

    number = r"-?\d+(\.\d+)?"
    if not re.fullmatch(rf"(\d+|last|all)?:{number},{number}(,{number}(,{number})?)?(@(bl|br|tl|tr))?", place):
        raise ApiError(Code.USAGE, reason="place", place=place)


def with_paths(result: Mapping[str, Any]) -> dict[str, Any]:
    """A result whose documents name files as the operating system does, not as URIs."""
    return {
        **result,
        "documents": [
            {key: _path(value) if key in ("input", "output", "file") else value for key, value in entry.items()} for entry in result["documents"]
        ],
    }


def _path(value: Any) -> Any:
    return to_path(value) if isinstance(value, str) and value.startswith("file:") else value


def exit_code(documents: Sequence[Mapping[str, Any]], stopped_by: Code | None = None) -> int:
    """The batch rules of the contract: 0 all published · 7 some · 5 none usable · else the exit code of what stopped it."""
    published = sum(document["state"] == "published" for document in documents)
    if published == len(documents) and stopped_by is None:
        return int(Exit.DONE)
    if published:
        return int(Exit.PARTLY)
    if stopped_by is not None:
        return int(EXIT_OF[stopped_by])
    exits = {int(EXIT_OF.get(document["error"]["code"], Exit.BUG)) for document in documents if document.get("error")}
    return exits.pop() if len(exits) == 1 else int(Exit.NO_INPUT)


def _of_the_only(documents: Sequence[Mapping[str, Any]]) -> "Told | None":
    """The error of a set's only document: it says more than that none of them could be used."""
    from agent.api.client import Told

    if len(documents) != 1 or not (error := documents[0].get("error")):
        return None
    return Told(Code(error["code"]), error["facts"], error["message"], error["hint"])


def _tell(session: Session, done: Mapping[str, Any]) -> None:
    """Published documents on stdout; each failed one with its two sentences on stderr."""
    some = any(document["state"] == "published" for document in done["documents"])
    left = 0
    for document in done["documents"]:
        name = printable(document["input"])
        if document["state"] == "published":
            write(session.say(f"已签署：{name} → {printable(document['output'])}", f"signed: {name} → {printable(document['output'])}"))
            for warning in document.get("warnings") or ():
                write("  " + printable(session.pick(_WARNINGS.get(_code(warning), _code(warning)))), sys.stderr)
        elif document.get("error"):
            error = document["error"]
            write(f"{name}: {printable(error['message'])}\n{printable(error['hint'])}", sys.stderr)
        elif (left := left + 1) <= _LEFT_SHOWN:
            write(session.say(f"未开始：{name}", f"not started: {name}"), sys.stderr)
    if left > _LEFT_SHOWN:
        write(session.say(f"…… 未开始的共 {left} 份", f"… {left} not started in all"), sys.stderr)
    if done.get("practice") and some:
        write(session.say("练习模式：这些签名无效力。", "Practice: these signatures have no effect."), sys.stderr)


_LEFT_SHOWN = 50
"""Documents not started that are listed by name (`--json` has all): what to do about them must not scroll away."""


def _code(warning: Any) -> str:
    return str(warning.get("code", warning)) if isinstance(warning, Mapping) else str(warning)


_WARNINGS = {
    "hybrid": both("注意：此 PDF 用混合方式保存，旧阅读器看到的可能不同。", "Note: this PDF is a hybrid file; old readers may show something else."),
    "xfa": both("注意：此 PDF 含有 XFA 表单，不同阅读器显示可能不同。", "Note: this PDF holds an XFA form; readers may show it differently."),
    "need_appearances": both(
        "注意：此 PDF 让阅读器重画表单，打开后显示可能变化。", "Note: this PDF asks readers to redraw its form; what they show may change."
    ),
    "repaired": both("注意：签署的是修复后的副本。", "Note: what was signed is a mended copy."),
}
