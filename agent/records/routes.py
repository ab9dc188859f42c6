"""The routes that read, check and export ledgers; nothing here enters anything."""

import asyncio
import os
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from fastapi import APIRouter, Query, Request, Response
from pydantic import Field

from agent.api.errors import ApiError, Code
from agent.api.uris import to_path, to_uri
from agent.device.key import DeviceKey
from agent.ledger import checkpoint
from agent.ledger.checking import Judge
from agent.ledger.checkpoint import Checkpoint, Note
from agent.ledger.entry import Head
from agent.ledger.log import Ledger
from agent.records import exporting, listing, view, words
from agent.records.checks import check
from agent.records.listing import Filters
from agent.records.watch import Watch, org_of
from agent.server.jobs import Job, JobBody, Jobs
from agent.server.problems import error_entry, language

Which = Literal["personal", "organisation"]


@dataclass(frozen=True, slots=True)
class Shelf:
    """A ledger that this agent has at hand, and what belongs to it."""

    kind: Which
    ledger: Ledger
    watch: Watch
    key: Callable[[], Awaitable[DeviceKey]]
    """The device's key, which signs checkpoints; raises `ApiError` where it is not at hand."""
    fold: Callable[[], Judge] | None = None
    """A fresh state, for a check that puts every entry to the rules."""


class CheckBody(JobBody):
    """A full check: of the ledger, or of an exported file (a file URI); `checkpoints` are signed notes that it is held against."""

    file: str | None = None
    checkpoints: list[str] = Field(default_factory=list, max_length=100)
    checkpoint_files: list[str] = Field(default_factory=list, max_length=100)


class FilterBody(JobBody):
    """The filters of a list, named as in its query."""

    type: str | None = Field(None, max_length=64)
    actor: str | None = Field(None, max_length=128)
    device: str | None = Field(None, max_length=128)
    object: str | None = Field(None, max_length=256)
    start: str | None = Field(None, alias="from", max_length=64)
    end: str | None = Field(None, alias="to", max_length=64)
    text: str | None = Field(None, max_length=500)


class ExportBody(JobBody):
    """Write the ledger to a file (a file URI)."""

    output: str
    format: exporting.Format
    force: bool = False
    filters: FilterBody | None = None
    lang: Literal["zh", "en"] | None = None


