"""What `yinxin states` and `yinxin schema` print: the tables themselves, as data."""

from typing import Any

from agent.governance.deciding import KINDS
from agent.governance.form import DEVICE, DIGEST, MOMENT, PERSON, STATEMENT, maybe, number, record, text, word
from agent.governance.machines import MACHINES


def states() -> list[dict[str, Any]]:
    """Every state machine: its states with their words, and its transitions."""
    return [
        {
            "machine": machine.name,
            "zh": machine.zh,
            "en": machine.en,
            "states": [{"state": state, "zh": zh, "en": en} for state, (zh, en) in machine.states.items()],
            "moves": [{"from": before, "by": kind, "to": after} for (before, kind), after in machine.moves.items()],
        }
        for machine in MACHINES
    ]


def schema() -> dict[str, Any]:
    """JSON Schema of statements: what all have in common, and the body of each type."""
    place = record(site=maybe(text(256)), host=maybe(text(256)), note=maybe(text(1024)))
    statement = record(
        v=number(1, 1), org=maybe(DIGEST), id=STATEMENT, type=word(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)+"), at=MOMENT, actor=maybe(PERSON),
        device=DEVICE, place=place, rules=maybe(text(128)), body={"type": "object"},
    )  # fmt: skip
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "statement",
        **statement,
        "$defs": {
            kind.type: {"title": kind.en, "description": kind.zh, "x-signed-by": kind.by.value, **kind.form}
            for kind in sorted(KINDS.values(), key=lambda kind: kind.type)
        },
    }
