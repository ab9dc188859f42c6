"""Signing a closed set: snapshot everything, ask once, record the intent, sign and publish each document, record the outcome.

The set is fixed before the PIN: digests, places and the certificate do not change afterwards.  While the token signs one
document, the workers prepare and assemble others.
"""

import asyncio
import contextlib
import os
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Literal, TypeAlias, TypeVar

import structlog
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from agent.api.errors import ApiError, Code
from agent.governance.decide import Refusal, SignDocuments, decide
from agent.inventory.certificates import CertificateView
from agent.inventory.service import Inventory
from agent.ledger.log import Ledger, digest_of
from agent.server.jobs import Job, PartlyDone
from agent.server.problems import error_entry
from agent.signing.crew import Crew, Lease, Worker, WorkerDied
from agent.signing.names import Output
from agent.signing.staging import sweep
from tokens.errors import TokenError
from tokens.session import Session
from tokens.types import SignatureScheme, Token
from tokens.wire import to_bytes, to_text

log = structlog.get_logger()
State: TypeAlias = Literal["waiting", "published", "failed", "skipped"]
T = TypeVar("T")
U = TypeVar("U")
_REST_SECONDS = 10.0
"""How long documents under way may take to come to rest after a cancel."""
_IN_FLIGHT = 6
"""Documents under way per worker: enough to keep the token busy, few enough to stop soon."""
_FEW = 4
"""Up to so many documents one worker does them all: starting another costs more."""
_WORKERS = 3
"""Workers for a larger set: one more than the two cores of a small desk, since each waits for its disk a third of the time."""


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be signed and how, as asked for; paths are the operating system's."""

    outputs: tuple[Output, ...]
    token: str | None = None
    certificate: str | None = None
    force: bool = False
    appearance: Literal["none", "text"] = "none"
    places: tuple[str, ...] = ()
    reason: str | None = None
    location: str | None = None
    repair: bool = False


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


@dataclass(frozen=True, slots=True)
class _Signer:
    """Who signs with what, for the whole set."""

    session: Session
    token: Token
    certificate: CertificateView
    scheme: SignatureScheme
    public_key: bytes


