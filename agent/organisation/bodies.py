"""What requests about the organisation say."""

from datetime import datetime
from typing import Literal

from pydantic import Field, SecretStr

from agent.governance.roles import Role
from agent.server.jobs import JobBody

_NAME = Field(min_length=1, max_length=200)
_TEXT = Field(None, max_length=1000)
_PEM = Field(None, max_length=65536)


class ActBody(JobBody):
    """An act that somebody signs with the token `token`."""

    token: str | None = Field(None, max_length=256)
    reason: str | None = _TEXT


class FounderBody(JobBody):
    """A founder beside the first one."""

    name: str = _NAME
    token: str | None = None
    certificate: str | None = _PEM


class FoundBody(ActBody):
    """An organisation to found."""

    name: str = _NAME
    person: str = _NAME
    certificate: str | None = None
    profile: str = "small"
    quorum: int = Field(1, ge=1, le=20)
    founders: list[FounderBody] = Field(default_factory=list, max_length=19)
    spare: str | None = None


class JoinBody(JobBody):
    """An organisation to join: its founding hash, and where its ledger is."""

    org: str = Field(pattern="^[0-9a-f]{64}$")
    store: str = Field(min_length=1, max_length=2000)
    password: SecretStr | None = Field(None, max_length=1000)
    """Goes to the keyring and nowhere else."""


class CertificateBody(ActBody):
    """Somebody (id or name), and a certificate on a token that is plugged in (`holder`) or in PEM."""

    person: str = _NAME
    holder: str | None = None
    certificate: str | None = _PEM


class RegisterBody(ActBody):
    """Somebody to register; without token or certificate it is staff without a UKey."""

    name: str = _NAME
    holder: str | None = None
    certificate: str | None = _PEM


class PersonBody(ActBody):
    """Something about somebody."""

    person: str = _NAME


class VerifyBody(PersonBody):
    """How an identity was checked; `evidence` is the SHA-256 (hex) of what was seen."""

    method: Literal["in_person", "video", "personnel_file", "certificate"] = "in_person"
    number: str | None = Field(None, max_length=40)
    evidence: str | None = Field(None, pattern="^[0-9a-f]{64}$")


class RoleBody(PersonBody):
    """A duty."""

    role: Role
    department: str | None = Field(None, max_length=64)


class UnbindBody(ActBody):
    """A certificate by its fingerprint, or the beginning of it."""

    certificate: str = Field(min_length=4, max_length=64)
    reason: str = Field(min_length=1, max_length=1000)


class DeviceBody(ActBody):
    """A workstation; this one where none is named."""

    device: str | None = Field(None, max_length=256)
    name: str | None = Field(None, max_length=256)


class ProfileBody(ActBody):
    """Another rule profile."""

    profile: str
    reason: str = Field(min_length=1, max_length=1000)


class PolicyBody(ActBody):
    """A version of the written rules."""

    version: str = Field(min_length=1, max_length=32)
    title: str = _NAME
    text: str = Field(min_length=1, max_length=20_000)
    effective: datetime | None = None
    owner: str | None = Field(None, max_length=100)


class AcceptBody(ActBody):
    """The version that is accepted; the one in force where none is named."""

    version: str | None = Field(None, max_length=32)


class WaitingBody(ActBody):
    """An act that waits for others, by its id or the beginning of it; the only one where none is named."""

    act: str | None = Field(None, max_length=64)
