"""A PKI with every state a certificate can be in, by certomancer, served by real HTTP on this machine: lists, OCSP, time-stamps.

What a service says can be replaced while a test runs (`Site.said`): silence, errors, and lies are answers, too.
"""

import asyncio
import io
import threading
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from asn1crypto import crl as asn1_crl
from asn1crypto import ocsp as asn1_ocsp
from asn1crypto import pem, tsp, x509
from certomancer.integrations.animator import Animator, AnimatorArchStore
from certomancer.registry import ArchLabel, CertLabel, CertomancerConfig, KeyLabel, ServiceLabel
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.sign import fields, signers
from pyhanko.sign.signers import pdf_signer
from pyhanko.sign.timestamps import TimeStamper
from pyhanko.sign.validation.dss import DocumentSecurityStore
from pyhanko_certvalidator.registry import SimpleCertificateStore
from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server

NOW = datetime.now(UTC).replace(microsecond=0)
DAY = timedelta(days=1)
REVOKED = NOW - 10 * DAY
"""When everything that is revoked, or suspended, was."""
EXPIRED = NOW - 5 * DAY
ARCH = "house"

Answer = Callable[[bytes], bytes | None]
"""Body of a request → body of the answer; None: status 503."""


def _iso(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S+0000")


def _extension(name: str, value: Any = None, critical: bool = False) -> dict[str, Any]:
    out: dict[str, Any] = {"id": name, "critical": critical}
    return out if value is None else {**out, "value": value}


def _usage(*bits: str) -> dict[str, Any]:
    return {"id": "key_usage", "critical": True, "smart-value": {"schema": "key-usage", "params": list(bits)}}


def _lists(repo: str) -> dict[str, Any]:
    return {"id": "crl_distribution_points", "smart-value": {"schema": "crl-dist-url", "params": {"crl-repo-names": [repo]}}}


_OCSP = {"id": "authority_information_access", "smart-value": {"schema": "aia-urls", "params": {"ocsp-responder-names": ["ca"]}}}
_SIGNS = _usage("digital_signature", "non_repudiation")
_STAMPS = _extension("extended_key_usage", ["time_stamping"], critical=True)


def _cert(
    issuer: str, *extensions: dict[str, Any], start: datetime = NOW - 200 * DAY, end: datetime = NOW + 200 * DAY, **more: Any
) -> dict[str, Any]:
    return {"issuer": issuer, "validity": {"valid-from": _iso(start), "valid-to": _iso(end)}, "extensions": list(extensions), **more}


def _authority(issuer: str, *extensions: dict[str, Any], **more: Any) -> dict[str, Any]:
    return _cert(issuer, _extension("basic_constraints", {"ca": True}, critical=True), _usage("key_cert_sign", "crl_sign"), *extensions, **more)


def _since(reason: str) -> dict[str, Any]:
    return {"revocation": {"revoked-since": _iso(REVOKED), "reason": reason}}


CERTS: dict[str, dict[str, Any]] = {
    "root": _authority("root"),
    "stranger": _authority("stranger"),
    "ca": _authority("root", _lists("root")),
    "weak-ca": _authority("root", digest_algo="sha1"),
    "web-ca": _authority("root", _extension("extended_key_usage", ["server_auth", "client_auth"])),
    "server-ca": _authority("root", _extension("extended_key_usage", ["server_auth"])),
    "responder": _cert("ca", _usage("digital_signature"), _extension("extended_key_usage", ["ocsp_signing"]), _extension("ocsp_no_check")),
    "good": _cert("ca", _SIGNS, _lists("ca"), _OCSP),
    "listed": _cert("ca", _SIGNS, _lists("ca")),
    "bare": _cert("ca", _SIGNS),
    "expired": _cert("ca", _SIGNS, _lists("ca"), _OCSP, end=EXPIRED),
    "revoked": _cert("ca", _SIGNS, _lists("ca"), _OCSP, **_since("key_compromise")),
    "revoked-bare": _cert("ca", _SIGNS, **_since("superseded")),
    "held": _cert("ca", _SIGNS, _lists("ca"), _OCSP, **_since("certificate_hold")),
    "server": _cert("ca", _SIGNS, _extension("extended_key_usage", ["server_auth"])),
    "encrypts": _cert("ca", _usage("key_encipherment")),
    "weakly-issued": _cert("weak-ca", _SIGNS),
    "by-web-ca": _cert("web-ca", _SIGNS),
    "by-server-ca": _cert("server-ca", _SIGNS),
    "tsa": _cert("root", _usage("digital_signature"), _STAMPS),
    "tsa-listed": _cert("root", _usage("digital_signature"), _STAMPS, _lists("root")),
    "tsa-young": _cert("root", _usage("digital_signature"), _STAMPS, start=NOW - 30 * DAY),
    "tsa-expired": _cert("root", _usage("digital_signature"), _STAMPS, end=EXPIRED),
    "tsa-stolen": _cert("root", _usage("digital_signature"), _STAMPS, _lists("root"), **_since("key_compromise")),
    "tsa-retired": _cert("root", _usage("digital_signature"), _STAMPS, _lists("root"), **_since("cessation_of_operation")),
    "tsa-server": _cert("root", _usage("digital_signature"), _extension("extended_key_usage", ["server_auth"], critical=True)),
    "tsa-mixed": _cert("root", _usage("digital_signature"), _extension("extended_key_usage", ["time_stamping", "code_signing"], critical=True)),
    "tsa-stranger": _cert("stranger", _usage("digital_signature"), _STAMPS),
}


def _configuration(prefix: str, keys: Path) -> CertomancerConfig:
    for name in CERTS:
        key = ec.generate_private_key(ec.SECP256R1())
        der = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        (keys / f"{name}.pem").write_bytes(der)
    house = {
        "keyset": ARCH,
        "entity-defaults": {"country-name": "CN"},
        "entities": {name: {"common-name": f"测试 {name}"} for name in CERTS},
        "certs": {name: {"subject": name, "subject-key": name, "authority-key": cert["issuer"], **cert} for name, cert in CERTS.items()},
        "services": {
            "ocsp": {"ca": {"for-issuer": "ca", "responder-cert": "responder", "signing-key": "responder", "validity-period": {"hours": 12}}},
            "crl-repo": {
                "root": {"for-issuer": "root", "signing-key": "root", "simulated-update-schedule": "P7D"},
                "ca": {"for-issuer": "ca", "signing-key": "ca", "simulated-update-schedule": "P7D"},
            },
            "time-stamping": {name: {"signing-key": name, "signing-cert": name} for name in CERTS if name.startswith("tsa")},
        },
    }
    config = {
        "external-url-prefix": prefix,
        "keysets": {ARCH: {"keys": {name: {"path": f"{name}.pem"} for name in CERTS}}},
        "pki-architectures": {ARCH: house},
    }
    return CertomancerConfig(config, key_search_dir=str(keys))


class _Quiet(WSGIRequestHandler):
    def log(self, type: str, message: str, *args: Any) -> None:
        """Nothing on stderr."""


class Site:
    """The PKI and its services, at `url`."""

    def __init__(self, folder: Path) -> None:
        self._server: BaseWSGIServer = make_server("127.0.0.1", 0, self._serve, threaded=True, request_handler=_Quiet)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self.arch = _configuration(self.url, folder).get_pki_arch(ArchLabel(ARCH))
        self._animator = Animator(AnimatorArchStore({ArchLabel(ARCH): self.arch}), with_web_ui=False, at_time=None)
        self.asked: list[str] = []
        self.said: dict[str, Answer] = {}
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _serve(self, environ: Any, start_response: Any) -> Any:
        path = environ["PATH_INFO"]
        self.asked.append(path)
        for part, answer in self.said.items():
            if part in path:
                body = answer(environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0)))
                start_response("200 OK" if body is not None else "503 Service Unavailable", [("Content-Length", str(len(body or b"")))])
                return [body or b""]
        return self._animator(environ, start_response)

    @contextmanager
    def saying(self, part: str, answer: Answer) -> Iterator[None]:
        """Requests whose path contains `part` get this answer meanwhile."""
        self.said[part] = answer
        try:
            yield
        finally:
            del self.said[part]

    def certificate(self, name: str) -> x509.Certificate:
        """A certificate by its label."""
        return self.arch.get_cert(CertLabel(name))

    def pem(self, name: str = "root") -> str:
        """A certificate as PEM text."""
        return str(pem.armor("CERTIFICATE", self.certificate(name).dump()).decode("ascii"))

    def key(self, name: str) -> Any:
        """A private key by its label."""
        return self.arch.key_set.get_private_key(KeyLabel(name))

    def crl(self, repo: str = "ca", at: datetime = NOW) -> asn1_crl.CertificateList:
        """The list in force at that time."""
        return self.arch.service_registry.get_crl(ServiceLabel(repo), at)

    def ocsp(self, name: str, at: datetime = NOW) -> asn1_ocsp.OCSPResponse:
        """What the responder says of a certificate at that time."""
        from agent.verification.wanted import questions_about

        body = next(q.body for q in questions_about(self.certificate("good"), self.certificate("ca")) if q.body)
        request = asn1_ocsp.OCSPRequest.load(body)
        request["tbs_request"]["request_list"][0]["req_cert"]["serial_number"] = self.certificate(name).serial_number
        return self.arch.service_registry.summon_responder(ServiceLabel("ca"), at).build_ocsp_response(request)

    def stamper(self, name: str = "tsa", at: datetime | None = None) -> TimeStamper:
        """A time-stamp authority whose clock stands at `at`."""
        return _Stamper(self, name, at)

    def sign(
        self, pdf: bytes, name: str, *, at: datetime = NOW, stamper: TimeStamper | None = None, field: str = "Sig1", embed: Sequence[str] = ("ca",)
    ) -> bytes:
        """`pdf` with one more signature (PAdES), whose signer claims to sign at `at`."""
        store = SimpleCertificateStore.from_certs([self.certificate(n) for n in embed])
        simple = signers.SimpleSigner(signing_cert=self.certificate(name), signing_key=self.key(name), cert_registry=store)
        meta = signers.PdfSignatureMetadata(field_name=field, md_algorithm="sha256", subfilter=fields.SigSeedSubFilter.PADES)
        with clock(at):
            out = asyncio.run(
                signers.PdfSigner(meta, simple, timestamper=stamper).async_sign_pdf(IncrementalPdfFileWriter(io.BytesIO(pdf), strict=False))
            )
        return bytes(out.getbuffer())

    def store(self, pdf: bytes, *, certs: Sequence[str] = (), crls: Sequence[Any] = (), ocsps: Sequence[Any] = ()) -> bytes:
        """`pdf` with a document security store."""
        out = io.BytesIO(pdf)
        DocumentSecurityStore.add_dss(out, None, certs=[self.certificate(n) for n in certs], crls=list(crls), ocsps=list(ocsps))
        return out.getvalue()

    def stamp(self, pdf: bytes, name: str = "tsa", at: datetime = NOW) -> bytes:
        """`pdf` with a document time-stamp."""
        stamper = signers.PdfTimeStamper(self.stamper(name, at))
        out = stamper.timestamp_pdf(IncrementalPdfFileWriter(io.BytesIO(pdf), strict=False), "sha256", bytes_reserved=8192)
        return bytes(out.getbuffer())


class _Stamper(TimeStamper):
    def __init__(self, site: Site, name: str, at: datetime | None) -> None:
        super().__init__()
        self._site, self._name, self._at = site, name, at

    async def async_request_tsa_response(self, req: tsp.TimeStampReq) -> tsp.TimeStampResp:
        """As the service would answer then; by HTTP, where its clock is the machine's."""
        if self._at is None:
            headers = {"Content-Type": "application/timestamp-query"}
            question = urllib.request.Request(f"{self._site.url}/{ARCH}/tsa/{self._name}", req.dump(), headers)
            with urllib.request.urlopen(question) as answer:
                return tsp.TimeStampResp.load(answer.read())
        registry = self._site.arch.service_registry
        return registry.summon_timestamper(ServiceLabel(self._name), self._at).request_tsa_response(req)


@contextmanager
def clock(at: datetime) -> Iterator[None]:
    """What a PDF signer claims as its time meanwhile."""

    class Stopped(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> datetime:
            return at.astimezone(tz)

    before = pdf_signer.datetime
    pdf_signer.datetime = Stopped
    try:
        yield
    finally:
        pdf_signer.datetime = before
