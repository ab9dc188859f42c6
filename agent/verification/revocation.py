"""Was a certificate revoked, and when: every list and response that speaks of it is heard, by itself, and weighed by time.

RFC 5280 clause 6.3 and RFC 6960 decide who may speak (pyHanko checks that); EN 319 102-1 clauses 5.2.5 and 5.6.2 decide what it means for a time.
What is authentic and says *revoked* always counts; *good* counts only where it covers the time in question.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any, TypeAlias

from asn1crypto import crl as asn1_crl
from asn1crypto import ocsp as asn1_ocsp
from asn1crypto import x509
from pyhanko_certvalidator import ValidationContext
from pyhanko_certvalidator.errors import RevokedError, ValidationError
from pyhanko_certvalidator.path import ValidationPath
from pyhanko_certvalidator.policy_decl import (
    CertRevTrustPolicy,
    DisallowWeakAlgorithmsPolicy,
    RevocationCheckingPolicy,
    RevocationCheckingRule,
)
from pyhanko_certvalidator.validate import async_validate_path

from agent.verification import lists
from agent.verification.model import Finding, found, iso
from agent.verification.policy import certificate_name, check_digest
from agent.verification.trust import CLOCK_TOLERANCE, Evidence, Trust
from agent.verification.wanted import Question, questions_about

ACCEPT_ALL: Any = DisallowWeakAlgorithmsPolicy(weak_hash_algos=frozenset(), rsa_key_size_threshold=0, dsa_key_size_threshold=0)  # type: ignore[no-untyped-call]
"""Algorithms are judged by our own policy, which names them."""
_HEAR = CertRevTrustPolicy(
    RevocationCheckingPolicy(
        ee_certificate_rule=RevocationCheckingRule.CRL_OR_OCSP_REQUIRED, intermediate_ca_cert_rule=RevocationCheckingRule.NO_CHECK
    ),
    retroactive_revinfo=True,  # time is weighed here, for each word
)
_WITHOUT_END = timedelta(days=1)
"""How long a word without nextUpdate counts."""
_SECOND = timedelta(seconds=1)
_HARMLESS = frozenset({"affiliation_changed", "superseded", "cessation_of_operation"})
"""Reasons that leave a time-stamp issuer's earlier stamps good (RFC 3161 clause 4)."""
_HEARD_MAX = 1000

Item: TypeAlias = Any
"""A CertificateList or an OCSPResponse of asn1crypto (which has no types)."""


@dataclass(frozen=True, slots=True)
class Word:
    """What one authentic list or response says of one certificate."""

    state: str
    """good, revoked or suspended."""
    made: datetime
    until: datetime
    revoked_at: datetime | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Status:
    """Revocation of one certificate of the path."""

    certificate: x509.Certificate
    state: str
    """good, revoked, suspended, unknown or not_offered."""
    revoked_at: datetime | None = None
    reason: str | None = None
    why: Finding | None = None
    """For unknown: what is missing."""
    embedded: bool = False
    """The document itself brought what was needed to know it."""


_heard: dict[tuple[bytes, ...], Word | None] = {}
"""Words by item and path; None: by the issuer, but about others."""


async def status_of_path(path: ValidationPath, trust: Trust, evidence: Evidence, signed_at: datetime | None) -> list[Status]:
    """One status for each certificate below the anchor, the signer's last.  `signed_at` is a proved time, or None."""
    certificates = list(path.iter_certs(include_root=True))
    out = []
    for issuer, certificate in pairwise(certificates):
        part = path.truncate_to_issuer_and_append(certificate)
        out.append(await _status_of(certificate, issuer, part, trust, evidence, signed_at))
    return out


