"""Rule profiles: the machine-readable half of the written rules, as data, and what it means to loosen one.

Only settings that something in the program obeys stand here.  What no profile relaxes is not a setting: it is in the deciding itself.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final, Literal

from agent.governance.roles import Role

Strictness = Literal["more", "less", "true", "subset"]
"""Which of two values binds more: the larger, the smaller, the one that is true, the one that allows fewer combinations."""


@dataclass(frozen=True, slots=True)
class Setting:
    """One row of the table that people see."""

    zh: str
    en: str
    stricter: Strictness
    rule: str
    """The obligations it serves."""

    def loosened(self, before: Any, after: Any) -> bool:
        """Whether `after` binds less than `before`."""
        match self.stricter:
            case "more":
                return bool(after < before)
            case "less":
                return bool(after > before)
            case "true":
                return bool(before) and not after
            case "subset":
                return not _allowed(after) <= _allowed(before)


def _allowed(joined: Any) -> frozenset[frozenset[str]]:
    return frozenset(frozenset((a, b)) for each in joined for a in each for b in each if a != b)


SETTINGS: Final[Mapping[str, Setting]] = MappingProxyType(
    {
        "least_people": Setting("至少几个人", "people at least", "more", "S21"),
        "alone": Setting("一人公司：一人可任全部职责", "one person may hold every duty", "less", "S21"),
        "join": Setting("一人可兼任的职责", "duties that one person may join", "subset", "S21"),
        "identity_check": Setting("任职前须核验身份", "identity is checked before any appointment", "true", "S16"),
        "policy_acceptance": Setting("任职前须签收制度", "the policy is accepted before any appointment", "true", "S39"),
        "device_authorised_by_other": Setting("电脑须由他人授权", "a workstation is authorised by another than its user", "true", "S42"),
    }
)


@dataclass(frozen=True, slots=True)
class Profile:
    """A shipped set of values."""

    name: str
    zh: str
    en: str
    values: Mapping[str, Any]


def _profile(name: str, zh: str, en: str, **values: Any) -> Profile:
    assert set(values) == set(SETTINGS)
    return Profile(name, zh, en, MappingProxyType(values))


_EVERY: Final = tuple(str(role) for role in Role)
PROFILES: Final[Mapping[str, Profile]] = MappingProxyType(
    {
        each.name: each
        for each in (
            _profile(
                "personal", "个人", "personal",
                least_people=1, alone=True, join=(_EVERY,), identity_check=False, policy_acceptance=False, device_authorised_by_other=False,
            ),
            _profile(
                "small", "小微", "small",
                least_people=2, alone=False,
                join=(("registrar", "system_administrator", "custodian"), ("approver", "auditor", "seal_manager", "department_head")),
                identity_check=False, policy_acceptance=False, device_authorised_by_other=False,
            ),
            _profile(
                "standard", "标准", "standard",
                least_people=4, alone=False, join=(("registrar", "inspector"), ("department_head", "approver")),
                identity_check=True, policy_acceptance=False, device_authorised_by_other=False,
            ),
            _profile(
                "strict", "严格", "strict",
                least_people=6, alone=False, join=(),
                identity_check=True, policy_acceptance=True, device_authorised_by_other=True,
            ),
        )
    }
)  # fmt: skip


def loosened(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[str, ...]:
    """The settings that bind less in `after`; such a change wants a second person."""
    return tuple(name for name, setting in SETTINGS.items() if setting.loosened(before[name], after[name]))


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[str, ...]:
    """The settings that are not the same."""
    return tuple(name for name in SETTINGS if before[name] != after[name])
