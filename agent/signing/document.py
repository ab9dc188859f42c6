"""One document on its way through a signing worker: snapshot, prepare, finish, publish."""

import hashlib
import os
from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any

from cryptography import x509

from agent.api.errors import ApiError
from agent.cades import der, oids
from agent.cades.cms import Template, attribute
from agent.signing import check, pdf, reader
from agent.signing.appearance import Stamp
from agent.signing.names import Format
from agent.signing.placement import DEFAULT_PLACE, Place
from agent.signing.snapshot import Snapshot, source, take, unchanged
from agent.signing.staging import Staging, final_mode, make_durable, write_all
from tokens import platform

DEADLINE = 20.0
"""Seconds of processor time for reading a document's structure: a thousand times what a drawing needs."""
_SPARE = 16
"""Bytes reserved beyond the most a signature can need."""
_WITNESS = der.oid(oids.WITNESS)


@dataclass(frozen=True, slots=True)
class Setup:
    """What all documents of a batch have in common."""

    pades: Template
    cades: Template
    signer: check.Signer
    stamp: Stamp | None
    words: pdf.Words
    umask: int
    disk: Executor
    """Where files are made durable beside other work."""
    mark: str = "0"
    """The set, as hidden names tell it."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One document as asked for."""

    input: str
    output: str
    format: Format
    places: Sequence[Place]
    force: bool
    repair: bool


def signer_of(certificate: bytes, template: Template) -> check.Signer:
    """Whose signature the check expects."""
    return check.Signer(x509.load_der_x509_certificate(certificate).public_key(), template.scheme)


