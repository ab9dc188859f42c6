"""Writing a ledger to a file: as a whole, to be checked again (jsonl), or as a table to be read (csv, xlsx, pdf).  Page by page, never in memory."""

import asyncio
import contextlib
import hashlib
import os
import shlex
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import BinaryIO, Final, Literal

from agent.api.errors import ApiError, Code
from agent.ledger import dump
from agent.ledger.checking import Row
from agent.ledger.entry import Head
from agent.records import listing, tables
from agent.records.listing import Filters
from agent.records.readme import readme
from agent.signing.staging import Staging, make_durable, sync_folder
from agent.store.store import Store

Format = Literal["jsonl", "csv", "xlsx", "pdf"]
_PAGE: Final = 250
_MODE: Final = 0o600
"""What was done with seals is for its owner; whoever is to have it is given it."""


@dataclass(frozen=True, slots=True)
class What:
    """A ledger as it is at this moment."""

    store: Store
    head: Head
    org: str | None
    note: str | None
    """The checkpoint, signed; None where the device's key is not at hand."""


@dataclass(frozen=True, slots=True)
class Done:
    """An export that was written."""

    entries: int
    sha256: str
    readme: str | None
    """The path of the README beside it."""


class Cancelled(Exception):
    """Somebody asked the export to stop."""


def export(what: What, output: str, format: Format, filters: Filters, lang: str, force: bool, told: Callable[[int], None]) -> Done:
    """Write it, whole or not at all.  `told` hears how many entries are done, and may raise `Cancelled`.  Blocks: for a thread.

    Raises `ApiError`: output_exists, output_unwritable, usage (reason jsonl_whole), not_found (reason font), store_unreachable.
    """
    if format == "jsonl" and filters.any:
        raise ApiError(Code.USAGE, reason="jsonl_whole")
    beside = _readme_of(output) if format == "jsonl" else None
    with contextlib.ExitStack() as stack:
        staging = _staged(stack, output, force)
        staged_readme = _staged(stack, beside, force) if beside else None
        done = 0

        def rows() -> Iterator[Row]:
            nonlocal done
            done, after = 0, -1
            while found := _page(what, after, filters):
                yield from found
                after = found[-1].seq
                done += len(found)
                told(done)

        with staging.file() as fd:
            with open(os.dup(fd), "w+b") as out:
                count = _write(what, out, format, rows, lang)
                out.flush()
                digest = _digest(out)
            make_durable(fd, _MODE)
        if beside and staged_readme:
            _write_readme(staged_readme, what, output)
            staged_readme.publish()
        staging.publish()
    sync_folder(output)
    return Done(count, digest, beside)


def _staged(stack: contextlib.ExitStack, output: str, force: bool) -> Staging:
    staging = Staging(output, force)
    stack.callback(staging.discard)
    return staging


def _page(what: What, after: int, filters: Filters) -> list[Row]:
    with what.store.read() as connection:
        return listing.some_rows(connection, after, what.head.size, _PAGE, filters)


def _write(what: What, out: BinaryIO, format: Format, rows: tables.Rows, lang: str) -> int:
    if format == "csv":
        return tables.write_csv(out, rows, lang)
    if format == "xlsx":
        return tables.write_xlsx(out, rows, lang)
    if format == "pdf":
        return tables.write_pdf(out, rows, lang, what.head, what.org, what.note)
    out.write(dump.opening(what.org, what.head))
    count = 0
    for row in rows():
        out.write(dump.entry(row))
        count += 1
    out.write(dump.closing(what.note))
    return count


def _digest(out: BinaryIO) -> str:
    out.seek(0)
    return hashlib.file_digest(out, "sha256").hexdigest()  # type: ignore[arg-type]


def _readme_of(output: str) -> str:
    stem, ending = os.path.splitext(output)
    return (stem if ending.lower() in (".jsonl", ".json") else output) + ".README.txt"


def _write_readme(staging: Staging, what: What, output: str) -> None:
    name = os.path.basename(output)
    text = readme(name.encode("utf-8", "backslashreplace").decode(), shlex.quote(name), what.org, what.head.size, what.head.root.hex())
    with staging.file() as fd:
        os.pwrite(fd, text.encode("utf-8", "surrogateescape"), 0)
        make_durable(fd, _MODE)


async def in_thread(work: Callable[[Callable[[int], None]], Done], told: Callable[[int], None], stopped: Callable[[], bool]) -> Done:
    """Run an export in a thread: what it tells is passed on in the loop, and it ends soon after `stopped`.  Raises `ApiError` (cancelled) then."""
    loop = asyncio.get_running_loop()

    def pass_on(done: int) -> None:
        if stopped():
            raise Cancelled
        loop.call_soon_threadsafe(told, done)

    try:
        return await asyncio.to_thread(work, pass_on)
    except Cancelled as error:
        raise ApiError(Code.CANCELLED) from error
