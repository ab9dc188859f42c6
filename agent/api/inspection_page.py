"""The report of an inspection as one HTML file that needs nothing else and prints on A4; everything from outside is escaped."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from html import escape
from typing import Any

from agent import __version__

_TEXTS: Mapping[str, tuple[str, str]] = {
    "title": ("UKey 检测报告", "Token inspection report"),
    "passed": ("通过", "PASSED"),
    "failed": ("不通过", "FAILED"),
    "indeterminate": ("无法确认", "INDETERMINATE"),
    "seal": ("可以承载电子印章", "It may carry a seal"),
    "no_seal": ("不能承载电子印章", "It may not carry a seal"),
    "why": ("理由", "Reasons"),
    "findings": ("检测项目", "What was looked at"),
    "state": ("结果", "Result"),
    "what": ("内容", "Finding"),
    "do": ("应做什么", "What to do"),
    "ok": ("正常", "ok"),
    "warn": ("注意", "note"),
    "fail": ("有问题", "FAIL"),
    "keys": ("私钥", "Private keys"),
    "key": ("密钥", "Key"),
    "attributes": ("属性（UKey 自报）", "Attributes (by the token's word)"),
    "attempts": ("试着取出的结果", "Attempts to take it out"),
    "test": ("试签", "Test signature"),
    "certificates": ("数字证书", "Certificates"),
    "module": ("UKey 驱动", "Module"),
    "mechanisms": ("机制", "Mechanisms"),
    "token": ("UKey", "Token"),
    "label": ("名称", "Label"),
    "serial": ("序列号", "Serial"),
    "model": ("厂商和型号", "Maker and model"),
    "versions": ("硬件 / 固件版本", "Hardware / firmware"),
    "inspected_at": ("检测时间（本机时间）", "Inspected (by this computer's clock)"),
    "program": ("检测程序", "Program"),
    "signature": ("检测人签名", "Inspector's signature"),
    "date": ("日期", "Date"),
    "yes": ("是", "yes"),
    "no": ("否", "no"),
    "unknown": ("未报", "not told"),
    "until": ("有效期至", "valid until"),
    "succeeded": ("成功（不应成功）", "succeeded (it should not)"),
    "not_offered": ("UKey 不提供", "not offered"),
    "without_effect": ("标志可改，但取不出", "the flag changes, nothing comes out"),
    "verified": ("核对无误", "checked, holds"),
    "wrong_signature": ("核对不上", "does not hold"),
    "not_tried": ("未试", "not tried"),
    "read": ("读出", "read"),
    "wrap": ("加密导出", "wrap"),
    "copy": ("复制", "copy"),
    "make_extractable": ("改为可导出", "make extractable"),
    "make_readable": ("改为可读", "make readable"),
    "subject": ("持有者", "Subject"),
    "name": ("名称", "Name"),
    "path": ("文件", "File"),
    "manufacturer": ("厂商", "Manufacturer"),
    "description": ("说明", "Description"),
    "library_version": ("版本", "Version"),
    "cryptoki_version": ("PKCS#11 版本", "PKCS#11 version"),
    "architecture": ("处理器架构", "Architecture"),
    "owner": ("文件所有者", "Owner"),
    "mode": ("文件权限", "Mode"),
    "sha256": ("文件指纹（SHA-256）", "SHA-256"),
    "sha256_recorded": ("添加时的文件指纹", "SHA-256 when it was added"),
    "writable_by_others": ("别人能改", "Others can change it"),
}
_STYLE = """
@page { size: A4; margin: 18mm 16mm }
* { box-sizing: border-box }
body { font: 10.5pt/1.5 "Noto Sans CJK SC", "Source Han Sans SC", "Microsoft YaHei", "PingFang SC", sans-serif; color: #1a1a1a;
  max-width: 190mm; margin: 8mm auto; padding: 0 5mm }
