"""Two languages: every text stands as a pair beside what it describes, and one of the two is picked when it is shown."""

import os
from collections.abc import Mapping

LANGUAGES = ("zh", "en")
_BETWEEN = "\x1e"


def both(zh: str, en: str) -> str:
    """A help text in both languages, for `pick`; Typer carries it as one string."""
    return f"{zh}{_BETWEEN}{en}"


def pick(text: str | None, lang: str) -> str:
    """The half of a text made by `both` that is in `lang`; any other text as it is."""
    zh, between, en = (text or "").partition(_BETWEEN)
    return en if between and lang != "zh" else zh


def choose(named: str | None, environment: Mapping[str, str] = os.environ) -> str:
    """The language to speak: the one named, else the environment's (gettext's order), else English."""
    if named in LANGUAGES:
        return str(named)
    for variable in ("LC_ALL", "LC_MESSAGES", "LANG"):
        if value := environment.get(variable):
            if value in ("C", "POSIX") or value.startswith("C."):
                return "en"
            preferred = environment.get("LANGUAGE") or value
            return "zh" if preferred.lower().startswith("zh") else "en"
    return "en"
