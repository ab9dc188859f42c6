"""What is to be signed and how, and how far each document of it came."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, TypeAlias

from agent.api.errors import ApiError
from agent.server.problems import error_entry
from agent.signing.names import Output

State: TypeAlias = Literal["waiting", "published", "failed", "skipped"]
Appearance: TypeAlias = Literal["none", "text"]


@dataclass(frozen=True, slots=True)
class Manner:
    """How the documents of a set are signed: recorded with the intent, so that what is left of the set is signed alike."""

    force: bool = False
    appearance: Appearance = "none"
    places: tuple[str, ...] = ()
    reason: str | None = None
    location: str | None = None
    repair: bool = False
    language: str = "en"
    """Of the words in the appearance."""

    def record(self) -> dict[str, Any]:
        """As the intent holds it."""
        return {
            "force": self.force, "appearance": self.appearance, "places": list(self.places), "reason": self.reason, "location": self.location,
            "repair": self.repair, "language": self.language,
        }  # fmt: skip

    @classmethod
    def of_record(cls, record: Mapping[str, Any]) -> "Manner":
        """As it was recorded; raises KeyError, TypeError for what is no such record."""
        return cls(**{**record, "places": tuple(record["places"])})


@dataclass(frozen=True, slots=True)
class Asked:
    """What the token was asked to sign for a document of which nothing came out.  It is asked for the same again, never for something else too."""

    signing_time: str
    """The time in it, ISO 8601."""
    identifier: str
    """The document's new /ID, hexadecimal: with the time it makes the same bytes to sign."""
    attributes: str
    """SHA-256 of the signed attributes."""
    witness: str | None = None
    """The witness in them, DER in hexadecimal; None where there was none (sets of versions before 0.3)."""

    def record(self) -> dict[str, str | None]:
        """As the intent holds it."""
        return {"signing_time": self.signing_time, "identifier": self.identifier, "witness": self.witness}


def identifier_of(run: str, n: int) -> str:
    """The new /ID (hexadecimal) of document n of a run: by rule, so that another worker comes to the same bytes."""
    return hashlib.sha256(f"{run} {n}".encode()).hexdigest()[:32]


@dataclass(frozen=True, slots=True)
class Rest:
    """What a set that is resumed must keep to: the same token, the same certificate, the same bytes."""

    batch: str
    """The set that was begun first; what is resumed of it bears its name."""
    module: str
    serial: str
    label: str
    certificate: str
    """Fingerprint."""
    digests: Mapping[str, str]
    """SHA-256 by input URI."""
    asked: Mapping[str, Asked]
    """By input URI, where the token was asked already."""
    chain: tuple[bytes, ...] | None = None
    """The certificates that travel along, DER; None where the record is of a kind that does not tell."""


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be signed and how, as asked for; paths are the operating system's."""

    outputs: tuple[Output, ...]
    token: str | None = None
    certificate: str | None = None
    manner: Manner = field(default_factory=Manner)
    rest: Rest | None = None
    """Where it is what was left of an earlier set."""


@dataclass(frozen=True, slots=True)
class Document:
    """One document of the set and how far it came."""

    n: int
    output: Output
    state: State = "waiting"
    sha256_before: str | None = None
    sha256_after: str | None = None
    size: int = 0
    pages: int | None = None
    warnings: tuple[str, ...] = ()
    error: ApiError | None = None
    reissued: bool = False
    """The token was asked a second time for the same signature: the first one never came out."""

    def failed(self, error: ApiError) -> "Document":
        """It, ended by `error`."""
        return replace(self, state="failed", error=error)

    def listed(self) -> dict[str, Any]:
        """As the person who consents sees it."""
        return {"name": self.output.name, "uri": self.output.input_uri, "sha256": self.sha256_before, "size": self.size, "pages": self.pages}

    def entry(self, lang: str) -> dict[str, Any]:
        """As the contract's answer has it."""
        return {
            "input": self.output.input_uri,
            "output": self.output.output_uri if self.state == "published" else None,
            "state": self.state,
            "sha256_before": self.sha256_before,
            "sha256_after": self.sha256_after,
            "level": "b-b",
            "format": self.output.format,
            "warnings": list(self.warnings),
            "reissued": self.reissued,
            "error": error_entry(self.error, lang) if self.error else None,
        }
