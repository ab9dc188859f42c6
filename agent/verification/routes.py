"""The routes that verify, and that tell what was found."""

import asyncio
import os
import stat
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from asn1crypto import pem
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp
from fastapi import APIRouter, Request, Response
from pydantic import Field

from agent.api.errors import ApiError, Code
from agent.api.home import Home
from agent.api.uris import to_path, to_uri
from agent.authority import anchors
from agent.server.jobs import Job, JobBody, Jobs, PartlyDone
from agent.verification import environment
from agent.verification.bulk_run import Run
from agent.verification.fetch import Fetcher
from agent.verification.ledgers import Register, compare
from agent.verification.report_scope import not_checked
from agent.verification.runs import Runs, now
from agent.verification.service import Checkers, Desk, Known, request_for
from tokens import platform
from tokens.public import UNREADABLE

_SUPPLIED_MAX = 8 * 1024 * 1024
"""Bytes of one certificate or revocation list file."""


class VerifyBody(JobBody):
    """What to verify; paths are file URIs.  Without `trust` the anchors of the home count.  `crl` files are revocation lists or OCSP responses."""

    files: list[str] = Field(default_factory=list, max_length=100_000)
    folders: list[str] = Field(default_factory=list, max_length=1000)
    """Walked with all below them; what holds no signature and need not is left out and counted."""
    resume: str | None = Field(None, max_length=40)
    """A run that was stopped ("last": the newest one over folders): what it was to verify is named by it, and files with a verdict are left alone."""
    skip: list[str] = Field(default_factory=list, max_length=100)
    """Paths in the folders that are left alone: reports about to be written."""
    signature: str | None = None
    trust: list[str] = Field(default_factory=list, max_length=1000)
    crl: list[str] = Field(default_factory=list, max_length=1000)
    at: str | None = Field(None, max_length=64)
    fetch: bool = False
    """Whether the issuers of the certificates may be asked over the network if they were revoked."""
    collect: bool = True
    """Whether the result holds the documents; without, and for folders, they are read page by page from the run."""


def router(
    home: Home, jobs: Jobs, runs: Runs, workers: Checkers | None = None, fetcher: Fetcher | None = None, registers: Sequence[Register] = ()
) -> APIRouter:
    """The routes; `workers` and `fetcher` are closed by whoever gave them (without, they end with the agent); `registers` are the ledgers at hand."""
    api = APIRouter(prefix="/v1/verifications")
    checkers, asker = workers or Checkers(), fetcher or Fetcher()

    @api.post("")
    async def verify_files(body: VerifyBody, request: Request) -> Response:
        """Verify files and folders.

        Streams `run` {run}, `progress` {stage, done, total, rate, left}, `document` (each; without `collect` those that have not passed).  The result
        is {run, counts, left_out, environment, again, documents}: `again` counts the verdicts of before that still hold.  A run that is cancelled
        keeps what was finished.
        """
        run, body = await _run_of(runs, body)
        files, folders = [_path(uri) for uri in body.files], [_path(uri) for uri in body.folders]
        signature = None if body.signature is None else _path(body.signature)
        if not files and not folders:
            raise ApiError(Code.USAGE, reason="no_file_named")
        if signature is not None and (len(files) != 1 or folders):
            raise ApiError(Code.USAGE, reason="signature_for_one_file")
        at = _moment(body.at)
        given, crl_paths = [_path(uri) for uri in body.trust], [_path(uri) for uri in body.crl]
        skip = frozenset(_path(uri) for uri in body.skip)

        async def work(job: Job) -> dict[str, Any]:
            own = await asyncio.to_thread(anchors.by_fingerprint, home)
            home_trusts = await asyncio.to_thread(anchors.trusted, home)
            trust = [t for path in given for t in await asyncio.to_thread(_certificates, path)] if given else list(home_trusts.values())
            crls = [await asyncio.to_thread(_revocation_data, path) for path in crl_paths]
            name, started = run or await asyncio.to_thread(runs.new, _kept(body), bool(folders)), now()
            job.emit("run", run=str(name))
            known = Known(asker.ask if body.fetch else None)
            desk = Desk(request_for(signature=signature, trust=trust, crls=crls, at=at, own=tuple(own)), checkers, known)

            async def settle(document: dict[str, Any]) -> dict[str, Any]:
                compared = await compare(document, registers)
                return {**compared, "not_checked": not_checked(compared, body.fetch)}

            def tell(event: str, /, **data: Any) -> None:
                job.emit(event, **(on_the_wire(data["document"]) if event == "document" else data))

            same = environment.conditions(trust, tuple(own), crls, at, body.fetch)
            going = Run(str(name), runs, desk, same, settle, tell, files, folders, skip, body.collect and not folders)
            stopped: ApiError | None = None
            try:
                await job.unless_cancelled(going.plan())
                await job.unless_cancelled(going.check(checkers.most + 1))
            except ApiError as error:
                stopped = ApiError(error.code, **{"reason": "verification", **error.facts, "run": name})
            said = environment.describe(
                trust=trust, own=own, given=bool(given), revocation=list(zip(map(os.path.basename, crl_paths), crls, strict=True)), at=at,
                network=body.fetch, asked=known.asked, user=platform.user_of(job.caller.uid), program=job.program, started=started,
            )  # fmt: skip
            await asyncio.to_thread(runs.settle)
            await asyncio.to_thread(runs.end, str(name), said, going.left_out.to_wire(), finished=stopped is None)
            result = {**await told(str(name), body.collect and not folders), "again": going.again}
            if stopped is not None:
                raise PartlyDone(stopped, result)
            return result

        return jobs.stream(request, "verify", body, work)

    async def told(run: str, collect: bool) -> dict[str, Any]:
        found = await asyncio.to_thread(_find, runs, run)
        counts = await asyncio.to_thread(runs.counts, run)
        said = {"run": run, "finished": found["finished"], "counts": counts, "left_out": found["left_out"], "environment": found["environment"]}
        if not collect:
            return said
        return {**said, "documents": [on_the_wire(d) for d in await asyncio.to_thread(lambda: list(runs.documents(run)))]}

    @api.get("/runs/{run}")
    async def show(run: str) -> dict[str, Any]:
        """{run, finished, counts, left_out, environment}; "last" is the newest one over folders that was not finished."""
        return await told(await asyncio.to_thread(_name, runs, run), False)

    @api.get("/runs/{run}/documents")
    async def documents(run: str, after: float = -1.0, limit: int = 100, exceptions: bool = False) -> dict[str, Any]:
        """{documents, next}: documents in order behind the place `after`; `next` is the place to go on from, null at the end."""
        most = max(1, min(limit, 500))
        name = await asyncio.to_thread(_name, runs, run)
        page = await asyncio.to_thread(runs.page, name, after, most, exceptions)
        return {"documents": [on_the_wire(d) for _, d in page], "next": page[-1][0] if len(page) == most else None}

    return api


