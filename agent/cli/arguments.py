"""The options that hold for every command, read before the application is built: its language depends on them."""

from collections.abc import Sequence
from typing import NamedTuple

_WITH_VALUE = ("--home", "--lang")


class Arguments(NamedTuple):
    """A command line without its global options, and those."""

    rest: list[str]
    json: bool = False
    home: str | None = None
    lang: str | None = None
    missing: str | None = None
    """A global option whose value is missing."""


def read(argv: Sequence[str]) -> Arguments:
    """Take `--json`, `--home DIR` and `--lang LANG` out of a command line, wherever they stand before a `--`."""
    rest: list[str] = []
    found: dict[str, str] = {}
    as_json, missing = False, None
    words = iter(argv)
    for word in words:
        name, equals, value = word.partition("=")
        if word == "--":
            rest += [word, *words]
        elif word == "--json":
            as_json = True
        elif name in _WITH_VALUE:
            taken = value if equals else next(words, None)
            if taken is None:
                missing = name
            else:
                found[name] = taken
        else:
            rest.append(word)
    return Arguments(rest, as_json, found.get("--home"), found.get("--lang"), missing)
