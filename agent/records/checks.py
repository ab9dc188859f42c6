"""A full check and what is told of it."""

import asyncio
import os
import stat
from collections.abc import Callable, Sequence
from typing import Any, BinaryIO

from agent.api.errors import ApiError, Code
from agent.ledger import checkpoint
from agent.ledger.checking import Claim, Finding, Judge, Report, Run
from agent.ledger.checkpoint import CheckpointError, Note
from agent.ledger.dump import Opening
from agent.ledger.log import Ledger
from agent.records import findings, verifying, view
from agent.records.watch import Watch

Told = Callable[[int, int], None]


async def check(
    ledger: Ledger, watch: Watch, fold: Callable[[], Judge] | None, file: str | None, texts: Sequence[bytes], own: str | None, told: Told
) -> dict[str, Any]:
    """Check the ledger, or an exported file (a path), against checkpoints too; the result as it goes over the wire.

    Raises `ApiError`: usage (reason not_a_checkpoint), input_unusable, store_unreachable.
    """
    notes = [_note(text) for text in texts]
    claims = _claimed(notes, own if file is None else None)
    state = None if fold is None else fold()
    if file is None:
        claims += watch.claims()
        head = await ledger.read(view.head_of)
        run = Run(claims, state)
        report = await verifying.check_ledger(ledger, head, run, lambda done: told(done, head.size))
        sources = {"head", *(claim.source for claim in claims)}
    else:
        opened = await asyncio.to_thread(_open, file)
        with opened:
            kept: list[Claim] = []

            def remembered(opening: Opening | None) -> list[Claim]:
                """What the memory says of this ledger at sizes that the export has: it may well be older than the memory."""
                if opening is not None and opening.org is not None and opening.org == own:
                    kept.extend(claim for claim in watch.claims() if claim.size <= opening.head.size)
                return [*_claimed(notes, None if opening is None else opening.org), *kept]

            report, run = await verifying.check_file(opened, remembered, state, told)
        sources = {"export", *(claim.source for claim in (*claims, *kept))}
        if not {"checkpoint", "no_checkpoint", "spoiled"} & {each.what for each in report.findings}:
            sources.add("checkpoint")
    extra = [finding for note in notes if (finding := _vouched(note, run, report)) is not None]
    if file is not None and report.org == own and (known := max((claim.size for claim in watch.claims()), default=0)) > report.entries:
        extra.append(Finding("older", None, severity="note", facts={"size": known, "entries": report.entries}))
    if file is None and watch.memory.trouble:
        extra.append(Finding("memory", None, severity="note", facts={"why": watch.memory.trouble}))
    return _result(report, extra, sources, own)


def _claimed(notes: Sequence[Note], org: str | None) -> list[Claim]:
    """What the checkpoints say of this ledger; one of another ledger says nothing of it, and is only told to be that (`_vouched`)."""
    return [Claim("checkpoint", note.checkpoint.size, note.checkpoint.root) for note in notes if org is None or note.checkpoint.org == org]


def _note(text: bytes) -> Note:
    try:
        return checkpoint.parse(text)
    except CheckpointError as error:
        raise ApiError(Code.USAGE, reason="not_a_checkpoint") from error


def _vouched(note: Note, run: Run, report: Report) -> Finding | None:
    """Whether somebody of this ledger signed the checkpoint that it was held against."""
    if note.checkpoint.org != report.org:
        return Finding("checkpoint", None, facts={"why": "other_org"})
    try:
        note.signed_by(run.keys())
    except CheckpointError as error:
        return Finding("checkpoint", None, facts={"why": error.reason})
    return None


def _open(path: str) -> BinaryIO:
    name = os.path.basename(path)
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            os.close(fd)
            raise ApiError(Code.INPUT_UNUSABLE, reason="not_a_file", name=name)
        return os.fdopen(fd, "rb")
    except FileNotFoundError as error:
        raise ApiError(Code.INPUT_UNUSABLE, reason="not_found", name=name) from error
    except OSError as error:
        raise ApiError(Code.INPUT_UNUSABLE, reason="unreadable", name=name) from error


def _result(report: Report, extra: Sequence[Finding], sources: set[str], own: str | None) -> dict[str, Any]:
    whole = report.with_findings(extra)
    return {
        "verdict": "passed" if whole.passed else "failed",
        "explanation": findings.explained(whole),
        "entries": whole.entries,
        "size": whole.entries,
        "root": None if whole.root is None else whole.root.hex(),
        "org": whole.org,
        "own": own is not None and whole.org == own,
        "legacy": whole.legacy,
        "signatures": whole.signatures,
        "signers": [{"fingerprint": each, "count": count} for each, count in whole.signers.items()],
        "first_at": whole.first_at or None,
        "last_at": whole.last_at or None,
        "findings": [findings.told(each) for each in sorted(whole.findings, key=lambda each: (each.seq is None, each.seq or 0))],
        "more": whole.more,
        **findings.checked(sources),
    }