class Document:
    """A staged document; always ends in `publish` or `drop`."""

    def __init__(self, asked: Asked, setup: Setup, keep_open: bool) -> None:
        """Read the input (and copy it, for a PDF); raises `ApiError`."""
        self._asked, self._setup = asked, setup
        self._attributes = b""
        self._gap = (0, 0)
        self._plan: pdf.Plan | None = None
        self._states: dict[str, Any] = {}
        self.snapshot: Snapshot
        self.warnings: tuple[str, ...] = ()
        with source(asked.input, asked.output) as fd:
            self._staging = Staging(asked.output, asked.force, keep_open, setup.mark)
            try:
                self._read(fd)
            except BaseException:
                self._staging.discard()
                raise

    def _read(self, fd: int) -> None:
        digest = self._setup.pades.digest
        if self._asked.format == "cades":
            self.snapshot = take(fd, self._asked.input, (digest,), None)
            self._states = self.snapshot.states
            return
        self.snapshot = take(fd, self._asked.input, (digest,), self._staging)
        self._states = self.snapshot.states
        self._plan = self._planned()
        self.warnings += self._plan.warnings

    @property
    def pages(self) -> int | None:
        """How many pages a PDF has."""
        return self._plan.pages if self._plan is not None else None

    @property
    def named(self) -> bool:
        """Whether it is staged under a hidden name, which a kill would leave behind."""
        return self._staging.named

    @property
    def signatures(self) -> int:
        """How many signatures the document carried before."""
        return self._plan.signatures if self._plan is not None else 0

    def _planned(self) -> pdf.Plan:
        places = (self._asked.places or (DEFAULT_PLACE,)) if self._setup.stamp is not None else ()
        try:
            with self._staging.file() as fd:
                plan = self._tried(fd, self.snapshot.size, places)
        except ApiError as error:
            if not error.facts.get("repairable"):
                raise
            with self._staging.file() as fd:
                if reader.contains(fd, self.snapshot.size, b"/ByteRange"):  # a rewritten copy would lose the signature
                    raise reader.unusable("damaged", repairable=False, signed=True) from error
            if not self._asked.repair:
                raise
            plan = self._repaired(places)
        if self._setup.stamp is not None:
            for spot in plan.spots:
                self._setup.stamp.form(spot)  # a place too small is told before the PIN
        return plan

    def _tried(self, fd: int, size: int, places: Sequence[Place]) -> pdf.Plan:
        """A plan that is known to work, within `DEADLINE`; raises `ApiError` as `pdf.plan` does."""
        try:
            with platform.cpu_deadline(DEADLINE):
                plan = pdf.plan(fd, size, places)
                if plan.guessed:
                    self._rehearse(fd, plan)
                return plan
        except platform.DeadlineExceeded as exc:
            raise reader.unusable("damaged", repairable=False, problem="takes too long to read") from exc

    def _rehearse(self, fd: int, plan: pdf.Plan) -> None:
        """See that the update can be read, then take it off again; raises `ApiError` (damaged)."""
        setup = self._setup
        write_all(fd, pdf.update(plan, setup.words, setup.stamp, setup.pades.max_size() + _SPARE, b"\0" * 16).data, plan.size)
        try:
            pdf.check_structure(fd, plan)
        except check.CheckFailed as exc:
            raise reader.unusable("damaged", repairable=reader.repairable(fd, plan.size)) from exc
        finally:
            os.ftruncate(fd, plan.size)

    def _repaired(self, places: Sequence[Place]) -> pdf.Plan:
        """Put what qpdf can rebuild in place of the copy."""
        better = Staging(self._asked.output, self._asked.force, self._staging.keep_open, self._setup.mark)
        try:
            with self._staging.file() as old, better.file() as target:
                reader.rewrite(old, self.snapshot.size, target)
                size, states = hashed(target, tuple(self._states))
                plan = self._tried(target, size, places)
        except BaseException as exc:
            better.discard()
            if isinstance(exc, ApiError) and "repairable" in exc.facts:
                exc.facts["repairable"] = False
            raise
        self._staging.discard()
        self._staging, self._states = better, states
        self.warnings += ("repaired",)
        return plan

    def prepare(self, identifier: bytes, witness: bytes | None = None) -> bytes:
        """Write all but the signature, and return the signed attributes, which the token is to sign; `witness` (DER) is one of them."""
        setup = self._setup
        entered = () if witness is None else (attribute(_WITNESS, witness),)
        if self._plan is None:
            digest = self._states[setup.cades.digest].copy().digest()
            self._attributes = setup.cades.carrying(*entered).signed_attributes(digest, setup.words.time)
            return self._attributes
        template = setup.pades.carrying(*entered)
        made = pdf.update(self._plan, setup.words, setup.stamp, template.max_size() + _SPARE, identifier)
        with self._staging.file() as fd:
            write_all(fd, made.data, self._plan.size)
        self._gap = made.gap
        state = self._states[setup.pades.digest].copy()
        state.update(memoryview(made.data)[: made.gap[0] - self._plan.size])
        state.update(memoryview(made.data)[made.gap[1] - self._plan.size :])
        self._attributes = template.signed_attributes(state.digest())
        return self._attributes

    def finish(self, signature: bytes) -> str:
        """Put the signature in, check the written bytes while they are made durable; returns the output's SHA-256.  Raises `CheckFailed`."""
        setup = self._setup
        template = setup.pades if self._plan is not None else setup.cades
        cms = template.assemble(self._attributes, signature)
        with self._staging.file() as fd:
            if self._plan is None:
                write_all(fd, cms, 0)
            elif len(cms) * 2 > self._gap[1] - self._gap[0] - 2:
                raise check.CheckFailed("the signature does not fit its place")
            else:
                write_all(fd, cms.hex().upper().encode("ascii"), self._gap[0] + 1)
            durable = setup.disk.submit(make_durable, fd, final_mode(self.snapshot.mode, setup.umask))
            try:  # the disk works while the bytes are read again: they do not change any more
                return self._checked(fd, cms)
            finally:
                durable.result()

    def _checked(self, fd: int, cms: bytes) -> str:
        """SHA-256 of the output, which is what it should be; raises `CheckFailed`."""
        if self._plan is None:
            return self._check_detached(fd, cms)
        after = check.check_pdf(fd, self._plan.size, self._states["sha256"].hexdigest(), self._setup.signer, cms)
        pdf.check_structure(fd, self._plan)
        return after

    def _check_detached(self, fd: int, cms: bytes) -> str:
        written = os.pread(fd, os.fstat(fd).st_size, 0)
        if written != cms:
            raise check.CheckFailed("contents")
        check.check_cms(written, self._states[self._setup.cades.digest].copy().digest(), self._setup.signer)
        return hashlib.sha256(written).hexdigest()

    def publish(self) -> str:
        """Give the output its name; returns it.  A detached signature is published only if its file is still what was signed.

        The name is durable once the folder is synced, which happens once per set.
        """
        if self._plan is None:
            unchanged(self._asked.input, self.snapshot.seen)
        self._staging.publish()
        return self._asked.output

    def drop(self) -> None:
        """Leave nothing behind."""
        self._staging.discard()


def hashed(fd: int, names: tuple[str, ...]) -> tuple[int, dict[str, Any]]:
    """Size of a file, and hash states over it."""
    states = {name: hashlib.new(name) for name in names}
    size = 0
    while part := os.pread(fd, reader.CHUNK, size):
        size += len(part)
        for state in states.values():
            state.update(part)
    return size, states
