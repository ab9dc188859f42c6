"""What a killed agent left open is closed at the next start, by what is really there: each document is published, or it is not."""

import asyncio
import os
from collections.abc import Container, Mapping
from typing import Any

import structlog

from agent.api.errors import ApiError, Code
from agent.api.uris import to_path
from agent.ledger.log import Ledger, OpenSet, digest_of
from agent.signing.recording import LEVEL, TIME_SOURCE
from agent.signing.staging import sweep

log = structlog.get_logger()


async def close_open_sets(ledger: Ledger, running: Container[str] = ()) -> None:
    """Record the outcome of every set that has a start and no end, and remove what was staged under hidden names; nothing is signed again.

    `running` are those that jobs of this agent are at.
    """
    for batch, folder in await ledger.staged():
        if batch in running:
            continue
        log.warning("leftovers_swept", batch=batch, files=await asyncio.to_thread(_swept, batch, folder))
        await ledger.swept(batch)
    for left in await ledger.open_sets():
        try:
            body = left.statement["body"]
            batch = str(body["batch"])
            if batch in running:
                continue
            outcome = await asyncio.to_thread(_outcome, left)
            names = {name: body[name] for name in ("batch", "resumes") if name in body}
            reached = {"level": LEVEL, "time_source": TIME_SOURCE}
            await ledger.append("signature.finished", {**names, **reached, "documents": outcome, "recovered": True}, forget=batch)
        except (KeyError, TypeError, ValueError, AttributeError, ApiError) as error:
            if isinstance(error, ApiError) and error.code is not Code.USAGE:
                raise
            # No version wrote such an entry: a full check names it, and the agent starts all the same.
            log.error("open_set_unreadable", entry=left.seq, why=type(error).__name__)
            continue
        log.warning("open_set_closed", batch=batch, published=sum(d["state"] == "published" for d in outcome), documents=len(outcome))


def _swept(batch: str, folder: bytes) -> int:
    try:
        return sweep([os.fsdecode(folder)], batch)
    except ValueError:  # no path at all
        return 0


def _outcome(left: OpenSet) -> list[dict[str, Any]]:
    return [_ended(left, document) for document in left.statement["body"]["documents"]]


def _ended(left: OpenSet, document: Mapping[str, Any]) -> dict[str, Any]:
    """What became of a document, by what is there: the digest of what was about to appear, and what the token was asked and answered."""
    n = document["n"]
    after, _, signature = left.publishing.get(n, "").partition(" ")
    there = bool(after) and digest_of(to_path(document["output"])) == after
    out = {"n": n, "state": "published" if there else "failed", "before": document["sha256"], "sha256": after if there else None}
    asked = {"attributes": left.attributes[n]} if n in left.attributes else {}
    return {**out, **asked, **({"signature": signature} if signature else {})}
