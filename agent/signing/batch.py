"""Signing a closed set: snapshot everything, record the intent, ask once, sign and publish each document, record the outcome.

The set is fixed before the PIN: digests, places and the certificate do not change afterwards.  While the token signs one
document, the workers prepare and assemble others.
"""

import asyncio
import contextlib
import hashlib
import os
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, TypeVar

import structlog

from agent.api.errors import ApiError, Code
from agent.inventory.service import Inventory
from agent.ledger.log import digest_of
from agent.ledger.witness import new_salt
from agent.records.recorder import Records
from agent.server.jobs import Job, PartlyDone
from agent.signing.crew import Crew, Lease, Worker, WorkerDied
from agent.signing.order import Asked, Document, Order, identifier_of
from agent.signing.recording import Mark, intent, outcome, refuse_too_many, witness_of
from agent.signing.shares import Shares, Step
from agent.signing.signer import Means, SetStopped, Signer, means_of
from agent.signing.staging import sweep
from tokens.errors import TokenError
from tokens.wire import to_bytes, to_text

log = structlog.get_logger()
T = TypeVar("T")
U = TypeVar("U")
_REST_SECONDS = 10.0
"""How long documents under way may take to come to rest after a cancel."""
_FEW = 4
"""Up to so many documents one worker does them all: starting another costs more."""
_WORKERS = 3
"""Workers for a larger set: one more than the two cores of a small desk, since each waits for its disk a third of the time."""
ChainOf = Callable[[Means], Awaitable[Sequence[bytes]]]
"""The certificates above that of the means, nearest first, DER."""


