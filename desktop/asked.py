"""A question about the use of a token, as it comes over the wire."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from desktop.nouns import AskedDocument, Token

_BY_ADMINISTRATOR = ("pin_unblock", "token_init")
_WHY = ("held_login", "each_signature", "device_key_file")


@dataclass(frozen=True, slots=True)
class Rules:
    """What a new PIN must be like."""

    shortest: int
    letters_and_digits: bool


@dataclass(frozen=True, slots=True)
class Question:
    """A question about the use of a token: what is to be done, and, where it is of kind `pin`, where the PIN is to be written."""

    kind: str
    """pin, confirm_final_try or consent."""
    why: str
    """Why consent is asked apart from a PIN: held_login, each_signature or device_key_file; "" otherwise."""
    purpose: str
    documents: tuple[AskedDocument, ...]
    token: Token | None
    secrets: tuple[str, ...]
    socket: str
    nonce: str
    deadline_seconds: int
    asker: Mapping[str, Any] | None
    reason: str
    location: str
    left_out: int
    """Files that were asked for and are not among the documents, since they cannot be signed."""
    each_signature: int
    """How often the token will check the PIN, where its key asks at each signature; 0 where it does not."""
    minutes_left: int
    """How long a held login lasts."""
    rules: Rules | None
    """Of a new PIN; None where only the token knows them."""

    @property
    def pad(self) -> bool:
        """The PIN is entered on the token's or the reader's own keypad."""
        return self.kind == "pin" and not self.secrets

    @property
    def of_administrator(self) -> bool:
        """Whether the administrator's PIN is what is risked, not the user's."""
        return self.purpose in _BY_ADMINISTRATOR

    @property
    def pin_state(self) -> str:
        """The state of the PIN that is asked for."""
        if self.kind == "confirm_final_try":
            return "final_try"
        if self.token is None:
            return "unknown"
        return self.token.so_pin_state if self.of_administrator else self.token.pin_state

    @classmethod
    def from_wire(cls, data: Mapping[str, Any], about: Mapping[str, Any] | None = None) -> "Question":
        """From the `question` event or the prompter's stdin; `about` is what this program knows of its own request: reason, location, asked."""
        token, kind = data.get("token"), str(data.get("kind", ""))
        documents, asked = data.get("documents") or (), {**data, **(about or {})}
        why = str(data.get("reason") or "") if kind == "consent" and data.get("reason") in _WHY else ""
        rules = data.get("rules")
        each = bool(data.get("each_signature")) or why == "each_signature"
        return cls(
            kind=kind,
            why=why,
            purpose=str(data.get("purpose", "")),
            documents=tuple(AskedDocument.from_wire(d) for d in documents),
            token=Token.from_wire(token) if token else None,
            secrets=tuple(str(s) for s in data.get("secrets") or ()),
            socket=str(data.get("socket", "")),
            nonce=str(data.get("nonce", "")),
            deadline_seconds=int(data.get("deadline_seconds") or 120),
            asker=data.get("asker"),
            reason="" if asked.get("reason") in _WHY else str(asked.get("reason") or ""),
            location=str(asked.get("location") or ""),
            left_out=max(0, int(asked.get("asked") or 0) - len(documents)),
            each_signature=int(data.get("count") or len(documents) or 1) if each else 0,
            minutes_left=max(1, int(data.get("minutes_left") or 0)),
            rules=Rules(int(rules.get("shortest") or 0), bool(rules.get("letters_and_digits"))) if isinstance(rules, dict) else None,
        )
