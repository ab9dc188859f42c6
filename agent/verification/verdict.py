"""From findings to verdicts, and from verdicts to words a clerk understands."""

from collections.abc import Sequence
from datetime import UTC
from typing import Any

from agent.verification.findings import DOCUMENT, TABLE, Row
from agent.verification.model import Finding, Say, SignatureReport, Verdict, clean, iso
from agent.verification.policy_data import WHY

_ORDER = {Verdict.FAILED: 0, Verdict.INDETERMINATE: 1, None: 2}
_LEAD = {Verdict.FAILED: Say("不通过：", "Failed: "), Verdict.INDETERMINATE: Say("无法确认：", "Could not be confirmed: ")}
_MOST_SAID = 3


def judge(findings: Sequence[Finding]) -> tuple[Verdict, str | None]:
    """The verdict over one signature and its sub-indication: one finding that fails fails it, else one that leaves doubt leaves doubt."""
    decisive = [TABLE[f.code] for f in _by_weight(findings) if TABLE[f.code].verdict]
    if not decisive:
        return Verdict.PASSED, None
    assert decisive[0].verdict is not None
    return decisive[0].verdict, decisive[0].reason


def _by_weight(findings: Sequence[Finding]) -> list[Finding]:
    return sorted(findings, key=lambda f: _ORDER[TABLE[f.code].verdict])


def _fill(say: Say, finding: Finding) -> Say:
    why = WHY.get(finding.facts.get("why", ""))
    if why is None:
        return Say(say.zh.format_map(finding.facts), say.en.format_map(finding.facts))
    return Say(say.zh.format_map({**finding.facts, "why": why.zh}), say.en.format_map({**finding.facts, "why": why.en}))


def _sentence(verdict: Verdict, whats: Sequence[Say], needs: Sequence[Say]) -> Say:
    """ "不通过：…；…。…。": what was seen, then what would have to be different."""
    lead = _LEAD[verdict]
    calm = Say("这不等于伪造；", "This does not mean forged; ") if verdict is Verdict.INDETERMINATE else Say("", "")
    need_zh = next((n.zh for n in needs if n.zh), "")
    need_en = next((n.en for n in needs if n.en), "")
    zh = lead.zh + "；".join(w.zh for w in whats) + "。" + (f"{calm.zh}{need_zh}。" if need_zh else "")
    en = lead.en + "; ".join(w.en for w in whats) + "." + (" " + _capital(f"{calm.en}{need_en}.") if need_en else "")
    return Say(zh, en)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def explain(report: SignatureReport) -> Say:
    """Why this signature has its verdict, and what would have to be different for it to pass."""
    verdict, _ = judge(report.findings)
    if verdict is Verdict.PASSED:
        return _explain_passed(report)
    said = [f for f in _by_weight(report.findings) if TABLE[f.code].verdict][:_MOST_SAID]
    return _sentence(verdict, [_fill(TABLE[f.code].what, f) for f in said], [_fill(TABLE[f.code].need, f) for f in said])