class Batch:
    """One closed set on its way; lives as long as its job."""

    def __init__(self, run_id: str, job: Job, order: Order, inventory: Inventory, records: Records) -> None:
        self.id = run_id
        self.told = order.rest.batch if order.rest else run_id
        """The name that the set bears for people: what is resumed keeps that of the set it comes from."""
        self._job, self._order, self._inventory = job, order, inventory
        self._records, self._ledger = records, records.ledger
        self._documents = [Document(n, output) for n, output in enumerate(order.outputs)]
        self._signed: dict[int, tuple[bytes, bytes]] = {}
        """Attributes and signature of documents under way: where a worker dies over one, the token is not asked again."""
        self._marks: dict[int, Mark] = {}
        """What the token was asked to sign, and what it answered."""
        self._witness = b""
        """What each signature carries: the place of the intent in the ledger."""
        self._began = datetime.now(UTC)
        self._fatal: ApiError | None = None
        self._recorded = False
        self._practice = False
        self._staged: set[str] = set()
        """Folders in which documents lie under hidden names."""

    async def run(self, crew: Crew, chain: ChainOf) -> dict[str, Any]:
        """Sign the set; raises `PartlyDone` with what was done where something stopped it."""
        self._job.emit("batch", batch=self.told)
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
            raise PartlyDone(self._with_facts(self._fatal), self.result())
        return self.result()

    def result(self) -> dict[str, Any]:
        """The contract's answer."""
        return {"batch": self.told, "practice": self._practice, "documents": [d.entry(self._job.lang) for d in self._documents]}

    def _with_facts(self, error: ApiError) -> ApiError:
        """What a set that stopped has done, and how the rest of it is done later."""
        left = [d for d in self._documents if d.sha256_before is not None and d.state != "published"]
        if self._recorded and left:
            done = sum(d.state == "published" for d in self._documents)
            if error.code is Code.PIN_INCORRECT and done:
                error.facts.setdefault("reason", "midway")
            error.facts.update(published=done, remaining=len(self._documents) - done, batch=self.told)
        return error

    # What `Shares` asks

    def going(self) -> bool:
        """Whether nothing has stopped the set."""
        if self._job.cancelled:
            self._fatal = self._fatal or ApiError(Code.CANCELLED)
        return self._fatal is None

    def waiting(self) -> list[int]:
        """The documents still to be done; none once the set is stopped."""
        left = [d.n for d in self._documents if d.state == "waiting"]
        return left if left and self.going() else []

    def give_up(self, n: int, error: WorkerDied) -> None:
        """End a document that kills workers."""
        if self.going():  # a worker that was ended after a cancel is nobody's fault
            error.facts.setdefault("name", self._documents[n].output.name)
            self._put(self._documents[n].failed(error))

    def _put(self, document: Document) -> None:
        self._documents[document.n] = document
        if document.state != "waiting":
            self._job.emit("document", **document.entry(self._job.lang))

    # The steps, in order

    async def _sign_all(self, stack: AsyncExitStack, crew: Crew, chain: ChainOf) -> None:
        now = self._began
        refuse_too_many(len(self._documents))
        await self._records.ready()
        means = await means_of(self._order, self._inventory, now)
        self._practice = means.token.practice
        means.authorise(len(self._documents), now)
        lease = await stack.enter_async_context(crew.lease(1 if len(self._documents) <= _FEW else _WORKERS))
        # What is resumed has the certificates of before along, whatever is known since: other ones would be other bytes to sign.
        along = self._order.rest.chain if self._order.rest and self._order.rest.chain is not None else tuple(await chain(means))
        shares = Shares(lease, self._setup(means, along), self)
        # The token's host starts while the files are read: neither needs the other.
        session, _ = await _both(stack.enter_async_context(self._inventory.session(means.token, self._job)), self._take_all(lease, shares))
        signer = Signer(means, session, self._job, self._inventory)
        usable = [d for d in self._documents if d.state == "waiting"]
        if not usable:
            self._settle_unusable()
            return
        await self._record_intent(means, along, usable)
        try:
            await signer.unlock(usable)
            means.authorise(len(usable), datetime.now(UTC))  # a person may have taken minutes over the PIN
            await signer.prove()
            step = self._step(lambda worker, d: self._sign(signer, worker, d), self._counting("sign"))
            await self._each(lease, shares.finish_all(self._step(self._snapshot), step))
        except (ApiError, TokenError) as error:
            self._fatal = self._fatal or _told(error)
            raise
        finally:
            try:
                await self._settle(shares)
            finally:
                await self._record_outcome()
        if not any(d.state == "published" for d in self._documents):
            self._settle_unusable()

    @property
    def _signing_time(self) -> str:
        return self._began.isoformat(timespec="seconds")

    def _setup(self, means: Means, chain: Sequence[bytes]) -> dict[str, Any]:
        manner = self._order.manner
        return {
            "signer_der": to_text(means.certificate.der),
            "chain": [to_text(der) for der in chain],
            "scheme": means.scheme,
            "language": manner.language,
            "appearance": manner.appearance,
            "places": list(manner.places),
            "reason": manner.reason,
            "location": manner.location,
            "signer_name": means.certificate.common_name,
            "practice": means.token.practice,
            "signing_time": self._signing_time,
            "mark": self.id,
        }

    def _settle_unusable(self) -> None:
        """No document could be signed; when that is so before the PIN, nobody is asked for it."""
        errors = [d.error for d in self._documents if d.error]
        if errors and (len(self._documents) == 1 or all(error.code is Code.INTERNAL for error in errors)):
            self._fatal = errors[0]
        else:
            self._fatal = ApiError(Code.INPUT_UNUSABLE, reason="none", count=len(self._documents))

    async def _take_all(self, lease: Lease, shares: Shares) -> None:
        await shares.begin()
        await self._each(lease, shares.take_all(self._step(self._snapshot, self._counting("snapshot"))))

    async def _each(self, lease: Lease, work: Awaitable[None]) -> None:
        """Do `work`; raises what stopped it."""
        stopping = asyncio.create_task(self._end_stragglers(lease))
        try:
            await work
        finally:
            stopping.cancel()
        if self._fatal is not None:
            raise self._fatal

    async def _end_stragglers(self, lease: Lease) -> None:
        """After a cancel, documents under way may come to rest; a worker that does not is ended."""
        await self._job.until_cancelled()
        await asyncio.sleep(_REST_SECONDS)
        for worker in lease.workers:
            worker.kill()

    def _counting(self, stage: str) -> Callable[[int], None]:
        """Progress of a stage: to be called with each document that is through."""
        total, began = len(self.waiting()), time.monotonic()
        through: set[int] = set()
        self._job.emit("progress", stage=stage, done=0, total=total, rate=None)

        def count(n: int) -> None:
            through.add(n)
            elapsed = time.monotonic() - began
            self._job.emit("progress", stage=stage, done=len(through), total=total, rate=round(len(through) / elapsed, 1) if elapsed > 0 else None)

        return count

    def _step(self, do: Callable[[Worker, Document], Awaitable[Document]], count: Callable[[int], None] | None = None) -> Step:
        """`do` as a step: one document's trouble is its own; a token's or the store's stops the set."""

        async def step(worker: Worker, n: int) -> None:
            try:
                self._put(await do(worker, self._documents[n]))
            except WorkerDied:
                raise  # whose fault it is will be found out
            except (TokenError, SetStopped) as error:
                self._fatal = self._fatal or _told(error)
                return
            except ApiError as error:
                if error.code is Code.STORE_UNREACHABLE:
                    self._fatal = self._fatal or error
                    return
                self._put(self._documents[n].failed(error))
                with contextlib.suppress(ApiError):
                    await worker.call("drop", n=n)
            except Exception as error:  # a bug of ours: the others under way must not go on behind a set that is told as ended
                log.error("document_failed", batch=self.id, n=n, type=type(error).__name__, exc_info=error)
                self._put(self._documents[n].failed(ApiError(Code.INTERNAL, type=type(error).__name__)))
            if count is not None:
                count(n)

        return step

    async def _snapshot(self, worker: Worker, document: Document) -> Document:
        output, manner, rest = document.output, self._order.manner, self._order.rest
        before = self._asked_before(document)
        time = before.signing_time if before else None
        args = {"input": output.input, "output": output.output, "format": output.format, "places": list(manner.places), "signing_time": time}
        seen = await worker.call("snapshot", n=document.n, force=manner.force, repair=manner.repair, **args)
        if seen["named"] and (folder := os.path.dirname(output.output)) not in self._staged:
            self._staged.add(folder)
            await self._ledger.note(self.id, document.n, "staged", os.fsencode(folder))
        fixed = document.sha256_before or (rest.digests[output.input_uri] if rest else None)
        if fixed not in (None, seen["sha256"]):  # taken once more, and no longer what was consented to
            raise ApiError(Code.INPUT_CHANGED, reason="since", name=output.name)
        return replace(document, sha256_before=seen["sha256"], size=seen["size"], pages=seen.get("pages"), warnings=tuple(seen.get("warnings", ())))

    async def _sign(self, signer: Signer, worker: Worker, document: Document) -> Document:
        n = document.n
        before = self._asked_before(document)
        identifier = bytes.fromhex(before.identifier if before else identifier_of(self.id, n))
        # What was asked for before carries the witness of then, or none: other ones would be other bytes to sign.
        witness = self._witness if before is None else bytes.fromhex(before.witness or "")
        attributes = to_bytes((await worker.call("prepare", n=n, identifier=to_text(identifier), witness=to_text(witness)))["tbs"])
        if witness not in attributes:  # nothing is signed that cannot be found in the ledger, whatever a worker says
            raise ApiError(Code.INTERNAL, during="prepare", type="witness")
        signature = await self._signature(signer, document, attributes)
        after = (await worker.call("finish", n=n, signature=to_text(signature)))["sha256_after"]
        mark = self._marks[n] = Mark(self._marks[n].attributes, hashlib.sha256(signature).hexdigest())
        await self._ledger.note(self.id, n, "publishing", f"{after} {mark.signature}".encode())
        try:
            await worker.call("publish", n=n)
        except ApiError:  # it may have ended, or failed, after the name was given: what is there decides, as it does at a start
            if await asyncio.to_thread(digest_of, document.output.output) != after:
                raise
        del self._signed[n]
        return replace(document, state="published", sha256_after=after, reissued=before is not None and before.attributes == mark.attributes)

    def _asked_before(self, document: Document) -> Asked | None:
        """What the token was asked to sign for it in an earlier attempt at this set."""
        return self._order.rest.asked.get(document.output.input_uri) if self._order.rest else None

    async def _signature(self, signer: Signer, document: Document, attributes: bytes) -> bytes:
        """The token's signature; the one it gave already where a worker died before it was put to use."""
        n, before = document.n, self._signed.get(document.n)
        if before is None:
            await self._ledger.note(self.id, n, "attributes", attributes)
            self._marks[n] = Mark(hashlib.sha256(attributes).hexdigest())
            before = self._signed[n] = (attributes, await signer.sign(document, attributes))
        if before[0] != attributes:
            raise ApiError(Code.INTERNAL, during="sign", type="attributes")
        return before[1]

    async def _settle(self, shares: Shares) -> None:
        """Make the outputs' names durable before the outcome is recorded: one sync per folder, not per document."""
        folders = {os.path.dirname(d.output.output): d.output.output for d in self._documents if d.state == "published"}
        if folders and (alive := shares.alive):
            await alive.call("settle", outputs=list(folders.values()))

    async def _record_intent(self, means: Means, chain: Sequence[bytes], usable: Sequence[Document]) -> None:
        how = {"authority": "personal", "manner": self._order.manner.record(), "signing_time": self._signing_time}
        about = {**self._names(), **means.record(), **how}
        asked = {d.n: before for d in usable if (before := self._asked_before(d))}
        salt = new_salt()
        try:
            receipt = await self._records.record("signature.started", intent(about, salt, chain, usable, asked))
        except ApiError as error:
            if error.facts.get("where") == "too_large":
                raise ApiError(Code.USAGE, reason="set_too_large", count=len(usable), limit=len(usable) // 2) from error
            raise
        self._witness = witness_of(await self._records.org(), salt, receipt)
        self._recorded = True

    async def _record_outcome(self) -> None:
        body = outcome(self._names(), self._documents, self._marks, self._fatal)
        await self._records.record("signature.finished", body, forget=self.id)

    def _names(self) -> dict[str, str]:
        return {"batch": self.id, **({"resumes": self.told} if self._order.rest else {})}


async def _both(first: Awaitable[T], second: Awaitable[U]) -> tuple[T, U]:
    """Both results; both are over when it returns, and the first one's exception comes first."""
    one, two = await asyncio.gather(first, second, return_exceptions=True)
    for each in (one, two):
        if isinstance(each, BaseException):
            raise each
    return one, two  # type: ignore[return-value]


def _told(error: ApiError | TokenError | SetStopped) -> ApiError:
    if isinstance(error, SetStopped):
        return error.error
    return error if isinstance(error, ApiError) else ApiError(Code(error.code), **error.facts)
