"""A verdict as the window shows it, frozen: the file, its signatures, what came after each, and what nobody looked at."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, TypeAlias

from desktop.nouns import Wire, path_of, spoken

Rect: TypeAlias = tuple[float, float, float, float]
"""Left, bottom, width, height in mm from the page's bottom left corner as displayed."""

NO_SIGNATURE: Final = "NO_SIGNATURE"


@dataclass(frozen=True, slots=True)
class Change:
    """What a later version did to a signed one."""

    text: str
    level: str
    """allowed, suspicious or forbidden; "" where that was not told."""
    page: int | None
    rect_mm: Rect | None

    @classmethod
    def from_wire(cls, data: Any, lang: str) -> "Change":
        """From an entry of `changes_after_signing`."""
        told = data if isinstance(data, dict) else {}
        return cls(spoken(told.get("description") or data, lang), str(told.get("level") or ""), _page(told.get("page")), _rect(told.get("rect_mm")))


@dataclass(frozen=True, slots=True)
class Signature:
    """One signature with its own verdict."""

    verdict: str
    reason: str | None
    explanation: Mapping[str, str]
    signer: str
    time: str
    time_source: str
    level: str
    covers_whole_file: bool
    page: int | None
    rect_mm: Rect | None
    changes: tuple[Change, ...]
    revocation: str
    issuer: str = ""
    internal: bool = False
    """The certificate comes from this organisation's own CA."""
    revision: int | None = None
    """Number of the version that was signed (1 is the first of the file); None where the format has none."""
    kind: str = "signature"
    """signature, timestamp or countersignature."""
    covers: tuple[str, ...] = ()
    """In a container: the files it is over."""
    counter_signs: int | None = None
    ledger: str = ""
    """allowed, not_allowed, not_in_ledger or no_ledger."""

    @classmethod
    def from_wire(cls, data: Wire, lang: str) -> "Signature":
        """From an entry of `signatures`."""
        certificate = data.get("certificate") or {}
        return cls(
            verdict=str(data.get("verdict", "indeterminate")),
            reason=data.get("reason"),
            explanation=data.get("explanation") or {},
            signer=spoken(data.get("signer"), lang),
            time=str(data.get("signing_time") or ""),
            time_source=str(data.get("time_source") or ""),
            level=str(data.get("level") or ""),
            covers_whole_file=bool(data.get("covers_whole_file")),
            page=_page(data.get("page")),
            rect_mm=_rect(data.get("rect_mm")),
            changes=tuple(Change.from_wire(c, lang) for c in data.get("changes_after_signing") or ()),
            revocation=str(data.get("revocation") or ""),
            issuer=str(certificate.get("issuer") or ""),
            internal=bool(certificate.get("internal")),
            revision=_page(data.get("revision")),
            kind=str(data.get("kind") or "signature"),
            covers=tuple(str(name) for name in data.get("covers") or ()),
            counter_signs=_page(data.get("counter_signs")),
            ledger=str(data.get("ledger") or ""),
        )

    @property
    def shown_on_page(self) -> bool:
        """Whether it has a visible place."""
        return bool(self.page and self.rect_mm and self.rect_mm[2] > 0 and self.rect_mm[3] > 0)

    @property
    def grown(self) -> bool:
        """Whether the file was added to after this signature, so that there is a signed version apart from the present one."""
        return self.revision is not None and not self.covers_whole_file


@dataclass(frozen=True, slots=True)
class VerifiedDocument:
    """A file's verdict, explained, with its signatures."""

    path: str
    verdict: str
    reason: str | None
    explanation: Mapping[str, str]
    signatures: tuple[Signature, ...]
    not_checked: tuple[str, ...] = ()
    """What the verdict leaves open, in words."""
    sha256: str = ""
    size: int | None = None

    @classmethod
    def from_wire(cls, data: Wire, lang: str) -> "VerifiedDocument":
        """From an entry of `documents` of a verification result."""
        signatures = tuple(Signature.from_wire(s, lang) for s in data.get("signatures") or ())
        return cls(
            path=path_of(data.get("file")),
            verdict=str(data.get("verdict", "indeterminate")),
            reason=data.get("reason"),
            explanation=data.get("explanation") or {},
            signatures=signatures,
            not_checked=tuple(spoken(entry.get("description"), lang) for entry in data.get("not_checked") or () if isinstance(entry, dict)),
            sha256=str(data.get("sha256") or ""),
            size=data.get("size"),
        )

    def beside(self, path: str) -> "VerifiedDocument":
        """The same verdict, told of the file that the signature file stands beside."""
        return replace(self, path=path)

    @property
    def unsigned(self) -> bool:
        """Whether there is no signature in it at all."""
        return self.reason == NO_SIGNATURE and not self.signatures


def _page(value: Any) -> int | None:
    return value if isinstance(value, int) and value > 0 else None


def _rect(value: Any) -> Rect | None:
    if not isinstance(value, (list, tuple)) or len(value) != 4:
        return None
    if not all(isinstance(v, (int, float)) for v in value):
        return None
    return float(value[0]), float(value[1]), float(value[2]), float(value[3])
