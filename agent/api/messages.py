"""Every error in two sentences, Chinese and English: what happened, and what to do about it.

A sentence is looked up as ``code.reason`` (facts["reason"]) and then as ``code``.  A part in ``[…]`` is left out when one of
the facts it names is missing; a missing fact outside of brackets reads as a plain word.  Facts are plain values:

    token, wanted, name, module, path, serial        names as the user knows them
    present                                          what there is instead (a list of names)
    published, remaining                             numbers of documents in a batch
    during, ckr, mechanism, detail, type, limit      for the curious; try_spent: a PIN try may be lost
"""

import re
from collections.abc import Mapping
from typing import Any

from agent.api.errors import Code
from agent.api.sentences import SENTENCES

_WORD = {"zh": "（未知）", "en": "(unknown)"}
_OPTIONAL = re.compile(r"\[([^\[\]]*\{[^\[\]]*)\]")
_FACT = re.compile(r"\{(\w+)\}")


def _plain(value: Any, lang: str) -> str:
    """A fact as text; lists by the language's comma; control characters and line ends never reach a terminal or a log line."""
    if isinstance(value, list | tuple | set | frozenset):
        shown = [_plain(item, lang) for item in value]
        return ("、" if lang == "zh" else ", ").join(shown[:12]) + (" …" if len(shown) > 12 else "")
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in str(value))


def _fill(template: str, facts: Mapping[str, Any], lang: str) -> str:
    known = {name: text for name, value in facts.items() if value is not None and not isinstance(value, Mapping) and (text := _plain(value, lang))}

    def optional(match: re.Match[str]) -> str:
        return match[1] if all(name in known for name in _FACT.findall(match[1])) else ""

    return _FACT.sub(lambda match: known.get(match[1], _WORD[lang]), _OPTIONAL.sub(optional, template))


def sentence(code: Code | str, facts: Mapping[str, Any] | None = None, lang: str = "en") -> tuple[str, str]:
    """What happened and what to do, as two sentences in `lang` ("zh", else English).  Never fails: an unknown code is worded as `internal`."""
    told = dict(facts or {})
    if "name" not in told and (where := told.get("path") or told.get("file") or told.get("input") or told.get("output")):
        told["name"] = where
    found = SENTENCES.get(f"{code}.{told.get('reason')}") or SENTENCES.get(str(code)) or SENTENCES["internal"]
    lang = "zh" if lang.lower().startswith("zh") else "en"
    message, hint = (found.zh, found.zh_hint) if lang == "zh" else (found.en, found.en_hint)
    return _fill(message, told, lang), _fill(hint, told, lang)
