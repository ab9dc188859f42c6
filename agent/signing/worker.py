"""A signing worker: ``python -m agent.signing.worker FD``, where FD is one end of a socket pair (see `tokens.wire`).

It reads documents that anybody may have made, so it is hardened, has bounded memory, and holds neither PIN nor key.
Operations, in order of a document's life (n is the caller's number for it):

    setup     {signer_der, chain, scheme, language, appearance, reason, location, signer_name, signing_time, practice, mark} → {}
    snapshot  {n, input, output, format, places, force, repair, signing_time} → {n, sha256, size, pages, warnings, signatures, named}
    prepare   {n, identifier, witness} → {n, tbs}   the same identifier and witness over the same bytes give the same attributes to sign
    finish    {n, signature} → {n, sha256_after}
    publish   {n} → {n, output}       drop {n} → {n}
    settle    {outputs} → {}          once a set is through: the names in these outputs' folders become durable

A document's error ends that document; the worker goes on.  When the agent closes the socket, what is still staged goes.
"""

import contextlib
import os
import socket
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Final

from agent.api.errors import ApiError, Code
from agent.cades.cms import template
from agent.signing.appearance import stamp
from agent.signing.check import CheckFailed
from agent.signing.document import Asked, Document, Setup, signer_of
from agent.signing.pdf import Words
from agent.signing.placement import parse
from agent.signing.staging import sync_folder
from agent.signing.text import Language, reason_told, words
from tokens import platform
from tokens.types import SignatureScheme
from tokens.wire import Link, Message, serve, to_bytes, to_text

MEMORY_MAX: Final = 1024 * 1024 * 1024
"""Address space of a worker, bytes: a decompression bomb ends as a document's error."""
_SPARE_FILES: Final = 32


class Bench:
    """The documents a worker has in hand."""

    def __init__(self, files_max: int, umask: int) -> None:
        self._files_max, self._umask = files_max, umask
        self._disk = ThreadPoolExecutor(1, "disk")
        self._common: Message | None = None
        self._setups: dict[str, Setup] = {}
        """By the signing time: a document that the token was asked to sign before keeps that of then."""
        self._documents: dict[int, Document] = {}

    def answer(self, op: str, args: Message) -> Message:
        """Do one operation; raises `ApiError`, and nothing else for whatever a document may hold."""
        try:
            if op == "setup":
                return self._set_up(args)
            if op == "settle":
                return self._settle(args)
            return self._work(op, int(args["n"]), args)
        except ApiError:
            raise
        except CheckFailed as exc:
            raise ApiError(Code.INTERNAL, reason="check", during=op, detail=str(exc)) from exc
        except MemoryError as exc:
            raise ApiError(Code.INPUT_UNUSABLE, reason="damaged", repairable=False, during=op, exception="MemoryError") from exc
        except Exception as exc:
            if op == "snapshot":
                raise ApiError(Code.INPUT_UNUSABLE, reason="damaged", repairable=False, exception=type(exc).__name__) from exc
            raise ApiError(Code.INTERNAL, during=op, exception=type(exc).__name__) from exc

    def _work(self, op: str, n: int, args: Message) -> Message:
        if op == "snapshot":
            return self._snapshot(n, args)
        if op == "drop":
            self._forget(n)
            return {"n": n}
        document = self._documents.get(n)
        if document is None:
            raise ApiError(Code.INTERNAL, reason="order", during=op)
        try:
            return {"n": n, **self._step(op, document, args)}
        except BaseException:
            self._forget(n)
            raise
        finally:
            if op == "publish":
                self._forget(n)

    def _step(self, op: str, document: Document, args: Message) -> Message:
        if op == "prepare":
            identifier = to_bytes(args["identifier"]) if "identifier" in args else os.urandom(16)
            witness = to_bytes(args["witness"]) if args.get("witness") else None
            return {"tbs": to_text(document.prepare(identifier, witness))}
        if op == "finish":
            return {"sha256_after": document.finish(to_bytes(args["signature"]))}
        if op == "publish":
            return {"output": document.publish()}
        raise ApiError(Code.INTERNAL, reason="operation", during=op)

    def clear(self) -> None:
        """Drop every document."""
        for n in list(self._documents):
            self._forget(n)

    def _set_up(self, args: Message) -> Message:
        self.clear()
        self._common, self._setups = args, {}
        self._setup(str(args["signing_time"]))
        return {}

    def _setup(self, signing_time: str | None) -> Setup:
        """What the documents of this signing time have in common."""
        if self._common is None:
            raise ApiError(Code.INTERNAL, reason="order", during="snapshot")
        time = signing_time or str(self._common["signing_time"])
        if time not in self._setups:
            self._setups[time] = self._made(self._common, time)
        return self._setups[time]

    def _made(self, args: Message, signing_time: str) -> Setup:
        signer, chain = to_bytes(args["signer_der"]), tuple(map(to_bytes, args.get("chain") or ()))
        scheme = SignatureScheme(args["scheme"])
        pades, cades = (template(signer, chain, scheme, embedded) for embedded in (True, False))
        moment = datetime.fromisoformat(signing_time).astimezone()
        name, reason, location = (args.get(key) or "" for key in ("signer_name", "reason", "location"))
        language: Language = "zh" if args.get("language") == "zh" else "en"
        practice = bool(args.get("practice"))
        shown = None
        if args.get("appearance") == "text":
            shown = stamp(words(language, name, moment, reason, location, practice))
        asked = Words(moment, name, reason_told(language, reason, practice), location)
        return Setup(pades, cades, signer_of(signer, pades), shown, asked, self._umask, self._disk, str(args.get("mark") or "0"))

    def _settle(self, args: Message) -> Message:
        for output in args["outputs"]:
            sync_folder(output)
        return {}

    def _snapshot(self, n: int, args: Message) -> Message:
        setup = self._setup(args.get("signing_time"))
        self._forget(n)
        places = tuple(parse(text) for text in args.get("places") or ())
        asked = Asked(args["input"], args["output"], args["format"], places, bool(args.get("force")), bool(args.get("repair")))
        try:
            document = Document(asked, setup, keep_open=len(self._documents) < self._files_max)
        except ApiError as error:
            error.facts.setdefault("name", os.path.basename(asked.input))
            raise
        self._documents[n] = document
        seen = document.snapshot
        return {
            "n": n, "sha256": seen.sha256, "size": seen.size, "pages": document.pages, "warnings": list(document.warnings),
            "signatures": document.signatures, "named": document.named,
        }  # fmt: skip

    def _forget(self, n: int) -> None:
        document = self._documents.pop(n, None)
        if document is not None:
            document.drop()


def _umask() -> int:
    """This process's umask, which can only be read by setting it."""
    before = os.umask(0o077)
    os.umask(before)
    return before


def main(argv: list[str]) -> int:
    """Serve the socket until the agent closes it."""
    platform.harden(die_with_parent=True)
    platform.limit(memory_bytes=MEMORY_MAX)
    files = platform.allow_many_files()
    bench = Bench(max(8, files - _SPARE_FILES), _umask())
    try:
        with contextlib.suppress(ConnectionError):  # the agent has gone before a reply: an end like any other
            serve(Link(socket.socket(fileno=int(argv[1]))), bench.answer)
    finally:
        bench.clear()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
