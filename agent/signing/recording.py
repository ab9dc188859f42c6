"""What is recorded of a closed set: the intent before anybody is asked, the outcome when it is over.  Pure; the ledger holds what they give."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from agent.api.errors import ApiError, Code
from agent.ledger import witness
from agent.ledger.entry import Receipt
from agent.signing.order import Asked, Document
from tokens.wire import to_text

SET_MAX: Final = 30_000
"""Documents of one set: more would not fit into one statement."""
LEVEL, TIME_SOURCE = "b-b", "claimed"
"""What is reached as yet: no time-stamps, so the time is the signer's own."""


@dataclass(frozen=True, slots=True)
class Mark:
    """By what a document of the set is known: SHA-256 (hex) of what the token was asked to sign, and of what it answered."""

    attributes: str
    signature: str | None = None


def refuse_too_many(count: int) -> None:
    """Raise `ApiError` (usage) for a set that could not be recorded."""
    if count > SET_MAX:
        raise ApiError(Code.USAGE, reason="set_too_large", count=count, limit=SET_MAX)


def intent(
    about: Mapping[str, Any], salt: bytes, chain: Sequence[bytes], documents: Sequence[Document], asked: Mapping[int, Asked]
) -> dict[str, Any]:
    """The body of `signature.started`: `about` says who signs with what and how; `asked` what the token was asked for in earlier attempts."""
    listed = [
        {"n": d.n, "input": d.output.input_uri, "output": d.output.output_uri, "sha256": d.sha256_before, "format": d.output.format}
        | ({"asked": asked[d.n].record()} if d.n in asked else {})
        for d in documents
    ]
    return {**about, "chain": [to_text(der) for der in chain], "salt": salt.hex(), "documents": listed}


def outcome(names: Mapping[str, str], documents: Sequence[Document], marks: Mapping[int, Mark], stopped: ApiError | None) -> dict[str, Any]:
    """The body of `signature.finished`: what became of each document, and what stopped the set where something did."""
    why = {} if stopped is None else {"stopped": str(stopped.code)}
    reached = {"level": LEVEL, "time_source": TIME_SOURCE}
    return {**names, **reached, **why, "documents": [_ended(d, marks.get(d.n)) for d in documents if d.sha256_before is not None]}


def _ended(document: Document, mark: Mark | None) -> dict[str, Any]:
    state = "skipped" if document.state == "waiting" else document.state
    out: dict[str, Any] = {"n": document.n, "state": state, "before": document.sha256_before, "sha256": document.sha256_after}
    if mark is not None:
        out["attributes"] = mark.attributes
        if mark.signature is not None:
            out["signature"] = mark.signature
    if document.reissued:
        out["reissued"] = True
    if document.error is not None:
        out["error"] = str(document.error.code)
    return out


def witness_of(org: str, salt: bytes, receipt: Receipt) -> bytes:
    """What each signature of the set carries, DER: `org` is the ledger's founding hash (hex), `receipt` that of the intent."""
    return witness.Witness(bytes.fromhex(org), witness.blind(salt, receipt.seq), receipt.root).encode()
