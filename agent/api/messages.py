"""Every error in two sentences, Chinese and English: what happened, and what to do about it.

A sentence is looked up as ``code.reason`` (facts["reason"]), as ``code.pin_state`` (facts["pin_state"]: what the token says after a
wrong PIN) and then as ``code``.  A part in ``[…]`` is left out when one of
the facts it names is missing; a missing fact outside of brackets reads as a plain word.  Facts are plain values, mostly:

    token, wanted, name, module, path, serial        names as the user knows them (certificate, key, … stand for `wanted` too)
    present, available                               what there is instead (a list of names, or a text)
    published, remaining                             numbers of documents in a batch
    during, ckr, mechanism, detail, type, limit      for the curious; try_spent: a PIN try may be lost; pin_unsure: it may be the new one
"""

import re
from collections.abc import Mapping
from typing import Any

from agent.api.errors import Code
from agent.api.sentences import SENTENCES

_WORD = {"zh": "（未知）", "en": "(unknown)"}
_ALIASES = {
    "wanted": ("certificate", "key", "subject", "place", "label", "id"),
    "name": ("path", "file", "input", "output"),
    "present": ("available",),
    "mechanism": ("scheme", "key_type"),
    "type": ("exception",),
}
_OPTIONAL = re.compile(r"\[([^\[\]]*\{[^\[\]]*)\]")
_FACT = re.compile(r"\{(\??)(\w+)\}")


def _plain(value: Any, lang: str) -> str:
    """A fact as text; lists by the language's comma; control characters and line ends never reach a terminal or a log line."""
    if isinstance(value, list | tuple | set | frozenset):
        shown = [_plain(item, lang) for item in value]
        return ("、" if lang == "zh" else ", ").join(shown[:12]) + (" …" if len(shown) > 12 else "")
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in str(value))


def _known(facts: Mapping[str, Any], lang: str) -> dict[str, str]:
    """The facts that say something, as texts, under their own names and those they stand for."""
    known = {name: _plain(value, lang) for name, value in facts.items() if value not in (None, False, "") and not isinstance(value, Mapping)}
    for name, others in _ALIASES.items():
        if name not in known and (found := next((known[other] for other in others if known.get(other)), None)):
            known[name] = found
    return {name: text for name, text in known.items() if text}


def _fill(template: str, known: Mapping[str, str], lang: str) -> str:
    def optional(match: re.Match[str]) -> str:
        return match[1] if all(name in known for _, name in _FACT.findall(match[1])) else ""

    def fact(match: re.Match[str]) -> str:
        return "" if match[1] else known.get(match[2], _WORD[lang])

    return _FACT.sub(fact, _OPTIONAL.sub(optional, template))


def sentence(code: Code | str, facts: Mapping[str, Any] | None = None, lang: str = "en") -> tuple[str, str]:
    """What happened and what to do, as two sentences in `lang` ("zh", else English).  Never fails: an unknown code is worded as `internal`."""
    facts = facts or {}
    keys = (f"{code}.{facts.get('reason')}", f"{code}.{facts.get('pin_state')}", str(code), "internal")
    found = next(SENTENCES[key] for key in keys if key in SENTENCES)
    lang = "zh" if lang.lower().startswith("zh") else "en"
    message, hint = (found.zh, found.zh_hint) if lang == "zh" else (found.en, found.en_hint)
    known = _known(facts, lang)
    return _fill(message, known, lang), _fill(hint, known, lang)
