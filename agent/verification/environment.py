"""Under which circumstances a verdict was made: what it relied on, what was asked of whom, and who wanted it."""

import hashlib
import json
import platform as system
from collections.abc import Mapping, Sequence
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes

from agent import __version__
from agent.verification import policy_data
from agent.verification.runs import now

_ADDRESSES_MAX = 500


def policy() -> dict[str, str]:
    """Which rules about algorithms and certificates were applied: a digest over all of them, so that no change goes unseen."""
    rows = [_written(getattr(policy_data, name)) for name in sorted(vars(policy_data)) if name.isupper()]
    return {"sha256": hashlib.sha256("\n".join(rows).encode()).hexdigest()}


def _written(value: object) -> str:
    """The same text for the same value in every process, which `repr` of a set is not."""
    if isinstance(value, Mapping):
        return "{" + ",".join(f"{_written(k)}:{_written(v)}" for k, v in sorted(value.items(), key=lambda pair: repr(pair[0]))) + "}"
    if isinstance(value, set | frozenset):
        return "{" + ",".join(sorted(map(_written, value))) + "}"
    return "(" + ",".join(map(_written, value)) + ")" if isinstance(value, list | tuple) else repr(value)


def conditions(trust: Sequence[str], own: Sequence[str], revocation: Sequence[bytes], at: str | None, network: bool) -> str:
    """A digest over all that a verdict hangs on beside its document: with the same one, an old verdict need not be made again."""
    said = [__version__, policy()["sha256"], sorted(trust), sorted(own), sorted(hashlib.sha256(d).hexdigest() for d in revocation), at, network]
    return hashlib.sha256(json.dumps(said).encode()).hexdigest()


def describe(
    *,
    trust: Sequence[str],
    own: Mapping[str, str],
    given: bool,
    revocation: Sequence[tuple[str, bytes]],
    at: str | None,
    network: bool,
    asked: Mapping[str, Mapping[str, Any]],
    user: str,
    program: str,
    started: str,
) -> dict[str, Any]:
    """The circumstances as they stand in a report.

    `trust` are PEM texts, `given` says that they were named by whoever asked, `revocation` the names and bytes of the data they supplied,
    `asked` the questions to the network by their keys: {url, host, why}.
    """
    anchors = [c for text in trust for c in x509.load_pem_x509_certificates(text.encode())]
    addresses = [{"url": a["url"], "host": a["host"], "answer": a["why"] or "ok"} for a in asked.values()]
    return {
        "program": "Yinxin 印信", "version": __version__, "started_at": started, "finished_at": now(), "judged_at": at, "computer": system.node(),
        "asked_by": {"user": user, "program": program}, "anchors_from": "caller" if given else "home",
        "anchors": [_anchor(c, own) for c in anchors],
        "revocation_data": [{"name": name, "sha256": hashlib.sha256(data).hexdigest(), "size": len(data)} for name, data in revocation],
        "network": {"allowed": network, "asked": addresses[:_ADDRESSES_MAX], "more": max(0, len(addresses) - _ADDRESSES_MAX)},
        "policy": policy(),
    }  # fmt: skip


def _anchor(certificate: x509.Certificate, own: Mapping[str, str]) -> dict[str, Any]:
    fingerprint = certificate.fingerprint(hashes.SHA256()).hex()
    return {
        "subject": certificate.subject.rfc4514_string(),
        "fingerprint": fingerprint,
        "not_after": certificate.not_valid_after_utc.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "internal": fingerprint in own,
    }
