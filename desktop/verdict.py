"""A verdict on the screen: the word first with its picture, then why, then each signature with what it covers and where it stands."""

from collections.abc import Callable, Iterable, Sequence
from typing import Final

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFrame, QGridLayout, QHBoxLayout, QLabel, QVBoxLayout, QWidget

from desktop import look
from desktop.nouns import shown_name
from desktop.parts import button, frame, label, named
from desktop.verified import Change, Signature, VerifiedDocument
from desktop.wording import TEXTS
from desktop.words import Words

_GRAVITY: Final = {"allowed": ("good", "passed"), "suspicious": ("doubt", "indeterminate"), "forbidden": ("bad", "failed")}
_GRAVEST: Final = ("forbidden", "suspicious", "", "allowed")
TONE: Final = {"passed": "good", "failed": "bad", "indeterminate": "doubt"}


def tone_of(verdict: str) -> str:
    """The tone of a verdict; a word we do not know is doubtful."""
    return TONE.get(verdict, "doubt")


def shape_of(verdict: str) -> str:
    """The picture of a verdict."""
    return verdict if verdict in TONE else "indeterminate"


def verdict_word(verdict: str, words: Words) -> str:
    """通过, 不通过 or 无法确认."""
    return words.either(f"verdict.{verdict}", "verdict.indeterminate")


def verdict_banner(document: VerifiedDocument, words: Words) -> QWidget:
    """The verdict on a file, large, and one sentence why."""
    word, why = verdict_word(document.verdict, words), document.explanation.get(words.lang, "")
    lines = [label(shown_name(document.path), "heading", wrap=True)]
    if why:
        lines.append(label(why, wrap=True))
    if document.verdict == "indeterminate" and document.signatures:
        lines.append(label(words("verdict.indeterminate.note"), "small", wrap=True))
    return named(large_verdict(document.verdict, word, lines), words("verdict.name", verdict=word), f"{shown_name(document.path)} {why}")


def large_verdict(verdict: str, word: str, lines: Iterable[QWidget]) -> QFrame:
    """A verdict's picture and word, large, with `lines` below."""
    tone = tone_of(verdict)
    box = frame("banner")
    box.setProperty("tone", tone)
    row = QHBoxLayout(box)
    row.setContentsMargins(18, 14, 18, 14)
    row.setSpacing(16)
    image = QLabel()
    image.setPixmap(look.picture(shape_of(verdict), getattr(look.colours(), tone), 46, 1.5))
    row.addWidget(image, 0, Qt.AlignmentFlag.AlignTop)
    column = QVBoxLayout()
    column.setSpacing(4)
    head = label(word, tone)
    head.setStyleSheet("font-size: 20pt; font-weight: 700;")
    column.addWidget(head)
    for line in lines:
        column.addWidget(line)
    row.addLayout(column, 1)
    return box


def signature_card(
    signature: Signature, words: Words, show: Callable[[], object] | None, compare: Callable[[], object] | None = None, said: str = ""
) -> QWidget:
    """One signature: its own verdict, why (unless that was `said`), who, when, what it protects, what came after, where it stands.

    `show` shows its place, `compare` the version that was signed, where there is one apart from the present.
    """
    tone, word = tone_of(signature.verdict), verdict_word(signature.verdict, words)
    signer = signature.signer or words("signature.signer.unknown")
    card = frame("card")
    column = QVBoxLayout(card)
    column.setContentsMargins(16, 12, 16, 12)
    column.setSpacing(6)
    head = QHBoxLayout()
    image = QLabel()
    image.setPixmap(look.picture(shape_of(signature.verdict), getattr(look.colours(), tone), 22))
    head.addWidget(image)
    head.addWidget(label(word, tone))
    head.addWidget(label(signer, "heading", wrap=True), 1)
    column.addLayout(head)
    if kind := kind_of_signature(signature, words):
        column.addWidget(label(kind, "quiet", wrap=True))
    why = signature.explanation.get(words.lang, "")
    if why and why != said:
        column.addWidget(label(why, wrap=True))
    grid = QGridLayout()
    grid.setHorizontalSpacing(14)
    grid.setVerticalSpacing(3)
    grid.setColumnStretch(1, 1)
    for caption, value in facts(signature, words):
        row = grid.rowCount()
        grid.addWidget(label(caption, "quiet"), row, 0, Qt.AlignmentFlag.AlignTop)
        grid.addWidget(label(value, wrap=True), row, 1)
    column.addLayout(grid)
    row_of_changes(column, signature.changes, words)
    acts = QHBoxLayout()
    acts.setContentsMargins(0, 0, 0, 0)
    if show is not None and signature.shown_on_page:
        acts.addWidget(button(words("signature.show"), show, "link", f"{words('signature.show')}: {signer}"))
    if compare is not None and signature.grown:
        acts.addWidget(button(words("signature.compare"), compare, "link", f"{words('signature.compare')}: {signer}"))
    acts.addStretch(1)
    if signature.reason:
        column.addWidget(label(words("signature.reason_code", code=signature.reason), "small", wrap=True))
    if acts.count() > 1:
        column.addLayout(acts)
    return named(card, f"{word}, {signer}", why)


