"""A statement in words, Chinese and English: its title, a line for lists, and each of its parts with a label."""

import base64
import hashlib
import posixpath
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, TypeAlias
from urllib.parse import unquote, urlsplit

from agent.records import values

Say: TypeAlias = dict[str, str]
"""{"zh": …, "en": …}."""
_LONGEST: Final = 200
_LISTED: Final = 3
"""Names that a line shows before it only counts."""
_PARTS_MAX: Final = 500
"""Parts of one statement that are shown in words; the raw statement has them all."""
_HIDDEN: Final = ("chain", "salt")
"""Parts that say nothing to a reader: certificates of issuers, the salt of the ledger mark."""


def say(zh: str, en: str) -> Say:
    """Both languages."""
    return {"zh": zh, "en": en}


_HOME: Final[Mapping[str, Say]] = {
    "home.founded": say("建立本机台账", "ledger of this home founded"),
    "signature.started": say("开始签署", "signing started"),
    "signature.finished": say("签署结果", "signing finished"),
    "attempt.denied": say("被拒绝的操作", "attempt denied"),
}
_LABELS: Final[Mapping[str, Say]] = {
    "batch": say("批次", "batch"), "resumes": say("续签批次", "resumes batch"), "documents": say("文件", "documents"),
    "input": say("文件", "file"), "output": say("输出文件", "output"), "sha256": say("文件指纹 (SHA-256)", "SHA-256"),
    "before": say("签署前文件指纹", "SHA-256 before"), "state": say("结果", "outcome"), "level": say("级别", "level"),
    "time_source": say("时间来源", "time source"), "signature": say("签名值指纹", "SHA-256 of the signature value"),
    "attributes": say("被签属性指纹", "SHA-256 of what was signed"), "error": say("原因", "reason"), "stopped": say("中止原因", "stopped by"),
    "reissued": say("重发（同一内容）", "issued again, same content"), "recovered": say("启动时核实", "found out at the next start"),
    "token": say("UKey", "token"), "serial": say("UKey 序列号", "serial number"), "label": say("名称", "label"), "module": say("UKey 驱动", "module"),
    "certificate": say("数字证书", "certificate"), "certificates": say("数字证书", "certificates"), "subject": say("证书主体", "subject"),
    "fingerprint": say("证书指纹", "certificate fingerprint"), "authority": say("依据", "authority"), "manner": say("签署方式", "manner"),
    "signing_time": say("签名时间", "signing time"), "format": say("格式", "format"), "appearance": say("签名外观", "appearance"),
    "places": say("盖章位置", "places"), "reason": say("原因", "reason"), "location": say("地点", "location"), "device": say("电脑", "workstation"),
    "person": say("人员", "person"), "name": say("名称", "name"), "role": say("职务", "role"), "department": say("部门", "department"),
    "legacy": say("以前未签名的记录", "entries from before statements were signed"), "size": say("条数", "entries"),
    "root": say("根哈希", "root hash"),
    "practice": say("练习模式（无效力）", "practice"), "asked": say("曾请求签署", "asked for before"), "n": say("序号", "number"),
    "profile": say("规则方案", "rule profile"), "founders": say("创建人", "founders"), "rule": say("规则", "rule"), "facts": say("事实", "facts"),
    "act": say("事项", "act"), "attempt": say("尝试的操作", "attempted"), "emulated": say("练习用（模拟）UKey", "emulated token"),
    "signer": say("签名人", "signer"), "scheme": say("签名算法", "scheme"), "force": say("替换已有的输出文件", "replace outputs that exist"),
    "repair": say("允许修复损坏的文件", "repair damaged files"), "language": say("语言", "language"), "caller": say("请求的程序", "asked by"),
    "program": say("程序", "program"), "pid": say("进程号", "process"), "user": say("系统用户", "system user"),
    "code": say("为什么拒绝", "why refused"),
    "purpose": say("尝试的操作", "attempted"), "times": say("次数", "times"), "actor": say("经办人", "person"), "id": say("编号", "id"),
    "quorum": say("须签署的人数", "how many must sign"), "binding": say("UKey 和证书", "token and certificate"), "version": say("版本", "version"),
    "title": say("标题", "title"), "method": say("办法", "method"), "since": say("起", "since"), "holder": say("持有人", "holder"),
}  # fmt: skip
_FRAME: Final[Sequence[tuple[str, Say]]] = (
    ("at", say("时间", "time")),
    ("actor", say("经办人", "person")),
    ("device", say("电脑", "workstation")),
    ("rules", say("制度版本", "policy version")),
    ("id", say("凭证编号", "statement id")),
    ("org", say("单位指纹", "founding hash")),
)
_PLACE: Final[Mapping[str, Say]] = {"site": say("地点", "site"), "host": say("电脑名称", "computer"), "note": say("地点说明", "note on the place")}
_STATES: Final[Mapping[str, Say]] = {
    "published": say("已签署", "signed"), "failed": say("未签成", "failed"), "skipped": say("未签", "not signed"),
    "waiting": say("未签", "not signed"),
    "claimed": say("本机时间（未经证明）", "claimed"), "timestamp": say("可信时间戳", "time-stamp"), "b-b": say("基本 (B-B)", "B-B"),
}  # fmt: skip


def title(kind: str) -> Say:
    """What a type of statement is called; an unknown one by its own word."""
    from agent.governance.deciding import KINDS  # here: lists of unsigned homes need none of the rules

    known = KINDS.get(kind)
    if known is not None:
        return say(known.zh, known.en)
    return _HOME.get(kind, say(plain(kind), plain(kind)))