class Batch:
    """One closed set on its way; lives as long as its job."""

    def __init__(self, batch_id: str, job: Job, order: Order, inventory: Inventory, ledger: Ledger) -> None:
        self.id = batch_id
        self._job, self._order, self._inventory, self._ledger = job, order, inventory, ledger
        self._documents = [Document(n, output) for n, output in enumerate(order.outputs)]
        self._fatal: ApiError | None = None
        self._started = 0.0
        self._practice = False
        self._staged: set[str] = set()
        """Folders in which documents lie under hidden names."""

    async def run(self, crew: Crew, chain: Callable[[bytes], Sequence[bytes]]) -> dict[str, Any]:
        """Sign the set; raises `PartlyDone` with what was done where something stopped it."""
        try:
            async with AsyncExitStack() as stack:
                await self._sign_all(stack, crew, chain)
        except (ApiError, TokenError) as error:
            self._fatal = _told(error)
        if self._staged:  # the workers have dropped what they had; one that was killed has not
            await asyncio.to_thread(sweep, self._staged, self.id)
            with contextlib.suppress(ApiError):  # then the next start does it
                await self._ledger.swept(self.id)
        if self._fatal is not None:
            self._documents = [replace(d, state="skipped") if d.state == "waiting" else d for d in self._documents]
            raise PartlyDone(self._fatal, self.result())
        return self.result()

    def result(self) -> dict[str, Any]:
        """The contract's answer."""
        return {"batch": self.id, "practice": self._practice, "documents": [self._entry(d) for d in self._documents]}

    def _entry(self, document: Document) -> dict[str, Any]:
        return {
            "input": document.output.input_uri,
            "output": document.output.output_uri if document.state == "published" else None,
            "state": document.state,
            "sha256_before": document.sha256_before,
            "sha256_after": document.sha256_after,
            "level": "b-b",
            "format": document.output.format,
            "warnings": list(document.warnings),
            "error": error_entry(document.error, self._job.lang) if document.error else None,
        }

    # The steps, in order

    async def _sign_all(self, stack: AsyncExitStack, crew: Crew, chain: Callable[[bytes], Sequence[bytes]]) -> None:
        now = datetime.now(UTC)
        token = await self._inventory.pick(self._order.token)
        self._practice = token.practice
        certificate = await self._inventory.find_certificate(token, self._order.certificate, now)
        self._authorise(certificate, now)
        scheme = next(iter(token.schemes_for(certificate.key_type)), None)
        if scheme is None:
            raise ApiError(Code.MECHANISM_UNSUPPORTED, token=token.label, key_type=certificate.key_type)
        lease = await stack.enter_async_context(crew.lease(1 if len(self._documents) <= _FEW else _WORKERS))
        setup = {
            "signer_der": to_text(certificate.der),
            "chain": [to_text(der) for der in chain(certificate.der)],
            "scheme": scheme,
            "language": self._job.lang,
            "appearance": self._order.appearance,
            "places": list(self._order.places),
            "reason": self._order.reason,
            "location": self._order.location,
            "signer_name": certificate.common_name,
            "practice": token.practice,
            "signing_time": now.isoformat(timespec="seconds"),
            "mark": self.id,
        }
        # The token's host starts while the files are read: neither needs the other.
        session, _ = await _both(stack.enter_async_context(self._inventory.session(token)), self._snapshot_all(lease, setup))
        signer = _Signer(session, token, certificate, scheme, _public_key(certificate.der))
        usable = [d for d in self._documents if d.state == "waiting"]
        if not usable:
            self._settle_unusable()
            return
        listed = [{"name": d.output.name, "uri": d.output.input_uri, "sha256": d.sha256_before, "size": d.size, "pages": d.pages} for d in usable]
        await self._inventory.unlock(self._job, session, token, "sign", listed)
        self._authorise(certificate, datetime.now(UTC))  # a person may have taken minutes over the PIN
        await self._record_intent(signer)
        try:
            await self._each(lease.workers, lambda worker, d: self._sign(signer, worker, d), "sign")
        finally:
            await self._settle(lease.workers)
            await self._record_outcome()
        if not any(d.state == "published" for d in self._documents):
            self._settle_unusable()

    def _authorise(self, certificate: CertificateView, at: datetime) -> None:
        asked = SignDocuments(
            certificate.common_name, certificate.not_before, certificate.not_after, certificate.may_sign, certificate.ca, len(self._documents)
        )
        said = decide(asked, at)
        if isinstance(said, Refusal):
            raise ApiError(Code.NOT_ALLOWED, reason=said.reason, rule=said.rule, **dict(said.facts))

    def _settle_unusable(self) -> None:
        """No document could be signed; when that is so before the PIN, nobody is asked for it."""
        errors = [d.error for d in self._documents if d.error]
        if errors and (len(self._documents) == 1 or all(error.code is Code.INTERNAL for error in errors)):
            self._fatal = errors[0]
        else:
            self._fatal = ApiError(Code.INPUT_UNUSABLE, reason="none", count=len(self._documents))

    async def _each(self, workers: Sequence[Worker], step: Any, stage: str) -> None:
        """Run `step(worker, document)` over all documents that wait, a few at a time on each worker, until done or stopped."""
        todo = [d for d in self._documents if d.state == "waiting"]
        self._started, done = time.monotonic(), 0
        self._job.emit("progress", stage=stage, done=0, total=len(todo), rate=None)

        async def keep_busy(worker: Worker, share: Sequence[Document]) -> None:
            nonlocal done
            waiting = iter(share)

            async def one_after_another() -> None:
                nonlocal done
                for document in waiting:
                    if self._job.cancelled:
                        self._fatal = self._fatal or ApiError(Code.CANCELLED)
                    if self._fatal is not None:
                        return
                    await self._guarded(step, worker, document)
                    done += 1
                    elapsed = time.monotonic() - self._started
                    self._job.emit("progress", stage=stage, done=done, total=len(todo), rate=round(done / elapsed, 1) if elapsed > 0 else None)

            await asyncio.gather(*(one_after_another() for _ in range(_IN_FLIGHT)))

        stopping = asyncio.create_task(self._end_stragglers(workers))
        try:
            await asyncio.gather(*(keep_busy(worker, self._share(todo, i, len(workers))) for i, worker in enumerate(workers)))
        finally:
            stopping.cancel()
        if self._fatal is not None:
            raise self._fatal

    async def _end_stragglers(self, workers: Sequence[Worker]) -> None:
        """After a cancel, documents under way may come to rest; a worker that does not is ended."""
        await self._job.until_cancelled()
        await asyncio.sleep(_REST_SECONDS)
        for worker in workers:
            worker.kill()

    @staticmethod
    def _share(documents: Sequence[Document], index: int, of: int) -> list[Document]:
        return [d for d in documents if d.n % of == index]

    async def _snapshot_all(self, lease: Lease, setup: Mapping[str, Any]) -> None:
        await asyncio.gather(*(worker.call("setup", **setup) for worker in lease.workers))
        await self._each(lease.workers, self._snapshot, "snapshot")
        for index in range(len(lease.workers)):
            await self._find_culprits(lease, index, setup)

    async def _find_culprits(self, lease: Lease, index: int, setup: Mapping[str, Any]) -> None:
        """Where a worker died over a document, take its share again, one at a time, so that only the document that kills workers fails."""
        while not lease.workers[index].alive:
            share = self._share([d for d in self._documents if d.state == "waiting"], index, len(lease.workers))
            worker = await lease.renew(index)
            await worker.call("setup", **setup)
            for document in share:
                await self._guarded(self._snapshot, worker, Document(document.n, document.output))
                if not worker.alive:
                    dead = replace(self._documents[document.n], state="failed", error=WorkerDied("snapshot"))
                    self._documents[document.n] = dead
                    self._job.emit("document", **self._entry(dead))
                    break

    async def _guarded(self, step: Any, worker: Worker, document: Document) -> None:
        """One document's trouble is its own; a token's or the store's stops the set."""
        try:
            after = await step(worker, document)
        except TokenError as error:
            self._fatal = self._fatal or _told(error)
            return
        except WorkerDied as error:
            if step == self._snapshot:
                return  # whose fault it is will be found out
            after = replace(document, state="failed", error=error)
        except ApiError as error:
            if error.code is Code.STORE_UNREACHABLE:
                self._fatal = self._fatal or error
                return
            after = replace(document, state="failed", error=error)
            with contextlib.suppress(ApiError):
                await worker.call("drop", n=document.n)
        except Exception as error:  # a bug of ours: the others under way must not go on behind a set that is told as ended
            log.error("document_failed", batch=self.id, n=document.n, type=type(error).__name__, exc_info=error)
            after = replace(document, state="failed", error=ApiError(Code.INTERNAL, type=type(error).__name__))
        self._documents[document.n] = after
        if after.state != "waiting":
            self._job.emit("document", **self._entry(after))

    async def _snapshot(self, worker: Worker, document: Document) -> Document:
        output = document.output
        args = {"input": output.input, "output": output.output, "format": output.format, "places": list(self._order.places)}
        seen = await worker.call("snapshot", n=document.n, force=self._order.force, repair=self._order.repair, **args)
        if seen["named"] and (folder := os.path.dirname(output.output)) not in self._staged:
            self._staged.add(folder)
            await self._ledger.note(self.id, document.n, "staged", os.fsencode(folder))
        return replace(document, sha256_before=seen["sha256"], size=seen["size"], pages=seen.get("pages"), warnings=tuple(seen.get("warnings", ())))

    async def _sign(self, signer: _Signer, worker: Worker, document: Document) -> Document:
        n = document.n
        attributes = to_bytes((await worker.call("prepare", n=n))["tbs"])
        await self._ledger.note(self.id, n, "attributes", attributes)
        signature = await signer.session.sign(signer.certificate.cka_id, signer.scheme, attributes, signer.public_key)
        after = (await worker.call("finish", n=n, signature=to_text(signature)))["sha256_after"]
        await self._ledger.note(self.id, n, "publishing", after.encode())
        try:
            await worker.call("publish", n=n)
        except ApiError:  # it may have ended, or failed, after the name was given: what is there decides, as it does at a start
            if await asyncio.to_thread(digest_of, document.output.output) != after:
                raise
        return replace(document, state="published", sha256_after=after)

    async def _settle(self, workers: Sequence[Worker]) -> None:
        """Make the outputs' names durable before the outcome is recorded: one sync per folder, not per document."""
        folders = {os.path.dirname(d.output.output): d.output.output for d in self._documents if d.state == "published"}
        if folders and (alive := next((worker for worker in workers if worker.alive), None)):
            await alive.call("settle", outputs=list(folders.values()))

    async def _record_intent(self, signer: _Signer) -> None:
        listed = [
            {"n": d.n, "input": d.output.input_uri, "output": d.output.output_uri, "sha256": d.sha256_before}
            for d in self._documents
            if d.state == "waiting"
        ]
        by = {"token": signer.token.serial, "certificate": signer.certificate.fingerprint, "scheme": str(signer.scheme)}
        await self._ledger.append("signature.started", {"batch": self.id, **by, "authority": "personal", "documents": listed})

    async def _record_outcome(self) -> None:
        listed = [
            {"n": d.n, "state": "skipped" if d.state == "waiting" else d.state, "sha256": d.sha256_after}
            for d in self._documents
            if d.sha256_before is not None
        ]
        await self._ledger.append("signature.finished", {"batch": self.id, "documents": listed}, forget=self.id)


async def _both(first: Awaitable[T], second: Awaitable[U]) -> tuple[T, U]:
    """Both results; both are over when it returns, and the first one's exception comes first."""
    one, two = await asyncio.gather(first, second, return_exceptions=True)
    for each in (one, two):
        if isinstance(each, BaseException):
            raise each
    return one, two  # type: ignore[return-value]


def _told(error: ApiError | TokenError) -> ApiError:
    return error if isinstance(error, ApiError) else ApiError(Code(error.code), **error.facts)


def _public_key(der: bytes) -> bytes:
    return x509.load_der_x509_certificate(der).public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