def kind_of_signature(signature: Signature, words: Words) -> str:
    """What it is where it is no plain signature, "" otherwise."""
    if signature.kind == "timestamp":
        return words("signature.kind.timestamp")
    if signature.kind == "countersignature":
        return words("signature.kind.countersignature", number=signature.counter_signs or "?")
    return ""


def row_of_changes(column: QVBoxLayout, changes: Sequence[Change], words: Words, most: int = 8) -> None:
    """What came after a signature, a line each and the gravest first, with how grave it is in picture and word."""
    if not changes:
        return
    column.addWidget(label(words("signature.changes"), "quiet"))
    for change in sorted(changes, key=lambda change: _GRAVEST.index(change.level) if change.level in _GRAVEST else 2)[:most]:
        tone, shape = _GRAVITY.get(change.level, ("quiet", "information"))
        row = QHBoxLayout()
        row.setContentsMargins(0, 0, 0, 0)
        image = QLabel()
        image.setPixmap(look.picture(shape, getattr(look.colours(), tone), 16))
        row.addWidget(image, 0, Qt.AlignmentFlag.AlignTop)
        said = words.either(f"change.{change.level}", "change.unknown", text=change.text)
        row.addWidget(label(said if not change.page else f"{said}{words('change.page', page=change.page)}", wrap=True), 1)
        column.addLayout(row)
    if len(changes) > most:
        column.addWidget(label(words("change.more", count=len(changes) - most), "small"))


def not_checked_panel(points: Sequence[str], words: Words) -> QWidget:
    """What the verdict leaves open."""
    card = frame("panel")
    column = QVBoxLayout(card)
    column.setContentsMargins(16, 12, 16, 12)
    column.setSpacing(4)
    column.addWidget(label(words("verify.not_checked"), "heading"))
    for point in points:
        column.addWidget(label(f"· {point[:1].upper()}{point[1:]}", wrap=True))
    return named(card, words("verify.not_checked"), " ".join(points))


def facts(signature: Signature, words: Words) -> list[tuple[str, str]]:
    """What is known of a signature, caption and value."""
    source = signature.time_source if signature.time_source in ("claimed", "timestamp") else "claimed"
    time = words(f"signature.time.{source}", time=words.instant(signature.time)) if signature.time else words("signature.time.none")
    coverage = words("signature.coverage.whole" if signature.covers_whole_file else "signature.coverage.part")
    listed = []
    if signature.issuer:
        own = words("signature.issuer.internal") if signature.internal else ""
        listed.append((words("signature.issuer"), f"{signature.issuer}{own}"))
    listed += [(words("signature.time"), time), (words("signature.coverage"), coverage)]
    if signature.covers:
        listed.append((words("signature.covers"), words("list.comma").join(shown_name(name) for name in signature.covers)))
    if not signature.covers_whole_file and not signature.changes:
        listed.append((words("signature.changes"), words("signature.changes.none")))
    if signature.kind == "signature":
        listed.append((words("signature.place"), place(signature, words)))
    if f"revocation.{signature.revocation}" in TEXTS:
        listed.append((words("signature.revocation"), words(f"revocation.{signature.revocation}")))
    if f"ledger.verdict.{signature.ledger}" in TEXTS:
        listed.append((words("signature.ledger"), words(f"ledger.verdict.{signature.ledger}")))
    if signature.level:
        listed.append((words("signature.level"), words(key) if (key := f"level.{signature.level.lower()}") in TEXTS else signature.level))
    return listed


def place(signature: Signature, words: Words) -> str:
    """Where a signature stands, in words."""
    if signature.shown_on_page and signature.rect_mm:
        return words("signature.place.rect", page=signature.page, x=f"{signature.rect_mm[0]:.0f}", y=f"{signature.rect_mm[1]:.0f}")
    return words("signature.place.none")
