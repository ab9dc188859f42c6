"""The language a program speaks, and its texts with their facts filled in."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from agent.api.messages import sentence
from desktop.wording import HINTS, TEXTS, Lang

_COMMAND = re.compile(r"--\w|yinxin |apt |SOFTHSM2_CONF|/openapi")


def choose_language(wanted: str | None = None, saved: str | None = None) -> Lang:
    """The language to speak: what was asked for, else what was saved, else the locale's; Chinese where none says otherwise."""
    for candidate in (wanted, saved, *(os.environ.get(name) for name in ("LC_ALL", "LC_MESSAGES", "LANG"))):
        if candidate and candidate.lower().startswith("zh"):
            return "zh"
        if candidate and candidate.lower().startswith("en"):
            return "en"
    return "zh"


@dataclass(frozen=True, slots=True)
class Words:
    """The texts in one language; call it with a key of `TEXTS` and the facts to fill in."""

    lang: Lang

    def __call__(self, key: str, **facts: object) -> str:
        """The text for `key`; raises KeyError for an unknown key or a missing fact."""
        return TEXTS[key][0 if self.lang == "zh" else 1].format(**facts)

    def either(self, key: str, otherwise: str, **facts: object) -> str:
        """The text for `key`, or for `otherwise` where the wire brought a word this window does not know."""
        return self(key if key in TEXTS else otherwise, **facts)

    def error(self, code: str, facts: Mapping[str, object], detail: str = "", hint: str = "") -> tuple[str, str]:
        """What happened and what to do, for one who has this window and no command line; `detail` and `hint` are the agent's own words."""
        known = sentence(code, dict(facts), self.lang)
        unknown = code != "internal" and known == sentence("internal", dict(facts), self.lang)
        message, advice = (detail or known[0], hint or known[1]) if unknown else known
        exact, needs_command = HINTS.get(f"{code}.{facts.get('reason')}"), speaks_of_commands(advice)
        own = exact or (HINTS.get(code) if needs_command or not facts.get("reason") else None) or (HINTS["other"] if needs_command else None)
        return message, advice if own is None else own[0 if self.lang == "zh" else 1]

    def together(self, *sentences: str) -> str:
        """Sentences one after the other."""
        return ("" if self.lang == "zh" else " ").join(filter(None, sentences))

    def size(self, count: int) -> str:
        """A file size a person reads at a glance."""
        if count < 1000:
            return self("size.bytes", value=count)
        return self("size.kb", value=f"{count / 1000:.0f}") if count < 1_000_000 else self("size.mb", value=f"{count / 1_000_000:.1f}")

    def day(self, iso: str) -> str:
        """A calendar day of this place from an ISO 8601 instant; the text itself where it is none."""
        moment = _moment(iso)
        if moment is None:
            return iso
        return f"{moment.year}年{moment.month}月{moment.day}日" if self.lang == "zh" else f"{moment:%d %B %Y}"

    def instant(self, iso: str) -> str:
        """Day and time of this place from an ISO 8601 instant."""
        moment = _moment(iso)
        return iso if moment is None else f"{self.day(iso)} {moment:%H:%M:%S}"

    def stamp(self, iso: str) -> str:
        """The same, short and of one width, for tables."""
        moment = _moment(iso)
        return iso if moment is None else f"{moment:%Y-%m-%d %H:%M:%S}"


def speaks_of_commands(text: str) -> bool:
    """Whether a piece of advice is for one who has a command line."""
    return _COMMAND.search(text) is not None


def _moment(iso: str) -> datetime | None:
    try:
        return datetime.fromisoformat(iso).astimezone()
    except ValueError:
        return None
