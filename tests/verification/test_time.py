"""Time-stamps as proof of existence, and those that lie (EN 319 102-1 clauses 5.4 and 5.6)."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from asn1crypto import tsp
from pyhanko.sign.timestamps import TimeStamper

from tests.pki import DAY, EXPIRED, NOW, REVOKED, Site
from tests.verification.conftest import Verifier, blank_pdf, codes

BEFORE, AFTER = REVOKED - 2 * DAY, REVOKED + 2 * DAY
MINUTE = timedelta(minutes=1)


@pytest.fixture
def judge(tmp_path: Path, site: Site) -> Verifier:
    """Verification with the root of the site as the only anchor."""
    return Verifier(tmp_path, (site.pem(),))


@pytest.fixture(scope="session")
def crls(site: Site) -> tuple[bytes, ...]:
    """The lists of today."""
    return site.crl().dump(), site.crl("root").dump()


def stamped(site: Site, name: str, at: datetime, tsa: str = "tsa") -> bytes:
    """Signed and time-stamped at one time."""
    return site.sign(blank_pdf(), name, at=at, stamper=site.stamper(tsa, at))


def wire(moment: datetime) -> str:
    """As the contract writes a time."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def test_revoked_after_a_stamped_signing_passes_and_before_fails(judge: Verifier, site: Site, crls: tuple[bytes, ...]) -> None:
    good = judge(stamped(site, "revoked", BEFORE), crls=crls)
    (signature,) = good["signatures"]
    assert (good["verdict"], codes(good)) == ("passed", {"revoked_later"})
    assert (signature["time_source"], signature["signing_time"], signature["revocation"]) == ("timestamp", wire(BEFORE), "good")
    bad = judge(stamped(site, "revoked", AFTER), crls=crls)
    assert (bad["verdict"], bad["reason"], codes(bad)) == ("failed", "REVOKED", {"revoked"})
    claimed = judge(site.sign(blank_pdf(), "revoked", at=BEFORE), crls=crls)
    assert (claimed["verdict"], claimed["reason"], codes(claimed)) == ("indeterminate", "REVOKED_NO_POE", {"revoked_no_poe"})
    admitted = judge(site.sign(blank_pdf(), "revoked", at=AFTER), crls=crls)
    assert (admitted["verdict"], codes(admitted)) == ("indeterminate", {"revoked_claimed"})


def test_a_stamp_by_a_real_service_gives_the_time(judge: Verifier, site: Site, crls: tuple[bytes, ...]) -> None:
    (signature,) = judge(site.sign(blank_pdf(), "good", stamper=site.stamper()), crls=crls)["signatures"]
    assert (signature["verdict"], signature["time_source"], signature["level"]) == ("passed", "timestamp", "b-t")


def test_suspended_after_a_stamped_signing_passes(judge: Verifier, site: Site, crls: tuple[bytes, ...]) -> None:
    assert codes(judge(stamped(site, "held", BEFORE), crls=crls)) == {"suspended_later"}
    after = judge(stamped(site, "held", AFTER), crls=crls)
    assert (after["verdict"], after["reason"], codes(after)) == ("indeterminate", "TRY_LATER", {"suspended"})


def test_a_list_from_before_the_revocation_does_not_hide_it(judge: Verifier, site: Site, crls: tuple[bytes, ...]) -> None:
    """The document brings the list that was good when it was signed; today's says more."""
    old = site.crl(at=REVOKED - DAY)
    data = site.store(stamped(site, "revoked", AFTER), certs=("ca",), crls=[old, site.crl("root")])
    assert judge(data, crls=crls)["reason"] == "REVOKED"


def test_expired_with_a_stamp_from_before_passes(judge: Verifier, site: Site) -> None:
    at = EXPIRED - 2 * DAY
    lists = (site.crl(at=at).dump(), site.crl("root").dump())
    document = judge(stamped(site, "expired", at), crls=lists)
    assert (document["verdict"], document["signatures"][0]["level"]) == ("passed", "b-t")
    late = judge(site.sign(blank_pdf(), "expired", at=at, stamper=site.stamper("tsa", NOW)), crls=lists)
    assert (late["verdict"], late["reason"]) == ("indeterminate", "OUT_OF_BOUNDS_NO_POE")
    # A list made after the end need not name what was revoked before: it says nothing good.
    assert codes(judge(stamped(site, "expired", at), crls=(site.crl(at=NOW + 3 * DAY).dump(), lists[1]), at=NOW + 4 * DAY)) & {
        "revocation_stale", "revocation_untrusted",
    }  # fmt: skip


LYING = [
    ("tsa-server", AFTER, {"timestamp_purpose"}),
    ("tsa-mixed", AFTER, {"timestamp_purpose"}),
    ("tsa-stranger", AFTER, {"timestamp_untrusted"}),
    ("tsa-young", NOW - 40 * DAY, {"timestamp_outside"}),
    ("tsa-expired", NOW - DAY, {"timestamp_outside", "expired"}),
    ("tsa-expired", AFTER, {"expired"}),
    ("tsa-stolen", BEFORE, {"revoked_no_poe"}),
    ("tsa-retired", AFTER, {"revoked_no_poe"}),
    ("tsa", NOW + 3 * DAY, {"timestamp_future"}),
]


