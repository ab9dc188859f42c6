"""A verification worker: ``python -m agent.verification.worker FD``, where FD is one end of a socket pair (see `tokens.wire`).

It parses documents that anybody may have made, so it is hardened, has bounded memory and no network, and a document can at worst fail itself.
Operations:

    ready   {} → {}
    revision  {file, revision, page, pixels} → as `pdf_revisions.show_revision`
    verify  {file, signature, trust, crls, at, own} → the document as the contract has it; `file` and `signature` are paths,
            `trust` PEM texts, `crls` base64 of PEM or DER (lists or OCSP responses), `at` ISO 8601 or null, `own` fingerprints (SHA-256, hex)
            of our own CA, `fetched` what the network said (key → {data, why}); the document has beyond the contract `wanted`: what to ask it,
            `sha256` and `size` of the file, `parts`: each file it was judged by, as `identity.Part` tells them (none: it could not be read)
"""

import asyncio
import contextlib
import logging
import os
import socket
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

from agent.verification import quick
from agent.verification.document import check_document
from agent.verification.identity import read_part, stamp_of
from agent.verification.pdf_revisions import show_revision
from agent.verification.trust import Trust, load_certificates, load_fetched, load_revocation
from agent.verification.verdict import refused
from agent.verification.wanted import Answered
from tokens import platform
from tokens.wire import Link, Message, serve, to_bytes, to_text

MEMORY_MAX: Final = 600 * 1000 * 1000
"""Address space of a worker, bytes; it starts with 90 MB."""
CPU_SECONDS: Final = 16.0
"""Processor time for one document; the agent's own deadline, by the clock, comes a little later and ends the worker."""
_FILES_MAX: Final = 64


class OutOfMemory(Exception):
    """The document wanted more memory than a worker may take; the worker is not to be used again."""

    code = "memory"


class OutOfTime(Exception):
    """The document wanted more processor time than it may take."""

    code = "time"


class Desk:
    """What a worker keeps between documents: the trust it was last given, parsed, and a loop, where it is given one."""

    def __init__(self, loop: asyncio.AbstractEventLoop | None = None) -> None:
        self._given: tuple[object, ...] | None = None
        self._run = asyncio.run if loop is None else loop.run_until_complete
        self._trust = Trust()

    def answer(self, op: str, args: Message) -> Message:
        """Do one operation; raises `OutOfMemory`, `OutOfTime`, and for a revision `Refused`."""
        if op not in ("verify", "revision"):
            return {}
        try:
            with platform.cpu_deadline(CPU_SECONDS):
                return self._do(op, args)
        except MemoryError as exc:
            raise OutOfMemory from exc
        except platform.DeadlineExceeded as exc:
            raise OutOfTime from exc

    def _do(self, op: str, args: Message) -> Message:
        if op == "revision":
            return show_revision(args["file"], args["revision"], args["page"], args["pixels"])
        trust = self._trust_of(args)
        trust.wanted.take()
        document = identified(lambda: self._run(check_document(args["file"], args["signature"], trust)), args["file"])
        wanted = [{"key": q.key, "url": q.url, "host": q.host, "body": None if q.body is None else to_text(q.body)} for q in trust.wanted.take()]
        return {**document, "wanted": wanted} if wanted else document

    def _trust_of(self, args: Message) -> Trust:
        given = (tuple(args["trust"]), tuple(args["crls"]), args["at"], tuple(args["own"]), tuple(args.get("fetched", {}).items()))
        if given != self._given:
            self._trust = trust_from(args)
            self._given = given
        return self._trust


def identified(check: Callable[[], Message], file: str) -> Message:
    """The document that `check` makes of `file`, and which bytes it is about; a file that is written to meanwhile has no verdict."""
    before = stamp_of(file)
    document = check()
    names = [file, *document.pop("relied_on", ())]
    try:
        parts = [read_part(name) for name in names if name == file or os.path.lexists(name)]
    except OSError:
        return {**document, "sha256": None, "size": None, "parts": []}
    if stamp_of(file) != before:
        return {**refused(file, "CHANGED"), "sha256": None, "size": None, "parts": []}
    return {**document, "sha256": parts[0].sha256, "size": parts[0].size, "parts": [part.to_wire() for part in parts]}


def trust_from(args: Message) -> Trust:
    """The trust a request names; raises ValueError for a certificate or list that cannot be read."""
    moment = datetime.fromisoformat(args["at"]) if args["at"] else None
    if moment is not None and moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    supplied = [load_revocation(to_bytes(data)) for data in args["crls"]]
    fetched = args.get("fetched", {})
    crls, ocsps = load_fetched(to_bytes(a["data"]) for a in fetched.values() if a["data"] is not None)
    return Trust(
        anchors=tuple(c for text in args["trust"] for c in load_certificates(text.encode("ascii", "replace"))),
        crls=tuple(c for lists, _ in supplied for c in lists) + tuple(crls),
        ocsps=tuple(r for _, responses in supplied for r in responses) + tuple(ocsps),
        answered=Answered({key: a["why"] for key, a in fetched.items()}),
        at=moment,
        own_anchors=frozenset(args["own"]),
    )


def main(argv: list[str]) -> int:
    """Serve the socket until the agent closes it."""
    platform.harden(die_with_parent=True)
    platform.deny_network()
    platform.limit(memory_bytes=MEMORY_MAX, files=_FILES_MAX, fixed=True)
    logging.disable(logging.CRITICAL)  # the libraries quote hostile files in their messages
    quick.install()
    with contextlib.closing(asyncio.new_event_loop()) as loop:
        serve(Link(socket.socket(fileno=int(argv[1]))), Desk(loop).answer)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
