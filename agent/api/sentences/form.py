"""The form of an error's texts."""

from typing import NamedTuple


class Sentence(NamedTuple):
    """One error's texts, for `agent.api.messages.sentence` to fill.

    ``{fact}`` stands for a fact; a part in ``[…]`` goes where a fact it names is missing; ``{?fact}`` in it only asks for the fact.
    """

    zh: str
    zh_hint: str
    en: str
    en_hint: str