@pytest.mark.parametrize(("tsa", "at", "due"), LYING, ids=[f"{n}-{(a - NOW).days}" for n, a, _ in LYING])
def test_a_stamp_that_cannot_be_true_proves_nothing(
    judge: Verifier, site: Site, crls: tuple[bytes, ...], tsa: str, at: datetime, due: set[str]
) -> None:
    document = judge(
        stamped(site, "good", min(at, NOW), tsa) if at <= NOW else site.sign(blank_pdf(), "good", stamper=site.stamper(tsa, at)), crls=crls
    )
    (signature,) = document["signatures"]
    assert (document["verdict"], codes(document), signature["time_source"]) == ("indeterminate", due, "claimed")


def test_stamps_of_a_service_that_retired_later_stay_good(judge: Verifier, site: Site, crls: tuple[bytes, ...]) -> None:
    assert judge(stamped(site, "good", BEFORE, "tsa-retired"), crls=crls)["verdict"] == "passed"


class _Other(TimeStamper):
    """Stamps something else than it was asked for."""

    def __init__(self, inner: TimeStamper) -> None:
        super().__init__()
        self._inner = inner

    async def async_request_tsa_response(self, req: tsp.TimeStampReq) -> tsp.TimeStampResp:
        req["message_imprint"]["hashed_message"] = bytes(32)
        return await self._inner.async_request_tsa_response(req)


def test_a_stamp_over_something_else_proves_nothing(judge: Verifier, site: Site, crls: tuple[bytes, ...]) -> None:
    document = judge(site.sign(blank_pdf(), "good", at=BEFORE, stamper=_Other(site.stamper("tsa", BEFORE))), crls=crls)
    assert (document["verdict"], codes(document)) == ("indeterminate", {"timestamp_invalid"})


def test_a_back_dated_stamp_contradicts_the_claimed_time(judge: Verifier, site: Site, crls: tuple[bytes, ...]) -> None:
    document = judge(site.sign(blank_pdf(), "revoked", at=AFTER, stamper=site.stamper("tsa", BEFORE)), crls=crls)
    assert document["verdict"] == "indeterminate"
    assert "timestamp_early" in codes(document)


def test_a_document_time_stamp_proves_what_it_covers(judge: Verifier, site: Site, crls: tuple[bytes, ...]) -> None:
    signed = site.sign(blank_pdf(), "revoked", at=BEFORE)
    signature, stamp = judge(site.stamp(signed, at=BEFORE + MINUTE), crls=crls)["signatures"]
    assert (signature["verdict"], signature["time_source"], signature["level"]) == ("passed", "timestamp", "b-t")
    assert (signature["signing_time"], stamp["verdict"], stamp["kind"]) == (wire(BEFORE + MINUTE), "passed", "timestamp")
    after = judge(site.stamp(signed, at=AFTER), crls=crls)
    assert after["reason"] == "REVOKED"
    untrusted = judge(site.stamp(signed, "tsa-stranger", BEFORE + MINUTE), crls=crls)
    assert untrusted["verdict"] == "indeterminate"
    assert untrusted["signatures"][0]["time_source"] == "claimed"


def test_a_stamp_made_before_the_signature_proves_nothing_for_it(judge: Verifier, site: Site, crls: tuple[bytes, ...]) -> None:
    data = site.sign(site.stamp(blank_pdf(), at=BEFORE), "revoked", at=BEFORE)
    verdicts = {s["kind"]: (s["verdict"], s["reason"]) for s in judge(data, crls=crls)["signatures"]}
    assert verdicts["signature"] == ("indeterminate", "REVOKED_NO_POE")


def test_a_later_stamp_keeps_an_earlier_one_alive(judge: Verifier, site: Site, crls: tuple[bytes, ...]) -> None:
    for tsa, at in (("tsa-expired", AFTER), ("tsa-stolen", BEFORE)):
        first = stamped(site, "good", at, tsa)
        assert judge(first, crls=crls)["verdict"] == "indeterminate"
        document = judge(site.stamp(first, at=at + MINUTE), crls=crls)
        assert document["verdict"] == "passed", document["explanation"]
        assert document["signatures"][0]["signing_time"] == wire(at)
    swapped = judge(site.stamp(stamped(site, "good", NOW - DAY), at=NOW - 2 * DAY), crls=crls)
    assert {"timestamp_order"} <= codes(swapped)
    assert swapped["reason"] == "TIMESTAMP_ORDER_FAILURE"


def test_levels_say_what_is_there(judge: Verifier, site: Site) -> None:
    at = EXPIRED - 3 * DAY
    data = stamped(site, "expired", at)
    stored = site.store(data, certs=("ca",), crls=[site.crl("root")], ocsps=[site.ocsp("expired", at + MINUTE)])
    levels: list[Any] = [judge(each)["signatures"][0]["level"] for each in (site.sign(blank_pdf(), "good"), data, stored, site.stamp(stored))]
    assert levels == ["b-b", "b-t", "b-lt", "b-lta"]
    assert judge(site.stamp(stored))["verdict"] == "passed"
    assert judge(stored)["verdict"] == "passed", "what the document brings is all that is needed"
