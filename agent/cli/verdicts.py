"""Verdicts as text for people: verdict first, then why, then each signature."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from agent.cli.language import both
from agent.cli.output import padded, pairs, printable, wrapped
from agent.cli.session import Session

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
_LEFT_OUT = {
    "without_signature": both("{n} 个不带签名的文件", "files that hold no signature: {n}"),
    "reports": both("{n} 份验签报告", "verification reports: {n}"),
    "hidden": both("{n} 个隐藏的文件或文件夹", "hidden files and folders: {n}"),
    "linked_folders": both("{n} 个指向文件夹的链接", "links to folders: {n}"),
    "special": both("{n} 个特殊文件或失效链接", "special files and dead links: {n}"),
}
_LEDGER = {
    "allowed": both("已批准用印", "use approved"),
    "not_allowed": both("未经批准", "not approved"),
    "not_in_ledger": both("台账无记录", "not in the ledger"),
}
_ENTERED = both("台账有记录", "on record")
"""Where no seal was used there was no use to approve."""
_LEVELS = {
    "b-b": both("基本（B-B）", "basic (B-B)"),
    "b-t": both("带时间戳（B-T）", "with time-stamp (B-T)"),
    "b-lt": both("可长期验证（B-LT）", "long-term (B-LT)"),
    "b-lta": both("长期归档（B-LTA）", "archival (B-LTA)"),
}
_COLUMN = 15


def describe(session: Session, document: Mapping[str, Any]) -> str:
    """One document."""
    verdict = session.pick(VERDICTS.get(document["verdict"], document["verdict"]))
    lines = [f"{verdict}  {printable(document['file'])}", f"  {explained(session, document)}"]
    for n, signature in enumerate(document.get("signatures") or (), 1):
        word = session.pick(VERDICTS.get(signature["verdict"], signature["verdict"]))
        lines += ["", f"  {_name(session, signature, n)}: {word}"]
        if (why := explained(session, signature)) not in lines[1]:  # the document's own reason is often that of its only signature
            lines.append(f"    {why}")
        lines.append(pairs(_details(session, signature), 4))
        lines += [f"    - {printable(_text(session, change) or change.get('kind'))}" for change in signature.get("changes_after_signing") or ()]
        lines += [f"    · {text}" for text in _remarks(session, signature, why)]
    return "\n".join(lines)


def exceptions(session: Session, documents: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """What has not passed, as a table: verdict and file, and below them why."""
    yield padded(session.say("结论", "Verdict"), _COLUMN) + session.say("文件和理由", "File and reason")
    for document in documents:
        verdict = session.pick(VERDICTS.get(document["verdict"], document["verdict"]))
        yield padded(verdict, _COLUMN) + printable(document["file"])
        yield " " * _COLUMN + wrapped(explained(session, document), _COLUMN)


def summary(session: Session, result: Mapping[str, Any]) -> str:
    """How many files there were, how many passed, and what was left out."""
    counts: Mapping[str, int] = result["counts"]
    total = sum(counts.values())
    lines = [
        session.say(
            f"共 {total} 份文件：{counts['passed']} 份通过，{counts['failed']} 份不通过，{counts['indeterminate']} 份无法确认。",
            f"{total} files: {counts['passed']} passed, {counts['failed']} failed, {counts['indeterminate']} could not be confirmed.",
        )
    ]
    if again := result.get("again"):
        lines.append(session.say(f"其中 {again} 份没有变动，沿用之前的结论。", f"{again} of them have not changed; their verdicts of before stand."))
    if counts["waiting"]:
        lines.append(session.say(f"还有 {counts['waiting']} 份没有检查。", f"{counts['waiting']} were not checked."))
    left = [session.pick(_LEFT_OUT[name]).format(n=n) for name, n in result["left_out"].items() if n and name in _LEFT_OUT]
    if left:
        lines.append(session.say("没有检查：" + "，".join(left) + "。", "Left out: " + ", ".join(left) + "."))
    return "\n".join(lines)


def explained(session: Session, entry: Mapping[str, Any]) -> str:
    """Why, and the sub-indication."""
    reason = f" [{entry['reason']}]" if entry.get("reason") else ""
    explanation = entry.get("explanation") or {}
    return printable(explanation.get(session.lang) or explanation.get("en") or "") + reason


def _name(session: Session, signature: Mapping[str, Any], n: int) -> str:
    match signature.get("kind"):
        case "timestamp":
            return session.say(f"签名 {n}（文档时间戳）", f"Signature {n} (time-stamp)")
        case "countersignature":
            return session.say(f"签名 {n}（副署）", f"Signature {n} (counter-signature)")
        case _:
            return session.say(f"签名 {n}", f"Signature {n}")


def _text(session: Session, entry: Mapping[str, Any]) -> str:
    described = entry.get("description") or {}
    return str(described.get(session.lang) or described.get("en") or "")


def _remarks(session: Session, signature: Mapping[str, Any], said: str) -> list[str]:
    """Findings that the explanation does not tell."""
    texts = [printable(_text(session, finding)) for finding in signature.get("findings") or ()]
    return [text for text in texts if text and text.lower() not in said.lower()]


def _place(session: Session, page: object, rect: Sequence[float] | None) -> str | None:
    """Where on its page a signature is shown, in mm from the lower left corner."""
    if not page:
        return None
    if not rect or rect[2] <= 0 or rect[3] <= 0:
        return session.say("页面上不显示", "not shown on a page")
    x, y, w, h = (f"{part:g}" for part in rect)
    return session.say(f"第 {page} 页，距左下角 {x}，{y} mm，宽高 {w} × {h} mm", f"page {page}, {x}, {y} mm from the lower left corner, {w} × {h} mm")


def _details(session: Session, signature: Mapping[str, Any]) -> list[tuple[str, object]]:
    say = session.say
    when = signature.get("signing_time")
    if when:
        claimed = signature.get("time_source") == "claimed"
        when = f"{when} ({say('本机时间，未经证明', 'claimed') if claimed else say('可信时间戳', 'time-stamp')})"
    place = _place(session, signature.get("page"), signature.get("rect_mm"))
    level = str(signature.get("level") or "")
    entered = signature.get("ledger") == "allowed" and not signature.get("seal")
    covers = signature.get("covers_whole_file")
    over = signature.get("counter_signs")
    certificate = signature.get("certificate") or {}
    return [
        (say("签名人", "Signer"), signature.get("signer")),
        (say("发证机构", "Issuer"), certificate.get("issuer")),
        (say("签名时间", "Time"), when),
        (say("级别", "Level"), session.pick(_LEVELS.get(level, level)) or None),
        (say("全文受保护", "Covers whole file"), None if covers is None else say("是", "yes") if covers else say("否", "no")),
        (say("所签的文件", "Covers"), say("、", ", ").join(map(str, signature.get("covers") or ()))),
        (say("副署对象", "Counter-signs"), say(f"签名 {over}", f"signature {over}") if over else None),
        (say("吊销状态", "Revocation"), session.pick(_REVOCATION.get(str(signature.get("revocation")), str(signature.get("revocation") or "")))),
        (say("台账", "Ledger"), session.pick(_ENTERED if entered else _LEDGER.get(str(signature.get("ledger")), ""))),
        (say("位置", "Place"), place),
        (say("版本", "Revision"), signature.get("revision")),
    ]
