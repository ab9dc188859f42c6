"""What a verdict may rely on (`Trust`), what a document brings along (`Evidence`), and how both are read."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from asn1crypto import cms, core, pem, x509
from asn1crypto import crl as asn1_crl
from asn1crypto import ocsp as asn1_ocsp

from agent.verification.quick import known
from agent.verification.wanted import Answered, Wanted

CLOCK_TOLERANCE = timedelta(minutes=5)
"""How far clocks may differ before one is said to be wrong."""
_REVOCATION_VALUES = "1.2.840.113549.1.9.16.2.24"
_CERTIFICATE_VALUES = "1.2.840.113549.1.9.16.2.23"
VALUES = frozenset({_REVOCATION_VALUES, _CERTIFICATE_VALUES})
"""Unsigned attributes that carry evidence, by OID."""


@dataclass(frozen=True, slots=True)
class Trust:
    """What the verdict may rely on: anchors, supplied and fetched revocation data, the time, and which anchors are our own CA's (SHA-256, hex)."""

    anchors: tuple[x509.Certificate, ...] = ()
    crls: tuple[asn1_crl.CertificateList, ...] = ()
    at: datetime | None = None
    own_anchors: frozenset[str] = frozenset()
    ocsps: tuple[asn1_ocsp.OCSPResponse, ...] = ()
    answered: Answered = field(default_factory=Answered)
    """What became of the questions that were asked of the network, so that the verdict can say it."""
    wanted: Wanted = field(default_factory=Wanted, compare=False)
    """Collects what would have to be asked of the network to know more."""
    paths: dict[tuple[Any, ...], Any] = field(default_factory=dict, compare=False)
    """Paths that were found valid, by certificate and by what there was to build them from (see `chain`)."""

    @property
    def moment(self) -> datetime:
        """The time to judge at: the one chosen, else now."""
        return self.at or datetime.now(UTC)

    @property
    def latest(self) -> datetime:
        """Nothing genuine is dated later than this."""
        return max(self.moment, datetime.now(UTC)) + CLOCK_TOLERANCE


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a document brings along for its own judgement; never trusted by itself."""

    certificates: tuple[x509.Certificate, ...] = ()
    crls: tuple[asn1_crl.CertificateList, ...] = ()
    ocsps: tuple[asn1_ocsp.OCSPResponse, ...] = ()

    def and_also(self, other: "Evidence") -> "Evidence":
        """Both together."""
        return Evidence(self.certificates + other.certificates, self.crls + other.crls, self.ocsps + other.ocsps)


def load_certificates(data: bytes) -> list[x509.Certificate]:
    """Certificates of a PEM (any number) or DER file; raises ValueError."""
    return [_whole(x509.Certificate, der) for der in _unarmor(data, "CERTIFICATE")]


def load_crls(data: bytes) -> list[asn1_crl.CertificateList]:
    """Revocation lists of a PEM or DER file; raises ValueError."""
    return [_whole_list(der) for der in _unarmor(data, "X509 CRL")]


def _whole_list(der: bytes) -> asn1_crl.CertificateList:
    """Its frame is read; entries are read when somebody is looked for, since there may be a hundred thousand."""
    value = asn1_crl.CertificateList.load(der, strict=True)
    inner = value["tbs_cert_list"]
    for name in ("issuer", "this_update", "next_update", "crl_extensions"):
        inner[name].native  # noqa: B018  asn1crypto parses lazily; a damaged one shall fail here
    return value


def load_revocation(data: bytes) -> tuple[list[asn1_crl.CertificateList], list[asn1_ocsp.OCSPResponse]]:
    """Revocation lists, or the OCSP response, of a file that holds either; raises ValueError."""
    if not pem.detect(data):
        try:
            return [], [_whole_response(data)]
        except (ValueError, TypeError, KeyError):
            pass
    return load_crls(data), []


def load_fetched(items: Iterable[bytes]) -> tuple[list[asn1_crl.CertificateList], list[asn1_ocsp.OCSPResponse]]:
    """What the network gave, as far as it can be read: who answers nonsense has not answered."""
    crls: list[asn1_crl.CertificateList] = []
    ocsps: list[asn1_ocsp.OCSPResponse] = []
    for item in items:
        try:
            more_crls, more_ocsps = load_revocation(item)
        except (ValueError, TypeError, KeyError):
            continue
        crls += more_crls
        ocsps += more_ocsps
    return crls, ocsps


def _whole_response(data: bytes) -> asn1_ocsp.OCSPResponse:
    response = asn1_ocsp.OCSPResponse.load(data, strict=True)
    if response["response_status"].native == "successful":
        len(response.response_data["responses"])
    return response


def _unarmor(data: bytes, kind: str) -> list[bytes]:
    if not pem.detect(data):
        return [data]
    return [der for name, _, der in pem.unarmor(data, multiple=True) if name == kind]


def _whole(cls: Any, der: bytes) -> Any:
    value = cls.load(der, strict=True)
    value.native  # noqa: B018  asn1crypto parses lazily; a damaged one shall fail here
    return value


def evidence_in(signed_data: cms.SignedData, signer_info: cms.SignerInfo | None = None) -> Evidence:
    """Certificates and revocation data inside a CMS: its own fields, CAdES values (EN 319 122-1 clause 5.4) and Adobe's archival attribute.

    What cannot be read is left out: it could only have helped.
    """
    found = Evidence(_certificates(signed_data), *_choices(signed_data["crls"]))
    if signer_info is None:
        return found
    for which in ("signed_attrs", "unsigned_attrs"):
        attributes = signer_info[which]
        if isinstance(attributes, core.Void):
            continue
        for attribute in attributes:
            try:
                found = found.and_also(_values(attribute))
            except (ValueError, TypeError, KeyError, AttributeError):
                continue
    return found


def _certificates(signed_data: cms.SignedData) -> tuple[x509.Certificate, ...]:
    entries = signed_data["certificates"]
    return () if isinstance(entries, core.Void) else tuple(known(c.chosen) for c in entries if c.name == "certificate")


def _choices(entries: Any) -> tuple[tuple[asn1_crl.CertificateList, ...], tuple[asn1_ocsp.OCSPResponse, ...]]:
    """RevocationInfoChoices (RFC 5652 clause 10.2.1; RFC 5940)."""
    if isinstance(entries, core.Void):
        return (), ()
    crls, ocsps = [], []
    for entry in entries:
        try:
            if entry.name == "crl":
                crls.append(entry.chosen)
            elif entry.chosen["other_rev_info_format"].native == "ocsp_response":
                ocsps.append(asn1_ocsp.OCSPResponse.load(entry.chosen["other_rev_info"].dump()))
        except (ValueError, TypeError, KeyError, AttributeError):
            continue
    return tuple(crls), tuple(ocsps)


class _Lists(core.SequenceOf):  # type: ignore[misc]
    _child_spec = asn1_crl.CertificateList


class _Responses(core.SequenceOf):  # type: ignore[misc]
    _child_spec = asn1_ocsp.BasicOCSPResponse


class _RevocationValues(core.Sequence):  # type: ignore[misc]
    """EN 319 122-1 (from RFC 5126) RevocationValues; the responses are basic ones, without their envelope."""

    _fields = [  # noqa: RUF012 - asn1crypto's way
        ("crls", _Lists, {"explicit": 0, "optional": True}),
        ("ocsps", _Responses, {"explicit": 1, "optional": True}),
    ]


class _CertificateValues(core.SequenceOf):  # type: ignore[misc]
    _child_spec = x509.Certificate


def _values(attribute: Any) -> Evidence:
    kind = attribute["type"]
    if kind.native == "adobe_revocation_info_archival":
        value = attribute["values"][0]
        return Evidence(crls=tuple(value["crl"] or ()), ocsps=tuple(value["ocsp"] or ()))
    if kind.dotted == _CERTIFICATE_VALUES:
        return Evidence(tuple(_CertificateValues.load(attribute["values"][0].dump())))
    if kind.dotted == _REVOCATION_VALUES:
        value = _RevocationValues.load(attribute["values"][0].dump())
        return Evidence(crls=tuple(value["crls"] or ()), ocsps=tuple(_enveloped(basic) for basic in value["ocsps"] or ()))
    return Evidence()


def _enveloped(basic: asn1_ocsp.BasicOCSPResponse) -> asn1_ocsp.OCSPResponse:
    """A basic response in the form in which it travels."""
    inner = {"response_type": "basic_ocsp_response", "response": core.ParsableOctetString(basic.dump())}
    return asn1_ocsp.OCSPResponse({"response_status": "successful", "response_bytes": inner})