h1 { font-size: 18pt; margin: 0 0 2mm }
h2 { font-size: 12pt; margin: 7mm 0 2mm; border-bottom: 1px solid #999; page-break-after: avoid }
table { border-collapse: collapse; width: 100% }
tr { page-break-inside: avoid }
th, td { border: 1px solid #bbb; padding: 1mm 2mm; text-align: left; vertical-align: top; overflow-wrap: anywhere }
th { background: #f2f2f2; font-weight: 600 }
table.facts th { width: 42mm }
code { font: 8.5pt/1.4 "Noto Sans Mono CJK SC", monospace; overflow-wrap: anywhere }
.verdict { font-size: 15pt; font-weight: 700; border: 2px solid; padding: 2mm 4mm; display: inline-block; margin: 2mm 0 }
.passed, .ok { color: #17703a }
.failed, .fail { color: #b3261e }
.indeterminate, .warn { color: #8a5300 }
.state { white-space: nowrap; font-weight: 600 }
.sign { margin-top: 14mm; display: flex; gap: 20mm }
.sign div { border-top: 1px solid #333; padding-top: 1mm; width: 60mm }
@media print {
  body { margin: 0; padding: 0; max-width: none }
  * { -webkit-print-color-adjust: exact; print-color-adjust: exact }
}
"""
_POLICY = "default-src 'none'; style-src 'unsafe-inline'"


def page(result: Mapping[str, Any], lang: str) -> str:
    """The report for the answer of POST /v1/tokens/inspect, in "zh" or "en"."""
    say = _Words(lang)
    token, module = result["token"], result["module"]
    verdict = str(result["verdict"])
    about = [
        (say("label"), token["label"]),
        (say("serial"), token["serial"]),
        (say("model"), " ".join(filter(None, (token["manufacturer"], token["model"])))),
        (say("versions"), f"{token.get('hardware_version') or '–'} / {token.get('firmware_version') or '–'}"),
        (say("inspected_at"), _when(str(result["inspected_at"]))),
        (say("program"), f"Yinxin 印信 {__version__}"),
    ]
    parts = [
        f"<h1>{say('title')}</h1>",
        f'<div class="verdict {escape(verdict)}">{say(verdict)}</div>',
        _list(say.of(reason) for reason in result["reasons"]),
        f"<p><b>{say('seal' if result['may_carry_seal'] else 'no_seal')}</b></p>",
        _list(say.of(reason) for reason in result["seal_reasons"]),
        f"<h2>{say('token')}</h2>",
        _facts(about),
        f"<h2>{say('findings')}</h2>",
        _table(
            (say("state"), say("what"), say("do")),
            (
                (
                    f'<span class="state {escape(finding["state"])}">{say(finding["state"])}</span>',
                    escape(say.of(finding["message"])),
                    escape(say.of(finding["hint"]) if finding["hint"] and finding["state"] != "ok" else ""),
                )
                for finding in result["findings"]
            ),
        ),
        f"<h2>{say('keys')}</h2>",
        _table((say("key"), say("attributes"), say("attempts"), say("test")), (_key(key, say) for key in result["keys"])),
        f"<h2>{say('certificates')}</h2>",
        _table(
            (say("subject"), say("until"), say("sha256")),
            (
                (escape(each["subject"]), escape(each["not_after"][:10]), f"<code>{escape(each['fingerprint'])}</code>")
                for each in token["certificates"]
            ),
        ),
        f"<h2>{say('module')}</h2>",
        _facts([(say(name), say.truth(module[name])) for name in module if module[name] not in (None, "")]),
        f"<p><b>{say('mechanisms')}</b> <code>{escape(', '.join(_mechanism(each) for each in result['mechanisms'])) or '–'}</code></p>",
        f'<div class="sign"><div>{say("signature")}</div><div>{say("date")}</div></div>',
    ]
    title = escape(f"{say('title')} {token['label']}")
    language = "zh-CN" if lang == "zh" else "en"
    head = f'<meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="{_POLICY}"><title>{title}</title>'
    return f'<!DOCTYPE html>\n<html lang="{language}"><head>{head}<style>{_STYLE}</style></head><body>\n' + "\n".join(parts) + "\n</body></html>\n"


class _Words:
    """The texts of one language."""

    def __init__(self, lang: str) -> None:
        self._lang = "zh" if lang == "zh" else "en"

    def __call__(self, name: str) -> str:
        """One of our texts; an unknown word as it is, escaped."""
        pair = _TEXTS.get(name)
        return escape(name) if pair is None else pair[0 if self._lang == "zh" else 1]

    def truth(self, value: object) -> object:
        """A truth value as a word, anything else as it is."""
        return self("yes" if value else "no") if isinstance(value, bool) else value

    def of(self, text: Mapping[str, str]) -> str:
        """The agent's text in this language, not escaped."""
        return str(text[self._lang])


def _key(key: Mapping[str, Any], say: _Words) -> tuple[str, ...]:
    told = {True: say("yes"), False: say("no"), None: say("unknown")}
    attributes = "<br>".join(f"{escape(name.upper())}: {told[value]}" for name, value in key["attributes"].items())
    attempts = "<br>".join(f"{say(name)}: {say(outcome)}" for name, outcome in key["export_attempts"].items())
    test = say(key["test_signature"]) + (f"<br>{escape(key['scheme'])}" if key["scheme"] else "")
    return (f"{escape(key['label'])}<br>{escape(key['type'])}<br><code>{escape(key['id'])}</code>", attributes or "–", attempts or "–", test)


def _when(text: str) -> str:
    """A time of the wire as this place reads it, with its distance from UTC."""
    return datetime.fromisoformat(text).astimezone().isoformat(sep=" ", timespec="minutes")


def _mechanism(each: Mapping[str, Any]) -> str:
    return each["name"] or f"0x{each['number']:08X}"


def _list(texts: Iterable[str]) -> str:
    items = "".join(f"<li>{escape(text)}</li>" for text in texts)
    return f"<ul>{items}</ul>" if items else ""


def _facts(rows: Iterable[tuple[str, object]]) -> str:
    return '<table class="facts">' + "".join(f"<tr><th>{escape(str(k))}</th><td>{escape(str(v))}</td></tr>" for k, v in rows) + "</table>"


def _table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A table of cells that are HTML already."""
    body = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table><tr>{''.join(f'<th>{escape(each)}</th>' for each in head)}</tr>{body}</table>" if body else "<p>–</p>"
