"""Time-stamps as proof of existence, and those that lie (EN 319 102-1 clauses 5.4 and 5.6)."""

from typing import Any

import pytest

from tests.pki import DAY, EXPIRED, NOW, REVOKED, Site
from tests.verification.conftest import Verifier, blank_pdf, codes

BEFORE, AFTER = REVOKED - 2 * DAY, REVOKED + 2 * DAY


@pytest.fixture
def judge(tmp_path: Any, site: Site) -> Verifier:
    """Verification with the root of the site as the only anchor."""
    return Verifier(tmp_path, (site.pem(),))


def stamped(site: Site, name: str, at: Any, tsa: str = "tsa") -> bytes:
    """Signed and time-stamped at one time."""
    return site.sign(blank_pdf(), name, at=at, stamper=site.stamper(tsa, at))


def test_revoked_after_a_stamped_signing_passes_and_before_fails(judge: Verifier, site: Site) -> None:
    crl = (site.crl().dump(), site.crl("root").dump())
    good = judge(stamped(site, "revoked", BEFORE), crls=crl)
    assert (good["verdict"], codes(good)) == ("passed", {"revoked_later"})
    assert good["signatures"][0]["time_source"] == "timestamp"
    assert good["signatures"][0]["signing_time"] == BEFORE.strftime("%Y-%m-%dT%H:%M:%SZ")
    bad = judge(stamped(site, "revoked", AFTER), crls=crl)
    assert (bad["verdict"], bad["reason"], codes(bad)) == ("failed", "REVOKED", {"revoked"})
    claimed = judge(site.sign(blank_pdf(), "revoked", at=BEFORE), crls=crl)
    assert (claimed["verdict"], claimed["reason"], codes(claimed)) == ("indeterminate", "REVOKED_NO_POE", {"revoked_no_poe"})
    admitted = judge(site.sign(blank_pdf(), "revoked", at=AFTER), crls=crl)
    assert (admitted["verdict"], codes(admitted)) == ("indeterminate", {"revoked_claimed"})
