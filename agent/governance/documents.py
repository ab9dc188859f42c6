"""The rules of a home without an organisation: a person signs own documents with an own, valid certificate.

`judge_set` is pure: the facts of the moment come in, an `Allowed` or a `Refusal` goes out.  A refusal names the rule it
rests on and what would make it allowed.
"""

from dataclasses import dataclass
from datetime import datetime

from agent.governance.refusal import Refusal


@dataclass(frozen=True, slots=True)
class SignDocuments:
    """A closed set that somebody wants to sign: the certificate's facts as read from the token, and how many documents."""

    common_name: str
    not_before: datetime
    not_after: datetime
    may_sign: bool
    """The certificate's key usage allows signatures on documents."""
    ca: bool
    documents: int


@dataclass(frozen=True, slots=True)
class Allowed:
    """Nothing stands against it; `authority` is written into the record ("personal": no organisation's rule was asked)."""

    authority: str


def judge_set(command: SignDocuments, at: datetime) -> Allowed | Refusal:
    """Whether the set may be signed at `at` (aware UTC); a certificate out of its term or of another usage signs nothing."""
    name = ("certificate", command.common_name)
    if command.ca or not command.may_sign:
        return Refusal("S25", "certificate_usage", (name,))
    if at > command.not_after:
        return Refusal("S25", "certificate_expired", (name, ("not_after", command.not_after.date().isoformat())))
    if at < command.not_before:
        return Refusal("S25", "certificate_not_yet_valid", (name, ("not_before", command.not_before.date().isoformat())))
    return Allowed("personal")
