"""Files made to deceive: makers of the published attacks on PDF signatures and of our own, each with the verdict due.

    material    what every maker starts from: a signed file with the numbers of its objects, and ways to write it anew
    exclusion   signatures that are there to see and not to check (USF)
    saving      content appended so that some readers show it (ISA)
    wrapping    the signed bytes moved away, holes in what is signed (SWA)
    shadow      what was signed holds two documents: hide, replace, both
    certified   changes that a certification permits, used to change what is seen (EAA, SSA)
    readers     what programs read differently: keys and indexes that say two things, values that are not drawn
    surgery     the CMS exchanged, cut, patched; certificates substituted
    bombs       files that want more time, memory or nesting than there is

Names in brackets are those of the papers (Mladenov, Mainka et al., 2019; Mainka, Mladenov, Rohlmann, 2021; Rohlmann et al., 2021).
"""

from collections.abc import Callable
from dataclasses import dataclass

from tests.verification.attacks.material import Material

FORGED = frozenset({"failed", "indeterminate"})
"""Never passed; which of the two is said by `codes`."""


@dataclass(frozen=True, slots=True)
class Attack:
    """One forgery."""

    name: str
    make: Callable[[Material], bytes]
    codes: frozenset[str] = frozenset()
    """One of these findings has to be among those told (any, where empty)."""
    verdicts: frozenset[str] = FORGED


def attack(name: str, make: Callable[[Material], bytes], *codes: str, verdict: str | None = None) -> Attack:
    """An `Attack`; `verdict` where exactly one is due."""
    return Attack(name, make, frozenset(codes), frozenset({verdict}) if verdict else FORGED)


def every() -> list[Attack]:
    """All attacks but the bombs."""
    from tests.verification.attacks import certified, exclusion, readers, saving, shadow, surgery, wrapping

    return [a for module in (exclusion, saving, wrapping, shadow, certified, readers, surgery) for a in module.ATTACKS]