async def _status_of(
    certificate: x509.Certificate, issuer: x509.Certificate, part: ValidationPath, trust: Trust, evidence: Evidence, signed_at: datetime | None
) -> Status:
    own = {item.dump(): item for item in _speaking(evidence.crls, evidence.ocsps, certificate)}
    items = {**own, **{item.dump(): item for item in _speaking(trust.crls, trust.ocsps, certificate)}}
    words: list[Word] = []
    refused: list[Finding] = []
    brought: list[Word] = []
    for der, item in items.items():
        try:
            word = await _hear(item, certificate, issuer, part, trust, evidence)
        except MemoryError:
            raise
        except Exception:  # noqa: BLE001 - damaged data makes the libraries raise a dozen kinds: it says nothing, and hides nothing else
            word = found("revocation_untrusted", name=certificate_name(certificate), detail="format")
        if isinstance(word, Finding) and (der not in own or _names_source(certificate)):
            refused.append(word)  # what a document brings for nothing is not even worth a doubt
        if not isinstance(word, Word):
            continue
        words.append(word)
        if der in own:
            brought.append(word)
    status = _weigh(certificate, words, signed_at or trust.moment)
    if status.state != "unknown":
        return _with_embedded(status, brought, signed_at or trust.moment)
    questions = questions_about(certificate, issuer)
    if not words and not refused and not questions and not _names_source(certificate):
        return Status(certificate, "not_offered")
    trust.wanted.add(trust.answered.open(questions)[:1])
    return Status(certificate, "unknown", why=_why(certificate, words, refused, trust, questions))


def _with_embedded(status: Status, brought: Sequence[Word], at: datetime) -> Status:
    alone = _weigh(status.certificate, brought, at)
    return Status(status.certificate, status.state, status.revoked_at, status.reason, embedded=alone.state == status.state)


def _speaking(crls: Sequence[asn1_crl.CertificateList], ocsps: Sequence[asn1_ocsp.OCSPResponse], certificate: x509.Certificate) -> list[Item]:
    """Those that may be about `certificate`: lists of its issuer or of one it names, responses with its serial number."""
    issuers = [certificate.issuer, *_list_issuers(certificate)]
    return [c for c in crls if _is_of(c, issuers)] + [r for r in ocsps if _is_about(r, certificate)]


def _is_of(revocations: asn1_crl.CertificateList, issuers: Sequence[x509.Name]) -> bool:
    try:
        return revocations.issuer in issuers
    except (ValueError, TypeError, AttributeError, KeyError):
        return False


def _is_delta(item: Item) -> bool:
    return isinstance(item, asn1_crl.CertificateList) and item.delta_crl_indicator_value is not None


def _is_delta_of(revocations: asn1_crl.CertificateList, base: asn1_crl.CertificateList) -> bool:
    try:
        return revocations.issuer == base.issuer and revocations.delta_crl_indicator_value is not None
    except (ValueError, TypeError, AttributeError, KeyError):
        return False


def _list_issuers(certificate: x509.Certificate) -> list[x509.Name]:
    try:
        points = certificate.crl_distribution_points
        return [n.chosen for p in points if p["crl_issuer"] for n in p["crl_issuer"] if n.name == "directory_name"]
    except (ValueError, TypeError, KeyError):
        return []


def _is_about(response: asn1_ocsp.OCSPResponse, certificate: x509.Certificate) -> bool:
    try:
        return any(_means(a["cert_id"], certificate) for a in response.response_data["responses"])
    except (ValueError, TypeError, AttributeError, KeyError):
        return False


def _means(named: asn1_ocsp.CertId, certificate: x509.Certificate) -> bool:
    algorithm = named["hash_algorithm"]["algorithm"].native
    issuer = {"sha1": certificate.issuer.sha1, "sha256": certificate.issuer.sha256}.get(algorithm)
    return bool(named["serial_number"].native == certificate.serial_number and issuer in (None, named["issuer_name_hash"].native))


def _names_source(certificate: x509.Certificate) -> bool:
    try:
        return bool(certificate.crl_distribution_points or certificate.ocsp_urls)
    except (ValueError, TypeError, KeyError):
        return True


def _span(item: Item, certificate: x509.Certificate) -> tuple[datetime, datetime, Any]:
    """When the item was made, until when it speaks, and its signature algorithm; raises ValueError."""
    if isinstance(item, asn1_crl.CertificateList):
        inner, algorithm = item["tbs_cert_list"], item["signature_algorithm"]
    else:
        answers = item.response_data["responses"]
        inner = next(a for a in answers if _means(a["cert_id"], certificate))
        algorithm = item.basic_ocsp_response["signature_algorithm"]
    made, until = inner["this_update"].native, inner["next_update"].native
    if not isinstance(made, datetime):
        raise ValueError("thisUpdate")
    return made, until or made + _WITHOUT_END, algorithm