async def _run_of(runs: Runs, body: VerifyBody) -> tuple[str | None, VerifyBody]:
    """The run to go on with, and what it is to verify; none where a new one is asked for."""
    if body.resume is None:
        return None, body
    name = await asyncio.to_thread(_name, runs, body.resume)
    request = (await asyncio.to_thread(_find, runs, name))["request"]
    manner = {"interaction": body.interaction, "confirm_final_try": body.confirm_final_try, "skip": [*request["skip"], *body.skip]}
    return name, VerifyBody.model_validate({**request, **manner, "collect": body.collect})


def _kept(body: VerifyBody) -> dict[str, Any]:
    """What a run has to remember to go on."""
    return body.model_dump(exclude={"interaction", "confirm_final_try", "resume", "collect"})


def _name(runs: Runs, run: str) -> str:
    name = runs.newest() if run == "last" else run
    if name is None:
        raise ApiError(Code.NOT_FOUND, reason="no_stopped_run")
    _find(runs, name)
    return name


def _find(runs: Runs, run: str) -> dict[str, Any]:
    try:
        return runs.find(run)
    except KeyError:
        raise ApiError(Code.NOT_FOUND, reason="run", run=run) from None


def on_the_wire(document: dict[str, Any]) -> dict[str, Any]:
    """Paths are file URIs on the wire."""
    beside = [{**part, "file": to_uri(part["file"])} for part in document.get("signature_files", ())]
    return {**document, "file": to_uri(document["file"]), "signature_files": beside}


def _path(uri: str) -> str:
    try:
        return to_path(uri)
    except ValueError as exc:
        raise ApiError(Code.USAGE, reason="path") from exc


def _moment(text: str | None) -> str | None:
    if text is None:
        return None
    try:
        return datetime.fromisoformat(text).isoformat()
    except ValueError as exc:
        raise ApiError(Code.USAGE, reason="time") from exc


def _read(path: str) -> bytes:
    name = os.path.basename(path)
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):  # a FIFO would be waited for, a device read for ever
            raise ApiError(Code.INPUT_UNUSABLE, reason="not_a_file", name=name)
        with open(path, "rb") as file:
            data = file.read(_SUPPLIED_MAX + 1)
    except FileNotFoundError as exc:
        raise ApiError(Code.INPUT_UNUSABLE, reason="not_found", name=name) from exc
    except OSError as exc:
        raise ApiError(Code.INPUT_UNUSABLE, reason="unreadable", name=name) from exc
    if len(data) > _SUPPLIED_MAX:
        raise ApiError(Code.INPUT_UNUSABLE, reason="too_large", name=name)
    return data


def _certificates(path: str) -> list[str]:
    """The certificates of a PEM or DER file as PEM texts."""
    data = _read(path)
    try:
        loaded = x509.load_pem_x509_certificates(data) if pem.detect(data) else [x509.load_der_x509_certificate(data)]
        for each in loaded:  # a report names them
            each.subject.rfc4514_string()
    except UNREADABLE as exc:
        raise ApiError(Code.INPUT_UNUSABLE, reason="not_a_certificate", name=os.path.basename(path)) from exc
    return [c.public_bytes(Encoding.PEM).decode("ascii") for c in loaded]


def _revocation_data(path: str) -> bytes:
    """A revocation list or an OCSP response as DER."""
    data = _read(path)
    try:
        return ocsp.load_der_ocsp_response(data).public_bytes(Encoding.DER)
    except UNREADABLE:
        pass
    try:
        loaded = x509.load_pem_x509_crl(data) if pem.detect(data) else x509.load_der_x509_crl(data)
    except UNREADABLE as exc:
        raise ApiError(Code.INPUT_UNUSABLE, reason="not_a_revocation_list", name=os.path.basename(path)) from exc
    return loaded.public_bytes(Encoding.DER)
