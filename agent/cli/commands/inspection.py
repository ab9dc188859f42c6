"""yinxin token inspect"""

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from agent.api.errors import Exit
from agent.cli.language import both
from agent.cli.options import FinalTryOption, ForceOption, PinOption, TokenArgument
from agent.cli.output import padded, printable, wrapped
from agent.cli.session import Session

HELP = both(
    "检测：私钥能否离开 UKey、证书是否相符、签名是否正确\n逐一试着读出、导出、复制私钥，UKey 必须全部拒绝；再试签一次并核对。",
    "Inspect: whether keys can leave the token, certificates fit, signatures hold\n"
    "Each private key is tried to be read, wrapped and copied, which the token must refuse; then a test signature is made and checked.",
)
VERDICTS = {
    "passed": both("通过", "passed"),
    "failed": both("不通过", "failed"),
    "indeterminate": both("无法确认", "indeterminate"),
}
_MARKS = {"ok": both("正常", "ok"), "warn": both("注意", "note"), "fail": both("有问题", "FAIL")}


def inspect(
    ctx: typer.Context,
    token: TokenArgument = None,
    pin: PinOption = "prompt",
    report: Annotated[
        str | None,
        typer.Option("--report", metavar="F.html", help=both("另存一份可打印的检测报告（HTML）", "Also write a report to print (HTML)")),
    ] = None,
    force: ForceOption = False,
    confirm_final_try: FinalTryOption = False,
) -> int:
    """POST /v1/tokens/inspect; exit 1 unless passed."""
    from agent.cli.files import check_output, publish
    from agent.cli.pins import Pins
    from agent.cli.talk import run_job

    session: Session = ctx.obj
    pins = Pins.of(pin=pin)
    if report is not None:
        check_output(report, force)
    done = run_job(session, "/v1/tokens/inspect", {"token": token}, pins, confirm_final_try=confirm_final_try)
    if report is not None:
        from agent.api.inspection_page import page

        publish(report, page(done, session.lang).encode(), force)
        done = {**done, "report": report}
    session.show(done, lambda: "\n".join(_lines(session, done)))
    return int(Exit.DONE if done["verdict"] == "passed" else Exit.NEGATIVE)


def _lines(session: Session, done: Mapping[str, Any]) -> list[str]:
    say, lang = session.say, session.lang
    label = printable(done["token"]["label"] or done["token"]["serial"])
    lines = [say(f"UKey“{label}”检测结果：{session.pick(VERDICTS[done['verdict']])}", f"Token “{label}”: {session.pick(VERDICTS[done['verdict']])}")]
    lines += ["  " + wrapped(printable(reason[lang]), 2) for reason in done["reasons"]]
    if done["may_carry_seal"]:
        lines.append(say("可以承载电子印章。", "It may carry a seal."))
    else:
        lines.append(say("不能承载电子印章：", "It may not carry a seal:"))
        lines += ["  " + wrapped(printable(reason[lang]), 2) for reason in done["seal_reasons"]] or [
            say("  没有可用于盖章的密钥", "  it has no key for it")
        ]
    lines.append("")
    for finding in done["findings"]:
        mark = session.pick(_MARKS.get(finding["state"], finding["state"]))
        lines.append(f"{padded(mark, 6)}  {wrapped(printable(finding['message'][lang]), 8)}")
        if finding["hint"] and finding["state"] != "ok":
            lines.append(" " * 8 + wrapped(printable(finding["hint"][lang]), 8))
    if "report" in done:
        lines += ["", say(f"报告：{printable(done['report'])}", f"Report: {printable(done['report'])}")]
    return lines
