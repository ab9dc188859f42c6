"""What the window shows, frozen: tokens, certificates and signed documents as they come over the wire; verdicts stand in `verified`.

A key that is missing has a harmless value: an agent may say more or less than this window knows.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from agent.api.uris import to_path

Wire: TypeAlias = Mapping[str, Any]


def path_of(value: Any) -> str:
    """The path in a wire field that may hold a file: URI or, from the verifier, a plain path."""
    text = str(value or "")
    try:
        return to_path(text)
    except ValueError:
        return text


def shown_name(path: str) -> str:
    """A file's name fit to be read: undecodable bytes, newlines and direction marks become visible instead of acting."""
    return shown_path(os.path.basename(path))


def shown_path(path: str) -> str:
    """A whole path, made readable in the same way."""
    return "".join(c if c.isprintable() else (f"\\x{ord(c) - 0xDC00:02x}" if "\udc80" <= c <= "\udcff" else "�") for c in path)


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate on a token."""

    fingerprint: str
    name: str
    issuer: str
    not_before: str
    not_after: str
    usable: bool
    problem: str | None
    internal: bool
    ca: bool

    @classmethod
    def from_wire(cls, data: Wire) -> "Certificate":
        """From a CERT object."""
        name = data.get("common_name") or data.get("subject") or data.get("label") or ""
        return cls(
            str(data.get("fingerprint", "")), str(name), str(data.get("issuer", "")), str(data.get("not_before", "")), str(data.get("not_after", "")),
            bool(data.get("usable")), data.get("problem"), bool(data.get("internal")), bool(data.get("ca")),
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Login:
    """A login that is kept after a set, so that the next one is asked for consent alone."""

    until: str
    """When it ends by itself (ISO 8601); "" where it ends with the set."""
    scope: str

    @classmethod
    def from_wire(cls, data: Wire) -> "Login":
        """From `login` of a TOKEN object."""
        return cls(str(data.get("until") or ""), str(data.get("scope") or ""))


@dataclass(frozen=True, slots=True)
class Token:
    """A token as last seen; `key` tells it from others while the window is open."""

    label: str
    serial: str
    module: str
    state: str
    pin_state: str
    manufacturer: str
    model: str
    emulated: bool
    protected_path: bool
    certificates: tuple[Certificate, ...]
    practice: bool = False
    """Made for practice: it can be pulled and put back from here."""
    pin_to_be_changed: bool = False
    so_pin_state: str = "unknown"
    write_protected: bool = False
    firmware_version: str = ""
    each_signature: bool = False
    """A key on it asks for the PIN at each signature."""
    login: Login | None = None
    profile: str = ""

    @classmethod
    def from_wire(cls, data: Wire) -> "Token":
        """From a TOKEN object."""
        certificates = tuple(Certificate.from_wire(c) for c in data.get("certificates") or ())
        text = {name: str(data.get(name) or "") for name in ("label", "serial", "module", "state", "pin_state", "manufacturer", "model")}
        return cls(
            **text,
            emulated=bool(data.get("emulated")),
            protected_path=bool(data.get("protected_path")),
            certificates=certificates,
            practice=bool(data.get("practice")),
            pin_to_be_changed=bool(data.get("pin_to_be_changed")),
            so_pin_state=str(data.get("so_pin_state") or "unknown"),
            write_protected=bool(data.get("write_protected")),
            firmware_version=str(data.get("firmware_version") or ""),
            each_signature=any(key.get("always_authenticate") for key in data.get("keys") or ()),
            login=Login.from_wire(data["login"]) if data.get("login") else None,
            profile=str(data.get("profile") or ""),
        )

    @property
    def key(self) -> tuple[str, str, str]:
        """What stays the same while the token is in its slot."""
        return (self.module, self.serial, self.label)

    @property
    def selector(self) -> str:
        """What the agent takes to mean this token."""
        return self.serial or self.label

    def same(self, other: "Token") -> bool:
        """Whether this is that token again, re-plugged: label and serial, and a certificate in common where both have some."""
        mine, theirs = ({c.fingerprint for c in t.certificates} for t in (self, other))
        return self.key == other.key and (not mine or not theirs or bool(mine & theirs))

    @property
    def confirms_final_try(self) -> bool:
        """Whether the one dialog with the PIN also takes the confirmation that the last try may be spent; before a keypad it has a question of
        its own, since there the try begins at once.
        """
        return self.pin_state == "final_try" and not self.protected_path

    @property
    def signing_certificates(self) -> tuple[Certificate, ...]:
        """Certificates that can sign now."""
        return tuple(c for c in self.certificates if c.usable and not c.ca)


@dataclass(frozen=True, slots=True)
class AskedDocument:
    """A document in a consent question: the agent's snapshot, not the file that lies there now."""

    name: str
    path: str
    sha256: str
    size: int
    pages: int | None

    @classmethod
    def from_wire(cls, data: Wire) -> "AskedDocument":
        """From an entry of `documents` in a question."""
        path = path_of(data.get("uri"))
        pages = data.get("pages")
        return cls(
            str(data.get("name") or shown_name(path)), path, str(data.get("sha256", "")), int(data.get("size") or 0), int(pages) if pages else None
        )


@dataclass(frozen=True, slots=True)
class Trouble:
    """A module whose tokens could not be listed, and why; `error` as in `SignedDocument`."""

    module: str
    error: tuple[str, Wire, str, str]

    @property
    def slow(self) -> bool:
        """It is only still being asked."""
        return self.error[1].get("reason") == "slow"

    @classmethod
    def from_wire(cls, data: Wire) -> "Trouble":
        """From an entry of `troubles`."""
        facts = data.get("facts") or {}
        error = (str(data.get("code") or "internal"), facts, str(data.get("message") or data.get("detail") or ""), str(data.get("hint") or ""))
        return cls(str(data.get("module") or ""), error)


@dataclass(frozen=True, slots=True)
class SignedDocument:
    """What came of one file; `error` is (code, facts, message, hint)."""

    input: str
    output: str
    state: str
    error: tuple[str, Wire, str, str] | None

    @classmethod
    def from_wire(cls, data: Wire) -> "SignedDocument":
        """From an entry of `documents` of a signing result."""
        error = data.get("error")
        told = (str(error.get("code")), error.get("facts") or {}, str(error.get("message") or ""), str(error.get("hint") or "")) if error else None
        return cls(path_of(data.get("input")), path_of(data.get("output")), str(data.get("state", "")), told)


@dataclass(frozen=True, slots=True)
class SignResult:
    """What came of a set; `batch` is what it is gone on with, "" where that was not told."""

    batch: str
    documents: tuple[SignedDocument, ...]

    @classmethod
    def from_wire(cls, data: Any) -> "SignResult":
        """From the result of a signing job, or of what there is of it; anything else is an empty one."""
        if not isinstance(data, dict):
            return cls("", ())
        return cls(str(data.get("batch") or ""), tuple(SignedDocument.from_wire(entry) for entry in data.get("documents") or ()))


def spoken(value: Any, lang: str) -> str:
    """A wire value as one line of text: plain, in two languages, or an object that names somebody."""
    if isinstance(value, dict):
        inner = (
            value.get(lang)
            or value.get("explanation")
            or value.get("common_name")
            or value.get("subject")
            or value.get("name")
            or value.get("description")
            or ""
        )
        return spoken(inner, lang)
    return "" if value is None else str(value)
