"""What happened after a signature: the structure by pyHanko's difference policy, the look by rendering, the certification's permission over both."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO, TypeAlias

from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.diff_analysis import (
    DEFAULT_DIFF_POLICY,
    DiffResult,
    MetadataUpdateRule,
    ModificationLevel,
    StandardDiffPolicy,
    SuspiciousModification,
)
from pyhanko.sign.fields import FieldMDPSpec, MDPPerm, enumerate_sig_fields
from pyhanko.sign.validation.pdf_embedded import EmbeddedPdfSignature

from agent.verification.model import Change, Finding, Say, Verdict, found
from agent.verification.pdf_history import Pages, Revision, Versions
from agent.verification.pdf_look import Look, LookFailed, Seen
from agent.verification.pdf_page import Page, Place, pages

_MM = 25.4 / 72
_VIEWS_KEPT = 2
_PAGES_SMALL = 8
Step: TypeAlias = DiffResult | SuspiciousModification
_NEVER_SHOWN = ("timestamp", "validation_data")
_LENIENT = StandardDiffPolicy(
    global_rules=[
        *DEFAULT_DIFF_POLICY.global_rules[:-1],  # all but its own rule for metadata
        MetadataUpdateRule(check_xml_syntax=False).as_qualified(ModificationLevel.FORM_FILLING),  # type: ignore[no-untyped-call]
    ],
    form_rule=DEFAULT_DIFF_POLICY.form_rule,
)
"""pyHanko's default policy, but metadata that is no XML may be replaced: producers write such, and at this level the pages are compared."""


@dataclass(frozen=True, slots=True)
class Later:
    """A signature of a later revision, already judged."""

    field: str
    revision: int
    place: Place | None
    verdict: Verdict
    kind: str


_SAID: Mapping[str, Say] = {
    "signature": Say("之后又有签名“{field}”", "a further signature “{field}” was added"),
    "timestamp": Say("之后加盖了时间戳", "a document time-stamp was added"),
    "validation_data": Say(
        "之后补充了验证资料或文档属性，不影响显示内容", "validation data or document properties were added; nothing that is shown"
    ),
    "form": Say("之后填写了表单", "form fields were filled in"),
    "other": Say("之后有其他改动", "something else was changed"),
    "visible": Say("第 {page} 页的显示内容与签署时不同", "page {page} looks different from what was signed"),
    "appearance": Say("第 {page} 页出现了签名“{field}”的图样", "the appearance of signature “{field}” came to page {page}"),
}


def _change(kind: str, level: str, revision: int | None, place: tuple[int, Any] | None = None, **facts: object) -> Change:
    say = _SAID[kind]
    zh, en = say.zh.format_map(facts), say.en.format_map(facts)
    page, rect = place or (None, None)
    return Change({"appearance": "signature", "visible": "other"}.get(kind, kind), level, revision, page, rect, Say(zh, en))


