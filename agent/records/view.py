"""One entry of a ledger as a person looks at it: in words and raw, with its signature checked and its proof made and checked."""

import base64
import hashlib
import json
from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from cryptography import x509

from agent.api.errors import ApiError, Code
from agent.ledger import merkle, proof, signed
from agent.ledger.checking import Row, examine
from agent.ledger.entry import Head
from agent.records import listing, words
from agent.store.tables import acts, entries, head


def head_of(connection: sa.Connection) -> Head:
    """Size and root as the store has them."""
    size, packed = connection.execute(sa.select(head.c.size, head.c.edge)).one()
    edge = [packed[i : i + proof.HASH_SIZE] for i in range(0, len(packed), proof.HASH_SIZE)]
    return Head(size, merkle.root(edge))


def find(connection: sa.Connection, name: str) -> Row:
    """The entry with this number or statement id; raises `ApiError` (not_found, reason entry)."""
    query = sa.select(entries)
    if name.isascii() and name.isdecimal() and len(name) < 19:
        query = query.where(entries.c.seq == int(name))
    else:
        query = query.where(entries.c.id == name.lower(), entries.c.seq >= 0)
    row = connection.execute(query).first()
    if row is None:
        raise ApiError(Code.NOT_FOUND, reason="entry", wanted=words.plain(name, 60))
    return Row(row.seq, row.statement, row.signature, row.nodes)


def whole(connection: sa.Connection, name: str) -> dict[str, Any]:
    """Everything about one entry; raises as `find` does."""
    row = find(connection, name)
    listed = connection.execute(sa.select(acts).where(acts.c.seq == row.seq)).first()
    id_ = connection.execute(sa.select(entries.c.id).where(entries.c.seq == row.seq)).scalar_one()
    told = _parsed(row.raw)
    short = {"raw": row.raw, "signed": row.cms is not None, "id": id_}
    drawn = (
        dict(listed._mapping) if listed is not None else dict.fromkeys(("at", "type", "actor", "device", "object", "names"), "") | {"seq": row.seq}
    )
    seen = examine(row.raw, row.cms)
    return {
        **listing.shown({**drawn, **short}),
        "words": words.in_words(told) if told is not None else [],
        "statement": told,
        "raw": base64.b64encode(row.raw).decode(),
        "signature": None if row.cms is None else base64.b64encode(row.cms).decode(),
        "sha256": hashlib.sha256(row.raw).hexdigest(),
        "leaf": seen.leaf.hex(),
        "signer": _signer(row),
        "signature_ok": None if row.cms is None else seen.wrong is None,
        "signature_reason": seen.why or seen.wrong,
        "proof": inclusion(connection, row, head_of(connection).size),
    }


def inclusion(connection: sa.Connection, row: Row, size: int) -> dict[str, Any]:
    """The proof that an entry stands in the tree of `size` entries, made of stored hashes and checked from the statement itself.

    Raises `ApiError` (usage, reason size).
    """
    if not row.seq < size <= head_of(connection).size:
        raise ApiError(Code.USAGE, reason="size", limit=size)
    path = proof.hashes(covers := proof.inclusion(row.seq, size), listing.stored(connection, covers))
    root, leaf = root_at(connection, size), merkle.leaf_hash(row.raw)
    try:
        proof.check_inclusion(row.seq, size, leaf, path, root)
        ok = True
    except proof.ProofError:
        ok = False
    return {"seq": row.seq, "size": size, "root": root.hex(), "leaf": leaf.hex(), "path": [each.hex() for each in path], "ok": ok}


def consistency(connection: sa.Connection, first: int, second: int) -> dict[str, Any]:
    """The proof that the ledger of `second` entries only adds to that of `first`; raises `ApiError` (usage, reason size)."""
    size = head_of(connection).size
    if not 0 <= first <= second <= size:
        raise ApiError(Code.USAGE, reason="size", limit=size)
    path = proof.hashes(covers := proof.consistency(first, second), listing.stored(connection, covers))
    roots = root_at(connection, first), root_at(connection, second)
    try:
        proof.check_consistency(first, second, path, *roots)
        ok = True
    except proof.ProofError:
        ok = False
    told = {"first": first, "second": second, "first_root": roots[0].hex(), "second_root": roots[1].hex()}
    return {**told, "path": [each.hex() for each in path], "ok": ok}


def root_at(connection: sa.Connection, size: int) -> bytes:
    """The root that the ledger had with its first `size` entries, from stored hashes; raises `ApiError` (store_unreachable, ledger_forked)."""
    if size == 0:
        return merkle.EMPTY
    covers = (proof.cover(0, size),)
    return proof.hashes(covers, listing.stored(connection, covers))[0]


def _parsed(raw: bytes) -> Mapping[str, Any] | None:
    try:
        told = json.loads(raw)
    except (ValueError, RecursionError):
        return None
    return told if isinstance(told, dict) else None


def _signer(row: Row) -> dict[str, Any] | None:
    """Who signed, where the signature holds."""
    if row.cms is None:
        return None
    try:
        signer = signed.check(row.raw, row.cms)
    except signed.CheckFailed:
        return None
    certificate = x509.load_der_x509_certificate(signer.certificate)
    return {
        "fingerprint": signer.fingerprint,
        "subject": words.plain(certificate.subject.rfc4514_string()),
        "signing_time": signer.signing_time.isoformat(),
        "certificate": base64.b64encode(signer.certificate).decode(),
    }