def _explain_passed(report: SignatureReport) -> Say:
    signer = report.signer
    name, issuer = (signer.name, signer.issuer) if signer else ("", "")
    internal = Say("（单位内部 CA）", " (own internal CA)") if signer and signer.internal else Say("", "")
    moment = report.signing_time.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC") if report.signing_time else ""
    if report.kind == "timestamp":
        head = Say(
            f"通过：截至 {moment} 文件已存在且此后没有被改动，可信时间戳由{name}加盖。",
            f"Passed: the file existed at {moment} and was not altered since; time-stamped by {name}.",
        )
    elif report.kind == "countersignature":
        head = Say(
            f"通过：这是对第 {report.counter_signs} 个签名的副署，副署人是{name}，证书由{issuer}{internal.zh}签发。",
            f"Passed: a counter-signature over signature {report.counter_signs}; by {name}, certificate issued by {issuer}{internal.en}.",
        )
    else:
        allowed = (
            Say("签署后只增加了允许的内容", "only permitted additions were made since")
            if report.changes
            else Say("自签署后文件没有被改动", "the file was not altered since it was signed")
        )
        head = Say(
            f"通过：{allowed.zh}，签名人是{name}，证书由{issuer}{internal.zh}签发。",
            f"Passed: {allowed.en}; signed by {name}, certificate issued by {issuer}{internal.en}.",
        )
    parts = [head]
    if report.kind != "timestamp" and moment:
        proved = report.time_source == "timestamp"
        parts.append(
            Say(
                f"签署时间 {moment}（{'可信时间戳' if proved else '本机时间，未经证明'}）。",
                f"Signed at {moment} ({'trusted time-stamp' if proved else 'claimed by the signer, not proved'}).",
            )
        )
    if report.revocation == "not_offered":
        parts.append(Say("证书没有提供吊销查询途径，未查询是否吊销。", "The certificate names no source for revocation, so that was not checked."))
    for finding in report.findings:
        said = _fill(TABLE[finding.code].what, finding)
        parts.append(Say(f"{said.zh}。", f"{_capital(said.en)}."))
    return Say("".join(p.zh for p in parts), " ".join(p.en for p in parts))


def signature_to_wire(report: SignatureReport) -> dict[str, Any]:
    """One entry of `signatures`, exactly as the contract has it, with `findings` and `certificate` beyond it."""
    verdict, reason = judge(report.findings)
    return {
        "verdict": verdict, "reason": reason, "explanation": explain(report).to_wire(),
        "field": report.field, "page": report.page, "rect_mm": list(report.rect_mm) if report.rect_mm else None,
        "signer": report.signer.name if report.signer else None,
        "signing_time": iso(report.signing_time), "time_source": report.time_source, "level": report.level,
        "covers_whole_file": report.covers_whole_file, "revision": report.revision,
        "changes_after_signing": [c.to_wire() for c in report.changes],
        "revocation": report.revocation, "seal": None, "ledger": "no_ledger",
        "kind": report.kind, "covers": list(report.covers), "counter_signs": report.counter_signs,
        "certificate": report.signer.to_wire() if report.signer else None,
        "entered": report.entered.to_wire() if report.entered else None,
        "findings": [_finding_to_wire(f) for f in _by_weight(report.findings)],
    }  # fmt: skip


def _finding_to_wire(finding: Finding) -> dict[str, Any]:
    row = TABLE[finding.code]
    return {
        "code": finding.code,
        "verdict": row.verdict,
        "reason": row.reason,
        "description": _fill(row.what, finding).to_wire(),
        "facts": dict(finding.facts),
    }


def document_to_wire(file: str, reports: Sequence[SignatureReport]) -> dict[str, Any]:
    """The document's verdict: one failed signature fails it, else one indeterminate makes it indeterminate; without a signature NO_SIGNATURE."""
    if not reports:
        return refused(file, "NO_SIGNATURE")
    signatures = [signature_to_wire(r) for r in reports]
    worst = min(signatures, key=lambda s: _ORDER.get(s["verdict"], 2))
    zh, en = worst["explanation"]["zh"], worst["explanation"]["en"]
    if len(signatures) > 1:
        passed = sum(s["verdict"] == Verdict.PASSED for s in signatures)
        zh = f"共 {len(signatures)} 个签名，{passed} 个通过。" + zh
        en = f"{len(signatures)} signatures, {passed} passed. " + en
    return {"file": file, "verdict": worst["verdict"], "reason": worst["reason"], "explanation": {"zh": zh, "en": en}, "signatures": signatures}


def refused(file: str, code: str, **facts: object) -> dict[str, Any]:
    """The verdict over a file that could not be judged as a whole (codes of `findings.DOCUMENT`): always indeterminate."""
    row: Row = DOCUMENT[code]
    finding = Finding(code, {name: clean(value) for name, value in facts.items()})
    said = _sentence(Verdict.INDETERMINATE, [_fill(row.what, finding)], [_fill(row.need, finding)])
    return {"file": file, "verdict": Verdict.INDETERMINATE, "reason": row.reason, "explanation": said.to_wire(), "signatures": []}
