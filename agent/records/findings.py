"""What a full check of a ledger found, in words that name the entry."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from agent.ledger.checking import Finding, Report
from agent.records.words import Say, plain, say

_WHY: Final[Mapping[str, Say]] = {
    "digest": say("凭证内容与签名不符", "the statement is not the one that was signed"),
    "signature": say("签名值不对", "the signature value is wrong"),
    "content_type": say("不是凭证的签名（可能是文件的签名）", "it is no statement's signature (perhaps a document's)"),
    "not_cms": say("不是签名数据", "it is no signature at all"),
    "weak_key": say("密钥太弱", "the key is too weak"),
}
_SOURCE: Final[Mapping[str, Say]] = {
    "head": say("台账自己的记录", "the ledger's own record"),
    "memory": say("本机的记忆", "this computer's memory"),
    "checkpoint": say("封账点", "the checkpoint"),
    "export": say("导出文件的首行", "the first line of the export"),
}
_WHAT: Final[Mapping[str, Say]] = {
    "altered": say("{where}的凭证在入账后被改动过", "the statement of {where} was altered after it was entered"),
    "statement": say("{where}不是一份凭证（{why}）", "{where} is no statement ({why})"),
    "signature": say("{where}的签名无效：{why}", "the signature of {where} is not valid: {why}"),
    "unsigned": say("{where}没有签名", "{where} bears no signature"),
    "missing": say("缺少{where}", "{where} missing"),
    "repeated": say("{where}重复或顺序不对", "{where} repeated or out of order"),
    "unreadable": say("{where}的位置上不是台账记录", "in the place of {where} there is something that is no entry"),
    "cut": say("台账末尾被截断：按{source}，缺少{where}", "the end of the ledger was cut off: by {source}, {where} missing"),
    "rewritten": say(
        "{where}中有记录被改写、删除或插入：与{source}（前 {size} 条）不符",
        "among {where} something was rewritten, deleted or inserted: it does not fit {source} (of the first {size} entries)",
    ),
    "head": say(
        "台账自己的记录只有 {size} 条，{where}起是多出来的", "the ledger's own record knows {size} entries only; from {where} on they are too many"
    ),
    "before": say("{where}在台账的编号之外，不是台账记录", "{where} lies outside the numbers of the ledger and is no entry of it"),
    "hashes": say("{where}旁边保存的哈希值被改动过（凭证本身没有）", "the hashes stored beside {where} were altered (the statement was not)"),
    "other_org": say("{where}是别的台账的凭证", "{where} is a statement of another ledger"),
    "founded_again": say("{where}是第二份建立台账的凭证", "{where} founds the ledger a second time"),
    "not_founded": say("没有建立台账的凭证", "there is no statement that founds this ledger"),
    "legacy": say("签名启用前的记录与建账时不符", "the entries from before statements were signed are not those that the founding statement names"),
    "twice": say("{where}与第 {first} 条是同一份凭证", "{where} is the same statement as entry {first}"),
    "without_effect": say("{where}（{type}）按规则无效：{reason}（{rule}）", "{where} ({type}) takes no effect by the rules: {reason} ({rule})"),
    "device": say("{where}不是由它所说的电脑签名的", "{where} was not signed by the workstation that it names"),
    "clock": say("{where}的时间比前面的早：电脑时间被往回拨过", "the time of {where} lies before that of earlier ones: the clock was set back"),
    "drawn": say(
        "{where}在查询表里与台账不符（运行 yinxin ledger rebuild 重新生成）",
        "lists and searches show {where} otherwise than the ledger has it (draw it anew: yinxin ledger rebuild)",
    ),
    "spoiled": say("导出文件的{line}被改动过", "{line} of the export was altered"),
    "checkpoint": say("封账点不可信：{why}", "the checkpoint cannot be trusted: {why}"),
    "no_checkpoint": say("导出文件没有封账点，末尾是否完整无法确认", "the export has no checkpoint: whether its end is complete cannot be told"),
    "older": say(
        "这份导出有 {entries} 条记录，本机记得这本台账有 {size} 条：它是较早的，或者末尾被截断",
        "the export has {entries} entries, and this computer remembers {size} of this ledger: it is an older one, or its end was cut off",
    ),
    "memory": say("本机对台账的记忆读不出来（{why}），无法据此发现末尾被截断", "this computer's memory of the ledger cannot be read ({why})"),
}
_NOTE_WHY: Final[Mapping[str, Say]] = {
    "malformed": say("格式不对", "it is malformed"),
    "signature": say("签名不对", "its signature is wrong"),
    "unknown_key": say("不是本台账的电脑或人员签的", "nobody of this ledger signed it"),
    "other_org": say("是别的台账的", "it is of another ledger"),
    "other_root": say("与台账内容不符", "it does not fit the entries"),
}
_LINE: Final[Mapping[str, Say]] = {"head": say("首行", "the first line"), "checkpoint": say("末行", "the last line")}
_PASSED = say(
    "台账核验通过：{entries} 条记录完整、未被改动，{signatures} 个签名全部验过。",
    "The ledger is whole: {entries} entries, none altered; all {signatures} signatures hold.",
)
_FAILED = say("台账核验不通过：{first}", "The ledger is NOT whole: {first}")


def _where(finding: Finding) -> Say:
    if finding.seq is None:
        return say("台账", "the ledger")
    if finding.last is not None and finding.last > finding.seq:
        return say(f"第 {finding.seq} 至 {finding.last} 条记录", f"entries {finding.seq} to {finding.last}")
    return say(f"第 {finding.seq} 条记录", f"entry {finding.seq}")


def message(finding: Finding) -> Say:
    """A finding as a sentence in both languages."""
    template = _WHAT.get(finding.what, say(finding.what, finding.what))
    why = str(finding.facts.get("why", ""))
    told = (_NOTE_WHY if finding.what == "checkpoint" else _WHY).get(why, say(plain(why), plain(why)))
    source = _SOURCE.get(str(finding.facts.get("source")), say("", ""))
    line = _LINE.get(str(finding.facts.get("line")), say("", ""))
    out = {}
    for lang in ("zh", "en"):
        facts = {name: plain(value) for name, value in finding.facts.items()}
        filled = {**facts, "where": _where(finding)[lang], "why": told[lang], "source": source[lang], "line": line[lang]}
        text = template[lang].format_map(_Missing(filled))
        out[lang] = text if lang == "zh" else text[:1].upper() + text[1:]
    return out


class _Missing(dict[str, str]):
    def __missing__(self, key: str) -> str:
        return "–"


def told(finding: Finding) -> dict[str, Any]:
    """A finding on the wire."""
    facts = {name: value if isinstance(value, int | bool) else plain(value) for name, value in finding.facts.items()}
    return {
        "what": finding.what,
        "severity": finding.severity,
        "seq": finding.seq,
        "last": finding.last,
        "message": message(finding),
        "facts": facts,
    }


def explained(report: Report) -> Say:
    """The verdict in one sentence."""
    if report.passed:
        facts = {"entries": report.entries, "signatures": report.signatures}
        return say(_PASSED["zh"].format_map(facts), _PASSED["en"].format_map(facts))
    first = next((message(each) for each in report.findings if each.severity == "wrong"), say("", ""))
    others = sum(each.severity == "wrong" for each in report.findings) + report.more - 1
    zh, en = _FAILED["zh"].format(first=first["zh"]), _FAILED["en"].format(first=first["en"])
    return say(f"{zh}。", f"{en}.") if others <= 0 else say(f"{zh}；另有 {others} 处。", f"{en}; and {others} more.")


def checked(sources: Iterable[str]) -> dict[str, list[Say]]:
    """What a full check looked at, and what it cannot see."""
    seen = set(sources)
    looked = [
        say("每条凭证的格式和签名", "form and signature of every statement"),
        say("顺序、编号，有无缺少、重复、改动", "order and numbers: nothing missing, doubled or altered"),
        say("由凭证重新算出的根哈希", "the root hash, computed anew from the statements"),
        say("按规则是否有效", "whether each takes effect by the rules"),
        *([say("查询用的表与台账是否一致", "whether lists and searches show what the ledger has")] if "head" in seen else []),
    ]
    looked += [say(f"与{word['zh']}是否一致", f"whether it fits {word['en']}") for name, word in _SOURCE.items() if name in seen]
    unseen = []
    if not {"memory", "checkpoint"} & seen:
        unseen.append(say("末尾是否被截断（没有可对照的封账点或本机记忆）", "whether the end was cut off (no checkpoint or memory to compare with)"))
    unseen.append(say("台账之外用别的软件签的文件", "documents that were signed with other software"))
    return {"checked": looked, "not_checked": unseen}