async def _hear(
    item: Item, certificate: x509.Certificate, issuer: x509.Certificate, part: ValidationPath, trust: Trust, evidence: Evidence
) -> Word | Finding | None:
    """What the item says, asked at a time at which its issuer could speak; a finding where it is not to be believed, None where it says nothing."""
    name = certificate_name(certificate)
    try:
        made, until, algorithm = _span(item, certificate)
    except (ValueError, TypeError, KeyError):
        return found("revocation_untrusted", name=name, detail="format")
    if made > trust.latest:
        return found("revocation_untrusted", name=name, detail=f"thisUpdate {iso(made)}")
    der = item.dump()
    key = (hashlib.sha256(der).digest(), *(c.sha256 for c in part.iter_certs(include_root=True)))
    if key in _heard:
        word = _heard[key]
    else:
        reading = lists.read(der, certificate, issuer) if isinstance(item, asn1_crl.CertificateList) else None
        word = _plain(reading, part, made, until)
        if word is None and not _is_delta(item):  # a delta list by itself can only say that somebody was revoked
            word = await _ask(item, certificate, part, trust, evidence, made, until)
        if word is None and reading is None:
            return found("revocation_untrusted", name=name, detail=_kind(item))
        if len(_heard) >= _HEARD_MAX:
            _heard.clear()
        _heard[key] = word
    if word is None:
        return None
    weak = _weak(algorithm)
    if word.state == "good" and weak is not None:  # a word of warning is heard even from a weak voice
        return found("revocation_untrusted", name=name, detail=f"{_kind(item)}, {weak}")
    return word


def _kind(item: Item) -> str:
    return "CRL" if isinstance(item, asn1_crl.CertificateList) else "OCSP"


def _weak(algorithm: Any) -> str | None:
    try:
        if algorithm.signature_algo in ("ed25519", "ed448"):
            return None
        findings = check_digest(algorithm.hash_algo, "")
    except ValueError:
        return str(algorithm["algorithm"].native)
    return findings[0].facts["name"] if findings else None


def _term(part: ValidationPath) -> tuple[datetime, datetime]:
    """When all certificates below the anchor are within their terms."""
    below = list(part.iter_certs(include_root=False))
    return max(c.not_valid_before for c in below), min(c.not_valid_after for c in below)


def _plain(reading: lists.Reading | None, part: ValidationPath, made: datetime, until: datetime) -> Word | None:
    """The word of a list that needs no further thought: who is on it is revoked, whatever its scope; who is not is good if it speaks for all."""
    if reading is None:
        return None
    if reading.since is not None:
        state = "suspended" if reading.reason == "certificate_hold" else "revoked"
        return Word(state, made, until, reading.since, reading.reason)
    start, end = _term(part)
    return Word("good", made, until) if reading.complete and start <= made <= end else None


async def _ask(
    item: Item, certificate: x509.Certificate, part: ValidationPath, trust: Trust, evidence: Evidence, made: datetime, until: datetime
) -> Word | None:
    start, end = _term(part)
    late, early = max(start, min(until - _SECOND, end)), max(start, min(made, end))
    for moment in dict.fromkeys((late, early)):  # a responder's own certificate may live shorter than its word
        is_list = isinstance(item, asn1_crl.CertificateList)
        deltas = [c for c in (*trust.crls, *evidence.crls) if is_list and _is_delta_of(c, item)]
        context = ValidationContext(
            trust_roots=list(trust.anchors), other_certs=list(evidence.certificates), moment=moment, allow_fetching=False,
            algorithm_usage_policy=ACCEPT_ALL, revinfo_policy=_HEAR, crls=[item, *deltas] if is_list else [], ocsps=[] if is_list else [item],
        )  # fmt: skip
        try:
            await async_validate_path(context, part)
        except RevokedError as exc:
            reason = exc.reason.native if exc.reason is not None else None
            return Word("suspended" if reason == "certificate_hold" else "revoked", made, until, exc.revocation_dt, reason)
        except (ValidationError, ValueError, TypeError, LookupError, NotImplementedError):
            continue
        return Word("good", made, until if made <= end else made)
    return None