class History:
    """The later revisions of one file, each compared once with the one before it, so that many signatures cost no square."""

    def __init__(self, reader: PdfFileReader, stream: BinaryIO, size: int, deadline: float) -> None:
        self._reader, self._stream, self._size, self._deadline = reader, stream, size, deadline
        self._steps: dict[int, Step] = {}
        self._versions: Versions | None = None
        self._views: dict[int, Revision] = {}
        self._look: Look | None = None
        self._page_parts: Pages | None = None
        self._pages: list[Page] | None = None
        self._signature_fields: frozenset[str] | None = None

    def close(self) -> None:
        """Let the file go."""
        if self._look is not None:
            self._look.close()

    def _step(self, revision: int) -> Step:
        """What revision `revision` (0 is the first) did to the one before."""
        if revision not in self._steps:
            step = self._compare(DEFAULT_DIFF_POLICY, revision)
            if isinstance(step, SuspiciousModification) and "Metadata" in str(step):
                step = self._compare(_LENIENT, revision)
            self._steps[revision] = step
        return self._steps[revision]

    def _compare(self, policy: StandardDiffPolicy, revision: int, lock: FieldMDPSpec | None = None) -> Step:
        if time.process_time() > self._deadline:
            return SuspiciousModification("time")
        try:
            old, new = self._view(revision - 1), self._view(revision)
            return policy.apply(old=old, new=new, field_mdp_spec=lock, doc_mdp=None)
        except SuspiciousModification as exc:
            return exc
        except MemoryError:
            raise
        except Exception as exc:  # noqa: BLE001 - the policy stumbles over odd objects: what it cannot explain is suspicious
            return SuspiciousModification(type(exc).__name__)

    def _view(self, revision: int) -> Revision:
        """The revision as the policy reads it; two at a time are kept, since each is compared with its neighbours."""
        if revision not in self._views:
            if self._versions is None:
                self._versions = Versions(self._reader, self._deadline)
            while len(self._views) >= _VIEWS_KEPT:
                del self._views[next(iter(self._views))]
            self._views[revision] = Revision(self._versions, revision)
        return self._views[revision]

    def review(self, signature: EmbeddedPdfSignature, signed_length: int, later: Sequence[Later]) -> tuple[list[Change], list[Finding]]:
        """Changes since `signature`, and the findings they lead to.  `later` are the signatures of later revisions."""
        permission = signature.docmdp_level
        by_revision = {s.revision: s for s in later}
        changes: list[Change] = []
        for number in range(signature.signed_revision + 1, self._reader.xrefs.total_revisions):
            signer = by_revision.get(number + 1)
            kind, level = _classify(self._step(number), signer)
            if permission is MDPPerm.NO_CHANGES and kind not in _NEVER_SHOWN:
                level = "forbidden"
            changes.append(_change(kind, level, number + 1, field=signer.field if signer else ""))
        forbidden = any(c.level == "forbidden" for c in changes) or self._breaks_lock(signature)
        suspicious = any(c.level == "suspicious" for c in changes)
        findings: list[Finding] = []
        if changes:  # also where nothing that is shown should have changed: that is how one program reads it
            plain = all(c.kind in ("signature", *_NEVER_SHOWN) and c.level == "allowed" for c in changes)
            seen, findings, visible = self._review_look(signed_length, later, signature.signed_revision if plain else None)
            changes += seen
            forbidden = forbidden or (suspicious and visible and permission is MDPPerm.FILL_FORMS)
        if values := self._changed_values(signature.signed_revision):
            findings.append(found("changed_values", name=", ".join(values[:5]) + (" …" if len(values) > 5 else "")))
        if forbidden:
            findings.insert(0, found("changed_forbidden"))
        elif suspicious and not any(f.code != "pages_not_drawn" for f in findings):
            findings.append(found("changed_hidden"))
        return changes, findings

    def _changed_values(self, since: int) -> list[str]:
        """Fields that were filled in since, signatures aside: some programs show the value and not its appearance, so nobody need see it drawn."""
        steps = [self._step(n) for n in range(since + 1, self._reader.xrefs.total_revisions)]
        names = {name for step in steps if isinstance(step, DiffResult) for name in step.changed_form_fields}
        if self._signature_fields is None:
            try:
                self._signature_fields = frozenset(name for name, _, _ in enumerate_sig_fields(self._reader))
            except MemoryError:
                raise
            except Exception:  # noqa: BLE001 - a field tree that cannot be followed: every field counts
                self._signature_fields = frozenset()
        return sorted(names - self._signature_fields)

    def _breaks_lock(self, signature: EmbeddedPdfSignature) -> bool:
        """Whether a field this signature locked was changed (FieldMDP)."""
        if signature.fieldmdp is None:
            return False
        lock = signature.fieldmdp
        for revision in range(signature.signed_revision + 1, self._reader.xrefs.total_revisions):
            step = self._step(revision)
            if isinstance(step, SuspiciousModification):
                step = self._compare(DEFAULT_DIFF_POLICY, revision, lock)
                if isinstance(step, SuspiciousModification) and "locked" in str(step):
                    return True
            elif any(lock.is_locked(name) for name in step.changed_form_fields):
                return True
        return False

    def _untouched(self, since: int, count: int) -> frozenset[int]:
        """The pages that are not drawn where time is short: of small files all are."""
        if count <= _PAGES_SMALL or self._versions is None or not self._versions.plain:
            return frozenset()
        try:
            if self._page_parts is None:
                self._page_parts = Pages(self._versions)
            return self._page_parts.untouched(since, count)
        except MemoryError:
            raise
        except Exception:  # noqa: BLE001 - a tree that cannot be followed: every page counts as touched
            return frozenset()

    def _review_look(self, signed_length: int, later: Sequence[Later], since: int | None) -> tuple[list[Change], list[Finding], bool]:
        """`since` is the signed revision where only signatures and their like came after it."""
        try:
            if self._look is None:
                self._look = Look(self._stream, self._size, self._deadline)
            sure = frozenset() if since is None else self._untouched(since, self._look.count(None))
            left_out = self._look.left_out
            seen = list(self._look.compare(signed_length, [s.place for s in later], sure))
        except LookFailed as exc:
            return [], [found("not_compared", detail=str(exc))], False
        changes: list[Change] = []
        findings: list[Finding] = []
        if self._look.left_out > left_out:
            findings.append(found("pages_not_drawn", count=self._look.left_out - left_out))
        visible = False
        for each in seen:
            where = (each.page + 1, self._rect_mm(each))
            if each.later is None:
                visible = True
                changes.append(_change("visible", "suspicious", None, where, page=each.page + 1))
                findings.append(found("changed_visible", where=f"p. {each.page + 1}"))
                continue
            signer = later[each.later]
            good = signer.verdict is Verdict.PASSED
            changes.append(
                _change(
                    "appearance",
                    "allowed" if good and each.blank_before else "suspicious",
                    signer.revision,
                    where,
                    page=each.page + 1,
                    field=signer.field,
                )
            )
            if not each.blank_before:
                visible = True
                findings.append(found("covered_by_later", field=signer.field, where=f"p. {each.page + 1}"))
            if not good:
                findings.append(found("later_not_passed", field=signer.field))
        return changes, findings, visible

    def _rect_mm(self, seen: Seen) -> tuple[float, float, float, float] | None:
        if self._pages is None:
            self._pages = [geometry for geometry, _ in pages(self._reader)]
        if seen.page >= len(self._pages):
            return None
        geometry = self._pages[seen.page]
        width, height = geometry.size
        x, y, w, h = seen.box
        scale = geometry.unit * _MM
        return round(x * width * scale, 2), round(y * height * scale, 2), round(w * width * scale, 2), round(h * height * scale, 2)


def _classify(step: Step, signer: Later | None) -> tuple[str, str]:
    """Kind and level of one later revision."""
    level = ModificationLevel.OTHER if isinstance(step, SuspiciousModification) else step.modification_level
    if level is ModificationLevel.OTHER:
        return "other", "suspicious"
    if signer is not None:
        return signer.kind, "allowed"
    if level <= ModificationLevel.LTA_UPDATES:
        return "validation_data", "allowed"
    return ("form", "allowed") if level is ModificationLevel.FORM_FILLING else ("other", "suspicious")
