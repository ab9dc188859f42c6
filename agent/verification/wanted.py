"""Questions to the network that would make a verdict surer.  The worker only writes them down; asking is `fetch`'s, and only where it is allowed."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from asn1crypto import core, x509
from asn1crypto import ocsp as asn1_ocsp

_MOST = 16
"""Questions about one document."""
_URL_MAX = 1000


@dataclass(frozen=True, slots=True)
class Question:
    """One HTTP request: GET of a revocation list, or POST of `body` to an OCSP responder."""

    url: str
    body: bytes | None = None

    @property
    def key(self) -> str:
        """What it is known by: one responder is asked about many certificates."""
        return self.url if self.body is None else f"{self.url}#{hashlib.sha256(self.body).hexdigest()}"

    @property
    def host(self) -> str:
        """Whom it asks, to be shown."""
        return urlsplit(self.url).hostname or self.url


class Wanted:
    """The questions of one document, each once."""

    def __init__(self) -> None:
        self._questions: dict[Question, None] = {}

    def add(self, questions: Sequence[Question]) -> None:
        """Note them; beyond 16 they are left out."""
        for question in questions:
            if len(self._questions) < _MOST:
                self._questions[question] = None

    def take(self) -> list[Question]:
        """All of them; then there are none."""
        out, self._questions = list(self._questions), {}
        return out


@dataclass(frozen=True, slots=True)
class Answered:
    """What became of questions that were asked: by the questions' keys, None for an answer, else why there is none."""

    by_key: Mapping[str, str | None] = field(default_factory=dict)

    def silent(self, questions: Sequence[Question]) -> list[Question]:
        """Those that were asked and not answered."""
        return [q for q in questions if self.by_key.get(q.key) is not None]

    def useless(self, questions: Sequence[Question]) -> list[Question]:
        """Those that were answered; of use only to whoever could do nothing with the answers."""
        return [q for q in questions if q.key in self.by_key and self.by_key[q.key] is None]

    def open(self, questions: Sequence[Question]) -> list[Question]:
        """Those not asked yet."""
        return [q for q in questions if q.key not in self.by_key]


def questions_about(certificate: x509.Certificate, issuer: x509.Certificate) -> list[Question]:
    """What the certificate itself names as sources: its responder first, the list where that does not help.

    Only for certificates whose path to an anchor holds: then the addresses are a trusted issuer's, never a document's.
    """
    out: list[Question] = []
    try:
        if responders := [url for url in certificate.ocsp_urls if _is_web(url)][:2]:
            request = _request(certificate, issuer)  # 10 ms: only for those that can be asked
            out += [Question(url, request) for url in responders]
    except (ValueError, TypeError, KeyError, AttributeError):
        pass
    try:
        points = [*certificate.crl_distribution_points]
        out += [Question(url) for point in points for url in _urls(point) if _is_web(url)][:2]
    except (ValueError, TypeError, KeyError, AttributeError):
        pass
    return out


def _urls(point: Any) -> Iterator[str]:
    name = point["distribution_point"]
    if name.name == "full_name":
        for each in name.chosen:
            if each.name == "uniform_resource_identifier":
                yield each.native


def _is_web(url: str) -> bool:
    return len(url) <= _URL_MAX and url.isprintable() and " " not in url and urlsplit(url).scheme in ("http", "https")


def _request(certificate: x509.Certificate, issuer: x509.Certificate) -> bytes:
    """An OCSP request.  Without nonce: prepared answers know none, and freshness is judged by time.  SHA-1 only names the issuer."""
    asked = asn1_ocsp.CertId(
        {
            "hash_algorithm": {"algorithm": "sha1", "parameters": core.Null()},
            "issuer_name_hash": certificate.issuer.sha1,
            "issuer_key_hash": issuer.public_key.sha1,
            "serial_number": certificate.serial_number,
        }
    )
    return bytes(asn1_ocsp.OCSPRequest({"tbs_request": {"request_list": [{"req_cert": asked}]}}).dump())
