"""What a killed agent left open is closed at the next start, by what is really there: each document is published, or it is not."""

import os
from collections.abc import Container

import structlog

from agent.api.uris import to_path
from agent.ledger.log import Ledger, digest_of
from agent.signing.staging import sweep

log = structlog.get_logger()


async def close_open_sets(ledger: Ledger, running: Container[str] = ()) -> None:
    """Record the outcome of every set that has a start and no end, and remove what was staged under hidden names; nothing is signed again.

    `running` are those that jobs of this agent are at.
    """
    for batch, folder in await ledger.staged():
        if batch in running:
            continue
        log.warning("leftovers_swept", batch=batch, files=sweep([os.fsdecode(folder)], batch))
        await ledger.swept(batch)
    for left in await ledger.open_sets():
        body = left.statement["body"]
        if body["batch"] in running:
            continue
        outcome = []
        for document in body["documents"]:
            expected = left.publishing.get(document["n"])
            there = expected is not None and digest_of(to_path(document["output"])) == expected
            n = document["n"]
            asked = {"attributes": left.attributes[n]} if n in left.attributes else {}
            outcome.append({"n": n, "state": "published" if there else "failed", "sha256": expected if there else None, **asked})
        names = {name: body[name] for name in ("batch", "resumes") if name in body}
        await ledger.append("signature.finished", {**names, "documents": outcome, "recovered": True}, forget=body["batch"])
        log.warning("open_set_closed", batch=body["batch"], published=sum(d["state"] == "published" for d in outcome), documents=len(outcome))