def types() -> dict[str, Say]:
    """Every type of statement that there is."""
    from agent.governance.deciding import KINDS

    return {**_HOME, **{kind: title(kind) for kind in KINDS}}


def plain(value: object, longest: int = _LONGEST) -> str:
    """A text in one line that cannot disturb what stands beside it: no control, direction or invisible characters; a long one is cut."""
    text = str(value)[: longest * 4]
    kept = "".join(c if unicodedata.category(c)[0] not in "CZ" or c == " " else _escaped(c) for c in text)
    return kept if len(kept) <= longest and len(str(value)) <= longest * 4 else kept[: longest - 1] + "…"


def _escaped(char: str) -> str:
    if char in "\u3000\u00a0":
        return " "
    return char.encode("unicode_escape", "backslashreplace").decode("ascii")


def named(value: object) -> str:
    """A name as statements have them: a text, a file URI (its last part), or {text, raw}."""
    if isinstance(value, Mapping):
        value = next((value[key] for key in ("text", "name", "label", "id") if isinstance(value.get(key), str)), "")
    if isinstance(value, str) and value.startswith("file:"):
        value = posixpath.basename(unquote(urlsplit(value).path)) or value
    return plain(value) if isinstance(value, str) else ""


def summary(kind: str, body: object) -> Say:
    """One line on what a statement says; empty where its title says it all."""
    told = body if isinstance(body, Mapping) else {}
    documents = [each for each in told["documents"] if isinstance(each, Mapping)] if isinstance(told.get("documents"), list) else []
    if kind == "signature.finished":
        return _outcome(documents, told)
    if kind == "attempt.denied" and (denied := values.denied(told)) is not None:
        return denied
    names = [name for each in documents[: _LISTED + 1] if (name := named(each.get("input") or each.get("name")))]
    if documents:
        shown = names[:_LISTED]
        more = len(documents) > len(shown)
        zh = f"{len(documents)} 份：{'、'.join(shown)}{' 等' if more else ''}" if shown else f"{len(documents)} 份"
        en = f"{len(documents)}: {', '.join(shown)}{' …' if more else ''}" if shown else f"{len(documents)} documents"
        return say(zh, en)
    found = [
        values.value(key, told[key]) or say(text, text)
        for key in ("name", "label", "subject", "person", "device", "profile", "role", "reason", "attempt", "version", "act")
        if (text := named(told.get(key)))
    ]
    return say(*(" · ".join(dict.fromkeys(each[lang] for each in found[:3])) for lang in ("zh", "en")))


def _outcome(documents: Sequence[Mapping[str, Any]], told: Mapping[str, Any]) -> Say:
    done = sum(each.get("state") == "published" for each in documents)
    left = len(documents) - done
    stopped = named(told.get("stopped"))
    zh, en = f"已签署 {done} 份", f"{done} signed"
    if left:
        zh, en = f"{zh}，未签成 {left} 份", f"{en}, {left} not"
    return say(f"{zh}（{stopped}）", f"{en} ({stopped})") if stopped else say(zh, en)


def in_words(statement: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The parts of a statement, a label and a value each, as {"label": Say, "value": Say or text, "depth": n}."""
    out = [{"label": label, "value": plain(statement[key]), "depth": 0} for key, label in _FRAME if statement.get(key) is not None]
    place = statement.get("place")
    if isinstance(place, Mapping):
        out += [{"label": _PLACE[key], "value": plain(place[key]), "depth": 0} for key in _PLACE if place.get(key) is not None]
    for part in _parts(statement.get("body"), 0):
        if len(out) >= _PARTS_MAX:
            out.append({"label": say("其余", "the rest"), "value": say("见原文", "see the raw statement"), "depth": 0})
            break
        out.append(part)
    return out


def _parts(value: object, depth: int) -> Iterator[dict[str, Any]]:
    if not isinstance(value, Mapping) or depth > 6:
        return
    for key, each in value.items():
        if key in _HIDDEN:
            continue
        label = _LABELS.get(key, say(plain(key), plain(key)))
        if isinstance(each, Mapping) and not (isinstance(each.get("text"), str) and each.keys() <= {"text", "raw"}):
            yield {"label": label, "value": "", "depth": depth}
            yield from _parts(each, depth + 1)
        elif isinstance(each, list) and any(isinstance(item, Mapping) for item in each):
            for n, item in enumerate(each, 1):
                yield {"label": say(f"{label['zh']} {n}", f"{label['en']} {n}"), "value": "", "depth": depth}
                yield from _parts(item, depth + 1)
        elif key == "certificate" and isinstance(each, str) and len(each) > 100:
            yield {"label": say("证书指纹 (SHA-256)", "SHA-256 of the certificate"), "value": _fingerprint(each), "depth": depth}
        else:
            yield {"label": label, "value": values.value(key, each) or _value(each), "depth": depth}


def _fingerprint(text: str) -> str:
    """Of a certificate in base64, which says nothing to a reader."""
    try:
        return hashlib.sha256(base64.b64decode(text, validate=True)).hexdigest()
    except ValueError:
        return plain(text)


def _value(value: object) -> str | Say:
    if value is None or value == []:
        return "–"
    if isinstance(value, bool):
        return say("是" if value else "否", "yes" if value else "no")
    if isinstance(value, list):
        return plain(", ".join(named(item) if isinstance(item, str | Mapping) else str(item) for item in value[:50]))
    if isinstance(value, str) and value in _STATES:
        return _STATES[value]
    return named(value) if isinstance(value, str | Mapping) else plain(value)