def router(shelves: Mapping[Which, Shelf], jobs: Jobs) -> APIRouter:
    """The routes over the ledgers at hand; the organisation's, where there is one, is the one meant when none is named."""
    api = APIRouter(prefix="/v1/ledger")

    def at(which: Which | None) -> Shelf:
        if which is not None and which not in shelves:
            raise ApiError(Code.NOT_FOUND, reason="ledger", wanted=which)
        return shelves[which or ("organisation" if "organisation" in shelves else "personal")]

    @api.get("")
    async def about(request: Request, ledger: Which | None = None) -> dict[str, Any]:
        """What the ledger is, how large, and whether it may be gone on with."""
        shelf = at(ledger)
        told = await shelf.ledger.read(_about)
        trouble = shelf.ledger.trouble
        return {**told, "kind": shelf.kind, "stopped": None if trouble is None else error_entry(trouble, language(request))}

    @api.get("/entries")
    async def entries(
        ledger: Which | None = None,
        after: int | None = Query(None, ge=-1, lt=2**62),
        before: int | None = Query(None, ge=0, lt=2**62),
        limit: int = Query(100, ge=1, le=listing.LIMIT_MAX),
        order: Literal["newest", "oldest"] = "newest",
        type: str | None = Query(None, max_length=64),
        actor: str | None = Query(None, max_length=128),
        device: str | None = Query(None, max_length=128),
        object: str | None = Query(None, max_length=256),
        start: str | None = Query(None, alias="from", max_length=64),
        end: str | None = Query(None, alias="to", max_length=64),
        text: str | None = Query(None, max_length=500),
        count: bool = False,
    ) -> dict[str, Any]:
        """One page of a list; `after` and `before` are numbers of entries, both exclusive.  `count`: how many fit the filters in all."""
        wanted = Filters(type, actor, device, object, start, end, text)
        found = await at(ledger).ledger.read(
            lambda connection: listing.page(connection, wanted, after=after, before=before, limit=limit, order=order, count=count)
        )
        return {"entries": found.entries, "size": found.size, "more": found.more, "total": found.total}

    @api.get("/types")
    async def types(ledger: Which | None = None) -> dict[str, Any]:
        """Every type of statement, its title, and how many entries there are of it."""
        counted = await at(ledger).ledger.read(listing.counts)
        named = {**words.types(), **{kind: words.title(kind) for kind in counted}}
        return {"types": [{"type": kind, "title": title, "count": counted.get(kind, 0)} for kind, title in named.items()]}

    @api.get("/entries/{name}")
    async def entry(name: str, ledger: Which | None = None) -> dict[str, Any]:
        """One entry, by its number or its statement's id: in words and raw, its signature checked, its proof made and checked."""
        return await at(ledger).ledger.read(lambda connection: view.whole(connection, name))

    @api.get("/entries/{name}/proof")
    async def prove(name: str, ledger: Which | None = None, size: int | None = Query(None, ge=1, lt=2**62)) -> dict[str, Any]:
        """The proof that an entry stands in the ledger as it is now, or was at `size`; now: with a signed checkpoint, as one text to keep."""
        shelf = at(ledger)

        def read(connection: Any) -> tuple[dict[str, Any], Head, str | None]:
            head = view.head_of(connection)
            return view.inclusion(connection, view.find(connection, name), size or head.size), head, org_of(connection)

        told, head, org = await shelf.ledger.read(read)
        note = None
        if told["size"] == head.size and org is not None:
            note = await noted(shelf, Checkpoint(org, head.size, head.root), optional=True)
        return {**told, "text": None if note is None else checkpoint.tlog_proof(told["seq"], [bytes.fromhex(each) for each in told["path"]], note)}

    @api.get("/consistency")
    async def consistent(first: int = Query(ge=0, lt=2**62), second: int = Query(ge=0, lt=2**62), ledger: Which | None = None) -> dict[str, Any]:
        """The proof that the ledger at the later size only adds to that at the earlier one."""
        return await at(ledger).ledger.read(lambda connection: view.consistency(connection, first, second))

    @api.get("/checkpoint")
    async def current(ledger: Which | None = None) -> dict[str, Any]:
        """A checkpoint of the ledger as it is now, signed by this device."""
        shelf = at(ledger)
        if shelf.ledger.trouble is not None:  # a ledger that forked is not vouched for
            raise shelf.ledger.trouble
        head, org = await shelf.ledger.read(lambda connection: (view.head_of(connection), org_of(connection)))
        if org is None:
            raise ApiError(Code.NOT_FOUND, reason="not_founded")
        note = await noted(shelf, Checkpoint(org, head.size, head.root))
        return {"org": org, "size": head.size, "root": head.root.hex(), "text": str(note), "device": (await shelf.key()).id}

    @api.post("/verifications")
    async def verify(body: CheckBody, request: Request, ledger: Which | None = None) -> Response:
        """Check everything, on all processors; streams progress."""
        shelf = at(ledger)
        file = None if body.file is None else path_of(body.file)
        kept = [path_of(uri) for uri in body.checkpoint_files]

        async def work(job: Job) -> dict[str, Any]:
            texts = [text.encode("utf-8", "surrogatepass") for text in body.checkpoints]
            texts += [await asyncio.to_thread(_small, path) for path in kept]
            begin = time.monotonic()

            def told(done: int, total: int) -> None:
                seconds = time.monotonic() - begin
                job.emit("progress", stage="ledger", done=done, total=total, rate=done / seconds if seconds > 1 else None)

            own = shelf.watch.memory.org(shelf.watch.name)
            found = await job.unless_cancelled(check(shelf.ledger, shelf.watch, shelf.fold, file, texts, own, told))
            return {**found, "seconds": round(time.monotonic() - begin, 3)}

        return jobs.stream(request, "ledger_verify", body, work)

    @api.post("/exports")
    async def export(body: ExportBody, request: Request, ledger: Which | None = None) -> Response:
        """Write the ledger to a file; streams progress."""
        shelf, output, lang = at(ledger), path_of(body.output), body.lang or language(request)
        f = body.filters
        wanted = Filters() if f is None else Filters(f.type, f.actor, f.device, f.object, f.start, f.end, f.text)
        wanted.conditions()  # a time that is none is told before anything is written

        async def work(job: Job) -> dict[str, Any]:
            head, org = await shelf.ledger.read(lambda connection: (view.head_of(connection), org_of(connection)))
            vouched = org is not None and shelf.ledger.trouble is None
            note = await noted(shelf, Checkpoint(org or "", head.size, head.root), optional=True) if vouched else None
            what = exporting.What(shelf.ledger.store, head, org, None if note is None else str(note))
            begin = time.monotonic()

            def told(done: int) -> None:
                seconds = time.monotonic() - begin
                job.emit("progress", stage="export", done=done, total=head.size, rate=done / seconds if seconds > 1 else None)

            done = await exporting.in_thread(
                lambda tell: exporting.export(what, output, body.format, wanted, lang, body.force, tell), told, lambda: job.cancelled
            )
            readme = None if done.readme is None else to_uri(done.readme)
            told_ = {"output": to_uri(output), "format": body.format, "entries": done.entries, "size": head.size}
            return {**told_, "sha256": done.sha256, "readme": readme, "checkpoint": note is not None}

        return jobs.stream(request, "ledger_export", body, work)

    @api.post("/rebuild")
    async def rebuild(body: JobBody, request: Request, ledger: Which | None = None) -> Response:
        """Draw anew whatever is drawn from the ledger for lists and searches."""
        shelf = at(ledger)

        async def work(_job: Job) -> dict[str, Any]:
            await shelf.ledger.rebuild()
            return {"entries": (await shelf.ledger.read(view.head_of)).size}

        return jobs.stream(request, "ledger_rebuild", body, work)

    return api