def _weigh(certificate: x509.Certificate, words: Sequence[Word], at: datetime) -> Status:
    """What the words mean for a signature that existed at `at`."""
    revoked = [w for w in words if w.state == "revoked" and w.revoked_at is not None]
    if revoked:
        first = min(revoked, key=lambda w: w.revoked_at or w.made)
        return Status(certificate, "revoked", first.revoked_at, first.reason)
    holds = [w for w in words if w.state == "suspended"]
    good = [w for w in words if w.state == "good"]
    if holds:
        last = max(holds, key=lambda w: w.made)
        if not any(w.made > last.made for w in good):  # a later good word says that the hold was lifted
            return Status(certificate, "suspended", last.revoked_at, last.reason)
    if any(_covers(w, at, certificate) for w in good):
        return Status(certificate, "good")
    return Status(certificate, "unknown")


def _covers(word: Word, at: datetime, certificate: x509.Certificate) -> bool:
    """Good then: a word made before that still counted, or one made later, while the issuer still spoke of the certificate."""
    if word.made > at:
        return bool(word.made <= max(certificate.not_valid_after, at + CLOCK_TOLERANCE))
    return at <= word.until + CLOCK_TOLERANCE


def _why(certificate: x509.Certificate, words: Sequence[Word], refused: Sequence[Finding], trust: Trust, questions: Sequence[Question]) -> Finding:
    """The most telling thing that is missing: data that lies, then sources that did not answer, then data that is too old, then none at all."""
    name = certificate_name(certificate)
    if refused:
        return refused[0]
    if trust.answered.useless(questions):
        return found("revocation_untrusted", name=name, detail=", ".join(dict.fromkeys(q.host for q in trust.answered.useless(questions))))
    if trust.answered.silent(questions):
        return found("revocation_unanswered", name=name, host=", ".join(dict.fromkeys(q.host for q in trust.answered.silent(questions))))
    if words:
        newest = max(words, key=lambda w: w.until)
        return found("revocation_stale", name=name, date=iso(newest.until))
    if questions:
        return found("revocation_unasked", name=name, host=questions[0].host)
    return found("revocation_unknown", name=name)


def judge(
    statuses: Sequence[Status], moment: datetime, signed_at: datetime | None, claimed: datetime | None = None, stamped: datetime | None = None
) -> list[Finding]:
    """Findings about a path whose signature is proved to have existed at `signed_at` (None: no proof) and claims to be made at `claimed`.

    `stamped` is the time a time-stamp names, for the path of its issuer.
    """
    out: list[Finding] = []
    for number, each in enumerate(statuses, 1):
        name, date, since = certificate_name(each.certificate), iso(each.revoked_at), each.revoked_at
        if each.state == "unknown" and each.why is not None:
            out.append(each.why)
        if since is None or since > (signed_at or moment):
            if signed_at is not None and each.state in ("revoked", "suspended"):
                out.append(found("revoked_later" if each.state == "revoked" else "suspended_later", name=name, date=date))
        elif each.state == "suspended":
            out.append(found("suspended", name=name, date=date))
        elif each.state == "revoked" and signed_at is not None:
            out.append(found("revoked", name=name, date=date))
        elif each.state == "revoked":
            harmless = number == len(statuses) and stamped is not None and stamped < since and each.reason in _HARMLESS
            if not harmless:
                late = claimed is not None and claimed >= since
                out.append(found("revoked_claimed" if late else "revoked_no_poe", name=name, date=date, claimed=iso(claimed)))
    return out


def shown(statuses: Sequence[Status], at: datetime) -> str:
    """The state to show for the chain: the worst that matters; a later revocation left the certificate good at the time in question."""
    states = {_effective(s, at) for s in statuses}
    if not states:
        return "not_offered"
    for state in ("revoked", "unknown"):
        if state in states:
            return state
    return "good" if "good" in states and statuses[-1].state != "not_offered" else "not_offered"


def _effective(status: Status, at: datetime) -> str:
    if status.state in ("revoked", "suspended"):
        return "good" if status.revoked_at is not None and status.revoked_at > at else "revoked"
    return status.state
