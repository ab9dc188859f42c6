"""Revocation from every source, in every mood: embedded, supplied, fetched; stale, silent, lying, suspended."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from asn1crypto import core
from asn1crypto import ocsp as asn1_ocsp

from agent.verification.fetch import Fetcher
from agent.verification.service import Checkers, verify
from tests.pki import DAY, NOW, REVOKED, Site
from tests.verification.conftest import Verifier, blank_pdf, codes

State = tuple[str, str | None, str, set[str]]


@pytest.fixture
def judge(tmp_path: Path, site: Site) -> Verifier:
    """Verification with the root of the site as the only anchor, offline."""
    return Verifier(tmp_path, (site.pem(),))


def state(document: dict[str, Any]) -> State:
    """What a test asserts of a document with one signature."""
    return document["verdict"], document["reason"], document["signatures"][0]["revocation"], codes(document)


def online(site: Site, tmp_path: Path, files: Sequence[bytes], *, seconds: float = 5.0, crls: Sequence[bytes] = ()) -> list[dict[str, Any]]:
    """Documents verified by real workers that may ask the services."""
    paths = []
    for number, data in enumerate(files):
        path = tmp_path / f"online-{number}.pdf"
        path.write_bytes(data)
        paths.append(str(path))

    async def main() -> list[dict[str, Any]]:
        workers, fetcher = Checkers(1), Fetcher(seconds)
        try:
            return await verify(paths, signature=None, trust=[site.pem()], crls=list(crls), at=None, workers=workers, ask=fetcher.ask)
        finally:
            await workers.close()
            await fetcher.close()

    return asyncio.run(main())


SUPPLIED = [
    ("good", ("passed", None, "good", set())),
    ("listed", ("passed", None, "good", set())),
    ("bare", ("passed", None, "not_offered", set())),  # the list speaks for its own place of publication only, and this certificate names none
    ("revoked", ("indeterminate", "REVOKED_NO_POE", "revoked", {"revoked_claimed"})),
    ("revoked-bare", ("indeterminate", "REVOKED_NO_POE", "revoked", {"revoked_claimed"})),
    ("held", ("indeterminate", "TRY_LATER", "revoked", {"suspended"})),
    ("expired", ("indeterminate", "OUT_OF_BOUNDS_NO_POE", "unknown", {"expired"})),
    ("server", ("failed", "CHAIN_CONSTRAINTS_FAILURE", "not_offered", {"purpose_wrong"})),
    ("encrypts", ("failed", "CHAIN_CONSTRAINTS_FAILURE", "not_offered", {"key_usage_wrong"})),
]


@pytest.mark.parametrize(("name", "due"), SUPPLIED, ids=[n for n, _ in SUPPLIED])
def test_by_supplied_lists(judge: Verifier, site: Site, name: str, due: State) -> None:
    crls = (site.crl().dump(), site.crl("root").dump())
    assert state(judge(site.sign(blank_pdf(), name), crls=crls)) == due


def test_a_list_about_all_speaks_for_a_certificate_without_source(judge: Verifier, site: Site) -> None:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization

    key: Any = serialization.load_der_private_key(site.key("ca").dump(), None)
    name = x509.load_der_x509_certificate(site.certificate("ca").dump()).subject
    builder = x509.CertificateRevocationListBuilder().issuer_name(name).last_update(NOW - DAY).next_update(NOW + DAY)
    crl = builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)
    assert state(judge(site.sign(blank_pdf(), "bare"), crls=(crl, site.crl("root").dump()))) == ("passed", None, "good", set())


def test_by_a_supplied_answer(judge: Verifier, site: Site) -> None:
    root = site.crl("root").dump()
    assert state(judge(site.sign(blank_pdf(), "good"), crls=(site.ocsp("good").dump(), root))) == ("passed", None, "good", set())
    assert state(judge(site.sign(blank_pdf(), "held"), crls=(site.ocsp("held").dump(), root)))[3] == {"suspended"}
    assert state(judge(site.sign(blank_pdf(), "revoked"), crls=(site.ocsp("revoked").dump(), root)))[3] == {"revoked_claimed"}
    # An answer about another certificate says nothing of this one.
    assert state(judge(site.sign(blank_pdf(), "good"), crls=(site.ocsp("held").dump(), root)))[3] == {"revocation_unasked"}


def test_what_the_document_brings_is_enough(judge: Verifier, site: Site) -> None:
    signed = site.sign(blank_pdf(), "good")
    by_list = site.store(signed, certs=("ca",), crls=[site.crl(), site.crl("root")])
    by_answer = site.store(signed, certs=("ca",), crls=[site.crl("root")], ocsps=[site.ocsp("good")])
    for data in (by_list, by_answer):
        assert state(judge(data))[:3] == ("passed", None, "good")
    assert state(judge(signed)) == ("indeterminate", "TRY_LATER", "unknown", {"revocation_unasked"})


def test_stale_data_is_told_and_a_revocation_in_it_still_counts(judge: Verifier, site: Site) -> None:
    old = (site.crl(at=NOW - 60 * DAY).dump(), site.crl("root").dump())
    verdict, reason, shown, found = state(judge(site.sign(blank_pdf(), "listed"), crls=old))
    assert (verdict, reason, shown, found) == ("indeterminate", "TRY_LATER", "unknown", {"revocation_stale"})
    assert state(judge(site.sign(blank_pdf(), "listed"), crls=(*old, site.crl().dump())))[0] == "passed"
    ended = site.ocsp("revoked", at=NOW - 5 * DAY).dump()
    assert state(judge(site.sign(blank_pdf(), "revoked"), crls=(ended, old[1])))[3] == {"revoked_claimed"}
    assert state(judge(site.sign(blank_pdf(), "good"), crls=(site.ocsp("good", at=NOW - DAY).dump(), old[1])))[3] == {"revocation_stale"}


def test_data_of_the_future_and_of_others_is_not_believed(judge: Verifier, site: Site) -> None:
    root = site.crl("root").dump()
    future = (site.ocsp("good", at=NOW + 30 * DAY).dump(), root)
    assert state(judge(site.sign(blank_pdf(), "good"), crls=future))[3] == {"revocation_untrusted"}
    for forged in (_signed_by(site, "stranger"), _signed_by(site, "good"), _bent(site.ocsp("good"))):
        assert state(judge(site.sign(blank_pdf(), "good"), crls=(forged, root))) == (
            "indeterminate",
            "TRY_LATER",
            "unknown",
            {"revocation_untrusted"},
        )
        with_genuine = (forged, site.ocsp("good").dump(), root)
        assert state(judge(site.sign(blank_pdf(), "good"), crls=with_genuine))[0] == "passed"


def _signed_by(site: Site, name: str) -> bytes:
    """A good answer about `good`, by a responder that its issuer did not appoint."""
    from certomancer.crypto_utils import generic_sign
    from certomancer.services import choose_signed_digest

    response = asn1_ocsp.OCSPResponse.load(site.ocsp("good").dump())
    basic = response.basic_ocsp_response
    certificate = site.certificate(name)
    algorithm = choose_signed_digest("sha256", certificate.public_key)
    data = asn1_ocsp.ResponseData.load(basic["tbs_response_data"].dump())
    data["responder_id"] = asn1_ocsp.ResponderId("by_key", certificate.public_key.sha1)
    forged = asn1_ocsp.BasicOCSPResponse(
        {
            "tbs_response_data": data, "signature_algorithm": algorithm, "signature": generic_sign(site.key(name), data.dump(), algorithm),
            "certs": [certificate],
        }
    )  # fmt: skip
    inner = {"response_type": "basic_ocsp_response", "response": core.ParsableOctetString(forged.dump())}
    return bytes(asn1_ocsp.OCSPResponse({"response_status": "successful", "response_bytes": inner}).dump())


def _bent(response: asn1_ocsp.OCSPResponse) -> bytes:
    """A genuine answer with one bit of its signature turned."""
    basic = asn1_ocsp.BasicOCSPResponse.load(response.basic_ocsp_response.dump())
    value = bytearray(bytes(basic["signature"]))
    value[-1] ^= 1
    basic["signature"] = core.OctetBitString(bytes(value))
    inner = {"response_type": "basic_ocsp_response", "response": core.ParsableOctetString(basic.dump(force=True))}
    return bytes(asn1_ocsp.OCSPResponse({"response_status": "successful", "response_bytes": inner}).dump())


def test_a_forged_list_neither_revokes_nor_clears(judge: Verifier, site: Site) -> None:
    from tests.verification.conftest import issue, revocation_list

    mallory = issue("测试 ca", ca=True)
    object.__setattr__(mallory, "certificate", _with_subject_of(site, mallory))
    forged = revocation_list(mallory, {site.certificate("listed").serial_number: REVOKED})
    root = site.crl("root").dump()
    assert state(judge(site.sign(blank_pdf(), "listed"), crls=(forged, root)))[3] == {"revocation_untrusted"}
    assert state(judge(site.sign(blank_pdf(), "listed"), crls=(forged, root, site.crl().dump())))[0] == "passed"


def _with_subject_of(site: Site, other: Any) -> Any:
    from cryptography import x509

    class Named:
        subject = x509.load_der_x509_certificate(site.certificate("ca").dump()).subject

    return Named


def test_a_hold_that_was_lifted_hinders_nothing(judge: Verifier, site: Site) -> None:
    data = site.sign(blank_pdf(), "held")
    held, root = site.ocsp("held", at=NOW - 2 * DAY), site.crl("root").dump()
    free = _good_about(site, "held")
    assert state(judge(data, crls=(held.dump(), free, root)))[:3] == ("passed", None, "good")
    assert state(judge(data, crls=(held.dump(), root)))[3] == {"suspended"}


def _good_about(site: Site, name: str) -> bytes:
    """The responder says *good* of a certificate, now."""
    from certomancer.crypto_utils import generic_sign
    from certomancer.services import choose_signed_digest

    basic = asn1_ocsp.BasicOCSPResponse.load(site.ocsp(name).basic_ocsp_response.dump())
    data = asn1_ocsp.ResponseData.load(basic["tbs_response_data"].dump())
    data["responses"][0]["cert_status"] = asn1_ocsp.CertStatus("good", core.Null())
    algorithm = choose_signed_digest("sha256", site.certificate("responder").public_key)
    basic = asn1_ocsp.BasicOCSPResponse(
        {
            "tbs_response_data": data, "signature_algorithm": algorithm,
            "signature": generic_sign(site.key("responder"), data.dump(force=True), algorithm), "certs": [site.certificate("responder")],
        }
    )  # fmt: skip
    inner = {"response_type": "basic_ocsp_response", "response": core.ParsableOctetString(basic.dump())}
    return bytes(asn1_ocsp.OCSPResponse({"response_status": "successful", "response_bytes": inner}).dump())


def test_sha1_in_the_chain_is_named(judge: Verifier, site: Site) -> None:
    document = judge(site.sign(blank_pdf(), "weakly-issued", embed=("weak-ca",)))
    assert (document["reason"], codes(document)) == ("CRYPTO_CONSTRAINTS_FAILURE_NO_POE", {"algorithm_weak"})
    assert "SHA-1" in document["explanation"]["zh"]


def test_an_authority_for_servers_only_makes_no_signers(judge: Verifier, site: Site) -> None:
    document = judge(site.sign(blank_pdf(), "by-server-ca", embed=("server-ca",)))
    assert (document["verdict"], document["reason"], codes(document)) == ("indeterminate", "CERTIFICATE_CHAIN_GENERAL_FAILURE", {"chain_invalid"})
    assert judge(site.sign(blank_pdf(), "by-web-ca", embed=("web-ca",)))["verdict"] == "passed"


@pytest.mark.promise(10)
def test_fetched_where_it_is_allowed(site: Site, tmp_path: Path) -> None:
    site.asked.clear()
    names = ("good", "good", "listed", "revoked", "held")
    documents = online(site, tmp_path, [site.sign(blank_pdf(), name) for name in names])
    assert [(d["verdict"], codes(d)) for d in documents] == [
        ("passed", set()), ("passed", set()), ("passed", set()), ("indeterminate", {"revoked_claimed"}), ("indeterminate", {"suspended"}),
    ]  # fmt: skip
    assert all("wanted" not in d for d in documents)
    assert len([p for p in site.asked if p.endswith("/ocsp/ca")]) == 1, "the list that was fetched answers for the others"
    assert len([p for p in site.asked if "/crls/" in p]) == 2, "one list for all"


def test_a_silent_or_babbling_responder_gives_way_to_the_list(site: Site, tmp_path: Path) -> None:
    data = site.sign(blank_pdf(), "good")
    for answer in (lambda _: None, lambda _: b"", lambda _: b"<html>", lambda _: site.ocsp("held").dump(), lambda _: _signed_by(site, "stranger")):
        with site.saying("/ocsp/", answer):
            (document,) = online(site, tmp_path, [data])
        assert (document["verdict"], codes(document)) == ("passed", set())


def test_when_nobody_answers_it_is_said_who_was_asked(site: Site, tmp_path: Path) -> None:
    data = site.sign(blank_pdf(), "good")
    with site.saying("/ocsp/", lambda _: None), site.saying("/crls/", lambda _: None):
        (document,) = online(site, tmp_path, [data])
    assert state(document) == ("indeterminate", "TRY_LATER", "unknown", {"revocation_unanswered"})
    assert "127.0.0.1" in document["explanation"]["zh"]
    with site.saying("/ocsp/", lambda _: b"\x30\x03\x0a\x01\x06"), site.saying("/crls/ca/", lambda _: site.crl("root").dump()):
        (document,) = online(site, tmp_path, [data])
    assert state(document)[3] == {"revocation_untrusted"}
    stale = site.crl(at=NOW - 60 * DAY).dump()
    with site.saying("/ocsp/", lambda _: None), site.saying("/crls/ca/", lambda _: stale):
        (document,) = online(site, tmp_path, [data])
    assert state(document)[1] == "TRY_LATER"


def test_an_untrusted_certificate_never_makes_us_ask(site: Site, tmp_path: Path) -> None:
    from tests.verification.conftest import Pki, Signing, issue

    stranger = issue("陌生 CA", ca=True)
    signer = issue("陌生人", stranger, crl_url=f"{site.url}/spy")
    data = Signing(Pki(stranger, stranger, signer, signer), signer).sign(blank_pdf())
    site.asked.clear()
    (document,) = online(site, tmp_path, [data])
    assert document["reason"] == "NO_CERTIFICATE_CHAIN_FOUND"
    assert site.asked == []


def test_who_reads_documents_has_no_network(site: Site) -> None:
    from agent.verification.service import Checker

    async def main() -> list[str]:
        out = []
        for program in ("agent.verification.worker", "agent.verification.fetch_program"):
            child = await Checker.start(program)
            out.append(Path(f"/proc/{child.pid}/status").read_text())
            await child.close()
        return out

    worker, fetcher = asyncio.run(main())
    assert "\nSeccomp:\t2" in worker
    assert "\nSeccomp:\t2" not in fetcher or "\nSeccomp:\t2" in Path("/proc/self/status").read_text()


def test_answers_that_are_too_long_or_too_slow_are_left(site: Site) -> None:
    import threading

    release = threading.Event()

    def slow(_: bytes) -> bytes:
        release.wait(30)
        return b""

    async def main() -> list[Any]:
        fetcher = Fetcher(seconds=1.0)
        try:
            long = {"key": "a", "url": f"{site.url}/long", "host": "127.0.0.1", "body": None}
            first = await fetcher.ask([long])
            second = await fetcher.ask([{**long, "key": "b", "url": f"{site.url}/slow"}])
            third = await fetcher.ask([{**long, "key": "c"}])
            other = await fetcher.ask(
                [{**long, "key": "d", "url": "file:///etc/passwd", "host": "d"}, {**long, "key": "e", "url": "http://[", "host": "e"}]
            )
            return [first["a"], second["b"], third["c"], *other.values()]
        finally:
            release.set()
            await fetcher.close()

    with site.saying("/long", lambda _: b"x" * 7_000_000), site.saying("/slow", slow):
        answers = asyncio.run(main())
    assert [a["data"] for a in answers] == [None] * 5
    assert [a["why"] for a in answers] == ["too_large", "timeout", "silent", "unreachable", "unreachable"]