async def noted(shelf: Shelf, what: Checkpoint, optional: bool = False) -> Note | None:
    """A checkpoint signed by the device; None (`optional`) where its key is not at hand, else `ApiError`."""
    try:
        key = await shelf.key()
        certificate = x509.load_der_x509_certificate(key.certificate)
        spki = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        return checkpoint.signed(what, spki, await key.sign(what.text().encode()))
    except ApiError:
        if optional:
            return None
        raise


def path_of(uri: str) -> str:
    """The absolute path of a file URI; raises `ApiError` (usage)."""
    try:
        return to_path(uri)
    except ValueError as error:
        raise ApiError(Code.USAGE, reason="path") from error


def _small(path: str) -> bytes:
    """A checkpoint's file; raises `ApiError` (input_unusable)."""
    name = os.path.basename(path)
    try:
        with open(path, "rb", opener=lambda p, f: os.open(p, f | os.O_NONBLOCK)) as file:
            return file.read(checkpoint.SIZE_MAX + 1)
    except FileNotFoundError as error:
        raise ApiError(Code.INPUT_UNUSABLE, reason="not_found", name=name) from error
    except OSError as error:
        raise ApiError(Code.INPUT_UNUSABLE, reason="unreadable", name=name) from error


def _about(connection: Any) -> dict[str, Any]:
    head, org = view.head_of(connection), org_of(connection)
    first, last, legacy = listing.ends(connection)
    return {"org": org, "size": head.size, "root": head.root.hex(), "legacy": legacy, "first_at": first, "last_at": last}
